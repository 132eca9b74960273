#include "testing/stress.h"

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/lock.h"
#include "base/sync_point.h"
#include "table/table.h"
#include "testing/check.h"

namespace partita::testing {
namespace {

// Lets others go first at one point in 32.
[[maybe_unused]] void Yield() {
  static std::atomic<uint64_t> next_seed{1};
  thread_local Random random(next_seed.fetch_add(1, std::memory_order_relaxed));
  if (random.OneIn(32)) std::this_thread::yield();
}

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

bool IsChosen(const std::vector<std::string>& names, const char* name) {
  if (names.empty()) return true;
  for (const std::string& n : names) {
    if (n == name) return true;
  }
  return false;
}

}  // namespace

void CheckSound(Table* table) {
  const Status status = table->CheckInvariants();
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  PARTITA_CHECK(status.ok());
}

void RunThreads(uint64_t threads, const std::function<void(uint64_t thread)>& fn) {
  std::barrier start(static_cast<ptrdiff_t>(threads));
  std::vector<std::thread> running;
  for (uint64_t t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      start.arrive_and_wait();
      fn(t);
      PARTITA_CHECK(LocksHeldByThisThread() == 0);
    });
  }
  for (std::thread& thread : running) thread.join();
}

int RunStress(int argc, char** argv, uint64_t operations, absl::Span<const Workload> workloads) {
  StressOptions options{.operations = operations, .seed = std::random_device()()};
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if ((argument == "--operations" || argument == "--seed") && i + 1 < argc) {
      (argument == "--seed" ? options.seed : options.operations) = std::strtoull(argv[++i], nullptr, 10);
    } else {
      names.push_back(argument);
    }
  }
  for (const std::string& name : names) {
    bool known = false;
    for (const Workload& workload : workloads) known = known || name == workload.name;
    if (!known) {
      std::fprintf(stderr, "no workload %s\n", name.c_str());
      return 2;
    }
  }
#ifdef PARTITA_SYNC_POINTS
  sync_point_hook.store(Yield);
#endif
  std::printf("--operations %llu --seed %llu\n", static_cast<unsigned long long>(options.operations),
              static_cast<unsigned long long>(options.seed));
  for (const Workload& workload : workloads) {
    if (!IsChosen(names, workload.name)) continue;
    std::printf("%-12s", workload.name);
    std::fflush(stdout);
    const LiveCounts before = ReadLiveCounts();
    const double begin = Now();
    workload.run(options);
    const LiveCounts after = ReadLiveCounts();
    PARTITA_CHECK(after.tables == before.tables && after.rows == before.rows);
    PARTITA_CHECK(after.snapshots == before.snapshots && after.walks == before.walks);
    PARTITA_CHECK(after.bytes == before.bytes);
    std::printf("%6.1f s\n", Now() - begin);
  }
  return 0;
}

}  // namespace partita::testing
