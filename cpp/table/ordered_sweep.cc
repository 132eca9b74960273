#include "table/ordered_sweep.h"

#include <new>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "table/prefetch_rows.h"
#include "table/record.h"

namespace partita {

std::unique_ptr<Sweep> OrderedTable::NewSweep(const KeySpan* span, Direction direction) {
  return std::make_unique<OrderedSweep>(std::static_pointer_cast<OrderedTable>(shared_from_this()), span, direction);
}

Outcome OrderedTable::JudgeRow(KeyRange* range, Slot slot, RowJudge* judge, StepRecord* record,
                               std::shared_ptr<const OwnedKey>* deleted) {
  const Chunk& chunk = range->rows.chunk_of(slot);
  absl::Span<const Value> row;
  const RowJudge::Verdict verdict = judge->Judge(chunk, slot & kChunkMask, &row);
  if (verdict == RowJudge::Verdict::kKeep) return Outcome::kOk;
  const bool goes = verdict == RowJudge::Verdict::kDelete;
  if (goes) *deleted = std::make_shared<const OwnedKey>(ReadElement(chunk, options_.keypos, slot & kChunkMask));
  if (record != nullptr) {
    if (goes) {
      record->Delete((*deleted)->value());
    } else {
      record->Put(row);
    }
    if (const Outcome ready = record->Reserve(); ready != Outcome::kOk) return ready;
  }
  if (goes) {
    bool equal;
    range->RemoveRow(range->index.Find((*deleted)->probe(), &equal));
  } else {
    range->ReplaceRow(slot, row);
  }
  if (record != nullptr) record->Stored();
  return Outcome::kOk;
}

Outcome OrderedTable::JudgeRows(Cut* from, const Cut& to, Direction direction, RowJudge* judge, Wait wait,
                                StepRecord* record, uint64_t* judged, bool* done) {
  constexpr uint32_t kMostPerHold = 256;
  const bool forward = direction == Direction::kForward;
  for (;;) {
    Stretch stretch = StretchFrom(*from, direction);
    KeyRange& range = *ranges_[stretch.route.range];
    const Locked locked(&range, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    if (range.version != stretch.route.version) continue;
    if (dropped()) return Outcome::kDropped;
    const RecordHold hold(record);
    // Slots first: where entries stand changes as rows are deleted.
    Slot slots[kMostPerHold];
    uint32_t count = 0;
    OrderedIndex::Position at = PositionOf(range.index, *from, direction);
    const OrderedIndex::Position edge = forward ? range.index.end() : range.index.begin();
    const OrderedIndex::Position stop = to.key == nullptr ? edge : PositionOf(range.index, to, direction);
    for (; count < kMostPerHold && !HasReached(at, stop, direction); ++count) {
      if (!forward) at = range.index.Before(at);
      slots[count] = range.index.SlotAt(at);
      if (forward) at = range.index.Next(at);
    }
    const bool all = HasReached(at, stop, direction);
    const bool at_edge = stop == edge;
    for (uint32_t i = 0; i < count; ++i) {
      ++*judged;
      const Slot slot = slots[i];
      if (i + kRowsAhead < count)
        PrefetchRow(range.rows.chunk_of(slots[i + kRowsAhead]), slots[i + kRowsAhead] & kChunkMask);
      std::shared_ptr<const OwnedKey> key;
      const Outcome outcome = JudgeRow(&range, slot, judge, record, &key);
      if (outcome != Outcome::kOk) return outcome;
      if (judge->wants_more() && (all || i + 1 < count)) continue;
      if (key == nullptr) {
        key = std::make_shared<const OwnedKey>(
            ReadElement(range.rows.chunk_of(slot), options_.keypos, slot & kChunkMask));
      }
      *from = Cut{std::move(key), forward};
      return Outcome::kOk;
    }
    *done = IsLast(stretch, at_edge, to, direction);
    *from = Cut{std::move(stretch.boundary), false};
    return Outcome::kOk;
  }
}

Outcome OrderedTable::JudgeSpan(const KeySpan& span, Direction direction, size_t most, RowJudge* judge, Wait wait,
                                bool* done) {
  const bool forward = direction == Direction::kForward;
  const Cut& from = forward ? span.lower : span.upper;
  const Cut& to = forward ? span.upper : span.lower;
  *done = false;
  try {
    for (;;) {
      const Stretch stretch = StretchFrom(from, direction);
      KeyRange& range = *ranges_[stretch.route.range];
      const Locked locked(&range, wait);
      if (!locked.got()) return Outcome::kWouldBlock;
      if (range.version != stretch.route.version) continue;
      if (dropped()) return Outcome::kDropped;
      const OrderedIndex& index = range.index;
      const OrderedIndex::Position begin = PositionOf(index, from, direction);
      const OrderedIndex::Position edge = forward ? index.end() : index.begin();
      const OrderedIndex::Position stop = to.key == nullptr ? edge : PositionOf(index, to, direction);
      if (!IsLast(stretch, stop == edge, to, direction)) return Outcome::kOk;
      absl::InlinedVector<Slot, 256> slots;
      for (OrderedIndex::Position at = begin; !HasReached(at, stop, direction);) {
        if (slots.size() == most) return Outcome::kOk;
        if (!forward) at = index.Before(at);
        slots.push_back(index.SlotAt(at));
        if (forward) at = index.Next(at);
      }
      const auto prefetch = [&](size_t i) ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
        if (i < slots.size()) PrefetchRow(range.rows.chunk_of(slots[i]), slots[i] & kChunkMask);
      };
      for (size_t i = 0; i < kRowsAhead; ++i) prefetch(i);
      absl::Span<const Value> row;
      for (size_t i = 0; i < slots.size(); ++i) {
        prefetch(i + kRowsAhead);
        judge->Judge(range.rows.chunk_of(slots[i]), slots[i] & kChunkMask, &row);
        if (!judge->wants_more() && i + 1 < slots.size()) return Outcome::kOk;
      }
      *done = true;
      return Outcome::kOk;
    }
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome OrderedSweep::Next(RowJudge* judge, Wait wait, bool* done) {
  // What writes is not fed by its caller, to whom it does not return before the end.
  if (!judge->writes() && pass_.outgrown()) {
    try {
      if (rest_ == nullptr) {
        if (const Outcome outcome = pass_.TakeRest(wait, &rest_); outcome != Outcome::kOk) return outcome;
      }
      const Outcome outcome = pass_.RunRest(rest_.get(), judge, wait);
      *done = pass_.done();
      return outcome;
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
  }
  uint64_t judged = 0;
  const Outcome outcome = Journaled(judge->writes() ? pass_.table().journal() : nullptr, wait, [&](auto& record) {
    return pass_.Run(
        wait, [&judged] { return judged != 0; },
        [&](OrderedTable* table, Cut* from, const Cut& to, Direction direction, bool* all) {
          return table->JudgeRows(from, to, direction, judge, wait, record.pointer(), &judged, all);
        });
  });
  pass_.Met(judged);
  *done = pass_.done();
  return outcome;
}

}  // namespace partita
