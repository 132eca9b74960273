// When an ordered_set gets another range, and which rows go from one to another: a function of nothing but the numbers
// of rows.
//
// One range is enough for a small table. From `split_rows` rows on the largest is cut in halves until there are as many
// as there may be; then no range is to hold more than twice the average for long. One that does gives to a neighbour if
// both are then well below that; else the two neighbours with the fewest rows become one, and the largest is cut in
// two. A table that grows at its end only is cut there, once the last range is full, so that its rows need not move
// twice.

#ifndef PARTITA_TABLE_RANGE_BALANCE_H_
#define PARTITA_TABLE_RANGE_BALANCE_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace partita {

struct BalanceOptions {
  size_t most_ranges = 1;
  uint64_t split_rows = uint64_t{64} * 1024;
  uint64_t piece_rows = 512;  // that go from one range to another at a time
};

struct RangeMove {
  enum class Kind : uint8_t {
    kNone,
    kHalve,   // to a new range after `from`, until both have as many
    kEndNew,  // the last row to a new range after it
    kEven,    // to a neighbour, until both have as many
    kJoin,    // all to a neighbour; `from` is given up
  };
  Kind kind = Kind::kNone;
  size_t from = 0;    // its number in the order of keys
  bool right = true;  // to the neighbour with greater keys

  friend bool operator==(const RangeMove&, const RangeMove&) = default;
};

// `rows` of each range in the order of keys. `at_end`: new keys mostly come after all others.
RangeMove PlanBalance(absl::Span<const uint64_t> rows, bool at_end, const BalanceOptions& options);

}  // namespace partita

#endif  // PARTITA_TABLE_RANGE_BALANCE_H_
