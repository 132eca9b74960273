// Which range a key belongs to: an immutable array of boundaries behind an atomic pointer.
//
// A reader takes no lock, so what it learns may be past when it has locked the range: it then compares the version that
// came with the route with the range's own, which changes under the range's lock whenever a boundary of it does, and
// asks again if they differ. An array that was replaced is freed once nobody can be reading it: readers announce
// themselves in counters, of which every thread has one that few others share.

#ifndef PARTITA_TABLE_ROUTES_H_
#define PARTITA_TABLE_ROUTES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "table/owned_key.h"

namespace partita {

struct Route {
  uint32_t range = 0;
  uint32_t version = 0;

  friend bool operator==(const Route&, const Route&) = default;
};

struct RouteTable {
  struct Entry {
    std::shared_ptr<const OwnedKey> lower;  // the least key that belongs there; null for the first: any
    Route route;
  };
  std::vector<Entry> entries;  // in the order of keys, at least one

  // The entry to which a key belongs, or with `before` the keys just before it.
  size_t Find(const Probe& key, bool before = false) const;
};

class Routes {
 public:
  // All keys belong to range 0 in version 0. Throws std::bad_alloc.
  Routes();
  ~Routes();
  Routes(const Routes&) = delete;
  Routes& operator=(const Routes&) = delete;

  // read(table), while the table is sure to stay; read must not wait for anything.
  template <typename ReadTable>
  auto Read(ReadTable&& read) const {
    const Reading reading;
    return read(*current_.load(std::memory_order_seq_cst));
  }

  Route Of(const Probe& key) const {
    if (!divided_.load(std::memory_order_relaxed)) return Route{};
    return Read([&key](const RouteTable& table) { return table.entries[table.Find(key)].route; });
  }

  // For those who hold what keeps boundaries as they are: all locks, or that of moving them.
  const RouteTable& current() const { return *current_.load(std::memory_order_acquire); }
  // Makes room for one more Publish(). Throws std::bad_alloc.
  void Reserve();
  void Publish(std::unique_ptr<const RouteTable> table);

  static void ResetAfterFork();

 private:
  class Reading {
   public:
    Reading();
    ~Reading();
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    std::atomic<uint32_t>* const counter_;
  };

  std::atomic<bool> divided_{false};  // once for all: there has been a second range
  std::atomic<const RouteTable*> current_;
  std::vector<std::unique_ptr<const RouteTable>> retired_;
};

}  // namespace partita

#endif  // PARTITA_TABLE_ROUTES_H_
