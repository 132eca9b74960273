// Blocks: the memory that storage is made of. Every header, array, bitmap and extent is one malloc'd block that knows
// the epoch of its birth, so that copy-on-write can tell what a snapshot may see (row_store.h, rule I3), and that can
// be chained on a list without allocating, so that letting go of memory never fails.

#ifndef PARTITA_COLUMN_BLOCK_H_
#define PARTITA_COLUMN_BLOCK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace partita {

struct alignas(16) Block {
  Block* next;          // in a list of retired or garbage blocks
  uint64_t birth;       // epoch at which it was made
  uint64_t retired_at;  // epoch at which it was replaced
  uint64_t size;        // bytes, this header included
};
static_assert(sizeof(Block) == 32);

// `bytes` usable bytes after the header. Throws std::bad_alloc.
Block* AllocateBlock(size_t bytes, uint64_t birth);
void FreeBlock(Block* block);
void FreeBlockChain(Block* first);

inline void* BlockData(Block* block) { return block + 1; }
inline Block* BlockOf(void* data) { return static_cast<Block*>(data) - 1; }
inline const Block* BlockOf(const void* data) { return static_cast<const Block*>(data) - 1; }

// Bytes in live blocks and index tables of the whole process.
extern std::atomic<int64_t> g_live_bytes;

// Makes the `after`-th allocation from now (1: the next one) throw std::bad_alloc, once; 0: none. Counts the
// allocations of this thread only.
void TEST_FailAllocation(int64_t after);
// Called by every allocation of the engine; throws when it is the one to fail.
void MaybeFailAllocation();

}  // namespace partita

#endif  // PARTITA_COLUMN_BLOCK_H_
