// A log on a disk that fails, loses power and is damaged: what was told to be on it is read again, in its order, and
// nothing else; damage is told from a log that was cut short.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "file/log_format.h"
#include "file/log_reader.h"
#include "file/log_writer.h"
#include "testing/random.h"
#include "testing/simulated_env.h"

namespace partita {
namespace {

using testing::Random;
using testing::SimulatedEnv;

constexpr const char* kPath = "folder/table.pt";

OpenLog NewLog(SimulatedEnv* env, uint64_t generation) {
  OpenLog log;
  log.header.id[0] = 5;
  log.header.generation = generation;
  log.header.salt = 1000 + generation;
  char bytes[kLogHeaderSize];
  EncodeLogHeader(log.header, &bytes);
  const std::string name = LogName(kPath, generation);
  if (!env->Create(name, kPath, &log.file).ok() || !log.file->Append(absl::string_view(bytes, sizeof(bytes))).ok() ||
      !log.file->Sync().ok() || !env->SyncDirectory(name).ok()) {
    log.file.reset();
  }
  return log;
}

// What step `number` records: of sizes that end at, before and behind the ends of sectors and of a buffer's segments.
std::string ContentOf(uint64_t number) {
  Random random(number);
  std::string content = absl::StrCat(number, ":");
  content.resize(content.size() + (random.OneIn(20) ? random.Below(3000) : random.Below(60)), 'x');
  return content;
}

// False: the log refused it.
bool AppendStep(LogWriter* writer, uint64_t number, Lsn* lsn) {
  const std::string content = ContentOf(number);
  // Reserved in two pieces, the second of them more than is needed.
  if (writer->Admit(Wait::kBlock) != Outcome::kOk || writer->Reserve(content.size() / 2) != Outcome::kOk) return false;
  if (writer->Reserve(content.size()) != Outcome::kOk) {
    writer->Release(content.size() / 2);
    return false;
  }
  *lsn = writer->Append(content, content.size() / 2 + content.size());
  return true;
}

// What the log tells.
struct Told {
  std::vector<std::string> steps;
  LogReader::Rest rest;
  Lsn next = 0;
  bool readable = false;
};

Told ReadLog(SimulatedEnv* env, uint64_t generation, Lsn first) {
  Told told;
  told.next = first;
  LogReader reader(env, LogName(kPath, generation));
  if (!reader.Open().ok()) return told;
  if (reader.wrong_header() != nullptr) {
    told.readable = reader.empty();
    return told;
  }
  told.readable = true;
  LogRecord record;
  for (bool got = true; got;) {
    EXPECT_TRUE(reader.Next(&record, &got).ok());
    if (!got) break;
    EXPECT_EQ(record.lsn, told.next++);
    if (record.type == LogRecordType::kStep) told.steps.emplace_back(record.content);
  }
  EXPECT_TRUE(reader.Probe(told.next, &told.rest).ok());
  return told;
}

void ExpectSteps(const std::vector<std::string>& steps, uint64_t first = 0) {
  for (size_t i = 0; i < steps.size(); ++i) ASSERT_EQ(steps[i], ContentOf(first + i));
}

// Writes steps one by one; how many were told to be on the disk.
uint64_t WriteSteps(SimulatedEnv* env, uint64_t steps) {
  LogWriter writer(Durability::kAlways, 1);
  OpenLog log = NewLog(env, 1);
  if (log.file == nullptr) return 0;
  writer.Start(nullptr, std::move(log), 1);
  for (uint64_t i = 0; i < steps; ++i) {
    Lsn lsn = 0;
    if (!AppendStep(&writer, i, &lsn) || writer.AwaitDurable(lsn) != Outcome::kOk) return i;
  }
  static_cast<void>(writer.NoteSynced().ok());
  return steps;
}

TEST(LogTest, WhatIsWrittenIsRead) {
  SimulatedEnv env;
  ASSERT_EQ(WriteSteps(&env, 300), 300U);
  const Told told = ReadLog(&env, 1, 1);
  ASSERT_EQ(told.steps.size(), 300U);
  ExpectSteps(told.steps);
  EXPECT_TRUE(told.rest.zeros);
}

TEST(LogTest, PowerCutAtEveryCall) {
  SimulatedEnv whole;
  WriteSteps(&whole, 12);
  int torn = 0;
  for (uint64_t call = 0; call < whole.calls(); ++call) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      SimulatedEnv env;
      env.WriteWhole(kPath, "");
      env.CutPowerAt(call);
      const uint64_t synced = WriteSteps(&env, 12);
      env.Restart(seed);
      const Told told = ReadLog(&env, 1, 1);
      const auto where = absl::StrCat("power cut at ", call, ", seed ", seed);
      ASSERT_TRUE(told.readable || synced == 0) << where;
      ASSERT_GE(told.steps.size(), synced) << where;
      ASSERT_LE(told.steps.size(), synced + 1) << where;
      ExpectSteps(told.steps);
      ASSERT_FALSE(told.rest.was_synced) << "a tear taken for damage: " << where;
      if (!told.rest.zeros) ++torn;
    }
  }
  EXPECT_GT(torn, 10);
}

TEST(LogTest, EveryCallFails) {
  SimulatedEnv whole;
  WriteSteps(&whole, 12);
  for (const auto fault : {SimulatedEnv::Fault::kIoError, SimulatedEnv::Fault::kDiskFull}) {
    for (uint64_t call = 0; call < whole.calls(); ++call) {
      SimulatedEnv env;
      env.WriteWhole(kPath, "");
      env.FailAt(call, fault);
      const uint64_t synced = WriteSteps(&env, 12);
      env.Restart(call);
      const Told told = ReadLog(&env, 1, 1);
      ASSERT_GE(told.steps.size(), synced) << "call " << call;
      ASSERT_LE(told.steps.size(), synced + 1) << "call " << call;
      ExpectSteps(told.steps);
      ASSERT_FALSE(told.rest.was_synced) << "call " << call;
    }
  }
}

// A file is not written again after an error, whatever is asked.
TEST(LogTest, AfterAFailureTheFileIsLeftAlone) {
  SimulatedEnv env;
  LogWriter writer(Durability::kAlways, 1);
  writer.Start(nullptr, NewLog(&env, 1), 1);
  Lsn lsn = 0;
  ASSERT_TRUE(AppendStep(&writer, 0, &lsn));
  ASSERT_EQ(writer.AwaitDurable(lsn), Outcome::kOk);
  ASSERT_TRUE(AppendStep(&writer, 1, &lsn));
  ASSERT_EQ(writer.Reserve(8), Outcome::kOk);  // by a step under way
  env.FailAt(env.calls() + 1, SimulatedEnv::Fault::kIoError);
  EXPECT_EQ(writer.AwaitDurable(lsn), Outcome::kOutcomeUnknown);
  const uint64_t calls = env.calls();
  EXPECT_TRUE(writer.degraded());
  EXPECT_EQ(writer.Admit(Wait::kBlock), Outcome::kDegraded);
  EXPECT_EQ(writer.Reserve(8), Outcome::kDegraded);
  EXPECT_EQ(writer.AwaitDurable(writer.Append("12345678", 8)), Outcome::kOutcomeUnknown);
  EXPECT_EQ(writer.AwaitDurable(1), Outcome::kOk) << "what was synced before stays so";
  EXPECT_FALSE(writer.Sync().ok());
  EXPECT_EQ(writer.Sync().error().kind, FileError::Kind::kSystem);
  static_cast<void>(writer.NoteSynced().ok());  // there is nothing of which it could tell
  EXPECT_FALSE(writer.Write().ok() || writer.NoteClosed().ok());
  EXPECT_EQ(env.calls(), calls);

  // It goes on in a new log once a snapshot holds what was done.
  OpenLog next = NewLog(&env, 2);
  const LogWriter::Switched switched = writer.Switch(&next);
  const Lsn first = switched.first;
  EXPECT_TRUE(switched.rescues);
  EXPECT_EQ(writer.Reserve(8), Outcome::kDegraded);
  writer.Rescued();
  EXPECT_EQ(writer.AwaitDurable(first - 1), Outcome::kOk);
  ASSERT_TRUE(AppendStep(&writer, 0, &lsn));
  EXPECT_EQ(lsn, first);
  EXPECT_EQ(writer.AwaitDurable(lsn), Outcome::kOk);
  EXPECT_EQ(ReadLog(&env, 2, first).steps.size(), 1U);
}

// No byte of a log is on its way before the one before it is synced whole.
TEST(LogTest, ALogWithRecordsProvesTheOneBeforeIt) {
  // Who goes on after the switch: the save, one who syncs, one who only writes.
  enum class First : uint8_t { kSave, kSync, kWrite };
  for (const First who : {First::kSave, First::kSync, First::kWrite}) {
    SimulatedEnv whole;
    uint64_t calls = 0;
    const auto run = [&](SimulatedEnv* env) {
      LogWriter writer(Durability::kInterval, 1);
      OpenLog log = NewLog(env, 1);
      if (log.file == nullptr) return;
      writer.Start(nullptr, std::move(log), 1);
      Lsn lsn = 0;
      for (uint64_t i = 0; i < 4; ++i) AppendStep(&writer, i, &lsn);
      if (!writer.Write().ok()) return;
      for (uint64_t i = 4; i < 8; ++i) AppendStep(&writer, i, &lsn);
      OpenLog next = NewLog(env, 2);
      if (next.file == nullptr) return;
      writer.Switch(&next);
      for (uint64_t i = 8; i < 12; ++i) AppendStep(&writer, i, &lsn);
      if (who == First::kSave && !writer.FinishPrevious().ok()) return;
      if (who == First::kWrite && !writer.Write().ok()) return;
      if (!writer.Sync().ok()) return;
      static_cast<void>(writer.FinishPrevious().ok());
    };
    run(&whole);
    calls = whole.calls();
    ASSERT_EQ(ReadLog(&whole, 1, 1).steps.size(), 8U);
    int both = 0;
    for (uint64_t call = 0; call <= calls; ++call) {
      for (uint64_t seed = 0; seed < 20; ++seed) {
        SimulatedEnv env;
        env.WriteWhole(kPath, "");
        env.CutPowerAt(call);
        run(&env);
        env.Restart(seed);
        const Told first = ReadLog(&env, 1, 1);
        const Told second = ReadLog(&env, 2, first.next);
        ExpectSteps(first.steps);
        if (second.steps.empty() && !second.rest.has_records) continue;
        ASSERT_EQ(first.steps.size(), 8U) << "power cut at " << call << ", seed " << seed;
        ExpectSteps(second.steps, 8);
        ++both;
      }
    }
    EXPECT_GT(both, 10);
  }
}

// Every byte flipped: what was synced before another sync is missed if it goes, and named; the rest is a tear.
TEST(LogTest, EveryByteFlipped) {
  SimulatedEnv env;
  ASSERT_EQ(WriteSteps(&env, 8), 8U);
  const std::string name = LogName(kPath, 1);
  std::string content;
  ASSERT_TRUE(env.ReadWhole(name, &content));
  LogReader reader(&env, name);
  ASSERT_TRUE(reader.Open().ok());
  std::vector<uint64_t> ends;  // of steps
  uint64_t last_note = 0;
  LogRecord record;
  for (bool got = true; got;) {
    const uint64_t begin = reader.offset();
    ASSERT_TRUE(reader.Next(&record, &got).ok());
    if (got && record.type == LogRecordType::kStep) ends.push_back(reader.offset());
    if (got && record.type == LogRecordType::kSynced) last_note = begin;
  }
  const uint64_t end = reader.offset();
  ASSERT_EQ(ends.size(), 8U);
  ASSERT_GE(last_note, ends.back());
  for (uint64_t at = 0; at < end + 64; ++at) {
    std::string damaged = content;
    damaged[at] = static_cast<char>(damaged[at] ^ (at % 2 == 0 ? 0x10 : 0xFF));
    env.WriteWhole(name, damaged);
    const Told told = ReadLog(&env, 1, 1);
    ASSERT_EQ(told.readable, at >= kLogHeaderSize) << at;
    if (!told.readable) continue;
    size_t before = 0;
    while (before < ends.size() && ends[before] <= at) ++before;
    ASSERT_EQ(told.steps.size(), before) << at;
    ExpectSteps(told.steps);
    ASSERT_EQ(told.rest.was_synced, at < last_note) << at;
    ASSERT_FALSE(told.rest.zeros) << at;
  }
}

TEST(LogTest, EveryPrefix) {
  SimulatedEnv env;
  ASSERT_EQ(WriteSteps(&env, 8), 8U);
  const std::string name = LogName(kPath, 1);
  std::string content;
  ASSERT_TRUE(env.ReadWhole(name, &content));
  content.resize(content.find_last_not_of('\0') + 1);
  size_t steps = 0;
  for (uint64_t size = 0; size < content.size(); ++size) {
    env.WriteWhole(name, content.substr(0, size));
    const Told told = ReadLog(&env, 1, 1);
    ASSERT_GE(told.steps.size(), steps) << size;
    steps = told.steps.size();
    ExpectSteps(told.steps);
    ASSERT_FALSE(told.rest.was_synced) << size;
    ASSERT_TRUE(told.readable) << size;
  }
  EXPECT_EQ(steps, 8U);
}

// Who waits for a record when its log ends is told what became of it.
TEST(LogTest, WhatASnapshotHoldsIsDurable) {
  for (const bool saved : {true, false}) {
    SimulatedEnv env;
    LogWriter writer(Durability::kAlways, 1);
    writer.Start(nullptr, NewLog(&env, 1), 1);
    Lsn lsn = 0;
    ASSERT_TRUE(AppendStep(&writer, 0, &lsn));
    writer.CloseFiles(saved);
    EXPECT_EQ(writer.AwaitDurable(lsn), saved ? Outcome::kOk : Outcome::kOutcomeUnknown);
  }
}

// Many wait for one sync, and each is told only when its own record is on the disk.
TEST(LogTest, WritersShareSyncs) {
  SimulatedEnv env;
  LogWriter writer(Durability::kAlways, 8);
  writer.Start(nullptr, NewLog(&env, 1), 1);
  constexpr uint64_t kThreads = 8;
  constexpr uint64_t kEach = 200;
  std::vector<std::thread> threads;
  std::atomic<bool> failed{false};
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (uint64_t i = 0; i < kEach; ++i) {
        Lsn lsn = 0;
        if (!AppendStep(&writer, i, &lsn) || writer.AwaitDurable(lsn) != Outcome::kOk ||
            writer.info().durable_lsn < lsn) {
          failed = true;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(failed);
  const LogWriterInfo info = writer.info();
  EXPECT_EQ(info.steps, kThreads * kEach);
  EXPECT_EQ(info.buffered_bytes, 0U);
  EXPECT_LE(info.syncs, kThreads * kEach);
  EXPECT_EQ(ReadLog(&env, 1, 1).steps.size(), kThreads * kEach);
}

TEST(LogTest, ListsLogsByTheirNumber) {
  SimulatedEnv env;
  for (const char* name : {"t.wal.10", "t.wal.9", "t.wal.", "t.wal.01", "t.wal.1x", "t.wal.0", "u.wal.3"}) {
    env.WriteWhole(name, "");
  }
  std::vector<uint64_t> generations;
  ASSERT_TRUE(ListLogs(&env, "t", &generations).ok());
  EXPECT_EQ(generations, (std::vector<uint64_t>{9, 10}));
}

}  // namespace
}  // namespace partita
