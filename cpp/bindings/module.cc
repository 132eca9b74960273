// partita._core. Not declared safe without the GIL: the engine is, but the places marked "relies on the GIL" in this
// folder come first.

#include <pybind11/pybind11.h>

#include "bindings/py_term.h"
#include "bindings/register.h"

namespace {

constexpr const char* kNotMain = "partita._core does not support loading in subinterpreters";

bool InMainInterpreter() { return PyInterpreterState_Get() == PyInterpreterState_Main(); }

}  // namespace

// Called by PyInit__core below.
PYBIND11_MODULE(_core_in_main, module) {
  if (!InMainInterpreter()) throw pybind11::import_error(kNotMain);  // from 3.13 on PyInit runs in the main one
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

// The engine's tables and what the bindings keep belong to the process, and pybind11 takes the GIL in a way that knows
// the main interpreter alone: up to Python 3.11 it would wait for it for ever in another one.
PYBIND11_PLUGIN_DECL(_core)
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  if (InMainInterpreter()) return PyInit__core_in_main();
  PyErr_SetString(PyExc_ImportError, kNotMain);
  return nullptr;
}
