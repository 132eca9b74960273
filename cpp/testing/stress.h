// What stress programs share: threads that start together, calls as the bindings make them, and a command line.

#ifndef PARTITA_TESTING_STRESS_H_
#define PARTITA_TESTING_STRESS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/types/span.h"
#include "table/table.h"
#include "testing/random.h"

namespace partita::testing {

struct StressOptions {
  uint64_t operations = 0;  // about how many of each workload
  uint64_t seed = 0;
};

struct Workload {
  const char* name;
  void (*run)(const StressOptions& options);
};

// Runs fn(0) to fn(threads - 1), each on a thread of its own, from one start. Ends the program if one is left with a
// lock.
void RunThreads(uint64_t threads, const std::function<void(uint64_t thread)>& fn);

// Most workloads run so many: some that change the table and some that judge it.
inline constexpr uint64_t kThreads = 4;

// As a caller with the GIL asks: first without waiting.
template <typename Call>
Outcome Ask(Random* random, Call&& call) {
  if (random->OneIn(2)) {
    const Outcome outcome = call(Wait::kTry);
    if (outcome != Outcome::kWouldBlock) return outcome;
  }
  return call(Wait::kBlock);
}

// Ends the program, with what is wrong, if an invariant does not hold.
void CheckSound(Table* table);

// Runs the workloads, or those named on the command line:
//
//   <program> [--operations N] [--seed N] [workload ...]
//
// The seed is drawn where none is given, and printed first. Returns the exit status. Whatever is wrong ends the program
// at once, with the place that found it; also if anything is alive that was not before.
int RunStress(int argc, char** argv, uint64_t operations, absl::Span<const Workload> workloads);

}  // namespace partita::testing

#endif  // PARTITA_TESTING_STRESS_H_
