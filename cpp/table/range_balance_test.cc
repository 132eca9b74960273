#include "table/range_balance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "testing/random.h"

namespace partita::testing {
namespace {

using Sizes = std::vector<uint64_t>;
using Kind = RangeMove::Kind;

constexpr BalanceOptions kOptions{.most_ranges = 8, .split_rows = 1000};

TEST(RangeBalanceTest, OneRangeIsEnoughForAFewRows) {
  EXPECT_EQ(PlanBalance(Sizes{999}, false, kOptions).kind, Kind::kNone);
  EXPECT_EQ(PlanBalance(Sizes{1000}, false, kOptions), (RangeMove{Kind::kHalve, 0, true}));
  EXPECT_EQ(PlanBalance(Sizes{1000000}, false, BalanceOptions{.most_ranges = 1}).kind, Kind::kNone);
}

TEST(RangeBalanceTest, TheLargestIsCutUntilThereAreEnough) {
  EXPECT_EQ(PlanBalance(Sizes{400, 700}, false, kOptions), (RangeMove{Kind::kHalve, 1, true}));
  EXPECT_EQ(PlanBalance(Sizes(8, 150), false, kOptions).kind, Kind::kNone);
}

TEST(RangeBalanceTest, ATableThatGrowsAtItsEndIsCutThere) {
  EXPECT_EQ(PlanBalance(Sizes{1000}, true, kOptions), (RangeMove{Kind::kEndNew, 0, true}));
  EXPECT_EQ(PlanBalance(Sizes{1000, 999}, true, kOptions).kind, Kind::kNone);
  EXPECT_EQ(PlanBalance(Sizes{1000, 1000}, true, kOptions), (RangeMove{Kind::kEndNew, 1, true}));
}

TEST(RangeBalanceTest, WhoHasTooManyGivesToANeighbourWithFew) {
  EXPECT_EQ(PlanBalance(Sizes{1000, 1000, 1000, 1000, 200, 3000, 1000, 1000}, false, kOptions),
            (RangeMove{Kind::kEven, 5, false}));
  EXPECT_EQ(PlanBalance(Sizes{9000, 1000}, false, BalanceOptions{.most_ranges = 2, .split_rows = 1000}),
            (RangeMove{Kind::kEven, 0, true}));
}

TEST(RangeBalanceTest, WhereNeighboursHaveManyTooTwoOthersAreJoined) {
  EXPECT_EQ(PlanBalance(Sizes{500, 400, 600, 1000, 1000, 2000, 4000, 2000}, false, kOptions),
            (RangeMove{Kind::kJoin, 1, false}));
}

// Whatever comes, the moves end, and then no range has more than twice the average and a little.
TEST(RangeBalanceTest, MovesComeToAnEnd) {
  Random random(TestSeed());
  for (int round = 0; round < 2000; ++round) {
    const BalanceOptions options{.most_ranges = 1 + random.Below(9), .split_rows = 1000};
    const bool at_end = random.OneIn(3);
    Sizes rows(1 + random.Below(options.most_ranges));
    for (uint64_t& r : rows) r = random.Below(random.OneIn(3) ? 100000 : 2000);
    int moves = 0;
    for (;; ++moves) {
      ASSERT_LT(moves, 100);
      const uint64_t before = std::accumulate(rows.begin(), rows.end(), uint64_t{0});
      const RangeMove move = PlanBalance(rows, at_end, options);
      if (move.kind == Kind::kNone) break;
      const auto from = rows.begin() + static_cast<std::ptrdiff_t>(move.from);
      if (move.kind == Kind::kHalve || move.kind == Kind::kEndNew) {
        ASSERT_TRUE(move.right);
        const uint64_t moved = move.kind == Kind::kHalve ? *from / 2 : 1;
        ASSERT_LT(moved, *from);
        *from -= moved;
        rows.insert(from + 1, moved);
      } else {
        uint64_t& to = rows.at(move.right ? move.from + 1 : move.from - 1);
        const uint64_t moved = move.kind == Kind::kJoin ? *from : (*from - to) / 2;
        *from -= moved;
        to += moved;
        if (move.kind == Kind::kJoin) rows.erase(from);
      }
      ASSERT_EQ(std::accumulate(rows.begin(), rows.end(), uint64_t{0}), before);
      ASSERT_LE(rows.size(), options.most_ranges);
    }
    const uint64_t total = std::accumulate(rows.begin(), rows.end(), uint64_t{0});
    if (rows.size() == options.most_ranges && rows.size() > 1 && total >= options.split_rows) {
      EXPECT_LE(*std::max_element(rows.begin(), rows.end()), 2 * (total / rows.size()) + options.split_rows / 8);
    }
  }
}

}  // namespace
}  // namespace partita::testing
