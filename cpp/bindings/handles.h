// What stands behind the Python objects `_core.Table` and `_core.Snapshot`, and how a method finds it.
//
// Relies on the GIL: `*name` may be replaced (rename), `fixes_by_hand` counted and `snapshot` let go of (close) while
// other threads call methods; these read them once, under the GIL. Everything else is constant after construction or
// protects itself in the engine.

#ifndef PARTITA_BINDINGS_HANDLES_H_
#define PARTITA_BINDINGS_HANDLES_H_

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/optimization.h"
#include "bindings/py_ref.h"
#include "file/durable_table.h"
#include "table/snapshot.h"
#include "table/table.h"

namespace partita {

// As Python says it.
inline const char* TypeName(TableType type) {
  constexpr const char* kNames[] = {"set", "ordered_set", "bag", "duplicate_bag"};  // by TableType
  return kNames[static_cast<int>(type)];
}

struct FileOfTable {
  std::string path;
  std::weak_ptr<DurableTable> durable;
};

// What reading and writing methods need to know of a table, or of a snapshot of one.
struct Shape {
  TableOptions options;
  std::shared_ptr<Ref> name;                // str or None; shared by a table and the views of it
  Ref fields;                               // tuple of str, or None
  std::shared_ptr<const FileOfTable> file;  // null: it lives in none

  PyObject* name_object() const { return name == nullptr ? Py_None : name->get(); }
};

struct TableHandle : Shape {
  std::shared_ptr<Table> table;
  uint64_t fixes_by_hand = 0;  // see FixByHand
};

struct SnapshotHandle : Shape {
  std::shared_ptr<Snapshot> snapshot;  // null once closed
};

// Sets TypeError: an instance of `type` was made by __new__ alone, or its class inherits from several extension types.
void RaiseNotInitialized(PyTypeObject* type);

// The handle in `self`, whose type the method descriptor has checked, or null with an exception set. Reads pybind11's
// instance directly: the general cast costs more than a lookup in the table. CheckLayout proves at import that it may.
template <typename Handle>
inline Handle* HandleOf(PyObject* self) {
  auto* instance = reinterpret_cast<pybind11::detail::instance*>(self);
  void* handle = instance->simple_layout ? instance->simple_value_holder[0] : nullptr;
  if (ABSL_PREDICT_FALSE(handle == nullptr)) RaiseNotInitialized(Py_TYPE(self));
  return static_cast<Handle*>(handle);
}

// Throws (ImportError) unless HandleOf finds what pybind11's own cast finds.
template <typename Handle>
void CheckLayout() {
  auto* handle = new Handle();
  pybind11::object instance = pybind11::cast(handle, pybind11::return_value_policy::take_ownership);
  if (HandleOf<Handle>(instance.ptr()) != handle) {
    throw pybind11::import_error("pybind11 lays out its instances in a way that this build of partita does not know");
  }
}

}  // namespace partita

#endif  // PARTITA_BINDINGS_HANDLES_H_
