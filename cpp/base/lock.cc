#include "base/lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cassert>

namespace partita {
namespace lock_internal {

#if PARTITA_LOCK_CHECKS
thread_local int held_by_this_thread = 0;
std::atomic<bool (*)()> may_block{nullptr};

void CheckMayBlock() {
  bool (*check)() = may_block.load(std::memory_order_acquire);
  assert(check == nullptr || check());
}
#endif

namespace {

// Spins cover the usual hold time; whoever waits longer sleeps.
constexpr int kSpins = 60;

void FutexWait(std::atomic<uint32_t>* word, uint32_t expected) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(word), FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void FutexWake(std::atomic<uint32_t>* word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(word), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace
}  // namespace lock_internal

void WordLock::LockSlow() {
  for (int i = 0; i < lock_internal::kSpins; ++i) {
    if (word_.load(std::memory_order_relaxed) == 0 && TryLock()) return;
    lock_internal::Pause();
  }
  while (word_.exchange(2, std::memory_order_acquire) != 0) lock_internal::FutexWait(&word_, 2);
  lock_internal::NoteAcquired();
}

void WordLock::WakeOne() { lock_internal::FutexWake(&word_); }

void SetMayBlockCheck([[maybe_unused]] bool (*may_block)()) {
#if PARTITA_LOCK_CHECKS
  lock_internal::may_block.store(may_block, std::memory_order_release);
#endif
}

}  // namespace partita
