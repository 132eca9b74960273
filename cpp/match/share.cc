#include "match/share.h"

#include <algorithm>
#include <exception>
#include <thread>
#include <vector>

namespace partita {

size_t WorkersFor(size_t chunks, int threads) {
  constexpr size_t kChunksPerThread = 512;
  constexpr size_t kMaxWorkers = 64;
  return std::clamp<size_t>(std::min<size_t>(static_cast<size_t>(std::max(threads, 1)), chunks / kChunksPerThread), 1,
                            kMaxWorkers);
}

void ShareChunks(absl::Span<const Chunk* const> chunks, size_t workers,
                 absl::FunctionRef<void(size_t, absl::Span<const Chunk* const>)> work) {
  const size_t share = (chunks.size() + workers - 1) / workers;
  const auto run = [&](size_t worker) { work(worker, chunks.subspan(std::min(worker * share, chunks.size()), share)); };
  std::vector<std::thread> others;
  others.reserve(workers);
  size_t mine = 1;  // workers from here on found no thread
  try {
    for (; mine < workers; ++mine) others.emplace_back(run, mine);
  } catch (const std::exception&) {
    // As many threads as system and memory allow.
  }
  run(0);
  for (; mine < workers; ++mine) run(mine);
  for (std::thread& thread : others) thread.join();
}

}  // namespace partita
