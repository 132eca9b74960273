#include "base/event_count.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

namespace partita {

void EventCount::Wait(uint32_t ticket, std::chrono::nanoseconds at_most) {
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t count = std::max<int64_t>(at_most.count(), 0);
  timespec timeout;
  timeout.tv_sec = static_cast<time_t>(count / kSecond);
  timeout.tv_nsec = static_cast<decltype(timeout.tv_nsec)>(count % kSecond);
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&events_), FUTEX_WAIT_PRIVATE, ticket, &timeout, nullptr, 0);
  Leave();
}

void EventCount::Notify() {
  events_.fetch_add(1);
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&events_), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace partita
