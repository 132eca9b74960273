// A mutex of four bytes on a futex.
//
// Exclusive only: readers of a partition hold it for some 50 ns, scans never hold it. It is a plain word so that a
// fork's child can reset it (no waiter exists there), so that a partition's first cache line holds it, and so that the
// thread sanitizer sees it (it is nothing but an atomic). States: 0 free, 1 held, 2 held and somebody may wait.
//
// The law (cpp/ARCHITECTURE.md, "Locks and the GIL"): whoever blocks here must not hold the GIL, and whoever holds a
// lock must not call Python. Debug builds check both: Lock() asks `may_block`, bindings ask `HeldByThisThread()`.

#ifndef PARTITA_BASE_LOCK_H_
#define PARTITA_BASE_LOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/base/optimization.h"
#include "absl/base/thread_annotations.h"
#include "base/sync_point.h"

namespace partita {

#ifndef NDEBUG
#define PARTITA_LOCK_CHECKS 1
#else
#define PARTITA_LOCK_CHECKS 0
#endif

namespace lock_internal {
#if PARTITA_LOCK_CHECKS
extern thread_local int held_by_this_thread;
extern std::atomic<bool (*)()> may_block;  // null: always
void CheckMayBlock();
inline void NoteAcquired() { ++held_by_this_thread; }
inline void NoteReleased() { --held_by_this_thread; }
#else
inline void CheckMayBlock() {}
inline void NoteAcquired() {}
inline void NoteReleased() {}
#endif
}  // namespace lock_internal

class ABSL_LOCKABLE WordLock {
 public:
  constexpr WordLock() = default;
  WordLock(const WordLock&) = delete;
  WordLock& operator=(const WordLock&) = delete;

  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    SyncPoint();
    uint32_t free = 0;
    if (!word_.compare_exchange_strong(free, 1, std::memory_order_acquire, std::memory_order_relaxed)) return false;
    lock_internal::NoteAcquired();
    return true;
  }

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    lock_internal::CheckMayBlock();  // whether it will block or not
    LockWithoutCheck();
  }

  void Unlock() ABSL_UNLOCK_FUNCTION() {
    lock_internal::NoteReleased();
    if (ABSL_PREDICT_FALSE(word_.exchange(0, std::memory_order_release) == 2)) WakeOne();
    SyncPoint();
  }

  // Lock() for the fork handler, the one place that waits with the GIL held: no holder of a lock waits for the GIL, so
  // the wait is bounded.
  void LockWithoutCheck() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (ABSL_PREDICT_FALSE(!TryLock())) LockSlow();
  }

  // Only in the child of a fork, by the thread that took the lock before it: no other thread exists, nobody waits.
  void ResetAfterFork() ABSL_UNLOCK_FUNCTION() {
    lock_internal::NoteReleased();
    word_.store(0, std::memory_order_relaxed);
  }

 private:
  void LockSlow() ABSL_EXCLUSIVE_LOCK_FUNCTION();
  void WakeOne();

  std::atomic<uint32_t> word_{0};
};

// How a call may wait for a lock. kTry: give up at once and report that it would block (a caller that holds the GIL).
enum class Wait : uint8_t { kTry, kBlock };

// Number of engine locks this thread holds; always 0 in release builds.
inline int LocksHeldByThisThread() {
#if PARTITA_LOCK_CHECKS
  return lock_internal::held_by_this_thread;
#else
  return 0;
#endif
}

// Installs the check that a blocking Lock() makes in debug builds (the bindings pass "the GIL is not held").
void SetMayBlockCheck(bool (*may_block)());

}  // namespace partita

#endif  // PARTITA_BASE_LOCK_H_
