// What the tests of the laws of terms call: the engine's functions on terms, on Python objects.

#include <string>

#include "bindings/entry.h"
#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "term/number.h"
#include "term/sort_key.h"
#include "term/value.h"
#include "term/wire.h"

namespace partita {
namespace {

// An argument and what it is encoded as. Stays where it is.
struct Argument {
  EncodeArena arena;
  Value value;

  bool Read(PyObject* obj) { return EncodeValue(obj, &arena, &value); }
};

bool CheckCount(Py_ssize_t given, Py_ssize_t expected) {
  if (given == expected) return true;
  PyErr_Format(PyExc_TypeError, "expected %zd arguments, got %zd", expected, given);
  return false;
}

PyObject* TermEncode(PyObject*, PyObject* obj) {
  Argument argument;
  if (!argument.Read(obj)) return nullptr;
  std::string wire;
  AppendWire(argument.value, &wire);
  return PyBytes_FromStringAndSize(wire.data(), static_cast<Py_ssize_t>(wire.size()));
}

bool ReadBytes(PyObject* obj, absl::string_view* bytes) {
  char* data;
  Py_ssize_t size;
  if (PyBytes_AsStringAndSize(obj, &data, &size) != 0) return false;
  *bytes = absl::string_view(data, static_cast<size_t>(size));
  return true;
}

PyObject* TermValidate(PyObject*, PyObject* obj) {
  absl::string_view bytes;
  return ReadBytes(obj, &bytes) ? PyBool_FromLong(ValidateWire(bytes)) : nullptr;
}

PyObject* TermDecode(PyObject*, PyObject* obj) {
  absl::string_view bytes;
  if (!ReadBytes(obj, &bytes)) return nullptr;
  if (!ValidateWire(bytes)) {
    PyErr_SetString(PyExc_ValueError, "not one valid term");
    return nullptr;
  }
  return DecodeValue(ValueFromWire(bytes));
}

// (a, b, numeric) -> -1, 0 or 1
PyObject* TermCompare(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Argument a, b;
  if (!CheckCount(count, 3) || !a.Read(args[0]) || !b.Read(args[1])) return nullptr;
  const int numeric = PyObject_IsTrue(args[2]);
  if (numeric < 0) return nullptr;
  const int order = numeric ? CompareNumeric(a.value, b.value) : CompareExact(a.value, b.value);
  return PyLong_FromLong(order < 0 ? -1 : order > 0);
}

PyObject* TermEqual(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Argument a, b;
  if (!CheckCount(count, 2) || !a.Read(args[0]) || !b.Read(args[1])) return nullptr;
  return PyBool_FromLong(ExactlyEqual(a.value, b.value));
}

// (a, seed) -> int of 64 bits
PyObject* TermHash(PyObject*, PyObject* const* args, Py_ssize_t count) {
  Argument a;
  if (!CheckCount(count, 2) || !a.Read(args[0])) return nullptr;
  const unsigned long long seed = PyLong_AsUnsignedLongLong(args[1]);
  if (PyErr_Occurred()) return nullptr;
  return PyLong_FromUnsignedLongLong(HashValue(a.value, seed));
}

PyObject* TermSortKey(PyObject*, PyObject* obj) {
  Argument a;
  return a.Read(obj) ? PyBytes_FromStringAndSize(SortKey(a.value).bytes(), SortKey::kSize) : nullptr;
}

PyObject* TermIsKey(PyObject*, PyObject* obj) {
  EncodeArena arena;
  Value key;
  if (EncodeKey(obj, &arena, &key)) Py_RETURN_TRUE;
  if (!PyErr_ExceptionMatches(PyExc_TypeError)) return nullptr;
  PyErr_Clear();
  Py_RETURN_FALSE;
}

// (a, b) -> a + b, or the name of what is wrong
PyObject* TermAdd(PyObject*, PyObject* const* args, Py_ssize_t count) {
  static constexpr const char* kErrors[] = {"", "not a number", "not finite", "too large"};
  Argument a, b;
  if (!CheckCount(count, 2) || !a.Read(args[0]) || !b.Read(args[1])) return nullptr;
  Value sum;
  const SumError error = AddNumbers(a.value, b.value, [&a](size_t size) { return a.arena.Allocate(size); }, &sum);
  if (error == SumError::kNone) return DecodeValue(sum);
  return PyUnicode_FromString(kErrors[static_cast<int>(error)]);
}

// A row of the values, as reads of a table give it.
PyObject* TermDecodeRow(PyObject*, PyObject* const* args, Py_ssize_t count) {
  std::vector<Argument> arguments(static_cast<size_t>(count));
  std::vector<Value> values;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!arguments[static_cast<size_t>(i)].Read(args[i])) return nullptr;
    values.push_back(arguments[static_cast<size_t>(i)].value);
  }
  return DecodeRow(values);
}

PyMethodDef* Hooks() {
  static PyMethodDef hooks[] = {
      Method<&TermEncode>("_term_encode", nullptr),
      Method<&TermValidate>("_term_validate", nullptr),
      Method<&TermDecode>("_term_decode", nullptr),
      Method<&TermCompare>("_term_compare", nullptr),
      Method<&TermEqual>("_term_equal", nullptr),
      Method<&TermHash>("_term_hash", nullptr),
      Method<&TermSortKey>("_term_sort_key", nullptr),
      Method<&TermIsKey>("_term_is_key", nullptr),
      Method<&TermAdd>("_term_add", nullptr),
      Method<&TermDecodeRow>("_term_decode_row", nullptr),
      {nullptr, nullptr, 0, nullptr},
  };
  return hooks;
}

}  // namespace

bool RegisterTermTestHooks(PyObject* module) { return PyModule_AddFunctions(module, Hooks()) == 0; }

}  // namespace partita
