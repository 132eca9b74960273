// A partition of a hash table: a lock and what it guards. Keys are spread over partitions by the high half of their
// hash; the low half is what the index keeps. The index leads to the number of a key: in a set the slot of its row, in
// bags a slot of BagChains::keys().
//
// Keyed reads on a snapshot use the live index, which has moved on since. A key keeps its slot while it lives, so the
// index finds all that were not erased; the slots of those that were are remembered in `erased` as long as a pin lives
// that can see the row, and whole indexes that a clear() threw away in `old_indexes`.

#ifndef PARTITA_TABLE_PARTITION_H_
#define PARTITA_TABLE_PARTITION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "column/row_store.h"
#include "table/bag_chains.h"
#include "table/fixed_keys.h"
#include "table/hash_index.h"
#include "table/row_buffer.h"
#include "table/row_match.h"
#include "table/shard.h"
#include "table/sweep.h"
#include "table/table.h"

namespace partita {

class StepRecord;

inline uint32_t IndexHash(uint64_t hash) { return static_cast<uint32_t>(hash); }

struct alignas(64) Partition final : Shard {
  struct OldIndex {
    HashIndex index;
    uint64_t retired_at;
  };

  struct ErasedSlot {
    Slot slot;       // of a row in a set, of a key in bags
    uint64_t epoch;  // pins from this one on do not see it
  };

  HashIndex index ABSL_GUARDED_BY(lock);
  std::unique_ptr<BagChains> chains ABSL_GUARDED_BY(lock);  // null in a set
  // Not a btree of abseil's: that one is broken once it could get no memory.
  std::map<uint32_t, absl::InlinedVector<ErasedSlot, 1>> erased ABSL_GUARDED_BY(lock);
  std::vector<OldIndex> old_indexes ABSL_GUARDED_BY(lock);
  uint64_t oldest_pin ABSL_GUARDED_BY(lock) = 0;           // when the last two were last looked through
  std::unique_ptr<FixedKeys> fixed ABSL_GUARDED_BY(lock);  // null: the table is not fixed

  // --- Under the lock.
  Slot Find(uint64_t hash, const Value& key, uint32_t keypos) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // The same for a call that reads one element of the row, or none beside the key: asks memory for no other columns.
  Slot FindElement(uint64_t hash, const Value& key, uint32_t keypos, uint32_t position) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // Asks for the columns of the row that is most likely the one of this hash.
  void PrefetchRowOf(uint64_t hash) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // A new row of a key that is not there; kOk or kTooManyRows. Throws std::bad_alloc and changes nothing then.
  Outcome AddRow(const RowView& row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  void RemoveRow(Slot slot, uint64_t hash) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // In bags: a key with all its rows, which are counted; or some of its rows, maybe all. Both throw std::bad_alloc and
  // change nothing then.
  uint64_t RemoveKey(Slot key, uint64_t hash) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  void RemoveRowsOf(Slot key, uint64_t hash, absl::Span<const Slot> slots) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // Before a key's number is let go: what a snapshot needs to find it. Throws std::bad_alloc.
  void NoteErased(Slot key, uint64_t hash) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);

  // --- Keys, in any type of hash table, under the lock. A key has a number from its first row to its last: the live
  // slots of this store. A walk from number to number meets each key that stays exactly once.
  const RowStore& keys() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) { return chains == nullptr ? rows : chains->keys(); }
  RowStore& keys() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) { return chains == nullptr ? rows : chains->keys(); }
  // The number of the key, or kNoSlot.
  Slot FindKey(uint64_t hash, const Value& key, uint32_t keypos) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
    return chains == nullptr ? Find(hash, key, keypos) : chains->FindKey(index, hash, key);
  }
  // The row of a key, or the first of them.
  Slot FirstRow(Slot key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock) {
    return chains == nullptr ? key : chains->chain(key).first;
  }
  // Appends the key as a row of one value, or all rows of the key in the order they came in, or the other way round.
  // Both throw std::bad_alloc.
  void CopyKey(Slot key, uint32_t keypos, RowBuffer* out) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  void CopyRowsOf(Slot key, Direction direction, LongValues long_values, RowBuffer* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // Has the rows of a key judged, and does as the judge says, with a record of it unless that is null; adds their
  // number to *count. Anything but kOk is what StepRecord::Reserve came to. Throws std::bad_alloc.
  Outcome JudgeRowsOf(Slot key, const TableOptions& options, RowJudge* judge, StepRecord* record, uint64_t* count)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);

  // --- While the table is fixed a key keeps its number also when it goes and comes back (fixed_keys.h). What may fail
  // throws std::bad_alloc.

  // The number for a key that is not there, as RowStore::ClaimSlot gives it, or the one that the key had before.
  Slot ClaimKey(uint64_t hash, const Value& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // Before the last row of a key goes.
  void NoteKeyErased(Slot key, uint64_t hash) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // The number of a key that was erased since the table was fixed, kNoSlot if it went with all others; false: none was.
  bool FindErasedKey(uint64_t hash, const Value& key, Slot* number) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);

  void ReapPins() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  // Empties the partition, which cannot fail after PrepareRemoveAll(). Returns an index to be deleted without the lock.
  // With `drop` for ever, so that nothing is remembered.
  void PrepareRemoveAll(bool drop) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  HashIndex RemoveAll(bool drop) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  uint64_t Bytes() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  uint64_t RetiredBytes() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
  Status CheckInvariants(uint64_t seed, uint32_t keypos) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock);
};

// Chunk pointers of a partition at one moment that is pinned, with which keys of then are found by their numbers.
struct PinnedKeys {
  absl::Span<const Chunk* const> rows;
  absl::Span<const Chunk* const> keys;  // in bags: of BagChains::keys()
  bool chained;                         // in bags

  // The row of a key, or the first of them.
  Slot FirstRow(Slot key) const { return chained ? ReadChain(*keys[key >> kChunkShift], key & kChunkMask).first : key; }
  // Whether there was a key of this number, and this is it.
  bool Has(Slot number, const Value& key, uint32_t keypos) const;
};

}  // namespace partita

#endif  // PARTITA_TABLE_PARTITION_H_
