#include "table/row_buffer.h"

#include <algorithm>

namespace partita {

void RowBuffer::GrowValues(size_t count) {
  const size_t capacity = std::max(value_count_ + count, value_capacity_ * 2);
  MaybeFailAllocation();
  auto grown = std::make_unique_for_overwrite<char[]>(capacity * sizeof(Value));
  std::memcpy(grown.get(), values_, value_count_ * sizeof(Value));
  more().values = std::move(grown);
  values_ = reinterpret_cast<Value*>(more_->values.get());
  value_capacity_ = capacity;
}

void RowBuffer::ReleasePins() {
  for (const std::shared_ptr<PinToken>& pin : more_->pins) pin->released.store(true, std::memory_order_release);
  more_->pins.clear();
}

char* RowBuffer::AllocateSlow(size_t size) {
  constexpr size_t kFirstBlock = 4096;
  constexpr size_t kMaxBlock = size_t{256} * 1024;
  const size_t block = std::max(size, std::clamp(heap_bytes_, kFirstBlock, kMaxBlock));
  MaybeFailAllocation();
  std::vector<std::unique_ptr<char[]>>& blocks = more().blocks;
  blocks.push_back(std::make_unique_for_overwrite<char[]>(block));
  char* p = blocks.back().get();
  heap_bytes_ += block;
  // A large value does not end the block that small ones are put in.
  if (block - size >= static_cast<size_t>(end_ - next_)) {
    next_ = p + size;
    end_ = p + block;
  }
  return p;
}

}  // namespace partita
