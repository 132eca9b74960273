#include "bindings/read_methods.h"

namespace partita {

PyObject* DecodeRows(const RowBuffer& rows, size_t first, size_t count) {
  Ref list = Ref::Steal(PyList_New(static_cast<Py_ssize_t>(count)));
  if (!list) return nullptr;
  for (size_t i = 0; i < count; ++i) {
    PyObject* row = DecodeRow(rows.row(first + i));
    if (row == nullptr) return nullptr;
    PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), row);
  }
  return list.release();
}

PyObject* DecodeFirstValues(const RowBuffer& rows) {
  Ref list = Ref::Steal(PyList_New(static_cast<Py_ssize_t>(rows.size())));
  if (!list) return nullptr;
  for (size_t i = 0; i < rows.size(); ++i) {
    PyObject* value = DecodeValue(rows.row(i)[0]);
    if (value == nullptr) return nullptr;
    PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), value);
  }
  return list.release();
}

PyObject* RaiseShortRow(PyObject* key, PyObject* position) {
  Ref repr = Ref::Steal(ShortRepr(key));
  if (repr) PyErr_Format(PyExc_ValueError, "position %R is past the end of the row with key %U", position, repr.get());
  return nullptr;
}

PyObject* RaiseManyRows(const char* method, const char* instead) {
  return PyErr_Format(PyExc_TypeError, "%s() needs a set or an ordered_set: a key of a bag may have many rows%s",
                      method, instead);
}

}  // namespace partita
