// A leaf of an ordered index: up to 512 slots in the order of their keys, and of each key eight bytes of its sort key,
// those after the bytes that all keys of the leaf have in common. So a search mostly reads the leaf alone, also among
// keys like "user:000017"; keys that these bytes do not tell apart are compared in their chunks.
//
// A leaf that a snapshot can see never changes (ordered_index.h). Everything in this header only reads.

#ifndef PARTITA_TABLE_LEAF_H_
#define PARTITA_TABLE_LEAF_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/prefetch.h"
#include "column/chunk.h"
#include "column/row_store.h"
#include "term/sort_key.h"
#include "term/value.h"

namespace partita {

struct Leaf {
  static constexpr uint32_t kMaxEntries = 512;
  static constexpr uint32_t kBlock = 64;  // entries that are looked through together

  uint16_t count;
  uint16_t capacity;
  uint16_t common_size;
  uint16_t unused_;
  char common[SortKey::kMaxOffset];
  SortKey::Prefix prefixes[];  // `capacity` of them, then as many slots

  Slot* slots() { return reinterpret_cast<Slot*>(prefixes + capacity); }
  const Slot* slots() const { return reinterpret_cast<const Slot*>(prefixes + capacity); }
  static size_t BytesFor(uint32_t capacity) {
    return sizeof(Leaf) + capacity * (sizeof(SortKey::Prefix) + sizeof(Slot));
  }

  // Eight bytes of the sort key of an entry from `offset` <= common_size on.
  SortKey::Prefix PrefixFrom(uint32_t offset, uint32_t entry) const {
    char known[SortKey::kSize];
    std::memcpy(known, common, sizeof(common));
    const uint64_t swapped = __builtin_bswap64(prefixes[entry]);
    std::memcpy(known + common_size, &swapped, sizeof(swapped));
    SortKey::Prefix prefix;
    std::memcpy(&prefix, known + offset, sizeof(prefix));
    return __builtin_bswap64(prefix);
  }
};

// A key that is looked for; both must outlive it.
struct Probe {
  const Value& key;
  const SortKey& sort_key;
};

// The first element of `sorted` that is not less than `wanted`.
template <typename Element>
uint32_t LowerBound(const Element* sorted, uint32_t count, Element wanted) {
  const Element* base = sorted;
  while (count > 1) {
    const uint32_t half = count / 2;
    base = base[half - 1] < wanted ? base + half : base;
    count -= half;
  }
  return static_cast<uint32_t>(base - sorted) + (count == 1 && *base < wanted ? 1 : 0);
}

// The same over the prefixes of a leaf, in two steps, so that few cache misses are waited for one after the other:
// which block it is, told by the firsts of all; then the place within the block, all of whose lines are asked for
// first.
inline void PrefetchBlocks(const Leaf& leaf) {
  Prefetch(&leaf);
  for (uint32_t i = Leaf::kBlock; i < Leaf::kMaxEntries; i += Leaf::kBlock) Prefetch(leaf.prefixes + i);
}
inline uint32_t FindBlock(const Leaf& leaf, SortKey::Prefix wanted) {
  constexpr uint32_t kLine = 64;  // bytes
  uint32_t begin = 0;
  for (uint32_t i = Leaf::kBlock; i < leaf.count; i += Leaf::kBlock)
    begin += leaf.prefixes[i] < wanted ? Leaf::kBlock : 0;
  for (uint32_t i = 0; i < Leaf::kBlock; i += kLine / sizeof(SortKey::Prefix)) Prefetch(leaf.prefixes + begin + i);
  for (uint32_t i = 0; i < Leaf::kBlock; i += kLine / sizeof(Slot)) Prefetch(leaf.slots() + begin + i);
  return begin;
}
inline uint32_t FindInBlock(const Leaf& leaf, SortKey::Prefix wanted, uint32_t begin) {
  return begin + LowerBound(leaf.prefixes + begin, std::min(Leaf::kBlock, leaf.count - begin), wanted);
}

// Order of the probe and the key of a row, as memcmp.
inline int CompareWithKey(const Probe& probe, const Chunk& chunk, uint32_t place, uint32_t keypos) {
  const Value key = ReadElement(chunk, keypos, place);
  if (key.kind == Value::Kind::kInt && probe.key.kind == Value::Kind::kInt) {
    return probe.key.i < key.i ? -1 : probe.key.i > key.i;
  }
  return CompareNumeric(probe.key, key);
}

// Order of the probe and an entry, as memcmp. compare(slot) is that of the probe and the key at a slot.
template <typename Compare>
int CompareWithEntry(const Leaf& leaf, uint32_t entry, const Probe& probe, Compare&& compare) {
  if (const int order = std::memcmp(probe.sort_key.bytes(), leaf.common, leaf.common_size); order != 0) return order;
  const SortKey::Prefix wanted = probe.sort_key.PrefixAt(leaf.common_size);
  if (wanted != leaf.prefixes[entry]) return wanted < leaf.prefixes[entry] ? -1 : 1;
  return compare(leaf.slots()[entry]);
}

// The end of FindEntry(), from the first entry on whose prefix is not less than that of the probe.
template <typename Compare>
uint32_t SettleEntry(const Leaf& leaf, SortKey::Prefix wanted, uint32_t begin, Compare&& compare, bool* equal) {
  *equal = false;
  if (begin == leaf.count || leaf.prefixes[begin] != wanted) return begin;
  uint32_t end = begin + 1;
  if (end < leaf.count && leaf.prefixes[end] == wanted) {
    end = wanted == ~SortKey::Prefix{0}
              ? leaf.count
              : begin + LowerBound<SortKey::Prefix>(leaf.prefixes + begin, leaf.count - begin, wanted + 1);
  }
  while (begin < end) {
    const uint32_t middle = begin + (end - begin) / 2;
    const int order = compare(leaf.slots()[middle]);
    if (order == 0) {
      *equal = true;
      return middle;
    }
    if (order < 0) {
      end = middle;
    } else {
      begin = middle + 1;
    }
  }
  return begin;
}

// The first entry whose key is not less than the probe; *equal: it is the probe's.
template <typename Compare>
uint32_t FindEntry(const Leaf& leaf, const Probe& probe, Compare&& compare, bool* equal) {
  *equal = false;
  if (const int order = std::memcmp(probe.sort_key.bytes(), leaf.common, leaf.common_size); order != 0) {
    return order < 0 ? 0 : leaf.count;
  }
  const SortKey::Prefix wanted = probe.sort_key.PrefixAt(leaf.common_size);
  return SettleEntry(leaf, wanted, FindInBlock(leaf, wanted, FindBlock(leaf, wanted)), compare, equal);
}

}  // namespace partita

#endif  // PARTITA_TABLE_LEAF_H_
