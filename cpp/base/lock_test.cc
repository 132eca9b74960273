// The word lock: exclusion, waking, and the law that debug builds check.

#include "base/lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "table/partition.h"

#if defined(__clang__)  // whose analysis of locks does not see through ASSERT_TRUE(lock.TryLock())
#pragma clang diagnostic ignored "-Wthread-safety-analysis"
#endif

namespace partita {
namespace {

// 0 in release builds, where nothing is counted.
int Held(int count) { return PARTITA_LOCK_CHECKS ? count : 0; }

TEST(WordLockTest, TryLockFailsWhileHeld) {
  WordLock lock;
  ASSERT_TRUE(lock.TryLock());
  EXPECT_EQ(LocksHeldByThisThread(), Held(1));
  std::thread([&lock] {
    EXPECT_FALSE(lock.TryLock());
    EXPECT_EQ(LocksHeldByThisThread(), 0);
  }).join();
  EXPECT_FALSE(lock.TryLock());
  EXPECT_EQ(LocksHeldByThisThread(), Held(1));
  lock.Unlock();
  EXPECT_EQ(LocksHeldByThisThread(), 0);
  ASSERT_TRUE(lock.TryLock());
  lock.Unlock();
}

TEST(WordLockTest, OneHolderAtATimeAndNobodySleepsForEver) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20000;
  WordLock lock;
  int64_t guarded = 0;  // a data race if two were inside at once
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        if (t % 2 == 0) {
          lock.Lock();
        } else if (!lock.TryLock()) {
          lock.LockWithoutCheck();
        }
        ++guarded;
        // Whoever holds it for longer makes the others sleep.
        if (i % 1000 == 0) std::this_thread::yield();
        lock.Unlock();
      }
      EXPECT_EQ(LocksHeldByThisThread(), 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(guarded, int64_t{kThreads} * kRounds);
}

std::atomic<int> asked{0};

TEST(WordLockTest, AsksBeforeItBlocks) {
  if (!PARTITA_LOCK_CHECKS) GTEST_SKIP() << "release builds do not ask";
  asked = 0;
  SetMayBlockCheck([] {
    ++asked;
    return true;
  });
  WordLock lock;
  lock.TryLock();
  EXPECT_EQ(asked, 0);
  lock.Unlock();
  lock.LockWithoutCheck();
  EXPECT_EQ(asked, 0);
  lock.Unlock();
  lock.Lock();  // it need not block for that
  EXPECT_EQ(asked, 1);
  std::thread waiter([&lock] {
    lock.Lock();
    lock.Unlock();
  });
  while (asked == 1) std::this_thread::yield();
  lock.Unlock();
  waiter.join();
  EXPECT_EQ(asked, 2);
  SetMayBlockCheck(nullptr);
}

TEST(WordLockTest, ResetAfterForkLetsGo) {
  WordLock lock;
  lock.LockWithoutCheck();
  lock.ResetAfterFork();
  EXPECT_EQ(LocksHeldByThisThread(), 0);
  EXPECT_TRUE(lock.TryLock());
  lock.Unlock();
}

TEST(LockedTest, TriesOrBlocks) {
  Partition partition;
  {
    const Locked locked(&partition, Wait::kTry);
    ASSERT_TRUE(locked.got());
    EXPECT_EQ(LocksHeldByThisThread(), Held(1));
    const Locked second(&partition, Wait::kTry);
    EXPECT_FALSE(second.got());
    EXPECT_EQ(LocksHeldByThisThread(), Held(1));
  }
  EXPECT_EQ(LocksHeldByThisThread(), 0);
  const Locked again(&partition, Wait::kBlock);
  EXPECT_TRUE(again.got());
}

TEST(LockedManyTest, AllOrNone) {
  Partition partitions[4];
  const std::vector<Shard*> shards = {&partitions[0], &partitions[2], &partitions[3]};
  {
    LockedMany locked;
    ASSERT_TRUE(locked.Take(shards, Wait::kTry));
    EXPECT_EQ(LocksHeldByThisThread(), Held(3));
    EXPECT_TRUE(partitions[1].lock.TryLock());
    EXPECT_FALSE(partitions[2].lock.TryLock());
    partitions[1].lock.Unlock();
  }
  EXPECT_EQ(LocksHeldByThisThread(), 0);
  partitions[2].lock.Lock();
  {
    LockedMany locked;
    EXPECT_FALSE(locked.Take(shards, Wait::kTry));
    EXPECT_EQ(LocksHeldByThisThread(), Held(1));
    EXPECT_TRUE(partitions[0].lock.TryLock());
    partitions[0].lock.Unlock();
  }
  partitions[2].lock.Unlock();
  EXPECT_EQ(LocksHeldByThisThread(), 0);
  LockedMany none;
  EXPECT_TRUE(none.Take({}, Wait::kTry));
}

}  // namespace
}  // namespace partita
