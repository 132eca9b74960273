// Sweeps: each row judged once, verdicts carried out, positions that hold while others write.

#include "table/sweep.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "column/chunk.h"
#include "gtest/gtest.h"
#include "table/snapshot.h"
#include "table/snapshot_sweep.h"

namespace partita {
namespace {

using Verdict = RowJudge::Verdict;

std::shared_ptr<Table> NewTable(TableType type, uint32_t partitions) {
  TableOptions options;
  options.type = type;
  options.partitions = partitions;
  return Table::Create(options).value();
}

void Insert(Table* table, int64_t key, int64_t number) {
  const Value values[] = {Value::Int(key), Value::Int(number)};
  ASSERT_EQ(table->Insert(RowView{values, 2, table->HashKey(values[0])}, Wait::kBlock), Outcome::kOk);
}

uint64_t SizeOf(Table* table) {
  uint64_t rows = 0;
  EXPECT_EQ(table->Size(Wait::kBlock, &rows), Outcome::kOk);
  return rows;
}

// Rows (key, number): says what becomes of them by their number, and remembers what it saw.
class NumberJudge : public RowJudge {
 public:
  explicit NumberJudge(Verdict (*verdict)(int64_t), size_t most = SIZE_MAX) : verdict_(verdict), most_(most) {}

  bool writes() const override { return true; }
  void Narrow(const Chunk&, uint64_t*) override {}
  Verdict Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>* row) override {
    const int64_t key = ReadElement(chunk, 0, place).i;
    const int64_t number = ReadElement(chunk, 1, place).i;
    ++seen[key];
    numbers.push_back(number);
    replacement_[0] = Value::Int(key);
    replacement_[1] = Value::Int(number + 1);
    *row = replacement_;
    return verdict_(number);
  }
  bool wants_more() const override { return numbers.size() < most_; }

  std::map<int64_t, int> seen;
  std::vector<int64_t> numbers;

 private:
  Verdict (*verdict_)(int64_t);
  size_t most_;
  Value replacement_[2];
};

void RunToEnd(Sweep* sweep, RowJudge* judge) {
  for (bool done = false; !done;) ASSERT_EQ(sweep->Next(judge, Wait::kBlock, &done), Outcome::kOk);
}

class SweepTest : public ::testing::TestWithParam<TableType> {
 protected:
  bool is_bag() const { return GetParam() == TableType::kBag || GetParam() == TableType::kDuplicateBag; }
  std::unique_ptr<Sweep> SweepOf(const std::shared_ptr<Table>& table) {
    return table->NewSweep(nullptr, Direction::kForward);
  }
};

TEST_P(SweepTest, JudgesEachRowOnce) {
  const auto table = NewTable(GetParam(), 5);
  for (int64_t i = 0; i < 5000; ++i) Insert(table.get(), i % 3000, i);
  NumberJudge judge([](int64_t) { return Verdict::kKeep; });
  RunToEnd(SweepOf(table).get(), &judge);
  EXPECT_EQ(judge.numbers.size(), SizeOf(table.get()));
  EXPECT_EQ(judge.seen.size(), 3000u);
  for (const auto& [key, times] : judge.seen) EXPECT_EQ(times, is_bag() && key < 2000 ? 2 : 1);
}

TEST_P(SweepTest, Deletes) {
  const auto table = NewTable(GetParam(), 3);
  for (int64_t i = 0; i < 6000; ++i) Insert(table.get(), i % 2500, i);
  const uint64_t size = SizeOf(table.get());
  NumberJudge third([](int64_t number) { return number % 3 == 0 ? Verdict::kDelete : Verdict::kKeep; });
  RunToEnd(SweepOf(table).get(), &third);
  EXPECT_TRUE(table->CheckInvariants().ok());
  NumberJudge rest([](int64_t) { return Verdict::kDelete; });
  RunToEnd(SweepOf(table).get(), &rest);
  EXPECT_TRUE(table->CheckInvariants().ok());
  EXPECT_EQ(third.numbers.size(), size);
  for (const int64_t number : rest.numbers) EXPECT_NE(number % 3, 0);
  EXPECT_EQ(SizeOf(table.get()), 0u);
}

TEST_P(SweepTest, ReplacesOnce) {
  if (is_bag()) return;  // no verdict of theirs
  const auto table = NewTable(GetParam(), 3);
  for (int64_t i = 0; i < 3000; ++i) Insert(table.get(), i, i);
  NumberJudge judge([](int64_t) { return Verdict::kReplace; });
  RunToEnd(SweepOf(table).get(), &judge);
  NumberJudge after([](int64_t) { return Verdict::kKeep; });
  RunToEnd(SweepOf(table).get(), &after);
  EXPECT_EQ(std::set<int64_t>(after.numbers.begin(), after.numbers.end()).size(), 3000u);
  EXPECT_EQ(*std::min_element(after.numbers.begin(), after.numbers.end()), 1);
  EXPECT_EQ(*std::max_element(after.numbers.begin(), after.numbers.end()), 3000);
  EXPECT_TRUE(table->CheckInvariants().ok());
}

TEST_P(SweepTest, StopsAndGoesOnFromCopies) {
  const auto table = NewTable(GetParam(), 2);
  for (int64_t i = 0; i < 1000; ++i) Insert(table.get(), i, i);
  std::shared_ptr<Snapshot> snapshot;
  ASSERT_EQ(table->TakeSnapshot(Wait::kBlock, &snapshot), Outcome::kOk);
  for (const bool of_snapshot : {false, true}) {
    std::unique_ptr<Sweep> sweep =
        of_snapshot ? std::make_unique<SnapshotSweep>(snapshot, nullptr, Direction::kForward) : SweepOf(table);
    std::vector<int64_t> all;
    for (bool done = false; !done;) {
      const std::unique_ptr<Sweep> copy = sweep->Clone();
      NumberJudge first([](int64_t) { return Verdict::kKeep; }, 7);
      NumberJudge again([](int64_t) { return Verdict::kKeep; }, 7);
      bool copy_done = false;
      while (!done && first.wants_more()) ASSERT_EQ(sweep->Next(&first, Wait::kTry, &done), Outcome::kOk);
      while (!copy_done && again.wants_more()) ASSERT_EQ(copy->Next(&again, Wait::kTry, &copy_done), Outcome::kOk);
      EXPECT_LE(first.numbers.size(), 7u);
      EXPECT_EQ(first.numbers, again.numbers);
      all.insert(all.end(), first.numbers.begin(), first.numbers.end());
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all.size(), 1000u);
    EXPECT_TRUE(std::unique(all.begin(), all.end()) == all.end());
  }
}

TEST_P(SweepTest, JudgesTheRowsOfAKey) {
  const auto table = NewTable(GetParam(), 4);
  for (int64_t i = 0; i < 100; ++i) Insert(table.get(), i % 10, i);
  NumberJudge judge([](int64_t number) { return number == 93 ? Verdict::kKeep : Verdict::kDelete; });
  for (const int64_t key : {3, 3, 77}) {
    const Value value = Value::Int(key);
    ASSERT_EQ(table->JudgeKey(KeyView{value, table->HashKey(value)}, &judge, Wait::kBlock), Outcome::kOk);
  }
  EXPECT_EQ(judge.seen.size(), 1u);
  EXPECT_EQ(judge.seen[3], is_bag() ? 11 : 2);
  EXPECT_EQ(SizeOf(table.get()), is_bag() ? 91u : 10u);
  EXPECT_TRUE(table->CheckInvariants().ok());
}

TEST_P(SweepTest, EndsWithItsTable) {
  auto table = NewTable(GetParam(), 2);
  for (int64_t i = 0; i < 2000; ++i) Insert(table.get(), i, i);
  const std::unique_ptr<Sweep> sweep = SweepOf(table);
  NumberJudge judge([](int64_t) { return Verdict::kKeep; }, 10);
  bool done = false;
  ASSERT_EQ(sweep->Next(&judge, Wait::kBlock, &done), Outcome::kOk);
  const std::unique_ptr<Sweep> copy = sweep->Clone();
  ASSERT_EQ(table->Clear(Wait::kBlock), Outcome::kOk);
  Insert(table.get(), 1, 1);
  NumberJudge none([](int64_t) { return Verdict::kKeep; });
  RunToEnd(sweep.get(), &none);
  EXPECT_TRUE(none.numbers.empty());
  ASSERT_EQ(table->Drop(Wait::kBlock), Outcome::kOk);
  table.reset();
  EXPECT_EQ(copy->Next(&none, Wait::kBlock, &done), Outcome::kDropped);
}

TEST_P(SweepTest, MeetsWhatStaysWhileOthersWrite) {
  const auto table = NewTable(GetParam(), 3);
  constexpr int64_t kStay = 2000;
  for (int64_t i = 0; i < kStay; ++i) Insert(table.get(), i, i);
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (int64_t w = 0; w < 2; ++w) {
    writers.emplace_back([&, w] {
      for (int64_t i = 0; !stop.load(); ++i) {
        const Value key = Value::Int(kStay + w + 2 * (i % 3000));
        uint64_t removed;
        if (i % 3 == 2) {
          table->Delete(KeyView{key, table->HashKey(key)}, Wait::kBlock, &removed);
        } else {
          Insert(table.get(), key.i, 1);
        }
      }
    });
  }
  for (int round = 0; round < 30; ++round) {
    NumberJudge judge([](int64_t number) { return number == 1 ? Verdict::kDelete : Verdict::kKeep; });
    RunToEnd(SweepOf(table).get(), &judge);
    for (int64_t i = 0; i < kStay; ++i) {
      ASSERT_EQ(judge.seen[i], i == 1 && round > 0 ? 0 : 1) << i;
    }
  }
  stop.store(true);
  for (std::thread& writer : writers) writer.join();
  EXPECT_TRUE(table->CheckInvariants().ok());
}

INSTANTIATE_TEST_SUITE_P(Types, SweepTest,
                         ::testing::Values(TableType::kSet, TableType::kOrderedSet, TableType::kBag,
                                           TableType::kDuplicateBag));

}  // namespace
}  // namespace partita
