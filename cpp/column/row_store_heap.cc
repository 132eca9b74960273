// The heap of a chunk: extents to which long values are appended, and their rewriting when half of them is dead.

#include <algorithm>
#include <cassert>

#include "column/row_store.h"

namespace partita {
namespace {

constexpr uint32_t kMinExtent = 512;
constexpr uint32_t kMaxExtent = 64 * 1024;
// Larger values have an extent of their own: never moved, freed as soon as they die.
constexpr uint32_t kOwnExtent = 4096;

// Never dereferenced: see IsExtent.
Extent* ChainEntry(uint32_t next) {
  return reinterpret_cast<Extent*>(static_cast<uintptr_t>(next) << 1 | 1);  // NOLINT(performance-no-int-to-ptr)
}
uint32_t NextInChain(const Extent* entry) { return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(entry) >> 1); }

}  // namespace

void RowStore::CopyDirectory(Chunk* chunk, uint32_t capacity) {
  const HeapDirectory* old = chunk->heap;
  const uint32_t count = old == nullptr ? 0 : old->count;
  HeapDirectory* copy =
      static_cast<HeapDirectory*>(NewBlock(sizeof(HeapDirectory) + std::max(capacity, count) * sizeof(Extent*)));
  copy->count = count;
  copy->capacity = std::max(capacity, count);
  if (old != nullptr) std::copy_n(old->extents, count, copy->extents);
  Retire(chunk->heap);
  chunk->heap = copy;
}

uint32_t RowStore::AddExtent(Chunk* chunk, uint32_t capacity) {
  HeapDirectory* heap = chunk->heap;
  const bool reuse = chunk->free_extent != kNoExtent && !Pinned(BlockOf(heap)->birth);
  if (!reuse && (heap == nullptr || heap->count == heap->capacity)) {
    CopyDirectory(chunk, heap == nullptr ? 4 : heap->capacity * 2);
    heap = chunk->heap;
  }
  Extent* extent = static_cast<Extent*>(NewBlock(sizeof(Extent) + capacity));
  extent->capacity = capacity;
  extent->used = 0;
  extent->dead = 0;
  extent->unused_ = 0;
  uint32_t number;
  if (reuse) {
    number = chunk->free_extent;
    chunk->free_extent = NextInChain(heap->extents[number]);
  } else {
    // A snapshot that shares this directory never looks past the extents it knows.
    number = heap->count++;
  }
  heap->extents[number] = extent;
  return number;
}

// Only with a directory that no pin can see.
void RowStore::ReleaseExtent(Chunk* chunk, uint32_t number) {
  Extent* extent = chunk->heap->extents[number];
  chunk->heap_used -= extent->used;
  chunk->heap_dead -= extent->dead;
  if (chunk->open_extent == number) chunk->open_extent = kNoExtent;
  chunk->heap->extents[number] = ChainEntry(chunk->free_extent);
  chunk->free_extent = number;
  Retire(extent);
}

char* RowStore::ReserveInHeap(Chunk* chunk, uint32_t size, HeapRef* ref) {
  uint32_t number;
  if (size > kOwnExtent) {
    number = AddExtent(chunk, size);
  } else {
    number = chunk->open_extent;
    if (number == kNoExtent || chunk->heap->extents[number]->capacity - chunk->heap->extents[number]->used < size) {
      const uint64_t half = chunk->heap_used / 2;  // growth in steps of a half keeps the slack below a third
      const uint32_t capacity = static_cast<uint32_t>(std::clamp<uint64_t>(half, kMinExtent, kMaxExtent));
      number = AddExtent(chunk, std::max(capacity, size));
      chunk->open_extent = number;
    }
  }
  Extent* extent = chunk->heap->extents[number];
  *ref = HeapRef{number, extent->used};
  char* out = extent->bytes + extent->used;
  extent->used += size;
  chunk->heap_used += size;
  return out;
}

HeapRef RowStore::AppendToHeap(Chunk* chunk, const char* data, uint32_t size) {
  HeapRef ref;
  std::memcpy(ReserveInHeap(chunk, size, &ref), data, size);
  return ref;
}

void RowStore::NoteDead(Chunk* chunk, HeapRef ref, uint32_t size) {
  Extent* extent = chunk->heap->extents[ref.extent];
  extent->dead += size;
  chunk->heap_dead += size;
  assert(extent->dead <= extent->used);
  if (extent->dead == extent->used && ref.extent != chunk->open_extent && !Pinned(BlockOf(chunk->heap)->birth)) {
    ReleaseExtent(chunk, ref.extent);
  }
}

void RowStore::NoteDeadAt(Chunk* chunk, const Column& column, uint32_t place) {
  if (column.kind == ColumnKind::kStr) {
    const StrRef& s = column.strs()[place];
    if (s.is_long() && HasValue(column, place)) NoteDead(chunk, s.ref, s.size);
  } else if (column.kind == ColumnKind::kCell) {
    const Cell& cell = column.cells()[place];
    if (cell.is_long() && HasValue(column, place)) NoteDead(chunk, cell.ref, cell.size);
  }
}

// Moves what is live out of every extent that is at least half dead. Each move is complete in itself, so that running
// out of memory on the way leaves a sound heap.
void RowStore::RewriteHeap(uint32_t number) {
  try {
    Chunk* chunk = WritableChunk(number);
    if (chunk->heap == nullptr) return;
    if (Pinned(BlockOf(chunk->heap)->birth)) CopyDirectory(chunk, chunk->heap->capacity);
    chunk->open_extent = kNoExtent;
    // Extents added from here on have other numbers, or are not half dead.
    const auto is_victim = [chunk](uint32_t e) {
      const Extent* extent = chunk->heap->extents[e];
      return IsExtent(extent) && extent->dead > 0 && extent->dead * uint64_t{2} >= extent->used;
    };
    absl::InlinedVector<bool, 64> victims(chunk->heap->count);
    for (uint32_t e = 0; e < chunk->heap->count; ++e) {
      victims[e] = is_victim(e);
      if (victims[e] && chunk->heap->extents[e]->dead == chunk->heap->extents[e]->used) {
        ReleaseExtent(chunk, e);
        victims[e] = false;
      }
    }
    for (uint32_t c = 0; c < chunk->column_count; ++c) {
      if (ElementBytes(chunk->columns[c].kind) != 16) continue;
      ForEachLive(*chunk, [&](uint32_t place) {
        Column& column = chunk->columns[c];
        if (!HasValue(column, place)) return;
        const bool is_str = column.kind == ColumnKind::kStr;
        if (is_str ? !column.strs()[place].is_long() : !column.cells()[place].is_long()) return;
        const HeapRef old_ref = is_str ? column.strs()[place].ref : column.cells()[place].ref;
        const uint32_t size = is_str ? column.strs()[place].size : column.cells()[place].size;
        if (old_ref.extent >= victims.size() || !victims[old_ref.extent]) return;
        if (ColumnPinned(column, c)) CopyArray(chunk, c);
        const HeapRef ref = AppendToHeap(chunk, HeapBytes(*chunk, old_ref), size);
        (is_str ? column.strs()[place].ref : column.cells()[place].ref) = ref;
        Extent* extent = chunk->heap->extents[old_ref.extent];
        extent->dead += size;
        chunk->heap_dead += size;
      });
    }
    for (uint32_t e = 0; e < victims.size(); ++e) {
      if (victims[e]) ReleaseExtent(chunk, e);
    }
  } catch (const std::bad_alloc&) {
    // Tried again at the next write.
  }
}

}  // namespace partita
