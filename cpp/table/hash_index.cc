#include "table/hash_index.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/huge_pages.h"
#include "column/block.h"

namespace partita {
namespace {

// Full at 4/5.
bool IsFull(uint32_t size, uint32_t capacity) { return uint64_t{size} * 5 >= uint64_t{capacity} * 4; }

// Capacities double up to 64 and grow by a quarter then: few sizes, of which large ones share huge pages.
uint32_t GrownCapacity(uint32_t capacity) {
  return capacity < 64 ? capacity * 2 : (capacity + capacity / 4 + 7) / 8 * 8;
}

// For `size` entries and a quarter more.
uint32_t CapacityFor(uint32_t size) {
  uint32_t capacity = 8;
  while (IsFull(size + size / 4 + 1, capacity)) capacity = GrownCapacity(capacity);
  return capacity;
}

}  // namespace

size_t HashIndex::BlockBytes(uint32_t capacity) {
  const size_t bytes = kLine + (capacity + TailOf(capacity)) * sizeof(Entry);
  return (bytes + kLine - 1) / kLine * kLine;
}

HashIndex::SubTable HashIndex::NewTable(uint32_t capacity, uint32_t depth) {
  MaybeFailAllocation();
  const size_t bytes = BlockBytes(capacity);
  char* block = static_cast<char*>(AllocateLarge(bytes));
  if (block == nullptr) throw std::bad_alloc();
  g_live_bytes.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  std::memset(block + kLine, 0xFF, bytes - kLine);
  SubTable table{reinterpret_cast<Entry*>(block + kLine), capacity, depth};
  table.Size() = 0;
  return table;
}

void HashIndex::DeleteTable(const SubTable& table) {
  g_live_bytes.fetch_sub(static_cast<int64_t>(BlockBytes(table.capacity)), std::memory_order_relaxed);
  FreeLarge(reinterpret_cast<char*>(table.entries) - kLine, BlockBytes(table.capacity));
}

void HashIndex::Swap(HashIndex* other) noexcept {
  directory_.swap(other->directory_);
  std::swap(depth_, other->depth_);
  std::swap(size_, other->size_);
}

size_t HashIndex::bytes() const {
  size_t bytes = directory_.capacity() * sizeof(SubTable);
  for (size_t i = 0; i < directory_.size(); i += Span(directory_[i])) bytes += BlockBytes(directory_[i].capacity);
  return bytes;
}

void HashIndex::Clear() {
  for (size_t i = 0; i < directory_.size();) {
    const size_t span = Span(directory_[i]);
    DeleteTable(directory_[i]);
    i += span;
  }
  directory_.clear();
  directory_.shrink_to_fit();
  depth_ = 0;
  size_ = 0;
}

HashIndex::SubTable HashIndex::CopyOf(const Entry* begin, const Entry* end, uint32_t capacity, uint32_t depth) {
  for (;; capacity = GrownCapacity(capacity)) {
    const SubTable copy = NewTable(capacity, depth);
    const uint32_t last = copy.Slots() - 1;  // stays free
    uint32_t next = 0;
    uint32_t size = 0;
    const Entry* from = begin;
    for (; from != end; ++from) {
      if (from->slot == kNotFound) continue;
      next = std::max(next, copy.Home(from->hash));
      if (ABSL_PREDICT_FALSE(next >= last)) break;
      copy.entries[next++] = *from;
      ++size;
    }
    copy.Size() = size;
    if (ABSL_PREDICT_TRUE(from == end)) return copy;
    DeleteTable(copy);
  }
}

void HashIndex::SetTable(uint32_t hash, const SubTable& table) {
  const size_t first = uint64_t{hash} >> (32 - depth_) >> (depth_ - table.depth) << (depth_ - table.depth);
  std::fill_n(directory_.begin() + static_cast<ptrdiff_t>(first), Span(table), table);
}

void HashIndex::Resize(uint32_t hash, uint32_t capacity) {
  const SubTable old = TableOf(hash);
  SetTable(hash, CopyOf(old.entries, old.entries + old.Slots(), capacity, old.depth));
  DeleteTable(old);
}

void HashIndex::Split(uint32_t hash) {
  const SubTable old = TableOf(hash);
  if (old.depth == depth_) {
    MaybeFailAllocation();
    std::vector<SubTable> doubled;
    doubled.reserve(directory_.size() * 2);
    for (const SubTable& table : directory_) doubled.insert(doubled.end(), 2, table);
    directory_.swap(doubled);
    ++depth_;
  }
  const uint32_t depth = old.depth + 1;
  const uint32_t middle_bit = uint32_t{1} << (32 - depth);
  const uint32_t middle = (depth == 1 ? 0 : hash >> (33 - depth) << (33 - depth)) | middle_bit;
  const uint32_t capacity = CapacityFor(old.Size() / 2);
  // The first entry of the upper half, which stands at its home or soon after.
  const Entry* const end = old.entries + old.Slots();
  const Entry* border = old.entries + old.Home(middle);
  while (border != end && (border->slot == kNotFound || border->hash < middle)) ++border;
  const SubTable low = CopyOf(old.entries, border, capacity, depth);
  SubTable high;
  try {
    high = CopyOf(border, end, capacity, depth);
  } catch (...) {
    DeleteTable(low);
    throw;
  }
  SetTable(middle - 1, low);
  SetTable(middle, high);
  DeleteTable(old);
}

void HashIndex::Reserve(uint32_t hash) {
  if (ABSL_PREDICT_FALSE(directory_.empty())) {
    directory_.reserve(1);
    directory_.push_back(NewTable(kMinCapacity, 0));
  }
  for (;;) {
    const SubTable& table = TableOf(hash);
    if (ABSL_PREDICT_TRUE(!IsFull(table.Size() + 1, table.capacity) &&
                          table.entries[table.Slots() - 2].slot == kNotFound)) {
      return;
    }
    const uint32_t grown = GrownCapacity(table.capacity);
    if (grown > kMaxCapacity && table.depth < kMaxDepth && table.Size() > kMaxCapacity / 4) {
      Split(hash);
    } else {
      Resize(hash, grown);
    }
  }
}

void HashIndex::Insert(uint32_t hash, uint32_t slot) {
  const SubTable& table = TableOf(hash);
  Entry* e = table.entries + table.Home(hash);
  while (e->slot != kNotFound && e->hash <= hash) ++e;
  // Those behind it move on by one, up to the next free place; they are a few.
  Entry moving{hash, slot};
  for (; e->slot != kNotFound; ++e) std::swap(*e, moving);
  assert(e < table.entries + table.Slots() - 1);
  *e = moving;
  ++table.Size();
  ++size_;
}

void HashIndex::Erase(uint32_t hash, uint32_t slot) {
  const SubTable& table = TableOf(hash);
  Entry* e = table.entries + table.Home(hash);
  while (e->hash != hash || e->slot != slot) {
    assert(e < table.entries + table.Slots());
    ++e;
  }
  // Those behind it that are not at home move one place closer.
  Entry* next = e + 1;
  while (next->slot != kNotFound && table.Home(next->hash) < static_cast<uint32_t>(next - table.entries)) ++next;
  std::memmove(e, e + 1, static_cast<size_t>(next - e - 1) * sizeof(Entry));
  next[-1] = Entry{0xFFFFFFFF, kNotFound};
  --size_;
  if (--table.Size() < table.capacity / 4 && table.capacity >= 64) {
    try {
      Resize(hash, CapacityFor(table.Size()));
    } catch (const std::bad_alloc&) {
      // It stays as large as it is.
    }
  }
}

void HashIndex::Compact() {
  for (size_t i = 0; i < directory_.size(); i += Span(directory_[i])) {
    const SubTable& table = directory_[i];
    uint32_t wanted = kMinCapacity;
    while (IsFull(table.Size(), wanted)) wanted = GrownCapacity(wanted);
    if (wanted < table.capacity) Resize(static_cast<uint32_t>(uint64_t{i} << (32 - depth_)), wanted);
  }
}

Status HashIndex::CheckInvariants() const {
  size_t entries = 0;
  for (size_t i = 0; i < directory_.size(); i += Span(directory_[i])) {
    const SubTable& table = directory_[i];
    const auto broken = [&](const char* what) {
      return InternalError(absl::StrCat("index table ", i, " of ", directory_.size(), ": ", what));
    };
    if (i % Span(table) != 0) return broken("stands at the wrong place");
    for (size_t k = 0; k < Span(table); ++k) {
      if (directory_[i + k].entries != table.entries) return broken("is missing from its range");
    }
    uint32_t size = 0;
    uint32_t previous = 0;
    if (table.entries[table.Slots() - 1].slot != kNotFound) return broken("last entry is in use");
    for (uint32_t e = 0; e < table.Slots(); ++e) {
      const Entry& entry = table.entries[e];
      if (entry.slot == kNotFound) {
        if (entry.hash != 0xFFFFFFFF) return broken("free entry with a hash");
        continue;
      }
      ++size;
      if (uint64_t{entry.hash} >> (32 - depth_) >> (depth_ - table.depth) != i >> (depth_ - table.depth)) {
        return broken("entry of another table");
      }
      if (entry.hash < previous) return broken("not in order");
      previous = entry.hash;
      const uint32_t home = table.Home(entry.hash);
      if (home > e) return broken("entry before its home");
      for (uint32_t p = home; p < e; ++p) {
        if (table.entries[p].slot == kNotFound) return broken("gap between an entry and its home");
      }
    }
    if (size != table.Size()) return broken("wrong size");
    entries += size;
  }
  if (entries != size_) return InternalError("index: wrong size");
  return OkStatus();
}

}  // namespace partita
