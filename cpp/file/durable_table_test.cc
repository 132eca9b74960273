// A table on a disk whose power is cut, or that fails, at every call of a busy run: creation, changes of every kind,
// syncs, saves in between, and an end. Whatever happens, the table opens again and holds a state that it had, none
// older than what its durability promised, and can be used.

#include "file/durable_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "table/journal.h"
#include "testing/dump.h"
#include "testing/durable.h"
#include "testing/operations.h"
#include "testing/random.h"
#include "testing/simulated_env.h"

namespace partita {
namespace {

using testing::Dump;
using testing::DumpOf;
using testing::Finish;
using testing::ModelTable;
using testing::Opened;
using testing::Operation;
using testing::OptionsFor;
using testing::Random;
using testing::Row;
using testing::RowArgument;
using testing::SimulatedEnv;
using testing::Words;

constexpr const char* kPath = "folder/table.pt";
constexpr uint32_t kKeypos = 1;

FileStatus OpenTable(SimulatedEnv* env, TableType type, const DurableOptions& options, Opened* opened) {
  return testing::OpenTable(env, kPath, type, kKeypos, options, opened);
}

// The states that a table has had, and which of them it must not fall behind.
struct History {
  std::vector<Dump> states;
  std::vector<Lsn> lsns;  // of the last record before each state
  size_t promised = 0;
};

// What one run does, the same each time as far as nothing fails.
class BusyRun {
 public:
  BusyRun(SimulatedEnv* env, TableType type, Durability durability, uint64_t steps)
      : env_(env), type_(type), durability_(durability), steps_(steps), random_(7), model_(kKeypos, type) {
    history_.states.push_back(model_.Dump());
    history_.lsns.push_back(0);
  }

  void Run(bool closes) {
    if (!OpenTable(env_, type_, OptionsFor(durability_), &opened_).ok()) return;
    for (uint64_t step = 0; step < steps_; ++step) {
      Change();
      // Syncs, and what is due for a table that is degraded, now and then.
      if (step % 5 == 4) opened_.durable->Tick(static_cast<double>(step));
      Promise(0);
      if (step % 9 == 3) {
        saving_ = opened_.durable->BeginSave();
        saved_state_ = kNone;
      }
      if (saving_ != nullptr) SaveStep();
    }
    saving_.reset();
    for (int i = 0; i < 10; ++i) opened_.durable->Tick(static_cast<double>(steps_ + 100 + i));
    Promise(0);
    degraded_at_end_ = opened_.durable->info().state != DurableState::kOpen;
    if (!closes) return;
    if (Finish(opened_.durable->BeginClose().get()).ok()) {
      history_.promised = history_.states.size() - 1;
      return;
    }
    // It is open again, or will be.
    for (int i = 0; i < 30; ++i) {
      if (i < 10) Change();
      Promise(0);
      if (i > 4) opened_.durable->Tick(static_cast<double>(steps_ + 200 + i));
    }
    degraded_at_end_ = opened_.durable->info().state != DurableState::kOpen;
  }

  const History& history() const { return history_; }
  const Opened& opened() const { return opened_; }
  bool degraded_at_end() const { return degraded_at_end_; }

 private:
  static constexpr size_t kNone = ~size_t{0};

  void Change() {
    Operation op;
    do {
      op = testing::RandomOperation(&random_, model_, 8, kKeypos);
    } while (op.call > testing::Call::kClear || op.call == testing::Call::kInsertBatch ||
             op.call == testing::Call::kDeleteBatch || (op.call == testing::Call::kClear && !random_.OneIn(4)));
    const testing::Result result = testing::Do(opened_.table.get(), op);
    if (result.outcome != Outcome::kOk && result.outcome != Outcome::kOutcomeUnknown) return;
    model_.Do(op);
    history_.states.push_back(model_.Dump());
    history_.lsns.push_back(opened_.durable->info().last_lsn);
    if (durability_ == Durability::kAlways && result.outcome != Outcome::kOutcomeUnknown) {
      history_.promised = history_.states.size() - 1;
    }
  }

  // What the table itself says is on the disk.
  void Promise(size_t least) {
    history_.promised = std::max(history_.promised, least);
    if (durability_ == Durability::kSnapshot) return;
    const Lsn durable = opened_.durable->info().durable_lsn;
    for (size_t i = history_.promised; i < history_.states.size() && history_.lsns[i] <= durable; ++i) {
      history_.promised = i;
    }
  }

  void SaveStep() {
    const uint64_t before = saving_->rows();
    bool done = false;
    const bool ok = saving_->Step(&done).ok();
    if (saved_state_ == kNone && (before != saving_->rows() || ++save_steps_ % 2 == 0)) {
      saved_state_ = history_.states.size() - 1;
    }
    if (done) Promise(durability_ == Durability::kSnapshot ? saved_state_ : 0);
    if (!ok || done) saving_.reset();
  }

  SimulatedEnv* const env_;
  const TableType type_;
  const Durability durability_;
  const uint64_t steps_;
  Random random_;
  ModelTable model_;
  Opened opened_;
  std::unique_ptr<DurableTable::Saving> saving_;
  size_t saved_state_ = kNone;
  int save_steps_ = 0;
  History history_;
  bool degraded_at_end_ = false;
};

class DurableTableTest : public ::testing::TestWithParam<std::tuple<TableType, Durability>> {
 protected:
  TableType type() const { return std::get<0>(GetParam()); }
  Durability durability() const { return std::get<1>(GetParam()); }

  // Opens what a crash has left, and judges it.
  void Judge(SimulatedEnv* env, const History& history, const std::string& where) const {
    Opened opened;
    const FileStatus status = OpenTable(env, type(), OptionsFor(durability()), &opened);
    ASSERT_TRUE(status.ok()) << where << ": " << Words(status);
    ASSERT_TRUE(opened.table->CheckInvariants().ok()) << where;
    const Dump found = DumpOf(opened.table.get());
    const auto first = history.states.begin() + static_cast<ptrdiff_t>(history.promised);
    if (std::find(first, history.states.end(), found) == history.states.end()) {
      const bool older = std::find(history.states.begin(), first, found) != first;
      FAIL() << where << ": " << (older ? "a promised change is lost" : "a state that never was") << ", "
             << found.size() << " rows";
    }
    for (const RecoveryNote& note : opened.durable->report().notes) ASSERT_FALSE(note.damage) << where << note.what;
    // It takes changes, and keeps them.
    const Row row = {"another", "row"};
    ASSERT_EQ(opened.table->Insert(RowArgument(*opened.table, row).view(), Wait::kBlock), Outcome::kOk) << where;
    const Dump then = DumpOf(opened.table.get());
    if (durability() == Durability::kSnapshot) {
      ASSERT_TRUE(Finish(opened.durable->BeginSave().get()).ok()) << where;
    } else {
      ASSERT_TRUE(opened.durable->Flush().ok()) << where;
    }
    opened = Opened();
    ASSERT_TRUE(OpenTable(env, type(), OptionsFor(durability()), &opened).ok()) << where;
    ASSERT_EQ(DumpOf(opened.table.get()), then) << where;
  }
};

constexpr uint64_t kSteps = 24;
// Of each power cut.
const uint64_t kSeeds = std::max<uint64_t>(1, static_cast<uint64_t>(testing::Steps(8)) / 2);

TEST_P(DurableTableTest, KeepsAllWithoutCrash) {
  for (const bool closes : {true, false}) {
    SimulatedEnv env;
    History history;
    {
      BusyRun run(&env, type(), durability(), 300);
      run.Run(closes);
      ASSERT_FALSE(run.degraded_at_end());
      history = run.history();
      ASSERT_EQ(DumpOf(run.opened().table.get()), history.states.back());
    }
    if (durability() != Durability::kSnapshot || closes) history.promised = history.states.size() - 1;
    Judge(&env, history, closes ? "closed" : "left");
  }
}

TEST_P(DurableTableTest, PowerCutAtEveryCall) {
  uint64_t calls = 0;
  {
    SimulatedEnv env;
    BusyRun(&env, type(), durability(), kSteps).Run(true);
    calls = env.calls();
  }
  for (uint64_t call = 0; call <= calls; ++call) {
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      const std::string where = absl::StrCat("power cut at ", call, ", seed ", seed);
      SimulatedEnv env;
      History history;
      {
        BusyRun run(&env, type(), durability(), kSteps);
        env.CutPowerAt(call);
        run.Run(true);
        history = run.history();
      }
      env.Restart(seed);
      // And again while it is opened.
      env.CutPowerAt(Random(call * 10 + seed).Below(40));
      {
        Opened opened;
        static_cast<void>(OpenTable(&env, type(), OptionsFor(durability()), &opened).ok());
      }
      env.Restart(seed + 1);
      ASSERT_NO_FATAL_FAILURE(Judge(&env, history, where));
    }
  }
}

TEST_P(DurableTableTest, EveryCallFails) {
  uint64_t calls = 0;
  {
    SimulatedEnv env;
    BusyRun(&env, type(), durability(), kSteps).Run(true);
    calls = env.calls();
  }
  for (const auto fault : {SimulatedEnv::Fault::kIoError, SimulatedEnv::Fault::kDiskFull}) {
    for (uint64_t call = 0; call < calls; ++call) {
      for (const uint64_t more : {0, 3}) {
        const std::string where = absl::StrCat("call ", call, " and ", more, " more fail");
        SimulatedEnv env;
        History history;
        {
          BusyRun run(&env, type(), durability(), kSteps);
          env.FailAt(call, fault, more);
          run.Run(more == 0 || call % 2 == 0);
          ASSERT_FALSE(run.degraded_at_end() && run.opened().durable->info().state == DurableState::kDegraded)
              << where << ": still degraded, " << run.opened().durable->info().last_error;
          history = run.history();
          env.CutPowerAt(env.calls());  // before it can tidy up
        }
        env.Restart(call);
        ASSERT_NO_FATAL_FAILURE(Judge(&env, history, where));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, DurableTableTest,
                         ::testing::Combine(::testing::Values(TableType::kSet, TableType::kOrderedSet, TableType::kBag,
                                                              TableType::kDuplicateBag),
                                            ::testing::Values(Durability::kSnapshot, Durability::kInterval,
                                                              Durability::kAlways)));

}  // namespace
}  // namespace partita
