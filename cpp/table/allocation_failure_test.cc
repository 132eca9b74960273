// Every allocation of every call fails once: the call says kNoMemory, the table is as it was, to the last row and
// invariant, and the same call then succeeds. Operator new is replaced here, so that what containers allocate fails
// like blocks do.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/huge_pages.h"
#include "column/block.h"
#include "match/share.h"
#include "table/ordered_table.h"
#include "table/sweep.h"
#include "testing/dump.h"
#include "testing/operations.h"
#include "testing/random_terms.h"
#include "testing/recording_journal.h"
#include "testing/term.h"

namespace {

// Set around the calls under test: test code may allocate as it likes.
thread_local bool count_operator_new = false;

void* Allocate(size_t size, size_t alignment = alignof(std::max_align_t)) {
  if (count_operator_new) partita::MaybeFailAllocation();
  void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Not inlined, or the compiler takes the pairs of new and free for mistakes.
[[gnu::noinline]] void* operator new(size_t size) { return Allocate(size); }
[[gnu::noinline]] void* operator new[](size_t size) { return Allocate(size); }
[[gnu::noinline]] void* operator new(size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
[[gnu::noinline]] void* operator new[](size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace partita::testing {
namespace {

// Lets the k-th allocation in its scope fail.
class FailingAllocation {
 public:
  explicit FailingAllocation(int64_t k) {
    TEST_FailAllocation(k);
    count_operator_new = true;
  }
  ~FailingAllocation() {
    count_operator_new = false;
    TEST_FailAllocation(0);
  }
};

// Arguments are made before and results looked at after: only the table's own allocations fail.
class PreparedCall {
 public:
  PreparedCall(Table* table, const Operation& op) : table_(table), op_(op), rows_(*table, op.rows) {
    keys_ = KeyArguments(*table, op.keys);
    for (const Counter& c : op.counters) {
      counters_.push_back(
          CounterOp{c.position, c.increment.view(), c.has_threshold, c.threshold.view(), c.set_value.view()});
    }
    for (const auto& [position, term] : op.elements) elements_.push_back(ElementUpdate{position, term.view()});
    if (op.has_default) default_row_ = std::make_unique<RowArgument>(*table, op.default_row);
  }

  Outcome Run(int64_t failing) {
    RowBuffer out;
    std::vector<RowRange> ranges;
    TableStats stats;
    bool flag = false;
    uint64_t count = 0;
    size_t failed_op = 0;
    const RowView* start = default_row_ == nullptr ? nullptr : &default_row_->view();
    const absl::Span<const RowView> rows = rows_.views();
    const FailingAllocation fail(failing);
    switch (op_.call) {
      case Call::kInsert:
        return table_->Insert(rows[0], Wait::kBlock);
      case Call::kInsertNew:
        return table_->InsertNew(rows[0], Wait::kBlock, &flag);
      case Call::kInsertList:
      case Call::kInsertNewList:
        return table_->InsertList(rows, op_.call == Call::kInsertNewList, Wait::kBlock, &flag);
      case Call::kInsertBatch:
        return table_->InsertBatch(rows, Wait::kBlock, &count);
      case Call::kDelete:
        return table_->Delete(keys_[0], Wait::kBlock, &count);
      case Call::kDeleteBatch:
        return table_->DeleteBatch(keys_, Wait::kBlock, &count);
      case Call::kDeleteObject:
        return table_->DeleteObject(rows[0], Wait::kBlock, &count);
      case Call::kTake:
        return table_->Take(keys_[0], Wait::kBlock, &out);
      case Call::kUpdateCounter:
        return table_->UpdateCounter(keys_[0], counters_, start, Wait::kBlock, &flag, &out, &failed_op);
      case Call::kUpdateElement:
        return table_->UpdateElement(keys_[0], elements_, start, Wait::kBlock, &flag, &failed_op);
      case Call::kCompareAndSwap:
        return table_->CompareAndSwap(rows[0], rows[1], Wait::kBlock, &flag);
      case Call::kClear:
        return table_->Clear(Wait::kBlock);
      case Call::kLookup:
        return table_->Lookup(keys_[0], Wait::kBlock, &out);
      case Call::kLookupBatch:
        return table_->LookupBatch(keys_, Wait::kBlock, &out, &ranges);
      case Call::kLookupElement:
        return table_->LookupElement(keys_[0], op_.position, Wait::kBlock, &out);
      case Call::kMember:
        return table_->Member(keys_[0], Wait::kBlock, &flag);
      case Call::kSize:
        return table_->Size(Wait::kBlock, &count);
      case Call::kWalk:
        try {
          const std::unique_ptr<Walk> walk = table_->NewWalk();
          return walk->Next(1000, Wait::kBlock, &out);
        } catch (const std::bad_alloc&) {
          return Outcome::kNoMemory;
        }
      case Call::kStats:
        return table_->Stats(Wait::kBlock, &stats);
      case Call::kCompact:
        return table_->Compact(Wait::kBlock);
    }
    return Outcome::kOk;
  }

 private:
  Table* const table_;
  const Operation& op_;
  RowArguments rows_;
  std::vector<KeyView> keys_;
  std::vector<CounterOp> counters_;
  std::vector<ElementUpdate> elements_;
  std::unique_ptr<RowArgument> default_row_;
};

bool IsAtomic(Call call) { return call != Call::kInsertBatch && call != Call::kDeleteBatch; }

struct RandomCase {
  TableType type;
  uint32_t partitions;
  uint64_t pool;
  int steps;
  uint64_t snapshot_every;  // 0: never
  bool journaled = false;
};

class AllocationFailureTest : public ::testing::TestWithParam<RandomCase> {};

TEST_P(AllocationFailureTest, ChangesNothing) {
  const RandomCase& param = GetParam();
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("PARTITA_SEED=" + std::to_string(seed));
  Random random(seed);
  const std::shared_ptr<Table> table =
      *Table::Create(TableOptions{.type = param.type, .partitions = param.partitions, .hash_seed = seed + 1});
  const std::shared_ptr<Table> copy = EmptyLike(*table);  // made from the records
  const auto journal = std::make_shared<RecordingJournal>();
  if (param.journaled) table->SetJournal(journal);
  Lsn copied = 0;
  ModelTable model(0, param.type);
  std::shared_ptr<Snapshot> snapshot;
  Dump snapshot_dump;
  int failures[kCalls] = {};
  for (int step = 0; step < param.steps; ++step) {
    const Operation op =
        step + 1 == param.steps ? Operation{.call = Call::kClear} : RandomOperation(&random, model, param.pool, 0);
    // What was done of such a batch before it failed would be done again.
    if (param.type == TableType::kDuplicateBag && op.call == Call::kInsertBatch) continue;
    const Result expected = model.Do(op);
    PreparedCall call(table.get(), op);
    const Dump before = DumpOf(table.get());
    if (param.snapshot_every != 0 && random.OneIn(param.snapshot_every)) {
      snapshot = SnapshotOf(table.get());
      snapshot_dump = before;
    }
    for (int64_t k = 1;; ++k) {
      const Outcome outcome = call.Run(k);
      if (outcome != Outcome::kNoMemory) {
        // The allocation that failed was one that a call can do without, or there was no k-th one.
        ASSERT_EQ(outcome, expected.outcome) << "step " << step << ", allocation " << k << ": " << op;
        break;
      }
      ++failures[static_cast<int>(op.call)];
      ASSERT_EQ(table->CheckInvariants().message(), "") << "step " << step << ", allocation " << k << ": " << op;
      if (IsAtomic(op.call)) {
        ASSERT_EQ(DumpOf(table.get()), before) << "step " << step << ", allocation " << k << ": " << op;
        ASSERT_EQ(journal->last(), copied) << "step " << step << ", allocation " << k << ": " << op;
      }
      ASSERT_EQ(LocksHeldByThisThread(), 0);
      ASSERT_LT(k, 10000);
    }
    if (param.journaled) {
      Replay(journal->RecordsAfter(copied), copy.get());
      copied = journal->last();
      ASSERT_EQ(RowsInOrder(copy.get()), RowsInOrder(table.get())) << "step " << step << ": " << op;
    }
    ASSERT_EQ(table->CheckInvariants().message(), "") << "step " << step << ": " << op;
    ASSERT_EQ(DumpOf(table.get()), model.Dump()) << "step " << step << ": " << op;
    if (snapshot != nullptr) {
      ASSERT_EQ(DumpOf(*snapshot), snapshot_dump) << "step " << step << ": " << op;
    }
  }
  for (const Call call :
       {Call::kInsert, Call::kInsertList, Call::kClear, Call::kLookupBatch, Call::kWalk, Call::kStats}) {
    // Needs no memory.
    if (call == Call::kClear && param.type == TableType::kOrderedSet && !param.journaled) continue;
    EXPECT_GT(failures[static_cast<int>(call)], 0) << NameOf(call);
  }
  if (param.type == TableType::kSet) {
    EXPECT_GT(failures[static_cast<int>(Call::kInsertBatch)], 0);
    EXPECT_GT(failures[static_cast<int>(Call::kUpdateElement)], 0);
  }
  if (param.snapshot_every != 0) {
    EXPECT_GT(failures[static_cast<int>(Call::kDelete)], 0);
    EXPECT_GT(failures[static_cast<int>(Call::kTake)], 0);
    EXPECT_GT(failures[static_cast<int>(Call::kDeleteObject)], 0);
    if (param.type == TableType::kSet) {
      EXPECT_GT(failures[static_cast<int>(Call::kUpdateCounter)], 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, AllocationFailureTest,
    ::testing::Values(
        RandomCase{TableType::kSet, 1, 20, 8000, 0}, RandomCase{TableType::kSet, 1, 20, 1500, 3},
        RandomCase{TableType::kSet, 3, 100, 1500, 20}, RandomCase{TableType::kBag, 1, 3, 800, 3},
        RandomCase{TableType::kBag, 3, 40, 1000, 0}, RandomCase{TableType::kDuplicateBag, 1, 20, 800, 3},
        RandomCase{TableType::kDuplicateBag, 3, 3, 800, 20}, RandomCase{TableType::kOrderedSet, 1, 20, 1500, 0},
        RandomCase{TableType::kOrderedSet, 1, 20, 1500, 3}, RandomCase{TableType::kOrderedSet, 3, 100, 1500, 20},
        RandomCase{TableType::kSet, 3, 60, 800, 20, true}, RandomCase{TableType::kOrderedSet, 3, 60, 800, 20, true},
        RandomCase{TableType::kBag, 3, 20, 800, 20, true}, RandomCase{TableType::kDuplicateBag, 3, 20, 800, 20, true}));

// Each allocation of a piece of moving rows between ranges fails in turn. The call that does the piece after its own
// work knows nothing of it.
TEST(AllocationFailureTest, MovingRowsBetweenRanges) {
  TEST_SetSplitRows(64);
  const std::shared_ptr<Table> table =
      *Table::Create(TableOptions{.type = TableType::kOrderedSet, .partitions = 4, .hash_seed = 1});
  TEST_SetSplitRows(0);
  Random random(TestSeed());
  ModelTable model(0, TableType::kOrderedSet);
  std::shared_ptr<Snapshot> snapshot;
  Dump snapshot_dump;
  for (int step = 0; step < 400; ++step) {
    if (step % 50 == 20) {
      snapshot = SnapshotOf(table.get());
      snapshot_dump = model.Dump();
    }
    const Term key(step < 200 ? random.Between(0, 10000) : int64_t{20000} + step);
    const Operation op{.call = Call::kInsert,
                       .rows = {{key, step, std::string(static_cast<size_t>(step % 7) * 10, 'x')}}};
    model.Do(op);
    PreparedCall call(table.get(), op);
    for (int64_t k = 1; k < 80; ++k) {
      const Outcome outcome = call.Run(k);
      ASSERT_TRUE(outcome == Outcome::kOk || outcome == Outcome::kNoMemory);
      ASSERT_EQ(table->CheckInvariants().message(), "") << "step " << step << ", allocation " << k;
    }
    ASSERT_EQ(DumpOf(table.get()), model.Dump()) << "step " << step;  // a row that was lost is not found again
    if (snapshot != nullptr) {
      ASSERT_EQ(DumpOf(*snapshot), snapshot_dump) << "step " << step;
    }
  }
  TableStats stats;
  ASSERT_EQ(table->Stats(Wait::kBlock, &stats), Outcome::kOk);
  for (const uint64_t rows : stats.partition_rows) EXPECT_GT(rows, 0u);
}

TEST(AllocationFailureTest, TablesAndSnapshots) {
  const LiveCounts before = ReadLiveCounts();
  int failures = 0;
  for (int64_t k = 1;; ++k) {
    std::shared_ptr<Table> table;
    {
      const FailingAllocation fail(k);
      auto created = Table::Create(TableOptions{.type = TableType::kBag, .partitions = 4});
      if (created.ok()) table = *created;
    }
    if (table != nullptr) break;
    ++failures;
    EXPECT_EQ(ReadLiveCounts().tables, before.tables);
  }
  EXPECT_GT(failures, 2);
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 4});
  Random random(TestSeed());
  for (int i = 0; i < 300; ++i) {
    const Row row = RandomRow(&random, PoolKey(random.Below(100)), 0);
    ASSERT_EQ(table->Insert(RowArgument(*table, row).view(), Wait::kBlock), Outcome::kOk);
    const Dump dump = DumpOf(table.get());
    for (int64_t k = 1;; ++k) {
      std::shared_ptr<Snapshot> snapshot;
      Outcome outcome;
      {
        const FailingAllocation fail(k);
        outcome = table->TakeSnapshot(Wait::kBlock, &snapshot);
      }
      if (outcome == Outcome::kOk) {
        ASSERT_EQ(DumpOf(*snapshot), dump);
        break;
      }
      ASSERT_EQ(outcome, Outcome::kNoMemory);
      ASSERT_EQ(snapshot, nullptr);
      ASSERT_EQ(table->CheckInvariants().message(), "");
    }
  }
  TableStats stats;
  ASSERT_EQ(table->Stats(Wait::kBlock, &stats), Outcome::kOk);
  EXPECT_EQ(stats.snapshots, 0u);
  EXPECT_EQ(stats.snapshot_retained_bytes, 0u);
}

TEST(AllocationFailureTest, KeyedReadsOfASnapshot) {
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 1});
  const Row row = {1, std::string(5000, 'x')};
  const RowArgument argument(*table, row);
  ASSERT_EQ(table->Insert(argument.view(), Wait::kBlock), Outcome::kOk);
  const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table.get());
  int failures = 0;
  for (int64_t k = 1;; ++k) {
    RowBuffer out;
    Outcome outcome;
    {
      const FailingAllocation fail(k);
      outcome = snapshot->Lookup(KeyArgument(*table, row[0]), Wait::kBlock, &out);
    }
    if (outcome == Outcome::kOk) break;
    ASSERT_EQ(outcome, Outcome::kNoMemory);
    ++failures;
  }
  EXPECT_GT(failures, 0);
}

// Gives every second row of a key the same verdict.
class SameVerdict final : public RowJudge {
 public:
  SameVerdict(Verdict verdict, absl::Span<const Value> replacement) : verdict_(verdict), replacement_(replacement) {}

  bool writes() const override { return true; }
  void Narrow(const Chunk&, uint64_t*) override {}
  Verdict Judge(const Chunk&, uint32_t, absl::Span<const Value>* row) override {
    *row = replacement_;
    return judged_++ % 2 == 0 ? verdict_ : Verdict::kKeep;
  }
  bool wants_more() const override { return true; }

 private:
  const Verdict verdict_;
  const absl::Span<const Value> replacement_;
  int judged_ = 0;
};

TEST(AllocationFailureTest, RowsThatAreJudged) {
  Random random(TestSeed());
  int failures = 0;
  for (const TableType type : {TableType::kSet, TableType::kOrderedSet, TableType::kBag}) {
    const std::shared_ptr<Table> table = *Table::Create(TableOptions{.type = type, .partitions = 1});
    const std::shared_ptr<Table> copy = EmptyLike(*table);
    const auto journal = std::make_shared<RecordingJournal>();
    table->SetJournal(journal);
    for (int i = 0; i < 300; ++i) {
      const Row row = RandomRow(&random, PoolKey(random.Below(60)), 0);
      ASSERT_EQ(table->Insert(RowArgument(*table, row).view(), Wait::kBlock), Outcome::kOk);
    }
    std::shared_ptr<Snapshot> snapshot;
    for (int i = 0; i < 200; ++i) {
      if (i % 5 == 0) snapshot = SnapshotOf(table.get());
      const bool replace = type != TableType::kBag && random.OneIn(2);
      const Row row = {PoolKey(random.Below(60)), i, std::string(random.Below(40), 'x')};
      const RowArgument replacement(*table, row);
      const absl::Span<const Value> values(replacement.view().values, replacement.view().arity);
      const KeyView key = KeyArgument(*table, row[0]);
      const Dump before = DumpOf(table.get());
      for (int64_t k = 1;; ++k) {
        SameVerdict judge(replace ? RowJudge::Verdict::kReplace : RowJudge::Verdict::kDelete, values);
        Outcome outcome;
        {
          const FailingAllocation fail(k);
          outcome = table->JudgeKey(key, &judge, Wait::kBlock);
        }
        ASSERT_EQ(table->CheckInvariants().message(), "");
        if (outcome == Outcome::kOk) break;
        ASSERT_EQ(outcome, Outcome::kNoMemory);
        ASSERT_EQ(DumpOf(table.get()), before);
        ++failures;
      }
    }
    Replay(journal->RecordsAfter(0), copy.get());
    EXPECT_EQ(RowsInOrder(copy.get()), RowsInOrder(table.get()));
  }
  EXPECT_GT(failures, 20);
}

// What a table notes of erased keys, for a snapshot and for walks while it is fixed, stays whole as it grows.
TEST(AllocationFailureTest, NotesOnErasedKeys) {
  constexpr int kRows = 20 * kChunkSlots;
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 1});
  for (int i = 0; i < kRows; ++i) {
    ASSERT_EQ(table->Insert(RowArgument(*table, {i}).view(), Wait::kBlock), Outcome::kOk);
  }
  const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table.get());
  ASSERT_EQ(table->Fix(Wait::kBlock), Outcome::kOk);
  std::vector<int> erased;
  int failures = 0;
  for (int i = 0; i < kRows; i += 101) {
    const KeyView key = KeyArgument(*table, i);
    for (int64_t k = 1;; ++k) {
      uint64_t count = 0;
      Outcome outcome;
      {
        const FailingAllocation fail(k);
        outcome = table->Delete(key, Wait::kBlock, &count);
      }
      if (outcome == Outcome::kOk) break;
      ASSERT_EQ(outcome, Outcome::kNoMemory);
      ++failures;
    }
    erased.push_back(i);
    for (const int old : erased) {
      RowBuffer out;
      ASSERT_EQ(snapshot->Lookup(KeyArgument(*table, old), Wait::kBlock, &out), Outcome::kOk);
      ASSERT_EQ(out.size(), 1u) << old;
    }
  }
  EXPECT_GT(failures, 200);
  EXPECT_EQ(table->CheckInvariants().message(), "");
  for (const int old : erased) {
    ASSERT_EQ(table->Insert(RowArgument(*table, {old}).view(), Wait::kBlock), Outcome::kOk);
  }
  ASSERT_EQ(table->Unfix(Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(table->CheckInvariants().message(), "");
}

TEST(AllocationFailureTest, LargeBlocks) {
  constexpr size_t kBytes = 64 << 10;
  std::vector<void*> blocks;
  for (int i = 0; i < 1500; ++i) {
    for (int64_t k = 1; k <= 3; ++k) {
      blocks.push_back(nullptr);
      const FailingAllocation fail(k);
      blocks.back() = AllocateLarge(kBytes);  // from malloc, where there is no memory for a region
    }
  }
  for (void* block : blocks) {
    ASSERT_NE(block, nullptr);
    *static_cast<char*>(block) = 1;
    FreeLarge(block, kBytes);
  }
}

// Counting goes on alone where a thread cannot be had.
TEST(AllocationFailureTest, CountingWithFewerThreads) {
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 2000});
  for (int i = 0; i < 20000; ++i) {
    ASSERT_EQ(table->Insert(RowArgument(*table, {i}).view(), Wait::kBlock), Outcome::kOk);
  }
  const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table.get());
  int failures = 0;
  for (int64_t k = 1; k < 20; ++k) {
    try {
      const FailingAllocation fail(k);
      uint64_t counts[3] = {};
      ShareChunks(snapshot->chunks(), 3, [&counts](size_t worker, absl::Span<const Chunk* const> share) {
        for (const Chunk* chunk : share) counts[worker] += chunk->live_count;
      });
      EXPECT_EQ(counts[0] + counts[1] + counts[2], 20000u);
    } catch (const std::bad_alloc&) {
      ++failures;  // the first one: the list of threads
    }
  }
  EXPECT_LE(failures, 1);
}

}  // namespace
}  // namespace partita::testing
