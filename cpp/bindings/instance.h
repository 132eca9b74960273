// Classes of pybind11 whose instances bear that there is no memory for them, and that somebody meets them before they
// are initialized. pybind11 itself uses an instance that it could not allocate, frees a value twice when there is no
// memory to register its instance, and makes up a value for an instance that has none.

#ifndef PARTITA_BINDINGS_INSTANCE_H_
#define PARTITA_BINDINGS_INSTANCE_H_

#include <pybind11/pybind11.h>

#include <exception>
#include <memory>
#include <utility>

#include "bindings/handles.h"

namespace partita {

// tp_new: an instance without a value.
inline PyObject* NewInstance(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  try {
    reinterpret_cast<pybind11::detail::instance*>(self)->allocate_layout();
  } catch (const std::exception&) {
    // Without a layout it cannot be deallocated as others are.
    if (PyType_IS_GC(type)) PyObject_GC_UnTrack(self);
    type->tp_free(self);
    Py_DECREF(type);
    return PyErr_NoMemory();
  }
  return self;
}

// A class without __init__. `setup(PyTypeObject*)` adds slots to the type.
template <typename T, typename Setup>
pybind11::class_<T> DefineClass(pybind11::module_& module, const char* name, const char* doc, Setup setup) {
  const auto set_up = [setup](PyHeapTypeObject* heap_type) {
    heap_type->ht_type.tp_new = &NewInstance;
    setup(&heap_type->ht_type);
  };
  pybind11::class_<T> type(module, name, doc, pybind11::custom_type_setup(set_up));
  // Whoever casts an instance without a value asks for memory for one here, and nobody else does.
  pybind11::detail::get_type_info(typeid(T))->operator_new = [](size_t) -> void* {
    RaiseNotInitialized(pybind11::detail::get_type_info(typeid(T))->type);
    throw pybind11::error_already_set();
  };
  return type;
}

template <typename T>
pybind11::class_<T> DefineClass(pybind11::module_& module, const char* name, const char* doc) {
  return DefineClass<T>(module, name, doc, [](PyTypeObject*) {});
}

// Lets `make` give the value of an instance, for the arguments of __init__.
template <typename T, typename... Args, typename... Extra>
void DefineInit(pybind11::class_<T>* type, std::unique_ptr<T> (*make)(Args...), const Extra&... extra) {
  type->def(
      "__init__",
      [make](pybind11::detail::value_and_holder& self, Args... args) {
        std::unique_ptr<T> value = make(std::forward<Args>(args)...);
        self.value_ptr() = value.get();
        try {
          self.type->init_instance(self.inst, &value);
        } catch (...) {
          self.value_ptr() = nullptr;
          throw;
        }
      },
      pybind11::detail::is_new_style_constructor(), extra...);
}

}  // namespace partita

#endif  // PARTITA_BINDINGS_INSTANCE_H_
