#include "bindings/read_methods.h"

namespace partita {
namespace {

// A list of what decode(0), decode(1) ... give.
template <typename Decode>
PyObject* MakeList(size_t count, Decode&& decode) {
  Ref list = Ref::Steal(PyList_New(static_cast<Py_ssize_t>(count)));
  if (!list) return nullptr;
  PyObject_GC_UnTrack(list.get());  // decoding may run code, to which the collector must not show holes
  for (size_t i = 0; i < count; ++i) {
    PyObject* object = decode(i);
    if (object == nullptr) return nullptr;
    PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), object);
  }
  PyObject_GC_Track(list.get());
  return list.release();
}

}  // namespace

PyObject* DecodeRows(const RowBuffer& rows, size_t first, size_t count) {
  return MakeList(count, [&](size_t i) { return DecodeRow(rows.row(first + i)); });
}

PyObject* DecodeFirstValues(const RowBuffer& rows) {
  return MakeList(rows.size(), [&](size_t i) { return DecodeValue(rows.row(i)[0]); });
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
