// Durable buffers on a disk whose power is cut, or that fails, or whose process is killed, at every call of a busy run.
// Whatever happens, the buffer opens again and hands over every item that a call returned for and that was not dealt
// with, each once, and those of one partition key in their order.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "buffer/buffer_log.h"
#include "testing/buffers.h"
#include "testing/dump.h"
#include "testing/durable.h"
#include "testing/random.h"
#include "testing/simulated_env.h"
#include "testing/term.h"

namespace partita {
namespace {

using testing::ItemsOf;
using testing::Opened;
using testing::OptionsFor;
using testing::Random;
using testing::Row;
using testing::SimulatedEnv;
using testing::StatsOf;
using testing::Term;
using testing::Words;

constexpr const char* kPath = "folder/buffer.pt";
constexpr int kKeys = 5;

// A buffer with its file, from which nothing happens in the background.
template <typename Kind>
struct Durable {
  std::shared_ptr<DurableTable> file;
  std::unique_ptr<Kind> buffer;
};

template <typename Kind>
FileStatus Open(SimulatedEnv* env, uint32_t partitions, Durable<Kind>* durable, const DurableOptions& options) {
  Opened opened;
  FileStatus status = testing::OpenTable(env, kPath, TableType::kSet, 0, options, &opened);
  if (!status.ok()) return status;
  durable->file = std::move(opened.durable);
  durable->buffer = std::make_unique<Kind>(partitions, 3);
  const char* wrong = nullptr;
  EXPECT_EQ(durable->buffer->SetLog(std::make_unique<BufferLog>(opened.table, durable->file), &wrong), Outcome::kOk);
  EXPECT_EQ(wrong, nullptr);
  return status;
}

template <typename Kind>
FileStatus Open(SimulatedEnv* env, uint32_t partitions, Durable<Kind>* durable) {
  return Open(env, partitions, durable, OptionsFor(Durability::kInterval));
}

// What the system has of the files outlives a process, on the disk or not.
void Kill(const SimulatedEnv& env, SimulatedEnv* survivor) {
  for (const std::string& name : env.Names()) {
    std::string content;
    ASSERT_TRUE(env.ReadWhole(name, &content));
    survivor->WriteWhole(name, content);
  }
}

Outcome Push(QueueBuffer* queue, int number) {
  const Term item(number);
  const Term key(number % kKeys);
  const Value key_view = key.view();
  const Value view = item.view();
  const QueueItem argument{view, WireSize(view), queue->PartitionOf(key_view), &key_view};
  PushResult result;
  const Outcome outcome = queue->Push(argument, false, Wait::kBlock, &result);
  EXPECT_EQ(result.verdict, PushVerdict::kTaken);
  return outcome;
}

// --- Queues.

// What became of each item, by its number.
struct Fates {
  std::set<int> promised;  // pushed, and not dealt with: it must come again
  std::set<int> possible;  // it may
  std::set<int> synced;    // of those promised, the ones that were on the disk
};

// What one run does, the same each time as far as nothing fails.
class QueueRun {
 public:
  QueueRun(SimulatedEnv* env, int steps) : env_(env), steps_(steps) {}

  void Run(bool closes) {
    if (!Open(env_, 3, &durable_).ok()) return;
    for (int step = 0; step < steps_; ++step) {
      switch (random_.Below(4)) {
        case 0:
          Process(static_cast<uint32_t>(random_.Below(3)));
          break;
        case 1:
          durable_.file->Tick(step);
          break;
        default:
          Push();
      }
      if (step % 11 == 10) Sync();
      if (step % 17 == 16) static_cast<void>(testing::Finish(durable_.file->BeginSave().get()).ok());
      StatsOf(durable_.buffer.get());
    }
    for (int i = 0; i < 10; ++i) durable_.file->Tick(steps_ + 100 + i);
    degraded_at_end_ = durable_.file->degraded();
    if (closes && testing::Finish(durable_.file->BeginClose().get()).ok()) fates_.synced = fates_.promised;
  }

  const Fates& fates() const { return fates_; }
  bool degraded_at_end() const { return degraded_at_end_; }

 private:
  void Push() {
    const int number = next_++;
    const Outcome outcome = partita::Push(durable_.buffer.get(), number);
    if (outcome == Outcome::kOk) fates_.promised.insert(number);
    if (outcome == Outcome::kOutcomeUnknown) fates_.possible.insert(number);
    ASSERT_TRUE(outcome == Outcome::kOk || outcome == Outcome::kOutcomeUnknown || outcome == Outcome::kDegraded);
  }

  void Sync() {
    if (durable_.file->Flush().ok()) fates_.synced = fates_.promised;
  }

  void Process(uint32_t partition) {
    testing::Freeze(durable_.buffer.get(), partition);
    const std::unique_ptr<Batch> batch = testing::Take(durable_.buffer.get(), partition, 3);
    if (batch == nullptr) return;
    const std::vector<Term> items = ItemsOf(*batch);
    // The last one fails now and then, and stays.
    const bool fails = random_.OneIn(3);
    for (size_t i = 0; i < items.size(); ++i) {
      if (fails && i + 1 == items.size()) break;
      const int number = static_cast<int>(items[i].view().i);
      fates_.promised.erase(number);
      fates_.synced.erase(number);
      fates_.possible.insert(number);  // where the log could not be written
    }
    if (fails) {
      testing::Resolve(durable_.buffer.get(), batch.get(), items.size() - 1, 0, {items.size() - 1});
    } else {
      testing::Resolve(durable_.buffer.get(), batch.get(), 1);
      if (items.size() > 1) testing::Resolve(durable_.buffer.get(), batch.get(), 0, items.size() - 1);
    }
  }

  SimulatedEnv* const env_;
  const int steps_;
  Random random_{7};
  Durable<QueueBuffer> durable_;
  Fates fates_;
  int next_ = 1;
  bool degraded_at_end_ = false;
};

// Opens what was left, and judges it.
void Judge(SimulatedEnv* env, const std::set<int>& must, const Fates& fates, uint32_t partitions,
           const std::string& where) {
  Durable<QueueBuffer> durable;
  const FileStatus status = Open(env, partitions, &durable);
  ASSERT_TRUE(status.ok()) << where << ": " << Words(status);
  for (const RecoveryNote& note : durable.file->report().notes) ASSERT_FALSE(note.damage) << where << note.what;
  const uint64_t restored = StatsOf(durable.buffer.get()).counts.restored;
  std::set<int> found;
  for (uint32_t partition = 0; partition < partitions; ++partition) {
    std::map<int, int> last;  // of each partition key
    for (const Term& item : testing::DrainQueue(durable.buffer.get(), partition, 7)) {
      const int number = static_cast<int>(item.view().i);
      ASSERT_TRUE(found.insert(number).second) << where << ": twice " << number;
      ASSERT_TRUE(fates.promised.contains(number) || fates.possible.contains(number)) << where << ": " << number;
      int& before = last[partitions == 1 ? 0 : number % kKeys];
      ASSERT_LT(before, number) << where;
      before = number;
    }
  }
  ASSERT_EQ(found.size(), restored) << where;
  for (const int number : must) ASSERT_TRUE(found.contains(number)) << where << ": " << number << " is lost";
  // What was drained is gone, and new items are kept.
  ASSERT_EQ(Push(durable.buffer.get(), 1000), Outcome::kOk) << where;
  durable = Durable<QueueBuffer>();
  ASSERT_TRUE(Open(env, 2, &durable).ok()) << where;
  ASSERT_EQ(StatsOf(durable.buffer.get()).counts.restored, 1U) << where;
}

constexpr int kSteps = 60;

uint64_t CallsOf(bool closes) {
  SimulatedEnv env;
  QueueRun(&env, kSteps).Run(closes);
  return env.calls();
}

TEST(DurableQueueTest, WithoutACrash) {
  for (const bool closes : {false, true}) {
    SimulatedEnv env;
    Fates fates;
    {
      QueueRun run(&env, 400);
      run.Run(closes);
      fates = run.fates();
    }
    ASSERT_GT(fates.promised.size(), 10U);
    ASSERT_GT(fates.possible.size(), 50U);
    fates.possible.clear();
    Judge(&env, fates.promised, fates, 3, closes ? "closed" : "left");
  }
}

TEST(DurableQueueTest, KilledAtEveryCall) {
  for (uint64_t call = 0, calls = CallsOf(true); call <= calls; ++call) {
    SimulatedEnv env;
    QueueRun run(&env, kSteps);
    env.CutPowerAt(call);
    run.Run(true);
    SimulatedEnv survivor;
    ASSERT_NO_FATAL_FAILURE(Kill(env, &survivor));
    ASSERT_NO_FATAL_FAILURE(Judge(&survivor, run.fates().promised, run.fates(), 1 + call % 4, absl::StrCat(call)));
  }
}

TEST(DurableQueueTest, PowerCutAtEveryCall) {
  const uint64_t seeds = static_cast<uint64_t>(std::max(1, testing::Steps(8) / 2));
  for (uint64_t call = 0, calls = CallsOf(true); call <= calls; ++call) {
    for (uint64_t seed = 0; seed < seeds; ++seed) {
      SimulatedEnv env;
      Fates fates;
      {
        QueueRun run(&env, kSteps);
        env.CutPowerAt(call);
        run.Run(true);
        fates = run.fates();
      }
      env.Restart(seed);
      const std::string where = absl::StrCat("power cut at ", call, ", seed ", seed);
      ASSERT_NO_FATAL_FAILURE(Judge(&env, fates.synced, fates, 1 + call % 4, where));
    }
  }
}

TEST(DurableQueueTest, EveryCallFails) {
  for (const auto fault : {SimulatedEnv::Fault::kIoError, SimulatedEnv::Fault::kDiskFull}) {
    for (uint64_t call = 0, calls = CallsOf(false); call < calls; ++call) {
      for (const uint64_t more : {0, 3}) {
        const std::string where = absl::StrCat("call ", call, " and ", more, " more fail");
        SimulatedEnv env;
        Fates fates;
        {
          QueueRun run(&env, kSteps);
          env.FailAt(call, fault, more);
          run.Run(call % 2 == 0);
          ASSERT_FALSE(run.degraded_at_end()) << where;
          fates = run.fates();
        }
        SimulatedEnv survivor;
        ASSERT_NO_FATAL_FAILURE(Kill(env, &survivor));
        ASSERT_NO_FATAL_FAILURE(Judge(&survivor, fates.promised, fates, 1 + call % 4, where));
      }
    }
  }
}

// What could not leave the log while it could not be written leaves it later.
TEST(DurableQueueTest, AcknowledgesLate) {
  SimulatedEnv env;
  {
    Durable<QueueBuffer> durable;
    ASSERT_TRUE(Open(&env, 1, &durable).ok());
    for (int i = 1; i <= 3; ++i) ASSERT_EQ(Push(durable.buffer.get(), i), Outcome::kOk);
    testing::Freeze(durable.buffer.get(), 0);
    std::unique_ptr<Batch> batch = testing::Take(durable.buffer.get(), 0, 1);
    env.FailAt(env.calls(), SimulatedEnv::Fault::kIoError);
    ASSERT_EQ(Push(durable.buffer.get(), 4), Outcome::kOutcomeUnknown);
    ASSERT_EQ(Push(durable.buffer.get(), 5), Outcome::kDegraded);
    testing::Resolve(durable.buffer.get(), batch.get(), 1);
    durable.file->Tick(1);
    ASSERT_FALSE(durable.file->degraded());
    ASSERT_EQ(Push(durable.buffer.get(), 6), Outcome::kOk);
    batch = testing::Take(durable.buffer.get(), 0, 1);
    testing::Resolve(durable.buffer.get(), batch.get(), 1);
  }
  Durable<QueueBuffer> durable;
  ASSERT_TRUE(Open(&env, 1, &durable).ok());
  EXPECT_EQ(testing::DrainQueue(durable.buffer.get(), 0), (std::vector<Term>{3, 4, 6}));
}

// A log that has grown long is replaced by a new one, with what waits and nothing else.
TEST(DurableQueueTest, TheLogIsKeptShort) {
  SimulatedEnv env;
  DurableOptions options = OptionsFor(Durability::kInterval);
  options.log_bytes = 20000;
  Durable<QueueBuffer> durable;
  ASSERT_TRUE(Open(&env, 1, &durable, options).ok());
  uint64_t most = 0;
  for (int i = 1; i <= 3000; ++i) {
    ASSERT_EQ(Push(durable.buffer.get(), i), Outcome::kOk);
    if (i % 10 != 0) continue;
    testing::DrainQueue(durable.buffer.get(), 0);
    most = std::max(most, durable.file->info().log_bytes);
    durable.file->Tick(i);
  }
  EXPECT_GT(durable.file->info().saves, 3U);
  EXPECT_LT(most, 25000U);
}

TEST(DurableQueueTest, DroppedItemsLeaveTheLog) {
  SimulatedEnv env;
  {
    Durable<QueueBuffer> durable;
    ASSERT_TRUE(Open(&env, 1, &durable).ok());
    testing::SetLimits(durable.buffer.get(), {.max_items = 4, .overflow = Overflow::kDropOldest});
    for (int i = 1; i <= 10; ++i) ASSERT_EQ(Push(durable.buffer.get(), i), Outcome::kOk);
    EXPECT_EQ(StatsOf(durable.buffer.get()).counts.dropped, 6U);
  }
  Durable<QueueBuffer> durable;
  ASSERT_TRUE(Open(&env, 1, &durable).ok());
  EXPECT_EQ(testing::DrainQueue(durable.buffer.get(), 0), (std::vector<Term>{7, 8, 9, 10}));
}

// Rows that are no items are told, whatever they are.
TEST(DurableQueueTest, ForeignRows) {
  const std::vector<Row> rows = {{"a", 1},          {0, 1},           {-1, 1}, {1}, {1, 2, 3, 4}, {1, 2, 3, 4, 5, 6, 7},
                                 {1, 2, 3, "4", 5}, {1, 2, 3, 4, "5"}};
  for (const Row& row : rows) {
    for (const bool map : {false, true}) {
      SimulatedEnv env;
      Opened opened;
      ASSERT_TRUE(testing::OpenTable(&env, kPath, TableType::kSet, 0, OptionsFor(Durability::kInterval), &opened).ok());
      ASSERT_EQ(opened.table->Insert(testing::RowArgument(*opened.table, row).view(), Wait::kBlock), Outcome::kOk);
      const std::shared_ptr<DurableTable> file = std::move(opened.durable);
      std::unique_ptr<Buffer> buffer = std::make_unique<QueueBuffer>(2, 1);
      if (map) buffer = std::make_unique<MapBuffer>(2, 1);
      const char* wrong = nullptr;
      ASSERT_EQ(buffer->SetLog(std::make_unique<BufferLog>(opened.table, file), &wrong), Outcome::kOk);
      EXPECT_NE(wrong, nullptr) << row.size() << row[0];
    }
  }
}

// --- Maps.

// What the puts of one key into one segment came to: values ascend.
struct Entry {
  int promised = 0;  // the last value that a call returned for; 0: none
  std::set<int> possible;
  bool may_be_gone = false;
};

class MapRun {
 public:
  MapRun(SimulatedEnv* env, int steps) : env_(env), steps_(steps) {}

  void Run() {
    if (!Open(env_, 2, &durable_).ok()) return;
    for (int step = 0; step < steps_; ++step) {
      const int key = static_cast<int>(random_.Below(kKeys));
      switch (random_.Below(8)) {
        case 0:
          Process(static_cast<uint32_t>(random_.Below(2)));
          break;
        case 1:
          Delete(key);
          break;
        case 2:
          durable_.file->Tick(step);
          break;
        default:
          Put(key, random_.OneIn(2));
      }
      if (step % 17 == 16) static_cast<void>(testing::Finish(durable_.file->BeginSave().get()).ok());
      StatsOf(durable_.buffer.get());
    }
    for (int i = 0; i < 10; ++i) durable_.file->Tick(steps_ + 100 + i);
    degraded_at_end_ = durable_.file->degraded();
  }

  // By key, in the order of the segments.
  const std::map<int, std::vector<Entry>>& entries() const { return entries_; }
  bool degraded_at_end() const { return degraded_at_end_; }

 private:
  void Put(int key, bool versioned) {
    const Term key_term(key);
    const Term value(next_);
    const Term version(next_);
    const Value version_view = version.view();
    const uint64_t hash = durable_.buffer->HashKey(key_term.view());
    MapEntry entry{KeyView{key_term.view(), hash}, value.view(), versioned ? &version_view : nullptr,
                   durable_.buffer->PartitionOfHash(hash)};
    PushResult result;
    const Outcome outcome = durable_.buffer->Put(entry, false, Wait::kBlock, &result);
    if (outcome != Outcome::kOk && outcome != Outcome::kOutcomeUnknown) return;
    ASSERT_EQ(result.verdict, PushVerdict::kTaken);
    Entry& open = OpenEntry(key);
    if (outcome == Outcome::kOk) {
      open = Entry{next_, {}, false};
    } else {
      open.possible.insert(next_);
    }
    ++next_;
  }

  void Delete(int key) {
    const Term key_term(key);
    const KeyView view{key_term.view(), durable_.buffer->HashKey(key_term.view())};
    bool deleted = false;
    const Outcome outcome =
        durable_.buffer->Delete(view, durable_.buffer->PartitionOfHash(view.hash), Wait::kBlock, &deleted);
    if (!deleted) return;
    if (outcome == Outcome::kOk) {
      OpenEntry(key) = Entry{};
    } else {
      OpenEntry(key).may_be_gone = true;
    }
  }

  Entry& OpenEntry(int key) {
    if (!is_open_[key]) entries_[key].emplace_back();
    is_open_[key] = true;
    return entries_[key].back();
  }

  void Process(uint32_t partition) {
    testing::Freeze(durable_.buffer.get(), partition);
    for (int key = 0; key < kKeys; ++key) {
      const Term term(key);
      if (durable_.buffer->PartitionOf(term.view()) == partition) is_open_[key] = false;
    }
    const bool whole = random_.OneIn(3);
    const std::unique_ptr<Batch> batch = whole ? testing::TakeWhole(durable_.buffer.get(), partition)
                                               : testing::Take(durable_.buffer.get(), partition, 2);
    if (batch == nullptr) return;
    std::vector<Row> rows = testing::RowsOf(batch->rows());
    if (whole) rows = testing::RowsOf(*testing::SnapshotOf(batch->table().get()));
    ASSERT_EQ(rows.size(), batch->size());
    const bool fails = random_.OneIn(3);  // the last one, which stays
    for (size_t i = 0; i + (fails ? 1 : 0) < rows.size(); ++i) {
      const int key = static_cast<int>(rows[i][0].view().i);
      const int value = static_cast<int>(rows[i][1].view().i);
      for (Entry& entry : entries_[key]) {
        if (entry.promised == value || entry.possible.contains(value)) entry.may_be_gone = true;
      }
    }
    if (fails) {
      testing::Resolve(durable_.buffer.get(), batch.get(), rows.size() - 1, 0, {rows.size() - 1});
    } else {
      testing::Resolve(durable_.buffer.get(), batch.get(), rows.size());
    }
  }

  SimulatedEnv* const env_;
  const int steps_;
  Random random_{5};
  Durable<MapBuffer> durable_;
  std::map<int, std::vector<Entry>> entries_;
  std::map<int, bool> is_open_;
  int next_ = 1;
  bool degraded_at_end_ = false;
};

// `exact`: nothing failed, so what was dealt with does not come again.
void JudgeMap(SimulatedEnv* env, const MapRun& run, uint32_t partitions, bool exact, const std::string& where) {
  Durable<MapBuffer> durable;
  const FileStatus status = Open(env, partitions, &durable);
  ASSERT_TRUE(status.ok()) << where << ": " << Words(status);
  std::map<int, std::vector<int>> found;  // values of each key, as they come
  for (uint32_t partition = 0; partition < partitions; ++partition) {
    for (const Row& row : testing::DrainMap(durable.buffer.get(), partition, 3)) {
      found[static_cast<int>(row[0].view().i)].push_back(static_cast<int>(row[1].view().i));
    }
  }
  for (const auto& [key, entries] : run.entries()) {
    const std::vector<int>& values = found[key];
    ASSERT_TRUE(std::is_sorted(values.begin(), values.end())) << where << ": key " << key;
    size_t next = 0;
    for (const Entry& entry : entries) {
      const bool here = next < values.size() && ((values[next] == entry.promised && entry.promised != 0) ||
                                                 entry.possible.contains(values[next]));
      if (here) ++next;
      ASSERT_TRUE(here || entry.promised == 0 || entry.may_be_gone)
          << where << ": lost " << key << " " << entry.promised;
      ASSERT_FALSE(exact && here && entry.may_be_gone) << where << ": key " << key << " comes again";
    }
    ASSERT_EQ(next, values.size()) << where << ": key " << key << " has a value that was replaced or deleted";
  }
}

TEST(DurableMapTest, KilledAtEveryCall) {
  uint64_t calls = 0;
  {
    SimulatedEnv env;
    MapRun run(&env, kSteps);
    run.Run();
    calls = env.calls();
    SimulatedEnv survivor;
    ASSERT_NO_FATAL_FAILURE(Kill(env, &survivor));
    ASSERT_NO_FATAL_FAILURE(JudgeMap(&survivor, run, 3, true, "no failure"));
  }
  for (uint64_t call = 0; call <= calls; ++call) {
    SimulatedEnv env;
    MapRun run(&env, kSteps);
    env.CutPowerAt(call);
    run.Run();
    SimulatedEnv survivor;
    ASSERT_NO_FATAL_FAILURE(Kill(env, &survivor));
    ASSERT_NO_FATAL_FAILURE(JudgeMap(&survivor, run, 1 + call % 4, false, absl::StrCat("killed at ", call)));
  }
}

TEST(DurableMapTest, EveryCallFails) {
  uint64_t calls = 0;
  {
    SimulatedEnv env;
    MapRun(&env, kSteps).Run();
    calls = env.calls();
  }
  for (const auto fault : {SimulatedEnv::Fault::kIoError, SimulatedEnv::Fault::kDiskFull}) {
    for (uint64_t call = 0; call < calls; ++call) {
      const std::string where = absl::StrCat("call ", call, " fails");
      SimulatedEnv env;
      MapRun run(&env, kSteps);
      env.FailAt(call, fault, call % 3);
      run.Run();
      ASSERT_FALSE(run.degraded_at_end()) << where;
      SimulatedEnv survivor;
      ASSERT_NO_FATAL_FAILURE(Kill(env, &survivor));
      ASSERT_NO_FATAL_FAILURE(JudgeMap(&survivor, run, 1 + call % 4, false, where));
    }
  }
}

// A key that was put into several segments comes back as often, with its versions.
TEST(DurableMapTest, SegmentsComeBackInTheirOrder) {
  SimulatedEnv env;
  const Term seven(7);
  const Term five(5);
  {
    Durable<MapBuffer> durable;
    ASSERT_TRUE(Open(&env, 2, &durable).ok());
    testing::Put(durable.buffer.get(), "a", "old", &five);
    testing::Put(durable.buffer.get(), "a", "new", &seven);
    for (uint32_t partition = 0; partition < 2; ++partition) testing::Freeze(durable.buffer.get(), partition);
    testing::Put(durable.buffer.get(), "a", "later", &five);
    testing::Put(durable.buffer.get(), "b", "gone");
    testing::Delete(durable.buffer.get(), "b");
  }
  Durable<MapBuffer> durable;
  ASSERT_TRUE(Open(&env, 1, &durable).ok());
  EXPECT_EQ(StatsOf(durable.buffer.get()).counts.restored, 2U);
  EXPECT_EQ(testing::Get(durable.buffer.get(), "a"), (Row{"a", "later", 5, 0}));
  EXPECT_EQ(testing::DrainMap(durable.buffer.get(), 0), (std::vector<Row>{{"a", "new", 7, 1}, {"a", "later", 5, 0}}));
  EXPECT_EQ(StatsOf(durable.buffer.get()).counts.processed, 2U);
}

}  // namespace
}  // namespace partita
