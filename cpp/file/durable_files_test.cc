// The files of a table that lives at a path: what is left of it when it ends, who may open it, what is done with files
// that were damaged, exchanged or taken away, and what works in the background.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "file/log_format.h"
#include "file/log_reader.h"
#include "testing/dump.h"
#include "testing/durable.h"
#include "testing/random.h"
#include "testing/simulated_env.h"
#include "testing/term.h"

namespace partita {
namespace {

using testing::Dump;
using testing::DumpOf;
using testing::Finish;
using testing::Opened;
using testing::OptionsFor;
using testing::Row;
using testing::RowArgument;
using testing::SimulatedEnv;
using testing::Words;

constexpr const char* kPath = "folder/table.pt";

FileStatus OpenTable(SimulatedEnv* env, const DurableOptions& options, Opened* opened) {
  return testing::OpenTable(env, kPath, TableType::kSet, 0, options, opened);
}

void Put(Table* table, int key, const std::string& value = "value") {
  const Row row = {key, value};
  ASSERT_EQ(table->Insert(RowArgument(*table, row).view(), Wait::kBlock), Outcome::kOk);
}

// With rows 0 to count - 1, as if its process had died after the last one. Rows from `saved` on are in the log.
Dump Make(SimulatedEnv* env, int count, int saved = 0) {
  Opened opened;
  EXPECT_TRUE(OpenTable(env, OptionsFor(Durability::kAlways), &opened).ok());
  Dump dump;
  for (int i = 0; i < count; ++i) {
    if (i == saved && i > 0) {
      EXPECT_TRUE(Finish(opened.durable->BeginSave().get()).ok());
    }
    Put(opened.table.get(), i);
  }
  dump = DumpOf(opened.table.get());
  opened.durable->Tick(1);
  opened.durable->Tick(3);  // notes that it was synced
  env->CutPowerAt(env->calls());
  opened = Opened();
  env->Restart(1);
  return dump;
}

std::string OnlyLog(SimulatedEnv* env) {
  std::vector<uint64_t> generations;
  EXPECT_TRUE(ListLogs(env, kPath, &generations).ok());
  EXPECT_EQ(generations.size(), 1U);
  return LogName(kPath, generations.at(0));
}

TEST(DurableFilesTest, ACloseLeavesOneFile) {
  for (const auto durability : {Durability::kSnapshot, Durability::kInterval, Durability::kAlways}) {
    SimulatedEnv env;
    Dump dump;
    for (int round = 0; round < 3; ++round) {
      Opened opened;
      ASSERT_TRUE(OpenTable(&env, OptionsFor(durability), &opened).ok());
      EXPECT_EQ(DumpOf(opened.table.get()), dump);
      if (round < 2) Put(opened.table.get(), round);
      dump = DumpOf(opened.table.get());
      ASSERT_TRUE(Finish(opened.durable->BeginClose().get()).ok());
      EXPECT_EQ(env.Names(), (std::vector<std::string>{kPath, LockName(kPath)}));
      EXPECT_EQ(opened.durable->info().state, DurableState::kClosed);
      const Row row = {7, "late"};
      EXPECT_EQ(opened.table->Insert(RowArgument(*opened.table, row).view(), Wait::kBlock), Outcome::kClosed);
      EXPECT_FALSE(opened.durable->Flush().ok());
      EXPECT_FALSE(Finish(opened.durable->BeginSave().get()).ok());
      EXPECT_TRUE(opened.durable->Leave().ok());
    }
  }
}

// A table in which nothing was changed is not written anew.
TEST(DurableFilesTest, ACloseOfAnUnchangedTableWritesNothing) {
  SimulatedEnv env;
  Make(&env, 20);
  std::string before;
  std::string after;
  Opened opened;
  ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kInterval), &opened).ok());
  ASSERT_TRUE(Finish(opened.durable->BeginClose().get()).ok());
  ASSERT_TRUE(env.ReadWhole(kPath, &before));
  ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kInterval), &opened).ok());
  ASSERT_TRUE(Finish(opened.durable->BeginClose().get()).ok());
  ASSERT_TRUE(env.ReadWhole(kPath, &after));
  EXPECT_EQ(before, after);
}

TEST(DurableFilesTest, OneWriterAndManyReaders) {
  SimulatedEnv env;
  Opened writer;
  ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kAlways), &writer).ok());
  Put(writer.table.get(), 1);
  Opened second;
  const FileStatus status = OpenTable(&env, OptionsFor(Durability::kAlways), &second);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().kind, FileError::Kind::kLocked);
  DurableOptions reading = OptionsFor(Durability::kAlways);
  reading.read_only = true;
  const std::vector<std::string> names = env.Names();
  for (int key = 2; key < 6; ++key) {
    Opened reader;
    ASSERT_TRUE(OpenTable(&env, reading, &reader).ok());
    EXPECT_EQ(DumpOf(reader.table.get()), DumpOf(writer.table.get()));
    EXPECT_EQ(reader.durable->info().state, DurableState::kReadOnly);
    EXPECT_EQ(env.Names(), names);
    Put(writer.table.get(), key);
  }
  writer.durable.reset();
  writer.table.reset();
  ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kAlways), &second).ok());
}

// Readers begin anew when the files that they read are replaced by a save.
TEST(DurableFilesTest, ReadersBesideSaves) {
  SimulatedEnv env;
  Opened writer;
  ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kAlways), &writer).ok());
  const auto put = [&writer](int number) {
    const Row row = {1, number};
    EXPECT_EQ(writer.table->Insert(RowArgument(*writer.table, row).view(), Wait::kBlock), Outcome::kOk);
  };
  std::atomic<int> last{0};
  put(0);
  std::atomic<bool> stop{false};
  std::thread reading([&] {
    DurableOptions options = OptionsFor(Durability::kAlways);
    options.read_only = true;
    for (int i = 0; i < 40; ++i) {
      const int least = last.load();
      Opened reader;
      const FileStatus status = OpenTable(&env, options, &reader);
      EXPECT_TRUE(status.ok()) << Words(status);
      if (!status.ok()) break;
      const std::vector<Row> rows = testing::RowsOf(*testing::SnapshotOf(reader.table.get()));
      EXPECT_EQ(rows.size(), 1U);
      if (!rows.empty()) {
        EXPECT_GE(rows[0][1].view().i, least);
      }
    }
    stop = true;
  });
  for (int number = 1; !stop; ++number) {
    put(number);
    last = number;
    if (number % 3 == 0) {
      EXPECT_TRUE(Finish(writer.durable->BeginSave().get()).ok());
    }
  }
  reading.join();
}

TEST(DurableFilesTest, LeaveKeepsAndRemoves) {
  SimulatedEnv env;
  Opened opened;
  ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kInterval), &opened).ok());
  Put(opened.table.get(), 1);
  const Dump dump = DumpOf(opened.table.get());
  ASSERT_TRUE(opened.durable->Leave().ok());
  env.Restart(3);
  ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kInterval), &opened).ok());
  EXPECT_EQ(DumpOf(opened.table.get()), dump);
  ASSERT_TRUE(opened.durable->Leave(/*remove=*/true).ok());
  EXPECT_EQ(env.Names(), (std::vector<std::string>{LockName(kPath)}));
}

TEST(DurableFilesTest, ADropLeavesTheWholeTableOrNone) {
  uint64_t calls = 0;
  for (uint64_t call = 0; call <= calls; ++call) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      SimulatedEnv env;
      const Dump dump = Make(&env, 4, 2);
      Opened opened;
      ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kAlways), &opened).ok());
      const uint64_t before = env.calls();
      env.CutPowerAt(call == 0 ? SimulatedEnv::kNever : before + call - 1);
      const bool dropped = opened.durable->Leave(/*remove=*/true).ok();
      if (call == 0) calls = env.calls() - before;
      opened = Opened();
      env.Restart(seed);
      ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kAlways), &opened).ok()) << call << ", seed " << seed;
      const Dump found = DumpOf(opened.table.get());
      ASSERT_TRUE(found.empty() || (found == dump && !dropped)) << call << ", seed " << seed;
      ASSERT_TRUE(opened.durable->Leave(/*remove=*/true).ok());
      EXPECT_EQ(env.Names(), (std::vector<std::string>{LockName(kPath)}));
    }
  }
  EXPECT_GT(calls, 4U);
}

// Somebody moves the file of a table away, and not its logs.
TEST(DurableFilesTest, LogsWithoutTheirTableAreNotRemoved) {
  SimulatedEnv env;
  const Dump dump = Make(&env, 4, 2);
  std::string snapshot;
  ASSERT_TRUE(env.ReadWhole(kPath, &snapshot));
  ASSERT_TRUE(env.Remove(kPath).ok());
  const std::string log = OnlyLog(&env);
  Opened opened;
  const FileStatus status = OpenTable(&env, OptionsFor(Durability::kInterval), &opened);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().kind, FileError::Kind::kCorrupt);
  EXPECT_EQ(status.error().path, log);
  opened = Opened();
  env.WriteWhole(kPath, snapshot);
  ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kInterval), &opened).ok());
  EXPECT_EQ(DumpOf(opened.table.get()), dump);
  ASSERT_TRUE(opened.durable->Leave().ok());
  opened = Opened();
  ASSERT_TRUE(env.Remove(kPath).ok());
  DurableOptions repair = OptionsFor(Durability::kInterval);
  repair.repair = true;
  ASSERT_TRUE(OpenTable(&env, repair, &opened).ok());
  EXPECT_TRUE(DumpOf(opened.table.get()).empty());
  ASSERT_EQ(opened.durable->report().notes.size(), 1U);
  EXPECT_TRUE(opened.durable->report().notes[0].damage);
}

// Every byte of a log flipped: the rows before it are there, or it is named as damage; what was promised is never
// silently less, but for the record that says how far all was synced.
TEST(DurableFilesTest, EveryByteOfALogFlipped) {
  SimulatedEnv made;
  const Dump dump = Make(&made, 6);
  const std::string name = OnlyLog(&made);
  std::string content;
  ASSERT_TRUE(made.ReadWhole(name, &content));
  const size_t end = content.find_last_not_of('\0') + 1;
  int refused = 0;
  for (size_t at = 0; at < end + 16; ++at) {
    for (const bool repair : {false, true}) {
      std::string damaged = content;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
      SimulatedEnv env;
      std::string snapshot;
      made.ReadWhole(kPath, &snapshot);
      env.WriteWhole(kPath, snapshot);
      env.WriteWhole(name, damaged);
      DurableOptions options = OptionsFor(Durability::kAlways);
      options.repair = repair;
      Opened opened;
      const FileStatus status = OpenTable(&env, options, &opened);
      if (status.ok()) {
        const Dump found = DumpOf(opened.table.get());
        const RecoveryReport& report = opened.durable->report();
        const bool damage =
            std::any_of(report.notes.begin(), report.notes.end(), [](const RecoveryNote& note) { return note.damage; });
        ASSERT_EQ(report.notes.empty(), false) << at;
        if (damage) {
          ASSERT_TRUE(repair) << at;
          ASSERT_TRUE(at < kLogHeaderSize || found.size() + 1 >= dump.size()) << at << ": " << found.size();
        } else {
          ASSERT_EQ(found, dump) << at;
        }
        // What was repaired is sound from then on.
        opened = Opened();
        ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kAlways), &opened).ok()) << at;
        ASSERT_EQ(DumpOf(opened.table.get()), found) << at;
        ASSERT_TRUE(opened.durable->report().notes.empty()) << at;
      } else {
        ++refused;
        ASSERT_FALSE(repair) << at << ": " << Words(status);
        ASSERT_EQ(status.error().kind, FileError::Kind::kCorrupt) << at;
        ASSERT_EQ(status.error().path, name);
        ASSERT_LE(status.error().offset, at);
      }
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(DurableFilesTest, EveryPrefixOfALog) {
  SimulatedEnv made;
  const Dump dump = Make(&made, 6);
  const std::string name = OnlyLog(&made);
  std::string snapshot;
  std::string content;
  ASSERT_TRUE(made.ReadWhole(kPath, &snapshot) && made.ReadWhole(name, &content));
  const size_t end = content.find_last_not_of('\0') + 1;
  size_t rows = 0;
  for (size_t size = 0; size <= end; ++size) {
    SimulatedEnv env;
    env.WriteWhole(kPath, snapshot);
    env.WriteWhole(name, content.substr(0, size));
    Opened opened;
    const FileStatus status = OpenTable(&env, OptionsFor(Durability::kAlways), &opened);
    ASSERT_TRUE(status.ok()) << size << ": " << Words(status);
    const Dump found = DumpOf(opened.table.get());
    ASSERT_GE(found.size(), rows) << size;
    ASSERT_TRUE(std::includes(dump.begin(), dump.end(), found.begin(), found.end())) << size;
    rows = found.size();
  }
  EXPECT_EQ(rows, dump.size());
}

// Every byte of a snapshot of many blocks flipped: all other blocks are saved, but nothing can be without its header.
TEST(DurableFilesTest, RepairSavesTheOtherBlocks) {
  SimulatedEnv made;
  constexpr int kRows = 10000;
  {
    Opened opened;
    ASSERT_TRUE(OpenTable(&made, OptionsFor(Durability::kSnapshot), &opened).ok());
    for (int i = 0; i < kRows; ++i) Put(opened.table.get(), i * i, absl::StrCat(i));
    ASSERT_TRUE(Finish(opened.durable->BeginClose().get()).ok());
  }
  std::string content;
  ASSERT_TRUE(made.ReadWhole(kPath, &content));
  int most = 0;
  for (size_t at = 0; at < content.size(); ++at) {
    if (at >= 300 && at + 60 < content.size() && at % 997 != 0) continue;
    std::string damaged = content;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
    SimulatedEnv env;
    env.WriteWhole(kPath, damaged);
    DurableOptions options = OptionsFor(Durability::kInterval);
    Opened opened;
    ASSERT_FALSE(OpenTable(&env, options, &opened).ok()) << at;
    opened = Opened();
    options.repair = true;
    if (!OpenTable(&env, options, &opened).ok()) {
      ASSERT_LT(at, 80U);
      continue;
    }
    uint64_t rows = 0;
    ASSERT_EQ(opened.table->Size(Wait::kBlock, &rows), Outcome::kOk);
    ASSERT_GE(rows, static_cast<uint64_t>(kRows) - 4096) << at;
    ASSERT_FALSE(opened.durable->report().notes.empty());
    most = std::max(most, static_cast<int>(rows));
    opened = Opened();
    options.repair = false;
    ASSERT_TRUE(OpenTable(&env, options, &opened).ok()) << at;
    uint64_t again = 0;
    ASSERT_EQ(opened.table->Size(Wait::kBlock, &again), Outcome::kOk);
    ASSERT_EQ(again, rows);
    ASSERT_TRUE(opened.durable->report().notes.empty());
  }
  EXPECT_EQ(most, kRows) << "a damaged end takes no rows";
}

TEST(DurableFilesTest, DamageIsToldToReadersToo) {
  SimulatedEnv env;
  Make(&env, 6);
  const std::string name = OnlyLog(&env);
  std::string content;
  ASSERT_TRUE(env.ReadWhole(name, &content));
  content[kLogHeaderSize + kLogRecordHeadSize] ^= 1;
  env.WriteWhole(name, content);
  DurableOptions options = OptionsFor(Durability::kAlways);
  options.read_only = true;
  Opened opened;
  const FileStatus status = OpenTable(&env, options, &opened);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().kind, FileError::Kind::kCorrupt);
  EXPECT_EQ(status.error().offset, kLogHeaderSize);
  EXPECT_LT(env.calls(), 100U);
}

// Logs that were left by processes one after the other.
struct Generations {
  SimulatedEnv env;
  std::vector<uint64_t> numbers;
  Dump dump;

  Generations() {
    for (int process = 0; process < 3; ++process) {
      Opened opened;
      EXPECT_TRUE(OpenTable(&env, OptionsFor(Durability::kAlways), &opened).ok());
      for (int i = 0; i < 3; ++i) Put(opened.table.get(), process * 3 + i);
      dump = DumpOf(opened.table.get());
      env.CutPowerAt(env.calls());
      opened = Opened();
      env.Restart(1);
    }
    EXPECT_TRUE(ListLogs(&env, kPath, &numbers).ok());
    EXPECT_EQ(numbers.size(), 3U);
  }
};

TEST(DurableFilesTest, LogsFollowOneAnother) {
  Generations generations;
  Opened opened;
  ASSERT_TRUE(OpenTable(&generations.env, OptionsFor(Durability::kAlways), &opened).ok());
  EXPECT_EQ(DumpOf(opened.table.get()), generations.dump);
  EXPECT_EQ(opened.durable->report().logs, 3U);
  EXPECT_EQ(opened.durable->report().records, 9U);
}

TEST(DurableFilesTest, ALogThatIsMissingIsNoticed) {
  for (const size_t gone : {0, 1}) {
    for (const bool repair : {false, true}) {
      Generations generations;
      ASSERT_TRUE(generations.env.Remove(LogName(kPath, generations.numbers[gone])).ok());
      DurableOptions options = OptionsFor(Durability::kAlways);
      options.repair = repair;
      Opened opened;
      const FileStatus status = OpenTable(&generations.env, options, &opened);
      ASSERT_EQ(status.ok(), repair) << Words(status);
      if (!repair) {
        EXPECT_EQ(status.error().kind, FileError::Kind::kCorrupt);
        EXPECT_EQ(status.error().path, LogName(kPath, generations.numbers[gone + 1]));
        continue;
      }
      EXPECT_EQ(DumpOf(opened.table.get()).size(), 6U);
      ASSERT_EQ(opened.durable->report().notes.size(), 1U);
      EXPECT_TRUE(opened.durable->report().notes[0].damage);
    }
  }
}

// The end of a log is torn, but another one comes behind it: so it had been whole.
TEST(DurableFilesTest, ALogThatWasCutIsNoticed) {
  Generations generations;
  const std::string name = LogName(kPath, generations.numbers[1]);
  std::string content;
  ASSERT_TRUE(generations.env.ReadWhole(name, &content));
  for (size_t size = 0; size < content.find_last_not_of('\0'); size += 5) {
    generations.env.WriteWhole(name, content.substr(0, size));
    Opened opened;
    const FileStatus status = OpenTable(&generations.env, OptionsFor(Durability::kAlways), &opened);
    ASSERT_FALSE(status.ok()) << size;
    ASSERT_EQ(status.error().kind, FileError::Kind::kCorrupt) << size;
  }
}

// Somebody puts a backup in the place of a table whose logs still lie there.
TEST(DurableFilesTest, LogsOfAnotherTableAreLeftAside) {
  SimulatedEnv backup;
  const Dump dump = Make(&backup, 4, 3);
  std::string snapshot;
  ASSERT_TRUE(backup.ReadWhole(kPath, &snapshot));
  Generations generations;
  generations.env.WriteWhole(kPath, snapshot);
  Opened opened;
  ASSERT_TRUE(OpenTable(&generations.env, OptionsFor(Durability::kAlways), &opened).ok());
  EXPECT_EQ(DumpOf(opened.table.get()).size(), 3U) << "what is in the backup, and no log";
  Put(opened.table.get(), 100);
  opened = Opened();
  ASSERT_TRUE(OpenTable(&generations.env, OptionsFor(Durability::kAlways), &opened).ok());
  EXPECT_EQ(DumpOf(opened.table.get()).size(), 4U);
  ASSERT_TRUE(Finish(opened.durable->BeginClose().get()).ok());
  EXPECT_EQ(generations.env.Names().size(), 2U) << "a close tidies up";
}

TEST(DurableFilesTest, ASaveShortensTheLog) {
  SimulatedEnv env;
  DurableOptions options = OptionsFor(Durability::kInterval);
  options.log_bytes = 10000;
  Opened opened;
  ASSERT_TRUE(OpenTable(&env, options, &opened).ok());
  const uint64_t saves = opened.durable->info().saves;
  for (int i = 0; i < 400; ++i) {
    Put(opened.table.get(), i % 10, std::string(200, 'x'));
    opened.durable->Tick(i);
  }
  EXPECT_GT(opened.durable->info().saves, saves + 1);
  EXPECT_LT(opened.durable->info().log_bytes, 20000U);
  std::vector<uint64_t> logs;
  ASSERT_TRUE(ListLogs(&env, kPath, &logs).ok());
  EXPECT_EQ(logs.size(), 1U);
}

// What is done while the log is synced is not on the disk by that: the next time.
TEST(DurableFilesTest, WhatComesDuringASyncIsSyncedToo) {
  SimulatedEnv env;
  Opened opened;
  ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kInterval), &opened).ok());
  Put(opened.table.get(), 1);
  env.DuringNextSync([&opened] { Put(opened.table.get(), 2); });
  for (int tick = 0; tick < 3; ++tick) opened.durable->Tick(2 * tick);
  EXPECT_EQ(opened.durable->info().buffered_bytes, 0U);
  EXPECT_EQ(opened.durable->info().durable_lsn, opened.durable->info().last_lsn);
  const Dump dump = DumpOf(opened.table.get());
  env.CutPowerAt(env.calls());
  opened = Opened();
  env.Restart(1);
  ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kInterval), &opened).ok());
  EXPECT_EQ(DumpOf(opened.table.get()), dump);
}

// A save that fails is tried again after pauses that grow.
TEST(DurableFilesTest, AFailedSaveIsTriedAgainLater) {
  SimulatedEnv env;
  Opened opened;
  ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kAlways), &opened).ok());
  env.FailAt(env.calls(), SimulatedEnv::Fault::kIoError, 1000000);
  const Row row = {1, "row"};
  EXPECT_EQ(opened.table->Insert(RowArgument(*opened.table, row).view(), Wait::kBlock), Outcome::kOutcomeUnknown);
  for (int tick = 0; tick < 10000; ++tick) opened.durable->Tick(0.001 * tick);
  EXPECT_GT(opened.durable->info().failures, 4U);
  EXPECT_LT(opened.durable->info().failures, 10U) << "of ten seconds";
}

// Writers on many threads, with syncs and saves in the background, and the power cut somewhere: what each was told of
// its last change is there.
TEST(DurableFilesTest, PowerCutUnderManyWriters) {
  constexpr int kWriters = 4;
  testing::Random random(testing::TestSeed());
  for (int round = 0; round < testing::Steps(80); ++round) {
    SimulatedEnv env;
    DurableOptions options = OptionsFor(Durability::kAlways);
    options.background = true;
    options.sync_every_s = 0.001;
    options.log_bytes = 2000;
    Opened opened;
    ASSERT_TRUE(OpenTable(&env, options, &opened).ok());
    env.CutPowerAt(env.calls() + 1 + random.Below(400));
    int64_t told[kWriters];
    std::vector<std::thread> writers;
    for (int w = 0; w < kWriters; ++w) {
      told[w] = -1;
      writers.emplace_back([&opened, &told, w] {
        for (int i = 0;; ++i) {
          const Row row = {w, i, std::string(static_cast<size_t>(i % 70), 'x')};
          if (opened.table->Insert(RowArgument(*opened.table, row).view(), Wait::kBlock) != Outcome::kOk) return;
          told[w] = i;
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    opened = Opened();
    env.Restart(random.Bits());
    const FileStatus status = OpenTable(&env, OptionsFor(Durability::kAlways), &opened);
    ASSERT_TRUE(status.ok()) << Words(status);
    int64_t found[kWriters] = {-1, -1, -1, -1};
    for (const Row& row : testing::RowsOf(*testing::SnapshotOf(opened.table.get()))) {
      found[row[0].view().i] = row[1].view().i;
    }
    for (int w = 0; w < kWriters; ++w) {
      ASSERT_GE(found[w], told[w]) << "round " << round << ", writer " << w;
      ASSERT_LE(found[w], told[w] + 1) << "round " << round << ", writer " << w;
    }
  }
}

// Who ends a table does not meet what the background or others do with it.
TEST(DurableFilesTest, EndsFromManyThreads) {
  for (int round = 0; round < 20; ++round) {
    SimulatedEnv env;
    DurableOptions options = OptionsFor(Durability::kInterval);
    options.background = true;
    options.sync_every_s = 0.001;
    options.log_bytes = 1000;
    Opened opened;
    ASSERT_TRUE(OpenTable(&env, options, &opened).ok());
    std::atomic<bool> ended{false};
    std::atomic<int> last{-1};
    std::thread writing([&] {
      for (int i = 0; !ended; ++i) {
        const Row row = {1, i};
        if (opened.table->Insert(RowArgument(*opened.table, row).view(), Wait::kBlock) == Outcome::kOk) last = i;
      }
    });
    while (last < 20) std::this_thread::yield();
    std::vector<std::thread> enders;
    for (int e = 0; e < 3; ++e) {
      enders.emplace_back([&, e] {
        if (e == 0) {
          static_cast<void>(Finish(opened.durable->BeginClose().get()).ok());
        } else if (e == 1) {
          static_cast<void>(Finish(opened.durable->BeginSave().get()).ok());
        } else {
          static_cast<void>(opened.durable->Leave().ok());
        }
      });
    }
    for (std::thread& ender : enders) ender.join();
    ended = true;
    writing.join();
    EXPECT_EQ(opened.durable->info().state, DurableState::kClosed);
    const Dump dump = DumpOf(opened.table.get());
    Opened again;
    ASSERT_TRUE(OpenTable(&env, OptionsFor(Durability::kInterval), &again).ok());
    EXPECT_EQ(DumpOf(again.table.get()), dump);
  }
}

// The thread in the background syncs, notes, saves and rescues by itself.
TEST(DurableFilesTest, TheBackgroundKeepsTheTable) {
  for (const auto durability : {Durability::kInterval, Durability::kAlways}) {
    SimulatedEnv env;
    DurableOptions options = OptionsFor(durability);
    options.background = true;
    options.sync_every_s = 0.002;
    options.log_bytes = 20000;
    Opened opened;
    ASSERT_TRUE(OpenTable(&env, options, &opened).ok());
    const auto until = [&](auto&& holds) {
      while (!holds(opened.durable->info())) std::this_thread::yield();
    };
    std::vector<std::thread> writers;
    for (int w = 0; w < 3; ++w) {
      writers.emplace_back([&, w] {
        for (int i = 0; i < 300; ++i) Put(opened.table.get(), i % 50 + 100 * w, std::string(100, 'x'));
      });
    }
    for (std::thread& writer : writers) writer.join();
    until([](const DurableInfo& info) { return info.durable_lsn == info.last_lsn && info.saves > 1 && !info.saving; });
    // A disk that fails for a while: it is noticed, and mended.
    env.FailAt(env.calls(), SimulatedEnv::Fault::kDiskFull, 2);
    const Row row = {7, "seven"};
    static_cast<void>(opened.table->Insert(RowArgument(*opened.table, row).view(), Wait::kBlock));
    until([](const DurableInfo& info) { return info.failures > 0; });
    until([](const DurableInfo& info) { return info.state == DurableState::kOpen && !info.saving; });
    Put(opened.table.get(), 8);
    until([](const DurableInfo& info) { return info.durable_lsn == info.last_lsn; });
    const Dump dump = DumpOf(opened.table.get());
    env.CutPowerAt(env.calls());
    opened = Opened();
    env.Restart(2);
    ASSERT_TRUE(OpenTable(&env, OptionsFor(durability), &opened).ok());
    EXPECT_EQ(DumpOf(opened.table.get()), dump);
  }
}

}  // namespace
}  // namespace partita
