// Where a walk or a sweep over an ordered_set stands. It goes by key: each batch begins after the last key of the one
// before. Unless it is told where to end, it notes the last key there is when it begins (backwards the first one), and
// ends there. Ends too when the table is cleared.
//
// Whoever inserts before that key while he walks could go on for ever. So once many more rows were met than there were,
// the rest is what a snapshot of that moment holds.

#ifndef PARTITA_TABLE_ORDERED_PASS_H_
#define PARTITA_TABLE_ORDERED_PASS_H_

#include <cstdint>
#include <memory>
#include <new>

#include "table/ordered_table.h"
#include "table/sweep.h"

namespace partita {

class OrderedPass {
 public:
  // `span` may be null: all keys.
  OrderedPass(std::shared_ptr<OrderedTable> table, const KeySpan* span, Direction direction);

  // Runs step(table, &from, to, direction, &done), which moves `from` on and may throw std::bad_alloc, until it has
  // done what is enough() or all is done.
  template <typename Enough, typename Step>
  Outcome Run(Wait wait, Enough&& enough, Step&& step);
  bool done() const { return done_; }
  // Counts rows that were met.
  void Met(uint64_t rows) { met_ += rows; }
  // Whether to go on by the rest, which must stay as it is.
  bool outgrown() const { return begun_ && !done_ && met_ > most_; }
  // Throws std::bad_alloc.
  Outcome TakeRest(Wait wait, std::unique_ptr<Sweep>* rest) const;
  // Has rows of the rest judged.
  Outcome RunRest(Sweep* rest, RowJudge* judge, Wait wait);
  const OrderedTable& table() const { return *table_; }

 private:
  Outcome Begin(Wait wait);
  bool IsCurrent() const;

  std::shared_ptr<OrderedTable> table_;
  Direction direction_;
  uint64_t generation_;
  bool begun_ = false;
  bool done_ = false;
  uint64_t met_ = 0;
  uint64_t most_ = 0;  // rows to meet before the rest is taken
  Cut from_;
  Cut to_;
};

template <typename Enough, typename Step>
Outcome OrderedPass::Run(Wait wait, Enough&& enough, Step&& step) {
  try {
    if (!begun_) {
      if (const Outcome outcome = Begin(wait); outcome != Outcome::kOk) return outcome;
    }
    if (table_->dropped()) return Outcome::kDropped;
    while (!done_ && !enough()) {
      if (!IsCurrent()) {
        done_ = true;
        break;
      }
      const Outcome outcome = step(table_.get(), &from_, to_, direction_, &done_);
      if (outcome != Outcome::kOk) return outcome;
    }
    return Outcome::kOk;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

}  // namespace partita

#endif  // PARTITA_TABLE_ORDERED_PASS_H_
