// Methods of a MapBuffer.

#ifndef PARTITA_BINDINGS_MAP_METHODS_H_
#define PARTITA_BINDINGS_MAP_METHODS_H_

#include <Python.h>

namespace partita {

PyObject* MapPut(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords);
PyObject* MapPutNewer(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords);
PyObject* MapGet(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords);
PyObject* MapDelete(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords);

}  // namespace partita

#endif  // PARTITA_BINDINGS_MAP_METHODS_H_
