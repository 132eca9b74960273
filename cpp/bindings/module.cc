// partita._core. Not declared safe without the GIL: the engine is, but the places marked "relies on the GIL" in this
// folder come first.

#include <pybind11/pybind11.h>

#include "bindings/py_term.h"
#include "bindings/register.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "The engine of partita. Use the package partita instead.";
  if (!partita::InitTerms(module.ptr()) || !partita::RegisterTermTestHooks(module.ptr()))
    throw pybind11::error_already_set();
  partita::RegisterTable(module);
  partita::RegisterSnapshot(module);
  partita::RegisterMatching(module);
  partita::RegisterFile(module);
  partita::RegisterDurable(module);
  partita::RegisterProcess(module);
  partita::RegisterErlang(module);
  partita::RegisterBuffer(module);
}
