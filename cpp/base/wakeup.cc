#include "base/wakeup.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

namespace partita {

void Wakeup::Wait(uint32_t seen, double seconds) {
  constexpr double kLongest = 3600;
  const double wait = std::clamp(seconds, 0.0, kLongest);
  timespec timeout;
  timeout.tv_sec = static_cast<time_t>(wait);
  timeout.tv_nsec = static_cast<long>((wait - static_cast<double>(timeout.tv_sec)) * 1e9);
  waiters_.fetch_add(1, std::memory_order_seq_cst);
  // Returns at once if the word has changed: after Notify() read no waiters.
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word_), FUTEX_WAIT_PRIVATE, seen, &timeout, nullptr, 0);
  waiters_.fetch_sub(1, std::memory_order_seq_cst);
}

void Wakeup::WakeAll() {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word_), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace partita
