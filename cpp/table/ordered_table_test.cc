// Calls on a table of type ordered_set: what differs from a set by name, then all of them at random against a model of
// plain C++, with ranges that split and move as rows come.

#include "table/ordered_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "table/ordered_walk.h"
#include "testing/dump.h"
#include "testing/operations.h"
#include "testing/random_terms.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

using Rows = std::vector<Row>;

// With more than one range from so many rows on.
std::shared_ptr<Table> NewTable(uint32_t partitions, uint32_t keypos = 0, uint64_t split_rows = 64) {
  TEST_SetSplitRows(split_rows);
  auto table = Table::Create(
      TableOptions{.type = TableType::kOrderedSet, .keypos = keypos, .partitions = partitions, .hash_seed = 7});
  TEST_SetSplitRows(0);
  return *table;
}

class OrderedTableTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  ~OrderedTableTest() override { EXPECT_EQ(table_->CheckInvariants().message(), ""); }

  Result Do(const Operation& op) { return testing::Do(table_.get(), op); }
  void Insert(const Row& row) { ASSERT_EQ(Do({.call = Call::kInsert, .rows = {row}}).outcome, Outcome::kOk); }
  Rows Lookup(const Term& key) { return Do({.call = Call::kLookup, .keys = {key}}).rows; }
  Rows All() { return Do({.call = Call::kWalk}).rows; }
  Rows Step(Step step, const Term* from = nullptr, bool whole = false) {
    RowBuffer out;
    const KeyView key = from == nullptr ? KeyView{} : KeyArgument(*table_, *from);
    EXPECT_EQ(table_->StepKey(step, from == nullptr ? nullptr : &key, whole, Wait::kBlock, &out), Outcome::kOk);
    return RowsOf(out);
  }
  Rows Next(const Term& key) { return Step(Step::kNext, &key); }
  Rows Prev(const Term& key) { return Step(Step::kPrev, &key); }
  Rows Walked(Direction direction, size_t batch) {
    const std::unique_ptr<Walk> walk = table_->NewWalk(direction);
    Rows rows;
    RowBuffer out;
    do {
      out.Clear();
      EXPECT_EQ(walk->Next(batch, Wait::kBlock, &out), Outcome::kOk);
      for (Row& row : RowsOf(out)) rows.push_back(std::move(row));
    } while (!out.empty());
    return rows;
  }
  std::vector<uint64_t> RangeRows() {
    TableStats stats;
    EXPECT_EQ(table_->Stats(Wait::kBlock, &stats), Outcome::kOk);
    return stats.partition_rows;
  }

  using enum partita::Step;
  std::shared_ptr<Table> table_ = NewTable(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Ranges, OrderedTableTest, ::testing::Values(1, 5));

TEST_P(OrderedTableTest, KeysAreNumeric) {
  Insert({1, "int"});
  Insert({1.0, "float"});
  Insert({Term::Bool(true), "true"});
  EXPECT_EQ(Lookup(1), (Rows{{1.0, "float"}}));  // the row brings its key
  EXPECT_EQ(Lookup(1.0), (Rows{{1.0, "float"}}));
  EXPECT_EQ(Lookup(Term::Bool(true)), (Rows{{Term::Bool(true), "true"}}));
  Insert({Term::Tuple({Term(1), Term::List({Term(2.0)})}), "nested"});
  EXPECT_EQ(Lookup(Term::Tuple({Term(1.0), Term::List({Term(2)})})).size(), 1u);
  const Term two53 = int64_t{1} << 53;
  Insert({two53, "2**53"});
  EXPECT_EQ(Lookup(9007199254740992.0).size(), 1u);
  EXPECT_TRUE(Lookup((int64_t{1} << 53) + 1).empty());
  Insert({Term::Int128(__int128{1} << 80), "big"});
  EXPECT_EQ(Lookup(std::ldexp(1.0, 80)).size(), 1u);
  Insert({0.0, 1});
  Insert({-0.0, 2});
  Insert({std::nan(""), 3});
  Insert({std::nan("1"), 4});
  EXPECT_EQ(Lookup(0), (Rows{{-0.0, 2}}));
  EXPECT_EQ(Lookup(std::nan("2")).size(), 1u);
  EXPECT_EQ(Do({.call = Call::kSize}).count, 7u);
}

TEST_P(OrderedTableTest, WholeRowsAreExact) {
  Insert({1, 2});
  EXPECT_EQ(Do({.call = Call::kDeleteObject, .rows = {{1.0, 2}}}).count, 0u);
  EXPECT_FALSE(Do({.call = Call::kCompareAndSwap, .rows = {{1.0, 2}, {1.0, 3}}}).flag);
  EXPECT_TRUE(Do({.call = Call::kCompareAndSwap, .rows = {{1, 2}, {1, 3}}}).flag);
  EXPECT_FALSE(Do({.call = Call::kInsertNew, .rows = {{1.0, 4}}}).flag);
  EXPECT_EQ(Do({.call = Call::kDeleteObject, .rows = {{1, 3}}}).count, 1u);
}

TEST_P(OrderedTableTest, OfEqualKeysInAListTheLastWins) {
  EXPECT_TRUE(Do({.call = Call::kInsertNewList, .rows = {{1, "a"}, {2, "b"}, {1.0, "c"}}}).flag);
  EXPECT_EQ(All(), (Rows{{1.0, "c"}, {2, "b"}}));
  EXPECT_FALSE(Do({.call = Call::kInsertNewList, .rows = {{3, "d"}, {2.0, "e"}}}).flag);
  EXPECT_TRUE(Do({.call = Call::kInsertList, .rows = {{2.0, "f"}, {0, "g"}, {1, "h"}}}).flag);
  EXPECT_EQ(All(), (Rows{{0, "g"}, {1, "h"}, {2.0, "f"}}));
}

TEST_P(OrderedTableTest, StepsFromAnyKey) {
  EXPECT_EQ(Step(kFirst), Rows{});
  EXPECT_EQ(Next(1), Rows{});
  for (int i = 0; i < 3000; i += 3) Insert({i, -i});
  EXPECT_EQ(Step(kFirst), (Rows{{0}}));
  EXPECT_EQ(Step(kLast), (Rows{{2997}}));
  EXPECT_EQ(Step(kLast, nullptr, true), (Rows{{2997, -2997}}));
  for (int i = 0; i < 2997; ++i) {
    ASSERT_EQ(Next(i), (Rows{{i / 3 * 3 + 3}})) << i;
    ASSERT_EQ(Prev(i + 1), (Rows{{i / 3 * 3}})) << i;
    ASSERT_EQ(Next(i + 0.5), (Rows{{i / 3 * 3 + 3}})) << i;
  }
  EXPECT_EQ(Next(2997), Rows{});
  EXPECT_EQ(Prev(0), Rows{});
  EXPECT_EQ(Next("text"), Rows{});
  EXPECT_EQ(Prev("text"), (Rows{{2997}}));
}

TEST_P(OrderedTableTest, TheNthRow) {
  for (int i = 2999; i >= 0; --i) Insert({i, "x"});
  for (int i = 0; i <= 3000; i += 17) {
    RowBuffer out;
    bool past_end = false;
    ASSERT_EQ(table_->ReadSlot(static_cast<uint64_t>(i), Wait::kBlock, &past_end, &out), Outcome::kOk);
    ASSERT_FALSE(past_end);
    ASSERT_EQ(RowsOf(out), (Rows{{i, "x"}}));
  }
  RowBuffer out;
  bool past_end = false;
  ASSERT_EQ(table_->ReadSlot(3000, Wait::kBlock, &past_end, &out), Outcome::kOk);
  EXPECT_TRUE(past_end);
  EXPECT_TRUE(out.empty());
}

TEST_P(OrderedTableTest, WalksGoInOrderBothWays) {
  Rows expected;
  Random random(TestSeed());
  for (int i = 0; i < 4000; ++i) expected.push_back({i, "row"});
  Rows shuffled = expected;
  for (size_t i = shuffled.size(); i > 1; --i) std::swap(shuffled[i - 1], shuffled[random.Below(i)]);
  for (const Row& row : shuffled) Insert(row);
  for (const size_t batch : {1u, 7u, 512u, 100000u}) {
    ASSERT_EQ(Walked(Direction::kForward, batch), expected);
    ASSERT_EQ(Walked(Direction::kBackward, batch), Rows(expected.rbegin(), expected.rend()));
  }
}

TEST_P(OrderedTableTest, AWalkEndsAlthoughItsCallerInserts) {
  for (int i = 0; i < 100; ++i) Insert({i});
  const std::unique_ptr<Walk> walk = table_->NewWalk();
  RowBuffer out;
  int met = 0;
  do {
    out.Clear();
    ASSERT_EQ(walk->Next(1, Wait::kBlock, &out), Outcome::kOk);
    for (int i = 0; i < 5; ++i) Insert({1000 + 5 * met + i});
    ++met;
  } while (!out.empty());
  EXPECT_EQ(met, 101);
}

TEST_P(OrderedTableTest, AWalkGoesOnFromAKeyThatIsGone) {
  for (int i = 0; i < 2000; ++i) Insert({i});
  const std::unique_ptr<Walk> walk = table_->NewWalk(Direction::kBackward);
  RowBuffer out;
  ASSERT_EQ(walk->Next(500, Wait::kBlock, &out), Outcome::kOk);
  const int64_t last = RowsOf(out).back()[0].view().i;
  for (int64_t i = last - 10; i < 2000; ++i) Do({.call = Call::kDelete, .keys = {i}});
  out.Clear();
  ASSERT_EQ(walk->Next(1, Wait::kBlock, &out), Outcome::kOk);
  EXPECT_EQ(RowsOf(out), (Rows{{last - 11}}));
}

TEST_P(OrderedTableTest, ClearEndsAWalkAndDropIsTold) {
  for (int i = 0; i < 1000; ++i) Insert({i});
  std::unique_ptr<Walk> walk = table_->NewWalk();
  RowBuffer out;
  ASSERT_EQ(walk->Next(10, Wait::kBlock, &out), Outcome::kOk);
  Do({.call = Call::kClear});
  for (int i = 0; i < 1000; ++i) Insert({i});
  out.Clear();
  ASSERT_EQ(walk->Next(10, Wait::kBlock, &out), Outcome::kOk);
  EXPECT_TRUE(out.empty());
  walk = table_->NewWalk();
  ASSERT_EQ(walk->Next(10, Wait::kBlock, &out), Outcome::kOk);
  ASSERT_EQ(table_->Drop(Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(walk->Next(10, Wait::kBlock, &out), Outcome::kDropped);
}

TEST_P(OrderedTableTest, RowsFromCutToCut) {
  for (int i = 0; i < 3000; ++i) Insert({i});
  const auto cut = [](int key, bool after) { return Cut{std::make_shared<const OwnedKey>(Value::Int(key)), after}; };
  const auto read = [&](Cut from, const Cut& to, Direction direction) {
    std::vector<int64_t> keys;
    bool done = false;
    while (!done) {
      RowBuffer out;
      EXPECT_EQ(
          static_cast<OrderedTable*>(table_.get())->ReadRows(&from, to, direction, 100, Wait::kBlock, &out, &done),
          Outcome::kOk);
      for (const Row& row : RowsOf(out)) keys.push_back(row[0].view().i);
    }
    return keys;
  };
  Random random(TestSeed());
  for (int i = 0; i < 200; ++i) {
    const int low = static_cast<int>(random.Between(-5, 3005));
    const int high = static_cast<int>(random.Between(low, 3005));
    const bool after_low = random.OneIn(2);
    const bool after_high = random.OneIn(2);
    std::vector<int64_t> expected;
    for (int k = low + (after_low ? 1 : 0); k < high + (after_high ? 1 : 0); ++k) {
      if (k >= 0 && k < 3000) expected.push_back(k);
    }
    ASSERT_EQ(read(cut(low, after_low), cut(high, after_high), Direction::kForward), expected);
    std::reverse(expected.begin(), expected.end());
    ASSERT_EQ(read(cut(high, after_high), cut(low, after_low), Direction::kBackward), expected);
  }
}

TEST_P(OrderedTableTest, RangesShareTheRows) {
  Random random(TestSeed());
  for (int i = 0; i < 20000; ++i) Insert({static_cast<int64_t>(random.Bits() >> 2), i});
  uint64_t total = 0;
  for (const uint64_t rows : RangeRows()) {
    total += rows;
    EXPECT_LT(rows, 2 * 20000 / GetParam() + 100);
  }
  EXPECT_EQ(total, Do({.call = Call::kSize}).count);
  ASSERT_EQ(table_->CheckInvariants().message(), "");
}

TEST_P(OrderedTableTest, RangesShareTheRowsThatComeInOrder) {
  for (int i = 0; i < 20000; ++i) Insert({i});
  for (const uint64_t rows : RangeRows()) EXPECT_LT(rows, 2 * 20000 / GetParam() + 100);
  EXPECT_EQ(All().size(), 20000u);
}

TEST_P(OrderedTableTest, SnapshotsKeepTheirOrder) {
  Rows expected;
  for (int i = 0; i < 2000; ++i) expected.push_back({i * 2, "old"});
  Do({.call = Call::kInsertBatch, .rows = expected});
  const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table_.get());
  for (int i = 0; i < 4000; ++i) Insert({i, "new"});  // ranges split, rows move
  for (int i = 0; i < 4000; i += 3) Do({.call = Call::kDelete, .keys = {i}});
  ASSERT_EQ(RowsOf(*snapshot), expected);
  for (int i = -1; i < 4001; ++i) {
    RowBuffer out;
    ASSERT_EQ(snapshot->Lookup(KeyArgument(*table_, i), Wait::kTry, &out), Outcome::kOk);
    ASSERT_EQ(RowsOf(out), i >= 0 && i < 4000 && i % 2 == 0 ? (Rows{{i, "old"}}) : Rows{}) << i;
  }
  Do({.call = Call::kClear});
  ASSERT_EQ(RowsOf(*snapshot), expected);
  const std::unique_ptr<SnapshotScan> scan = snapshot->NewScan(Direction::kBackward);
  RowPlace place;
  ASSERT_EQ(scan->Next(&place, 1), 1u);
  EXPECT_EQ(ReadElement(*place.chunk, 0, place.place).i, 3998);
}

TEST_P(OrderedTableTest, FixingIsCountedOnly) {
  Insert({1});
  EXPECT_EQ(table_->Fix(Wait::kBlock), Outcome::kOk);
  TableStats stats;
  ASSERT_EQ(table_->Stats(Wait::kBlock, &stats), Outcome::kOk);
  EXPECT_EQ(stats.fixes, 1u);
  Do({.call = Call::kDelete, .keys = {1}});
  EXPECT_EQ(Next(1), Rows{});
  EXPECT_EQ(Do({.call = Call::kCompact}).outcome, Outcome::kFixed);
  EXPECT_EQ(table_->Unfix(Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(Do({.call = Call::kCompact}).outcome, Outcome::kOk);
}

TEST_P(OrderedTableTest, BytesGoBackToZero) {
  const LiveCounts before = ReadLiveCounts();
  {
    const std::shared_ptr<Table> table = NewTable(GetParam());
    Random random(TestSeed());
    std::shared_ptr<Snapshot> snapshot;
    for (int i = 0; i < 5000; ++i) {
      const Row row = RandomRow(&random, PoolKey(random.Below(2000)), 0);
      ASSERT_EQ(testing::Do(table.get(), {.call = Call::kInsert, .rows = {row}}).outcome, Outcome::kOk);
      if (i % 1000 == 0) snapshot = SnapshotOf(table.get());
    }
    snapshot.reset();
    TableStats stats;
    ASSERT_EQ(table->Stats(Wait::kBlock, &stats), Outcome::kOk);
    EXPECT_EQ(stats.snapshot_retained_bytes, 0u);
    ASSERT_EQ(table->Clear(Wait::kBlock), Outcome::kOk);
    EXPECT_EQ(ReadLiveCounts().bytes, before.bytes);
  }
  EXPECT_EQ(ReadLiveCounts().bytes, before.bytes);
  EXPECT_EQ(ReadLiveCounts().snapshots, before.snapshots);
}

struct RandomCase {
  uint32_t partitions;
  uint32_t keypos;
  uint64_t pool;
  int steps;
  uint64_t snapshot_every;  // 0: never
};

class OrderedTableRandomTest : public ::testing::TestWithParam<RandomCase> {};

TEST_P(OrderedTableRandomTest, DoesWhatTheModelDoes) {
  const RandomCase& param = GetParam();
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("PARTITA_SEED=" + std::to_string(seed));
  Random random(seed);
  const std::shared_ptr<Table> table = NewTable(param.partitions, param.keypos, param.pool / 8 + 1);
  ModelTable model(param.keypos, TableType::kOrderedSet);
  std::shared_ptr<Snapshot> snapshot;
  std::vector<Row> snapshot_rows;
  for (int step = 0; step < Steps(param.steps); ++step) {
    const Operation op = RandomOperation(&random, model, param.pool, param.keypos);
    const Result expected = model.Do(op);
    const Result result = Do(table.get(), op);
    ASSERT_EQ(result, expected) << "step " << step << ": " << op;
    if (step % 32 == 0) {
      ASSERT_EQ(table->CheckInvariants().message(), "") << "step " << step << ": " << op;
    }
    if (param.snapshot_every != 0 && random.OneIn(param.snapshot_every)) {
      if (snapshot != nullptr) {
        ASSERT_EQ(RowsOf(*snapshot), snapshot_rows) << "step " << step;
      }
      snapshot = SnapshotOf(table.get());
      snapshot_rows = model.Do({.call = Call::kWalk}).rows;
      ASSERT_EQ(RowsOf(*snapshot), snapshot_rows) << "step " << step;
    }
  }
  EXPECT_EQ(DumpOf(table.get()), model.Dump());
  EXPECT_EQ(LocksHeldByThisThread(), 0);
}

INSTANTIATE_TEST_SUITE_P(All, OrderedTableRandomTest,
                         ::testing::Values(RandomCase{1, 0, 12, 8000, 0}, RandomCase{1, 0, 40, 8000, 6},
                                           RandomCase{3, 1, 400, 8000, 50}, RandomCase{7, 2, 4000, 8000, 200},
                                           RandomCase{2, 66, 60, 2000, 10}));

}  // namespace
}  // namespace partita::testing
