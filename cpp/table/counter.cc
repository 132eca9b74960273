#include "table/counter.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "table/record.h"
#include "term/number.h"

namespace partita {
namespace {

// Whether an op counts upwards: what a threshold is then is an upper bound.
bool CountsUp(const Value& increment) { return CompareNumbers(increment, Value::Int(0), /*exact=*/false) >= 0; }

// Applies one op to a value. Bytes of the result lie in `out`.
Outcome Count(const CounterOp& op, const Value& current, RowBuffer* out, Value* result) {
  switch (AddNumbers(current, op.increment, [out](size_t size) { return out->Allocate(size); }, result)) {
    case SumError::kNone:
      break;
    case SumError::kNotANumber:
      return Outcome::kNotANumber;
    case SumError::kNotFinite:
      return Outcome::kNotFinite;
    case SumError::kTooLarge:
      return Outcome::kTooLarge;
  }
  if (op.has_threshold) {
    const int past = CompareNumbers(*result, op.threshold, /*exact=*/false);
    if (CountsUp(op.increment) ? past > 0 : past < 0) *result = op.set_value;
  }
  return Outcome::kOk;
}

// Applies the ops in order; read(position) gives an element as it was. `updates` gets the last value of each position,
// `out` one row of the results.
template <typename Read>
Outcome CountAll(absl::Span<const CounterOp> ops, uint32_t arity, uint32_t keypos, Read&& read, RowBuffer* out,
                 absl::InlinedVector<ElementUpdate, 4>* updates, size_t* failed_op) {
  for (size_t i = 0; i < ops.size(); ++i) {
    const CounterOp& op = ops[i];
    *failed_op = i;
    if (op.position >= arity) return Outcome::kBadPosition;
    if (op.position == keypos) return Outcome::kKeyPosition;
    const auto earlier = std::find_if(updates->begin(), updates->end(),
                                      [&op](const ElementUpdate& u) { return u.position == op.position; });
    const bool again = earlier != updates->end();
    Value result;
    const Outcome outcome = Count(op, again ? earlier->value : read(op.position), out, &result);
    if (outcome != Outcome::kOk) return outcome;
    out->AddCopy(result);
    if (again) {
      earlier->value = result;
    } else {
      updates->push_back(ElementUpdate{op.position, result});
    }
  }
  out->EndRow();
  return Outcome::kOk;
}

}  // namespace

void SetElements(Shard* shard, Slot slot, absl::Span<const ElementUpdate> updates) {
  const auto beyond_columns = [](const ElementUpdate& u) { return u.position >= kMaxColumns; };
  if (ABSL_PREDICT_FALSE(std::any_of(updates.begin(), updates.end(), beyond_columns))) {
    absl::InlinedVector<Value, 24> values;
    ReadRow(shard->rows.chunk_of(slot), slot & kChunkMask, &values);
    for (const ElementUpdate& update : updates) values[update.position] = update.value;
    shard->ReplaceRow(slot, values);
    return;
  }
  absl::InlinedVector<const ElementUpdate*, 4> last;  // of each position
  for (const ElementUpdate& update : updates) {
    const auto earlier = std::find_if(last.begin(), last.end(),
                                      [&update](const ElementUpdate* u) { return u->position == update.position; });
    if (earlier == last.end()) {
      last.push_back(&update);
    } else {
      *earlier = &update;
    }
  }
  PendingRefs refs;
  try {
    for (const ElementUpdate* u : last) shard->rows.PrepareElement(slot, u->position, u->value, &refs);
  } catch (...) {
    shard->rows.AbandonRefs(slot, refs);
    throw;
  }
  for (const ElementUpdate* u : last) shard->rows.StoreElement(slot, u->position, u->value, refs);
  shard->rows.TidyHeap(slot);
}

template <typename Record>
Outcome CountInRow(Shard* shard, Slot slot, const Value& key, absl::Span<const CounterOp> ops, uint32_t keypos,
                   Record* record, RowBuffer* out, size_t* failed_op) {
  if (ABSL_PREDICT_TRUE(ops.size() == 1)) {
    // The common case, an increment of a column of integers, is one store.
    const CounterOp& op = ops.front();
    if (op.increment.kind == Value::Kind::kInt && !op.has_threshold && op.position != keypos) {
      int64_t* counter = shard->rows.WritableInt(slot, op.position);
      int64_t sum;
      if (counter != nullptr && !__builtin_add_overflow(*counter, op.increment.i, &sum)) {
        out->AddValue(Value::Int(sum));
        out->EndRow();
        record->SetElement(key, op.position, Value::Int(sum));
        if (const Outcome ready = record->Reserve(); ready != Outcome::kOk) return ready;
        *counter = sum;
        return record->Done(Outcome::kOk);
      }
    }
  }
  const Chunk& chunk = shard->rows.chunk_of(slot);
  const uint32_t place = slot & kChunkMask;
  absl::InlinedVector<ElementUpdate, 4> updates;
  const Outcome outcome = CountAll(
      ops, RowArity(chunk, place), keypos, [&](uint32_t position) { return ReadElement(chunk, position, place); }, out,
      &updates, failed_op);
  if (outcome != Outcome::kOk) return outcome;
  record->SetElements(key, updates);
  if (const Outcome ready = record->Reserve(); ready != Outcome::kOk) return ready;
  SetElements(shard, slot, updates);
  return record->Done(Outcome::kOk);
}

template Outcome CountInRow(Shard*, Slot, const Value&, absl::Span<const CounterOp>, uint32_t, NoRecord*, RowBuffer*,
                            size_t*);
template Outcome CountInRow(Shard*, Slot, const Value&, absl::Span<const CounterOp>, uint32_t, StepRecord*, RowBuffer*,
                            size_t*);

Outcome CountFromDefault(const RowView& default_row, absl::Span<const CounterOp> ops, uint32_t keypos, RowBuffer* out,
                         size_t* failed_op, RowValues* values) {
  values->assign(default_row.values, default_row.values + default_row.arity);
  absl::InlinedVector<ElementUpdate, 4> updates;
  const Outcome outcome = CountAll(
      ops, default_row.arity, keypos, [&](uint32_t position) { return (*values)[position]; }, out, &updates, failed_op);
  if (outcome != Outcome::kOk) return outcome;
  for (const ElementUpdate& update : updates) (*values)[update.position] = update.value;
  return Outcome::kOk;
}

Outcome CheckElements(absl::Span<const ElementUpdate> updates, uint32_t arity, uint32_t keypos, size_t* failed_op) {
  for (const ElementUpdate& update : updates) {
    *failed_op = static_cast<size_t>(&update - updates.data());
    if (update.position >= arity) return Outcome::kBadPosition;
    if (update.position == keypos) return Outcome::kKeyPosition;
  }
  return Outcome::kOk;
}

void SetInDefault(const RowView& default_row, absl::Span<const ElementUpdate> updates, RowValues* values) {
  values->assign(default_row.values, default_row.values + default_row.arity);
  for (const ElementUpdate& update : updates) (*values)[update.position] = update.value;
}

}  // namespace partita
