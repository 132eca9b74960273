// Whether what threads were told can be put in one order: each operation at some instant between its call and its
// return, each told what the operations before it in that order make true. The search of Wing and Gong (1993), with the
// states memoised in which it failed, as Lowe (2017) proposes.

#ifndef PARTITA_TESTING_LINEARIZABILITY_H_
#define PARTITA_TESTING_LINEARIZABILITY_H_

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "testing/check.h"

namespace partita::testing {

// An operation as its thread saw it: when it called, when it was answered, and both question and answer.
template <typename Call>
struct Event {
  uint64_t called = 0;
  uint64_t answered = 0;
  Call call;
};

// At most 64 events, of one object. `apply(call, &state)` says whether the answer fits the state, and then changes it.
// State is ordered by <.
template <typename State, typename Call, typename Apply>
class LinearizabilityCheck {
 public:
  LinearizabilityCheck(const std::vector<Event<Call>>& events, Apply apply)
      : events_(events), apply_(std::move(apply)) {
    PARTITA_CHECK(events.size() <= 64);
  }

  bool Holds(const State& initial) { return Search(0, initial); }

 private:
  // `done`: bits of the events that have their place already.
  bool Search(uint64_t done, const State& state) {
    if (done == AllOf(events_.size())) return true;
    if (!tried_.emplace(done, state).second) return false;
    // Only an event that was called before all those left were answered can be the next one.
    uint64_t first_answer = ~uint64_t{0};
    for (size_t i = 0; i < events_.size(); ++i) {
      if ((done >> i & 1) == 0 && events_[i].answered < first_answer) first_answer = events_[i].answered;
    }
    for (size_t i = 0; i < events_.size(); ++i) {
      if ((done >> i & 1) != 0 || events_[i].called > first_answer) continue;
      State next = state;
      if (apply_(events_[i].call, &next) && Search(done | uint64_t{1} << i, next)) return true;
    }
    return false;
  }
  static uint64_t AllOf(size_t count) { return count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

  const std::vector<Event<Call>>& events_;
  Apply apply_;
  std::set<std::pair<uint64_t, State>> tried_;
};

template <typename State, typename Call, typename Apply>
bool IsLinearizable(const std::vector<Event<Call>>& events, const State& initial, Apply apply) {
  return LinearizabilityCheck<State, Call, Apply>(events, std::move(apply)).Holds(initial);
}

}  // namespace partita::testing

#endif  // PARTITA_TESTING_LINEARIZABILITY_H_
