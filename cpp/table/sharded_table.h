// What all types of table share: shards with a lock each, whole-table calls over them, the bookkeeping of snapshots and
// of the process's list of tables.

#ifndef PARTITA_TABLE_SHARDED_TABLE_H_
#define PARTITA_TABLE_SHARDED_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/sync_point.h"
#include "table/registry.h"
#include "table/shard.h"
#include "table/table.h"

namespace partita {

class ShardedSnapshot;
class StepRecord;

class ShardedTable : public Table {
 public:
  Outcome Clear(Wait wait) override;
  Outcome Drop(Wait wait) override;
  Outcome Size(Wait wait, uint64_t* rows) override;
  using Table::TakeSnapshot;
  Outcome TakeSnapshot(Wait wait, ColumnSet columns, std::shared_ptr<Snapshot>* out) override {
    return TakeMoment(columns, [] {}, wait, out);
  }
  Outcome TakeSnapshotAnd(absl::FunctionRef<void()> also, Wait wait, std::shared_ptr<Snapshot>* out) override {
    return TakeMoment(kAllColumns, also, wait, out);
  }
  Outcome Stats(Wait wait, TableStats* out) override ABSL_NO_THREAD_SAFETY_ANALYSIS;

 protected:
  friend class ShardedSnapshot;

  // `own_bytes`: of the table object and its shards, for Stats().
  ShardedTable(const TableOptions& options, size_t own_bytes) : Table(options), own_bytes_(own_bytes) {}

  // Brackets what a call stores under several locks, so that Size() does not count a part of it.
  class ListStep {
   public:
    explicit ListStep(ShardedTable* table) : table_(table) {
      table_->list_steps_begun_.fetch_add(1);
      SyncPoint();
    }
    ~ListStep() {
      SyncPoint();
      table_->list_steps_done_.fetch_add(1);
    }

   private:
    ShardedTable* table_;
  };

  // One that is not taken yet. Throws std::bad_alloc.
  virtual std::shared_ptr<ShardedSnapshot> NewSnapshot() = 0;
  // Empties all shards at once and, with `drop`, ends the table. `record` may be null. Throws std::bad_alloc and
  // changes nothing then.
  virtual Outcome RemoveAll(Wait wait, bool drop, StepRecord* record) = 0;
  // Under all locks, before the rows go: as StepRecord::Reserve.
  Outcome ReserveClear(StepRecord* record) const;
  // Under all locks: from here on walks that began before end, and with `drop` all calls.
  void BeginRemoveAll(bool drop);

  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  std::vector<Shard*> shards_;  // by number; constant once the derived class has filled it in its constructor
  uint64_t fixes_ = 0;          // that were not ended; changed under all locks, read under any

  // The last member of a derived class: see registry.h.
  class Registration final : public RegisteredTable {
   public:
    explicit Registration(ShardedTable* table) : table_(table) { Register(); }
    ~Registration() { Unregister(); }

    void LockForFork() override ABSL_NO_THREAD_SAFETY_ANALYSIS;
    void UnlockAfterFork() override ABSL_NO_THREAD_SAFETY_ANALYSIS;
    void ResetAfterFork() override ABSL_NO_THREAD_SAFETY_ANALYSIS;
    uint64_t RowsNow() const override;

   private:
    ShardedTable* const table_;
  };

 private:
  Outcome TakeMoment(ColumnSet columns, absl::FunctionRef<void()> also, Wait wait,
                     std::shared_ptr<Snapshot>* out) ABSL_NO_THREAD_SAFETY_ANALYSIS;

  // Locks of a derived class that come before those of the shards, for a fork.
  virtual void LockOwnForFork() {}
  virtual void UnlockOwnAfterFork() {}
  virtual void ResetOwnAfterFork() {}

  const size_t own_bytes_;
  std::atomic<uint64_t> list_steps_begun_{0};
  std::atomic<uint64_t> list_steps_done_{0};
  std::atomic<uint64_t> live_snapshots_{0};
  std::atomic<uint64_t> generation_{0};  // changed under all locks when all rows go at once
};

}  // namespace partita

#endif  // PARTITA_TABLE_SHARDED_TABLE_H_
