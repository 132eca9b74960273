// Methods of a QueueBuffer.

#ifndef PARTITA_BINDINGS_QUEUE_METHODS_H_
#define PARTITA_BINDINGS_QUEUE_METHODS_H_

#include <Python.h>

namespace partita {

PyObject* QueuePush(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords);
PyObject* QueuePushMany(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords);

}  // namespace partita

#endif  // PARTITA_BINDINGS_QUEUE_METHODS_H_
