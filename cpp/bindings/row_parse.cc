#include "bindings/row_parse.h"

#include <algorithm>
#include <cassert>

#include "base/lock.h"
#include "base/prefetch.h"
#include "bindings/dict_row.h"
#include "bindings/errors.h"
#include "column/chunk.h"

namespace partita {
namespace {

bool RaiseBadArity(const Shape& shape, PyObject* object, Py_ssize_t index) {
  const Py_ssize_t arity = PyTuple_GET_SIZE(object);
  if (arity > kMaxArity) {
    PyErr_Format(PyExc_ValueError, "row %shas %zd elements: a row has at most %u", RowName(index).text, arity,
                 kMaxArity);
    return false;
  }
  Ref repr = Ref::Steal(ShortRepr(object));
  if (repr) {
    PyErr_Format(
        PyExc_ValueError, "row %s%U has %zd element%s: the key stands at position %u, so a row needs at least %u",
        RowName(index).text, repr.get(), arity, arity == 1 ? "" : "s", shape.options.keypos, shape.options.keypos + 1);
  }
  return false;
}

// Whether the elements that have no column of their own find room together.
bool CheckRest(Py_ssize_t index, absl::Span<const Value> values) {
  uint64_t bytes = 0;
  for (const Value& v : values.subspan(kMaxColumns)) bytes += WireSize(v);
  if (bytes <= kMaxRestBytes) return true;
  PyErr_Format(PyExc_ValueError,
               "row %shas %llu bytes from position %u on: together these elements may have 4 GiB, keep them in rows of "
               "their own",
               RowName(index).text, static_cast<unsigned long long>(bytes), kMaxColumns);
  return false;
}

bool RaiseBadElement(Py_ssize_t index, Py_ssize_t position) {
  if (index == kSingleRow) {
    AddContext("row element %zd", position);
  } else {
    AddContext("row %zd, element %zd", index, position);
  }
  return false;
}

// Whether the tuple has an arity that fits the table.
bool CheckRow(const Shape& shape, PyObject* object, Py_ssize_t index) {
  const Py_ssize_t arity = PyTuple_GET_SIZE(object);
  if (ABSL_PREDICT_FALSE(arity <= shape.options.keypos || arity > kMaxArity))
    return RaiseBadArity(shape, object, index);
  return true;
}

// Encodes the elements of a checked row. A tuple never changes, so its size and elements may be read at any time.
bool EncodeElements(const Shape& shape, PyObject* tuple, const KeyView* key, Py_ssize_t index, EncodeArena* arena,
                    Value* values, RowView* row) {
  const Py_ssize_t arity = PyTuple_GET_SIZE(tuple);
  const Py_ssize_t keypos = shape.options.keypos;
  for (Py_ssize_t i = 0; i < arity; ++i) {
    PyObject* element = PyTuple_GET_ITEM(tuple, i);
    bool encoded;
    if (ABSL_PREDICT_FALSE(i == keypos)) {
      KeyView own;
      encoded = key != nullptr || ParseKey(shape, element, arena, &own);
      if (key != nullptr) own = *key;
      values[i] = own.key;
      row->key_hash = own.hash;
    } else {
      encoded = EncodeValue(element, arena, &values[i]);
    }
    if (ABSL_PREDICT_FALSE(!encoded)) return RaiseBadElement(index, i);
  }
  row->values = values;
  row->arity = static_cast<uint32_t>(arity);
  return ABSL_PREDICT_TRUE(row->arity <= kMaxColumns) || CheckRest(index, absl::MakeConstSpan(values, row->arity));
}

bool RaiseUnknownField(const Shape& shape, PyObject* name) {
  const Ref repr = Ref::Steal(ShortRepr(name));
  if (!repr) return false;
  if (shape.fields.get() == Py_None) {
    PyErr_Format(PyExc_ValueError, "field %U: this table was made without fields=..., give a position instead",
                 repr.get());
  } else {
    PyErr_Format(PyExc_ValueError, "field %U is not one of this table's fields %R", repr.get(), shape.fields.get());
  }
  return false;
}

bool FindField(const Shape& shape, PyObject* name, uint32_t* position) {
  PyObject* fields = shape.fields.get();
  const Py_ssize_t count = fields == Py_None ? 0 : PyTuple_GET_SIZE(fields);
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (PyTuple_GET_ITEM(fields, i) == name || PyUnicode_Compare(PyTuple_GET_ITEM(fields, i), name) == 0) {
      *position = static_cast<uint32_t>(i);
      return true;
    }
  }
  return RaiseUnknownField(shape, name);
}

}  // namespace

bool ParseRow(const Shape& shape, PyObject* object, const KeyView* key, Py_ssize_t index, RowScratch* scratch,
              RowView* row) {
  assert(LocksHeldByThisThread() == 0);
  if (ABSL_PREDICT_FALSE(!PyTuple_Check(object))) {
    scratch->tuple = TupleOfDict(shape, object, index);
    object = scratch->tuple.get();
    if (object == nullptr) return false;
  }
  if (!CheckRow(shape, object, index)) return false;
  Value* values = scratch->Reserve(static_cast<size_t>(PyTuple_GET_SIZE(object)));
  return EncodeElements(shape, object, key, index, &scratch->arena, values, row);
}

bool ParsePositionSlow(const Shape& shape, PyObject* object, uint32_t* position) {
  if (PyUnicode_Check(object)) return FindField(shape, object, position);
  if (PyBool_Check(object) || !PyIndex_Check(object)) {
    PyErr_Format(PyExc_TypeError, "a position is an int from 0 or the name of a field, not %.100s",
                 Py_TYPE(object)->tp_name);
    return false;
  }
  Ref index = Ref::Steal(PyNumber_Index(object));
  if (!index) return false;
  int overflow;
  const long long value = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (overflow != 0 || value < 0 || value >= kMaxArity) {
    const Ref repr = Ref::Steal(ShortRepr(index.get()));
    if (repr) {
      PyErr_Format(PyExc_ValueError, "position %U is out of range: positions count from 0 and stay below %u",
                   repr.get(), kMaxArity);
    }
    return false;
  }
  *position = static_cast<uint32_t>(value);
  return true;
}

void PrefetchRows(absl::Span<PyObject* const> objects, size_t i) {
  constexpr size_t kAhead = 8;
  constexpr Py_ssize_t kMostElements = 16;
  if (i + 2 * kAhead < objects.size()) Prefetch(objects[i + 2 * kAhead]);
  if (i + kAhead >= objects.size() || !PyTuple_CheckExact(objects[i + kAhead])) return;
  PyObject* row = objects[i + kAhead];
  const Py_ssize_t count = std::min(PyTuple_GET_SIZE(row), kMostElements);
  for (Py_ssize_t k = 0; k < count; ++k) Prefetch(PyTuple_GET_ITEM(row, k));
}

bool RowBatch::Add(const Shape& shape, Ref object, Py_ssize_t index) {
  assert(LocksHeldByThisThread() == 0);
  if (ABSL_PREDICT_FALSE(!PyTuple_Check(object.get()))) {
    object = TupleOfDict(shape, object.get(), index);
    if (!object) return false;
  }
  if (!CheckRow(shape, object.get(), index)) return false;
  const size_t begin = values_.size();
  values_.resize(begin + static_cast<size_t>(PyTuple_GET_SIZE(object.get())));
  RowView row;
  if (!EncodeElements(shape, object.get(), nullptr, index, &arena_, values_.data() + begin, &row)) {
    values_.resize(begin);
    return false;
  }
  rows_.push_back(row);
  objects_.push_back(std::move(object));
  return true;
}

absl::Span<const RowView> RowBatch::rows() {
  const Value* next = values_.data();
  for (RowView& row : rows_) {
    row.values = next;
    next += row.arity;
  }
  return rows_;
}

void RowBatch::Clear() {
  values_.clear();
  rows_.clear();
  objects_.clear();
  arena_.Clear();
}

bool KeyBatch::Parse(const Shape& shape, absl::Span<PyObject* const> keys, Py_ssize_t first_index) {
  assert(LocksHeldByThisThread() == 0);
  arena_.Clear();
  keys_.clear();
  keys_.reserve(keys.size());
  constexpr size_t kAhead = 8;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i + kAhead < keys.size()) Prefetch(keys[i + kAhead]);
    KeyView key;
    if (!ParseKey(shape, keys[i], &arena_, &key)) {
      AddContext("key %zd of the batch", first_index + static_cast<Py_ssize_t>(i));
      return false;
    }
    keys_.push_back(key);
  }
  return true;
}

}  // namespace partita
