// Slots that are kept for the keys they had, while a table is fixed.

#include <algorithm>
#include <cassert>

#include "column/row_store.h"

namespace partita {

void RowStore::Hold(Slot slot) {
  assert(TestBit(chunk_of(slot).live, slot & kChunkMask));
  MaybeFailAllocation();
  SetBit(held_[slot >> kChunkShift].words, slot & kChunkMask);
}

void RowStore::ClaimHeld(Slot slot) {
  Chunk* chunk = WritableChunk(slot >> kChunkShift);
  const uint32_t place = slot & kChunkMask;
  assert(!TestBit(chunk->live, place) && TestBit(HeldIn(chunk->number)->words, place));
  SetBit(chunk->live, place);
  ++chunk->live_count;
}

Slot RowStore::ClaimSlotBesideHeld() {
  for (;;) {
    if (open_.empty() && AddChunk() == kMaxChunks) return kNoSlot;
    const uint32_t number = open_.back();
    Chunk* chunk = WritableChunk(number);
    const SlotSet* held = HeldIn(number);
    const auto free_in = [&](uint32_t word) {
      return ~(chunk->live[word] | (held == nullptr ? 0 : held->words[word]));
    };
    uint32_t word = chunk->free_hint;
    while (word < kBitmapWords && free_in(word) == 0) ++word;
    const uint32_t place =
        word == kBitmapWords ? kChunkSlots : word * 64 + static_cast<uint32_t>(absl::countr_zero(free_in(word)));
    if (place >= chunk->capacity) {
      if (chunk->capacity < kChunkSlots) {
        GrowChunk(number);
      } else {
        chunk->in_open_list = false;
        open_.pop_back();
      }
      continue;
    }
    chunk->free_hint = word;
    SetBit(chunk->live, place);
    ++chunk->live_count;
    return number << kChunkShift | place;
  }
}

// Writes only fields of a header that belong to the writer, also where a pin sees the header: so it cannot fail.
void RowStore::ReleaseHeld() {
  std::map<uint32_t, SlotSet> held;
  held.swap(held_);
  for (const auto& [number, slots] : held) {
    Chunk* chunk = chunks_[number];
    if (chunk->live_count == 0) {
      ReleaseChunk(number);
      continue;
    }
    for (uint32_t w = 0; w < kBitmapWords; ++w) {
      if ((slots.words[w] & ~chunk->live[w]) != 0) chunk->free_hint = std::min(chunk->free_hint, w);
    }
    if (!chunk->in_open_list && chunk->live_count < chunk->capacity) {
      chunk->in_open_list = true;
      open_.push_back(number);
    }
  }
}

}  // namespace partita
