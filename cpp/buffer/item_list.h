// Items one after the other, each a term in wire form, in large blocks: appending one costs its size and a copy.
//
//   ItemList ── spans[]: { block, begin, end, items }        the items of one block that this list has
//     ItemBlock ── references, bytes                         written once, then never changed
//
// There is no index: items are taken off the front, in their order. TakeFront() shares blocks with what it gives and
// copies nothing. Not thread-safe, but lists that share blocks may be read, and let go of, on different threads.

#ifndef PARTITA_BUFFER_ITEM_LIST_H_
#define PARTITA_BUFFER_ITEM_LIST_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/optimization.h"
#include "absl/types/span.h"
#include "term/value.h"
#include "term/wire.h"

namespace partita {

struct ItemBlock;

class ItemList {
 public:
  ItemList() = default;
  ~ItemList() { Clear(); }
  ItemList(ItemList&& other) noexcept { Swap(&other); }
  ItemList& operator=(ItemList&& other) noexcept {
    Swap(&other);
    return *this;
  }

  uint64_t items() const { return items_; }
  // Of the items; the blocks have more.
  uint64_t bytes() const { return bytes_; }
  bool empty() const { return items_ == 0; }

  // `size` is WireSize(item). Throws std::bad_alloc and changes nothing then.
  void Append(const Value& item, uint32_t size) {
    if (ABSL_PREDICT_FALSE(size > room_)) AddBlock(size);
    WriteWire(item, next_);
    next_ += size;
    room_ -= size;
    spans_.back().end += size;
    ++spans_.back().items;
    ++items_;
    bytes_ += size;
  }
  // The first items, at most `most`, as a list of their own. Throws std::bad_alloc and changes nothing then.
  ItemList TakeFront(uint64_t most);
  // The first item, until the list changes. There must be one.
  Value Front() const;
  // Lets go of the first item, and returns its size. There must be one.
  uint32_t DropFront();
  void Clear();

  // Calls visit(const Value&) with each item in order, until it returns false.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (size_t s = first_; s < spans_.size(); ++s) {
      const char* p = Bytes(spans_[s]);
      const char* end = p + (spans_[s].end - spans_[s].begin);
      while (p < end) {
        Value item;
        p = wire::ReadTerm(p, &item);
        if (!visit(static_cast<const Value&>(item))) return;
      }
    }
  }

 private:
  struct Span {
    ItemBlock* block;
    uint32_t begin;
    uint32_t end;
    uint64_t items;
  };

  static const char* Bytes(const Span& span);
  void Swap(ItemList* other);
  void AddBlock(uint32_t size);
  // Lets go of the first span.
  void PopSpan();

  std::vector<Span> spans_;
  size_t first_ = 0;  // spans before this one are gone
  uint64_t items_ = 0;
  uint64_t bytes_ = 0;
  char* next_ = nullptr;  // where the next item goes, in the block of the last span
  uint32_t room_ = 0;     // bytes left there
};

}  // namespace partita

#endif  // PARTITA_BUFFER_ITEM_LIST_H_
