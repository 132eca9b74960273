// Bags under threads, without Python, best run under the thread sanitizer: list inserts are seen whole, the rows of a
// key in the order they came in, a snapshot never changes, a walk meets each key and each row that stays once.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "table/snapshot.h"
#include "table/table.h"
#include "testing/check.h"
#include "testing/dump.h"
#include "testing/operations.h"
#include "testing/random_terms.h"
#include "testing/stress.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

constexpr TableType kTypes[] = {TableType::kBag, TableType::kDuplicateBag};

// --- List inserts.
//
// A list is a row for each of the keys, with the name of its writer and a number that goes up. So at every moment all
// keys have rows of the same lists, of one writer in the order of their numbers.

void Lists(const StressOptions& options) {
  constexpr int64_t kKeys = 12;
  for (const TableType type : kTypes) {
    const std::shared_ptr<Table> table = *Table::Create(TableOptions{.type = type, .partitions = 5});
    RunThreads(kThreads, [&](uint64_t t) {
      Random random(options.seed + t);
      const int64_t writer = static_cast<int64_t>(t);
      for (uint64_t i = 0; i < options.operations / (16 * kThreads); ++i) {
        if (t < 2) {
          if (random.OneIn(60)) {
            Do(table.get(), {.call = Call::kClear});
            continue;
          }
          std::vector<Row> rows;
          for (int64_t key = 0; key < kKeys; ++key) rows.push_back({key, writer, static_cast<int64_t>(i)});
          const auto insert = [&](Wait wait) {
            return Do(table.get(), {.call = Call::kInsertList, .rows = rows}, wait).outcome;
          };
          PARTITA_CHECK(Ask(&random, insert) == Outcome::kOk);
          continue;
        }
        uint64_t size = 1;
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return table->Size(wait, &size); }) == Outcome::kOk);
        PARTITA_CHECK(size % kKeys == 0);
        std::shared_ptr<Snapshot> snapshot;
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return table->TakeSnapshot(wait, &snapshot); }) == Outcome::kOk);
        std::map<int64_t, std::vector<Row>> by_key;
        for (const Row& row : RowsOf(*snapshot)) by_key[row[0].view().i].push_back({row[1], row[2]});
        PARTITA_CHECK(by_key.size() == snapshot->keys() && (by_key.empty() || by_key.size() == kKeys));
        for (const auto& [key, rows] : by_key) PARTITA_CHECK(rows == by_key[0]);
        int64_t last[2] = {-1, -1};
        for (const Row& row : by_key.empty() ? std::vector<Row>() : by_key[0]) {
          int64_t& number = last[row[0].view().i];
          PARTITA_CHECK(row[1].view().i > number);
          number = row[1].view().i;
        }
      }
    });
    CheckSound(table.get());
  }
}

// --- Walks.
//
// Keys with rows that stay, numbered in the order they came in; between and behind them rows come and go, so that slots
// are used again, and other keys come and go too.

void CheckRowWalk(Table* table, Random* random, int64_t keys, int64_t rows_a_key) {
  const std::unique_ptr<Walk> walk = table->NewWalk();
  std::map<int64_t, int64_t> met;  // how many rows that stay; they are numbered from 0 on
  RowBuffer out;
  do {
    out.Clear();
    const size_t max = random->Pick<size_t>({1, 10, 200});
    PARTITA_CHECK(Ask(random, [&](Wait wait) { return walk->Next(max, wait, &out); }) == Outcome::kOk);
    for (const Row& row : RowsOf(out)) {
      if (row[1] == Term("stays")) PARTITA_CHECK(row[2].view().i == met[row[0].view().i]++);
    }
  } while (!out.empty());
  PARTITA_CHECK(met.size() == static_cast<size_t>(keys));
  for (const auto& [key, rows] : met) PARTITA_CHECK(rows == rows_a_key);
}

void CheckKeyWalk(Table* table, Random* random, int64_t keys) {
  const std::unique_ptr<Walk> walk = table->NewKeyWalk();
  std::vector<int> met(static_cast<size_t>(keys));
  RowBuffer out;
  do {
    out.Clear();
    PARTITA_CHECK(Ask(random, [&](Wait wait) { return walk->Next(10, wait, &out); }) == Outcome::kOk);
    for (const Row& row : RowsOf(out)) {
      if (row[0].view().i < keys) ++met[static_cast<size_t>(row[0].view().i)];
    }
  } while (!out.empty());
  for (const int times : met) PARTITA_CHECK(times == 1);
}

void CheckLookup(Table* table, Random* random, int64_t keys, int64_t rows_a_key) {
  const std::vector<Row> rows = Do(table, {.call = Call::kLookup, .keys = {Term(random->Between(0, keys - 1))}}).rows;
  int64_t met = 0;
  for (const Row& row : rows) {
    if (row[1] == Term("stays")) PARTITA_CHECK(row[2].view().i == met++);
  }
  PARTITA_CHECK(met == rows_a_key);
}

void Walks(const StressOptions& options) {
  constexpr int64_t kStaying = 60;
  constexpr int64_t kRowsAKey = 40;
  for (const TableType type : kTypes) {
    const std::shared_ptr<Table> table = *Table::Create(TableOptions{.type = type, .partitions = 3});
    for (int64_t i = 0; i < kRowsAKey; ++i) {
      for (int64_t key = 0; key < kStaying; ++key) {
        Do(table.get(), {.call = Call::kInsert, .rows = {{key, "passes", i}}});
        Do(table.get(), {.call = Call::kInsert, .rows = {{key, "stays", i}}});
      }
    }
    std::atomic<uint64_t> walkers{2};
    RunThreads(kThreads, [&](uint64_t t) {
      Random random(options.seed + t);
      if (t < 2) {
        for (uint64_t i = 0; i < options.operations / 4000 + 1; ++i) {
          CheckRowWalk(table.get(), &random, kStaying, kRowsAKey);
          CheckKeyWalk(table.get(), &random, kStaying);
          CheckLookup(table.get(), &random, kStaying, kRowsAKey);
        }
        --walkers;
        return;
      }
      std::shared_ptr<Snapshot> snapshot;
      while (walkers > 0) {
        const Term key(random.Between(0, 2 * kStaying));
        const Row passing = {key, "passes", random.Between(0, 2 * kRowsAKey)};
        switch (random.Below(6)) {
          case 0:
            if (key.view().i >= kStaying) Do(table.get(), {.call = Call::kDelete, .keys = {key}});
            break;
          case 1:
            if (random.OneIn(8)) snapshot = SnapshotOf(table.get());
            if (random.OneIn(8)) snapshot.reset();
            if (random.OneIn(8)) Do(table.get(), {.call = Call::kCompact});
            break;
          case 2:
          case 3:
            Do(table.get(), {.call = Call::kDeleteObject, .rows = {passing}});
            break;
          default:
            Do(table.get(), {.call = Call::kInsert, .rows = {passing}});
        }
      }
    });
    CheckSound(table.get());
  }
}

// --- Snapshots.
//
// Each thread writes at random, and looks again and again at a snapshot that it holds: it shows what it showed first,
// by a scan and by keys.

void Snapshots(const StressOptions& options) {
  constexpr uint64_t kPool = 12;
  for (const TableType type : kTypes) {
    const std::shared_ptr<Table> table = *Table::Create(TableOptions{.type = type, .partitions = 2});
    RunThreads(kThreads, [&](uint64_t t) {
      Random random(options.seed + t);
      const ModelTable nothing(0, type);
      std::shared_ptr<Snapshot> snapshot;
      std::map<Term, std::vector<Row>, ExactLess> rows;
      for (uint64_t i = 0; i < options.operations / (8 * kThreads); ++i) {
        if (!random.OneIn(8)) {
          const Operation op = RandomOperation(&random, nothing, kPool, 0);
          if (op.call == Call::kClear && !random.OneIn(10)) continue;
          const Outcome outcome = Ask(&random, [&](Wait wait) { return Do(table.get(), op, wait).outcome; });
          PARTITA_CHECK(outcome != Outcome::kWouldBlock && outcome != Outcome::kNoMemory);
          continue;
        }
        const bool take = snapshot == nullptr || random.OneIn(4);
        if (take) snapshot = SnapshotOf(table.get());
        std::map<Term, std::vector<Row>, ExactLess> now;
        for (const Row& row : RowsOf(*snapshot)) now[row[0]].push_back(row);
        if (take) rows = now;
        PARTITA_CHECK(rows == now && snapshot->keys() == rows.size());
        const Term key = PoolKey(random.Below(kPool));
        RowBuffer out;
        const KeyView view{key.view(), HashValue(key.view(), snapshot->options().hash_seed)};
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return snapshot->Lookup(view, wait, &out); }) == Outcome::kOk);
        const auto it = rows.find(key);
        PARTITA_CHECK(RowsOf(out) == (it == rows.end() ? std::vector<Row>() : it->second));
      }
    });
    CheckSound(table.get());
    TableStats stats;
    PARTITA_CHECK(table->Stats(Wait::kBlock, &stats) == Outcome::kOk);
    PARTITA_CHECK(stats.snapshots == 0 && stats.snapshot_retained_bytes == 0);
  }
}

constexpr Workload kWorkloads[] = {{"lists", Lists}, {"walks", Walks}, {"snapshots", Snapshots}};

}  // namespace
}  // namespace partita::testing

int main(int argc, char** argv) {
  return partita::testing::RunStress(argc, argv, /*operations=*/100000, partita::testing::kWorkloads);
}
