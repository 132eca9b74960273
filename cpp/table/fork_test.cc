// A fork in the middle of everything: the child finds every table between two calls, with no lock held and nothing kept
// for scans whose threads it does not have. (The thread sanitizer does not follow forks of programs with threads.)

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "testing/dump.h"
#include "testing/operations.h"
#include "testing/random_terms.h"
#include "testing/term.h"

#if defined(__SANITIZE_THREAD__)
#define SKIP_UNDER_TSAN() GTEST_SKIP() << "the thread sanitizer does not follow forks of programs with threads"
#else
#define SKIP_UNDER_TSAN() static_cast<void>(0)
#endif

namespace partita::testing {
namespace {

// What the child found wrong is told by its exit status; nothing of the test framework runs there.
#define CHILD_CHECK(condition)                                       \
  do {                                                               \
    if (!(condition)) {                                              \
      std::fprintf(stderr, "%d: child: %s\n", __LINE__, #condition); \
      _exit(1);                                                      \
    }                                                                \
  } while (false)

void ExpectChildIsWell(pid_t child) {
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Rows 0 to 9 of a list insert carry one number.
std::vector<Row> ListOf(int64_t number) {
  std::vector<Row> rows;
  for (int64_t i = 0; i < 10; ++i) rows.push_back({Term::Tuple({Term("list"), Term(i)}), number, "the same in all"});
  return rows;
}

void CheckChild(const std::vector<std::shared_ptr<Table>>& tables) {
  CHILD_CHECK(LocksHeldByThisThread() == 0);
  for (const std::shared_ptr<Table>& table : tables) {
    CHILD_CHECK(table->CheckInvariants().message().empty());
    // A list insert is in or not.
    Operation lookup{.call = Call::kLookupBatch};
    for (const Row& row : ListOf(0)) lookup.keys.push_back(row[0]);
    const Result result = Do(table.get(), lookup, Wait::kTry);
    CHILD_CHECK(result.outcome == Outcome::kOk);
    for (const Row& row : result.rows)
      CHILD_CHECK(row.size() == result.rows[0].size() && (row.empty() || row[1] == result.rows[0][1]));
    uint64_t size = 0;
    CHILD_CHECK(table->Size(Wait::kTry, &size) == Outcome::kOk);
    CHILD_CHECK(DumpOf(table.get()).size() == size);
    // And it works.
    Random random(1);
    ModelTable model(0);
    CHILD_CHECK(table->Clear(Wait::kTry) == Outcome::kOk);
    for (int i = 0; i < 200; ++i) {
      const Operation op = RandomOperation(&random, model, 50, 0);
      const Result expected = model.Do(op);
      CHILD_CHECK(Do(table.get(), op, Wait::kTry) == expected);
    }
    CHILD_CHECK(table->CheckInvariants().message().empty());
  }
}

TEST(ForkTest, InTheMiddleOfEverything) {
  SKIP_UNDER_TSAN();
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the allocator of the address sanitizer may be left locked by a thread that the child does not have";
#endif
  InstallForkHandlers();
  const std::vector<std::shared_ptr<Table>> tables = {*Table::Create(TableOptions{.partitions = 1}),
                                                      *Table::Create(TableOptions{.partitions = 5})};
  std::atomic<bool> stop{false};
  std::atomic<int> running{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Random random(TestSeed() + t);
      ++running;
      for (int64_t n = 0; !stop; ++n) {
        Table* table = random.PickFrom(tables).get();
        switch (random.Below(6)) {
          case 0:
            Do(table, {.call = Call::kInsertList, .rows = ListOf(n)});
            break;
          case 1: {
            const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table);
            ChecksumOf(*snapshot);
            break;
          }
          case 2: {
            // Tables come and go as well.
            const std::shared_ptr<Table> other = *Table::Create(TableOptions{.partitions = 3});
            Do(other.get(), {.call = Call::kInsert, .rows = {{1}}});
            break;
          }
          case 3:
            Do(table, {.call = Call::kDelete, .keys = {PoolKey(random.Below(50))}});
            break;
          default:
            Do(table, {.call = Call::kInsert, .rows = {RandomRow(&random, PoolKey(random.Below(50)), 0)}});
        }
      }
    });
  }
  while (running < 3) std::this_thread::yield();
  for (int i = 0; i < 30; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      CheckChild(tables);
      _exit(0);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectChildIsWell(child));
    EXPECT_EQ(LocksHeldByThisThread(), 0);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  for (const std::shared_ptr<Table>& table : tables) EXPECT_EQ(table->CheckInvariants().message(), "");
}

// A thread that the child does not have was reading a snapshot: what it kept goes, and nothing else.
TEST(ForkTest, SnapshotsOfThreadsThatAreGoneEnd) {
  SKIP_UNDER_TSAN();
  InstallForkHandlers();
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 3});
  for (int i = 0; i < 50; ++i) Do(table.get(), {.call = Call::kInsert, .rows = {{i, i}}});
  std::atomic<bool> scanning{false};
  std::atomic<bool> stop{false};
  std::thread scan([&] {
    const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table.get());
    scanning = true;
    while (!stop) std::this_thread::yield();
  });
  while (!scanning) std::this_thread::yield();
  const pid_t child = fork();
  if (child == 0) {
    TableStats stats;
    for (int i = 0; i < 50; ++i) Do(table.get(), {.call = Call::kInsert, .rows = {{i, i + 1}}});
    CHILD_CHECK(table->Stats(Wait::kTry, &stats) == Outcome::kOk);
    CHILD_CHECK(stats.snapshot_retained_bytes == 0);
    _exit(0);
  }
  ExpectChildIsWell(child);
  stop = true;
  scan.join();
}

// Nobody's thread has to go on for a snapshot that is held by the process itself.
TEST(ForkTest, SnapshotsThatAreHeldStay) {
  SKIP_UNDER_TSAN();
  InstallForkHandlers();
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 2});
  Do(table.get(), {.call = Call::kInsert, .rows = {{1, "one"}}});
  const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table.get());
  const Dump dump = DumpOf(*snapshot);
  const pid_t child = fork();
  if (child == 0) {
    Do(table.get(), {.call = Call::kInsert, .rows = {{1, "two"}}});
    Do(table.get(), {.call = Call::kClear});
    CHILD_CHECK(DumpOf(*snapshot) == dump);
    _exit(0);
  }
  ExpectChildIsWell(child);
}

// Taken by a thread that the child does not have, but owned by more than its stack.
TEST(ForkTest, SnapshotsThatAreKeptStay) {
  SKIP_UNDER_TSAN();
  InstallForkHandlers();
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 2});
  Do(table.get(), {.call = Call::kInsert, .rows = {{1, "one"}}});
  std::shared_ptr<Snapshot> snapshot;
  std::atomic<bool> kept{false};
  std::atomic<bool> stop{false};
  std::thread taker([&] {
    snapshot = SnapshotOf(table.get());
    snapshot->Keep();
    kept = true;
    while (!stop) std::this_thread::yield();  // lest its mark become that of another thread
  });
  while (!kept) std::this_thread::yield();
  const Dump dump = DumpOf(*snapshot);
  const pid_t child = fork();
  if (child == 0) {
    Do(table.get(), {.call = Call::kInsert, .rows = {{1, "two"}}});
    CHILD_CHECK(DumpOf(*snapshot) == dump);
    _exit(0);
  }
  ExpectChildIsWell(child);
  stop = true;
  taker.join();
}

TEST(ForkTest, ChildrenOfChildren) {
  SKIP_UNDER_TSAN();
  InstallForkHandlers();
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 2});
  const pid_t child = fork();
  if (child == 0) {
    Do(table.get(), {.call = Call::kInsert, .rows = {{1}}});
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      Do(table.get(), {.call = Call::kInsert, .rows = {{2}}});
      CHILD_CHECK(DumpOf(table.get()).size() == 2);
      _exit(0);
    }
    int status = 0;
    CHILD_CHECK(waitpid(grandchild, &status, 0) == grandchild && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHILD_CHECK(DumpOf(table.get()).size() == 1);
    _exit(0);
  }
  ExpectChildIsWell(child);
  EXPECT_EQ(DumpOf(table.get()).size(), 0u);
}

}  // namespace
}  // namespace partita::testing
