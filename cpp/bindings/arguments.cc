#include "bindings/arguments.h"

namespace partita::arguments_internal {

bool Parse(const char* function, const char* const* names, size_t count, size_t required, PyObject* const* args,
           Py_ssize_t nargs, PyObject* keywords, PyObject** values) {
  if (static_cast<size_t>(nargs) > count) {
    PyErr_Format(PyExc_TypeError, "%s() takes at most %zu positional arguments (%zd given)", function, count, nargs);
    return false;
  }
  for (size_t i = 0; i < count; ++i) values[i] = i < static_cast<size_t>(nargs) ? args[i] : nullptr;
  const Py_ssize_t keyword_count = keywords == nullptr ? 0 : PyTuple_GET_SIZE(keywords);
  for (Py_ssize_t k = 0; k < keyword_count; ++k) {
    PyObject* keyword = PyTuple_GET_ITEM(keywords, k);
    size_t i = 0;
    while (i < count && PyUnicode_CompareWithASCIIString(keyword, names[i]) != 0) ++i;
    if (i == count) {
      PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument %R", function, keyword);
      return false;
    }
    if (values[i] != nullptr) {
      PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%s'", function, names[i]);
      return false;
    }
    values[i] = args[nargs + k];
  }
  for (size_t i = 0; i < required; ++i) {
    if (values[i] == nullptr) {
      PyErr_Format(PyExc_TypeError, "%s() missing required argument: '%s'", function, names[i]);
      return false;
    }
  }
  return true;
}

}  // namespace partita::arguments_internal
