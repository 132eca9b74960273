// Sweep over the keys of an ordered_set in their order (ordered_pass.h).

#ifndef PARTITA_TABLE_ORDERED_SWEEP_H_
#define PARTITA_TABLE_ORDERED_SWEEP_H_

#include <memory>
#include <utility>

#include "table/ordered_pass.h"
#include "table/sweep.h"

namespace partita {

class OrderedSweep final : public Sweep {
 public:
  // `span` may be null: all keys.
  OrderedSweep(std::shared_ptr<OrderedTable> table, const KeySpan* span, Direction direction)
      : pass_(std::move(table), span, direction) {}
  OrderedSweep(const OrderedSweep& other)
      : Sweep(other), pass_(other.pass_), rest_(other.rest_ == nullptr ? nullptr : other.rest_->Clone()) {}

  Outcome Next(RowJudge* judge, Wait wait, bool* done) override;
  std::unique_ptr<Sweep> Clone() const override { return std::make_unique<OrderedSweep>(*this); }

 private:
  OrderedPass pass_;
  std::unique_ptr<Sweep> rest_;  // null: not yet
};

}  // namespace partita

#endif  // PARTITA_TABLE_ORDERED_SWEEP_H_
