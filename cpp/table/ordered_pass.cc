#include "table/ordered_pass.h"

#include <utility>

#include "table/snapshot_sweep.h"

namespace partita {

OrderedPass::OrderedPass(std::shared_ptr<OrderedTable> table, const KeySpan* span, Direction direction)
    : table_(std::move(table)), direction_(direction), generation_(table_->generation()) {
  if (span == nullptr) return;
  const bool forward = direction == Direction::kForward;
  from_ = forward ? span->lower : span->upper;
  to_ = forward ? span->upper : span->lower;
}

bool OrderedPass::IsCurrent() const { return table_->generation() == generation_; }

Outcome OrderedPass::Begin(Wait wait) {
  constexpr uint64_t kAtLeast = 1024;
  const bool forward = direction_ == Direction::kForward;
  uint64_t rows = 0;
  if (const Outcome outcome = table_->Size(wait, &rows); outcome != Outcome::kOk) return outcome;
  most_ = 2 * rows + kAtLeast;
  if (to_.key == nullptr) {
    RowBuffer end;
    const Outcome outcome = table_->StepKey(forward ? Step::kLast : Step::kFirst, nullptr, /*whole=*/false, wait, &end);
    if (outcome != Outcome::kOk) return outcome;
    if (end.empty()) {
      done_ = true;
    } else {
      to_ = Cut{std::make_shared<const OwnedKey>(end.row(0)[0]), forward};
    }
  }
  begun_ = true;
  return Outcome::kOk;
}

Outcome OrderedPass::TakeRest(Wait wait, std::unique_ptr<Sweep>* rest) const {
  std::shared_ptr<Snapshot> snapshot;
  const Outcome outcome = table_->TakeSnapshot(wait, &snapshot);
  if (outcome != Outcome::kOk) return outcome;
  const bool forward = direction_ == Direction::kForward;
  const KeySpan span{forward ? from_ : to_, forward ? to_ : from_};
  *rest = std::make_unique<SnapshotSweep>(std::move(snapshot), &span, direction_);
  return Outcome::kOk;
}

Outcome OrderedPass::RunRest(Sweep* rest, RowJudge* judge, Wait wait) {
  if (table_->dropped()) return Outcome::kDropped;
  if (IsCurrent()) return rest->Next(judge, wait, &done_);
  done_ = true;
  return Outcome::kOk;
}

}  // namespace partita
