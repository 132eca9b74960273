// Walks from key to key in the order of slots, partition by partition, the table cut in numbered places, and fixing.
//
// A step takes one lock at a time: that of the key it starts from, then those of the partitions after it as long as
// these are empty from there on. A key keeps its slot while it is there, and while the table is fixed also when it goes
// and comes back; so a walk meets every key that stays once.

#include <algorithm>
#include <utility>

#include "table/hash_table.h"

namespace partita {
namespace {

// Slots of one number of ReadSlot: as many as the smallest chunk has.
constexpr uint32_t kSlotsPerNumber = 8;

uint64_t LiveFrom(const Chunk& chunk, uint32_t place) {
  for (uint32_t word = place >> 6; word < kBitmapWords; ++word) {
    uint64_t bits = chunk.live[word];
    if (word == place >> 6) bits &= ~uint64_t{0} << (place & 63);
    if (bits != 0) return word * 64 + static_cast<uint32_t>(absl::countr_zero(bits));
  }
  return kNoSlot;
}

// Of the places up to `place`.
uint64_t LiveUpTo(const Chunk& chunk, uint32_t place) {
  for (uint32_t word = (place >> 6) + 1; word-- > 0;) {
    uint64_t bits = chunk.live[word];
    if (word == place >> 6) bits &= ~uint64_t{0} >> (63 - (place & 63));
    if (bits != 0) return word * 64 + 63 - static_cast<uint32_t>(absl::countl_zero(bits));
  }
  return kNoSlot;
}

// One past the last slot of the last chunk.
uint64_t EndOfSlots(const RowStore& rows) {
  for (uint32_t number = rows.chunk_count(); number-- > 0;) {
    if (rows.chunk(number) != nullptr) return (uint64_t{number} << kChunkShift) + rows.chunk(number)->capacity;
  }
  return 0;
}

// The first key from number `slot` on, or the last one before it; kNoSlot: none.
Slot KeyFrom(const RowStore& keys, uint64_t slot) {
  uint32_t place = static_cast<uint32_t>(slot & kChunkMask);
  for (uint64_t number = slot >> kChunkShift; number < keys.chunk_count(); ++number) {
    const Chunk* chunk = keys.chunk(static_cast<uint32_t>(number));
    const uint64_t live = chunk == nullptr ? kNoSlot : LiveFrom(*chunk, place);
    if (live != kNoSlot) return static_cast<Slot>(number << kChunkShift | live);
    place = 0;
  }
  return kNoSlot;
}

Slot KeyBefore(const RowStore& keys, uint64_t slot) {
  slot = std::min(slot, uint64_t{keys.chunk_count()} << kChunkShift);
  if (slot == 0) return kNoSlot;
  uint32_t place = static_cast<uint32_t>((slot - 1) & kChunkMask);
  for (uint64_t number = ((slot - 1) >> kChunkShift) + 1; number-- > 0;) {
    const Chunk* chunk = keys.chunk(static_cast<uint32_t>(number));
    const uint64_t live = chunk == nullptr ? kNoSlot : LiveUpTo(*chunk, place);
    if (live != kNoSlot) return static_cast<Slot>(number << kChunkShift | live);
    place = kChunkMask;
  }
  return kNoSlot;
}

bool IsForward(Step step) { return step == Step::kFirst || step == Step::kNext; }

}  // namespace

// One partition's part of a step; `from` (may be null) is a key of this partition. *found: something was appended.
Outcome HashTable::StepInPartition(uint32_t number, Step step, const KeyView* from, bool whole, Wait wait,
                                   RowBuffer* out, bool* found) {
  Partition& partition = partitions_[number];
  const Locked locked(&partition, wait);
  if (!locked.got()) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  const bool forward = IsForward(step);
  Slot slot = kNoSlot;
  try {
    if (from == nullptr) {
      slot = forward ? KeyFrom(partition.keys(), 0) : KeyBefore(partition.keys(), uint64_t{1} << 32);
    } else {
      Slot here = partition.FindKey(from->hash, from->key, options_.keypos);
      if (here == kNoSlot && !partition.FindErasedKey(from->hash, from->key, &here)) return Outcome::kNoSuchKey;
      if (here == kNoSlot) {  // went with all that were there then: nothing is left to walk on to
        *found = true;
        return Outcome::kOk;
      }
      slot = forward ? KeyFrom(partition.keys(), uint64_t{here} + 1) : KeyBefore(partition.keys(), here);
    }
    if (slot == kNoSlot) return Outcome::kOk;
    if (whole) {
      partition.CopyRowsOf(slot, Direction::kForward, out);
    } else {
      partition.CopyKey(slot, options_.keypos, out);
    }
    *found = true;
    return Outcome::kOk;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome HashTable::StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out) {
  const bool forward = IsForward(step);
  uint32_t number = from != nullptr ? PartitionNumber(from->hash) : forward ? 0 : options_.partitions - 1;
  bool found = false;
  for (;;) {
    const Outcome outcome = StepInPartition(number, step, from, whole, wait, out, &found);
    if (outcome != Outcome::kOk || found) return outcome;
    if (forward ? ++number == options_.partitions : number-- == 0) return Outcome::kOk;
    from = nullptr;
  }
}

// Numbers go round the partitions, so that what they mean does not depend on how much another partition holds.
Outcome HashTable::ReadSlot(uint64_t number, Wait wait, bool* past_end, RowBuffer* out) {
  const uint64_t first = std::min(number / options_.partitions, uint64_t{1} << 32) * kSlotsPerNumber;
  const uint32_t own = static_cast<uint32_t>(number % options_.partitions);
  *past_end = false;
  try {
    Partition& partition = partitions_[own];
    const Locked locked(&partition, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    const RowStore& keys = partition.keys();
    if (first < EndOfSlots(keys)) {
      for (Slot slot = KeyFrom(keys, first); slot < first + kSlotsPerNumber; slot = KeyFrom(keys, uint64_t{slot} + 1)) {
        partition.CopyRowsOf(slot, Direction::kForward, out);
      }
      return Outcome::kOk;
    }
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  // Nothing there, or past the end? Partitions after this one have the number's slots a turn before those ahead of it.
  for (const uint32_t other : all_numbers_) {
    Partition& partition = partitions_[other];
    const Locked locked(&partition, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    const uint64_t end = EndOfSlots(partition.keys());
    if (other > own ? end > first : end > first + kSlotsPerNumber) return Outcome::kOk;
  }
  *past_end = true;
  return Outcome::kOk;
}

Outcome HashTable::Fix(Wait wait) {
  LockedMany locked;
  if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  if (fixes_ == 0) {
    try {
      for (const uint32_t number : all_numbers_) {
        MaybeFailAllocation();
        partitions_[number].fixed = std::make_unique<FixedKeys>(options_.keypos);
      }
    } catch (const std::bad_alloc&) {
      for (const uint32_t number : all_numbers_) partitions_[number].fixed.reset();
      return Outcome::kNoMemory;
    }
  }
  ++fixes_;
  return Outcome::kOk;
}

Outcome HashTable::Unfix(Wait wait) {
  std::unique_ptr<FixedKeys> ended;  // a list, let go after the locks
  {
    LockedMany locked;
    if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    if (fixes_ == 0) return Outcome::kOk;
    --fixes_;
    if (fixes_ != 0) return Outcome::kOk;
    for (const uint32_t number : all_numbers_) {
      Partition& partition = partitions_[number];
      partition.fixed->cleared().clear();  // lets go of the pins
      partition.fixed->next = std::move(ended);
      ended = std::move(partition.fixed);
      partition.keys().ReleaseHeld();
      partition.ReapPins();
    }
  }
  while (ended != nullptr) ended = std::move(ended->next);
  return Outcome::kOk;
}

}  // namespace partita
