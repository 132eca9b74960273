// A walk meets every row that stays exactly once, in a state that it had, whatever else is written meanwhile, and ends.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "column/block.h"
#include "testing/operations.h"
#include "testing/random_terms.h"
#include "testing/table_access.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

class WalkTest : public ::testing::Test {
 protected:
  void Do(const Operation& op) { ASSERT_EQ(testing::Do(table_.get(), op).outcome, Outcome::kOk) << op; }
  void Insert(const Row& row) { Do({.call = Call::kInsert, .rows = {row}}); }

  std::shared_ptr<Table> table_ = *Table::Create(TableOptions{.partitions = 3, .hash_seed = 11});
  RowBuffer out_;
};

TEST_F(WalkTest, OfAnEmptyTable) {
  const std::unique_ptr<Walk> walk = table_->NewWalk();
  EXPECT_EQ(walk->Next(10, Wait::kTry, &out_), Outcome::kOk);
  EXPECT_TRUE(out_.empty());
  Insert({1});
  EXPECT_EQ(walk->Next(10, Wait::kTry, &out_), Outcome::kOk);  // ended is ended
  EXPECT_TRUE(out_.empty());
}

TEST_F(WalkTest, BatchesAreNoLargerThanAskedFor) {
  for (int i = 0; i < 5000; ++i) Insert({i});
  for (const size_t max : {1u, 7u, 1024u, 100000u}) {
    const std::unique_ptr<Walk> walk = table_->NewWalk();
    size_t rows = 0;
    do {
      out_.Clear();
      ASSERT_EQ(walk->Next(max, Wait::kBlock, &out_), Outcome::kOk);
      EXPECT_LE(out_.size(), max);
      rows += out_.size();
    } while (!out_.empty());
    EXPECT_EQ(rows, 5000u);
  }
}

TEST_F(WalkTest, BatchesOfLongValuesEndEarly) {
  for (int i = 0; i < 100; ++i) Insert({i, std::string(30000, 'x')});
  const std::unique_ptr<Walk> walk = table_->NewWalk();
  size_t rows = 0;
  do {
    out_.Clear();
    ASSERT_EQ(walk->Next(1000, Wait::kBlock, &out_), Outcome::kOk);
    EXPECT_LT(out_.size(), 50u);
    rows += out_.size();
  } while (!out_.empty());
  EXPECT_EQ(rows, 100u);
}

TEST_F(WalkTest, EndsAlthoughItsCallerInserts) {
  for (int i = 0; i < 100; ++i) Insert({i});
  const std::unique_ptr<Walk> walk = table_->NewWalk();
  int next = 1000;
  int met = 0;
  do {
    out_.Clear();
    ASSERT_EQ(walk->Next(1, Wait::kBlock, &out_), Outcome::kOk);
    for (int i = 0; i < 5; ++i) Insert({next++});
    ASSERT_LT(++met, 100000);
  } while (!out_.empty());
}

TEST_F(WalkTest, ClearEndsItAndDropIsTold) {
  for (int i = 0; i < 100; ++i) Insert({i});
  std::unique_ptr<Walk> walk = table_->NewWalk();
  ASSERT_EQ(walk->Next(10, Wait::kBlock, &out_), Outcome::kOk);
  Do({.call = Call::kClear});
  for (int i = 0; i < 100; ++i) Insert({i});
  out_.Clear();
  ASSERT_EQ(walk->Next(10, Wait::kBlock, &out_), Outcome::kOk);
  EXPECT_TRUE(out_.empty());
  walk = table_->NewWalk();
  ASSERT_EQ(walk->Next(10, Wait::kBlock, &out_), Outcome::kOk);
  ASSERT_EQ(table_->Drop(Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(walk->Next(10, Wait::kBlock, &out_), Outcome::kDropped);
}

TEST_F(WalkTest, KeepsItsTable) {
  Insert({1, "x"});
  const std::unique_ptr<Walk> walk = table_->NewWalk();
  EXPECT_EQ(ReadLiveCounts().walks, 1);
  table_.reset();
  ASSERT_EQ(walk->Next(10, Wait::kBlock, &out_), Outcome::kOk);
  EXPECT_EQ(RowsOf(out_), (std::vector<Row>{{1, "x"}}));
}

TEST_F(WalkTest, WouldBlockLosesNothing) {
  for (int i = 0; i < 1000; ++i) Insert({i});
  const std::unique_ptr<Walk> walk = table_->NewWalk();
  Partition* partitions = PartitionsOf(table_.get());
  size_t rows = 0;
  for (int turn = 0;; ++turn) {
    WordLock& lock = partitions[turn % 3].lock;
    lock.Lock();
    out_.Clear();
    const Outcome outcome = walk->Next(50, Wait::kTry, &out_);
    lock.Unlock();
    rows += out_.size();
    if (outcome == Outcome::kOk && out_.empty()) break;
    if (outcome != Outcome::kOk) {
      EXPECT_EQ(outcome, Outcome::kWouldBlock);
      EXPECT_TRUE(out_.empty());
    }
  }
  EXPECT_EQ(rows, 1000u);
}

// What a failed call had copied is not handed out: it comes again.
TEST_F(WalkTest, FailingAllocationLosesNothing) {
  for (int i = 0; i < 3000; ++i)
    Insert({i, "a value that is copied to the heap of a buffer, number " + std::to_string(i)});
  const std::unique_ptr<Walk> walk = table_->NewWalk();
  std::map<Term, int, ExactLess> met;
  int failures = 0;
  for (int turn = 0;; ++turn) {
    RowBuffer out;
    TEST_FailAllocation(turn % 3 == 0 ? 0 : 1 + turn % 20);
    const Outcome outcome = walk->Next(2000, Wait::kBlock, &out);
    TEST_FailAllocation(0);
    if (outcome == Outcome::kNoMemory) {
      ++failures;
      continue;
    }
    ASSERT_EQ(outcome, Outcome::kOk);
    if (out.empty()) break;
    for (const Row& row : RowsOf(out)) ++met[row[0]];
  }
  EXPECT_GT(failures, 0);
  EXPECT_EQ(met.size(), 3000u);
  for (const auto& [key, times] : met) EXPECT_EQ(times, 1) << key;
}

class WalkRandomTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(WalkRandomTest, MeetsWhatStaysOnce) {
  const uint64_t seed = TestSeed() * 100 + GetParam();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 2, .hash_seed = seed + 1});
  const auto insert = [&](const Row& row) {
    ASSERT_EQ(Do(table.get(), {.call = Call::kInsert, .rows = {row}}).outcome, Outcome::kOk);
  };
  // Even keys stay, odd ones come and go. Each row tells its version: those stored during the walk must not be older.
  const int64_t keys = random.Pick<int64_t>({10, 300, 4000});
  std::map<int64_t, int64_t> versions_at_start;
  std::map<int64_t, int64_t> versions;
  for (int64_t i = 0; i < keys; ++i) {
    insert({i, 0, RandomTerm(&random)});
    if (i % 2 == 0) versions[i] = 0;
  }
  versions_at_start = versions;
  const std::unique_ptr<Walk> walk = table->NewWalk();
  std::map<int64_t, int> met;
  RowBuffer out;
  do {
    out.Clear();
    ASSERT_EQ(walk->Next(random.Pick<size_t>({1, 3, 100}), Wait::kBlock, &out), Outcome::kOk);
    for (const Row& row : RowsOf(out)) {
      const int64_t key = row[0].view().i;
      ++met[key];
      if (key % 2 == 0) {
        EXPECT_EQ(row[1].view().i, versions[key]);  // the state of this moment
      }
    }
    for (uint64_t writes = random.Below(40); writes > 0; --writes) {
      const int64_t key = static_cast<int64_t>(random.Below(static_cast<uint64_t>(keys) * 2));
      if (key % 2 == 0) {
        if (key >= keys) continue;
        insert({key, ++versions[key], RandomTerm(&random), RandomTerm(&random)});
      } else if (random.OneIn(2)) {
        insert({key, 0});
      } else {
        ASSERT_EQ(Do(table.get(), {.call = Call::kDelete, .keys = {Term(key)}}).outcome, Outcome::kOk);
      }
    }
  } while (!out.empty());
  for (const auto& [key, version] : versions_at_start) EXPECT_EQ(met[key], 1) << key;
}

INSTANTIATE_TEST_SUITE_P(Seeds, WalkRandomTest, ::testing::Range<uint64_t>(0, 20));

}  // namespace
}  // namespace partita::testing
