// The shell around every function that Python calls.

#ifndef PARTITA_BINDINGS_ENTRY_H_
#define PARTITA_BINDINGS_ENTRY_H_

#include <Python.h>

#include <exception>
#include <new>
#include <type_traits>

namespace partita {

// Entry<F>::Call is F with C++ exceptions turned into Python ones. (The unwinding by which CPython ends a thread is no
// std::exception and passes.)
template <auto kFunction>
struct Entry;

template <typename Result, typename... Args, Result (*kFunction)(Args...)>
struct Entry<kFunction> {
  static Result Call(Args... args) {
    try {
      return kFunction(args...);
    } catch (const std::bad_alloc&) {
      PyErr_NoMemory();
    } catch (const std::exception& error) {
      PyErr_Format(PyExc_SystemError, "partita: unexpected C++ exception: %s", error.what());
    }
    if constexpr (std::is_pointer_v<Result>) {
      return nullptr;
    } else {
      return -1;
    }
  }
};

using FastFunction = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
using FastKeywordFunction = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

template <typename Function>
constexpr int MethodFlags() {
  if constexpr (std::is_same_v<Function, FastKeywordFunction>) {
    return METH_FASTCALL | METH_KEYWORDS;
  } else {
    static_assert(std::is_same_v<Function, FastFunction>);
    return METH_FASTCALL;
  }
}

// One row of a method table. A function of two objects takes exactly one argument (METH_O), or none (kNoArguments).
template <auto kFunction>
PyMethodDef Method(const char* name, const char* doc) {
  using Function = decltype(kFunction);
  auto* call = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&Entry<kFunction>::Call));
  if constexpr (std::is_same_v<Function, PyCFunction>) {
    return PyMethodDef{name, call, METH_O, doc};
  } else {
    return PyMethodDef{name, call, MethodFlags<Function>(), doc};
  }
}

template <auto kFunction>
PyMethodDef MethodNoArguments(const char* name, const char* doc) {
  return PyMethodDef{name, &Entry<kFunction>::Call, METH_NOARGS, doc};
}

}  // namespace partita

#endif  // PARTITA_BINDINGS_ENTRY_H_
