#include "table/ordered_index.h"

#include <algorithm>
#include <cassert>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace partita {
namespace {

uint32_t CommonBytes(const char* a, const char* b, uint32_t most) {
  return static_cast<uint32_t>(std::mismatch(a, a + most, b).first - a);
}

uint32_t LargerCapacity(uint32_t capacity) {
  return capacity < Leaf::kMaxEntries / 2 ? capacity * 2
                                          : std::min(capacity + Leaf::kMaxEntries / 4, Leaf::kMaxEntries);
}

}  // namespace

// --- Leaves.

Leaf* OrderedIndex::NewLeaf(uint32_t capacity) {
  Leaf* leaf = static_cast<Leaf*>(rows_->NewBlock(Leaf::BytesFor(capacity)));
  std::memset(static_cast<void*>(leaf), 0, sizeof(Leaf));
  leaf->capacity = static_cast<uint16_t>(capacity);
  return leaf;
}

Leaf* OrderedIndex::WritableLeaf(uint32_t number) {
  Leaf* leaf = leaves_[number];
  if (ABSL_PREDICT_TRUE(!rows_->SeenByWholePin(leaf))) return leaf;
  rows_->ReapPins();
  if (!rows_->SeenByWholePin(leaf)) return leaf;
  return GrowLeaf(number, leaf->capacity);
}

Leaf* OrderedIndex::GrowLeaf(uint32_t number, uint32_t capacity) {
  Leaf* old = leaves_[number];
  Leaf* leaf = NewLeaf(capacity);
  leaf->common_size = old->common_size;
  std::memcpy(leaf->common, old->common, sizeof(leaf->common));
  CopyEntries(*old, 0, old->count, leaf);
  leaves_[number] = leaf;
  rows_->Retire(old);
  return leaf;
}

void OrderedIndex::CopyEntries(const Leaf& from, uint32_t begin, uint32_t end, Leaf* to) {
  assert(to->common_size <= from.common_size && to->count + (end - begin) <= to->capacity);
  if (to->common_size == from.common_size) {
    std::copy(from.prefixes + begin, from.prefixes + end, to->prefixes + to->count);
  } else {
    for (uint32_t i = begin; i < end; ++i) to->prefixes[to->count + i - begin] = from.PrefixFrom(to->common_size, i);
  }
  std::copy(from.slots() + begin, from.slots() + end, to->slots() + to->count);
  to->count = static_cast<uint16_t>(to->count + (end - begin));
}

void OrderedIndex::ShortenCommon(Leaf* leaf, uint32_t size) {
  if (size >= leaf->common_size) return;
  for (uint32_t i = 0; i < leaf->count; ++i) leaf->prefixes[i] = leaf->PrefixFrom(size, i);
  leaf->common_size = static_cast<uint16_t>(size);
}

void OrderedIndex::LengthenCommon(Leaf* leaf) const {
  constexpr uint32_t kTolerated = 8;  // one entry of so many is like the one before it
  uint32_t alike = 0;
  for (uint32_t i = 1; i < leaf->count; ++i) alike += leaf->prefixes[i] == leaf->prefixes[i - 1] ? 1 : 0;
  if (alike * kTolerated <= leaf->count) return;
  const SortKey first(KeyAt(leaf->slots()[0]));
  const SortKey last(KeyAt(leaf->slots()[leaf->count - 1]));
  const uint32_t size = CommonBytes(first.bytes(), last.bytes(), SortKey::kMaxOffset);
  if (size <= leaf->common_size) return;
  std::memcpy(leaf->common, first.bytes(), size);
  leaf->common_size = static_cast<uint16_t>(size);
  for (uint32_t i = 0; i < leaf->count; ++i) leaf->prefixes[i] = SortKey(KeyAt(leaf->slots()[i])).PrefixAt(size);
}

// --- The array above them.

void OrderedIndex::ReserveLeaf() {
  if (leaves_.size() < leaves_.capacity() && leaves_.size() < fences_.capacity() &&
      leaves_.size() < counts_.capacity()) {
    return;
  }
  MaybeFailAllocation();
  const size_t room = std::max<size_t>(1, leaves_.size() * 2);
  leaves_.reserve(room);
  fences_.reserve(room);
  counts_.reserve(room);
}

// The leaf's fence, and that of the one which was the first until now. After ReserveLeaf().
void OrderedIndex::PutLeaf(uint32_t number, Leaf* leaf) {
  if (number == 0 && !leaves_.empty()) fences_[0] = FenceOf(*leaves_[0]);
  leaves_.insert(leaves_.begin() + number, leaf);
  counts_.insert(counts_.begin() + number, leaf->count);
  fences_.insert(fences_.begin() + number, number == 0 ? Fence{0} : FenceOf(*leaf));
  const auto alike = [this](size_t i) { return i > 0 && i + 1 < fences_.size() && fences_[i] == fences_[i + 1]; };
  if (leaves_.size() >= lengthen_fences_at_ && (alike(number) || (number > 0 && alike(number - 1)))) {
    LengthenFenceCommon();
  }
}

void OrderedIndex::RemoveLeaf(uint32_t number) {
  rows_->Retire(leaves_[number]);
  leaves_.erase(leaves_.begin() + number);
  fences_.erase(fences_.begin() + number);
  counts_.erase(counts_.begin() + number);
  if (leaves_.empty()) {
    fence_common_size_ = 0;
    lengthen_fences_at_ = kFirstLengthening;
  }
}

void OrderedIndex::ShortenFenceCommon(const SortKey& key) {
  const uint32_t size = CommonBytes(fence_common_, key.bytes(), fence_common_size_);
  if (ABSL_PREDICT_TRUE(size == fence_common_size_)) return;
  for (Fence& fence : fences_) {
    char known[SortKey::kSize];
    std::memcpy(known, fence_common_, fence_common_size_);
    const uint64_t words[2] = {__builtin_bswap64(static_cast<uint64_t>(fence >> 64)),
                               __builtin_bswap64(static_cast<uint64_t>(fence))};
    std::memcpy(known + fence_common_size_, words, sizeof(words));
    fence = ReadFence(known + size);
  }
  fence_common_size_ = size;
}

void OrderedIndex::LengthenFenceCommon() {
  lengthen_fences_at_ = leaves_.size() * 2;
  const SortKey first(KeyAt(leaves_.front()->slots()[0]));
  const SortKey last(KeyAt(leaves_.back()->slots()[leaves_.back()->count - 1]));
  const uint32_t size = CommonBytes(first.bytes(), last.bytes(), kMaxFenceCommon);
  if (size <= fence_common_size_) return;
  std::memcpy(fence_common_, first.bytes(), size);
  fence_common_size_ = size;
  for (size_t i = 0; i < leaves_.size(); ++i) fences_[i] = FenceOf(*leaves_[i]);
}

// --- Reading.

uint32_t OrderedIndex::LeafOf(const Probe& probe) const {
  const int order = std::memcmp(probe.sort_key.bytes(), fence_common_, fence_common_size_);
  if (order != 0) return order < 0 ? 0 : static_cast<uint32_t>(leaves_.size()) - 1;
  const Fence wanted = FenceOf(probe.sort_key);
  const uint32_t count = static_cast<uint32_t>(fences_.size());
  uint32_t number = 1 + LowerBound(fences_.data() + 1, count - 1, wanted);
  if (ABSL_PREDICT_FALSE(number < count && fences_[number] == wanted)) {
    const auto equal = std::upper_bound(fences_.begin() + number, fences_.end(), wanted);
    uint32_t end = static_cast<uint32_t>(equal - fences_.begin());
    while (number < end) {
      const uint32_t middle = number + (end - number) / 2;
      if (CompareWithEntry(*leaves_[middle], 0, probe, Compare(probe)) < 0) {
        end = middle;
      } else {
        number = middle + 1;
      }
    }
  }
  return number - 1;
}

OrderedIndex::Position OrderedIndex::Find(const Probe& probe, bool* equal) const {
  *equal = false;
  if (leaves_.empty()) return Position{};
  const uint32_t number = LeafOf(probe);
  PrefetchBlocks(*leaves_[number]);
  return Position{number, FindEntry(*leaves_[number], probe, Compare(probe), equal)};
}

// Passes over all keys: the leaves, the entries, what they lead to. A search for one key is a chain of loads, each of
// which waits for the one before; of several keys the processor has several under way.
void OrderedIndex::FindGroup(absl::Span<const Probe> probes, Position* at, bool* found) const {
  if (leaves_.empty()) {
    for (size_t i = 0; i < probes.size(); ++i) {
      at[i] = Position{};
      found[i] = false;
    }
    return;
  }
  struct Search {
    const Leaf* leaf;
    SortKey::Prefix wanted;
    uint32_t begin;
  };
  Search searches[kGroup];
  for (size_t i = 0; i < probes.size(); ++i) {
    at[i].leaf = LeafOf(probes[i]);
    searches[i].leaf = leaves_[at[i].leaf];
    PrefetchBlocks(*searches[i].leaf);
  }
  for (size_t i = 0; i < probes.size(); ++i) {
    Search& search = searches[i];
    search.wanted = probes[i].sort_key.PrefixAt(search.leaf->common_size);
    search.begin = FindBlock(*search.leaf, search.wanted);
  }
  for (size_t i = 0; i < probes.size(); ++i) {
    Search& search = searches[i];
    search.begin = FindInBlock(*search.leaf, search.wanted, search.begin);
    if (search.begin == search.leaf->count || search.leaf->prefixes[search.begin] != search.wanted) continue;
    const Slot slot = search.leaf->slots()[search.begin];
    PrefetchRow(rows_->chunk_of(slot), slot & kChunkMask);
  }
  for (size_t i = 0; i < probes.size(); ++i) {
    const Search& search = searches[i];
    const int order = std::memcmp(probes[i].sort_key.bytes(), search.leaf->common, search.leaf->common_size);
    if (ABSL_PREDICT_FALSE(order != 0)) {
      found[i] = false;
      at[i].entry = order < 0 ? 0 : search.leaf->count;
    } else {
      at[i].entry = SettleEntry(*search.leaf, search.wanted, search.begin, Compare(probes[i]), &found[i]);
    }
  }
}

OrderedIndex::Position OrderedIndex::At(uint64_t number) const {
  for (uint32_t leaf = 0; leaf < counts_.size(); ++leaf) {
    if (number < counts_[leaf]) return Position{leaf, static_cast<uint32_t>(number)};
    number -= counts_[leaf];
  }
  return end();
}

// --- Writing.

void OrderedIndex::Insert(Position at, const SortKey& key, Slot slot) {
  if (leaves_.empty()) {
    ReserveLeaf();
    Leaf* leaf = NewLeaf(kFirstCapacity);
    leaf->prefixes[0] = key.PrefixAt(0);
    leaf->slots()[0] = slot;
    leaf->count = 1;
    PutLeaf(0, leaf);
    return;
  }
  Leaf* leaf = WritableLeaf(at.leaf);
  if (leaf->count == leaf->capacity) {
    if (leaf->count == Leaf::kMaxEntries) {
      InsertWithSplit(at, key, slot);
      return;
    }
    leaf = GrowLeaf(at.leaf, LargerCapacity(leaf->capacity));
    LengthenCommon(leaf);
  }
  Put(at, key, slot);
}

void OrderedIndex::Put(Position at, const SortKey& key, Slot slot) {
  ShortenFenceCommon(key);
  Leaf* leaf = leaves_[at.leaf];
  ShortenCommon(leaf, CommonBytes(leaf->common, key.bytes(), leaf->common_size));
  std::copy_backward(leaf->prefixes + at.entry, leaf->prefixes + leaf->count, leaf->prefixes + leaf->count + 1);
  std::copy_backward(leaf->slots() + at.entry, leaf->slots() + leaf->count, leaf->slots() + leaf->count + 1);
  leaf->prefixes[at.entry] = key.PrefixAt(leaf->common_size);
  leaf->slots()[at.entry] = slot;
  ++leaf->count;
  ++counts_[at.leaf];
}

void OrderedIndex::InsertWithSplit(Position at, const SortKey& key, Slot slot) {
  ReserveLeaf();
  Leaf* leaf = leaves_[at.leaf];
  const bool last = at.leaf + 1 == leaves_.size() && at.entry == leaf->count;
  const bool first = at.leaf == 0 && at.entry == 0;
  grows_at_end_ = last;
  if (first || last) {
    Leaf* added = NewLeaf(kJoinBelow);
    added->common_size = static_cast<uint16_t>(CommonBytes(leaf->common, key.bytes(), leaf->common_size));
    std::memcpy(added->common, key.bytes(), added->common_size);
    added->prefixes[0] = key.PrefixAt(added->common_size);
    added->slots()[0] = slot;
    added->count = 1;
    ShortenFenceCommon(key);
    PutLeaf(last ? at.leaf + 1 : 0, added);
    return;
  }
  constexpr uint32_t kHalf = Leaf::kMaxEntries / 2;
  Leaf* right = NewLeaf(Leaf::kMaxEntries * 3 / 4);
  right->common_size = leaf->common_size;
  std::memcpy(right->common, leaf->common, sizeof(right->common));
  CopyEntries(*leaf, kHalf, leaf->count, right);
  leaf->count = kHalf;
  counts_[at.leaf] = kHalf;
  LengthenCommon(leaf);
  LengthenCommon(right);
  PutLeaf(at.leaf + 1, right);
  Put(at.entry <= kHalf ? at : Position{at.leaf + 1, at.entry - kHalf}, key, slot);
}

void OrderedIndex::Erase(Position at) {
  Leaf* leaf = leaves_[at.leaf];
  std::copy(leaf->prefixes + at.entry + 1, leaf->prefixes + leaf->count, leaf->prefixes + at.entry);
  std::copy(leaf->slots() + at.entry + 1, leaf->slots() + leaf->count, leaf->slots() + at.entry);
  --leaf->count;
  --counts_[at.leaf];
  JoinIfSmall(at.leaf);
}

void OrderedIndex::JoinIfSmall(uint32_t number) {
  if (counts_[number] == 0) {
    RemoveLeaf(number);
  } else if (counts_[number] < kJoinBelow) {
    if (!JoinWithNext(number, kJoinedMost) && number > 0) JoinWithNext(number - 1, kJoinedMost);
  }
}

// False: they are too many together, or there is no memory, which does no harm.
bool OrderedIndex::JoinWithNext(uint32_t number, uint32_t most) {
  if (number + 1 >= leaves_.size() || uint32_t{counts_[number]} + counts_[number + 1] > most) return false;
  try {
    Leaf* leaf = WritableLeaf(number);
    const Leaf& next = *leaves_[number + 1];
    const uint32_t together = uint32_t{leaf->count} + next.count;
    if (leaf->capacity < together) leaf = GrowLeaf(number, most);
    ShortenCommon(leaf, CommonBytes(leaf->common, next.common, std::min(leaf->common_size, next.common_size)));
    CopyEntries(next, 0, next.count, leaf);
    counts_[number] = leaf->count;
    RemoveLeaf(number + 1);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

Leaf* OrderedIndex::PrepareLeaf(const Leaf& like, uint32_t begin, uint32_t end) {
  ReserveLeaf();
  Leaf* leaf = NewLeaf(std::max<uint32_t>(end - begin, kFirstCapacity));
  leaf->common_size = like.common_size;
  std::memcpy(leaf->common, like.common, sizeof(leaf->common));
  CopyEntries(like, begin, end, leaf);
  return leaf;
}

void OrderedIndex::AddLeaf(Leaf* leaf, bool first) {
  if (!leaves_.empty()) {
    ShortenFenceCommon(SortKey(KeyAt(leaf->slots()[0])));
    ShortenFenceCommon(SortKey(KeyAt(leaf->slots()[leaf->count - 1])));
  }
  const uint32_t number = first ? 0 : static_cast<uint32_t>(leaves_.size());
  PutLeaf(number, leaf);
  JoinIfSmall(number);
}

void OrderedIndex::EraseEdge(bool first, uint32_t count) {
  const uint32_t number = first ? 0 : static_cast<uint32_t>(leaves_.size()) - 1;
  Leaf* leaf = leaves_[number];
  if (first) {
    std::copy(leaf->prefixes + count, leaf->prefixes + leaf->count, leaf->prefixes);
    std::copy(leaf->slots() + count, leaf->slots() + leaf->count, leaf->slots());
  }
  leaf->count = static_cast<uint16_t>(leaf->count - count);
  counts_[number] = leaf->count;
  JoinIfSmall(number);
}

void OrderedIndex::Clear() {
  for (Leaf* leaf : leaves_) rows_->Retire(leaf);
  leaves_.clear();
  fences_.clear();
  counts_.clear();
  fence_common_size_ = 0;
  lengthen_fences_at_ = kFirstLengthening;
}

void OrderedIndex::Compact() {
  for (uint32_t number = 0; number < leaves_.size(); ++number) {
    while (JoinWithNext(number, Leaf::kMaxEntries)) {
    }
    const uint32_t needed = std::max((leaves_[number]->count + 15u) / 16 * 16, kFirstCapacity);
    if (needed < leaves_[number]->capacity) GrowLeaf(number, needed);
  }
}

// --- Self-check.

uint64_t OrderedIndex::LeafBytes() const {
  uint64_t bytes = 0;
  for (const Leaf* leaf : leaves_) bytes += BlockOf(leaf)->size;
  return bytes;
}

Status OrderedIndex::CheckInvariants(uint64_t entries) const {
  if (fences_.size() != leaves_.size() || counts_.size() != leaves_.size()) return InternalError("lost a leaf");
  uint64_t counted = 0;
  bool has_last = false;
  Value last;
  SortKey last_key(last);
  for (size_t number = 0; number < leaves_.size(); ++number) {
    const Leaf& leaf = *leaves_[number];
    const auto broken = [number](const auto&... what) {
      return InternalError(absl::StrCat("leaf ", number, ": ", what...));
    };
    if (leaf.count == 0 || leaf.count > leaf.capacity || leaf.capacity > Leaf::kMaxEntries) {
      return broken(leaf.count, " entries of ", leaf.capacity);
    }
    if (leaf.count != counts_[number]) return broken(leaf.count, " entries, counted ", counts_[number]);
    counted += leaf.count;
    for (uint32_t i = 0; i < leaf.count; ++i) {
      const Slot slot = leaf.slots()[i];
      const Chunk* chunk = (slot >> kChunkShift) < rows_->chunk_count() ? rows_->chunk(slot >> kChunkShift) : nullptr;
      if (chunk == nullptr || !TestBit(chunk->live, slot & kChunkMask)) return broken("entry ", i, " leads to no row");
      const Value key = KeyAt(slot);
      const SortKey sort_key(key);
      if (has_last && CompareNumeric(last, key) >= 0) return broken("entry ", i, " does not come after the one before");
      if (std::memcmp(sort_key.bytes(), leaf.common, leaf.common_size) != 0) return broken("entry ", i, " in common");
      if (sort_key.PrefixAt(leaf.common_size) != leaf.prefixes[i]) return broken("entry ", i, " has another prefix");
      if (std::memcmp(sort_key.bytes(), fence_common_, fence_common_size_) != 0) return broken("fences in common");
      if (i == 0 && number > 0 && (fences_[number] > FenceOf(sort_key) || fences_[number] < FenceOf(last_key))) {
        return broken("the fence does not stand between it and the one before");
      }
      has_last = true;
      last = key;
      last_key = sort_key;
    }
  }
  if (counted != entries) return InternalError(absl::StrCat(counted, " entries in the index, not ", entries));
  return OkStatus();
}

}  // namespace partita
