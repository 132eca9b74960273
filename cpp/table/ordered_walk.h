// Walk over an ordered_set, by key: each batch begins after the last key of the one before. It notes the last key there
// is when it begins (backwards the first one) and ends there.

#ifndef PARTITA_TABLE_ORDERED_WALK_H_
#define PARTITA_TABLE_ORDERED_WALK_H_

#include <cstdint>
#include <memory>

#include "table/ordered_table.h"

namespace partita {

class OrderedWalk final : public Walk {
 public:
  OrderedWalk(std::shared_ptr<OrderedTable> table, Direction direction);
  ~OrderedWalk() override;

  Outcome Next(size_t max_rows, Wait wait, RowBuffer* out) override;

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

#endif  // PARTITA_TABLE_ORDERED_WALK_H_
