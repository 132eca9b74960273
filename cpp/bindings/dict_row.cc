#include "bindings/dict_row.h"

#include "bindings/errors.h"
#include "bindings/row_parse.h"

namespace partita {
namespace {

void RaiseNoTuple(PyObject* object, Py_ssize_t index) {
  const Ref repr = Ref::Steal(ShortRepr(object));
  if (!repr) return;
  PyErr_Format(PyExc_TypeError, "row %sis %U, of type %.100s: a row is a tuple%s", RowName(index).text, repr.get(),
               Py_TYPE(object)->tp_name, index == kSingleRow ? ", several rows are a list of tuples" : "");
}

void RaiseNoFields(PyObject* object, Py_ssize_t index) {
  const Ref repr = Ref::Steal(ShortRepr(object));
  if (!repr) return;
  PyErr_Format(PyExc_TypeError,
               "row %sis the dict %U, but this table was made without fields=...: give a tuple, or name the fields",
               RowName(index).text, repr.get());
}

void RaiseMissingField(PyObject* dict, PyObject* field, Py_ssize_t index) {
  const Ref repr = Ref::Steal(ShortRepr(dict));
  if (repr) PyErr_Format(PyExc_ValueError, "row %s%U has no field %R", RowName(index).text, repr.get(), field);
}

// All fields are there, so that a longer dict has a key which is none.
void RaiseUnknownField(const Shape& shape, PyObject* dict, Py_ssize_t index) {
  const Ref keys = Ref::Steal(PyDict_Keys(dict));
  if (!keys) return;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(keys.get()); ++i) {
    PyObject* key = PyList_GET_ITEM(keys.get(), i);
    const int known = PySequence_Contains(shape.fields.get(), key);
    if (known < 0) return;
    if (known > 0) continue;
    const Ref repr = Ref::Steal(ShortRepr(key));
    if (repr) {
      PyErr_Format(PyExc_ValueError, "row %shas a field %U, which is not one of this table's fields %R",
                   RowName(index).text, repr.get(), shape.fields.get());
    }
    return;
  }
  PyErr_Format(PyExc_ValueError, "row %schanged while it was read", RowName(index).text);
}

}  // namespace

Ref TupleOfDict(const Shape& shape, PyObject* object, Py_ssize_t index) {
  if (!PyDict_Check(object)) {
    RaiseNoTuple(object, index);
    return Ref();
  }
  PyObject* fields = shape.fields.get();
  if (fields == Py_None) {
    RaiseNoFields(object, index);
    return Ref();
  }
  const Py_ssize_t count = PyTuple_GET_SIZE(fields);
  Ref tuple = Ref::Steal(PyTuple_New(count));
  if (!tuple) return Ref();
  PyObject_GC_UnTrack(tuple.get());  // looking up a key may run code, to which the collector must not show holes
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* field = PyTuple_GET_ITEM(fields, i);
    PyObject* value = PyDict_GetItemWithError(object, field);
    if (value == nullptr) {
      if (PyErr_Occurred() == nullptr) RaiseMissingField(object, field, index);
      return Ref();
    }
    PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(value));
  }
  if (PyDict_GET_SIZE(object) != count) {
    RaiseUnknownField(shape, object, index);
    return Ref();
  }
  return tuple;
}

}  // namespace partita
