// Walk over the rows of an ordered_set in the order of their keys (ordered_pass.h).

#ifndef PARTITA_TABLE_ORDERED_WALK_H_
#define PARTITA_TABLE_ORDERED_WALK_H_

#include <memory>

#include "table/ordered_pass.h"

namespace partita {

class OrderedWalk final : public Walk {
 public:
  OrderedWalk(std::shared_ptr<OrderedTable> table, Direction direction);
  ~OrderedWalk() override;

  Outcome Next(size_t max_rows, Wait wait, RowBuffer* out) override;

 private:
  OrderedPass pass_;
  std::unique_ptr<Sweep> rest_;  // null: not yet
};

}  // namespace partita

#endif  // PARTITA_TABLE_ORDERED_WALK_H_
