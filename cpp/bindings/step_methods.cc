#include "bindings/step_methods.h"

#include <utility>

namespace partita {

PyObject* NewEnd() {
  static PyObject* end = nullptr;  // imported on first use: the package imports this module first
  if (end == nullptr) {
    const Ref module = Ref::Steal(PyImport_ImportModule("partita.reading"));
    if (!module) return nullptr;
    end = PyObject_GetAttrString(module.get(), "END");
  }
  Py_XINCREF(end);
  return end;
}

PyObject* DecodeKeyAndRows(const RowBuffer& rows, uint32_t keypos) {
  Ref key = Ref::Steal(DecodeValue(rows.row(0)[keypos]));
  if (!key) return nullptr;
  Ref list = Ref::Steal(DecodeRows(rows, 0, rows.size()));
  if (!list) return nullptr;
  return PyTuple_Pack(2, key.get(), list.get());
}

bool ParseSlotNumber(PyObject* object, uint64_t* number, bool* past_all) {
  if (PyBool_Check(object) || !PyIndex_Check(object)) {
    PyErr_Format(PyExc_TypeError, "slot() takes an int from 0, not %.100s", Py_TYPE(object)->tp_name);
    return false;
  }
  const Ref index = Ref::Steal(PyNumber_Index(object));
  if (!index) return false;
  int overflow;
  const long long value = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (overflow < 0 || (overflow == 0 && value < 0)) {
    const Ref repr = Ref::Steal(ShortRepr(index.get()));
    if (repr) PyErr_Format(PyExc_ValueError, "slot(%U): slots are numbered from 0", repr.get());
    return false;
  }
  *number = static_cast<uint64_t>(value);
  *past_all = overflow > 0;
  return true;
}

}  // namespace partita
