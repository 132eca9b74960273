#include "bindings/run_sweep.h"

#include <chrono>

#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/match_spec.h"

namespace partita {

bool RunSweep(const Shape& shape, const Program& program, Sweep* sweep, MatchJudge* judge, bool* done) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kSlice{10};
  *done = false;
  const auto goes_on = [&](Outcome outcome) { return outcome == Outcome::kOk && !*done && !judge->has_enough(); };
  Outcome outcome = Outcome::kOk;
  if (program.is_light()) outcome = CallEngine([&](Wait wait) { return sweep->Next(judge, wait, done); });
  while (outcome == Outcome::kWouldBlock || goes_on(outcome)) {
    outcome = WithoutGil([&] {
      const Clock::time_point end = Clock::now() + kSlice;
      judge->set_deadline(end);
      Outcome last;
      do {
        last = sweep->Next(judge, Wait::kBlock, done);
      } while (goes_on(last) && Clock::now() < end);
      return last;
    });
    if (PyErr_CheckSignals() != 0) return false;
  }
  if (outcome != Outcome::kOk) RaiseOutcome(shape, outcome);
  return outcome == Outcome::kOk && CheckJudge(program, *judge);
}

bool CheckJudge(const Program& program, const MatchJudge& judge) {
  if (judge.failed()) RaiseMatchError(judge.failure(), judge.failed_row(), program.columns());
  return !judge.failed();
}

}  // namespace partita
