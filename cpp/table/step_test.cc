// Walks from key to key, places by number, and what fixing a table keeps for them.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "column/block.h"
#include "testing/operations.h"
#include "testing/random_terms.h"
#include "testing/table_access.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

class StepTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  Result Do(const Operation& op) { return testing::Do(table_.get(), op); }
  void Insert(const Row& row) { ASSERT_EQ(Do({.call = Call::kInsert, .rows = {row}}).outcome, Outcome::kOk); }
  void Delete(const Term& key) { ASSERT_EQ(Do({.call = Call::kDelete, .keys = {key}}).outcome, Outcome::kOk); }
  void Clear() { ASSERT_EQ(Do({.call = Call::kClear}).outcome, Outcome::kOk); }
  void ExpectSound() { EXPECT_EQ(table_->CheckInvariants().message(), ""); }

  // One step; no rows at the end.
  std::vector<Row> StepTo(Step step, const Term* from = nullptr, bool whole = false) {
    RowBuffer out;
    KeyView key;
    if (from != nullptr) key = KeyView{from->view(), table_->HashKey(from->view())};
    EXPECT_EQ(table_->StepKey(step, from == nullptr ? nullptr : &key, whole, Wait::kBlock, &out), Outcome::kOk);
    return RowsOf(out);
  }
  Outcome OutcomeOfNext(const Term& from) {
    RowBuffer out;
    const KeyView key{from.view(), table_->HashKey(from.view())};
    return table_->StepKey(Step::kNext, &key, false, Wait::kBlock, &out);
  }
  std::vector<Term> Keys(Step first, Step next) {
    std::vector<Term> keys;
    for (std::vector<Row> rows = StepTo(first); !rows.empty(); rows = StepTo(next, &keys.back())) {
      keys.push_back(rows[0][0]);
    }
    return keys;
  }
  std::vector<Row> AllSlots() {
    std::vector<Row> rows;
    for (uint64_t number = 0;; ++number) {
      RowBuffer out;
      bool past_end = false;
      EXPECT_EQ(table_->ReadSlot(number, Wait::kBlock, &past_end, &out), Outcome::kOk);
      for (const Row& row : RowsOf(out)) rows.push_back(row);
      if (past_end) return rows;
    }
  }

  std::shared_ptr<Table> table_ = *Table::Create(TableOptions{.partitions = GetParam(), .hash_seed = 11});
};

std::set<Term, ExactLess> SetOf(const std::vector<Term>& keys) { return {keys.begin(), keys.end()}; }

TEST_P(StepTest, AnEmptyTableHasNoKeys) {
  EXPECT_TRUE(StepTo(Step::kFirst).empty());
  EXPECT_TRUE(StepTo(Step::kLast).empty());
  EXPECT_EQ(OutcomeOfNext(Term(1)), Outcome::kNoSuchKey);
  EXPECT_TRUE(AllSlots().empty());
}

TEST_P(StepTest, MeetsEveryKeyOnceBothWays) {
  for (const int64_t rows : {1, 2, 9, 100, 5000}) {
    Clear();
    for (int64_t i = 0; i < rows; ++i) Insert({i, "row"});
    for (int64_t i = 0; i < rows; i += 3) Delete(Term(i));
    const std::vector<Term> forward = Keys(Step::kFirst, Step::kNext);
    std::vector<Term> backward = Keys(Step::kLast, Step::kPrev);
    std::reverse(backward.begin(), backward.end());
    EXPECT_EQ(forward, backward);
    EXPECT_EQ(forward.size(), static_cast<size_t>(rows - (rows + 2) / 3));
    EXPECT_EQ(SetOf(forward).size(), forward.size());
    EXPECT_EQ(AllSlots().size(), forward.size());
  }
}

TEST_P(StepTest, GivesWholeRowsToo) {
  const std::string text(100'000, 'x');
  Insert({1, text});
  EXPECT_EQ(StepTo(Step::kFirst, nullptr, true), (std::vector<Row>{{1, text}}));
  EXPECT_EQ(StepTo(Step::kLast, nullptr, true), (std::vector<Row>{{1, text}}));
  EXPECT_EQ(AllSlots(), (std::vector<Row>{{1, text}}));
}

TEST_P(StepTest, KeysAreExact) {
  Insert({1});
  EXPECT_EQ(OutcomeOfNext(Term(1)), Outcome::kOk);
  EXPECT_EQ(OutcomeOfNext(Term(1.0)), Outcome::kNoSuchKey);
  Delete(Term(1));
  EXPECT_EQ(OutcomeOfNext(Term(1)), Outcome::kNoSuchKey);
}

TEST_P(StepTest, ADroppedTableSaysSo) {
  Insert({1});
  ASSERT_EQ(table_->Fix(Wait::kBlock), Outcome::kOk);
  ASSERT_EQ(table_->Drop(Wait::kBlock), Outcome::kOk);
  RowBuffer out;
  bool past_end;
  EXPECT_EQ(OutcomeOfNext(Term(1)), Outcome::kDropped);
  EXPECT_EQ(table_->ReadSlot(0, Wait::kBlock, &past_end, &out), Outcome::kDropped);
  EXPECT_EQ(table_->Fix(Wait::kBlock), Outcome::kDropped);
  EXPECT_EQ(table_->Unfix(Wait::kBlock), Outcome::kDropped);
}

TEST_P(StepTest, AFixedTableRemembersErasedKeys) {
  for (int64_t i = 0; i < 100; ++i) Insert({i});
  const std::vector<Term> before = Keys(Step::kFirst, Step::kNext);
  ASSERT_EQ(table_->Fix(Wait::kBlock), Outcome::kOk);
  ASSERT_EQ(table_->Fix(Wait::kBlock), Outcome::kOk);
  for (size_t i = 0; i < before.size(); i += 2) Delete(before[i]);
  ExpectSound();
  for (size_t i = 0; i + 2 < before.size(); i += 2) {
    EXPECT_EQ(StepTo(Step::kNext, &before[i])[0][0], before[i + 1]);
    EXPECT_EQ(StepTo(Step::kPrev, &before[i + 2])[0][0], before[i + 1]);
  }
  ASSERT_EQ(table_->Unfix(Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(OutcomeOfNext(before[0]), Outcome::kOk);  // fixed once more
  ASSERT_EQ(table_->Unfix(Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(OutcomeOfNext(before[0]), Outcome::kNoSuchKey);
  ExpectSound();
}

TEST_P(StepTest, AKeyThatComesBackGetsItsPlaceBack) {
  for (int64_t i = 0; i < 3000; ++i) Insert({i, "row"});
  const std::vector<Term> before = Keys(Step::kFirst, Step::kNext);
  ASSERT_EQ(table_->Fix(Wait::kBlock), Outcome::kOk);
  for (const Term& key : before) Delete(key);
  for (int64_t i = 3000; i < 4000; ++i) Insert({i, "another"});
  ExpectSound();
  for (size_t i = before.size(); i-- > 0;) Insert({before[i], "back again"});
  ExpectSound();
  std::vector<Term> after = Keys(Step::kFirst, Step::kNext);
  EXPECT_EQ(after.size(), 4000u);
  after.erase(std::remove_if(after.begin(), after.end(), [](const Term& key) { return key.view().i >= 3000; }),
              after.end());
  EXPECT_EQ(after, before);
  ASSERT_EQ(table_->Unfix(Wait::kBlock), Outcome::kOk);
  ExpectSound();
}

TEST_P(StepTest, SlotsOfErasedRowsAreUsedAgainAfterwards) {
  for (int64_t i = 0; i < 5000; ++i) Insert({i, "a row with a text that is long enough for the heap"});
  TableStats before;
  ASSERT_EQ(table_->Stats(Wait::kBlock, &before), Outcome::kOk);
  ASSERT_EQ(table_->Fix(Wait::kBlock), Outcome::kOk);
  for (int64_t i = 0; i < 5000; ++i) Delete(Term(i));
  ASSERT_EQ(table_->Unfix(Wait::kBlock), Outcome::kOk);
  ExpectSound();
  for (int64_t i = 5000; i < 10000; ++i) Insert({i, "a row with a text that is long enough for the heap"});
  TableStats after;
  ASSERT_EQ(table_->Stats(Wait::kBlock, &after), Outcome::kOk);
  EXPECT_LT(after.memory_bytes, before.memory_bytes * 3 / 2);
  ExpectSound();
}

TEST_P(StepTest, ClearOfAFixedTableEndsItsWalks) {
  for (int64_t i = 0; i < 100; ++i) Insert({i});
  Delete(Term(0));
  ASSERT_EQ(table_->Fix(Wait::kBlock), Outcome::kOk);
  Delete(Term(1));
  Clear();
  ExpectSound();
  for (int64_t i = 1; i < 100; ++i) {
    const Term key(i);
    EXPECT_TRUE(StepTo(Step::kNext, &key).empty());
    EXPECT_TRUE(StepTo(Step::kPrev, &key).empty());
  }
  EXPECT_EQ(OutcomeOfNext(Term(0)), Outcome::kNoSuchKey);
  EXPECT_EQ(OutcomeOfNext(Term(100)), Outcome::kNoSuchKey);
  // Keys that come back are keys like any other.
  for (int64_t i = 1; i < 100; ++i) Insert({i});
  EXPECT_EQ(Keys(Step::kFirst, Step::kNext).size(), 99u);
  Delete(Term(1));
  Clear();
  Clear();
  for (int64_t i = 1; i < 100; ++i) EXPECT_EQ(OutcomeOfNext(Term(i)), Outcome::kOk);
  EXPECT_EQ(OutcomeOfNext(Term(100)), Outcome::kNoSuchKey);
  ASSERT_EQ(table_->Unfix(Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(OutcomeOfNext(Term(1)), Outcome::kNoSuchKey);
  ExpectSound();
  TableStats stats;
  ASSERT_EQ(table_->Stats(Wait::kBlock, &stats), Outcome::kOk);
  EXPECT_EQ(stats.snapshot_retained_bytes, 0u);
}

TEST_P(StepTest, AFixedTableIsNotCompacted) {
  Insert({1});
  ASSERT_EQ(table_->Fix(Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(table_->Compact(Wait::kBlock), Outcome::kFixed);
  TableStats stats;
  ASSERT_EQ(table_->Stats(Wait::kBlock, &stats), Outcome::kOk);
  EXPECT_EQ(stats.fixes, 1u);
  ASSERT_EQ(table_->Unfix(Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(table_->Unfix(Wait::kBlock), Outcome::kOk);  // once too often is harmless
  EXPECT_EQ(table_->Compact(Wait::kBlock), Outcome::kOk);
}

TEST_P(StepTest, WouldBlockDoesNothing) {
  Insert({1});
  const Term one(1);
  const KeyView key{one.view(), table_->HashKey(one.view())};
  for (uint32_t held = 0; held < GetParam(); ++held) {
    WordLock& lock = PartitionsOf(table_.get())[held].lock;
    lock.Lock();
    RowBuffer out;
    const Outcome outcome = table_->StepKey(Step::kNext, &key, false, Wait::kTry, &out);
    EXPECT_TRUE(outcome == Outcome::kWouldBlock || outcome == Outcome::kOk);
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(table_->Fix(Wait::kTry), Outcome::kWouldBlock);
    EXPECT_EQ(table_->Unfix(Wait::kTry), Outcome::kWouldBlock);
    lock.Unlock();
  }
  EXPECT_EQ(table_->Compact(Wait::kBlock), Outcome::kOk);
}

// Each allocation fails once; then the call is made again and the table is as after one call.
TEST_P(StepTest, FailingAllocationsChangeNothing) {
  const auto retried = [&](auto&& call) {
    for (int64_t k = 1;; ++k) {
      TEST_FailAllocation(k);
      const Outcome outcome = call();
      TEST_FailAllocation(0);
      ExpectSound();
      if (outcome == Outcome::kOk) return k;
      EXPECT_EQ(outcome, Outcome::kNoMemory);
    }
  };
  const std::string text(1000, 'k');
  const auto key_of = [&](int64_t i) { return Term(text + std::to_string(i)); };
  for (int64_t i = 0; i < 200; ++i) Insert({key_of(i), i});
  const std::vector<Term> before = Keys(Step::kFirst, Step::kNext);
  EXPECT_GT(retried([&] { return table_->Fix(Wait::kBlock); }), 1);
  for (int64_t i = 0; i < 200; i += 2) {
    const Term key = key_of(i);
    const KeyView view{key.view(), table_->HashKey(key.view())};
    uint64_t removed = 0;
    EXPECT_GT(retried([&] { return table_->Delete(view, Wait::kBlock, &removed); }), 1);
    EXPECT_EQ(removed, 1u);
  }
  for (int64_t i = 0; i < 200; i += 4) {
    const Row row{key_of(i), i};
    retried([&] { return Do({.call = Call::kInsertList, .rows = {row}}).outcome; });
  }
  for (size_t i = 0; i + 1 < before.size(); ++i) {
    RowBuffer out;
    const KeyView view{before[i].view(), table_->HashKey(before[i].view())};
    retried([&] { return table_->StepKey(Step::kNext, &view, true, Wait::kBlock, &out); });
  }
  EXPECT_GT(retried([&] { return table_->Clear(Wait::kBlock); }), 1);
  for (const Term& key : before) EXPECT_EQ(OutcomeOfNext(key), Outcome::kOk);
  ASSERT_EQ(table_->Unfix(Wait::kBlock), Outcome::kOk);
  for (const Term& key : before) EXPECT_EQ(OutcomeOfNext(key), Outcome::kNoSuchKey);
}

INSTANTIATE_TEST_SUITE_P(Partitions, StepTest, ::testing::Values(1, 3));

class StepRandomTest : public ::testing::TestWithParam<uint64_t> {};

// Under a fix, random calls of every kind: keys that stay are met once, and each key keeps its place.
TEST_P(StepRandomTest, MeetsWhatStaysOnce) {
  const uint64_t seed = TestSeed() * 100 + GetParam();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 2, .hash_seed = seed + 1});
  const auto insert = [&](const Row& row) {
    ASSERT_EQ(Do(table.get(), {.call = random.OneIn(3) ? Call::kInsertList : Call::kInsert, .rows = {row}}).outcome,
              Outcome::kOk);
  };
  const int64_t keys = random.Pick<int64_t>({10, 300, 4000});
  for (int64_t i = 0; i < keys; ++i) insert({i, RandomTerm(&random)});
  std::shared_ptr<Snapshot> snapshot;
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(table->Fix(Wait::kBlock), Outcome::kOk);
    std::map<int64_t, int> met;
    Term at;
    for (Step step = Step::kFirst;; step = Step::kNext) {
      RowBuffer out;
      const KeyView from{at.view(), table->HashKey(at.view())};
      ASSERT_EQ(table->StepKey(step, step == Step::kFirst ? nullptr : &from, false, Wait::kBlock, &out), Outcome::kOk);
      if (out.empty()) break;
      at = RowsOf(out)[0][0];
      ++met[at.view().i];
      for (uint64_t writes = random.Below(6); writes > 0; --writes) {
        // Even keys stay; the walker's own key, if odd, goes most often.
        const bool own = random.OneIn(2);
        const int64_t key = own ? at.view().i : static_cast<int64_t>(random.Below(static_cast<uint64_t>(keys) * 2));
        if (key % 2 == 0) {
          if (key < keys) insert({key, RandomTerm(&random), RandomTerm(&random)});
        } else if (random.OneIn(3)) {
          insert({key, RandomTerm(&random)});
        } else {
          ASSERT_EQ(Do(table.get(), {.call = Call::kDelete, .keys = {Term(key)}}).outcome, Outcome::kOk);
        }
        if (random.OneIn(50)) {
          ASSERT_EQ(table->TakeSnapshot(Wait::kBlock, &snapshot), Outcome::kOk);
        }
      }
    }
    for (int64_t i = 0; i < keys; i += 2) EXPECT_EQ(met[i], 1) << i;
    for (const auto& [key, times] : met) EXPECT_EQ(times, 1) << key;
    ASSERT_EQ(table->CheckInvariants().message(), "");
    ASSERT_EQ(table->Unfix(Wait::kBlock), Outcome::kOk);
    ASSERT_EQ(table->CheckInvariants().message(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, StepRandomTest, ::testing::Range<uint64_t>(0, 20));

}  // namespace
}  // namespace partita::testing
