// update_counter and update_element: operations given as tuples, checked here as far as no row is needed.

#include <vector>

#include "absl/container/inlined_vector.h"
#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/read_methods.h"
#include "bindings/row_parse.h"
#include "bindings/write_methods.h"
#include "term/number.h"

namespace partita {
namespace {

// The operations of one call: a single one, or the elements of a list (held as a tuple, since encoding may run code
// that changes a list).
class Operations {
 public:
  bool Open(PyObject* object) {
    is_list_ = PyList_Check(object);
    if (is_list_) {
      tuple_ = Ref::Steal(PyList_AsTuple(object));
      return static_cast<bool>(tuple_);
    }
    single_ = object;
    return true;
  }
  bool is_list() const { return is_list_; }
  size_t size() const { return is_list_ ? static_cast<size_t>(PyTuple_GET_SIZE(tuple_.get())) : 1; }
  PyObject* operator[](size_t i) const {
    return is_list_ ? PyTuple_GET_ITEM(tuple_.get(), static_cast<Py_ssize_t>(i)) : single_;
  }

 private:
  bool is_list_ = false;
  Ref tuple_;
  PyObject* single_ = nullptr;
};

// An int of any size, or a float where `float_allowed`; a bool is neither.
bool ParseNumber(PyObject* object, const char* what, bool float_allowed, EncodeArena* arena, Value* value) {
  if (ABSL_PREDICT_TRUE(PyLong_CheckExact(object))) return EncodeValue(object, arena, value);
  if (!PyBool_Check(object)) {
    if (!EncodeValue(object, arena, value)) return false;
    if (IsInt(*value)) return true;
    if (value->kind == Value::Kind::kFloat && float_allowed) return true;
  }
  const Ref repr = Ref::Steal(ShortRepr(object));
  if (repr) {
    PyErr_Format(PyExc_TypeError, "update_counter(): %s is %U, of type %.100s: it must be an int%s", what, repr.get(),
                 Py_TYPE(object)->tp_name, float_allowed ? " or a float" : "");
  }
  return false;
}

bool ParseUpdatePosition(const Shape& shape, PyObject* object, const char* method, uint32_t* position) {
  if (!ParsePosition(shape, object, position)) return false;
  if (*position != shape.options.keypos) return true;
  PyErr_Format(PyExc_ValueError, "%s() cannot change the key: position %R is the key's own", method, object);
  return false;
}

bool ParseCounterOp(const Shape& shape, PyObject* object, EncodeArena* arena, CounterOp* op) {
  if (!PyTuple_Check(object)) {
    op->position = shape.options.keypos + 1;
    return ParseNumber(object, "the increment", true, arena, &op->increment);
  }
  const Py_ssize_t size = PyTuple_GET_SIZE(object);
  if (size != 2 && size != 4) {
    const Ref repr = Ref::Steal(ShortRepr(object));
    if (repr) {
      PyErr_Format(
          PyExc_ValueError,
          "update_counter(): %U is no operation: give an increment, (pos, increment) or (pos, increment, threshold, "
          "setvalue)",
          repr.get());
    }
    return false;
  }
  op->has_threshold = size == 4;
  return ParseUpdatePosition(shape, PyTuple_GET_ITEM(object, 0), "update_counter", &op->position) &&
         ParseNumber(PyTuple_GET_ITEM(object, 1), "the increment", true, arena, &op->increment) &&
         (size == 2 || (ParseNumber(PyTuple_GET_ITEM(object, 2), "the threshold", false, arena, &op->threshold) &&
                        ParseNumber(PyTuple_GET_ITEM(object, 3), "the set value", false, arena, &op->set_value)));
}

bool ParseElementUpdate(const Shape& shape, PyObject* object, EncodeArena* arena, ElementUpdate* update) {
  if (!PyTuple_Check(object) || PyTuple_GET_SIZE(object) != 2) {
    const Ref repr = Ref::Steal(ShortRepr(object));
    if (repr) {
      PyErr_Format(PyExc_TypeError, "update_element(): %U is no update: give (pos, value) or a list of such pairs",
                   repr.get());
    }
    return false;
  }
  return ParseUpdatePosition(shape, PyTuple_GET_ITEM(object, 0), "update_element", &update->position) &&
         EncodeValue(PyTuple_GET_ITEM(object, 1), arena, &update->value);
}

// What the two methods share: the key, the operations and the row to start from.
struct UpdateArguments {
  EncodeArena arena;
  KeyView key;
  Operations operations;
  RowScratch default_scratch;
  RowView default_row;
  bool has_default;

  bool Parse(TableHandle* handle, const char* method, PyObject* key_object, PyObject* ops, PyObject* default_object) {
    if (!KeyNamesOneRow(*handle)) return RaiseManyRows(method) != nullptr;
    if (!ParseKey(*handle, key_object, &arena, &key) || !operations.Open(ops)) return false;
    has_default = default_object != nullptr && default_object != Py_None;
    if (!has_default || ParseRow(*handle, default_object, &key, kSingleRow, &default_scratch, &default_row))
      return true;
    AddContext("%s(): default", method);
    return false;
  }
  const RowView* default_or_null() const { return has_default ? &default_row : nullptr; }
};

// Says which operation failed and why.
PyObject* RaiseFailedOp(const Shape& shape, const char* method, Outcome outcome, PyObject* key, uint32_t position) {
  const Ref repr = Ref::Steal(ShortRepr(key));
  if (!repr) return nullptr;
  switch (outcome) {
    case Outcome::kBadPosition:
      return PyErr_Format(PyExc_ValueError,
                          "%s(): position %u is past the end of the row with key %U; nothing was changed", method,
                          position, repr.get());
    case Outcome::kNotANumber:
      return PyErr_Format(PyExc_TypeError, "%s(): element %u of the row with key %U is no number; nothing was changed",
                          method, position, repr.get());
    case Outcome::kNotFinite:
      return PyErr_Format(
          PyExc_OverflowError,
          "%s(): element %u of the row with key %U would leave the range of a float; nothing was changed", method,
          position, repr.get());
    case Outcome::kTooLarge:
      return PyErr_Format(PyExc_ValueError,
                          "%s(): element %u of the row with key %U would grow past 2 GiB; nothing was changed", method,
                          position, repr.get());
    default:
      return RaiseOutcome(shape, outcome);
  }
}

PyObject* DecodeResults(const RowBuffer& results, bool as_list) {
  const absl::Span<const Value> values = results.row(0);
  if (!as_list) return DecodeValue(values[0]);
  Ref list = Ref::Steal(PyList_New(static_cast<Py_ssize_t>(values.size())));
  if (!list) return nullptr;
  for (size_t i = 0; i < values.size(); ++i) {
    PyObject* value = DecodeValue(values[i]);
    if (value == nullptr) return nullptr;
    PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), value);
  }
  return list.release();
}

// The usual call: an int, or a position and an int, for an int in a row that is there. True: `*sum` is the new value.
// False, without an exception: it is another call, nothing was done, and the general way says what comes of it.
// Takes only keys and numbers that are read without running any code.
bool AddToInt(TableHandle* handle, PyObject* key_object, PyObject* op, int64_t* sum) {
  int64_t position = handle->options.keypos + 1;
  if (PyTuple_CheckExact(op) && PyTuple_GET_SIZE(op) == 2) {
    PyObject* position_object = PyTuple_GET_ITEM(op, 0);
    if (!PyLong_CheckExact(position_object) || !ReadInt64(position_object, &position)) return false;
    op = PyTuple_GET_ITEM(op, 1);
  }
  int64_t increment;
  if (!PyLong_CheckExact(op) || !ReadInt64(op, &increment) || position < 0 || position >= kMaxArity ||
      !IsPlainKey(key_object) || !KeyNamesOneRow(*handle)) {
    return false;
  }
  EncodeArena arena;
  KeyView key;
  if (!ParseKey(*handle, key_object, &arena, &key)) {
    PyErr_Clear();
    return false;
  }
  bool done = false;
  const Outcome outcome = CallEngine([&](Wait wait) {
    return handle->table->AddToInt(key, static_cast<uint32_t>(position), increment, wait, &done, sum);
  });
  return outcome == Outcome::kOk && done;
}

PyObject* CountInGeneral(TableHandle* handle, PyObject* key, PyObject* op, PyObject* default_row) {
  UpdateArguments arguments;
  if (!arguments.Parse(handle, "update_counter", key, op, default_row)) return nullptr;
  absl::InlinedVector<CounterOp, 1> ops(arguments.operations.size());
  for (size_t i = 0; i < ops.size(); ++i) {
    if (!ParseCounterOp(*handle, arguments.operations[i], &arguments.arena, &ops[i])) return nullptr;
  }
  bool found = false;
  size_t failed_op = 0;
  RowBuffer results;
  const Outcome outcome = CallEngine([&](Wait wait) {
    return handle->table->UpdateCounter(arguments.key, ops, arguments.default_or_null(), wait, &found, &results,
                                        &failed_op);
  });
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) {
    const uint32_t position = failed_op < ops.size() ? ops[failed_op].position : 0;
    return RaiseFailedOp(*handle, "update_counter", outcome, key, position);
  }
  if (ABSL_PREDICT_FALSE(!found)) return RaiseKeyError(key);
  return DecodeResults(results, arguments.operations.is_list());
}

}  // namespace

PyObject* UpdateCounter(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"key", "op", "default"};
  PyObject* values[3];
  if (!ParseArguments("update_counter", kNames, 2, args, nargs, keywords, values)) return nullptr;
  TableHandle* handle = HandleOf<TableHandle>(self);
  if (handle == nullptr) return nullptr;
  int64_t sum;
  if (values[2] == nullptr && AddToInt(handle, values[0], values[1], &sum)) return PyLong_FromLongLong(sum);
  return CountInGeneral(handle, values[0], values[1], values[2]);
}

PyObject* UpdateElement(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"key", "updates", "default"};
  PyObject* values[3];
  if (!ParseArguments("update_element", kNames, 2, args, nargs, keywords, values)) return nullptr;
  TableHandle* handle = HandleOf<TableHandle>(self);
  UpdateArguments arguments;
  if (handle == nullptr || !arguments.Parse(handle, "update_element", values[0], values[1], values[2])) return nullptr;
  absl::InlinedVector<ElementUpdate, 4> updates(arguments.operations.size());
  for (size_t i = 0; i < updates.size(); ++i) {
    if (!ParseElementUpdate(*handle, arguments.operations[i], &arguments.arena, &updates[i])) return nullptr;
  }
  bool found = false;
  size_t failed_op = 0;
  const Outcome outcome = CallEngine([&](Wait wait) {
    return handle->table->UpdateElement(arguments.key, updates, arguments.default_or_null(), wait, &found, &failed_op);
  });
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) {
    const uint32_t position = failed_op < updates.size() ? updates[failed_op].position : 0;
    return RaiseFailedOp(*handle, "update_element", outcome, values[0], position);
  }
  return PyBool_FromLong(found);
}

}  // namespace partita
