// A range of the keys of an ordered_set: a lock and what it guards. Which keys it has is told by the table's routes
// (routes.h); boundaries move, and then `version` changes.

#ifndef PARTITA_TABLE_KEY_RANGE_H_
#define PARTITA_TABLE_KEY_RANGE_H_

#include <atomic>
#include <cstdint>

#include "table/ordered_index.h"
#include "table/shard.h"

namespace partita {

struct alignas(64) KeyRange final : Shard {
  explicit KeyRange(uint32_t keypos) : index(&rows, keypos) {}
  ~KeyRange() override ABSL_NO_THREAD_SAFETY_ANALYSIS { index.Clear(); }

  OrderedIndex index ABSL_GUARDED_BY(lock);
  uint32_t version ABSL_GUARDED_BY(lock) = 0;
  std::atomic<bool> grows_at_end{false};  // OrderedIndex::grows_at_end() when last looked at

  // --- Under the lock. What may fail throws std::bad_alloc and changes nothing then.
  // A new row whose key belongs at `at`; kOk or kTooManyRows. Does not count it.
  Outcome PutRow(const RowView& row, OrderedIndex::Position at, const SortKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  Outcome AddRow(const RowView& row, OrderedIndex::Position at, const SortKey& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
    const Outcome outcome = PutRow(row, at, key);
    if (outcome == Outcome::kOk) AddRows(1);
    return outcome;
  }
  // A row whose key the index does not lead to yet; kNoSlot: out of slots.
  Slot PutLooseRow(absl::Span<const Value> values) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  void RemoveRow(OrderedIndex::Position at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // Takes back what PutRow() did while the lock was held. Does not fail.
  void UnputRow(OrderedIndex::Position at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  void RemoveAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  uint64_t Bytes() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) { return rows.bytes() + index.bytes(); }
  Status CheckInvariants() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
};

}  // namespace partita

#endif  // PARTITA_TABLE_KEY_RANGE_H_
