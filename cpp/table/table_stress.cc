// Tables under threads, without Python, best run under the thread sanitizer. What must hold is checked, not only that
// nothing crashes: every answer to a one-key call fits some order of the calls, list inserts are seen whole, a snapshot
// never changes, a walk meets what stays once.

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "table/snapshot.h"
#include "table/table.h"
#include "testing/check.h"
#include "testing/dump.h"
#include "testing/linearizability.h"
#include "testing/operations.h"
#include "testing/random_terms.h"
#include "testing/stress.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

// --- Histories of single keys.
//
// A row is (key, count, tag, text of tag, tag as float): of a row put together from two, the parts do not fit.

struct Content {
  int64_t count = 0;
  int64_t tag = 0;
  friend auto operator<=>(const Content&, const Content&) = default;
};
using KeyState = std::optional<Content>;

// Long enough for the heap, now and then for an extent of its own.
std::string TextOf(int64_t tag) { return std::string(tag % 16 == 0 ? 5000 : 20, 't') + std::to_string(tag); }

Row RowOf(const Term& key, const Content& c) {
  return {key, c.count, c.tag, TextOf(c.tag), static_cast<double>(c.tag)};
}

Content ContentOf(const Row& row) {
  PARTITA_CHECK(row.size() == 5);
  const Content c{row[1].view().i, row[2].view().i};
  PARTITA_CHECK(row == RowOf(row[0], c));
  return c;
}

struct KeyCall {
  enum class Kind : uint8_t { kInsert, kInsertNew, kDelete, kTake, kCount, kCountOrInsert, kSwap, kLookup, kMember };
  Kind kind = Kind::kLookup;
  Content given;  // row to put in; default of a counter; new row of a swap
  Content old;    // of a swap
  int64_t increment = 0;
  bool flag = false;  // answer
  KeyState row;       // answer
  int64_t count = 0;  // answer of a counter
};

bool Fits(const KeyCall& call, KeyState* state) {
  switch (call.kind) {
    case KeyCall::Kind::kInsert:
      *state = call.given;
      return true;
    case KeyCall::Kind::kInsertNew:
      if (call.flag != !state->has_value()) return false;
      if (call.flag) *state = call.given;
      return true;
    case KeyCall::Kind::kDelete:
      if (call.flag != state->has_value()) return false;
      state->reset();
      return true;
    case KeyCall::Kind::kTake:
      if (call.row != *state) return false;
      state->reset();
      return true;
    case KeyCall::Kind::kCountOrInsert:
      if (!state->has_value()) *state = call.given;
      [[fallthrough]];
    case KeyCall::Kind::kCount:
      if (call.flag != state->has_value()) return false;
      if (!call.flag) return true;
      (*state)->count += call.increment;
      return (*state)->count == call.count;
    case KeyCall::Kind::kSwap:
      if (call.flag != (*state == call.old)) return false;
      if (call.flag) *state = call.given;
      return true;
    case KeyCall::Kind::kLookup:
      return call.row == *state;
    case KeyCall::Kind::kMember:
      return call.flag == state->has_value();
  }
  return false;
}

void DoKeyCall(Table* table, Random* random, const Term& key, KeyCall* call) {
  Operation op{.keys = {key}};
  switch (call->kind) {
    case KeyCall::Kind::kInsert:
    case KeyCall::Kind::kInsertNew:
      op.call = call->kind == KeyCall::Kind::kInsert ? Call::kInsert : Call::kInsertNew;
      op.rows = {RowOf(key, call->given)};
      break;
    case KeyCall::Kind::kDelete:
      op.call = Call::kDelete;
      break;
    case KeyCall::Kind::kTake:
      op.call = Call::kTake;
      break;
    case KeyCall::Kind::kCount:
    case KeyCall::Kind::kCountOrInsert:
      op.call = Call::kUpdateCounter;
      op.counters = {Counter{.position = 1, .increment = Term(call->increment)}};
      op.has_default = call->kind == KeyCall::Kind::kCountOrInsert;
      op.default_row = RowOf(key, call->given);
      break;
    case KeyCall::Kind::kSwap:
      op.call = Call::kCompareAndSwap;
      op.rows = {RowOf(key, call->old), RowOf(key, call->given)};
      break;
    case KeyCall::Kind::kLookup:
      op.call = Call::kLookup;
      break;
    case KeyCall::Kind::kMember:
      op.call = Call::kMember;
      break;
  }
  Result result;
  const Outcome outcome = Ask(random, [&](Wait wait) {
    result = Do(table, op, wait);
    return result.outcome;
  });
  PARTITA_CHECK(outcome == Outcome::kOk);
  call->flag = call->kind == KeyCall::Kind::kDelete ? result.count == 1 : result.flag;
  if (op.call == Call::kUpdateCounter) {
    if (result.flag) call->count = result.rows[0][0].view().i;
  } else if (!result.rows.empty()) {
    call->row = ContentOf(result.rows[0]);
  }
}

KeyCall RandomKeyCall(Random* random, const KeyState& seen) {
  KeyCall call;
  call.kind = static_cast<KeyCall::Kind>(random->Below(9));
  call.given = {random->Between(0, 2), random->Between(0, 40)};
  call.old = seen.value_or(Content{0, 0});  // what this thread saw last: swaps succeed now and then
  call.increment = random->Between(-2, 2);
  return call;
}

void Print(const std::vector<Event<KeyCall>>& events, const KeyState& initial) {
  constexpr const char* kNames[] = {
      "insert",           "insert_new", "delete", "take", "update_counter", "update_counter default",
      "compare_and_swap", "lookup",     "member"};
  const auto text = [](const KeyState& state) {
    return state.has_value() ? std::to_string(state->count) + "/" + std::to_string(state->tag) : std::string("none");
  };
  std::fprintf(stderr, "no order explains this history, which began with %s:\n", text(initial).c_str());
  for (const Event<KeyCall>& e : events) {
    std::fprintf(stderr, "%6lld to %6lld %-22s given %s old %s increment %lld -> flag %d row %s count %lld\n",
                 static_cast<long long>(e.called), static_cast<long long>(e.answered),
                 kNames[static_cast<size_t>(e.call.kind)], text(e.call.given).c_str(), text(e.call.old).c_str(),
                 static_cast<long long>(e.call.increment), e.call.flag, text(e.call.row).c_str(),
                 static_cast<long long>(e.call.count));
  }
}

void Histories(const StressOptions& options) {
  constexpr int kKeys = 3;
  constexpr int kCallsPerRound = 9;
  // Relaxed, so that the clock does not order what the sanitizer should see unordered.
  std::atomic<uint64_t> clock{0};
  for (const uint32_t partitions : {1u, 7u}) {
    const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = partitions});
    const Term keys[kKeys] = {Term(1), Term("a key that does not fit into its column"), Term(1.0)};
    KeyState initial[kKeys];
    std::vector<Event<KeyCall>> events[kThreads][kKeys];
    const auto judge = [&] {
      for (int k = 0; k < kKeys; ++k) {
        std::vector<Event<KeyCall>> all;
        for (auto& thread_events : events) {
          all.insert(all.end(), thread_events[k].begin(), thread_events[k].end());
          thread_events[k].clear();
        }
        // What is there when all have returned.
        const std::vector<Row> rows = Do(table.get(), {.call = Call::kLookup, .keys = {keys[k]}}).rows;
        Event<KeyCall> last{~uint64_t{0}, ~uint64_t{0}, {}};
        if (!rows.empty()) last.call.row = ContentOf(rows[0]);
        all.push_back(last);
        const bool explained = IsLinearizable(all, initial[k], Fits);
        if (!explained) Print(all, initial[k]);
        PARTITA_CHECK(explained);
        initial[k] = last.call.row;
      }
    };
    const uint64_t rounds = std::max<uint64_t>(1, options.operations / (2 * kThreads * kCallsPerRound));
    std::barrier round_end(kThreads, [&]() noexcept { judge(); });
    RunThreads(kThreads, [&](uint64_t t) {
      Random random(options.seed + t);
      KeyState seen;
      for (uint64_t round = 0; round < rounds; ++round) {
        for (int i = 0; i < kCallsPerRound; ++i) {
          const size_t k = random.Below(kKeys);
          Event<KeyCall> event;
          event.call = RandomKeyCall(&random, seen);
          event.called = clock.fetch_add(1, std::memory_order_relaxed);
          DoKeyCall(table.get(), &random, keys[k], &event.call);
          event.answered = clock.fetch_add(1, std::memory_order_relaxed);
          if (event.call.kind == KeyCall::Kind::kLookup) seen = event.call.row;
          events[t][k].push_back(event);
        }
        // Snapshots make the writers copy; chunks that come and go give the keys other slots.
        std::shared_ptr<Snapshot> snapshot;
        if (t == 0 && round % 4 < 2) snapshot = SnapshotOf(table.get());
        if (t == 1 && round % 64 == 0) Do(table.get(), {.call = Call::kCompact});
        round_end.arrive_and_wait();
      }
    });
    CheckSound(table.get());
  }
}

// --- List inserts.
//
// Two lists of ten keys each, spread over partitions, are inserted whole, and all is cleared: so a table holds 0, 10 or
// 20 rows, and all rows of a list carry one number. Beside them accounts, whose sum no transfer changes.

void Lists(const StressOptions& options) {
  constexpr int64_t kRows = 10;
  constexpr int64_t kAccounts = 8;
  const std::shared_ptr<Table> lists = *Table::Create(TableOptions{.partitions = 5});
  const std::shared_ptr<Table> accounts = *Table::Create(TableOptions{.partitions = 3});
  for (int64_t i = 0; i < 2 * kAccounts; ++i)
    Do(accounts.get(), {.call = Call::kInsert, .rows = {{i, 1000, "account"}}});
  const auto list = [](const std::string& name, int64_t number) {
    std::vector<Row> rows;
    for (int64_t i = 0; i < kRows; ++i) rows.push_back({name + std::to_string(i), number, TextOf(number)});
    return rows;
  };
  const auto check_lists = [&](const Snapshot& snapshot) {
    std::map<char, std::vector<Row>> by_name;
    for (Row& row : RowsOf(snapshot)) {
      PARTITA_CHECK(row.size() == 3 && row[2] == Term(TextOf(row[1].view().i)));
      by_name[row[0].view().data[0]].push_back(std::move(row));
    }
    for (const auto& [name, rows] : by_name) {
      PARTITA_CHECK(rows.size() == kRows);
      for (const Row& row : rows) PARTITA_CHECK(row[1] == rows[0][1]);
    }
  };
  const auto check_accounts = [&](const Snapshot& snapshot) {
    int64_t sum = 0;
    for (const Row& row : RowsOf(snapshot)) sum += row[1].view().i;
    PARTITA_CHECK(snapshot.rows() == 2 * kAccounts && sum == 2 * kAccounts * 1000);
  };
  RunThreads(kThreads, [&](uint64_t t) {
    Random random(options.seed + t);
    for (uint64_t i = 0; i < options.operations / (8 * kThreads); ++i) {
      const int64_t number = static_cast<int64_t>(i * kThreads + t);
      if (t < 2) {
        // Of the two writers each moves money between accounts of its own.
        const int64_t first = static_cast<int64_t>(t) * kAccounts;
        const Term from(random.Between(first, first + kAccounts - 1));
        const Term to(random.Between(first, first + kAccounts - 1));
        const int64_t amount = random.Between(1, 100);
        const Result rows = Do(accounts.get(), {.call = Call::kLookupBatch, .keys = {from, to}});
        if (!(from == to)) {
          Do(accounts.get(), {.call = Call::kInsertList,
                              .rows = {{from, rows.rows[0][1].view().i - amount, "account"},
                                       {to, rows.rows[1][1].view().i + amount, TextOf(number)}}});
        }
        const std::string name = random.OneIn(2) ? "a" : "b";
        switch (random.Below(4)) {
          case 0:
            Do(lists.get(), {.call = Call::kClear});
            break;
          case 1:
            Do(lists.get(), {.call = Call::kInsertNewList, .rows = list(name, number)});
            break;
          default:
            Do(lists.get(), {.call = Call::kInsertList, .rows = list(name, number)});
        }
      } else {
        uint64_t size = 1;
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return lists->Size(wait, &size); }) == Outcome::kOk);
        PARTITA_CHECK(size == 0 || size == kRows || size == 2 * kRows);
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return accounts->Size(wait, &size); }) == Outcome::kOk);
        PARTITA_CHECK(size == 2 * kAccounts);
        std::shared_ptr<Snapshot> snapshot;
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return lists->TakeSnapshot(wait, &snapshot); }) == Outcome::kOk);
        check_lists(*snapshot);
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return accounts->TakeSnapshot(wait, &snapshot); }) == Outcome::kOk);
        check_accounts(*snapshot);
      }
    }
  });
  CheckSound(lists.get());
  CheckSound(accounts.get());
}

// --- Snapshots.
//
// Taken on every thread while every thread writes, looked at again and again, asked for keys, handed from thread to
// thread.

class HeldSnapshot {
 public:
  explicit HeldSnapshot(Table* table) : snapshot_(SnapshotOf(table)), checksum_(ChecksumOf(*snapshot_)) {}

  void Check(Random* random, uint64_t pool) const {
    PARTITA_CHECK(ChecksumOf(*snapshot_) == checksum_);
    std::map<Term, Row, ExactLess> rows;
    for (Row& row : RowsOf(*snapshot_)) {
      const Term key = row[0];
      PARTITA_CHECK(rows.emplace(key, std::move(row)).second);
    }
    PARTITA_CHECK(rows.size() == snapshot_->rows());
    for (uint64_t i = 0; i < 10; ++i) {
      const Term key = PoolKey(random->Below(pool));
      RowBuffer out;
      const KeyView view{key.view(), HashValue(key.view(), snapshot_->options().hash_seed)};
      const auto lookup = [&](Wait wait) { return snapshot_->Lookup(view, wait, &out); };
      PARTITA_CHECK(Ask(random, lookup) == Outcome::kOk);
      const auto it = rows.find(key);
      PARTITA_CHECK(RowsOf(out) == (it == rows.end() ? std::vector<Row>{} : std::vector<Row>{it->second}));
    }
  }

 private:
  const std::shared_ptr<Snapshot> snapshot_;
  const uint64_t checksum_;
};

// Writes of every kind, whose answers are not looked at: for work beside which something else is checked.
void RandomWrite(Table* table, Random* random, uint64_t pool) {
  static const ModelTable nothing(0);
  Operation op = RandomOperation(random, nothing, pool, 0);
  if (op.call == Call::kClear && !random->OneIn(10)) return;
  const Outcome outcome = Ask(random, [&](Wait wait) { return Do(table, op, wait).outcome; });
  PARTITA_CHECK(outcome != Outcome::kWouldBlock && outcome != Outcome::kNoMemory && outcome != Outcome::kTooManyRows);
}

void Snapshots(const StressOptions& options) {
  constexpr uint64_t kPool = 60;
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 2});
  std::mutex mutex;
  std::shared_ptr<const HeldSnapshot> shelf[3];  // guarded by mutex
  RunThreads(kThreads, [&](uint64_t t) {
    Random random(options.seed + t);
    for (uint64_t i = 0; i < options.operations / (4 * kThreads); ++i) {
      if (!random.OneIn(8)) {
        RandomWrite(table.get(), &random, kPool);
        continue;
      }
      std::shared_ptr<const HeldSnapshot> held;
      if (random.OneIn(2)) held = std::make_shared<HeldSnapshot>(table.get());
      {
        const std::lock_guard<std::mutex> lock(mutex);
        // The last one of a snapshot lets go of it, which may be another thread than the one that took it.
        shelf[random.Below(std::size(shelf))].swap(held);
        if (held == nullptr) held = shelf[random.Below(std::size(shelf))];
      }
      if (held != nullptr) held->Check(&random, kPool);
    }
  });
  for (auto& held : shelf) held.reset();
  CheckSound(table.get());
  TableStats stats;
  PARTITA_CHECK(table->Stats(Wait::kBlock, &stats) == Outcome::kOk);
  PARTITA_CHECK(stats.snapshots == 0 && stats.snapshot_retained_bytes == 0);
}

// --- Walks.

void Walks(const StressOptions& options) {
  constexpr int64_t kStaying = 500;
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 3});
  for (int64_t i = 0; i < kStaying; ++i) Do(table.get(), {.call = Call::kInsert, .rows = {{i, 0, "stays"}}});
  std::atomic<uint64_t> walkers{2};
  RunThreads(kThreads, [&](uint64_t t) {
    Random random(options.seed + t);
    if (t < 2) {
      for (uint64_t i = 0; i < options.operations / 1000 + 1; ++i) {
        const std::unique_ptr<Walk> walk = table->NewWalk();
        std::vector<int> met(kStaying);
        RowBuffer out;
        do {
          out.Clear();
          const size_t max = random.Pick<size_t>({1, 10, 200});
          PARTITA_CHECK(Ask(&random, [&](Wait wait) { return walk->Next(max, wait, &out); }) == Outcome::kOk);
          for (const Row& row : RowsOf(out)) {
            const int64_t key = row[0].view().i;
            if (key < kStaying) ++met[static_cast<size_t>(key)];
            PARTITA_CHECK(key < kStaying ? row.size() >= 3 : row[1] == Term(TextOf(key)));
          }
        } while (!out.empty());
        for (const int times : met) PARTITA_CHECK(times == 1);
      }
      --walkers;
      return;
    }
    std::shared_ptr<Snapshot> snapshot;
    while (walkers > 0) {
      const Term staying(random.Between(0, kStaying - 1));
      const Term passing(random.Between(kStaying, 4 * kStaying));
      switch (random.Below(7)) {
        case 0:
          Do(table.get(), {.call = Call::kInsert, .rows = {{staying, 1, "stays", RandomTerm(&random)}}});
          break;
        case 1:
          Do(table.get(), {.call = Call::kUpdateElement, .keys = {staying}, .elements = {{2, RandomTerm(&random)}}});
          break;
        case 2:
          Do(table.get(), {.call = Call::kDelete, .keys = {passing}});
          break;
        case 3:
          if (random.OneIn(8)) snapshot = SnapshotOf(table.get());
          if (random.OneIn(8)) snapshot.reset();
          if (random.OneIn(8)) Do(table.get(), {.call = Call::kCompact});
          break;
        default:
          Do(table.get(), {.call = Call::kInsert, .rows = {{passing, TextOf(passing.view().i)}}});
      }
    }
  });
  CheckSound(table.get());
}

// --- Walks from key to key of a fixed table: a key that stays is met once, one that goes is walked on from.

void KeyWalks(const StressOptions& options) {
  constexpr int64_t kStaying = 300;
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 3});
  for (int64_t i = 0; i < kStaying; ++i) Do(table.get(), {.call = Call::kInsert, .rows = {{i, "stays"}}});
  std::atomic<uint64_t> walkers{2};
  RunThreads(kThreads, [&](uint64_t t) {
    Random random(options.seed + t);
    if (t < 2) {
      for (uint64_t i = 0; i < options.operations / 1000 + 1; ++i) {
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return table->Fix(wait); }) == Outcome::kOk);
        const Step ahead = random.OneIn(2) ? Step::kNext : Step::kPrev;
        std::map<int64_t, int> met;
        Term at;
        for (bool first = true;; first = false) {
          const Step step = !first ? ahead : ahead == Step::kNext ? Step::kFirst : Step::kLast;
          const KeyView from{at.view(), table->HashKey(at.view())};
          const bool whole = random.OneIn(4);
          RowBuffer out;
          const auto call = [&](Wait wait) { return table->StepKey(step, first ? nullptr : &from, whole, wait, &out); };
          PARTITA_CHECK(Ask(&random, call) == Outcome::kOk);
          if (out.empty()) break;
          at = RowsOf(out)[0][0];
          PARTITA_CHECK(++met[at.view().i] == 1);
          if (at.view().i >= kStaying && random.OneIn(2)) Do(table.get(), {.call = Call::kDelete, .keys = {at}});
        }
        for (int64_t key = 0; key < kStaying; ++key) PARTITA_CHECK(met[key] == 1);
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return table->Unfix(wait); }) == Outcome::kOk);
      }
      --walkers;
      return;
    }
    std::shared_ptr<Snapshot> snapshot;
    while (walkers > 0) {
      const Term passing(random.Between(kStaying, 3 * kStaying));
      switch (random.Below(8)) {
        case 0:
          Do(table.get(), {.call = Call::kInsert, .rows = {{random.Between(0, kStaying - 1), RandomTerm(&random)}}});
          break;
        case 1:
          Do(table.get(), {.call = Call::kInsertList, .rows = {{passing, 1}, {random.Between(1000, 1020), 2}}});
          break;
        case 2:
          if (random.OneIn(8)) snapshot = SnapshotOf(table.get());
          if (random.OneIn(8)) snapshot.reset();
          break;
        case 3: {
          const Outcome outcome = Do(table.get(), {.call = Call::kCompact}).outcome;
          PARTITA_CHECK(outcome == Outcome::kOk || outcome == Outcome::kFixed);
          RowBuffer out;
          bool past_end = false;
          const auto read = [&](Wait wait) { return table->ReadSlot(random.Below(200), wait, &past_end, &out); };
          PARTITA_CHECK(Ask(&random, read) == Outcome::kOk);
          break;
        }
        case 4:
        case 5:
          Do(table.get(), {.call = Call::kDelete, .keys = {passing}});
          break;
        default:
          Do(table.get(), {.call = Call::kInsert, .rows = {{passing, TextOf(passing.view().i)}}});
      }
    }
  });
  CheckSound(table.get());
}

// --- Tables that end.
//
// Everything at once on a table that is cleared and dropped under it, and made anew.

void Drops(const StressOptions& options) {
  constexpr uint64_t kPool = 200;
  std::mutex mutex;
  std::shared_ptr<Table> current = *Table::Create(TableOptions{.partitions = 4});  // guarded by mutex
  RunThreads(kThreads, [&](uint64_t t) {
    Random random(options.seed + t);
    std::unique_ptr<Walk> walk;
    std::shared_ptr<Snapshot> snapshot;
    for (uint64_t i = 0; i < options.operations / (2 * kThreads); ++i) {
      std::shared_ptr<Table> table;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        table = current;
      }
      switch (random.Below(40)) {
        case 0: {
          const Outcome outcome = Ask(&random, [&](Wait wait) { return table->Drop(wait); });
          PARTITA_CHECK(outcome == Outcome::kOk || outcome == Outcome::kDropped);
          PARTITA_CHECK(table->dropped());
          std::shared_ptr<Table> next =
              *Table::Create(TableOptions{.partitions = static_cast<uint32_t>(1 + random.Below(5))});
          const std::lock_guard<std::mutex> lock(mutex);
          if (current == table) current.swap(next);
          break;
        }
        case 1:
          Ask(&random, [&](Wait wait) { return table->Clear(wait); });
          break;
        case 2: {
          std::shared_ptr<Snapshot> taken;
          const auto take = [&](Wait wait) { return table->TakeSnapshot(wait, &taken); };
          if (Ask(&random, take) == Outcome::kOk) snapshot = std::move(taken);
          if (snapshot != nullptr) PARTITA_CHECK(RowsOf(*snapshot).size() == snapshot->rows());
          break;
        }
        case 3:
          CheckSound(table.get());
          break;
        case 4:
          ReadLiveCounts();
          break;
        case 5:
          walk = table->NewWalk();
          [[fallthrough]];
        case 6: {
          RowBuffer out;
          if (walk == nullptr) break;
          const Outcome outcome = Ask(&random, [&](Wait wait) { return walk->Next(20, wait, &out); });
          PARTITA_CHECK(outcome == Outcome::kOk || outcome == Outcome::kDropped);
          break;
        }
        default:
          RandomWrite(table.get(), &random, kPool);
      }
    }
  });
  CheckSound(current.get());
}

constexpr Workload kWorkloads[] = {{"histories", Histories}, {"lists", Lists},       {"snapshots", Snapshots},
                                   {"walks", Walks},         {"keywalks", KeyWalks}, {"drops", Drops}};

}  // namespace
}  // namespace partita::testing

int main(int argc, char** argv) {
  return partita::testing::RunStress(argc, argv, /*operations=*/200000, partita::testing::kWorkloads);
}
