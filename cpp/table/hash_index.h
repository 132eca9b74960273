// From the hash of a key to the slot of its row: what a partition of a hash table looks keys up in.
//
// Not thread-safe (the partition's lock guards it). It knows hashes and slots only; whether a slot holds the key asked
// for is for the caller to see, who reads the key's column anyway.
//
// Entries are {hash, slot}, eight bytes, in tables of at most kMaxCapacity, chosen by the first bits of the hash
// through a directory (extendible hashing), so that growing never stops the partition for long. Within a table the next
// bits give an entry's home, home(h) = h * capacity / 2**32, and entries stand in the order of their hashes at or soon
// after it: linear probing that stays sorted, without wrapping around. So a search, hit or miss, reads one cache line
// mostly and ends at the first greater hash; growing and splitting copy one sorted array into another; erasing leaves
// no tombstones.
//
//   directory  ->  table: [ . 03 04 . . 11 12 12 . 19 ... | tail ]
//
// Compared with absl::flat_hash_set (control bytes and slots are two cache misses, capacities double) it takes fewer
// bytes a row and one miss less; benchmarks/micro/bench_hash_index.cc measures both.

#ifndef PARTITA_TABLE_HASH_INDEX_H_
#define PARTITA_TABLE_HASH_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/optimization.h"
#include "base/prefetch.h"
#include "base/status.h"

namespace partita {

class HashIndex {
 public:
  static constexpr uint32_t kNotFound = 0xFFFFFFFF;  // no slot has this number

  HashIndex() = default;
  ~HashIndex() { Clear(); }
  HashIndex(HashIndex&& other) noexcept { Swap(&other); }
  HashIndex& operator=(HashIndex&& other) noexcept {
    Swap(&other);
    return *this;
  }
  HashIndex(const HashIndex&) = delete;
  HashIndex& operator=(const HashIndex&) = delete;

  size_t size() const { return size_; }
  size_t bytes() const;

  // The first slot entered under `hash` for which matches(slot) holds, or kNotFound.
  template <typename Matches>
  uint32_t Find(uint32_t hash, Matches&& matches) const {
    if (ABSL_PREDICT_FALSE(directory_.empty())) return kNotFound;
    const SubTable& table = TableOf(hash);
    const Entry* e = table.entries + table.Home(hash);
    while (e->hash < hash) ++e;  // a free entry has the greatest hash there is
    for (; e->hash == hash && e->slot != kNotFound; ++e) {
      if (matches(e->slot)) return e->slot;
    }
    return kNotFound;
  }

  void Prefetch(uint32_t hash) const {
    if (directory_.empty()) return;
    const SubTable& table = TableOf(hash);
    partita::Prefetch(table.entries + table.Home(hash));
  }

  // Makes room for one more entry under `hash`. Throws std::bad_alloc and changes nothing then.
  void Reserve(uint32_t hash);
  // After Reserve(hash), with nothing entered since. Equal hashes may be entered with several slots.
  void Insert(uint32_t hash, uint32_t slot);
  // The entry must exist.
  void Erase(uint32_t hash, uint32_t slot);
  void Clear();
  // Tables shrink to what they hold.
  void Compact();

  // Calls fn(hash, slot) for every entry.
  template <typename Fn>
  void ForEach(Fn&& fn) const {
    for (size_t i = 0; i < directory_.size(); i += Span(directory_[i])) {
      const SubTable& table = directory_[i];
      for (uint32_t e = 0; e < table.Slots(); ++e) {
        if (table.entries[e].slot != kNotFound) fn(table.entries[e].hash, table.entries[e].slot);
      }
    }
  }
  Status CheckInvariants() const;

 private:
  struct Entry {
    uint32_t hash;  // 0xFFFFFFFF where free
    uint32_t slot;  // kNotFound: free
  };
  // Small enough to stand in the directory itself. The number of entries lies before the first one (Size).
  struct SubTable {
    Entry* entries;
    uint32_t capacity;  // homes; TailOf(capacity) entries follow them
    uint32_t depth;     // bits of the hash that chose this table

    uint32_t Home(uint32_t hash) const {
      return static_cast<uint32_t>((uint64_t{static_cast<uint32_t>(uint64_t{hash} << depth)} * capacity) >> 32);
    }
    uint32_t Slots() const { return capacity + TailOf(capacity); }
    uint32_t& Size() const { return entries[-1].hash; }
  };
  static constexpr uint32_t kMinCapacity = 8;
  static constexpr uint32_t kMaxCapacity = 3376;  // unless the hash has no more bits to choose by
  static constexpr uint32_t kMaxDepth = 20;
  static constexpr size_t kLine = 64;  // entries start on a cache line, one line after their block does

  // The last entry of the tail is always free, so that every search and every shift ends.
  // (A table beyond the usual size is one whose hashes crowd: its tail grows along, so that growing it helps in the
  // end.)
  static uint32_t TailOf(uint32_t capacity) { return capacity > kMaxCapacity ? capacity / 4 : capacity >= 64 ? 32 : 4; }
  static size_t BlockBytes(uint32_t capacity);

  const SubTable& TableOf(uint32_t hash) const { return directory_[uint64_t{hash} >> (32 - depth_)]; }
  size_t Span(const SubTable& table) const { return size_t{1} << (depth_ - table.depth); }
  void Swap(HashIndex* other) noexcept;
  static SubTable NewTable(uint32_t capacity, uint32_t depth);
  static void DeleteTable(const SubTable& table);
  // The entries from `begin` to `end`, which are sorted, in a new table of this capacity, or more where they crowd at
  // its end.
  static SubTable CopyOf(const Entry* begin, const Entry* end, uint32_t capacity, uint32_t depth);
  void SetTable(uint32_t hash, const SubTable& table);
  void Resize(uint32_t hash, uint32_t capacity);
  void Split(uint32_t hash);

  // 2**depth_ of them, by the first bits of the hash; a table of lesser depth stands in several places.
  std::vector<SubTable> directory_;
  uint32_t depth_ = 0;
  size_t size_ = 0;
};

}  // namespace partita

#endif  // PARTITA_TABLE_HASH_INDEX_H_
