// Ordered tables under threads while their ranges split and rows move between them: list inserts are seen whole, a walk
// meets every key that stays once and in order, steps and snapshots agree with an order that never had a gap.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "table/ordered_table.h"
#include "table/snapshot.h"
#include "testing/check.h"
#include "testing/dump.h"
#include "testing/operations.h"
#include "testing/stress.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

std::shared_ptr<Table> NewTable(uint32_t partitions, uint64_t split_rows) {
  TEST_SetSplitRows(split_rows);
  auto table = Table::Create(TableOptions{.type = TableType::kOrderedSet, .partitions = partitions});
  TEST_SetSplitRows(0);
  PARTITA_CHECK(table.ok());
  return *table;
}

void Insert(Table* table, const Row& row) {
  PARTITA_CHECK(Do(table, {.call = Call::kInsert, .rows = {row}}).outcome == Outcome::kOk);
}

// Keys of one kind in waves: each fills a stretch of keys, one by one, and then empties one that was filled before, so
// that ranges grow and shrink and rows move all the time. Their numbers are `offset` after a multiple of `stride`.
class Waves {
 public:
  Waves(Table* table, uint64_t seed, int64_t stride, int64_t offset)
      : table_(table), random_(seed), stride_(stride), offset_(offset) {}

  void Step() {
    if (random_.OneIn(kStretch)) {
      int64_t& oldest = filled_[++latest_ % kFilled];
      std::vector<Term> gone;
      for (int64_t i = 0; i < kStretch; ++i) gone.push_back(Key(oldest + i));
      Do(table_, {.call = Call::kDeleteBatch, .keys = std::move(gone)});
      oldest = random_.Between(0, 10 * kStretch);
    }
    const int64_t i = filled_[latest_ % kFilled] + random_.Between(0, kStretch - 1);
    Insert(table_, {Key(i), "passing", std::string(random_.Below(40), 'x')});
  }

 private:
  static constexpr int64_t kStretch = 250;
  static constexpr size_t kFilled = 3;

  Term Key(int64_t i) const { return Term(i * stride_ + offset_); }

  Table* const table_;
  Random random_;
  const int64_t stride_;
  const int64_t offset_;
  int64_t filled_[kFilled] = {};  // where the latest stretches begin
  size_t latest_ = 0;
};

// --- Walks, steps and lookups of keys that stay: the multiples of ten. Others are never multiples.

constexpr int64_t kStaying = 300;

void WalkOnce(Table* table, Random* random) {
  const bool forward = random->OneIn(2);
  const std::unique_ptr<Walk> walk = table->NewWalk(forward ? Direction::kForward : Direction::kBackward);
  int64_t next = forward ? 0 : 10 * (kStaying - 1);
  bool has_last = false;
  int64_t last = 0;
  RowBuffer out;
  do {
    out.Clear();
    const size_t max = random->Pick<size_t>({1, 10, 200});
    PARTITA_CHECK(Ask(random, [&](Wait wait) { return walk->Next(max, wait, &out); }) == Outcome::kOk);
    for (const Row& row : RowsOf(out)) {
      const int64_t key = row[0].view().i;
      PARTITA_CHECK(!has_last || (forward ? last < key : last > key));
      has_last = true;
      last = key;
      if (key % 10 != 0) continue;
      PARTITA_CHECK(key == next && row[1] == Term("stays"));
      next += forward ? 10 : -10;
    }
  } while (!out.empty());
  PARTITA_CHECK(next == (forward ? 10 * kStaying : -10));
}

// Steps from a key that stays, in the table or a snapshot of it.
template <typename Steps>
void StepOnce(const Table& table, Steps* steps, Random* random) {
  const Term from(10 * random->Between(0, kStaying - 2));
  RowBuffer out;
  const KeyView key = KeyArgument(table, from);
  const bool whole = random->OneIn(2);
  PARTITA_CHECK(Ask(random, [&](Wait wait) { return steps->StepKey(Step::kNext, &key, whole, wait, &out); }) ==
                Outcome::kOk);
  const int64_t next = out.row(0)[0].i;
  PARTITA_CHECK(out.size() == 1 && from.view().i < next && next <= from.view().i + 10);
  out.Clear();
  PARTITA_CHECK(Ask(random, [&](Wait wait) { return steps->StepKey(Step::kFirst, nullptr, false, wait, &out); }) ==
                Outcome::kOk);
  PARTITA_CHECK(out.row(0)[0].i == 0);
}

// A snapshot gives the same keys from place to place as from key to key.
void ReadInOrder(const Table& table, Snapshot* snapshot) {
  RowBuffer row;
  PARTITA_CHECK(snapshot->StepKey(Step::kFirst, nullptr, /*whole=*/false, Wait::kTry, &row) == Outcome::kOk);
  for (uint64_t number = 0;; ++number) {
    RowBuffer at_place;
    bool past_end;
    PARTITA_CHECK(snapshot->ReadSlot(number, &past_end, &at_place) == Outcome::kOk);
    PARTITA_CHECK(past_end == row.empty());
    if (past_end) break;
    PARTITA_CHECK(at_place.row(0)[0].i == row.row(0)[0].i);
    const Term from(row.row(0)[0].i);
    const KeyView key = KeyArgument(table, from);
    row.Clear();
    PARTITA_CHECK(snapshot->StepKey(Step::kNext, &key, /*whole=*/false, Wait::kTry, &row) == Outcome::kOk);
  }
}

void ReadMany(Table* table, Random* random) {
  std::vector<Term> keys;
  for (int i = 0; i < 20; ++i) keys.emplace_back(10 * random->Between(0, kStaying - 1));
  Result result;
  PARTITA_CHECK(Ask(random, [&](Wait wait) {
                  result = Do(table, {.call = Call::kLookupBatch, .keys = keys}, wait);
                  return result.outcome;
                }) == Outcome::kOk);
  for (size_t i = 0; i < keys.size(); ++i) PARTITA_CHECK(result.rows[i].size() > 1 && result.rows[i][0] == keys[i]);
}

void Readers(const StressOptions& options) {
  const std::shared_ptr<Table> table = NewTable(6, 128);
  for (int64_t i = 0; i < kStaying; ++i) Insert(table.get(), {10 * i, "stays", 0});
  std::atomic<uint64_t> readers{2};
  RunThreads(kThreads, [&](uint64_t t) {
    Random random(options.seed + t);
    if (t >= 2) {
      Waves waves(table.get(), options.seed + t, 10, static_cast<int64_t>(t));
      while (readers > 0) {
        waves.Step();
        const Term key(10 * random.Between(0, kStaying - 1));
        if (random.OneIn(20)) {
          Do(table.get(), {.call = Call::kUpdateCounter, .keys = {key}, .counters = {{2, 1}}});
        }
        if (random.OneIn(2000)) Do(table.get(), {.call = Call::kCompact});
      }
      return;
    }
    std::shared_ptr<Snapshot> snapshot;
    for (uint64_t i = 0; i < options.operations / 200 + 1; ++i) {
      WalkOnce(table.get(), &random);
      for (int k = 0; k < 50; ++k) StepOnce(*table, table.get(), &random);
      for (int k = 0; k < 10; ++k) ReadMany(table.get(), &random);
      if (i % 4 == 0) snapshot.reset();
      if (i % 4 == 1) snapshot = SnapshotOf(table.get());
      if (snapshot != nullptr) StepOnce(*table, snapshot.get(), &random);
      if (i % 16 == 3) ReadInOrder(*table, snapshot.get());
    }
    --readers;
  });
  CheckSound(table.get());
}

// --- Lists over all ranges.
//
// A list has a key in each hundred, between which rows pass: it is seen whole, in a snapshot, by len(), and by
// insert_new, which finds all of it or nothing. Two accounts far apart keep their sum.

void Lists(const StressOptions& options) {
  constexpr int64_t kRows = 30;
  constexpr int64_t kApart = 1000;
  const std::shared_ptr<Table> table = NewTable(5, 128);
  const auto list = [](int64_t number) {
    std::vector<Row> rows;
    for (int64_t i = 0; i < kRows; ++i) rows.push_back({i * kApart, number});
    return rows;
  };
  std::vector<Term> keys;
  for (int64_t i = 0; i < kRows; ++i) keys.emplace_back(i * kApart);
  std::atomic<uint64_t> writers{2};
  RunThreads(kThreads, [&](uint64_t t) {
    Random random(options.seed + t);
    if (t == 0) {
      for (uint64_t i = 0; i < options.operations / 40; ++i) {
        const int64_t number = static_cast<int64_t>(i);
        const Call call = random.OneIn(2) ? Call::kInsertList : Call::kInsertNewList;
        PARTITA_CHECK(Do(table.get(), {.call = call, .rows = list(number)}).outcome == Outcome::kOk);
      }
      --writers;
    } else if (t == 1) {
      Waves waves(table.get(), options.seed, 10, 3);
      for (uint64_t i = 0; i < options.operations / 4; ++i) waves.Step();
      --writers;
    } else {
      while (writers > 0) {
        std::shared_ptr<Snapshot> snapshot;
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return table->TakeSnapshot(wait, &snapshot); }) == Outcome::kOk);
        std::vector<Row> met;
        const std::vector<Row> rows = RowsOf(*snapshot);
        for (size_t i = 0; i < rows.size(); ++i) {
          PARTITA_CHECK(i == 0 || rows[i - 1][0].view().i < rows[i][0].view().i);
          if (rows[i][0].view().i % kApart == 0) met.push_back(rows[i]);
        }
        PARTITA_CHECK(met.empty() || met.size() == kRows);
        for (const Row& row : met) PARTITA_CHECK(row[1] == met[0][1]);
        PARTITA_CHECK(rows.size() == snapshot->rows());
      }
    }
  });
  CheckSound(table.get());
}

// Nothing but rows that move between ranges: their number never changes.
void Sizes(const StressOptions& options) {
  constexpr int64_t kRows = 4000;
  const std::shared_ptr<Table> table = NewTable(8, 64);
  std::vector<Row> rows;
  for (int64_t i = 0; i < kRows; ++i) rows.push_back({i, 0});
  PARTITA_CHECK(Do(table.get(), {.call = Call::kInsertList, .rows = rows}).outcome == Outcome::kOk);
  std::atomic<bool> stop{false};
  RunThreads(kThreads, [&](uint64_t t) {
    Random random(options.seed + t);
    if (t == 0) {
      // Replaced rows add nothing, but each write goes on with the moves that the list above left to do.
      for (uint64_t i = 0; i < options.operations / 10; ++i) {
        Insert(table.get(), {random.Between(0, kRows - 1), static_cast<int64_t>(i)});
      }
      stop = true;
      return;
    }
    while (!stop) {
      uint64_t size = 0;
      PARTITA_CHECK(Ask(&random, [&](Wait wait) { return table->Size(wait, &size); }) == Outcome::kOk);
      PARTITA_CHECK(size == kRows);
      TableStats stats;
      PARTITA_CHECK(Ask(&random, [&](Wait wait) { return table->Stats(wait, &stats); }) == Outcome::kOk);
      PARTITA_CHECK(stats.rows == kRows);
    }
  });
  CheckSound(table.get());
}

constexpr Workload kWorkloads[] = {{"readers", Readers}, {"lists", Lists}, {"sizes", Sizes}};

}  // namespace
}  // namespace partita::testing

int main(int argc, char** argv) {
  return partita::testing::RunStress(argc, argv, /*operations=*/100000, partita::testing::kWorkloads);
}
