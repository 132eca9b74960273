#include "bindings/errors.h"

#include <cassert>
#include <cstdarg>
#include <cstdio>
#include <iterator>
#include <memory>
#include <string>

#include "base/lock.h"
#include "bindings/gil.h"

namespace partita {
namespace {

// The class, imported on first use: errors are rare, and the package imports this module before its errors.
PyObject* ImportErrorClass(ErrorClass error) {
  static constexpr const char* kNames[] = {"TableDroppedError", "SnapshotClosedError", "TableFixedError"};
  static PyObject* classes[std::size(kNames)];
  PyObject*& cached = classes[static_cast<int>(error)];
  if (cached == nullptr) {
    Ref module = Ref::Steal(PyImport_ImportModule("partita.errors"));
    if (!module) return nullptr;
    cached = PyObject_GetAttrString(module.get(), kNames[static_cast<int>(error)]);
  }
  return cached;
}

// The pending exception, normalized. Clears it.
Ref TakeException() {
#if PY_VERSION_HEX >= 0x030C0000
  return Ref::Steal(PyErr_GetRaisedException());
#else
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return Ref::Steal(value);
#endif
}

void RaiseException(Ref exception) {
#if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(exception.release());
#else
  PyErr_Restore(Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(exception.get()))), exception.get(),
                PyException_GetTraceback(exception.get()));
  exception.release();
#endif
}

PyObject* RaiseDropped(const Shape& shape) {
  PyObject* error = ImportErrorClass(ErrorClass::kTableDropped);
  if (error == nullptr) return nullptr;
  const Ref name = Ref::Borrow(shape.name_object());
  const char* end = shape.file == nullptr ? "dropped: make a new one" : "closed or dropped: open its file again";
  if (name.get() == Py_None) {
    PyErr_Format(error, "this table was %s", end);
  } else {
    PyErr_Format(error, "table %R was %s", name.get(), end);
  }
  return nullptr;
}

// DurabilityError, with what is known of the reason.
PyObject* RaiseNotDurable(const Shape& shape, bool unknown) {
  std::string reason;
  const Outcome asked = WithoutGil([&] {
    const std::shared_ptr<DurableTable> durable = shape.file == nullptr ? nullptr : shape.file->durable.lock();
    if (durable != nullptr) reason = durable->info().last_error;
    return Outcome::kOk;
  });
  if (asked != Outcome::kOk) return PyErr_NoMemory();
  const std::string path = shape.file == nullptr ? "" : shape.file->path;
  const Ref module = Ref::Steal(PyImport_ImportModule("partita.errors"));
  const Ref path_object =
      Ref::Steal(PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
  const Ref reason_object =
      Ref::Steal(PyUnicode_DecodeFSDefaultAndSize(reason.data(), static_cast<Py_ssize_t>(reason.size())));
  if (!module || !path_object || !reason_object) return nullptr;
  const Ref error = Ref::Steal(PyObject_CallMethod(module.get(), "not_durable", "(OOO)", path_object.get(),
                                                   reason_object.get(), unknown ? Py_True : Py_False));
  if (error) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.get())), error.get());
  return nullptr;
}

}  // namespace

void RaiseNotInitialized(PyTypeObject* type) {
  PyErr_Format(
      PyExc_TypeError,
      "this %.200s object is not initialized: call the class instead of __new__, and do not inherit from a second "
      "extension type",
      type->tp_name);
}

PyObject* RaiseOutcome(const Shape& shape, Outcome outcome) {
  assert(LocksHeldByThisThread() == 0);
  switch (outcome) {
    case Outcome::kDropped:
    case Outcome::kClosed:
      return RaiseDropped(shape);
    case Outcome::kDegraded:
    case Outcome::kOutcomeUnknown:
      return RaiseNotDurable(shape, outcome == Outcome::kOutcomeUnknown);
    case Outcome::kRecordTooLarge:
      PyErr_SetString(PyExc_OverflowError,
                      "the rows of one step take over 4 GiB, which is more than a record in a file holds: nothing was "
                      "changed, use insert_many or fewer rows");
      return nullptr;
    case Outcome::kInterrupted:
      return nullptr;
    case Outcome::kNoMemory:
      return PyErr_NoMemory();
    case Outcome::kTooManyRows:
      PyErr_SetString(
          PyExc_OverflowError,
          "a partition of this table is full, and the row was not stored: a partition has room for 2**32 - 1024 "
          "rows, make the table with more partitions");
      return nullptr;
    case Outcome::kFixed:
      if (PyObject* error = ImportErrorClass(ErrorClass::kTableFixed)) {
        PyErr_SetString(error,
                        "the table is fixed: no row may move, and no slot be given back, until the last fix ends");
      }
      return nullptr;
    case Outcome::kWrongType:
      PyErr_SetString(PyExc_TypeError, "this call does not exist for a table of this type");
      return nullptr;
    default:
      PyErr_Format(PyExc_SystemError, "partita: unexpected engine outcome %d", static_cast<int>(outcome));
      return nullptr;
  }
}

PyObject* RaiseKeyError(PyObject* key) {
  // A tuple given to PyErr_SetObject would become the exception's arguments.
  Ref arguments = Ref::Steal(PyTuple_Pack(1, key));
  if (arguments) PyErr_SetObject(PyExc_KeyError, arguments.get());
  return nullptr;
}

PyObject* RaiseSnapshotClosed() {
  if (PyObject* error = ImportErrorClass(ErrorClass::kSnapshotClosed)) {
    PyErr_SetString(error, "this snapshot was closed: take a new one with Table.snapshot()");
  }
  return nullptr;
}

PyObject* ShortRepr(PyObject* object) {
  assert(LocksHeldByThisThread() == 0);
  Ref module = Ref::Steal(PyImport_ImportModule("partita.errors"));
  Ref repr = module ? Ref::Steal(PyObject_CallMethod(module.get(), "short_repr", "(O)", object)) : Ref();
  if (repr || !PyErr_ExceptionMatches(PyExc_Exception)) return repr.release();
  PyErr_Clear();
  return PyUnicode_FromFormat("<%.100s object>", Py_TYPE(object)->tp_name);
}

void AddContext(const char* format, ...) {
  PyObject* type = PyErr_Occurred();
  assert(type != nullptr);
  if (type != PyExc_ValueError && type != PyExc_TypeError) return;
  char context[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(context, sizeof(context), format, arguments);
  va_end(arguments);
  Ref cause = TakeException();
  PyErr_Format(type, "%s: %S", context, cause.get());
  Ref exception = TakeException();
  if (exception && cause) PyException_SetCause(exception.get(), cause.release());
  RaiseException(std::move(exception));
}

}  // namespace partita
