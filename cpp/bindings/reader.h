// Tables and snapshots of tables, as the reading methods see them: the methods are written once, over either.

#ifndef PARTITA_BINDINGS_READER_H_
#define PARTITA_BINDINGS_READER_H_

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/handles.h"
#include "table/sweep.h"

namespace partita {

class TableReader {
 public:
  // False: an exception is set.
  bool Open(PyObject* self) {
    handle_ = HandleOf<TableHandle>(self);
    return handle_ != nullptr;
  }
  const Shape& shape() const { return *handle_; }

  Outcome Lookup(const KeyView& key, Wait wait, RowBuffer* rows) { return table().Lookup(key, wait, rows); }
  Outcome LookupBatch(absl::Span<const KeyView> keys, Wait wait, RowBuffer* rows, std::vector<RowRange>* ranges) {
    return table().LookupBatch(keys, wait, rows, ranges);
  }
  Outcome LookupElement(const KeyView& key, uint32_t position, Wait wait, RowBuffer* rows) {
    return table().LookupElement(key, position, wait, rows);
  }
  Outcome Member(const KeyView& key, Wait wait, bool* found) { return table().Member(key, wait, found); }
  Outcome Size(Wait wait, uint64_t* rows) { return table().Size(wait, rows); }
  Outcome StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* rows) {
    return table().StepKey(step, from, whole, wait, rows);
  }
  Outcome ReadSlot(uint64_t number, Wait wait, bool* past_end, RowBuffer* rows) {
    return table().ReadSlot(number, wait, past_end, rows);
  }

  // One moment of some columns of the table, for this call alone. False: an exception is set.
  bool TakeSnapshot(ColumnSet columns, std::shared_ptr<Snapshot>* snapshot) {
    const Outcome outcome = CallEngine([&](Wait wait) { return table().TakeSnapshot(wait, columns, snapshot); });
    if (outcome != Outcome::kOk) RaiseOutcome(shape(), outcome);
    return outcome == Outcome::kOk;
  }
  Outcome CountKeys(Wait wait, uint64_t* keys) { return table().CountKeys(wait, keys); }
  std::unique_ptr<Walk> NewWalk(Direction direction) { return table().NewWalk(direction); }
  std::unique_ptr<Walk> NewKeyWalk() { return table().NewKeyWalk(); }
  std::unique_ptr<Sweep> NewSweep(const KeySpan* span, Direction direction) {
    return table().NewSweep(span, direction);
  }
  // As Table::JudgeSpan.
  Outcome JudgeSpan(const KeySpan& span, Direction direction, size_t most, RowJudge* judge, Wait wait, bool* done) {
    return table().JudgeSpan(span, direction, most, judge, wait, done);
  }
  std::shared_ptr<Table> live_table() const { return handle_->table; }

 private:
  Table& table() { return *handle_->table; }

  TableHandle* handle_ = nullptr;
};

class SnapshotReader {
 public:
  bool Open(PyObject* self);  // also false if it was closed
  const Shape& shape() const { return *handle_; }

  Outcome Lookup(const KeyView& key, Wait wait, RowBuffer* rows) { return snapshot_->Lookup(key, wait, rows); }
  Outcome LookupBatch(absl::Span<const KeyView> keys, Wait wait, RowBuffer* rows, std::vector<RowRange>* ranges);
  Outcome LookupElement(const KeyView& key, uint32_t position, Wait wait, RowBuffer* rows);
  Outcome Member(const KeyView& key, Wait wait, bool* found);
  Outcome Size(Wait, uint64_t* rows) {
    *rows = snapshot_->rows();
    return Outcome::kOk;
  }

  Outcome StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* rows) {
    return snapshot_->StepKey(step, from, whole, wait, rows);
  }
  Outcome ReadSlot(uint64_t number, Wait, bool* past_end, RowBuffer* rows) {
    return snapshot_->ReadSlot(number, past_end, rows);
  }

  bool TakeSnapshot(ColumnSet, std::shared_ptr<Snapshot>* snapshot) {
    *snapshot = snapshot_;
    return true;
  }
  Outcome CountKeys(Wait, uint64_t* keys) {
    *keys = snapshot_->keys();
    return Outcome::kOk;
  }
  std::unique_ptr<Walk> NewWalk(Direction direction);
  std::unique_ptr<Walk> NewKeyWalk();
  std::unique_ptr<Sweep> NewSweep(const KeySpan* span, Direction direction);
  // Its scans need no lock: they are as good.
  Outcome JudgeSpan(const KeySpan&, Direction, size_t, RowJudge*, Wait, bool* done) {
    *done = false;
    return Outcome::kOk;
  }
  std::shared_ptr<Table> live_table() const { return nullptr; }

 private:
  SnapshotHandle* handle_ = nullptr;
  std::shared_ptr<Snapshot> snapshot_;  // close() on another thread takes it from the handle while we read
};

}  // namespace partita

#endif  // PARTITA_BINDINGS_READER_H_
