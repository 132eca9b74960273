// Big ints, Decimal and UUID to terms and back.

#ifndef PARTITA_BINDINGS_PY_SCALAR_H_
#define PARTITA_BINDINGS_PY_SCALAR_H_

#include <Python.h>

#include "absl/container/inlined_vector.h"
#include "bindings/py_moment.h"
#include "term/wire_writer.h"

namespace partita {

// The magnitude of an int, least significant byte first, the last one not 0.
using BigBytes = absl::InlinedVector<char, 64>;
bool ReadBigInt(PyObject* obj, BigBytes* magnitude);

// Adds a datetime, date, time, timedelta, Decimal or UUID to `writer`.
Encoded EncodeScalar(PyObject* obj, WireWriter* writer);

// The term at `p`. New references, or null with an exception set.
PyObject* DecodeBigInt(const char* p);
PyObject* DecodeDecimal(const char* p);
PyObject* DecodeUuid(const char* p);

}  // namespace partita

#endif  // PARTITA_BINDINGS_PY_SCALAR_H_
