#include "buffer/item_list.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "column/block.h"

namespace partita {

struct ItemBlock {
  std::atomic<uint32_t> references;
  uint32_t capacity;

  char* data() { return reinterpret_cast<char*>(this + 1); }
};

namespace {

constexpr uint32_t kFirstBlock = 1024;
constexpr uint32_t kLargestBlock = 64 * 1024;  // of several items; a larger item has a block of its own

ItemBlock* NewBlock(uint32_t capacity) {
  auto* block = static_cast<ItemBlock*>(BlockData(AllocateBlock(sizeof(ItemBlock) + capacity, 0)));
  new (&block->references) std::atomic<uint32_t>(1);
  block->capacity = capacity;
  return block;
}

void Release(ItemBlock* block) {
  if (block->references.fetch_sub(1, std::memory_order_acq_rel) == 1) FreeBlock(BlockOf(static_cast<void*>(block)));
}

}  // namespace

const char* ItemList::Bytes(const Span& span) { return span.block->data() + span.begin; }

void ItemList::Swap(ItemList* other) {
  std::swap(spans_, other->spans_);
  std::swap(first_, other->first_);
  std::swap(items_, other->items_);
  std::swap(bytes_, other->bytes_);
  std::swap(next_, other->next_);
  std::swap(room_, other->room_);
}

void ItemList::AddBlock(uint32_t size) {
  const uint32_t last = spans_.empty() ? kFirstBlock / 2 : spans_.back().block->capacity;
  const uint32_t capacity = std::max(size, std::min(2 * std::min(last, kLargestBlock), kLargestBlock));
  if (spans_.size() == spans_.capacity()) {
    MaybeFailAllocation();
    spans_.reserve(std::max<size_t>(4, 2 * spans_.size()));
  }
  ItemBlock* block = NewBlock(capacity);
  spans_.push_back(Span{block, 0, 0, 0});
  next_ = block->data();
  room_ = capacity;
}

void ItemList::PopSpan() {
  Release(spans_[first_].block);
  ++first_;
  if (first_ == spans_.size()) {
    spans_.clear();
    first_ = 0;
    next_ = nullptr;
    room_ = 0;
  } else if (first_ > spans_.size() / 2) {
    spans_.erase(spans_.begin(), spans_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

ItemList ItemList::TakeFront(uint64_t most) {
  ItemList taken;
  if (items_ <= most) {
    Swap(&taken);
    return taken;
  }
  size_t whole = 0;  // spans that go as a whole
  uint64_t left = most;
  while (spans_[first_ + whole].items <= left) left -= spans_[first_ + whole++].items;
  MaybeFailAllocation();
  taken.spans_.reserve(whole + 1);
  for (; whole > 0; --whole) {
    const Span& span = spans_[first_];
    taken.spans_.push_back(span);
    taken.items_ += span.items;
    taken.bytes_ += span.end - span.begin;
    span.block->references.fetch_add(1, std::memory_order_relaxed);
    PopSpan();
  }
  Span& span = spans_[first_];
  if (left > 0) {
    const char* const begin = Bytes(span);
    const char* p = begin;
    for (uint64_t i = 0; i < left; ++i) p = wire::SkipTerm(p);
    const auto size = static_cast<uint32_t>(p - begin);
    taken.spans_.push_back(Span{span.block, span.begin, span.begin + size, left});
    span.block->references.fetch_add(1, std::memory_order_relaxed);
    span.begin += size;
    span.items -= left;
    taken.items_ += left;
    taken.bytes_ += size;
  }
  items_ -= taken.items_;
  bytes_ -= taken.bytes_;
  return taken;
}

Value ItemList::Front() const {
  Value item;
  ForEach([&item](const Value& first) {
    item = first;
    return false;
  });
  return item;
}

uint32_t ItemList::DropFront() {
  assert(items_ > 0);
  while (spans_[first_].items == 0) PopSpan();
  Span& span = spans_[first_];
  const char* p = Bytes(span);
  const auto size = static_cast<uint32_t>(wire::SkipTerm(p) - p);
  span.begin += size;
  --span.items;
  --items_;
  bytes_ -= size;
  if (span.items == 0) PopSpan();
  return size;
}

void ItemList::Clear() {
  for (size_t s = first_; s < spans_.size(); ++s) Release(spans_[s].block);
  spans_.clear();
  first_ = 0;
  items_ = bytes_ = 0;
  next_ = nullptr;
  room_ = 0;
}

}  // namespace partita
