// Waiting until something may have changed, without a lock: whoever waits looks at the state between Ticket() and
// Wait(), whoever changes it calls NotifyAll() afterwards. A change after Ticket() ends the wait at once.
//
// A plain word like WordLock, and for the same reasons. Spurious wake-ups happen.

#ifndef PARTITA_BASE_EVENT_COUNT_H_
#define PARTITA_BASE_EVENT_COUNT_H_

#include <atomic>
#include <chrono>
#include <cstdint>

namespace partita {

class EventCount {
 public:
  constexpr EventCount() = default;
  EventCount(const EventCount&) = delete;
  EventCount& operator=(const EventCount&) = delete;

  uint32_t Ticket() {
    waiters_.fetch_add(1);
    return events_.load();
  }
  // Each Ticket() is followed by one of these.
  void Wait(uint32_t ticket, std::chrono::nanoseconds at_most);
  void Leave() { waiters_.fetch_sub(1); }

  void NotifyAll() {
    if (waiters_.load() != 0) Notify();
  }
  // In a fork's child, where no waiter exists.
  void ResetAfterFork() { waiters_.store(0); }

 private:
  void Notify();

  std::atomic<uint32_t> events_{0};
  std::atomic<uint32_t> waiters_{0};
};

}  // namespace partita

#endif  // PARTITA_BASE_EVENT_COUNT_H_
