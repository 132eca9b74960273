// A part of a table with a lock of its own: rows, their count, and the lock. What a partition of a hash table
// (partition.h) and a range of keys (key_range.h) have in common; each adds the index that leads to the rows.

#ifndef PARTITA_TABLE_SHARD_H_
#define PARTITA_TABLE_SHARD_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/types/span.h"
#include "base/lock.h"
#include "base/sync_point.h"
#include "column/row_store.h"
#include "table/row_buffer.h"
#include "table/table.h"

namespace partita {

struct Shard {
  mutable WordLock lock;
  std::atomic<uint64_t> row_count{0};  // written under the lock; released for ShardedTable::Size
  RowStore rows ABSL_GUARDED_BY(lock);

  Shard() = default;
  virtual ~Shard() = default;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  void AddRows(int64_t added) {
    row_count.store(row_count.load(std::memory_order_relaxed) + static_cast<uint64_t>(added),
                    std::memory_order_release);
    SyncPoint();
  }

  // --- Under the lock.
  // Throws std::bad_alloc and changes nothing then. `values` may point into the row itself.
  void ReplaceRow(Slot slot, absl::Span<const Value> values) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  bool RowEquals(Slot slot, const RowView& row) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // Appends the row to `out`. Throws std::bad_alloc.
  void CopyRow(Slot slot, RowBuffer* out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // After rows were copied of which `out` has but the address of some bytes (CopyRowOut). The pin is of this thread: in
  // a fork's child it ends unless this is the one that forks. Throws std::bad_alloc.
  void PinLongValues(RowBuffer* out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  virtual void ReapPins() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) { rows.ReapPins(); }
  // Memory it holds, apart from itself.
  virtual uint64_t Bytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) = 0;
  // Those of it that only pins still see.
  virtual uint64_t RetiredBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) { return rows.retired_bytes(); }

 protected:
  // Puts a row in a slot just claimed. Throws std::bad_alloc; then the slot is free again.
  void StoreNewRow(Slot slot, absl::Span<const Value> values) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
};

// What becomes of values above RowBuffer::kMaxCopiedValue when rows are copied out: pins keep them as long as the
// thread works on the rows, which is not long.
enum class LongValues : uint8_t { kPinned, kCopied };

// Copies a row of a chunk that does not change meanwhile. Values above RowBuffer::kMaxCopiedValue are added as they are
// when `long_values` is given, and *long_values set: the caller must pin what they point to.
void CopyRowOut(const Chunk& chunk, uint32_t place, RowBuffer* out, bool* long_values);

// Holds a shard's lock, if it got it. What writing under it threw away is freed after the lock is released.
class ABSL_SCOPED_LOCKABLE Locked {
 public:
  Locked(Shard* shard, Wait wait) ABSL_EXCLUSIVE_LOCK_FUNCTION(shard->lock) : shard_(shard) {
    if (wait == Wait::kBlock) {
      shard->lock.Lock();
    } else if (ABSL_PREDICT_FALSE(!shard->lock.TryLock())) {
      shard_ = nullptr;
    }
  }
  ~Locked() ABSL_UNLOCK_FUNCTION() {
    if (shard_ == nullptr) return;
    Block* garbage = shard_->rows.TakeGarbage();
    shard_->lock.Unlock();
    if (ABSL_PREDICT_FALSE(garbage != nullptr)) FreeBlockChain(garbage);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

  bool got() const { return shard_ != nullptr; }

 private:
  Shard* shard_;
};

// Holds the locks of several shards of a table, taken in the order of their numbers; all or none.
class LockedMany {
 public:
  LockedMany() = default;
  ~LockedMany();
  LockedMany(const LockedMany&) = delete;
  LockedMany& operator=(const LockedMany&) = delete;

  // `shards` distinct and ascending; must outlive this. False: one was held, and none is held now.
  bool Take(absl::Span<Shard* const> shards, Wait wait) ABSL_NO_THREAD_SAFETY_ANALYSIS;

 private:
  void Release(size_t count) ABSL_NO_THREAD_SAFETY_ANALYSIS;

  absl::Span<Shard* const> shards_;
};

}  // namespace partita

#endif  // PARTITA_TABLE_SHARD_H_
