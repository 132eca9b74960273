// Which slots of some chunks hold a row: the next one, the one before, the end.

#ifndef PARTITA_TABLE_LIVE_SLOTS_H_
#define PARTITA_TABLE_LIVE_SLOTS_H_

#include <algorithm>
#include <cstdint>

#include "absl/types/span.h"
#include "column/row_store.h"

namespace partita {

using Chunks = absl::Span<const Chunk* const>;  // by number; some are null
inline Chunks ChunksOf(const RowStore& rows) { return Chunks(rows.chunks().data(), rows.chunks().size()); }

// The first live slot from `slot` on, or the last one before it; kNoSlot: none.
Slot LiveSlotFrom(Chunks chunks, uint64_t slot);
Slot LiveSlotBefore(Chunks chunks, uint64_t slot);
// One past the last slot of the last chunk.
uint64_t EndOfSlots(Chunks chunks);

// The slots that a number of ReadSlot stands for: as many as the smallest chunk has. Numbers go round the partitions,
// so that what they mean does not depend on how much another partition holds.
struct NumberedSlots {
  NumberedSlots(uint64_t number, uint32_t partitions)
      : partition(static_cast<uint32_t>(number % partitions)),
        first(std::min(number / partitions, uint64_t{1} << 32) * kCount),
        end(first + kCount) {}

  // Whether the slots of partition `other`, which end at `end_of_slots`, have this number or a later one.
  bool IsWithin(uint32_t other, uint64_t end_of_slots) const {
    return end_of_slots > (other >= partition ? first : end);
  }

  static constexpr uint64_t kCount = 8;
  const uint32_t partition;
  const uint64_t first;
  const uint64_t end;
};

}  // namespace partita

#endif  // PARTITA_TABLE_LIVE_SLOTS_H_
