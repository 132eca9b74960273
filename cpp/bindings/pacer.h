// Manners for long loops in C, which the interpreter's own switching does not reach.

#ifndef PARTITA_BINDINGS_PACER_H_
#define PARTITA_BINDINGS_PACER_H_

#include <Python.h>

#include <chrono>

#include "bindings/gil.h"

namespace partita {

// Call Tick() every hundred rows or so, with no lock held. Every 5 ms (Python's own switch interval) it lets other
// threads have the GIL and signal handlers run.
class Pacer {
 public:
  // False: a signal handler raised (KeyboardInterrupt).
  bool Tick() {
    const Clock::time_point now = Clock::now();
    if (now < next_) return true;
    static_cast<void>(WithoutGil([] { return Outcome::kOk; }));
    next_ = Clock::now() + kInterval;
    return PyErr_CheckSignals() == 0;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{5};

  Clock::time_point next_ = Clock::now() + kInterval;
};

}  // namespace partita

#endif  // PARTITA_BINDINGS_PACER_H_
