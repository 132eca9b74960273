// From key to key of one moment, in the order that the table had (hash_step.cc). Only the key that a step starts from
// is looked up under a lock.

#include <new>

#include "table/hash_snapshot.h"
#include "table/live_slots.h"

namespace partita {

Outcome HashSnapshot::StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out) {
  const uint32_t partitions = options().partitions;
  const bool forward = IsForward(step);
  uint32_t number = forward ? 0 : partitions - 1;
  uint64_t at = forward ? 0 : kNoSlot;
  if (from != nullptr) {
    Slot here;
    if (!FindKey(*from, wait, &here)) return Outcome::kWouldBlock;
    if (here == kNoSlot) return Outcome::kNoSuchKey;
    number = table_->PartitionNumber(from->hash);
    at = forward ? uint64_t{here} + 1 : here;
  }
  try {
    for (;;) {
      const Chunks keys = PinnedKeysOf(number).keys;
      const Slot slot = forward ? LiveSlotFrom(keys, at) : LiveSlotBefore(keys, at);
      if (slot != kNoSlot) {
        whole ? CopyRowsOf(number, slot, out) : CopyKey(number, slot, out);
        return Outcome::kOk;
      }
      if (forward ? ++number == partitions : number-- == 0) return Outcome::kOk;
      at = forward ? 0 : kNoSlot;
    }
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome HashSnapshot::ReadSlot(uint64_t number, bool* past_end, RowBuffer* out) {
  const NumberedSlots place(number, options().partitions);
  const Chunks keys = PinnedKeysOf(place.partition).keys;
  try {
    for (Slot slot = LiveSlotFrom(keys, place.first); slot != kNoSlot && slot < place.end;
         slot = LiveSlotFrom(keys, uint64_t{slot} + 1)) {
      CopyRowsOf(place.partition, slot, out);
    }
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  *past_end = place.first >= EndOfSlots(keys);
  for (uint32_t other = 0; *past_end && other < options().partitions; ++other) {
    *past_end = !place.IsWithin(other, EndOfSlots(PinnedKeysOf(other).keys));
  }
  return Outcome::kOk;
}

}  // namespace partita
