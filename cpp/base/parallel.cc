#include "base/parallel.h"

#include <exception>
#include <thread>
#include <vector>

namespace partita {

void RunInParallel(size_t workers, absl::FunctionRef<void(size_t)> work) {
  std::vector<std::thread> others;
  others.reserve(workers);
  size_t mine = 1;  // from here on none found a thread
  try {
    for (; mine < workers; ++mine) others.emplace_back(work, mine);
  } catch (const std::exception&) {
    // As many threads as system and memory allow.
  }
  if (workers > 0) work(0);
  for (; mine < workers; ++mine) work(mine);
  for (std::thread& thread : others) thread.join();
}

}  // namespace partita
