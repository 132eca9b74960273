// What tables tell their journals: records of all calls of all types, replayed into an empty table, give the same table
// after every step. Whatever a journal refuses is not done.

#include "table/journal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "table/ordered_table.h"
#include "table/record.h"
#include "table/sweep.h"
#include "testing/dump.h"
#include "testing/operations.h"
#include "testing/random_terms.h"
#include "testing/recording_journal.h"
#include "testing/stress.h"

namespace partita::testing {
namespace {

constexpr TableType kTypes[] = {TableType::kSet, TableType::kOrderedSet, TableType::kBag, TableType::kDuplicateBag};

bool IsBag(TableType type) { return type == TableType::kBag || type == TableType::kDuplicateBag; }

struct JournaledTable {
  explicit JournaledTable(const TableOptions& options, bool wants_records = true)
      : table(*Table::Create(options)), journal(std::make_shared<RecordingJournal>(wants_records)) {
    table->SetJournal(journal);
  }
  const std::shared_ptr<Table> table;
  const std::shared_ptr<RecordingJournal> journal;
};

// Deletes some rows and replaces some others, or the first of the two alone.
class SomeJudge final : public RowJudge {
 public:
  SomeJudge(Random* random, uint32_t keypos, bool replaces) : random_(random), keypos_(keypos), replaces_(replaces) {}

  bool writes() const override { return true; }
  void Narrow(const Chunk&, uint64_t*) override {}
  Verdict Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>* row) override {
    if (random_->OneIn(3)) return Verdict::kDelete;
    if (!replaces_ || random_->OneIn(2)) return Verdict::kKeep;
    row_ = RandomRow(random_, Term::FromValue(ReadElement(chunk, keypos_, place)), keypos_);
    values_.clear();
    for (const Term& term : row_) values_.push_back(term.view());
    *row = values_;
    return Verdict::kReplace;
  }
  bool wants_more() const override { return !random_->OneIn(50); }

 private:
  Random* const random_;
  const uint32_t keypos_;
  const bool replaces_;
  Row row_;
  std::vector<Value> values_;
};

void JudgeSome(Table* table, Random* random, uint64_t pool) {
  SomeJudge judge(random, table->options().keypos, !IsBag(table->options().type));
  if (random->OneIn(2)) {
    const Term key = PoolKey(random->Below(pool));
    ASSERT_EQ(table->JudgeKey(KeyArgument(*table, key), &judge, Wait::kBlock), Outcome::kOk);
    return;
  }
  const std::unique_ptr<Sweep> sweep = table->NewSweep(nullptr, Direction::kForward);
  for (bool done = false; !done;) ASSERT_EQ(sweep->Next(&judge, Wait::kBlock, &done), Outcome::kOk);
}

struct RandomCase {
  TableType type;
  uint32_t partitions;
  uint32_t keypos;
  uint64_t pool;
  int steps;
};

class JournalTest : public ::testing::TestWithParam<RandomCase> {};

TEST_P(JournalTest, RecordsGiveTheSameTableAfterEachStep) {
  const RandomCase& param = GetParam();
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("PARTITA_SEED=" + std::to_string(seed));
  Random random(seed);
  TEST_SetSplitRows(64);
  const JournaledTable journaled(
      TableOptions{.type = param.type, .keypos = param.keypos, .partitions = param.partitions, .hash_seed = seed + 1});
  Table* const table = journaled.table.get();
  const std::shared_ptr<Table> copy = EmptyLike(*table);
  ModelTable model(param.keypos, param.type);
  Lsn seen = 0;
  int records = 0;
  for (int step = 0; step < Steps(param.steps); ++step) {
    if (step % 20 == 19) {
      JudgeSome(table, &random, param.pool);
      ModelTable judged(param.keypos, param.type);
      for (const Row& row : RowsOf(*SnapshotOf(table))) judged.Do(Operation{.call = Call::kInsert, .rows = {row}});
      model = judged;
      Replay(journaled.journal->RecordsAfter(seen), copy.get());
    } else {
      const Operation op = RandomOperation(&random, model, param.pool, param.keypos);
      SCOPED_TRACE(::testing::Message() << "step " << step << ": " << op);
      const std::vector<std::string> before = RowsInOrder(table);
      const Result result = Do(table, op);
      ASSERT_EQ(result.outcome, model.Do(op).outcome);
      const std::vector<std::string> made = journaled.journal->RecordsAfter(seen);
      if (op.call != Call::kInsertBatch && op.call != Call::kDeleteBatch) {
        ASSERT_LE(made.size(), 1u);
      }
      const std::vector<std::string> after = RowsInOrder(table);
      ASSERT_TRUE(!made.empty() || after == before);
      const bool puts_what_was_there = op.call <= Call::kInsertBatch || op.call == Call::kUpdateCounter ||
                                       op.call == Call::kUpdateElement || op.call == Call::kCompareAndSwap;
      ASSERT_TRUE(made.empty() || after != before || puts_what_was_there);
      Replay(made, copy.get());
      records += static_cast<int>(made.size());
    }
    seen = journaled.journal->last();
    ASSERT_EQ(RowsInOrder(copy.get()), RowsInOrder(table)) << "step " << step;
    ASSERT_EQ(LocksHeldByThisThread(), 0);
  }
  TEST_SetSplitRows(0);
  EXPECT_EQ(table->CheckInvariants().message(), "");
  EXPECT_EQ(copy->CheckInvariants().message(), "");
  EXPECT_GT(records, Steps(param.steps) / 5);
  // From the first to the last at once.
  const std::shared_ptr<Table> again = EmptyLike(*table);
  Replay(journaled.journal->RecordsAfter(0), again.get());
  EXPECT_EQ(RowsInOrder(again.get()), RowsInOrder(table));
}

INSTANTIATE_TEST_SUITE_P(
    All, JournalTest,
    ::testing::Values(RandomCase{TableType::kSet, 1, 0, 20, 3000}, RandomCase{TableType::kSet, 4, 1, 150, 2000},
                      RandomCase{TableType::kOrderedSet, 1, 0, 20, 3000},
                      RandomCase{TableType::kOrderedSet, 4, 1, 400, 2000}, RandomCase{TableType::kBag, 1, 0, 4, 2000},
                      RandomCase{TableType::kBag, 3, 1, 50, 2000}, RandomCase{TableType::kDuplicateBag, 1, 0, 4, 2000},
                      RandomCase{TableType::kDuplicateBag, 3, 1, 50, 2000}));

// A moment of the table and the records after it give what comes of the table, also while others write.
TEST(JournalThreadsTest, RecordsHaveTheOrderOfTheSteps) {
  for (const TableType type : kTypes) {
    TEST_SetSplitRows(64);
    const JournaledTable journaled(TableOptions{.type = type, .partitions = 3});
    TEST_SetSplitRows(0);
    Table* const table = journaled.table.get();
    Lsn at = 0;
    std::shared_ptr<Snapshot> snapshot;
    RunThreads(kThreads, [&](uint64_t thread) {
      Random random(TestSeed() + thread);
      const ModelTable none(0, type);
      for (int step = 0; step < Steps(4000); ++step) {
        if (step % 100 == 99) {
          JudgeSome(table, &random, 12);
          continue;
        }
        const Operation op = RandomOperation(&random, none, 12, 0);
        if (op.call == Call::kClear && !random.OneIn(20)) continue;
        Ask(&random, [&](Wait wait) { return Do(table, op, wait).outcome; });
        if (thread == 0 && step == Steps(4000) / 2) {
          ASSERT_EQ(table->TakeSnapshotAnd([&] { at = journaled.journal->last(); }, Wait::kBlock, &snapshot),
                    Outcome::kOk);
        }
      }
    });
    const std::shared_ptr<Table> copy = EmptyLike(*table);
    Replay(journaled.journal->RecordsAfter(0), copy.get());
    EXPECT_EQ(RowsInOrder(copy.get()), RowsInOrder(table));
    const std::shared_ptr<Table> goes_on = EmptyLike(*table);
    for (const Row& row : RowsOf(*snapshot)) {
      ASSERT_EQ(goes_on->Insert(RowArgument(*goes_on, row).view(), Wait::kBlock), Outcome::kOk);
    }
    const std::shared_ptr<Table> prefix = EmptyLike(*table);
    std::vector<std::string> records = journaled.journal->RecordsAfter(0);
    ASSERT_GT(at, 0u);
    records.resize(at);
    Replay(records, prefix.get());
    EXPECT_EQ(RowsInOrder(prefix.get()), RowsInOrder(goes_on.get()));
    Replay(journaled.journal->RecordsAfter(at), goes_on.get());
    EXPECT_EQ(RowsInOrder(goes_on.get()), RowsInOrder(table));
  }
}

bool IsWrite(const Operation& op) { return op.call <= Call::kClear; }

TEST(JournalTest, WhatIsRefusedIsNotDone) {
  for (const TableType type : kTypes) {
    const JournaledTable journaled(TableOptions{.type = type, .partitions = 2});
    RecordingJournal& journal = *journaled.journal;
    Table* const table = journaled.table.get();
    Random random(TestSeed());
    ModelTable model(0, type);
    int refused = 0;
    for (int step = 0; step < Steps(2000); ++step) {
      const Operation op = RandomOperation(&random, model, 20, 0);
      const std::vector<std::string> before = RowsInOrder(table);
      const Lsn last = journal.last();
      journal.admit = Outcome::kDegraded;
      Outcome outcome = Do(table, op).outcome;
      const bool wrong_type = IsBag(type) && outcome == Outcome::kWrongType;
      if (IsWrite(op) && !wrong_type) {
        ASSERT_EQ(outcome, Outcome::kDegraded) << op;
      }
      journal.admit = Outcome::kOk;
      journal.reserve = Outcome::kClosed;
      outcome = Do(table, op).outcome;
      journal.reserve = Outcome::kOk;
      ASSERT_EQ(RowsInOrder(table), before) << op;
      ASSERT_EQ(journal.last(), last) << op;
      const Result result = Do(table, op);
      ASSERT_EQ(result.outcome, model.Do(op).outcome);
      if (journal.last() != last) {
        ASSERT_EQ(outcome, Outcome::kClosed) << op;
        ++refused;
      }
    }
    EXPECT_GT(refused, Steps(2000) / 5);
    EXPECT_EQ(table->CheckInvariants().message(), "");
    SomeJudge judge(&random, 0, /*replaces=*/false);
    const std::unique_ptr<Sweep> sweep = table->NewSweep(nullptr, Direction::kForward);
    bool done = false;
    journal.admit = Outcome::kClosed;
    EXPECT_EQ(sweep->Next(&judge, Wait::kBlock, &done), Outcome::kClosed);
    EXPECT_EQ(table->JudgeKey(KeyArgument(*table, 1), &judge, Wait::kBlock), Outcome::kClosed);
  }
}

TEST(JournalTest, AJournalThatWantsNoRecordsMayRefuse) {
  const JournaledTable journaled(TableOptions{}, /*wants_records=*/false);
  Table* const table = journaled.table.get();
  const Row row = {1, "a"};
  EXPECT_EQ(table->Insert(RowArgument(*table, row).view(), Wait::kTry), Outcome::kOk);
  journaled.journal->reserve = Outcome::kClosed;
  EXPECT_EQ(table->Insert(RowArgument(*table, row).view(), Wait::kTry), Outcome::kClosed);
  uint64_t removed = 0;
  EXPECT_EQ(table->Delete(KeyArgument(*table, 1), Wait::kTry, &removed), Outcome::kClosed);
  EXPECT_EQ(RowsInOrder(table).size(), 1u);
  EXPECT_EQ(journaled.journal->last(), 0u);
}

TEST(JournalTest, CallsWaitForTheirLastRecord) {
  const JournaledTable journaled(TableOptions{.partitions = 3});
  Table* const table = journaled.table.get();
  journaled.journal->waits = true;
  std::vector<Row> rows;
  for (int i = 0; i < 100; ++i) rows.push_back({i, i});
  const RowArguments arguments(*table, rows);
  uint64_t done = 0;
  EXPECT_EQ(table->InsertBatch(arguments.views(), Wait::kTry, &done), Outcome::kWouldBlock);
  EXPECT_EQ(done, 0u);
  EXPECT_EQ(table->InsertBatch(arguments.views(), Wait::kBlock, &done), Outcome::kOk);
  EXPECT_EQ(journaled.journal->last(), 3u);
  EXPECT_EQ(journaled.journal->awaited, 3u);
  journaled.journal->await = Outcome::kOutcomeUnknown;
  uint64_t removed = 0;
  EXPECT_EQ(table->Delete(KeyArgument(*table, 7), Wait::kBlock, &removed), Outcome::kOutcomeUnknown);
  EXPECT_EQ(table->Delete(KeyArgument(*table, 7), Wait::kBlock, &removed), Outcome::kOk);  // nothing to wait for
  EXPECT_EQ(RowsInOrder(table).size(), 99u);
  bool found = false;
  EXPECT_EQ(table->Member(KeyArgument(*table, 8), Wait::kTry, &found), Outcome::kOk);
  EXPECT_TRUE(found);
}

TEST(JournalTest, AForksChildGoesOnWithoutIt) {
  InstallForkHandlers();
  const JournaledTable journaled(TableOptions{.partitions = 3});
  Table* const table = journaled.table.get();
  const Row row = {1, "a"};
  ASSERT_EQ(table->Insert(RowArgument(*table, row).view(), Wait::kBlock), Outcome::kOk);
  const pid_t child = fork();
  if (child == 0) {
    const Row other = {2, "b"};
    const bool fine = table->journal() == nullptr && journaled.journal->detached &&
                      table->Insert(RowArgument(*table, other).view(), Wait::kTry) == Outcome::kOk &&
                      RowsInOrder(table).size() == 2 && journaled.journal->last() == 1;
    _exit(fine ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(table->Insert(RowArgument(*table, row).view(), Wait::kTry), Outcome::kOk);
  EXPECT_EQ(journaled.journal->last(), 2u);
  EXPECT_FALSE(journaled.journal->detached);
}

// No bytes bring a replay down, and what is no record changes nothing.
TEST(ReplayTest, DamagedRecords) {
  for (const TableType type : kTypes) {
    const JournaledTable journaled(TableOptions{.type = type, .keypos = 1});
    Random random(TestSeed());
    ModelTable model(1, type);
    for (int step = 0; step < Steps(300); ++step) {
      const Operation op = RandomOperation(&random, model, 5, 1);
      model.Do(op);
      Do(journaled.table.get(), op);
      if (step % 10 == 0) JudgeSome(journaled.table.get(), &random, 5);
    }
    const std::shared_ptr<Table> copy = EmptyLike(*journaled.table);
    int wrong = 0;
    for (const std::string& record : journaled.journal->RecordsAfter(0)) {
      if (record.size() < 2000) {
        const std::vector<std::string> before = RowsInOrder(copy.get());
        const std::string cut = record.substr(0, random.Below(record.size()));
        std::string flipped = record;
        flipped[random.Below(record.size())] ^= static_cast<char>(1 << random.Below(8));
        for (const std::string& bytes : {cut, flipped}) {
          const std::shared_ptr<Table> victim = EmptyLike(*copy);
          const ReplayResult result = ReplayRecord(bytes, /*allow_opaque=*/true, victim.get());
          ASSERT_TRUE(result.outcome == Outcome::kOk || result.wrong != nullptr);
          ASSERT_EQ(victim->CheckInvariants().message(), "");
          if (result.wrong != nullptr) ++wrong;
        }
        ASSERT_NE(ReplayRecord(record + '\0', true, copy.get()).wrong, nullptr);
        ASSERT_NE(ReplayRecord("", true, copy.get()).wrong, nullptr);
        ASSERT_EQ(RowsInOrder(copy.get()), before);
      }
      Replay({record}, copy.get());
    }
    EXPECT_GT(wrong, 20);
  }
}

// Each entry of a record of the wrong kind, or that does not fit the table.
TEST(ReplayTest, WrongRecords) {
  const auto wrong = [](TableType type, const std::string& record) {
    const std::shared_ptr<Table> table = *Table::Create(TableOptions{.type = type});
    const ReplayResult result = ReplayRecord(record, /*allow_opaque=*/false, table.get());
    EXPECT_TRUE(RowsInOrder(table.get()).empty());
    return std::string(result.wrong == nullptr ? "" : result.wrong) + (result.opaque ? " (opaque)" : "");
  };
  const std::string one = "\x04\x01";  // the term 1
  const std::string zeros(3, '\0');
  using std::string_literals::operator""s;
  EXPECT_EQ(wrong(TableType::kSet, "\x07"), "a record has an entry of an unknown kind");
  EXPECT_EQ(wrong(TableType::kSet, "\x01\x00\x00"s), "a row has no key");
  EXPECT_EQ(wrong(TableType::kSet, "\x01\x02\x00"s + one), "a term is malformed");
  EXPECT_EQ(wrong(TableType::kSet, "\x01\x02\x00"s + one + "\x24\x01" + zeros + "x"),
            "a row holds a pickled object (opaque)");
  EXPECT_EQ(wrong(TableType::kSet, "\x01\x01\x00\x24\x01"s + zeros + "x"), "a key holds a pickled object");
  EXPECT_EQ(wrong(TableType::kSet, "\x02"s + one), "the key to delete is not there");
  EXPECT_EQ(wrong(TableType::kBag, "\x03\x01\x00"s + one), "the row to delete is not there");
  EXPECT_EQ(wrong(TableType::kSet, "\x04"s + one + "\x01\x00\x01\x00"s + one),
            "the row whose elements are set is not there");
  EXPECT_EQ(wrong(TableType::kSet, "\x04"s + one + "\x01\x00\x00\x00"s + one), "the element set is the key");
  EXPECT_EQ(wrong(TableType::kBag, "\x04"s + one + "\x01\x00\x01\x00"s + one), "elements are set in a bag");
  EXPECT_EQ(wrong(TableType::kSet, "\x06"s + one + "\x01"s + zeros + zeros + "\0"s),
            "some rows of a key are deleted, where a key has one");
  EXPECT_EQ(wrong(TableType::kBag, "\x06"s + one + "\x02"s + zeros + zeros + "\0"s), "a record ends early");
  EXPECT_EQ(wrong(TableType::kBag, "\x06"s + one + "\x02"s + zeros + zeros + zeros + "\0\0"s),
            "the rows to delete are not in their order");
  EXPECT_EQ(wrong(TableType::kBag, "\x06"s + one + "\x01"s + zeros + zeros + "\0"s), "a row to delete is not there");
  EXPECT_EQ(wrong(TableType::kSet, "\x05"), "");
}

}  // namespace
}  // namespace partita::testing
