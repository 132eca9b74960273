// A queue buffer on one thread: what comes out, what the books say, and what a full one does.

#include "buffer/queue_buffer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <numeric>
#include <vector>

#include "column/block.h"
#include "table/snapshot.h"
#include "testing/buffers.h"
#include "testing/dump.h"
#include "testing/random.h"

namespace partita::testing {
namespace {

std::vector<Term> Numbers(int first, int end) {
  std::vector<Term> numbers;
  for (int i = first; i < end; ++i) numbers.emplace_back(i);
  return numbers;
}

TEST(QueueBufferTest, GivesItemsOutInTheirOrder) {
  QueueBuffer queue(1, 1);
  for (const Term& item : Numbers(0, 25)) EXPECT_EQ(Push(&queue, item).verdict, PushVerdict::kTaken);
  EXPECT_EQ(Take(&queue, 0, 10), nullptr);  // nothing is frozen yet
  EXPECT_TRUE(Freeze(&queue, 0));
  for (const Term& item : Numbers(25, 30)) Push(&queue, item);
  uint64_t expected = 0;
  for (const size_t size : {10U, 10U, 5U}) {
    const std::unique_ptr<Batch> batch = Take(&queue, 0, 10);
    EXPECT_EQ(batch->first(), expected);
    EXPECT_EQ(ItemsOf(*batch), Numbers(static_cast<int>(expected), static_cast<int>(expected + size)));
    const BufferStats stats = StatsOf(&queue);
    EXPECT_EQ(stats.counts.in_flight, size);
    EXPECT_EQ(stats.open, 5U);
    Resolve(&queue, batch.get(), size);
    expected += size;
  }
  EXPECT_EQ(Take(&queue, 0, 10), nullptr);
  EXPECT_EQ(DrainQueue(&queue, 0), Numbers(25, 30));
  const BufferStats stats = StatsOf(&queue);
  EXPECT_EQ(stats.counts.processed, 30U);
  EXPECT_EQ(stats.bytes, 0U);
  EXPECT_EQ(stats.oldest_ns, 0);
}

TEST(QueueBufferTest, BatchesDoNotGoAcrossSwaps) {
  QueueBuffer queue(1, 1);
  for (int swap = 0; swap < 3; ++swap) {
    for (const Term& item : Numbers(4 * swap, 4 * swap + 4)) Push(&queue, item);
    Freeze(&queue, 0);
  }
  for (int swap = 0; swap < 3; ++swap) {
    const std::unique_ptr<Batch> batch = Take(&queue, 0, 100);
    EXPECT_EQ(ItemsOf(*batch), Numbers(4 * swap, 4 * swap + 4));
    Resolve(&queue, batch.get(), 4);
  }
}

TEST(QueueBufferTest, SpreadsItemsByHash) {
  QueueBuffer queue(4, 7);
  for (const Term& item : Numbers(0, 1000)) Push(&queue, item);
  std::vector<bool> met(1000);
  for (uint32_t p = 0; p < 4; ++p) {
    const std::vector<Term> items = DrainQueue(&queue, p);
    EXPECT_GT(items.size(), 100U);
    int64_t last = -1;
    for (const Term& item : items) {
      EXPECT_EQ(queue.PartitionOf(item.view()), p);
      EXPECT_GT(item.view().i, last);
      last = item.view().i;
      met[static_cast<size_t>(last)] = true;
    }
  }
  EXPECT_EQ(std::accumulate(met.begin(), met.end(), 0), 1000);
}

TEST(QueueBufferTest, BooksTellDeadFailedAndInDoubt) {
  QueueBuffer queue(1, 1);
  for (const Term& item : Numbers(0, 10)) Push(&queue, item);
  Freeze(&queue, 0);
  const std::unique_ptr<Batch> batch = Take(&queue, 0, 8);
  EXPECT_EQ(queue.SetInDoubt(batch.get(), true, Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(StatsOf(&queue).counts.in_doubt, 8U);
  Resolve(&queue, batch.get(), 3);
  EXPECT_EQ(StatsOf(&queue).counts.in_doubt, 5U);
  EXPECT_EQ(queue.SetInDoubt(batch.get(), false, Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(StatsOf(&queue).counts.in_flight, 5U);
  Resolve(&queue, batch.get(), 0, 2, {2, 3, 4});
  const BufferCounts counts = StatsOf(&queue).counts;
  EXPECT_EQ(counts.processed, 3U);
  EXPECT_EQ(counts.dead, 2U);
  EXPECT_EQ(counts.failed, 3U);
  EXPECT_EQ(counts.buffered, 2U);
  EXPECT_EQ(counts.in_flight + counts.in_doubt, 0U);
}

TEST(QueueBufferTest, MoreThanABatchHasDoesNotCount) {
  QueueBuffer queue(1, 1);
  for (const Term& item : Numbers(0, 6)) Push(&queue, item);
  Freeze(&queue, 0);
  const std::unique_ptr<Batch> batch = Take(&queue, 0, 0);  // one item
  EXPECT_EQ(batch->size(), 1U);
  Resolve(&queue, batch.get(), 2, 1, {0});
  Resolve(&queue, batch.get(), 0, 0, {0});
  const std::unique_ptr<Batch> second = Take(&queue, 0, 3);
  Resolve(&queue, second.get(), 1, 1, {1, 2});
  const BufferStats stats = StatsOf(&queue);
  EXPECT_EQ(stats.counts.processed, 2U);
  EXPECT_EQ(stats.counts.dead, 1U);
  EXPECT_EQ(stats.counts.failed, 1U);
  EXPECT_EQ(stats.counts.in_flight, 0U);
  EXPECT_EQ(stats.counts.buffered, 2U);
}

TEST(QueueBufferTest, TellsOnceThatASegmentIsLargeEnough) {
  QueueBuffer queue(1, 1);
  SetLimits(&queue, {.flush_at = 3});
  for (int round = 0; round < 2; ++round) {
    std::vector<bool> told;
    for (const Term& item : Numbers(0, 5)) told.push_back(Push(&queue, item).reached_flush_at);
    EXPECT_EQ(told, (std::vector<bool>{false, false, true, false, false}));
    Freeze(&queue, 0);
  }
}

TEST(QueueBufferTest, FullBlocksOrRefuses) {
  QueueBuffer queue(2, 1);
  SetLimits(&queue, {.max_items = 3});
  for (const Term& item : Numbers(0, 3)) EXPECT_EQ(Push(&queue, item).verdict, PushVerdict::kTaken);
  EXPECT_EQ(Push(&queue, 3).verdict, PushVerdict::kFull);
  EXPECT_EQ(StatsOf(&queue).counts.refused, 0U);
  EXPECT_EQ(Push(&queue, 3, /*own=*/true).verdict, PushVerdict::kTaken);
  EXPECT_EQ(StatsOf(&queue).counts.overruns, 1U);
  SetLimits(&queue, {.max_items = 4, .overflow = Overflow::kRaise});
  EXPECT_EQ(Push(&queue, 4, /*own=*/true).verdict, PushVerdict::kFull);
  EXPECT_EQ(StatsOf(&queue).counts.refused, 1U);
  DrainQueue(&queue, 0);
  DrainQueue(&queue, 1);
  EXPECT_EQ(Push(&queue, 4).verdict, PushVerdict::kTaken);
}

TEST(QueueBufferTest, ItemsInFlightTakeRoom) {
  QueueBuffer queue(1, 1);
  SetLimits(&queue, {.max_items = 4});
  for (const Term& item : Numbers(0, 4)) Push(&queue, item);
  Freeze(&queue, 0);
  const std::unique_ptr<Batch> batch = Take(&queue, 0, 4);
  EXPECT_EQ(Push(&queue, 4).verdict, PushVerdict::kFull);
  Resolve(&queue, batch.get(), 1, 1);
  EXPECT_EQ(Push(&queue, 4).verdict, PushVerdict::kTaken);
  EXPECT_EQ(Push(&queue, 5).verdict, PushVerdict::kTaken);
  EXPECT_EQ(Push(&queue, 6).verdict, PushVerdict::kFull);
}

TEST(QueueBufferTest, BytesAreLimitedToo) {
  QueueBuffer queue(1, 1);
  const Term item(std::string(95, 'x'));  // 100 bytes
  SetLimits(&queue, {.max_bytes = 250});
  EXPECT_EQ(Push(&queue, item).verdict, PushVerdict::kTaken);
  EXPECT_EQ(Push(&queue, item).verdict, PushVerdict::kTaken);
  EXPECT_EQ(StatsOf(&queue).bytes, 200U);
  EXPECT_EQ(Push(&queue, item).verdict, PushVerdict::kFull);
  EXPECT_EQ(Push(&queue, Term(std::string(300, 'x'))).verdict, PushVerdict::kTooLarge);
  EXPECT_EQ(Push(&queue, 1).verdict, PushVerdict::kTaken);
}

TEST(QueueBufferTest, DropsTheOldestOrTheNewest) {
  QueueBuffer queue(1, 1);
  SetLimits(&queue, {.max_items = 3, .overflow = Overflow::kDropOldest});
  for (const Term& item : Numbers(0, 2)) Push(&queue, item);
  Freeze(&queue, 0);
  for (const Term& item : Numbers(2, 6)) EXPECT_EQ(Push(&queue, item).verdict, PushVerdict::kTaken);
  EXPECT_EQ(StatsOf(&queue).counts.dropped, 3U);
  SetLimits(&queue, {.max_items = 3, .overflow = Overflow::kDropNewest});
  EXPECT_EQ(Push(&queue, 6).verdict, PushVerdict::kDropped);
  EXPECT_EQ(StatsOf(&queue).counts.dropped, 4U);
  const std::shared_ptr<FlushWatch> watch = std::make_shared<FlushWatch>(1);
  Freeze(&queue, 0, watch);
  const std::unique_ptr<Batch> batch = Take(&queue, 0, 100);
  EXPECT_EQ(batch->first(), 3U);  // dropped items have numbers too
  EXPECT_EQ(ItemsOf(*batch), Numbers(3, 6));
  Resolve(&queue, batch.get(), 3);
  EXPECT_TRUE(watch->done());
}

TEST(QueueBufferTest, DropsFromOtherPartitionsIfNeedBe) {
  QueueBuffer queue(3, 1);
  SetLimits(&queue, {.max_items = 2, .overflow = Overflow::kDropOldest});
  PushTo(&queue, 0, 0);
  PushTo(&queue, 1, 1);
  EXPECT_EQ(PushTo(&queue, 2, 2).verdict, PushVerdict::kTaken);
  EXPECT_EQ(StatsOf(&queue).partition_items, (std::vector<uint64_t>{0, 1, 1}));
  for (const uint32_t p : {1U, 2U}) Freeze(&queue, p);
  const std::unique_ptr<Batch> first = Take(&queue, 1, 1);
  const std::unique_ptr<Batch> second = Take(&queue, 2, 1);
  EXPECT_EQ(PushTo(&queue, 0, 3).verdict, PushVerdict::kDropped);  // nothing but what is in flight
  EXPECT_EQ(StatsOf(&queue).counts.dropped, 2U);
  Resolve(&queue, first.get(), 1);
  Resolve(&queue, second.get(), 1);
}

TEST(QueueBufferTest, DropsNothingInVain) {
  QueueBuffer queue(2, 1);
  SetLimits(&queue, {.max_bytes = 1000, .overflow = Overflow::kDropOldest});
  const Term large(std::string(595, 'x'));  // 600 bytes
  PushTo(&queue, 0, large);
  Freeze(&queue, 0);
  const std::unique_ptr<Batch> batch = Take(&queue, 0, 1);
  for (const Term& item : Numbers(0, 10)) PushTo(&queue, static_cast<uint32_t>(item.view().i % 2), item);
  EXPECT_EQ(PushTo(&queue, 0, large).verdict, PushVerdict::kDropped);  // what is in flight takes its room
  EXPECT_EQ(StatsOf(&queue).counts.dropped, 1U);
  const Term fits(std::string(390, 'x'));  // if the others go
  EXPECT_EQ(PushTo(&queue, 0, fits).verdict, PushVerdict::kTaken);
  Resolve(&queue, batch.get(), 1);
  const uint64_t dropped = StatsOf(&queue).counts.dropped;
  EXPECT_GT(dropped, 1U);
  EXPECT_EQ(PushTo(&queue, 0, large).verdict, PushVerdict::kTaken);
  EXPECT_EQ(StatsOf(&queue).counts.dropped, dropped);
}

TEST(QueueBufferTest, PushManyGoesOnWhereItEnded) {
  QueueBuffer queue(2, 1);
  SetLimits(&queue, {.max_items = 4});
  std::vector<QueueItem> items;
  for (int i = 0; i < 6; ++i) items.push_back({Value::Int(i), WireSize(Value::Int(i)), i < 3 ? 0U : 1U});
  uint64_t done = 0;
  PushResult result;
  EXPECT_EQ(queue.PushMany(items, false, Wait::kBlock, &done, &result), Outcome::kOk);
  EXPECT_EQ(done, 4U);
  EXPECT_EQ(result.verdict, PushVerdict::kFull);
  EXPECT_EQ(DrainQueue(&queue, 0), Numbers(0, 3));
  EXPECT_EQ(queue.PushMany(absl::MakeConstSpan(items).subspan(4), false, Wait::kBlock, &done, &result), Outcome::kOk);
  EXPECT_EQ(done, 2U);
  EXPECT_EQ(DrainQueue(&queue, 1), Numbers(3, 6));
}

TEST(QueueBufferTest, AStoppedOneTakesNothing) {
  QueueBuffer queue(1, 1);
  Push(&queue, 0);
  EXPECT_EQ(queue.SetState(BufferState::kDraining, Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(Push(&queue, 1).verdict, PushVerdict::kStopped);
  EXPECT_EQ(Push(&queue, 1, /*own=*/true).verdict, PushVerdict::kTaken);
  EXPECT_EQ(queue.SetState(BufferState::kStopped, Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(Push(&queue, 2, /*own=*/true).verdict, PushVerdict::kStopped);
  EXPECT_EQ(StatsOf(&queue).counts.pushed, 2U);
  EXPECT_EQ(DrainQueue(&queue, 0), Numbers(0, 2));  // what was there is still given out
}

TEST(QueueBufferTest, AWatchSeesWhatWasThereBefore) {
  QueueBuffer queue(2, 1);
  PushTo(&queue, 0, 0);
  PushTo(&queue, 0, 1);
  Freeze(&queue, 0);
  const std::unique_ptr<Batch> batch = Take(&queue, 0, 1);
  PushTo(&queue, 0, 2);
  const std::shared_ptr<FlushWatch> watch = std::make_shared<FlushWatch>(2);
  Freeze(&queue, 0, watch);
  Freeze(&queue, 1, watch);
  PushTo(&queue, 0, 3);  // after it
  EXPECT_FALSE(Resolve(&queue, batch.get(), 0, 1));
  EXPECT_FALSE(watch->done());
  EXPECT_EQ(Report(&queue, *watch).left, 2U);
  EXPECT_EQ(Report(&queue, *watch).dead, 1U);
  const std::unique_ptr<Batch> second = Take(&queue, 0, 10);
  EXPECT_FALSE(Resolve(&queue, second.get(), 1));
  const std::unique_ptr<Batch> third = Take(&queue, 0, 10);
  EXPECT_TRUE(Resolve(&queue, third.get(), 0, 0, {0}));
  DrainQueue(&queue, 0);
  const FlushReport report = Report(&queue, *watch);
  EXPECT_EQ(report.processed, 1U);
  EXPECT_EQ(report.dead, 1U);
  EXPECT_EQ(report.failed, 1U);
  EXPECT_EQ(report.left + report.dropped, 0U);
}

TEST(QueueBufferTest, ForgottenWatchesAreNotKept) {
  QueueBuffer queue(1, 1);
  Push(&queue, 0);
  const std::shared_ptr<FlushWatch> watch = std::make_shared<FlushWatch>(1);
  Freeze(&queue, 0, watch);
  EXPECT_EQ(watch.use_count(), 2);
  EXPECT_EQ(queue.Forget(watch, Wait::kBlock), Outcome::kOk);
  EXPECT_EQ(watch.use_count(), 1);
}

TEST(QueueBufferTest, FillsATable) {
  QueueBuffer queue(1, 1);
  for (int i = 0; i < 3000; ++i) Push(&queue, Term::Tuple({Term(i), Term("text")}));
  Freeze(&queue, 0);
  const std::unique_ptr<Batch> head = Take(&queue, 0, 1);
  Resolve(&queue, head.get(), 1);
  const std::unique_ptr<Batch> batch = TakeWhole(&queue, 0);
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{});
  EXPECT_EQ(QueueBuffer::FillTable(*batch, table.get()), Outcome::kOk);
  Resolve(&queue, batch.get(), batch->size());
  std::vector<Row> rows;
  for (int i = 1; i < 3000; ++i) rows.push_back({i, Term::Tuple({Term(i), Term("text")})});
  EXPECT_EQ(RowsOf(*SnapshotOf(table.get())).size(), rows.size());
  for (const Row& row : rows) {
    RowBuffer out;
    EXPECT_EQ(table->Lookup(KeyArgument(*table, row[0]), Wait::kBlock, &out), Outcome::kOk);
    ASSERT_EQ(RowsOf(out), std::vector<Row>{row});
  }
}

TEST(QueueBufferTest, WaitForRoomReturnsWhereThereIsRoomOrWillBeNone) {
  QueueBuffer queue(1, 1);
  SetLimits(&queue, {.max_items = 1});
  queue.WaitForRoom(1, std::chrono::hours(1));
  Push(&queue, 0);
  queue.WaitForRoom(1, std::chrono::nanoseconds(1));
  EXPECT_EQ(queue.SetState(BufferState::kStopped, Wait::kBlock), Outcome::kOk);
  queue.WaitForRoom(1, std::chrono::hours(1));
}

TEST(QueueBufferTest, AChildStartsEmpty) {
  QueueBuffer queue(2, 1);
  SetLimits(&queue, {.max_items = 10});
  for (const Term& item : Numbers(0, 10)) Push(&queue, item);
  Freeze(&queue, 0);
  const std::unique_ptr<Batch> batch = Take(&queue, 0, 1);
  queue.EmptyAfterFork();
  const BufferStats stats = StatsOf(&queue);
  EXPECT_EQ(stats.counts.pushed, 0U);
  EXPECT_EQ(stats.bytes, 0U);
  for (const Term& item : Numbers(0, 10)) EXPECT_EQ(Push(&queue, item).verdict, PushVerdict::kTaken);
  EXPECT_EQ(DrainQueue(&queue, 0).size() + DrainQueue(&queue, 1).size(), 10U);
}

TEST(QueueBufferTest, ABatchOfTheParentIsNoneOfTheChilds) {
  QueueBuffer queue(1, 1);
  SetLimits(&queue, {.max_items = 2});
  for (const Term& item : Numbers(0, 2)) Push(&queue, item);
  Freeze(&queue, 0);
  const std::unique_ptr<Batch> parents = Take(&queue, 0, 2);
  queue.EmptyAfterFork();
  EXPECT_EQ(queue.SetInDoubt(parents.get(), true, Wait::kBlock), Outcome::kOk);
  for (const Term& item : Numbers(2, 4)) EXPECT_EQ(Push(&queue, item).verdict, PushVerdict::kTaken);
  Freeze(&queue, 0);
  const std::unique_ptr<Batch> batch = Take(&queue, 0, 1);
  Resolve(&queue, parents.get(), 1);
  Resolve(&queue, parents.get(), 0, 0, {1});
  EXPECT_EQ(ItemsOf(*parents), Numbers(0, 2));
  const BufferStats stats = StatsOf(&queue);
  EXPECT_EQ(stats.counts.processed + stats.counts.failed + stats.counts.in_doubt, 0U);
  EXPECT_EQ(stats.counts.in_flight, 1U);
  EXPECT_EQ(Push(&queue, 4).verdict, PushVerdict::kFull);
  Resolve(&queue, batch.get(), 1);
  EXPECT_EQ(Push(&queue, 4).verdict, PushVerdict::kTaken);
}

TEST(QueueBufferTest, ChangesNothingWithoutMemory) {
  const int64_t before = g_live_bytes.load();
  {
    QueueBuffer queue(1, 1);
    const Term item(std::string(300, 'x'));
    uint64_t taken = 0;
    for (int i = 0; i < 500; ++i) {
      TEST_FailAllocation(1);
      PushResult result;
      const Outcome outcome = queue.Push({item.view(), WireSize(item.view()), 0}, false, Wait::kBlock, &result);
      TEST_FailAllocation(0);
      ASSERT_TRUE(outcome == Outcome::kOk || outcome == Outcome::kNoMemory);
      taken += outcome == Outcome::kOk ? 1 : 0;
      ASSERT_EQ(StatsOf(&queue).counts.pushed, taken);
      ASSERT_EQ(StatsOf(&queue).bytes, taken * 305);
    }
    EXPECT_LT(taken, 500U);
    EXPECT_EQ(DrainQueue(&queue, 0).size(), taken);
  }
  EXPECT_EQ(g_live_bytes.load(), before);
}

}  // namespace
}  // namespace partita::testing
