#include "match/share.h"

#include <algorithm>

#include "base/parallel.h"

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
  RunInParallel(workers, run);
}

}  // namespace partita
