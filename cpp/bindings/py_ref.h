// An owned reference to a Python object.
//
// pybind11's py::object would do, but for one thing: when the interpreter shuts down, CPython up to 3.13 unwinds the
// stack of a daemon thread that runs Python code beneath us (a pickle, a __repr__), and destructors then run without
// the GIL. Late in the shutdown PyGILState_Check() knows no better than to say yes, so this one leaks whatever is let
// go of from its beginning on.

#ifndef PARTITA_BINDINGS_PY_REF_H_
#define PARTITA_BINDINGS_PY_REF_H_

#include <Python.h>

#include <utility>

namespace partita {

inline bool IsShuttingDown() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

class Ref {
 public:
  Ref() = default;
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr && !IsShuttingDown()) Py_DECREF(object_);
  }

  // Takes over a new reference (null: an exception is set), or adds one to a borrowed object.
  static Ref Steal(PyObject* object) { return Ref(object); }
  static Ref Borrow(PyObject* object) {
    Py_XINCREF(object);
    return Ref(object);
  }

  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  explicit Ref(PyObject* object) : object_(object) {}

  PyObject* object_ = nullptr;
};

}  // namespace partita

#endif  // PARTITA_BINDINGS_PY_REF_H_
