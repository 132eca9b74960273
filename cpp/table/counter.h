// update_counter and update_element on one row, under its partition's lock.

#ifndef PARTITA_TABLE_COUNTER_H_
#define PARTITA_TABLE_COUNTER_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "table/partition.h"

namespace partita {

// Sets elements of a row; the positions were checked, of equal ones the last wins. Throws std::bad_alloc and changes
// nothing then.
void SetElements(Partition* partition, Slot slot, absl::Span<const ElementUpdate> updates)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition->lock);

// Table::UpdateCounter on a row that is there, and on one that is not. Both throw std::bad_alloc and change nothing
// then.
Outcome CountInRow(Partition* partition, Slot slot, absl::Span<const CounterOp> ops, uint32_t keypos, RowBuffer* out,
                   size_t* failed_op) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition->lock);
Outcome CountFromDefault(Partition* partition, const RowView& row, absl::Span<const CounterOp> ops, uint32_t keypos,
                         RowBuffer* out, size_t* failed_op) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition->lock);

}  // namespace partita

#endif  // PARTITA_TABLE_COUNTER_H_
