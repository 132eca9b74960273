// Letting go of the GIL and taking it back, by the law of locks (cpp/ARCHITECTURE.md, "Locks and the GIL").
//
// Nobody waits for an engine lock holding the GIL: CallEngine asks with Wait::kTry first, and only a call that would
// block pays for giving the GIL away. Nobody waits for the GIL holding an engine lock: TakeGilBack runs after the
// engine call has returned. It is called by name and never from a destructor, so that each place where Python may end
// the thread is seen.

#ifndef PARTITA_BINDINGS_GIL_H_
#define PARTITA_BINDINGS_GIL_H_

#include <Python.h>

#include <cassert>
#include <memory>
#include <new>
#include <utility>

#include "absl/base/optimization.h"
#include "base/lock.h"
#include "table/outcome.h"

namespace partita {

// The GIL again, for a thread that saved `state` with PyEval_SaveThread. Does not return while the interpreter is
// shutting down: up to 3.13 CPython ends a late daemon thread here by unwinding its stack, through destructors that
// would then touch Python objects without the GIL. Such a thread is parked until the process ends (3.14 does so
// itself).
void TakeGilBack(PyThreadState* state);

// Runs `call` without the GIL. It returns an Outcome and touches no Python object.
template <typename Call>
[[nodiscard]] Outcome WithoutGil(Call&& call) {
  assert(LocksHeldByThisThread() == 0);
  PyThreadState* state = PyEval_SaveThread();
  Outcome outcome;
  try {
    outcome = call();
  } catch (const std::bad_alloc&) {
    outcome = Outcome::kNoMemory;
  } catch (...) {
    TakeGilBack(state);
    throw;
  }
  TakeGilBack(state);
  return outcome;
}

// Runs call(Wait::kBlock) without the GIL, and again as long as it says kWouldBlock: what may wait for long, for the
// disk, gives way to signal handlers now and then.
template <typename Call>
[[nodiscard]] Outcome CallWithoutGil(Call&& call) {
  for (;;) {
    const Outcome outcome = WithoutGil([&] { return call(Wait::kBlock); });
    if (outcome != Outcome::kWouldBlock) return outcome;
    if (PyErr_CheckSignals() != 0) return Outcome::kInterrupted;
  }
}

// Calls call(Wait) such that the GIL is never held while waiting.
template <typename Call>
[[nodiscard]] inline Outcome CallEngine(Call&& call) {
  const Outcome outcome = call(Wait::kTry);
  return ABSL_PREDICT_FALSE(outcome == Outcome::kWouldBlock) ? CallWithoutGil(call) : outcome;
}

// Lets go of something large (a dropped table's last owner, a snapshot): freeing it may take milliseconds.
template <typename T>
void ReleaseWithoutGil(std::shared_ptr<T> owner) {
  if (owner == nullptr) return;
  static_cast<void>(WithoutGil([&owner] {
    owner.reset();
    return Outcome::kOk;
  }));
}

// Installs the debug check that no thread blocks on an engine lock while it holds the GIL.
void InstallGilCheck();

}  // namespace partita

#endif  // PARTITA_BINDINGS_GIL_H_
