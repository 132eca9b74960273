#include "table/range_balance.h"

#include <algorithm>
#include <numeric>

namespace partita {
namespace {

// The neighbours, none of them `without`, that have the fewest rows together; the smaller one goes to the other.
RangeMove JoinSmallest(absl::Span<const uint64_t> rows, size_t without) {
  RangeMove join;
  uint64_t fewest = ~uint64_t{0};
  for (size_t i = 0; i + 1 < rows.size(); ++i) {
    if (i == without || i + 1 == without || rows[i] + rows[i + 1] >= fewest) continue;
    fewest = rows[i] + rows[i + 1];
    const bool right = rows[i] < rows[i + 1];
    join = RangeMove{RangeMove::Kind::kJoin, right ? i : i + 1, right};
  }
  return join;
}

}  // namespace

RangeMove PlanBalance(absl::Span<const uint64_t> rows, bool at_end, const BalanceOptions& options) {
  const uint64_t total = std::accumulate(rows.begin(), rows.end(), uint64_t{0});
  if (total < options.split_rows) return RangeMove{};
  const uint64_t average = total / rows.size();
  const uint64_t few = std::max<uint64_t>(options.split_rows / 8, 2);  // too small a range to be worth cutting
  const size_t largest = static_cast<size_t>(std::max_element(rows.begin(), rows.end()) - rows.begin());
  const uint64_t most = rows[largest];
  const bool end_is_full = at_end && rows.back() >= std::max(options.split_rows, average);
  if (rows.size() < options.most_ranges) {
    if (end_is_full) return RangeMove{RangeMove::Kind::kEndNew, rows.size() - 1, true};
    if (most < (at_end ? std::max(2 * options.split_rows, 2 * average) : few)) return RangeMove{};
    return RangeMove{RangeMove::Kind::kHalve, largest, true};
  }
  if (end_is_full) {
    if (const RangeMove join = JoinSmallest(rows, rows.size() - 1); join.kind != RangeMove::Kind::kNone) return join;
  }
  // Of two or three ranges one could have nearly all and not twice the average.
  const uint64_t too_many = (rows.size() <= 3 ? average + average / 2 : 2 * average) + few;
  if (rows.size() < 2 || most <= too_many) return RangeMove{};
  const bool right = largest == 0 || (largest + 1 < rows.size() && rows[largest + 1] <= rows[largest - 1]);
  const uint64_t both = most + rows[right ? largest + 1 : largest - 1];
  if (both > 3 * average) {
    if (const RangeMove join = JoinSmallest(rows, largest); join.kind != RangeMove::Kind::kNone) return join;
  }
  return RangeMove{RangeMove::Kind::kEven, largest, right};
}

}  // namespace partita
