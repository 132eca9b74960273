// Slots, headers, copy-on-write and pins. Columns: row_store_columns.cc; heaps: row_store_heap.cc.

#include "column/row_store.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/this_thread.h"

namespace partita {
namespace {

constexpr uint32_t kFirstCapacity = 8;

std::atomic<uint32_t> chunk_limit{kMaxChunks};

size_t HeaderBytes(uint32_t column_count) { return sizeof(Chunk) + column_count * sizeof(Column); }

}  // namespace

void TEST_LimitChunks(uint32_t count) { chunk_limit.store(count, std::memory_order_relaxed); }

RowStore::~RowStore() {
  pins_.clear();
  NotePins();
  ReleaseAll();
  FreeBlockChain(garbage_);
  FreeBlockChain(retired_);
}

void* RowStore::NewBlock(size_t bytes) {
  Block* block = AllocateBlock(bytes, epoch_);
  bytes_ += block->size;
  return BlockData(block);
}

void RowStore::Retire(void* data) {
  if (data == nullptr) return;
  Block* block = BlockOf(data);
  if (Pinned(block->birth)) {
    block->retired_at = epoch_;
    block->next = retired_;
    retired_ = block;
    retired_bytes_ += block->size;
  } else {
    bytes_ -= block->size;
    block->next = *garbage_list_;
    *garbage_list_ = block;
  }
}

// --- Slots.

Slot RowStore::ClaimSlot() {
  if (ABSL_PREDICT_FALSE(!held_.empty())) return ClaimSlotBesideHeld();
  for (;;) {
    if (open_.empty() && AddChunk() == kMaxChunks) return kNoSlot;
    const uint32_t number = open_.back();
    Chunk* chunk = WritableChunk(number);
    if (chunk->live_count == chunk->capacity) {
      if (chunk->capacity == kChunkSlots) {
        chunk->in_open_list = false;
        open_.pop_back();
        continue;
      }
      chunk = GrowChunk(number);
    }
    uint32_t word = chunk->free_hint;
    while (~chunk->live[word] == 0) ++word;
    chunk->free_hint = word;
    const uint32_t place = word * 64 + static_cast<uint32_t>(absl::countr_zero(~chunk->live[word]));
    assert(place < chunk->capacity);
    SetBit(chunk->live, place);
    ++chunk->live_count;
    return number << kChunkShift | place;
  }
}

void RowStore::UnclaimSlot(Slot slot) {
  const uint32_t number = slot >> kChunkShift;
  const uint32_t place = slot & kChunkMask;
  Chunk* chunk = chunks_[number];
  assert(!Pinned(chunk->birth) && TestBit(chunk->live, place));
  ClearBit(chunk->live, place);
  chunk->free_hint = std::min(chunk->free_hint, place >> 6);
  if (--chunk->live_count == 0 && HeldIn(number) == nullptr) {
    ReleaseChunk(number);
  } else if (!chunk->in_open_list) {
    chunk->in_open_list = true;
    open_.push_back(number);
  }
}

void RowStore::PrepareErase(Slot slot) { WritableChunk(slot >> kChunkShift); }

void RowStore::Erase(Slot slot) {
  Chunk* chunk = chunks_[slot >> kChunkShift];
  const uint32_t place = slot & kChunkMask;
  // Of a chunk that goes with its last row the heap goes too.
  if (chunk->heap != nullptr && (chunk->live_count > 1 || HeldIn(chunk->number) != nullptr)) {
    for (uint32_t c = 0; c < chunk->column_count; ++c) NoteDeadAt(chunk, chunk->columns[c], place);
  }
  ClearBit(chunk->live_at_pin, place);
  UnclaimSlot(slot);
}

uint32_t RowStore::AddChunk() {
  const bool reuse = !free_numbers_.empty();
  if (!reuse && chunks_.size() >= chunk_limit.load(std::memory_order_relaxed)) return kMaxChunks;
  const uint32_t number = reuse ? free_numbers_.back() : static_cast<uint32_t>(chunks_.size());
  if (!reuse) {
    // Room first, so that neither list can fail later.
    MaybeFailAllocation();
    if (chunks_.size() == chunks_.capacity()) chunks_.reserve(std::max<size_t>(1, chunks_.size() * 2));
    open_.reserve(chunks_.capacity());
    free_numbers_.reserve(chunks_.capacity());
  }
  Chunk* chunk = static_cast<Chunk*>(NewBlock(HeaderBytes(0)));
  std::memset(static_cast<void*>(chunk), 0, HeaderBytes(0));
  chunk->birth = epoch_;
  chunk->capacity = live_chunks_ == 0 ? kFirstCapacity : kChunkSlots;
  chunk->number = number;
  chunk->open_extent = kNoExtent;
  chunk->free_extent = kNoExtent;
  chunk->in_open_list = true;
  if (reuse) {
    free_numbers_.pop_back();
    chunks_[number] = chunk;
  } else {
    chunks_.push_back(chunk);
  }
  ++live_chunks_;
  open_.push_back(number);
  return number;
}

void RowStore::RetireContent(Chunk* chunk) {
  for (uint32_t c = 0; c < chunk->column_count; ++c) {
    Retire(chunk->columns[c].data);
    Retire(chunk->columns[c].valid);
  }
  Retire(chunk->arities);
  Retire(chunk->links);
  if (chunk->heap != nullptr) {
    for (uint32_t e = 0; e < chunk->heap->count; ++e) {
      if (IsExtent(chunk->heap->extents[e])) Retire(chunk->heap->extents[e]);
    }
    Retire(chunk->heap);
  }
  Retire(chunk);
}

void RowStore::ReleaseChunk(uint32_t number) {
  Chunk* chunk = chunks_[number];
  if (chunk->in_open_list) open_.erase(std::find(open_.begin(), open_.end(), number));
  RetireContent(chunk);
  chunks_[number] = nullptr;
  free_numbers_.push_back(number);
  --live_chunks_;
}

void RowStore::ReleaseAll() {
  for (Chunk* chunk : chunks_) {
    if (chunk != nullptr) RetireContent(chunk);
  }
  chunks_.clear();
  open_.clear();
  free_numbers_.clear();
  held_.clear();
  live_chunks_ = 0;
}

Chunk* RowStore::CopyPinnedHeader(uint32_t number) {
  ReapPins();
  Chunk* chunk = chunks_[number];
  if (!Pinned(chunk->birth)) return chunk;
  const bool one_pin = pins_.size() == 1;
  chunk = CopyHeader(number, chunk->column_count);
  for (uint32_t w = 0; w < kBitmapWords; ++w) {
    chunk->live_at_pin[w] = chunk->live[w] | (one_pin ? 0 : chunk->live_at_pin[w]);
  }
  return chunk;
}

Chunk* RowStore::CopyHeader(uint32_t number, uint32_t column_count) {
  Chunk* old = chunks_[number];
  Chunk* chunk = static_cast<Chunk*>(NewBlock(HeaderBytes(column_count)));
  std::memcpy(static_cast<void*>(chunk), old, HeaderBytes(std::min<uint32_t>(column_count, old->column_count)));
  for (uint32_t c = old->column_count; c < column_count; ++c) chunk->columns[c] = Column{};
  chunk->birth = epoch_;
  chunk->column_count = static_cast<uint16_t>(column_count);
  chunks_[number] = chunk;
  Retire(old);
  return chunk;
}

// Arrays larger than the header says are harmless, so each is replaced on its own and a failure leaves nothing to undo.
Chunk* RowStore::GrowChunk(uint32_t number) {
  Chunk* chunk = chunks_[number];
  const uint32_t old_capacity = chunk->capacity;
  const uint32_t capacity = old_capacity * 2;
  for (uint32_t c = 0; c < chunk->column_count; ++c) {
    Column& column = chunk->columns[c];
    if (column.kind == ColumnKind::kEmpty) continue;
    void* data = NewArray(column.kind, capacity);
    std::memcpy(data, column.data, ElementBytes(column.kind) * old_capacity);
    if (column.valid != nullptr) {
      uint64_t* valid = nullptr;
      try {
        valid = NewBitmap(capacity);
      } catch (...) {
        Retire(data);
        throw;
      }
      std::memcpy(valid, column.valid, (old_capacity + 63) / 64 * sizeof(uint64_t));
      Retire(column.valid);
      column.valid = valid;
    }
    Retire(column.data);
    column.data = data;
    column.birth = epoch_;
  }
  if (chunk->arities != nullptr) {
    uint16_t* arities = static_cast<uint16_t*>(NewBlock(capacity * sizeof(uint16_t)));
    std::memcpy(arities, chunk->arities, old_capacity * sizeof(uint16_t));
    Retire(chunk->arities);
    chunk->arities = arities;
  }
  if (chunk->links != nullptr) {
    Link* links = static_cast<Link*>(NewBlock(capacity * sizeof(Link)));
    std::memcpy(links, chunk->links, old_capacity * sizeof(Link));
    Retire(chunk->links);
    chunk->links = links;
  }
  chunk->capacity = capacity;
  return chunk;
}

void RowStore::Compact() {
  ReapPins();
  for (uint32_t number = 0; number < chunks_.size(); ++number) {
    if (chunks_[number] != nullptr && chunks_[number]->heap_dead > 0) RewriteHeap(number);
  }
}

// --- Links.

void RowStore::PrepareLink(Slot slot) {
  const uint32_t number = slot >> kChunkShift;
  const Link* old = chunks_[number]->links;
  const bool pinned = old != nullptr && Pinned(BlockOf(old)->birth) && (pinned_columns_ & kLinksBit) != 0;
  if (ABSL_PREDICT_TRUE(old != nullptr && !pinned)) return;
  Chunk* chunk = WritableChunk(number);
  Link* links = static_cast<Link*>(NewBlock(chunk->capacity * sizeof(Link)));
  if (old != nullptr) std::memcpy(links, old, chunk->capacity * sizeof(Link));
  Retire(chunk->links);
  chunk->links = links;
}

void RowStore::StoreLink(Slot slot, Link link) {
  const Chunk* chunk = chunks_[slot >> kChunkShift];
  assert(!Pinned(BlockOf(chunk->links)->birth) || (pinned_columns_ & kLinksBit) == 0);
  chunk->links[slot & kChunkMask] = link;
}

// --- Pins.

uint64_t RowStore::Pin(std::shared_ptr<PinToken> token, ColumnSet columns) {
  MaybeFailAllocation();
  pins_.push_back(PinRecord{epoch_, columns, std::move(token)});
  NotePins();
  return epoch_++;
}

void RowStore::NotePins() {
  newest_pin_ = pins_.empty() ? 0 : pins_.back().epoch;
  newest_whole_pin_ = 0;
  pinned_columns_ = 0;
  for (const PinRecord& pin : pins_) {
    pinned_columns_ |= pin.columns;
    if (pin.columns == kAllColumns) newest_whole_pin_ = pin.epoch;
  }
}

bool RowStore::HasPinIn(uint64_t first_epoch, uint64_t end_epoch) const {
  // Pins are in the order of their epochs.
  const auto at = std::lower_bound(pins_.begin(), pins_.end(), first_epoch,
                                   [](const PinRecord& pin, uint64_t epoch) { return pin.epoch < epoch; });
  return at != pins_.end() && at->epoch < end_epoch;
}

void RowStore::ReapPins() {
  const size_t before = pins_.size();
  pins_.erase(std::remove_if(pins_.begin(), pins_.end(),
                             [](const PinRecord& pin) { return pin.token->released.load(std::memory_order_acquire); }),
              pins_.end());
  if (pins_.size() == before) return;
  NotePins();
  Block** link = &retired_;
  while (Block* block = *link) {
    if (HasPinIn(block->birth, block->retired_at)) {
      link = &block->next;
      continue;
    }
    *link = block->next;
    retired_bytes_ -= block->size;
    bytes_ -= block->size;
    block->next = *garbage_list_;
    *garbage_list_ = block;
  }
}

void RowStore::EndPinsAfterFork() {
  for (const PinRecord& pin : pins_) {
    const void* thread = pin.token->thread.load(std::memory_order_relaxed);
    if (thread != nullptr && thread != ThisThread()) pin.token->released.store(true, std::memory_order_release);
  }
}

// --- Self-check.

Status RowStore::CheckInvariants(uint64_t others) const {
  const auto broken = [](uint32_t number, const auto&... what) {
    return InternalError(absl::StrCat("chunk ", number, ": ", what...));
  };
  uint64_t bytes = retired_bytes_ + others;
  const auto count_block = [&bytes](const void* data) {
    if (data != nullptr) bytes += BlockOf(data)->size;
  };
  uint32_t existing = 0;
  for (uint32_t number = 0; number < chunks_.size(); ++number) {
    const Chunk* chunk = chunks_[number];
    const bool listed = std::find(open_.begin(), open_.end(), number) != open_.end();
    if (chunk == nullptr) {
      if (listed) return broken(number, "does not exist but is listed as open");
      if (std::count(free_numbers_.begin(), free_numbers_.end(), number) != 1) return broken(number, "number lost");
      continue;
    }
    ++existing;
    count_block(chunk);
    count_block(chunk->arities);
    count_block(chunk->links);
    if (chunk->number != number) return broken(number, "calls itself ", chunk->number);
    if (listed != chunk->in_open_list) return broken(number, "open list and flag disagree");
    const SlotSet* held = HeldIn(number);
    const auto taken = [&](uint32_t word) { return chunk->live[word] | (held == nullptr ? 0 : held->words[word]); };
    uint32_t slots_taken = 0;
    for (uint32_t w = 0; w < kBitmapWords; ++w) slots_taken += static_cast<uint32_t>(absl::popcount(taken(w)));
    if (!listed && slots_taken < chunk->capacity) return broken(number, "has free slots but is not listed");
    if (slots_taken == 0) return broken(number, "is empty and still there");
    if (chunk->birth > epoch_) return broken(number, "born in the future");
    uint32_t live = 0;
    Status status;
    uint64_t live_heap_bytes = 0;
    ForEachLive(*chunk, [&](uint32_t place) {
      ++live;
      if (place >= chunk->capacity) status = broken(number, "slot ", place, " beyond the capacity");
      const uint32_t arity = RowArity(*chunk, place);
      if (arity == 0) status = broken(number, "row without elements at ", place);
      if (arity > kMaxColumns ? chunk->column_count <= kRestColumn : arity > chunk->column_count) {
        status = broken(number, "too few columns for the row at ", place);
      }
      for (uint32_t c = 0; c < chunk->column_count; ++c) {
        const Column& column = chunk->columns[c];
        if (!HasValue(column, place)) continue;
        if (c < kRestColumn ? c >= arity : arity <= kMaxColumns) {
          status = broken(number, "column ", c, " has a value past the end of the row at ", place);
        }
        if (column.kind == ColumnKind::kStr && column.strs()[place].is_long()) {
          live_heap_bytes += column.strs()[place].size;
        } else if (column.kind == ColumnKind::kCell && column.cells()[place].is_long()) {
          live_heap_bytes += column.cells()[place].size;
        }
      }
    });
    if (!status.ok()) return status;
    if (live != chunk->live_count) return broken(number, "counts ", chunk->live_count, " rows of ", live);
    for (uint32_t w = 0; w < chunk->free_hint; ++w) {
      if (~taken(w) != 0) return broken(number, "free slot before the hint");
    }
    for (uint32_t c = 0; c < chunk->column_count; ++c) {
      const Column& column = chunk->columns[c];
      count_block(column.data);
      count_block(column.valid);
      if ((column.kind == ColumnKind::kEmpty) != (column.data == nullptr))
        return broken(number, "kind without an array");
      if (column.data != nullptr && column.birth > BlockOf(column.data)->birth) return broken(number, "array too old");
      if (column.kind == ColumnKind::kStr) {
        ForEachLive(*chunk, [&](uint32_t place) {
          if (!HasValue(column, place) || !column.all_ascii) return;
          for (const char byte : ReadStr(*chunk, column, place).bytes()) {
            if (byte < 0) status = broken(number, "column ", c, " is not all ASCII");
          }
        });
      }
    }
    if (!status.ok()) return status;
    uint64_t used = 0;
    uint64_t dead = 0;
    if (chunk->heap != nullptr) {
      count_block(chunk->heap);
      for (uint32_t e = 0; e < chunk->heap->count; ++e) {
        const Extent* extent = chunk->heap->extents[e];
        if (!IsExtent(extent)) continue;
        count_block(extent);
        if (extent->used > extent->capacity || extent->dead > extent->used) return broken(number, "extent ", e);
        used += extent->used;
        dead += extent->dead;
      }
    }
    if (used != chunk->heap_used || dead != chunk->heap_dead || used - dead != live_heap_bytes) {
      return broken(number, "heap of ", used, " bytes, ", dead, " dead, but ", live_heap_bytes, " in use; header says ",
                    chunk->heap_used, " and ", chunk->heap_dead);
    }
  }
  if (existing != live_chunks_) return InternalError("wrong number of chunks");
  if (bytes != bytes_) return InternalError(absl::StrCat("blocks hold ", bytes, " bytes, counted ", bytes_));
  return OkStatus();
}

}  // namespace partita
