// A map buffer on one thread, against a map of rows.

#include "buffer/map_buffer.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "column/block.h"
#include "table/snapshot.h"
#include "testing/buffers.h"
#include "testing/dump.h"
#include "testing/random.h"

namespace partita::testing {
namespace {

PushVerdict PutNewer(MapBuffer* map, const Term& key, const Term& value, const Term& version) {
  return Put(map, key, value, &version).verdict;
}

TEST(MapBufferTest, KeepsTheNewestOfEachKey) {
  MapBuffer map(1, 1);
  Put(&map, "a", 1);
  Put(&map, "a", 2);
  Put(&map, "b", 3);
  EXPECT_EQ(Get(&map, "a"), (Row{"a", 2, 0, 0}));
  EXPECT_EQ(Get(&map, "c"), Row());
  const BufferStats stats = StatsOf(&map);
  EXPECT_EQ(stats.counts.pushed, 3U);
  EXPECT_EQ(stats.counts.replaced, 1U);
  EXPECT_EQ(stats.open, 2U);
  EXPECT_EQ(stats.bytes, 2U * 4);
  EXPECT_TRUE(Freeze(&map, 0));
  EXPECT_EQ(Get(&map, "a"), Row());  // the write table alone is seen
  EXPECT_EQ(DrainMap(&map, 0).size(), 2U);
  EXPECT_EQ(StatsOf(&map).bytes, 0U);
}

TEST(MapBufferTest, NewerVersionsReplaceOlderOnes) {
  MapBuffer map(1, 1);
  EXPECT_EQ(PutNewer(&map, "a", 1, 5), PushVerdict::kTaken);
  EXPECT_EQ(Get(&map, "a"), (Row{"a", 1, 5, 0}));
  EXPECT_EQ(PutNewer(&map, "a", 2, 5), PushVerdict::kStale);
  EXPECT_EQ(PutNewer(&map, "a", 2, 4), PushVerdict::kStale);
  EXPECT_EQ(PutNewer(&map, "a", 3, 6), PushVerdict::kTaken);
  EXPECT_EQ(PutNewer(&map, "a", 4, Term::Int128(__int128{1} << 100)), PushVerdict::kTaken);
  EXPECT_EQ(Get(&map, "a"), (Row{"a", 4, Term::Int128(__int128{1} << 100), 2}));
  EXPECT_EQ(PutNewer(&map, "a", 5, 7), PushVerdict::kStale);
  EXPECT_EQ(Put(&map, "a", 6).verdict, PushVerdict::kTaken);  // a plain one starts again
  EXPECT_EQ(Get(&map, "a"), (Row{"a", 6, 0, 0}));
  EXPECT_EQ(PutNewer(&map, "a", 7, -1), PushVerdict::kStale);
  EXPECT_EQ(PutNewer(&map, "b", 7, -1), PushVerdict::kTaken);
  const BufferCounts counts = StatsOf(&map).counts;
  EXPECT_EQ(counts.stale, 4U);
  EXPECT_EQ(counts.replaced, 3U);
}

TEST(MapBufferTest, DeletesFromTheOpenSegment) {
  MapBuffer map(1, 1);
  Put(&map, "a", 1);
  EXPECT_TRUE(Delete(&map, "a"));
  EXPECT_FALSE(Delete(&map, "a"));
  EXPECT_FALSE(Freeze(&map, 0));
  Put(&map, "a", 2);
  Freeze(&map, 0);
  EXPECT_FALSE(Delete(&map, "a"));
  EXPECT_EQ(StatsOf(&map).counts.deleted, 1U);
  EXPECT_EQ(DrainMap(&map, 0), (std::vector<Row>{{"a", 2, 0, 0}}));
}

// Asked for after some batches of a segment, it is of the rows that are left.
TEST(MapBufferTest, GivesOutATableOfTheRest) {
  MapBuffer map(1, 1);
  for (int i = 0; i < 2000; ++i) Put(&map, i, "x");
  Freeze(&map, 0);
  std::unique_ptr<Batch> batch = Take(&map, 0, 700);
  std::vector<Row> rows = RowsOf(batch->rows());
  Resolve(&map, batch.get(), batch->size());
  batch = TakeWhole(&map, 0);
  EXPECT_EQ(batch->size(), 2000 - rows.size());
  const std::vector<Row> rest = RowsOf(*SnapshotOf(batch->table().get()));
  EXPECT_EQ(rest.size(), batch->size());
  rows.insert(rows.end(), rest.begin(), rest.end());
  Resolve(&map, batch.get(), batch->size());
  std::set<int64_t> keys;
  for (const Row& row : rows) keys.insert(row[0].view().i);
  EXPECT_EQ(keys.size(), 2000U);
  EXPECT_EQ(StatsOf(&map).bytes, 0U);
}

TEST(MapBufferTest, GivesOutATable) {
  MapBuffer map(1, 1);
  for (int i = 0; i < 100; ++i) Put(&map, i, "x");
  Freeze(&map, 0);
  std::shared_ptr<Table> table;
  {
    const std::unique_ptr<Batch> batch = TakeWhole(&map, 0);
    EXPECT_EQ(batch->size(), 100U);
    table = batch->table();
    Resolve(&map, batch.get(), 100);
  }
  EXPECT_EQ(StatsOf(&map).bytes, 0U);
  uint64_t rows = 0;
  EXPECT_EQ(table->Size(Wait::kBlock, &rows), Outcome::kOk);
  EXPECT_EQ(rows, 100U);
}

TEST(MapBufferTest, WhatWasFoundOutlivesItsSegment) {
  const int64_t before = g_live_bytes.load();
  {
    MapBuffer map(1, 1);
    const Term key("a");
    const std::string large(size_t{2} * RowBuffer::kMaxCopiedValue, 'v');  // is not copied
    Put(&map, key, Term(large));
    std::shared_ptr<Table> table;
    RowBuffer found;
    EXPECT_EQ(map.Get(KeyView{key.view(), map.HashKey(key.view())}, 0, Wait::kBlock, &table, &found), Outcome::kOk);
    EXPECT_EQ(DrainMap(&map, 0).size(), 1U);
    EXPECT_EQ(table.use_count(), 1);  // nobody else has it any more
    EXPECT_EQ(RowFromValues(found.row(0))[1], Term(large));
  }
  EXPECT_EQ(g_live_bytes.load(), before);
}

TEST(MapBufferTest, DropsTheOldestKey) {
  MapBuffer map(1, 1);
  SetLimits(&map, {.max_items = 3, .overflow = Overflow::kDropOldest});
  for (const char* key : {"a", "b", "c"}) Put(&map, key, 1);
  Put(&map, "a", 2);  // keeps its place
  EXPECT_TRUE(Delete(&map, "b"));
  Put(&map, "b", 3);  // comes last now
  Put(&map, "d", 4);  // "a" goes
  EXPECT_EQ(Get(&map, "a"), Row());
  Put(&map, "e", 5);  // "c" goes
  EXPECT_EQ(Get(&map, "c"), Row());
  EXPECT_EQ(Get(&map, "b"), (Row{"b", 3, 0, 0}));
  Put(&map, "f", 6);  // "b" goes
  EXPECT_EQ(Get(&map, "b"), Row());
  EXPECT_EQ(StatsOf(&map).counts.dropped, 3U);
}

TEST(MapBufferTest, TheOrderOfDeletedKeysIsNotKept) {
  MapBuffer map(1, 1);
  SetLimits(&map, {.max_items = 3, .overflow = Overflow::kDropOldest});
  for (const char* key : {"a", "b", "c"}) Put(&map, key, 1);
  for (int round = 0; round < 2; ++round) {
    const int64_t before = g_live_bytes.load();
    for (int i = 0; i < 10'000; ++i) {  // with an order of 250 KB that is kept
      EXPECT_TRUE(Delete(&map, "b"));
      Put(&map, "b", i);
    }
    EXPECT_LT(g_live_bytes.load() - before, 20'000);
    Put(&map, Term(round), 1);  // "a" goes, then "c"
    EXPECT_EQ(Get(&map, round == 0 ? "a" : "c"), Row());
    EXPECT_EQ(Get(&map, "b"), (Row{"b", 9'999, 0, 0}));
  }
  EXPECT_EQ(DrainMap(&map, 0).size(), 3U);
}

TEST(MapBufferTest, DropsSomeKeyIfNobodyAskedForTheOrder) {
  MapBuffer map(1, 1);
  for (int i = 0; i < 5; ++i) Put(&map, i, 1);
  SetLimits(&map, {.max_items = 3, .overflow = Overflow::kDropOldest});
  Put(&map, 5, 1);
  EXPECT_EQ(Get(&map, 5), (Row{5, 1, 0, 0}));
  const BufferStats stats = StatsOf(&map);
  EXPECT_EQ(stats.counts.dropped, 3U);
  EXPECT_EQ(stats.open, 3U);
}

TEST(MapBufferTest, DropsNothingOfASegmentThatIsBeingTaken) {
  MapBuffer map(1, 1);
  SetLimits(&map, {.max_items = 4, .overflow = Overflow::kDropOldest});
  for (int i = 0; i < 4; ++i) Put(&map, i, 1);
  Freeze(&map, 0);
  const std::unique_ptr<Batch> batch = Take(&map, 0, 2);
  EXPECT_EQ(Put(&map, 4, 1).verdict, PushVerdict::kDropped);
  Resolve(&map, batch.get(), 2);
  EXPECT_EQ(Put(&map, 5, 1).verdict, PushVerdict::kTaken);
  EXPECT_EQ(DrainMap(&map, 0).size(), 3U);
}

TEST(MapBufferTest, AReplacementNeedsNoRoom) {
  MapBuffer map(1, 1);
  SetLimits(&map, {.max_items = 1});
  Put(&map, "a", 1);
  EXPECT_EQ(Put(&map, "b", 1).verdict, PushVerdict::kFull);
  EXPECT_EQ(Put(&map, "a", 2).verdict, PushVerdict::kTaken);
  EXPECT_TRUE(Delete(&map, "a"));
  EXPECT_EQ(Put(&map, "b", 1).verdict, PushVerdict::kTaken);
}

TEST(MapBufferTest, DropsNothingInVain) {
  MapBuffer map(1, 1);
  SetLimits(&map, {.max_bytes = 1000, .overflow = Overflow::kDropOldest});
  for (int i = 0; i < 5; ++i) Put(&map, i, Term(std::string(100, 'v')));
  Freeze(&map, 0);
  const std::unique_ptr<Batch> batch = Take(&map, 0, 1);  // the rest of the segment is not dropped either
  for (int i = 5; i < 10; ++i) Put(&map, i, 1);
  const Term large(std::string(600, 'v'));
  EXPECT_EQ(Put(&map, 10, large).verdict, PushVerdict::kDropped);
  EXPECT_EQ(StatsOf(&map).counts.dropped, 1U);
  EXPECT_EQ(StatsOf(&map).open, 5U);
  Resolve(&map, batch.get(), 1);
  EXPECT_EQ(Put(&map, 10, large).verdict, PushVerdict::kDropped);
  DrainMap(&map, 0);
  EXPECT_EQ(Put(&map, 10, large).verdict, PushVerdict::kTaken);
  EXPECT_EQ(StatsOf(&map).counts.dropped, 2U);
}

TEST(MapBufferTest, WhatIsTooLargeIsRefusedInPlaceOfAnotherToo) {
  MapBuffer map(1, 1);
  SetLimits(&map, {.max_bytes = 100});
  Put(&map, "a", 1);
  EXPECT_EQ(Put(&map, "a", Term(std::string(100, 'v'))).verdict, PushVerdict::kTooLarge);
  EXPECT_EQ(Get(&map, "a"), (Row{"a", 1, 0, 0}));
  EXPECT_EQ(StatsOf(&map).counts.replaced, 0U);
}

TEST(MapBufferTest, LargeVersionsCount) {
  MapBuffer map(1, 1);
  const Term version = Term::Int128(__int128{1} << 100);
  PutNewer(&map, "a", 1, 5);
  EXPECT_EQ(StatsOf(&map).bytes, 4U);
  PutNewer(&map, "a", 1, version);
  EXPECT_EQ(StatsOf(&map).bytes, 4U + WireSize(version.view()));
  Put(&map, "a", 1);
  EXPECT_EQ(StatsOf(&map).bytes, 4U);
  PutNewer(&map, "a", 1, version);
  EXPECT_EQ(DrainMap(&map, 0).size(), 1U);
  EXPECT_EQ(StatsOf(&map).bytes, 0U);
  SetLimits(&map, {.max_bytes = 10});
  EXPECT_EQ(PutNewer(&map, "a", 1, version), PushVerdict::kTooLarge);
}

TEST(MapBufferTest, IsAMapOfRows) {
  const int64_t before = g_live_bytes.load();
  {
    Random random(TestSeed());
    MapBuffer map(3, 1);
    std::map<Term, Row, ExactLess> open;
    for (int step = 0; step < Steps(8000); ++step) {
      const Term key = random.OneIn(2) ? Term(random.Between(0, 20)) : Term(std::to_string(random.Below(20)));
      const Term value(std::string(random.OneIn(100) ? 70'000 : random.Below(50), 'v'));
      const uint64_t action = random.Below(10);
      const auto it = open.find(key);
      if (action < 3) {
        EXPECT_EQ(Put(&map, key, value).verdict, PushVerdict::kTaken);
        open[key] = {key, value, 0, 0};
      } else if (action < 7) {
        const Term version = random.Between(-3, 30);
        const bool newer = it == open.end() || it->second[2].view().i < version.view().i;
        EXPECT_EQ(PutNewer(&map, key, value, version), newer ? PushVerdict::kTaken : PushVerdict::kStale);
        if (newer) open[key] = {key, value, version, it == open.end() ? Term(0) : Term(it->second[3].view().i + 1)};
      } else if (action == 7) {
        EXPECT_EQ(Delete(&map, key), it != open.end());
        open.erase(key);
      } else if (action == 8) {
        EXPECT_EQ(Get(&map, key), it == open.end() ? Row() : it->second);
      } else if (random.OneIn(20)) {
        std::map<Term, Row, ExactLess> out;
        for (uint32_t p = 0; p < 3; ++p) {
          for (const Row& row : DrainMap(&map, p, 7)) out[row[0]] = row;
        }
        EXPECT_EQ(out, open);
        EXPECT_EQ(StatsOf(&map).bytes, 0U);
        open.clear();
      }
      if (step % 50 != 0) continue;
      uint64_t bytes = 0;
      for (const auto& [k, row] : open) bytes += WireSize(row[0].view()) + WireSize(row[1].view());
      EXPECT_EQ(StatsOf(&map).bytes, bytes);
      EXPECT_EQ(StatsOf(&map).open, open.size());
    }
  }
  EXPECT_EQ(g_live_bytes.load(), before);
}

TEST(MapBufferTest, AChildStartsEmpty) {
  MapBuffer map(1, 1);
  Put(&map, "a", 1);
  Freeze(&map, 0);
  Put(&map, "b", 1);
  map.EmptyAfterFork();
  EXPECT_EQ(StatsOf(&map).counts.pushed, 0U);
  EXPECT_EQ(Get(&map, "b"), Row());
  Put(&map, "c", 1);
  EXPECT_EQ(DrainMap(&map, 0), (std::vector<Row>{{"c", 1, 0, 0}}));
}

}  // namespace
}  // namespace partita::testing
