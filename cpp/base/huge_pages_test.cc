// The pool of large blocks: they come and go, keep their bytes, are used again, and outlive a fork. Under the address
// and thread sanitizers there is no pool, and the same holds of malloc.

#include "base/huge_pages.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <thread>
#include <vector>

#include "base/lock.h"
#include "testing/random.h"

namespace partita {
namespace {

constexpr size_t kArray = 8192 + 32;  // of 1024 numbers, with its header: what most blocks of a table are
constexpr size_t kSizes[] = {kArray, 2 * 8192 + 32, 8192, 10000, size_t{128} << 10, 100, 8191, size_t{1} << 20};
constexpr size_t kRegion = size_t{2} << 20;

struct Held {
  uint64_t* data;
  size_t bytes;
  uint64_t mark;
};

// A block filled to its last byte.
Held Take(size_t bytes, uint64_t mark) {
  auto* data = static_cast<uint64_t*>(AllocateLarge(bytes));
  EXPECT_NE(data, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0u);
  std::memset(data, static_cast<int>(mark & 0xFF), bytes);
  std::memcpy(data, &mark, sizeof(mark));
  return Held{data, bytes, mark};
}

bool IsWhole(const Held& held) {
  if (std::memcmp(held.data, &held.mark, sizeof(held.mark)) != 0) return false;
  const auto* bytes = reinterpret_cast<const unsigned char*>(held.data);
  return std::all_of(bytes + sizeof(held.mark), bytes + held.bytes,
                     [&held](unsigned char byte) { return byte == (held.mark & 0xFF); });
}

void Give(const Held& held) { FreeLarge(held.data, held.bytes); }

// Whether `held` neither overlap nor have changed.
void ExpectAllWhole(const std::vector<Held>& held) {
  std::map<uintptr_t, size_t> places;
  for (const Held& h : held) {
    ASSERT_TRUE(IsWhole(h));
    places.emplace(reinterpret_cast<uintptr_t>(h.data), h.bytes);
  }
  ASSERT_EQ(places.size(), held.size());
  uintptr_t end = 0;
  for (const auto& [begin, bytes] : places) {
    ASSERT_LE(end, begin);
    end = begin + bytes;
  }
}

TEST(HugePagesTest, BlocksOfAllSizesKeepTheirBytes) {
  testing::Random random(1);
  std::vector<Held> held;
  for (uint64_t i = 0; i < 20000; ++i) {
    if (held.size() > 1000 || (!held.empty() && random.Below(5) < 2)) {
      const size_t victim = random.Below(held.size());
      ASSERT_TRUE(IsWhole(held[victim]));
      Give(held[victim]);
      held[victim] = held.back();
      held.pop_back();
    } else {
      held.push_back(Take(kSizes[random.Below(std::size(kSizes))], i));
    }
  }
  ExpectAllWhole(held);
  for (const Held& h : held) Give(h);
}

// The same blocks again, so a table that comes and goes does not grow the process.
TEST(HugePagesTest, BlocksAreUsedAgain) {
  std::vector<Held> held;
  for (uint64_t i = 0; i < 4096; ++i) held.push_back(Take(kArray, i));  // beyond what comes from malloc first
  ExpectAllWhole(held);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // The last ones stand close together in aligned regions, which have no room for what malloc would add.
  std::map<uintptr_t, size_t> in_region;
  for (const Held& h : held) ++in_region[reinterpret_cast<uintptr_t>(h.data) / kRegion];
  size_t most = 0;
  for (const auto& [region, blocks] : in_region) most = std::max(most, blocks);
  EXPECT_EQ(most, (kRegion - 64) / ((kArray + 63) / 64 * 64));

  for (size_t i = 2000; i < 3000; ++i) Give(held[i]);
  std::vector<uint64_t*> again;
  std::vector<uint64_t*> before;
  for (size_t i = 2000; i < 3000; ++i) {
    before.push_back(held[i].data);
    held[i] = Take(kArray, i);
    again.push_back(held[i].data);
  }
  std::sort(before.begin(), before.end());
  std::sort(again.begin(), again.end());
  std::vector<uint64_t*> both;
  std::set_intersection(before.begin(), before.end(), again.begin(), again.end(), std::back_inserter(both));
  EXPECT_GT(both.size(), 700u);  // all but those whose region went back to the kernel in between
#endif
  ExpectAllWhole(held);
  for (const Held& h : held) Give(h);
}

TEST(HugePagesTest, AnyThreadMayTakeAndGive) {
  constexpr int kThreads = 4;
  constexpr uint64_t kRounds = 5000;
  std::atomic<uint64_t*> passed[64] = {};  // blocks on their way from one thread to another
  std::atomic<int> broken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      testing::Random random(static_cast<uint64_t>(t));
      for (uint64_t i = 0; i < kRounds; ++i) {
        const Held mine = Take(kArray, uint64_t{static_cast<unsigned>(t)} << 32 | i);
        uint64_t* other = passed[random.Below(std::size(passed))].exchange(mine.data);
        if (other == nullptr) continue;
        const Held theirs{other, kArray, other[0]};
        if (!IsWhole(theirs)) ++broken;
        Give(theirs);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::atomic<uint64_t*>& block : passed) {
    if (block.load() != nullptr) FreeLarge(block.load(), kArray);
  }
  EXPECT_EQ(broken.load(), 0);
}

#if !defined(__SANITIZE_THREAD__)  // which does not follow forks of programs with threads
// The child has the parent's blocks, gives them back and takes others; the parent's stay as they are.
TEST(HugePagesTest, TheChildOfAForkHasAPoolOfItsOwn) {
  std::vector<Held> held;
  for (uint64_t i = 0; i < 2000; ++i) held.push_back(Take(kArray, i));
  LockLargeBlocksForFork();
  const pid_t child = fork();
  if (child == 0) {
    ResetLargeBlocksAfterFork();
    bool well = LocksHeldByThisThread() == 0;
    for (const Held& h : held) {
      well = well && IsWhole(h);
      Give(h);
    }
    for (uint64_t i = 0; i < 3000; ++i) well = well && IsWhole(Take(kArray, ~i));
    _exit(well ? 0 : 1);
  }
  UnlockLargeBlocksAfterFork();
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ExpectAllWhole(held);
  for (const Held& h : held) Give(h);
}
#endif

}  // namespace
}  // namespace partita
