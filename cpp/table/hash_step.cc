// Walks from key to key in the order of slots, partition by partition, the table cut in numbered places, and fixing.
//
// A step takes one lock at a time: that of the key it starts from, then those of the partitions after it as long as
// these are empty from there on. A key keeps its slot while it is there, and while the table is fixed also when it goes
// and comes back; so a walk meets every key that stays once.

#include <algorithm>
#include <utility>

#include "table/hash_table.h"
#include "table/live_slots.h"

namespace partita {

// One partition's part of a step; `from` (may be null) is a key of this partition. *found: something was appended.
Outcome HashTable::StepInPartition(uint32_t number, Step step, const KeyView* from, bool whole, Wait wait,
                                   RowBuffer* out, bool* found) {
  Partition& partition = partitions_[number];
  const Locked locked(&partition, wait);
  if (!locked.got()) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  const bool forward = IsForward(step);
  const Chunks keys = ChunksOf(partition.keys());
  Slot slot = kNoSlot;
  try {
    if (from == nullptr) {
      slot = forward ? LiveSlotFrom(keys, 0) : LiveSlotBefore(keys, kNoSlot);
    } else {
      Slot here = partition.FindKey(from->hash, from->key, options_.keypos);
      if (here == kNoSlot && !partition.FindErasedKey(from->hash, from->key, &here)) return Outcome::kNoSuchKey;
      if (here == kNoSlot) {  // went with all that were there then: nothing is left to walk on to
        *found = true;
        return Outcome::kOk;
      }
      slot = forward ? LiveSlotFrom(keys, uint64_t{here} + 1) : LiveSlotBefore(keys, here);
    }
    if (slot == kNoSlot) return Outcome::kOk;
    if (whole) {
      partition.CopyRowsOf(slot, Direction::kForward, LongValues::kPinned, out);
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

Outcome HashTable::ReadSlot(uint64_t number, Wait wait, bool* past_end, RowBuffer* out) {
  const NumberedSlots place(number, options_.partitions);
  *past_end = false;
  try {
    Partition& partition = partitions_[place.partition];
    const Locked locked(&partition, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    const Chunks keys = ChunksOf(partition.keys());
    if (place.first < EndOfSlots(keys)) {
      for (Slot slot = LiveSlotFrom(keys, place.first); slot < place.end;
           slot = LiveSlotFrom(keys, uint64_t{slot} + 1)) {
        partition.CopyRowsOf(slot, Direction::kForward, LongValues::kPinned, out);
      }
      return Outcome::kOk;
    }
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  // Nothing there, or past the end?
  for (const uint32_t other : all_numbers_) {
    Partition& partition = partitions_[other];
    const Locked locked(&partition, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    if (place.IsWithin(other, EndOfSlots(ChunksOf(partition.keys())))) return Outcome::kOk;
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
