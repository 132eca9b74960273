// The rows of one key of a bag by the hash of the whole row: what tells, for a key of many rows, whether a row is there
// and where, without going through all of them.
//
// A sorted set, not a hash table: rows of a duplicate_bag may be equal by the thousand, and each must come and go
// alone. The hash is cut to 32 bits, so whoever asks compares the rows that it names.

#ifndef PARTITA_TABLE_ROW_HASHES_H_
#define PARTITA_TABLE_ROW_HASHES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>

#include "absl/container/btree_set.h"
#include "column/block.h"
#include "column/row_store.h"

namespace partita {

// Counts what it holds, in *bytes and in the count of the process.
template <typename T>
class CountingAllocator {
 public:
  using value_type = T;

  explicit CountingAllocator(uint64_t* bytes) : bytes_(bytes) {}
  template <typename U>
  CountingAllocator(const CountingAllocator<U>& other) : bytes_(other.bytes_) {}  // NOLINT(google-explicit-constructor)

  T* allocate(size_t count) {
    MaybeFailAllocation();
    T* memory = static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{alignof(T)}));
    Count(static_cast<int64_t>(count * sizeof(T)));
    return memory;
  }
  void deallocate(T* memory, size_t count) {
    ::operator delete(memory, std::align_val_t{alignof(T)});
    Count(-static_cast<int64_t>(count * sizeof(T)));
  }
  friend bool operator==(const CountingAllocator& a, const CountingAllocator& b) { return a.bytes_ == b.bytes_; }

 private:
  template <typename U>
  friend class CountingAllocator;

  void Count(int64_t bytes) {
    *bytes_ += static_cast<uint64_t>(bytes);
    g_live_bytes.fetch_add(bytes, std::memory_order_relaxed);
  }

  uint64_t* bytes_;
};

class RowHashes {
 public:
  // *bytes: raised by what this holds, as long as it lives.
  explicit RowHashes(uint64_t* bytes) : entries_(std::less<uint64_t>(), CountingAllocator<uint64_t>(bytes)) {}

  size_t size() const { return entries_.size(); }
  // Throws std::bad_alloc; then nothing may be done with this but to delete it.
  void Add(uint64_t hash, Slot slot) { entries_.insert(Entry(hash, slot)); }
  void Remove(uint64_t hash, Slot slot) { entries_.erase(Entry(hash, slot)); }
  bool Has(uint64_t hash, Slot slot) const { return entries_.contains(Entry(hash, slot)); }
  // Calls fn(slot) for rows of this hash until it returns true.
  template <typename Fn>
  void Find(uint64_t hash, Fn&& fn) const {
    const uint64_t first = Entry(hash, 0);
    for (auto it = entries_.lower_bound(first); it != entries_.end() && *it >> 32 == first >> 32; ++it) {
      if (fn(static_cast<Slot>(*it))) return;
    }
  }

 private:
  static uint64_t Entry(uint64_t hash, Slot slot) { return hash >> 32 << 32 | slot; }

  absl::btree_set<uint64_t, std::less<uint64_t>, CountingAllocator<uint64_t>> entries_;
};

}  // namespace partita

#endif  // PARTITA_TABLE_ROW_HASHES_H_
