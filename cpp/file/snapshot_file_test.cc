// A table written into one file, on a disk whose power is cut or that fails at every call: the old file or the new one
// is there, whole, and what was told to be there is.

#include "file/snapshot_file.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "file/row_group.h"
#include "testing/dump.h"
#include "testing/simulated_env.h"
#include "testing/term.h"

namespace partita {
namespace {

using testing::Dump;
using testing::DumpOf;
using testing::Row;
using testing::RowArgument;
using testing::SimulatedEnv;

constexpr const char* kPath = "folder/table.pt";
constexpr uint64_t kSeeds = 8;

std::shared_ptr<Table> NewTable() {
  TableOptions options;
  options.partitions = 2;
  auto table = Table::Create(options);
  EXPECT_TRUE(table.ok());
  return *table;
}

std::shared_ptr<Table> TableOf(int rows, int version) {
  const std::shared_ptr<Table> table = NewTable();
  for (int i = 0; i < rows; ++i) {
    const Row row = {i, "row " + std::to_string(i), version};
    EXPECT_EQ(table->Insert(RowArgument(*table, row).view(), Wait::kBlock), Outcome::kOk);
  }
  return table;
}

FileStatus Save(SimulatedEnv* env, Table* table) {
  FileHeader header;
  header.salt = 17;
  SnapshotFileWriter writer(env, kPath, header, testing::SnapshotOf(table), 1);
  FileStatus status;
  for (bool done = false; status.ok() && !done;) status = writer.Step(&done);
  return status;
}

FileStatus Load(SimulatedEnv* env, Dump* dump) {
  SnapshotFileReader reader(env, kPath, 1);
  if (FileStatus status = reader.Open(); !status.ok()) return status;
  const std::shared_ptr<Table> table = NewTable();
  FileStatus status;
  for (bool done = false; status.ok() && !done;) status = reader.Step(table.get(), false, &done);
  if (status.ok()) *dump = DumpOf(table.get());
  return status;
}

class SnapshotFileTest : public ::testing::Test {
 protected:
  SnapshotFileTest() : old_(TableOf(60, 1)), new_(TableOf(70, 2)), was_(DumpOf(old_.get())), is_(DumpOf(new_.get())) {
    SimulatedEnv env;
    EXPECT_TRUE(Save(&env, old_.get()).ok());
    env.Restart(1);
    EXPECT_TRUE(Save(&env, new_.get()).ok());
    calls_ = env.calls();
    EXPECT_GT(calls_, 5U);
  }

  const std::shared_ptr<Table> old_;
  const std::shared_ptr<Table> new_;
  const Dump was_;
  const Dump is_;
  uint64_t calls_ = 0;
};

TEST_F(SnapshotFileTest, PowerCutAtEveryCall) {
  int kept_old = 0;
  int kept_new = 0;
  for (uint64_t call = 0; call <= calls_; ++call) {
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      SimulatedEnv env;
      ASSERT_TRUE(Save(&env, old_.get()).ok());
      env.Restart(seed);
      env.CutPowerAt(call);
      const bool saved = Save(&env, new_.get()).ok();
      env.Restart(seed);
      Dump found;
      ASSERT_TRUE(Load(&env, &found).ok()) << "power cut at " << call << ", seed " << seed;
      ASSERT_TRUE(found == is_ || (!saved && found == was_)) << "power cut at " << call << ", seed " << seed;
      (found == was_ ? kept_old : kept_new)++;
    }
  }
  EXPECT_GT(kept_old, 0);
  EXPECT_GT(kept_new, 0);
}

TEST_F(SnapshotFileTest, EveryCallFails) {
  for (const SimulatedEnv::Fault fault : {SimulatedEnv::Fault::kIoError, SimulatedEnv::Fault::kDiskFull}) {
    for (uint64_t call = 0; call < calls_; ++call) {
      for (uint64_t seed = 0; seed < kSeeds; ++seed) {
        SimulatedEnv env;
        ASSERT_TRUE(Save(&env, old_.get()).ok());
        env.Restart(seed);
        env.FailAt(call, fault);
        const bool saved = Save(&env, new_.get()).ok();
        ASSERT_EQ(saved, !env.has_failed()) << env.history().back();
        Dump found;
        ASSERT_TRUE(Load(&env, &found).ok());
        ASSERT_TRUE(found == is_ || (!saved && found == was_));
        env.Restart(seed);
        ASSERT_TRUE(Load(&env, &found).ok()) << "call " << call << " failed, seed " << seed;
        ASSERT_TRUE(found == is_ || (!saved && found == was_)) << "call " << call << " failed, seed " << seed;
        ASSERT_TRUE(Save(&env, new_.get()).ok()) << "a later save is in the way of what one has left";
      }
    }
  }
}

TEST_F(SnapshotFileTest, ASaveThatFailsLeavesNoOtherFile) {
  for (uint64_t call = 1; call < calls_; ++call) {
    SimulatedEnv env;
    ASSERT_TRUE(Save(&env, old_.get()).ok());
    env.Restart(1);
    env.FailAt(call, SimulatedEnv::Fault::kIoError);
    static_cast<void>(Save(&env, new_.get()).ok());
    EXPECT_EQ(env.Names().size(), 1U) << "call " << call;
  }
}

// The test's own canary: a disk that forgets what was not synced notices a sync left out.
// Large rows first: workers have done different numbers of rows when they have enough bytes.
TEST(SnapshotOfLargeRowsTest, StepsAreBoundedByBytesAndKeepTheOrder) {
  constexpr int kLarge = 60;
  constexpr int kRows = 9000;
  constexpr int kWorkers = 3;
  TableOptions options;
  options.type = TableType::kDuplicateBag;
  options.partitions = 1;
  const std::shared_ptr<Table> table = *Table::Create(options);
  const std::string large(size_t{1} << 20, 'x');
  for (int i = 0; i < kRows; ++i) {
    const Row row = {0, i, i < kLarge ? large : "short"};
    ASSERT_EQ(table->Insert(RowArgument(*table, row).view(), Wait::kBlock), Outcome::kOk);
  }
  SimulatedEnv env;
  FileHeader header;
  header.type = options.type;
  SnapshotFileWriter writer(&env, kPath, header, testing::SnapshotOf(table.get()), kWorkers);
  for (bool done = false; !done;) {
    const uint64_t before = writer.rows_written();
    ASSERT_TRUE(writer.Step(&done).ok());
    // A group has three of these rows, and after three groups a worker has enough.
    if (writer.rows_written() <= kLarge) {
      ASSERT_LE(writer.rows_written() - before, 9U);
    }
  }
  EXPECT_EQ(writer.rows_written(), static_cast<uint64_t>(kRows));

  SnapshotFileReader reader(&env, kPath, kWorkers);
  ASSERT_TRUE(reader.Open().ok());
  const std::shared_ptr<Table> loaded = *Table::Create(options);
  for (bool done = false; !done;) ASSERT_TRUE(reader.Step(loaded.get(), false, &done).ok());
  EXPECT_TRUE(DumpOf(loaded.get()) == DumpOf(table.get()));
}

// Elements are sixteen bytes in memory, and may be one in a file.
TEST(RowGroupTest, AGroupOfTooManyElementsIsRefusedBeforeThereIsRoomForThem) {
  const uint32_t head[] = {128, kMaxArity, kMaxColumns + 1};
  std::string bytes(reinterpret_cast<const char*>(head), sizeof(head));
  bytes.resize(bytes.size() + size_t{head[0]} * head[1]);
  DecodedGroup group;
  const char* wrong = group.Decode(bytes, 0, 1);
  ASSERT_NE(wrong, nullptr);
  EXPECT_STREQ(wrong, "its rows have too many elements for one group");
}

TEST(SimulatedEnvTest, WhatWasNotSyncedMayBeLost) {
  int lost_bytes = 0;
  int lost_names = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedEnv env;
    std::unique_ptr<WritableFile> file;
    ASSERT_TRUE(env.Create("a/b", "", &file).ok());
    ASSERT_TRUE(file->Append("synced").ok());
    ASSERT_TRUE(file->Sync().ok());
    if (seed % 2 == 0) {
      ASSERT_TRUE(env.SyncDirectory("a/b").ok());
    }
    ASSERT_TRUE(file->Append(", and not").ok());
    env.Restart(seed);
    std::string content;
    if (!env.ReadWhole("a/b", &content)) {
      ASSERT_EQ(seed % 2, 1U);
      ++lost_names;
      continue;
    }
    ASSERT_EQ(content.substr(0, 6), "synced");
    if (content != "synced, and not") ++lost_bytes;
  }
  EXPECT_GT(lost_bytes, 5);
  EXPECT_GT(lost_names, 5);
}

TEST(SimulatedEnvTest, ASyncAfterOneThatFailedMayLie) {
  int lies = 0;
  for (uint64_t number = 0; number < 20; ++number) {
    SimulatedEnv env;
    std::unique_ptr<WritableFile> file;
    ASSERT_TRUE(env.Create("a/b", "", &file).ok());
    ASSERT_TRUE(env.SyncDirectory("a/b").ok());
    for (uint64_t i = 0; i < number; ++i) ASSERT_TRUE(file->Append("").ok());  // so that another part is lost
    ASSERT_TRUE(file->Append(std::string(SimulatedEnv::kSector * 3, 'x')).ok());
    env.FailAt(env.calls(), SimulatedEnv::Fault::kIoError);
    ASSERT_FALSE(file->Sync().ok());
    ASSERT_TRUE(file->Sync().ok());
    env.Restart(1);
    std::string content;
    ASSERT_TRUE(env.ReadWhole("a/b", &content));
    if (content != std::string(SimulatedEnv::kSector * 3, 'x')) ++lies;
  }
  EXPECT_GT(lies, 5);
}

}  // namespace
}  // namespace partita
