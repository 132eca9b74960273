// update_counter and update_element on one row, under its shard's lock.

#ifndef PARTITA_TABLE_COUNTER_H_
#define PARTITA_TABLE_COUNTER_H_

#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "table/shard.h"

namespace partita {

// Sets elements of a row; the positions were checked, of equal ones the last wins. Throws std::bad_alloc and changes
// nothing then.
void SetElements(Shard* shard, Slot slot, absl::Span<const ElementUpdate> updates)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);

using RowValues = absl::InlinedVector<Value, 24>;

// Table::UpdateCounter on a row that is there, with a StepRecord or a NoRecord. Throws std::bad_alloc and changes
// nothing then.
template <typename Record>
Outcome CountInRow(Shard* shard, Slot slot, const Value& key, absl::Span<const CounterOp> ops, uint32_t keypos,
                   Record* record, RowBuffer* out, size_t* failed_op) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
// The same from a default row: `values` are those of the row to be added, whose bytes lie in `out` and in the default.
Outcome CountFromDefault(const RowView& default_row, absl::Span<const CounterOp> ops, uint32_t keypos, RowBuffer* out,
                         size_t* failed_op, RowValues* values);

// Table::UpdateElement: whether each position may be set in a row of `arity` elements, and a default row with them set.
Outcome CheckElements(absl::Span<const ElementUpdate> updates, uint32_t arity, uint32_t keypos, size_t* failed_op);
void SetInDefault(const RowView& default_row, absl::Span<const ElementUpdate> updates, RowValues* values);

}  // namespace partita

#endif  // PARTITA_TABLE_COUNTER_H_
