// Arguments of METH_FASTCALL | METH_KEYWORDS methods, by position or by name.

#ifndef PARTITA_BINDINGS_ARGUMENTS_H_
#define PARTITA_BINDINGS_ARGUMENTS_H_

#include <Python.h>

#include <cstddef>

#include "absl/base/optimization.h"

namespace partita {

namespace arguments_internal {
// The general case; sets a TypeError as Python's own functions do.
bool Parse(const char* function, const char* const* names, size_t count, size_t required, PyObject* const* args,
           Py_ssize_t nargs, PyObject* keywords, PyObject** values);
}  // namespace arguments_internal

// Fills `values` with borrowed references, null where an optional argument is missing. The first `required` must be
// there.
template <size_t kCount>
inline bool ParseArguments(const char* function, const char* const (&names)[kCount], size_t required,
                           PyObject* const* args, Py_ssize_t nargs, PyObject* keywords, PyObject* (&values)[kCount]) {
  const size_t given = static_cast<size_t>(nargs);
  if (ABSL_PREDICT_FALSE(keywords != nullptr || given < required || given > kCount)) {
    return arguments_internal::Parse(function, names, kCount, required, args, nargs, keywords, values);
  }
  for (size_t i = 0; i < kCount; ++i) values[i] = i < given ? args[i] : nullptr;
  return true;
}

// False with a TypeError: more are given by position than may be; the others have to be named.
inline bool AtMostPositional(const char* function, Py_ssize_t nargs, Py_ssize_t most) {
  if (ABSL_PREDICT_TRUE(nargs <= most)) return true;
  PyErr_Format(PyExc_TypeError, "%s() takes %zd positional argument%s, %zd were given", function, most,
               most == 1 ? "" : "s", nargs);
  return false;
}

}  // namespace partita

#endif  // PARTITA_BINDINGS_ARGUMENTS_H_
