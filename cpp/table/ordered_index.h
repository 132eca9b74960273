// From a key to the slot of its row, in the order of keys: what a range of an ordered_set looks keys up in.
//
// Not thread-safe (the range's lock guards it). A sorted list of leaves (leaf.h), and above it one array: for every
// leaf a fence, sixteen bytes of a sort key between the last key of the leaf before and the leaf's own first one.
// Fences that are equal are settled by the first keys of their leaves.
//
//   fences  [ 0 | 03.. | 07.. | 07.. | ... ]     after the bytes that all keys have in common
//   leaves  [ . | .    | .    | .    | ... ]  ->  512 x {eight bytes, slot}
//
// Leaves are blocks of the row store and follow its rule I3: a leaf that a pin can see is not written but copied. So a
// snapshot keeps the index of its moment by keeping the pointers to its leaves. Keys are read from the store's chunks.
// A full leaf is cut in halves, but at either end of the index a new one is begun, so that keys that come in their
// order fill leaves to the brim; leaves below a quarter are joined with a neighbour.
//
// The bytes in common shrink when a key comes that has not all of them, and are found anew, from the keys themselves,
// when a leaf is grown or cut whose entries are no longer told apart.

#ifndef PARTITA_TABLE_ORDERED_INDEX_H_
#define PARTITA_TABLE_ORDERED_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "column/row_store.h"
#include "table/leaf.h"
#include "table/row_match.h"

namespace partita {

class OrderedIndex {
 public:
  // An entry; at the end `leaf` is the number of leaves and `entry` 0.
  struct Position {
    uint32_t leaf = 0;
    uint32_t entry = 0;

    friend bool operator==(const Position&, const Position&) = default;
  };

  // `rows` outlives the index.
  OrderedIndex(RowStore* rows, uint32_t keypos) : rows_(rows), keypos_(keypos) {}
  ~OrderedIndex() = default;  // the leaves are gone by then: Clear()
  OrderedIndex(const OrderedIndex&) = delete;
  OrderedIndex& operator=(const OrderedIndex&) = delete;

  // --- Reading.
  absl::Span<Leaf* const> leaves() const { return leaves_; }
  absl::Span<const uint16_t> leaf_counts() const { return counts_; }
  // Memory beside the leaves, which are counted by the store.
  size_t bytes() const {
    return leaves_.capacity() * sizeof(Leaf*) + fences_.capacity() * sizeof(Fence) +
           counts_.capacity() * sizeof(uint16_t);
  }

  // The first entry whose key is not less than the probe, *equal: it is the probe's. It is one past the end of a leaf
  // where the key is to be inserted there; Normalized() leads on to the next leaf.
  Position Find(const Probe& probe, bool* equal) const;
  // Find() for at most kGroup keys, whose cache misses are waited for together; found[i] is *equal of probes[i].
  static constexpr size_t kGroup = 8;
  void FindGroup(absl::Span<const Probe> probes, Position* at, bool* found) const;
  Position Normalized(Position at) const {
    if (at.leaf < leaves_.size() && at.entry == leaves_[at.leaf]->count) return Position{at.leaf + 1, 0};
    return at;
  }
  Position begin() const { return Position{}; }
  Position end() const { return Position{static_cast<uint32_t>(leaves_.size()), 0}; }
  bool AtEnd(Position at) const { return at.leaf == leaves_.size(); }
  Position Next(Position at) const { return Normalized(Position{at.leaf, at.entry + 1}); }
  // The entry before one that is not the first.
  Position Before(Position at) const {
    if (at.entry > 0) return Position{at.leaf, at.entry - 1};
    return Position{at.leaf - 1, static_cast<uint32_t>(leaves_[at.leaf - 1]->count) - 1};
  }
  Slot SlotAt(Position at) const { return leaves_[at.leaf]->slots()[at.entry]; }
  // The entry with `number` entries before it; the end if there are not so many.
  Position At(uint64_t number) const;

  // Whether the last leaf to be added was begun for a key beyond all others.
  bool grows_at_end() const { return grows_at_end_; }

  // --- Writing.
  // Enters a slot where Find() said its key belongs, with nothing changed since. Throws std::bad_alloc and has changed
  // no entry then.
  void Insert(Position at, const SortKey& key, Slot slot);
  // What may fail of Erase(). Throws std::bad_alloc.
  void PrepareErase(Position at) { WritableLeaf(at.leaf); }
  void Erase(Position at);
  // Entries that come from another index, as a leaf at one end. PrepareLeaf copies entries [begin, end) of a leaf and
  // throws std::bad_alloc; then AddLeaf(), once the slots are those of this store, or DropLeaf(), which cannot fail.
  Leaf* PrepareLeaf(const Leaf& like, uint32_t begin, uint32_t end);
  void DropLeaf(Leaf* leaf) { rows_->Retire(leaf); }
  void AddLeaf(Leaf* leaf, bool first);
  // Erases entries of the first or last leaf, from its end of the index on. After PrepareErase() of one of them.
  void EraseEdge(bool first, uint32_t count);
  // Lets go of everything; what pins can see is retired.
  void Clear();
  // Joins what fits into fewer leaves.
  void Compact();

  // `entries`: how many there must be.
  Status CheckInvariants(uint64_t entries) const;
  // Of the blocks of leaves.
  uint64_t LeafBytes() const;

 private:
  using Fence = unsigned __int128;
  static constexpr uint32_t kMaxFenceCommon = SortKey::kSize - sizeof(Fence);
  static constexpr size_t kFirstLengthening = 8;
  static constexpr uint32_t kFirstCapacity = 16;
  static constexpr uint32_t kJoinBelow = Leaf::kMaxEntries / 4;
  static constexpr uint32_t kJoinedMost = Leaf::kMaxEntries * 3 / 4;

  Value KeyAt(Slot slot) const { return ReadElement(rows_->chunk_of(slot), keypos_, slot & kChunkMask); }
  // Order of the probe and the key at a slot.
  auto Compare(const Probe& probe) const {
    return [this, &probe](Slot slot) {
      const Chunk& chunk = rows_->chunk_of(slot);
      PrefetchRow(chunk, slot & kChunkMask);  // most likely it is the key's
      return CompareWithKey(probe, chunk, slot & kChunkMask, keypos_);
    };
  }
  static Fence ReadFence(const char* bytes) {
    uint64_t words[2];
    std::memcpy(words, bytes, sizeof(words));
    return Fence{__builtin_bswap64(words[0])} << 64 | __builtin_bswap64(words[1]);
  }
  // The leaf in which a key is or belongs. There is one.
  uint32_t LeafOf(const Probe& probe) const;
  Leaf* NewLeaf(uint32_t capacity);
  Leaf* WritableLeaf(uint32_t number);
  // The same entries in a new leaf.
  Leaf* GrowLeaf(uint32_t number, uint32_t capacity);
  // Into a leaf that is writable and has room, and into a full one.
  void Put(Position at, const SortKey& key, Slot slot);
  void InsertWithSplit(Position at, const SortKey& key, Slot slot);
  void ReserveLeaf();
  void PutLeaf(uint32_t number, Leaf* leaf);
  void RemoveLeaf(uint32_t number);
  void JoinIfSmall(uint32_t number);
  bool JoinWithNext(uint32_t number, uint32_t most);

  // Appends entries of a leaf whose common bytes begin with those of `to`.
  static void CopyEntries(const Leaf& from, uint32_t begin, uint32_t end, Leaf* to);
  // Fewer bytes in common: `size` of them.
  static void ShortenCommon(Leaf* leaf, uint32_t size);
  // More, if entries are not told apart and their keys have more in common.
  void LengthenCommon(Leaf* leaf) const;
  // Of the fences the same; `key` is to be there.
  void ShortenFenceCommon(const SortKey& key);
  void LengthenFenceCommon();
  Fence FenceOf(const SortKey& key) const { return ReadFence(key.bytes() + fence_common_size_); }
  Fence FenceOf(const Leaf& leaf) const { return FenceOf(SortKey(KeyAt(leaf.slots()[0]))); }

  RowStore* const rows_;
  const uint32_t keypos_;
  std::vector<Leaf*> leaves_;           // none empty
  std::vector<Fence> fences_;           // of each leaf; that of the first says nothing
  std::vector<uint16_t> counts_;        // of each leaf, so that At() reads no leaves
  char fence_common_[kMaxFenceCommon];  // bytes that all sort keys begin with
  uint32_t fence_common_size_ = 0;
  bool grows_at_end_ = false;
  size_t lengthen_fences_at_ = kFirstLengthening;  // number of leaves from which on it may be of use
};

}  // namespace partita

#endif  // PARTITA_TABLE_ORDERED_INDEX_H_
