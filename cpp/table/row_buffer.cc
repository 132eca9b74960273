#include "table/row_buffer.h"

#include <algorithm>

namespace partita {

char* RowBuffer::AllocateSlow(size_t size) {
  constexpr size_t kFirstBlock = 4096;
  constexpr size_t kMaxBlock = size_t{256} * 1024;
  const size_t block = std::max(size, std::clamp(heap_bytes_, kFirstBlock, kMaxBlock));
  MaybeFailAllocation();
  blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
  char* p = blocks_.back().get();
  heap_bytes_ += block;
  // A large value does not end the block that small ones are put in.
  if (block - size >= static_cast<size_t>(end_ - next_)) {
    next_ = p + size;
    end_ = p + block;
  }
  return p;
}

}  // namespace partita
