// What module.cc calls, one function per file bind_*.cc. They throw what pybind11 turns into an ImportError.

#ifndef PARTITA_BINDINGS_REGISTER_H_
#define PARTITA_BINDINGS_REGISTER_H_

#include <pybind11/pybind11.h>

namespace partita {

void RegisterTable(pybind11::module_& module);
void RegisterSnapshot(pybind11::module_& module);
void RegisterMatching(pybind11::module_& module);
void RegisterFile(pybind11::module_& module);
void RegisterDurable(pybind11::module_& module);
void RegisterProcess(pybind11::module_& module);
void RegisterErlang(pybind11::module_& module);
void RegisterBuffer(pybind11::module_& module);

}  // namespace partita

#endif  // PARTITA_BINDINGS_REGISTER_H_
