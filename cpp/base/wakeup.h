// How threads wait for something that another one does: four bytes on a futex, so that, as with WordLock, nothing of it
// has to be undone in the child of a fork.
//
//   waits                                    does
//   lock; seen = wakeup.Now(); look; unlock  lock; change; unlock
//   wakeup.Wait(seen, seconds)               wakeup.Notify()
//
// A Notify() after Now() ends the wait, also if it comes before Wait().

#ifndef PARTITA_BASE_WAKEUP_H_
#define PARTITA_BASE_WAKEUP_H_

#include <atomic>
#include <cstdint>

namespace partita {

class Wakeup {
 public:
  constexpr Wakeup() = default;
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  uint32_t Now() const { return word_.load(std::memory_order_acquire); }
  // Returns after a Notify() since Now() said `seen`, after so many seconds, and now and then without a reason.
  void Wait(uint32_t seen, double seconds);
  // Wakes all who wait.
  void Notify() {
    word_.fetch_add(1, std::memory_order_seq_cst);
    if (waiters_.load(std::memory_order_seq_cst) != 0) WakeAll();
  }

 private:
  void WakeAll();

  std::atomic<uint32_t> word_{0};
  std::atomic<uint32_t> waiters_{0};
};

}  // namespace partita

#endif  // PARTITA_BASE_WAKEUP_H_
