// The one place where engine outcomes become Python exceptions. The classes live in python/partita/errors.py.
//
// Every function here may run Python code (a __repr__), so no engine lock may be held.

#ifndef PARTITA_BINDINGS_ERRORS_H_
#define PARTITA_BINDINGS_ERRORS_H_

#include <Python.h>

#include "bindings/handles.h"
#include "table/outcome.h"

namespace partita {

enum class ErrorClass { kTableDropped, kSnapshotClosed, kTableFixed };

// Sets the exception for an outcome that needs no more words, and returns null. Outcomes that do (a position, a
// counter) are told by the method that knows key and operation.
PyObject* RaiseOutcome(const Shape& shape, Outcome outcome);

// KeyError(key), also where the key is a tuple.
PyObject* RaiseKeyError(PyObject* key);

PyObject* RaiseSnapshotClosed();

// repr(object) as a new str, of large objects its beginning (python/partita/errors.py); the type's name if repr()
// fails. Null, with the exception set, without memory and for what is meant to end more than repr(): Ctrl-C.
PyObject* ShortRepr(PyObject* object);

// Puts `context` (a printf-like format) and ": " before the message of the pending exception if that is exactly a
// ValueError or TypeError; what user code raised is left alone.
void AddContext(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace partita

#endif  // PARTITA_BINDINGS_ERRORS_H_
