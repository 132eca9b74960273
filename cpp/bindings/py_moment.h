// datetime, date, time and timedelta to terms and back.

#ifndef PARTITA_BINDINGS_PY_MOMENT_H_
#define PARTITA_BINDINGS_PY_MOMENT_H_

#include <Python.h>

#include "absl/strings/string_view.h"
#include "term/wire_writer.h"

namespace partita {

enum class Encoded : uint8_t {
  kDone,
  kOther,   // not one of these types
  kOpaque,  // of one of them, but with a tzinfo that has no wire form
  kError,   // an exception is set
};

// Adds `obj` to `writer`. pandas' subclasses are stored as what they are in Python if they are that exactly, else
// refused.
Encoded EncodeMoment(PyObject* obj, WireWriter* writer);

// The term at `p`, which must be of one of the four types. A new reference, or null with an exception set.
PyObject* DecodeMoment(const char* p);

bool InitMoments();

}  // namespace partita

#endif  // PARTITA_BINDINGS_PY_MOMENT_H_
