// What a partition of a bag or duplicate_bag knows beside its rows: its keys, and the rows of each key as a chain in
// the order they came in.
//
//   index: hash -> key number     keys: number -> {first, last, rows}     links: slot -> {previous, next}
//
// A key has a number from its first row to its last, a slot in a store of its own: so walks from key to key have a
// place to go on from although rows come and go, and a snapshot finds keys as it finds rows, by today's index
// (partition.h). Rows keep their slots too. A row is added at the end of its chain and taken out of the middle in
// constant time. A slot that is used again may lie before those of older rows of its key; such a chain is counted as
// one that does not ascend, and readers of a snapshot then go from key to key instead of from slot to slot.
//
// Where a key has many rows, a set of their hashes (row_hashes.h) leads to equal ones. It is a help and no part of the
// truth: where memory for it is short the chain is searched, so that no write fails for its sake.
//
// Guarded by the partition's lock. Writing is in two steps, as in row_store.h: what may throw std::bad_alloc comes
// first and changes nothing.

#ifndef PARTITA_TABLE_BAG_CHAINS_H_
#define PARTITA_TABLE_BAG_CHAINS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "base/prefetch.h"
#include "base/status.h"
#include "column/row_store.h"
#include "table/hash_index.h"
#include "table/row_hashes.h"
#include "table/row_match.h"
#include "table/table.h"

namespace partita {

using Slots = absl::InlinedVector<Slot, 16>;

// The rows of one key.
struct Chain {
  static constexpr uint32_t kNoHashes = 0x7FFFFFFF;

  Slot first = kNoSlot;
  Slot last = kNoSlot;
  uint32_t rows = 0;
  uint32_t hashes = kNoHashes;  // number of its set
  bool ascends = true;          // in slots
};

// Of the key at a slot of BagChains::keys() or of a snapshot of it.
Chain ReadChain(const Chunk& chunk, uint32_t place);

class BagChains {
 public:
  // `rows` are those of the partition.
  BagChains(RowStore* rows, uint32_t keypos, uint64_t seed) : rows_(rows), keypos_(keypos), seed_(seed) {
    keys_.GiveGarbageTo(rows);
  }
  ~BagChains() { RemoveAll(); }
  BagChains(const BagChains&) = delete;
  BagChains& operator=(const BagChains&) = delete;

  // --- Reading.
  RowStore& keys() { return keys_; }
  const RowStore& keys() const { return keys_; }
  Chain chain(Slot key) const { return ReadChain(keys_.chunk_of(key), key & kChunkMask); }
  bool all_ascend() const { return descending_ == 0; }
  // The number of the key, or kNoSlot.
  Slot FindKey(const HashIndex& index, uint64_t hash, const Value& key) const;
  void PrefetchKey(const HashIndex& index, uint64_t hash) const;
  // A row of the key that is exactly equal to `row`, or kNoSlot; all of them.
  Slot FindRow(Slot key, const RowView& row) const;
  void FindRows(Slot key, const RowView& row, Slots* found) const;
  // Calls fn(slot) for the rows of a key, in the order they came in or the other way round.
  template <typename Fn>
  void ForEachRow(Slot key, Direction direction, Fn&& fn) const;

  // --- Adding rows.
  struct Addition {
    Slot key = kNoSlot;
    Slot row = kNoSlot;
    bool new_key = false;
    bool in_place = false;  // the values are stored already
    PendingRefs refs;
  };
  // Of addition->key: claimed for this row, claimed for a row before it that is not stored yet, or there.
  enum class KeyIs : uint8_t { kNew, kPending, kStored };
  // False: there are no more slots for rows.
  bool PrepareAdd(const RowView& row, KeyIs key_is, Addition* addition);
  // Additions that are not to be stored are abandoned, the last one first; also one whose preparation failed on the
  // way. A new key is unclaimed.
  void AbandonAdd(const Addition& addition);
  // In the order of their preparation.
  void StoreAdd(const RowView& row, const Addition& addition);
  // After the last addition to a key: gives it a set of hashes if it has come to need one.
  void TidyHashes(Slot key);

  // --- Removing rows.
  // Some rows of a key, not all.
  void PrepareRemove(Slot key, absl::Span<const Slot> rows);
  void StoreRemove(Slot key, absl::Span<const Slot> rows);
  // A key and all its rows.
  void PrepareRemoveKey(Slot key);
  void StoreRemoveKey(Slot key);
  void RemoveAll();

  // Memory of its own; that of rows and index is the partition's.
  uint64_t bytes() const;
  Status CheckInvariants(const HashIndex& index) const;

 private:
  static constexpr uint32_t kMostWithoutHashes = 32;
  static constexpr uint32_t kFewestWithHashes = 16;

  // The next row of a chain is somewhere else altogether.
  void PrefetchChained(Slot slot) const {
    if (slot == kNoSlot) return;
    const Chunk& chunk = rows_->chunk_of(slot);
    Prefetch(chunk.links + (slot & kChunkMask));
    PrefetchRow(chunk, slot & kChunkMask);
  }
  bool RowIsAt(Slot slot, const RowView& row) const;
  void StoreChain(Slot key, const Chain& chain);
  void AddHash(Chain* chain, uint64_t hash, Slot slot);
  void DropHashes(Chain* chain);

  RowStore* const rows_;
  const uint32_t keypos_;
  const uint64_t seed_;
  RowStore keys_;
  uint64_t descending_ = 0;  // keys whose chains do not ascend
  std::vector<std::unique_ptr<RowHashes>> hashes_;
  std::vector<uint32_t> free_hashes_;  // numbers of none; has room for all
  uint64_t hash_bytes_ = 0;
};

template <typename Fn>
void BagChains::ForEachRow(Slot key, Direction direction, Fn&& fn) const {
  const Chain chain = this->chain(key);
  const bool forward = direction == Direction::kForward;
  for (Slot slot = forward ? chain.first : chain.last; slot != kNoSlot;) {
    const Link link = rows_->link(slot);
    const Slot next = forward ? link.next : link.prev;
    PrefetchChained(next);
    fn(slot);
    slot = next;
  }
}

}  // namespace partita

#endif  // PARTITA_TABLE_BAG_CHAINS_H_
