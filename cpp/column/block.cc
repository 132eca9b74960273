#include "column/block.h"

#include <cstdlib>
#include <new>

#include "absl/base/optimization.h"
#include "absl/numeric/bits.h"
#include "base/huge_pages.h"

namespace partita {

std::atomic<int64_t> g_live_bytes{0};

namespace {
thread_local int64_t allocations_until_failure = 0;
// The arrays of full chunks. They are nearly all of a large table, and come in two sizes.
bool IsArrayOfFullChunk(size_t size) { return size > 8192 && absl::has_single_bit(size - sizeof(Block)); }

}  // namespace

void TEST_FailAllocation(int64_t after) { allocations_until_failure = after; }

void MaybeFailAllocation() {
  if (ABSL_PREDICT_TRUE(allocations_until_failure == 0)) return;
  if (--allocations_until_failure == 0) throw std::bad_alloc();
}

Block* AllocateBlock(size_t bytes, uint64_t birth) {
  MaybeFailAllocation();
  const size_t size = sizeof(Block) + bytes;
  void* memory = IsArrayOfFullChunk(size) ? AllocateLarge(size) : std::malloc(size);
  if (ABSL_PREDICT_FALSE(memory == nullptr)) throw std::bad_alloc();
  g_live_bytes.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
  return new (memory) Block{nullptr, birth, 0, size};
}

void FreeBlock(Block* block) {
  g_live_bytes.fetch_sub(static_cast<int64_t>(block->size), std::memory_order_relaxed);
  if (IsArrayOfFullChunk(block->size)) {
    FreeLarge(block, block->size);
  } else {
    std::free(block);
  }
}

void FreeBlockChain(Block* first) {
  while (first != nullptr) {
    Block* next = first->next;
    FreeBlock(first);
    first = next;
  }
}

}  // namespace partita
