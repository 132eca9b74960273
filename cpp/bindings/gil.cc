#include "bindings/gil.h"

#include <unistd.h>

namespace partita {
namespace {

[[noreturn]] void ParkForEver() {
  for (;;) pause();
}

}  // namespace

void TakeGilBack(PyThreadState* state) {
  assert(LocksHeldByThisThread() == 0);
  try {
    PyEval_RestoreThread(state);
  } catch (...) {  // not abi::__forced_unwind&, which has no object that it could refer to
    // pthread_exit, called by CPython on a thread that comes late. Nothing above this frame has been unwound yet.
    ParkForEver();
  }
}

void InstallGilCheck() {
  SetMayBlockCheck([] { return PyGILState_Check() == 0; });
}

}  // namespace partita
