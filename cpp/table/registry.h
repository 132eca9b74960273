// Every table of the process, for what concerns all of them: a fork, and counting what is alive.

#ifndef PARTITA_TABLE_REGISTRY_H_
#define PARTITA_TABLE_REGISTRY_H_

#include <atomic>
#include <cstdint>

namespace partita {

// What the list of all tables knows of one. A table holds it as its last member, of a final class that registers in its
// constructor and unregisters in its destructor: so the list never meets a table that is half made or half gone. Lock
// order: the list, then partitions by number; no call ever holds locks of two tables, the fork handler excepted, which
// holds the list first.
class RegisteredTable {
 public:
  // All partition locks are taken before a fork, by the forking thread, and let go in both processes: so the child
  // finds every table between two calls.
  virtual void LockForFork() = 0;
  virtual void UnlockAfterFork() = 0;  // in the parent
  virtual void ResetAfterFork() = 0;   // in the child
  virtual uint64_t RowsNow() const = 0;

 protected:
  RegisteredTable() = default;
  ~RegisteredTable() = default;
  void Register();
  void Unregister();
  RegisteredTable(const RegisteredTable&) = delete;
  RegisteredTable& operator=(const RegisteredTable&) = delete;

 private:
  friend struct TableList;
  RegisteredTable* previous_ = nullptr;
  RegisteredTable* next_ = nullptr;
};

extern std::atomic<int64_t> g_live_snapshots;
extern std::atomic<int64_t> g_live_walks;

}  // namespace partita

#endif  // PARTITA_TABLE_REGISTRY_H_
