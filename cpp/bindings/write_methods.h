// The writing methods of tables. Their documentation stands in bind_table.cc.

#ifndef PARTITA_BINDINGS_WRITE_METHODS_H_
#define PARTITA_BINDINGS_WRITE_METHODS_H_

#include <Python.h>

namespace partita {

// write_methods.cc: one row or one key.
PyObject* Insert(PyObject* self, PyObject* rows);
PyObject* InsertNew(PyObject* self, PyObject* rows);
PyObject* Delete(PyObject* self, PyObject* key);
PyObject* DeleteObject(PyObject* self, PyObject* row);
PyObject* Take(PyObject* self, PyObject* key);
PyObject* CompareAndSwap(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords);

// write_batches.cc: many.
PyObject* InsertMany(PyObject* self, PyObject* rows);
PyObject* DeleteMany(PyObject* self, PyObject* keys);
PyObject* Clear(PyObject* self, PyObject*);
PyObject* Drop(PyObject* self, PyObject*);
PyObject* Compact(PyObject* self, PyObject*);

// update_methods.cc: parts of a row.
PyObject* UpdateCounter(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords);
PyObject* UpdateElement(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords);

// update_row.cc: a row by a function of it.
PyObject* Update(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords);

}  // namespace partita

#endif  // PARTITA_BINDINGS_WRITE_METHODS_H_
