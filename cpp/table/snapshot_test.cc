// A snapshot shows its moment whatever is done to the table afterwards: all rows of it in its chunks, and each of them
// by key, which goes through an index that has moved on.

#include "table/snapshot.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "testing/dump.h"
#include "testing/operations.h"
#include "testing/random_terms.h"
#include "testing/table_access.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

using Rows = std::vector<Row>;

std::vector<Row> LookupIn(Snapshot* snapshot, const Term& key) {
  RowBuffer out;
  const KeyView view{key.view(), HashValue(key.view(), snapshot->options().hash_seed)};
  EXPECT_EQ(snapshot->Lookup(view, Wait::kBlock, &out), Outcome::kOk);
  return RowsOf(out);
}

class SnapshotTest : public ::testing::Test {
 protected:
  ~SnapshotTest() override {
    if (table_ == nullptr) return;
    EXPECT_EQ(table_->CheckInvariants().message(), "");
  }

  void Do(const Operation& op) { ASSERT_EQ(testing::Do(table_.get(), op).outcome, Outcome::kOk) << op; }
  void Insert(const Row& row) { Do({.call = Call::kInsert, .rows = {row}}); }
  void Delete(const Term& key) { Do({.call = Call::kDelete, .keys = {key}}); }
  std::shared_ptr<Snapshot> Take() { return SnapshotOf(table_.get()); }
  TableStats Stats() {
    TableStats stats;
    EXPECT_EQ(table_->Stats(Wait::kBlock, &stats), Outcome::kOk);
    return stats;
  }

  std::shared_ptr<Table> table_ = *Table::Create(TableOptions{.partitions = 3, .hash_seed = 5});
};

TEST_F(SnapshotTest, KeysErasedAndInsertedAgain) {
  const Term key("a key that does not fit into its column");
  Insert({key, 1});
  Insert({2, "two"});
  const std::shared_ptr<Snapshot> first = Take();
  Delete(key);
  EXPECT_EQ(LookupIn(first.get(), key), (Rows{{key, 1}}));
  const std::shared_ptr<Snapshot> without = Take();
  for (int i = 100; i < 200; ++i) Insert({i, i});  // takes the slot
  Insert({key, 2});
  const std::shared_ptr<Snapshot> again = Take();
  Insert({key, 3});
  EXPECT_EQ(LookupIn(first.get(), key), (Rows{{key, 1}}));
  EXPECT_EQ(LookupIn(without.get(), key), Rows{});
  EXPECT_EQ(LookupIn(again.get(), key), (Rows{{key, 2}}));
  EXPECT_EQ(LookupIn(first.get(), 2), (Rows{{2, "two"}}));
  EXPECT_EQ(LookupIn(first.get(), 100), Rows{});
  EXPECT_EQ(first->rows(), 2u);
  EXPECT_EQ(without->rows(), 1u);
  EXPECT_EQ(again->rows(), 102u);
}

TEST_F(SnapshotTest, ClearAndDropLeaveItReadable) {
  for (int i = 0; i < 100; ++i) Insert({i, "value " + std::to_string(i)});
  const std::shared_ptr<Snapshot> first = Take();
  Delete(7);
  Do({.call = Call::kClear});
  const std::shared_ptr<Snapshot> empty = Take();
  Insert({7, "new"});
  Insert({1000, "new"});
  const std::shared_ptr<Snapshot> second = Take();
  Do({.call = Call::kClear});
  Insert({8, "newer"});
  ASSERT_EQ(table_->Drop(Wait::kBlock), Outcome::kOk);
  table_.reset();
  EXPECT_EQ(first->rows(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(LookupIn(first.get(), i), (Rows{{i, "value " + std::to_string(i)}}));
  EXPECT_EQ(LookupIn(first.get(), 1000), Rows{});
  EXPECT_EQ(DumpOf(*empty), Dump{});
  EXPECT_EQ(LookupIn(empty.get(), 7), Rows{});
  EXPECT_EQ(LookupIn(second.get(), 7), (Rows{{7, "new"}}));
  EXPECT_EQ(LookupIn(second.get(), 8), Rows{});
  EXPECT_EQ(second->rows(), 2u);
}

// After the first write the chunk's header is the writer's own, but the columns that it did not touch are still pinned:
// a row whose other column changes must neither be lost there nor show in the snapshot.
TEST_F(SnapshotTest, ColumnsOfAChunkChangeOneAfterTheOther) {
  constexpr int kRows = 100;
  Rows before;
  for (int i = 0; i < kRows; ++i) before.push_back({i, i, "old", 0.5});
  for (const Row& row : before) Insert(row);
  const std::shared_ptr<Snapshot> snapshot = Take();
  Rows after = before;
  for (int i = 0; i < kRows; ++i) {
    after[static_cast<size_t>(i)][static_cast<size_t>(1 + i % 3)] = i % 3 == 0   ? Term(-1)
                                                                    : i % 3 == 1 ? "new"
                                                                                 : Term(1.5);
    Insert(after[static_cast<size_t>(i)]);
  }
  for (int i = 0; i < kRows; ++i) {
    EXPECT_EQ(testing::Do(table_.get(), {.call = Call::kLookup, .keys = {i}}).rows,
              (Rows{after[static_cast<size_t>(i)]}));
    EXPECT_EQ(LookupIn(snapshot.get(), i), (Rows{before[static_cast<size_t>(i)]}));
  }
}

TEST_F(SnapshotTest, LettingGoGivesMemoryBack) {
  for (int i = 0; i < 3000; ++i) Insert({i, i, "value that lies in the heap " + std::to_string(i)});
  const uint64_t before = Stats().memory_bytes;
  std::shared_ptr<Snapshot> snapshot = Take();
  for (int i = 0; i < 3000; ++i) Insert({i, -i, "another one for the heap " + std::to_string(i)});
  EXPECT_EQ(Stats().snapshots, 1u);
  EXPECT_GT(Stats().snapshot_retained_bytes, 3000u * 40);
  snapshot.reset();
  EXPECT_EQ(Stats().snapshots, 0u);
  EXPECT_EQ(Stats().snapshot_retained_bytes, 0u);
  Do({.call = Call::kCompact});
  EXPECT_LT(Stats().memory_bytes, before + before / 2);  // some dead bytes stay in the heaps
}

// Whoever lets go does not wait: where a partition is locked, its next writer cleans up.
TEST_F(SnapshotTest, LettingGoWhileAPartitionIsLocked) {
  for (int i = 0; i < 100; ++i) Insert({i, i});
  std::shared_ptr<Snapshot> snapshot = Take();
  for (int i = 0; i < 100; ++i) Insert({i, i + 1});
  Partition* partition = &PartitionsOf(table_.get())[1];
  partition->lock.Lock();
  std::thread([&snapshot] { snapshot.reset(); }).join();
  EXPECT_TRUE(partition->rows.has_pins());
  partition->lock.Unlock();
  std::shared_ptr<Snapshot> next = Take();
  for (int i = 0; i < 100; ++i) Insert({i, i + 2});
  next.reset();
  EXPECT_EQ(Stats().snapshot_retained_bytes, 0u);
}

TEST_F(SnapshotTest, LongValuesArePinnedNotCopied) {
  const std::string text(RowBuffer::kMaxCopiedValue + 1, 'x');
  Insert({1, text});
  RowBuffer out;
  const Term key(1);
  ASSERT_EQ(table_->Lookup(KeyArgument(*table_, key), Wait::kBlock, &out), Outcome::kOk);
  EXPECT_LT(out.heap_bytes(), text.size());
  Insert({1, "short"});
  Delete(1);
  Do({.call = Call::kClear});
  EXPECT_EQ(out.row(0)[1].bytes(), text);
  EXPECT_GT(Stats().snapshot_retained_bytes, text.size());
  out.Clear();
  EXPECT_EQ(Stats().snapshot_retained_bytes, 0u);
  Insert({2, text});
  const Term other(2);
  ASSERT_EQ(table_->Take(KeyArgument(*table_, other), Wait::kBlock, &out), Outcome::kOk);
  for (int i = 0; i < 50; ++i) Insert({i, std::string(70000, 'y')});
  EXPECT_EQ(out.row(0)[1].bytes(), text);
}

TEST_F(SnapshotTest, OfAnEmptyTable) {
  const std::shared_ptr<Snapshot> snapshot = Take();
  for (int i = 0; i < 50; ++i) Insert({i});
  EXPECT_EQ(snapshot->rows(), 0u);
  EXPECT_TRUE(snapshot->chunks().empty());
  EXPECT_EQ(LookupIn(snapshot.get(), 3), Rows{});
}

struct RandomCase {
  TableType type;
  uint32_t partitions;
  uint64_t pool;
  int steps;
  uint64_t take_every;
  size_t held;
};

// As a model has them.
std::map<Term, Rows, KeyLess> ByKey(const Rows& rows, TableType type) {
  std::map<Term, Rows, KeyLess> groups(KeyLess{type == TableType::kOrderedSet});
  for (const Row& row : rows) groups[row[0]].push_back(row);
  return groups;
}

class SnapshotRandomTest : public ::testing::TestWithParam<RandomCase> {};

// Several at once, of different ages, let go in any order; each is asked for keys and its whole content again and
// again.
TEST_P(SnapshotRandomTest, EachShowsItsMoment) {
  struct Held {
    std::shared_ptr<Snapshot> snapshot;
    ModelTable model;
    uint64_t checksum;
  };
  const RandomCase& param = GetParam();
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("PARTITA_SEED=" + std::to_string(seed));
  Random random(seed);
  const std::shared_ptr<Table> table =
      *Table::Create(TableOptions{.type = param.type, .partitions = param.partitions, .hash_seed = seed + 1});
  ModelTable model(0, param.type);
  std::vector<Held> held;
  for (int step = 0; step < Steps(param.steps); ++step) {
    const Operation op = RandomOperation(&random, model, param.pool, 0);
    const Result expected = model.Do(op);
    ASSERT_EQ(Do(table.get(), op), expected) << "step " << step << ": " << op;
    if (random.OneIn(param.take_every)) {
      if (held.size() == param.held) held.erase(held.begin() + static_cast<ptrdiff_t>(random.Below(held.size())));
      const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table.get());
      held.push_back(Held{snapshot, model, ChecksumOf(*snapshot)});
    }
    for (const Held& h : held) {
      const Term key = PoolKey(random.Below(param.pool));
      const auto it = h.model.rows().find(key);
      ASSERT_EQ(LookupIn(h.snapshot.get(), key), it == h.model.rows().end() ? Rows{} : it->second)
          << "step " << step << ": " << op << ", key " << key;
      if (random.OneIn(50)) {
        ASSERT_EQ(DumpOf(*h.snapshot), h.model.Dump()) << "step " << step << ": " << op;
        ASSERT_EQ(ChecksumOf(*h.snapshot), h.checksum);
        ASSERT_EQ(ByKey(RowsOf(*h.snapshot), param.type), h.model.rows()) << "step " << step << ": " << op;
        ASSERT_EQ(h.snapshot->keys(), h.model.rows().size());
      }
    }
    if (step % 64 == 0) {
      ASSERT_EQ(table->CheckInvariants().message(), "") << "step " << step;
    }
  }
  held.clear();
  TableStats stats;
  ASSERT_EQ(table->Stats(Wait::kBlock, &stats), Outcome::kOk);
  EXPECT_EQ(stats.snapshot_retained_bytes, 0u);
  EXPECT_EQ(stats.snapshots, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    All, SnapshotRandomTest,
    ::testing::Values(RandomCase{TableType::kSet, 1, 12, 5000, 4, 3}, RandomCase{TableType::kSet, 3, 60, 5000, 10, 4},
                      RandomCase{TableType::kSet, 2, 3000, 5000, 40, 3}, RandomCase{TableType::kSet, 1, 3, 3000, 2, 5},
                      RandomCase{TableType::kBag, 1, 12, 5000, 4, 3}, RandomCase{TableType::kBag, 3, 300, 5000, 10, 4},
                      RandomCase{TableType::kDuplicateBag, 1, 3, 3000, 3, 5},
                      RandomCase{TableType::kDuplicateBag, 2, 60, 5000, 10, 4},
                      RandomCase{TableType::kOrderedSet, 1, 12, 5000, 4, 3},
                      RandomCase{TableType::kOrderedSet, 3, 3000, 5000, 40, 3}));

}  // namespace
}  // namespace partita::testing
