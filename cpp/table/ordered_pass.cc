#include "table/ordered_pass.h"

#include <utility>

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
  const bool forward = direction_ == Direction::kForward;
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

}  // namespace partita
