// Work shared out to threads that live for one call.

#ifndef PARTITA_BASE_PARALLEL_H_
#define PARTITA_BASE_PARALLEL_H_

#include <cstddef>

#include "absl/functional/function_ref.h"

namespace partita {

// Calls work(i) for each i below `workers`: work(0) on this thread, the others on threads of their own as far as system
// and memory allow, and returns when all are done. `work` must not throw. Throws std::bad_alloc before any is called.
void RunInParallel(size_t workers, absl::FunctionRef<void(size_t)> work);

}  // namespace partita

#endif  // PARTITA_BASE_PARALLEL_H_
