// Chunks shared out to threads that live for one scan.

#ifndef PARTITA_MATCH_SHARE_H_
#define PARTITA_MATCH_SHARE_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "column/chunk.h"

namespace partita {

// How many of `threads` threads a scan of so many chunks is worth, at least 1: what is little is done before a thread
// has started.
size_t WorkersFor(size_t chunks, int threads);

// Calls work(i, share) for each of `workers` shares of the chunks, which follow each other: one on this thread, the
// others on threads of their own as far as system and memory allow. `work` must not throw.
void ShareChunks(absl::Span<const Chunk* const> chunks, size_t workers,
                 absl::FunctionRef<void(size_t, absl::Span<const Chunk* const>)> work);

}  // namespace partita

#endif  // PARTITA_MATCH_SHARE_H_
