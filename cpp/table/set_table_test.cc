// Calls on a table of type set: each by name first, then all of them at random against a model of plain C++, with the
// invariants checked and the whole content compared as they go.

#include "table/set_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/sync_point.h"
#include "testing/dump.h"
#include "testing/operations.h"
#include "testing/random_terms.h"
#include "testing/table_access.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

std::shared_ptr<Table> NewTable(uint32_t partitions = 4, uint32_t keypos = 0) {
  return *Table::Create(TableOptions{.keypos = keypos, .partitions = partitions, .hash_seed = 7});
}

class SetTableTest : public ::testing::Test {
 protected:
  ~SetTableTest() override { EXPECT_EQ(table_->CheckInvariants().message(), ""); }

  Result Do(const Operation& op) { return testing::Do(table_.get(), op); }
  void Insert(const Row& row) { ASSERT_EQ(Do({.call = Call::kInsert, .rows = {row}}).outcome, Outcome::kOk); }
  std::vector<Row> Lookup(const Term& key) { return Do({.call = Call::kLookup, .keys = {key}}).rows; }
  Result Count(const Term& key, std::vector<Counter> counters) {
    return Do({.call = Call::kUpdateCounter, .keys = {key}, .counters = std::move(counters)});
  }
  uint64_t Size() { return Do({.call = Call::kSize}).count; }

  std::shared_ptr<Table> table_ = NewTable();
};

using Rows = std::vector<Row>;

TEST_F(SetTableTest, CreateRefusesBadOptions) {
  EXPECT_FALSE(Table::Create(TableOptions{.partitions = 0}).ok());
  EXPECT_FALSE(Table::Create(TableOptions{.partitions = kMaxPartitions + 1}).ok());
  EXPECT_FALSE(Table::Create(TableOptions{.keypos = kMaxArity}).ok());
  EXPECT_TRUE(Table::Create(TableOptions{.keypos = kMaxArity - 1, .partitions = kMaxPartitions}).ok());
}

TEST_F(SetTableTest, InsertReplaces) {
  Insert({1, "a", 2.5});
  Insert({1, "b"});
  EXPECT_EQ(Lookup(1), (Rows{{1, "b"}}));
  EXPECT_EQ(Lookup(2), Rows{});
  EXPECT_EQ(Size(), 1u);
}

TEST_F(SetTableTest, KeysAreExact) {
  const Row keys = {1,
                    1.0,
                    Term::Bool(true),
                    "1",
                    Term::Bytes("1"),
                    Term::Tuple({Term(1)}),
                    Term::Tuple({Term(1.0)}),
                    Term::List({Term(1)}),
                    Term::None(),
                    Term::Int128(__int128{1} << 64),
                    18446744073709551616.0};
  for (size_t i = 0; i < keys.size(); ++i) Insert({keys[i], static_cast<int>(i)});
  EXPECT_EQ(Size(), keys.size());
  for (size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(Lookup(keys[i]), (Rows{{keys[i], static_cast<int>(i)}}));
}

TEST_F(SetTableTest, ZerosAreOneKeyAndNanIsAKey) {
  Insert({0.0, 1});
  Insert({-0.0, 2});
  Insert({std::nan(""), 3});
  Insert({std::nan("1"), 4});
  EXPECT_EQ(Size(), 2u);
  EXPECT_EQ(Lookup(0.0), (Rows{{-0.0, 2}}));  // the sign stored is kept
  EXPECT_EQ(Lookup(std::nan("2")), (Rows{{std::nan("1"), 4}}));
}

TEST_F(SetTableTest, InsertNew) {
  EXPECT_TRUE(Do({.call = Call::kInsertNew, .rows = {{1, "a"}}}).flag);
  EXPECT_FALSE(Do({.call = Call::kInsertNew, .rows = {{1, "b"}}}).flag);
  EXPECT_EQ(Lookup(1), (Rows{{1, "a"}}));
}

TEST_F(SetTableTest, InsertListLastOfEqualKeysWins) {
  EXPECT_TRUE(Do({.call = Call::kInsertList, .rows = {{1, "a"}, {2, "b"}, {1, "c"}, {1, "d", 4}}}).flag);
  EXPECT_EQ(Size(), 2u);
  EXPECT_EQ(Lookup(1), (Rows{{1, "d", 4}}));
  EXPECT_TRUE(Do({.call = Call::kInsertList}).flag);
}

TEST_F(SetTableTest, InsertNewListIsAllOrNone) {
  Insert({100, "there"});
  Rows rows;
  for (int i = 0; i < 200; ++i) rows.push_back({i, "new"});
  EXPECT_FALSE(Do({.call = Call::kInsertNewList, .rows = rows}).flag);
  EXPECT_EQ(Size(), 1u);
  rows.erase(rows.begin() + 100);
  rows.push_back({7, "again"});  // equal keys within the list are no conflict
  EXPECT_TRUE(Do({.call = Call::kInsertNewList, .rows = rows}).flag);
  EXPECT_EQ(Size(), 200u);
  EXPECT_EQ(Lookup(7), (Rows{{7, "again"}}));
}

struct OneChunkAPartition {
  OneChunkAPartition() { TEST_LimitChunks(1); }
  ~OneChunkAPartition() { TEST_LimitChunks(kMaxChunks); }
};

// A partition of one chunk is full after 1024 rows. Nothing of what does not fit stays behind, nor of the rows of its
// list that would have gone into partitions with room.
TEST(SetTableLimitTest, AFullPartitionRefusesNewRowsWhole) {
  const OneChunkAPartition limited;
  const std::shared_ptr<Table> table = *Table::Create({.partitions = 3});
  const auto size = [&table] {
    uint64_t rows = 0;
    EXPECT_EQ(table->Size(Wait::kBlock, &rows), Outcome::kOk);
    return rows;
  };
  std::vector<int> refused;
  for (int i = 0; i < 5000; ++i) {
    const Outcome outcome = Do(table.get(), {.call = Call::kInsert, .rows = {{i, "row"}}}).outcome;
    if (outcome == Outcome::kTooManyRows) refused.push_back(i);
  }
  ASSERT_EQ(size(), 3 * kChunkSlots);
  ASSERT_EQ(refused.size(), 5000 - 3 * kChunkSlots);
  EXPECT_EQ(table->CheckInvariants().message(), "");

  // Room for ten rows: the list has more, new ones and one that is there.
  Operation deletes{.call = Call::kDeleteBatch};
  int there = 0;
  for (int i = 0; i < 5000 && deletes.keys.size() < 10; ++i) {
    if (!std::binary_search(refused.begin(), refused.end(), i)) deletes.keys.emplace_back(i);
    there = i + 1;
  }
  while (std::binary_search(refused.begin(), refused.end(), there)) ++there;
  EXPECT_EQ(Do(table.get(), deletes).count, 10u);
  std::vector<Row> list = {{there, "replaced by the list", std::string(100, 'x')}};
  for (int i = 0; i < 20; ++i) list.push_back({refused[i], "from the list", std::string(100, 'y')});
  for (const Call call : {Call::kInsertList, Call::kInsertNewList}) {
    if (call == Call::kInsertNewList) list.erase(list.begin());
    EXPECT_EQ(Do(table.get(), {.call = call, .rows = list}).outcome, Outcome::kTooManyRows);
    EXPECT_EQ(table->CheckInvariants().message(), "");
    EXPECT_EQ(size(), 3 * kChunkSlots - 10);
    EXPECT_EQ(Do(table.get(), {.call = Call::kLookup, .keys = {there}}).rows, (std::vector<Row>{{there, "row"}}));
  }

  // What is there may still be replaced, and what is deleted makes room.
  EXPECT_EQ(Do(table.get(), {.call = Call::kInsert, .rows = {{there, "new"}}}).outcome, Outcome::kOk);
  EXPECT_EQ(Do(table.get(), {.call = Call::kClear}).outcome, Outcome::kOk);
  EXPECT_EQ(Do(table.get(), {.call = Call::kInsertList, .rows = list}).outcome, Outcome::kOk);
  EXPECT_EQ(size(), 20u);
}

TEST_F(SetTableTest, DeleteTakeAndDeleteObject) {
  Insert({1, "a"});
  Insert({2, "b"});
  Insert({3, 1});
  EXPECT_EQ(Do({.call = Call::kDelete, .keys = {1}}).count, 1u);
  EXPECT_EQ(Do({.call = Call::kDelete, .keys = {1}}).count, 0u);
  EXPECT_EQ(Do({.call = Call::kTake, .keys = {2}}).rows, (Rows{{2, "b"}}));
  EXPECT_EQ(Do({.call = Call::kTake, .keys = {2}}).rows, Rows{});
  EXPECT_EQ(Do({.call = Call::kDeleteObject, .rows = {{3, 1.0}}}).count, 0u);
  EXPECT_EQ(Do({.call = Call::kDeleteObject, .rows = {{3, 1, Term::None()}}}).count, 0u);
  EXPECT_EQ(Do({.call = Call::kDeleteObject, .rows = {{3, 1}}}).count, 1u);
  EXPECT_EQ(Size(), 0u);
}

TEST_F(SetTableTest, BatchesCountWhatTheyDid) {
  Rows rows;
  std::vector<Term> keys;
  for (int i = 0; i < 3000; ++i) rows.push_back({i, i});
  for (int i = 0; i < 3000; i += 2) keys.emplace_back(i);
  rows.push_back({5, "last"});
  EXPECT_EQ(Do({.call = Call::kInsertBatch, .rows = rows}).count, 3001u);
  EXPECT_EQ(Size(), 3000u);
  EXPECT_EQ(Lookup(5), (Rows{{5, "last"}}));
  keys.emplace_back(0);  // the second time it is gone
  EXPECT_EQ(Do({.call = Call::kDeleteBatch, .keys = keys}).count, 1500u);
  EXPECT_EQ(Do({.call = Call::kLookupBatch, .keys = {1, 2, 1}}).rows, (Rows{{1, 1}, {}, {1, 1}}));
}

TEST_F(SetTableTest, NoneAndMissingDiffer) {
  Insert({1, Term::None()});
  Insert({2});
  EXPECT_EQ(Lookup(1), (Rows{{1, Term::None()}}));
  EXPECT_EQ(Lookup(2), (Rows{{2}}));
  EXPECT_EQ(Do({.call = Call::kLookupElement, .keys = {1}, .position = 1}).rows, (Rows{{Term::None()}}));
  EXPECT_EQ(Do({.call = Call::kLookupElement, .keys = {2}, .position = 1}).outcome, Outcome::kBadPosition);
  EXPECT_EQ(Do({.call = Call::kLookupElement, .keys = {3}, .position = 1}).rows, Rows{});
}

TEST_F(SetTableTest, CompareAndSwap) {
  Insert({1, 1, "x"});
  EXPECT_FALSE(Do({.call = Call::kCompareAndSwap, .rows = {{1, 1.0, "x"}, {1, 2}}}).flag);
  EXPECT_FALSE(Do({.call = Call::kCompareAndSwap, .rows = {{1, 1}, {1, 2}}}).flag);
  EXPECT_TRUE(Do({.call = Call::kCompareAndSwap, .rows = {{1, 1, "x"}, {1, 2}}}).flag);
  EXPECT_EQ(Lookup(1), (Rows{{1, 2}}));
}

TEST_F(SetTableTest, CounterThresholds) {
  const auto count = [&](int start, int increment, int threshold) {
    Insert({"k", start});
    return Count("k", {{1, increment, true, threshold, 99}}).rows[0][0];
  };
  // Upwards, and for an increment of 0, the threshold is the greatest value allowed; downwards the least.
  EXPECT_EQ(count(5, 5, 10), Term(10));
  EXPECT_EQ(count(5, 6, 10), Term(99));
  EXPECT_EQ(count(5, -5, 0), Term(0));
  EXPECT_EQ(count(5, -6, 0), Term(99));
  EXPECT_EQ(count(11, 0, 10), Term(99));
  EXPECT_EQ(count(10, 0, 10), Term(10));
  EXPECT_EQ(count(20, -1, 10), Term(19));
}

TEST_F(SetTableTest, CountersOfAnySize) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  Insert({"k", kMax, 0.5, "text", std::numeric_limits<int64_t>::min()});
  const Term beyond = Term::Int128(__int128{kMax} + 1);
  EXPECT_EQ(Count("k", {{1, 1}}).rows, (Rows{{beyond}}));
  EXPECT_EQ(Lookup("k")[0][1], beyond);
  EXPECT_EQ(Count("k", {{1, -1}}).rows, (Rows{{kMax}}));
  EXPECT_EQ(Count("k", {{1, beyond}, {1, beyond}}).rows[0][1], Term::Int128(3 * (__int128{kMax} + 1) - 1));
  EXPECT_EQ(Count("k", {{4, -1}}).rows, (Rows{{Term::Int128(-(__int128{1} << 63) - 1)}}));
  EXPECT_EQ(Count("k", {{2, 1}}).rows, (Rows{{1.5}}));
  EXPECT_EQ(Count("k", {{2, 0.25}, {2, 0.25}}).rows, (Rows{{1.75, 2.0}}));
}

TEST_F(SetTableTest, FailingCounterChangesNothing) {
  Insert({"k", 1, "text", 1e308});
  const auto fails = [&](Counter bad, Outcome outcome) {
    const Result result = Count("k", {{1, 10}, std::move(bad), {1, 10}});
    EXPECT_EQ(result.outcome, outcome);
    EXPECT_EQ(result.failed_op, 1u);
    EXPECT_EQ(Lookup("k"), (Rows{{"k", 1, "text", 1e308}}));
  };
  fails({2, 1}, Outcome::kNotANumber);
  fails({1, "1"}, Outcome::kNotANumber);
  fails({1, Term::Bool(true)}, Outcome::kNotANumber);
  fails({3, 1e308}, Outcome::kNotFinite);
  fails({4, 1}, Outcome::kBadPosition);
  fails({0, 1}, Outcome::kKeyPosition);
}

TEST_F(SetTableTest, AddToIntDoesWhatIsUsualAndNothingElse) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  Insert({1, 10, 2.5, "x", kMax});
  Insert({2, Term::None(), 2.5, "x", 1});
  Insert({3});
  int64_t sum = 0;
  const auto add = [&](int key, uint32_t position, int64_t increment) {
    bool done = true;
    EXPECT_EQ(table_->AddToInt(KeyArgument(*table_, key), position, increment, Wait::kBlock, &done, &sum),
              Outcome::kOk);
    return done;
  };
  EXPECT_TRUE(add(1, 1, -15));
  EXPECT_EQ(sum, -5);
  EXPECT_FALSE(add(9, 1, 1));  // no such key
  EXPECT_FALSE(add(1, 0, 1));  // the key itself
  EXPECT_FALSE(add(1, 2, 1));  // a float
  EXPECT_FALSE(add(1, 3, 1));  // no number
  EXPECT_FALSE(add(1, 4, 1));  // a sum of more than 64 bits
  EXPECT_FALSE(add(2, 1, 1));  // None
  EXPECT_FALSE(add(3, 1, 1));  // past the end of the row, not of the chunk
  EXPECT_FALSE(add(1, 99, 1));
  std::shared_ptr<Snapshot> snapshot;
  ASSERT_EQ(table_->TakeSnapshot(Wait::kBlock, &snapshot), Outcome::kOk);
  EXPECT_FALSE(add(1, 1, 1));  // a snapshot sees it
  EXPECT_EQ(Lookup(1), (Rows{{1, -5, 2.5, "x", kMax}}));
  EXPECT_EQ(Lookup(2), (Rows{{2, Term::None(), 2.5, "x", 1}}));
  EXPECT_EQ(Lookup(3), Rows{{3}});
  table_->Drop(Wait::kBlock);
  bool done = true;
  EXPECT_EQ(table_->AddToInt(KeyArgument(*table_, 1), 1, 1, Wait::kBlock, &done, &sum), Outcome::kDropped);
}

TEST_F(SetTableTest, CounterDefaults) {
  EXPECT_FALSE(Count("k", {{1, 1}}).flag);
  Operation op{.call = Call::kUpdateCounter, .keys = {"k"}, .counters = {{1, 5}}};
  op.has_default = true;
  op.default_row = {"k", 10, "rest"};
  EXPECT_EQ(Do(op).rows, (Rows{{15}}));
  EXPECT_EQ(Do(op).rows, (Rows{{20}}));
  EXPECT_EQ(Lookup("k"), (Rows{{"k", 20, "rest"}}));
  op.keys = {"other"};
  op.default_row = {"other"};
  EXPECT_EQ(Do(op).outcome, Outcome::kBadPosition);
  EXPECT_EQ(Size(), 1u);
  op.counters.clear();
  EXPECT_EQ(Do(op).rows, (Rows{{}}));
  EXPECT_EQ(Lookup("other"), (Rows{{"other"}}));
}

TEST_F(SetTableTest, UpdateElement) {
  Row row = {"k"};
  for (int i = 1; i < 70; ++i) row.push_back(i);
  Insert(row);
  row[1] = "a string that does not fit into its column";
  row[64] = 2.5;
  row[69] = Term::None();
  Operation op{.call = Call::kUpdateElement, .keys = {"k"}};
  op.elements = {{1, "x"}, {64, row[64]}, {1, row[1]}, {69, row[69]}};
  EXPECT_TRUE(Do(op).flag);
  EXPECT_EQ(Lookup("k"), Rows{row});
  op.elements = {{1, 1}, {70, 1}};
  EXPECT_EQ(Do(op).outcome, Outcome::kBadPosition);
  op.elements = {{1, 1}, {0, "k"}};
  EXPECT_EQ(Do(op).outcome, Outcome::kKeyPosition);
  EXPECT_EQ(Lookup("k"), Rows{row});
}

TEST_F(SetTableTest, RowsOfTheGreatestArity) {
  Row row(kMaxArity, Term(7));
  row[0] = "wide";
  row[kMaxArity - 1] = "end";
  Insert({"narrow"});
  Insert(row);
  EXPECT_EQ(Lookup("wide"), Rows{row});
  EXPECT_EQ(Do({.call = Call::kLookupElement, .keys = {"wide"}, .position = kMaxArity - 1}).rows, (Rows{{"end"}}));
  EXPECT_EQ(Count("wide", {{kMaxArity - 2, 1}}).rows, (Rows{{8}}));
  const std::shared_ptr<Table> last = *Table::Create(TableOptions{.keypos = kMaxArity - 1, .partitions = 2});
  ASSERT_EQ(testing::Do(last.get(), {.call = Call::kInsert, .rows = {row}}).outcome, Outcome::kOk);
  EXPECT_EQ(testing::Do(last.get(), {.call = Call::kLookup, .keys = {"end"}}).rows, Rows{row});
  EXPECT_EQ(last->CheckInvariants().message(), "");
}

TEST_F(SetTableTest, TryGivesUpWhereALockIsHeld) {
  Insert({1, 1});
  Partition* partitions = PartitionsOf(table_.get());
  partitions[3].lock.Lock();
  Rows rows;
  std::vector<Term> keys;
  for (int i = 0; i < 40; ++i) rows.push_back({i, i});
  for (int i = 0; i < 40; ++i) keys.emplace_back(i);
  for (const Operation& op : {Operation{.call = Call::kInsertList, .rows = rows}, Operation{.call = Call::kClear},
                              Operation{.call = Call::kStats}, Operation{.call = Call::kCompact},
                              Operation{.call = Call::kWalk}, Operation{.call = Call::kLookupBatch, .keys = keys}}) {
    EXPECT_EQ(testing::Do(table_.get(), op, Wait::kTry).outcome, Outcome::kWouldBlock) << op;
  }
  std::shared_ptr<Snapshot> snapshot;
  EXPECT_EQ(table_->TakeSnapshot(Wait::kTry, &snapshot), Outcome::kWouldBlock);
  EXPECT_EQ(table_->Drop(Wait::kTry), Outcome::kWouldBlock);
  // One-key calls fail for the keys of that partition only.
  int blocked = 0;
  for (const Row& row : rows) {
    blocked += testing::Do(table_.get(), {.call = Call::kInsertNew, .rows = {row}}, Wait::kTry).outcome != Outcome::kOk;
  }
  EXPECT_GT(blocked, 0);
  EXPECT_LT(blocked, 40);
  partitions[3].lock.Unlock();
  EXPECT_EQ(Size(), 40u - static_cast<uint64_t>(blocked));
  EXPECT_EQ(LocksHeldByThisThread(), 0);
}

// Asked at every point of a list insert, the table counts all of the list, none of it, or would have to wait.
TEST_F(SetTableTest, SizeNeverCountsAPartOfAList) {
  static Table* asked;
  static uint64_t answers;
  static uint64_t wrong;
  static bool asking;  // locks have such points too
  for (int i = 0; i < 10; ++i) Insert({i, i});
  Rows rows;
  for (int i = 5; i < 45; ++i) rows.push_back({i, i});
  asked = table_.get();
  answers = wrong = 0;
  sync_point_hook = [] {
    if (asking) return;
    asking = true;
    uint64_t size = 0;
    const Outcome outcome = asked->Size(Wait::kTry, &size);
    asking = false;
    answers += 1;
    wrong += outcome != Outcome::kWouldBlock && size != 10 && size != 45;
  };
  Do({.call = Call::kInsertList, .rows = rows});
  sync_point_hook = nullptr;
  EXPECT_GT(answers, 35u);  // one for each new row at least
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(Size(), 45u);
}

TEST_F(SetTableTest, DroppedTableSaysSo) {
  Insert({1, 1});
  EXPECT_EQ(table_->Drop(Wait::kBlock), Outcome::kOk);
  EXPECT_TRUE(table_->dropped());
  Random random(1);
  ModelTable model(0);
  for (int i = 0; i < 500; ++i) {
    const Operation op = RandomOperation(&random, model, 10, 0);
    if (op.rows.empty() && op.keys.empty() && op.call <= Call::kDeleteBatch) continue;  // nothing to be refused
    EXPECT_EQ(Do(op).outcome, Outcome::kDropped) << op;
  }
  std::shared_ptr<Snapshot> snapshot;
  EXPECT_EQ(table_->TakeSnapshot(Wait::kBlock, &snapshot), Outcome::kDropped);
  EXPECT_EQ(table_->Drop(Wait::kBlock), Outcome::kDropped);
}

TEST_F(SetTableTest, BytesGoBackToZero) {
  const LiveCounts before = ReadLiveCounts();
  {
    const std::shared_ptr<Table> table = NewTable();
    Random random(TestSeed());
    std::shared_ptr<Snapshot> snapshot;
    for (int i = 0; i < 5000; ++i) {
      const Row row = RandomRow(&random, PoolKey(random.Below(2000)), 0);
      ASSERT_EQ(testing::Do(table.get(), {.call = Call::kInsert, .rows = {row}}).outcome, Outcome::kOk);
      if (i % 1000 == 0) snapshot = SnapshotOf(table.get());
    }
    TableStats stats;
    ASSERT_EQ(table->Stats(Wait::kBlock, &stats), Outcome::kOk);
    EXPECT_EQ(stats.snapshots, 1u);
    EXPECT_GT(stats.snapshot_retained_bytes, 0u);
    snapshot.reset();
    ASSERT_EQ(table->Stats(Wait::kBlock, &stats), Outcome::kOk);
    EXPECT_EQ(stats.snapshots, 0u);
    EXPECT_EQ(stats.snapshot_retained_bytes, 0u);
    EXPECT_EQ(ReadLiveCounts().rows, before.rows + static_cast<int64_t>(stats.rows));
    ASSERT_EQ(table->Clear(Wait::kBlock), Outcome::kOk);
    EXPECT_EQ(ReadLiveCounts().bytes, before.bytes);
  }
  const LiveCounts after = ReadLiveCounts();
  EXPECT_EQ(after.tables, before.tables);
  EXPECT_EQ(after.rows, before.rows);
  EXPECT_EQ(after.snapshots, before.snapshots);
  EXPECT_EQ(after.walks, before.walks);
  EXPECT_EQ(after.bytes, before.bytes);
}

struct RandomCase {
  uint32_t partitions;
  uint32_t keypos;
  uint64_t pool;
  int steps;
  uint64_t snapshot_every;  // 0: never. Held until the next one, so that most writes have to copy.
};

class SetTableRandomTest : public ::testing::TestWithParam<RandomCase> {};

TEST_P(SetTableRandomTest, DoesWhatTheModelDoes) {
  const RandomCase& param = GetParam();
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("PARTITA_SEED=" + std::to_string(seed));
  Random random(seed);
  const std::shared_ptr<Table> table = NewTable(param.partitions, param.keypos);
  ModelTable model(param.keypos);
  std::shared_ptr<Snapshot> snapshot;
  std::vector<std::string> snapshot_dump;
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
        ASSERT_EQ(DumpOf(*snapshot), snapshot_dump) << "step " << step;
      }
      snapshot = SnapshotOf(table.get());
      snapshot_dump = model.Dump();
      ASSERT_EQ(DumpOf(*snapshot), snapshot_dump) << "step " << step;
    }
  }
  EXPECT_EQ(DumpOf(table.get()), model.Dump());
  EXPECT_EQ(LocksHeldByThisThread(), 0);
}

INSTANTIATE_TEST_SUITE_P(All, SetTableRandomTest,
                         ::testing::Values(RandomCase{1, 0, 12, 8000, 0}, RandomCase{1, 0, 40, 8000, 6},
                                           RandomCase{3, 1, 400, 8000, 50}, RandomCase{7, 2, 4000, 8000, 200},
                                           RandomCase{1, 66, 60, 2000, 10}));

}  // namespace
}  // namespace partita::testing
