// Sweep over the keys of an ordered_set in their order: each hold of a lock begins after the last key of the one
// before. Going forward it notes the last key there is when it begins, and ends there; backward the first one.

#ifndef PARTITA_TABLE_ORDERED_SWEEP_H_
#define PARTITA_TABLE_ORDERED_SWEEP_H_

#include <cstdint>
#include <memory>

#include "table/ordered_table.h"
#include "table/sweep.h"

namespace partita {

class OrderedSweep final : public Sweep {
 public:
  OrderedSweep(std::shared_ptr<OrderedTable> table, const KeySpan* span, Direction direction);

  Outcome Next(RowJudge* judge, Wait wait, bool* done) override;
  std::unique_ptr<Sweep> Clone() const override { return std::make_unique<OrderedSweep>(*this); }

 private:
  Outcome Begin(Wait wait);

  const std::shared_ptr<OrderedTable> table_;
  const Direction direction_;
  const uint64_t generation_;
  bool begun_ = false;
  bool done_ = false;
  Cut from_;
  Cut to_;
};

}  // namespace partita

#endif  // PARTITA_TABLE_ORDERED_SWEEP_H_
