// Slots of the two types that hold rows, tables and snapshots, filled in while pybind11 sets the type up: Python then
// makes plain method descriptors of the table of functions, as for its own types, and a call costs what it costs there.

#ifndef PARTITA_BINDINGS_CONTAINER_TYPE_H_
#define PARTITA_BINDINGS_CONTAINER_TYPE_H_

#include <pybind11/pybind11.h>

#include "bindings/entry.h"
#include "bindings/gil.h"
#include "bindings/handles.h"
#include "bindings/read_methods.h"

namespace partita {

inline std::shared_ptr<Table> TakeEngineObject(TableHandle* handle) { return std::move(handle->table); }
inline std::shared_ptr<Snapshot> TakeEngineObject(SnapshotHandle* handle) { return std::move(handle->snapshot); }

// An empty table is true: it exists.
inline int IsTrue(PyObject*) { return 1; }

// pybind11's own way to end an instance, after the engine's object was let go of without the GIL: that may free
// gigabytes.
template <typename Handle>
void DeallocContainer(PyObject* self) {
  auto* instance = reinterpret_cast<pybind11::detail::instance*>(self);
  if (instance->simple_layout && instance->simple_value_holder[0] != nullptr) {
    if (instance->weakrefs != nullptr) PyObject_ClearWeakRefs(self);  // others run meanwhile, and must not find us
    ReleaseWithoutGil(TakeEngineObject(static_cast<Handle*>(instance->simple_value_holder[0])));
  }
  reinterpret_cast<PyTypeObject*>(pybind11::detail::get_internals().instance_base)->tp_dealloc(self);
}

template <typename Handle, typename Reader>
auto ContainerSetup(PyMethodDef* methods) {
  return [methods](PyTypeObject* type) {
    type->tp_methods = methods;
    type->tp_iter = &Entry<&Iterate<Reader>>::Call;
    type->tp_dealloc = &DeallocContainer<Handle>;
    type->tp_as_number->nb_bool = &IsTrue;
    type->tp_as_sequence->sq_length = &Entry<&Length<Reader>>::Call;
    type->tp_as_sequence->sq_contains = &Entry<&Contains<Reader>>::Call;
  };
}

}  // namespace partita

#endif  // PARTITA_BINDINGS_CONTAINER_TYPE_H_
