// Calls on bags and duplicate bags: each by name first, then all of them at random against a model of plain C++, with
// the invariants checked and the whole content compared as they go.

#include "table/bag_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "testing/dump.h"
#include "testing/operations.h"
#include "testing/random_terms.h"
#include "testing/table_access.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

using Rows = std::vector<Row>;

std::shared_ptr<Table> NewTable(TableType type, uint32_t partitions = 4, uint32_t keypos = 0) {
  return *Table::Create(TableOptions{.type = type, .keypos = keypos, .partitions = partitions, .hash_seed = 7});
}

class BagTest : public ::testing::Test {
 protected:
  explicit BagTest(TableType type = TableType::kBag) : table_(NewTable(type)) {}
  ~BagTest() override { EXPECT_EQ(table_->CheckInvariants().message(), ""); }

  Result Do(const Operation& op) { return testing::Do(table_.get(), op); }
  void Insert(const Row& row) { ASSERT_EQ(Do({.call = Call::kInsert, .rows = {row}}).outcome, Outcome::kOk); }
  void InsertList(const Rows& rows) { ASSERT_EQ(Do({.call = Call::kInsertList, .rows = rows}).outcome, Outcome::kOk); }
  Rows Lookup(const Term& key) { return Do({.call = Call::kLookup, .keys = {key}}).rows; }
  uint64_t DeleteObject(const Row& row) { return Do({.call = Call::kDeleteObject, .rows = {row}}).count; }
  uint64_t Size() { return Do({.call = Call::kSize}).count; }
  uint64_t Keys() {
    uint64_t keys = 0;
    EXPECT_EQ(table_->CountKeys(Wait::kBlock, &keys), Outcome::kOk);
    return keys;
  }
  // All rows that a walk meets, as it meets them.
  Rows WalkAll(Direction direction, size_t rows_a_step) {
    Rows rows;
    const std::unique_ptr<Walk> walk = table_->NewWalk(direction);
    RowBuffer out;
    do {
      out.Clear();
      EXPECT_EQ(walk->Next(rows_a_step, Wait::kBlock, &out), Outcome::kOk);
      for (Row& row : RowsOf(out)) rows.push_back(std::move(row));
    } while (!out.empty());
    return rows;
  }

  std::shared_ptr<Table> table_;
};

class DuplicateBagTest : public BagTest {
 protected:
  DuplicateBagTest() : BagTest(TableType::kDuplicateBag) {}
};

Rows Numbered(const Term& key, int first, int count) {
  Rows rows;
  for (int i = first; i < first + count; ++i) rows.push_back({key, i});
  return rows;
}

TEST_F(BagTest, RowsComeInTheOrderOfInsertion) {
  Insert({"k", 3});
  Insert({"other"});
  Insert({"k", 1});
  Insert({"k"});
  Insert({"k", 2});
  EXPECT_EQ(Lookup("k"), (Rows{{"k", 3}, {"k", 1}, {"k"}, {"k", 2}}));
  EXPECT_EQ(Size(), 5u);
  EXPECT_EQ(Keys(), 2u);
}

TEST_F(BagTest, AnEqualRowKeepsItsPlace) {
  for (const int i : {1, 2, 3}) Insert({"k", i});
  Insert({"k", 1});
  EXPECT_EQ(Lookup("k"), Numbered("k", 1, 3));
}

TEST_F(BagTest, RowsAreComparedExactly) {
  const Rows rows = {{1, 1},
                     {1, 1.0},
                     {1, Term::Bool(true)},
                     {1, "1"},
                     {1, 0.0},
                     {1, Term::None()},
                     {1},
                     {1, 1, Term::None()},
                     {1, std::nan("")}};
  for (const Row& row : rows) Insert(row);
  EXPECT_EQ(Lookup(1), rows);
  Insert({1, -0.0});           // is 0.0
  Insert({1, std::nan("7")});  // and nan is nan
  EXPECT_EQ(Lookup(1), rows);
  Insert({1.0, 1});
  EXPECT_EQ(Lookup(1.0), (Rows{{1.0, 1}}));
}

TEST_F(DuplicateBagTest, EqualRowsStay) {
  for (const int i : {1, 2, 1, 1}) Insert({"k", i});
  EXPECT_EQ(Lookup("k"), (Rows{{"k", 1}, {"k", 2}, {"k", 1}, {"k", 1}}));
  EXPECT_EQ(DeleteObject({"k", 1}), 3u);
  EXPECT_EQ(Lookup("k"), (Rows{{"k", 2}}));
}

TEST_F(BagTest, ListsKeepTheirOrder) {
  Insert({"b", 7});
  InsertList({{"a", 1}, {"b", 1}, {"a", 2}, {"b", 7}, {"a", 1}, {"a", 3}});
  EXPECT_EQ(Lookup("a"), Numbered("a", 1, 3));
  EXPECT_EQ(Lookup("b"), (Rows{{"b", 7}, {"b", 1}}));
  EXPECT_EQ(Size(), 5u);
}

TEST_F(DuplicateBagTest, ListsKeepTheirOrder) {
  InsertList({{"a", 1}, {"b", 1}, {"a", 2}, {"b", 7}, {"a", 1}, {"a", 3}});
  EXPECT_EQ(Lookup("a"), (Rows{{"a", 1}, {"a", 2}, {"a", 1}, {"a", 3}}));
}

TEST_F(BagTest, LongLists) {
  Rows rows;
  for (int i = 0; i < 3000; ++i) rows.push_back({i % 3, i});
  InsertList(rows);
  InsertList(rows);  // all there
  EXPECT_EQ(Size(), 3000u);
  for (int key = 0; key < 3; ++key) {
    const Rows found = Lookup(key);
    ASSERT_EQ(found.size(), 1000u);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(found[static_cast<size_t>(i)], (Row{key, 3 * i + key}));
  }
}

TEST_F(BagTest, InsertNewAsksForKeys) {
  EXPECT_TRUE(Do({.call = Call::kInsertNew, .rows = {{"a", 1}}}).flag);
  EXPECT_FALSE(Do({.call = Call::kInsertNew, .rows = {{"a", 2}}}).flag);
  EXPECT_FALSE(Do({.call = Call::kInsertNewList, .rows = {{"b", 1}, {"a", 2}}}).flag);
  EXPECT_TRUE(Do({.call = Call::kInsertNewList, .rows = {{"b", 1}, {"b", 2}, {"b", 1}}}).flag);
  EXPECT_EQ(Lookup("b"), Numbered("b", 1, 2));
  EXPECT_EQ(Lookup("a"), Numbered("a", 1, 1));
}

TEST_F(BagTest, RowsGoFromEveryPlaceOfAChain) {
  for (const int count : {1, 2, 3, 5, 31, 32, 33, 34, 80}) {
    for (const int gone : {0, 1, count / 2, count - 1}) {
      InsertList(Numbered("k", 0, count));
      Rows expected = Numbered("k", 0, count);
      if (gone < count) {
        expected.erase(expected.begin() + gone);
        EXPECT_EQ(DeleteObject({"k", gone}), 1u);
      }
      EXPECT_EQ(DeleteObject({"k", count}), 0u);
      EXPECT_EQ(Lookup("k"), expected);
      Insert({"k", "new"});
      expected.push_back({"k", "new"});
      EXPECT_EQ(Lookup("k"), expected);
      ASSERT_EQ(table_->CheckInvariants().message(), "");
      EXPECT_EQ(Do({.call = Call::kTake, .keys = {"k"}}).rows, expected);
      EXPECT_EQ(Lookup("k"), Rows{});
      EXPECT_EQ(Size(), 0u);
    }
  }
}

TEST_F(BagTest, DeleteCountsRows) {
  InsertList(Numbered("k", 0, 50));
  InsertList(Numbered("l", 0, 2));
  EXPECT_EQ(Do({.call = Call::kDelete, .keys = {"k"}}).count, 50u);
  EXPECT_EQ(Do({.call = Call::kDelete, .keys = {"k"}}).count, 0u);
  InsertList(Numbered("k", 0, 5));
  EXPECT_EQ(Do({.call = Call::kDeleteBatch, .keys = {"k", "nobody", "l", "k"}}).count, 7u);
  EXPECT_EQ(Size(), 0u);
}

TEST_F(BagTest, LookupElementGivesAll) {
  InsertList({{"k", 1, "a"}, {"k", 2, "b"}, {"short", 1, "a"}, {"short"}});
  EXPECT_EQ(Do({.call = Call::kLookupElement, .keys = {"k"}, .position = 2}).rows, (Rows{{"a"}, {"b"}}));
  EXPECT_EQ(Do({.call = Call::kLookupElement, .keys = {"nobody"}, .position = 2}).rows, Rows{});
  EXPECT_EQ(Do({.call = Call::kLookupElement, .keys = {"short"}, .position = 1}).outcome, Outcome::kBadPosition);
  EXPECT_EQ(Do({.call = Call::kLookupElement, .keys = {"short"}, .position = 0}).rows.size(), 2u);
}

TEST_F(BagTest, CallsOnTheOneRowOfAKeyDoNotExist) {
  Insert({"k", 1});
  EXPECT_EQ(Do({.call = Call::kUpdateCounter, .keys = {"k"}, .counters = {{1, 1}}}).outcome, Outcome::kWrongType);
  EXPECT_EQ(Do({.call = Call::kUpdateElement, .keys = {"k"}, .elements = {{1, 1}}}).outcome, Outcome::kWrongType);
  EXPECT_EQ(Do({.call = Call::kCompareAndSwap, .rows = {{"k", 1}, {"k", 2}}}).outcome, Outcome::kWrongType);
  EXPECT_EQ(Lookup("k"), Numbered("k", 1, 1));
}

// Slots of rows that went are used again, so that younger rows lie before older ones: nobody must notice.
TEST_F(BagTest, OrderHoldsWhereSlotsAreUsedAgain) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 60; ++i) {
      for (int key = 0; key < 20; ++key) Insert({key, 100 * round + i});
    }
    if (round == 2) break;
    for (int i = 0; i < 60; i += 2) {
      for (int key = 0; key < 20; ++key) EXPECT_EQ(DeleteObject({key, 100 * round + i}), 1u);
    }
  }
  ASSERT_EQ(table_->CheckInvariants().message(), "");
  std::map<Term, Rows, ExactLess> expected;
  for (int key = 0; key < 20; ++key) {
    for (int i = 0; i < 260; ++i) {
      if (i % 100 < 60 && (i % 2 == 1 || i >= 200)) expected[key].push_back({key, i});
    }
    EXPECT_EQ(Lookup(key), expected[key]);
  }
  const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table_.get());
  for (const Rows& rows : {RowsOf(*snapshot), WalkAll(Direction::kForward, 7), WalkAll(Direction::kForward, 10000)}) {
    std::map<Term, Rows, ExactLess> met;
    for (const Row& row : rows) met[row[0]].push_back(row);
    EXPECT_EQ(met, expected);
  }
  Rows backward = WalkAll(Direction::kBackward, 30);
  std::map<Term, Rows, ExactLess> met;
  for (size_t i = backward.size(); i-- > 0;) met[backward[i][0]].push_back(backward[i]);
  EXPECT_EQ(met, expected);
}

TEST_F(BagTest, KeysAreMetOnce) {
  for (int i = 0; i < 4000; ++i) Insert({i % 100, i});
  const auto count = [&](const std::unique_ptr<Walk>& walk) {
    std::map<Term, int, ExactLess> met;
    RowBuffer out;
    do {
      out.Clear();
      EXPECT_EQ(walk->Next(30, Wait::kBlock, &out), Outcome::kOk);
      for (const Row& row : RowsOf(out)) {
        EXPECT_EQ(row.size(), 1u);
        ++met[row[0]];
        // The first row of a key goes, and others come, while the walk is under way.
        EXPECT_LE(DeleteObject({row[0], row[0].view().i}), 1u);
        Insert({row[0], "late"});
      }
    } while (!out.empty());
    EXPECT_EQ(met.size(), 100u);
    for (const auto& [key, times] : met) EXPECT_EQ(times, 1);
  };
  count(table_->NewKeyWalk());
  count(table_->NewKeyWalk());
  EXPECT_EQ(Keys(), 100u);
}

TEST_F(BagTest, SnapshotsKeepChains) {
  for (int i = 0; i < 2000; ++i) Insert({i % 5, i});
  Insert({"alone", 1});
  const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table_.get());
  const auto lookup = [&](const Term& key) {
    RowBuffer out;
    EXPECT_EQ(snapshot->Lookup(KeyArgument(*table_, key), Wait::kBlock, &out), Outcome::kOk);
    return RowsOf(out);
  };
  const Rows before = lookup(3);
  EXPECT_EQ(before.size(), 400u);
  for (int i = 0; i < 2000; i += 3) DeleteObject({i % 5, i});
  for (int i = 0; i < 500; ++i) Insert({i % 5, "new", i});
  Do({.call = Call::kDelete, .keys = {3}});
  Do({.call = Call::kDelete, .keys = {"alone"}});
  EXPECT_EQ(lookup(3), before);
  Insert({3, "again"});
  EXPECT_EQ(lookup(3), before);
  EXPECT_EQ(lookup("alone"), (Rows{{"alone", 1}}));
  EXPECT_EQ(snapshot->keys(), 6u);
  EXPECT_EQ(snapshot->rows(), 2001u);
  Do({.call = Call::kClear});
  EXPECT_EQ(lookup(3), before);
  EXPECT_EQ(Lookup(3), Rows{});
}

// Long values are not copied out: the whole chain is pinned once.
TEST_F(BagTest, LongValues) {
  Rows rows;
  for (int i = 0; i < 5; ++i) rows.push_back({"k", std::string(100000, static_cast<char>('a' + i))});
  InsertList(rows);
  RowBuffer out;
  ASSERT_EQ(table_->Lookup(KeyArgument(*table_, "k"), Wait::kBlock, &out), Outcome::kOk);
  Do({.call = Call::kDelete, .keys = {"k"}});
  EXPECT_EQ(RowsOf(out), rows);
}

// What a key of many rows needs beside them comes and goes with their number; memory is given back to the byte.
TEST(BagMemoryTest, NothingIsLeft) {
  const LiveCounts before = ReadLiveCounts();
  for (const TableType type : {TableType::kBag, TableType::kDuplicateBag}) {
    const std::shared_ptr<Table> table = NewTable(type, 2);
    TableStats empty;
    ASSERT_EQ(table->Stats(Wait::kBlock, &empty), Outcome::kOk);
    for (int i = 0; i < 5000; ++i) {
      Do(table.get(), {.call = Call::kInsert, .rows = {{i % 3, i % 700, "some text that is long"}}});
    }
    TableStats full;
    ASSERT_EQ(table->Stats(Wait::kBlock, &full), Outcome::kOk);
    EXPECT_GT(full.memory_bytes, empty.memory_bytes + full.rows * 30);
    EXPECT_EQ(table->CheckInvariants().message(), "");
    std::shared_ptr<Snapshot> snapshot = SnapshotOf(table.get());
    for (int i = 0; i < 5000; ++i) {
      Do(table.get(), {.call = Call::kDeleteObject, .rows = {{i % 3, i % 700, "some text that is long"}}});
    }
    TableStats pinned;
    ASSERT_EQ(table->Stats(Wait::kBlock, &pinned), Outcome::kOk);
    EXPECT_EQ(pinned.rows, 0u);
    EXPECT_GT(pinned.snapshot_retained_bytes, full.rows * 30);
    snapshot.reset();
    Do(table.get(), {.call = Call::kCompact});
    TableStats after;
    ASSERT_EQ(table->Stats(Wait::kBlock, &after), Outcome::kOk);
    EXPECT_EQ(after.snapshot_retained_bytes, 0u);
    EXPECT_LT(after.memory_bytes, empty.memory_bytes + 4096);
  }
  const LiveCounts after = ReadLiveCounts();
  EXPECT_EQ(after.tables, before.tables);
  EXPECT_EQ(after.rows, before.rows);
  EXPECT_EQ(after.snapshots, before.snapshots);
  EXPECT_EQ(after.bytes, before.bytes);
}

// Equal rows by the ten thousand, and one key of as many: were each call to go through all of them, this would take
// minutes.
TEST(BagGrowthTest, KeysOfManyRows) {
  constexpr int kRows = 60000;
  const std::shared_ptr<Table> duplicates = NewTable(TableType::kDuplicateBag, 1);
  for (int i = 0; i < kRows; ++i) Do(duplicates.get(), {.call = Call::kInsert, .rows = {{"k", i % 2}}});
  EXPECT_EQ(duplicates->CheckInvariants().message(), "");
  EXPECT_EQ(Do(duplicates.get(), {.call = Call::kDeleteObject, .rows = {{"k", 1}}}).count, uint64_t{kRows / 2});
  for (const TableType type : {TableType::kBag, TableType::kDuplicateBag}) {
    const std::shared_ptr<Table> table = NewTable(type, 1);
    for (int i = 0; i < kRows; ++i) Do(table.get(), {.call = Call::kInsert, .rows = {{"k", i}}});
    EXPECT_EQ(table->CheckInvariants().message(), "");
    uint64_t deleted = 0;
    for (int i = 0; i < kRows; i += 2) {
      deleted += Do(table.get(), {.call = Call::kDeleteObject, .rows = {{"k", (i * 7) % kRows}}}).count;
    }
    EXPECT_EQ(deleted, uint64_t{kRows / 2});
    EXPECT_EQ(table->CheckInvariants().message(), "");
  }
}

struct RandomCase {
  TableType type;
  uint32_t partitions;
  uint32_t keypos;
  uint64_t pool;
  int steps;
  uint64_t snapshot_every;  // 0: never. Held until the next one, so that most writes have to copy.
};

class BagRandomTest : public ::testing::TestWithParam<RandomCase> {};

TEST_P(BagRandomTest, DoesWhatTheModelDoes) {
  const RandomCase& param = GetParam();
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("PARTITA_SEED=" + std::to_string(seed));
  Random random(seed);
  const std::shared_ptr<Table> table = NewTable(param.type, param.partitions, param.keypos);
  ModelTable model(param.keypos, param.type);
  std::shared_ptr<Snapshot> snapshot;
  std::vector<std::string> snapshot_dump;
  for (int step = 0; step < Steps(param.steps); ++step) {
    const Operation op = RandomOperation(&random, model, param.pool, param.keypos);
    const Result expected = model.Do(op);
    ASSERT_EQ(Do(table.get(), op), expected) << "step " << step << ": " << op;
    if (step % 16 == 0) {
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

INSTANTIATE_TEST_SUITE_P(All, BagRandomTest,
                         ::testing::Values(RandomCase{TableType::kBag, 1, 0, 2, 6000, 0},
                                           RandomCase{TableType::kBag, 1, 0, 12, 8000, 6},
                                           RandomCase{TableType::kBag, 3, 1, 400, 8000, 50},
                                           RandomCase{TableType::kBag, 1, 66, 10, 2000, 10},
                                           RandomCase{TableType::kDuplicateBag, 1, 0, 2, 6000, 6},
                                           RandomCase{TableType::kDuplicateBag, 2, 0, 12, 8000, 0},
                                           RandomCase{TableType::kDuplicateBag, 7, 2, 1000, 8000, 50}));

}  // namespace
}  // namespace partita::testing
