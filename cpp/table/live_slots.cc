#include "table/live_slots.h"

#include <algorithm>

#include "absl/numeric/bits.h"

namespace partita {
namespace {

uint32_t LiveFrom(const Chunk& chunk, uint32_t place) {
  for (uint32_t word = place >> 6; word < kBitmapWords; ++word) {
    uint64_t bits = chunk.live[word];
    if (word == place >> 6) bits &= ~uint64_t{0} << (place & 63);
    if (bits != 0) return word * 64 + static_cast<uint32_t>(absl::countr_zero(bits));
  }
  return kNoSlot;
}

// Of the places up to `place`.
uint32_t LiveUpTo(const Chunk& chunk, uint32_t place) {
  for (uint32_t word = (place >> 6) + 1; word-- > 0;) {
    uint64_t bits = chunk.live[word];
    if (word == place >> 6) bits &= ~uint64_t{0} >> (63 - (place & 63));
    if (bits != 0) return word * 64 + 63 - static_cast<uint32_t>(absl::countl_zero(bits));
  }
  return kNoSlot;
}

}  // namespace

Slot LiveSlotFrom(Chunks chunks, uint64_t slot) {
  uint32_t place = static_cast<uint32_t>(slot & kChunkMask);
  for (uint64_t number = slot >> kChunkShift; number < chunks.size(); ++number) {
    const uint32_t live = chunks[number] == nullptr ? kNoSlot : LiveFrom(*chunks[number], place);
    if (live != kNoSlot) return static_cast<Slot>(number << kChunkShift | live);
    place = 0;
  }
  return kNoSlot;
}

Slot LiveSlotBefore(Chunks chunks, uint64_t slot) {
  slot = std::min(slot, uint64_t{chunks.size()} << kChunkShift);
  if (slot == 0) return kNoSlot;
  uint32_t place = static_cast<uint32_t>((slot - 1) & kChunkMask);
  for (uint64_t number = ((slot - 1) >> kChunkShift) + 1; number-- > 0;) {
    const uint32_t live = chunks[number] == nullptr ? kNoSlot : LiveUpTo(*chunks[number], place);
    if (live != kNoSlot) return static_cast<Slot>(number << kChunkShift | live);
    place = kChunkMask;
  }
  return kNoSlot;
}

uint64_t EndOfSlots(Chunks chunks) {
  for (uint64_t number = chunks.size(); number-- > 0;) {
    if (chunks[number] != nullptr) return (number << kChunkShift) + chunks[number]->capacity;
  }
  return 0;
}

}  // namespace partita
