// `_core.Snapshot`: the reading methods of a table, over one moment of it.

#include <pybind11/pybind11.h>

#include <utility>

#include "bindings/container_type.h"
#include "bindings/entry.h"
#include "bindings/instance.h"
#include "bindings/read_methods.h"
#include "bindings/register.h"
#include "bindings/select_methods.h"
#include "bindings/step_methods.h"

namespace py = pybind11;

namespace partita {
namespace {

PyObject* Close(PyObject* self, PyObject*) {
  SnapshotHandle* handle = HandleOf<SnapshotHandle>(self);
  if (handle == nullptr) return nullptr;
  ReleaseWithoutGil(std::move(handle->snapshot));
  Py_RETURN_NONE;
}

PyMethodDef snapshot_methods[] = {
    Method<&Lookup<SnapshotReader>>("lookup", "lookup($self, key, /)\n--\n\nSee Table.lookup."),
    Method<&Get<SnapshotReader>>("get", "get($self, key, default=None)\n--\n\nSee Table.get."),
    Method<&LookupMany<SnapshotReader>>("lookup_many", "lookup_many($self, keys, /)\n--\n\nSee Table.lookup_many."),
    Method<&GetMany<SnapshotReader>>("get_many", "get_many($self, keys, default=None)\n--\n\nSee Table.get_many."),
    Method<&LookupElement<SnapshotReader>>(
        "lookup_element", "lookup_element($self, key, pos, default=...)\n--\n\nSee Table.lookup_element."),
    Method<&Member<SnapshotReader>>("member", "member($self, key, /)\n--\n\nSee Table.member."),
    MethodNoArguments<&ToList<SnapshotReader>>("tolist", "tolist($self, /)\n--\n\nSee Table.tolist."),
    Method<&Select<SnapshotReader, Direction::kForward>>("_select", nullptr),
    Method<&Select<SnapshotReader, Direction::kBackward>>("_select_reverse", nullptr),
    Method<&SelectCount<SnapshotReader>>("_select_count", nullptr),
    Method<&Explain<SnapshotReader>>("explain", "explain($self, spec, /)\n--\n\nSee Table.explain."),
    Method<&MatchPattern<SnapshotReader, Spec::Kind::kVars>>("_match", nullptr),
    Method<&MatchPattern<SnapshotReader, Spec::Kind::kRow>>("_match_object", nullptr),
    MethodNoArguments<&IterateBackward<SnapshotReader>>("__reversed__",
                                                        "__reversed__($self, /)\n--\n\nSee Table.__reversed__."),
    MethodNoArguments<&StepTo<SnapshotReader, Step::kFirst, false>>("first", "first($self, /)\n--\n\nSee Table.first."),
    MethodNoArguments<&StepTo<SnapshotReader, Step::kLast, false>>("last", "last($self, /)\n--\n\nSee Table.last."),
    Method<&StepTo<SnapshotReader, Step::kNext, false>>("next", "next($self, key, /)\n--\n\nSee Table.next."),
    Method<&StepTo<SnapshotReader, Step::kPrev, false>>("prev", "prev($self, key, /)\n--\n\nSee Table.prev."),
    MethodNoArguments<&StepTo<SnapshotReader, Step::kFirst, true>>(
        "first_lookup", "first_lookup($self, /)\n--\n\nSee Table.first_lookup."),
    MethodNoArguments<&StepTo<SnapshotReader, Step::kLast, true>>(
        "last_lookup", "last_lookup($self, /)\n--\n\nSee Table.last_lookup."),
    Method<&StepTo<SnapshotReader, Step::kNext, true>>("next_lookup",
                                                       "next_lookup($self, key, /)\n--\n\nSee Table.next_lookup."),
    Method<&StepTo<SnapshotReader, Step::kPrev, true>>("prev_lookup",
                                                       "prev_lookup($self, key, /)\n--\n\nSee Table.prev_lookup."),
    Method<&RowsAtSlot<SnapshotReader>>("slot", "slot($self, number, /)\n--\n\nSee Table.slot."),
    MethodNoArguments<&IterateKeys<SnapshotReader>>("_iter_keys", nullptr),
    MethodNoArguments<&CountKeys<SnapshotReader>>("_count_keys", nullptr),
    MethodNoArguments<&Close>(
        "close",
        "close($self, /)\n--\n\n"
        "Lets go of the moment; reading it afterwards raises SnapshotClosedError. Closing twice is fine."),
    {nullptr, nullptr, 0, nullptr},
};

// Of a table, in the state it has now.
std::unique_ptr<SnapshotHandle> NewSnapshot(py::object table) {
  TableReader reader;
  auto handle = std::make_unique<SnapshotHandle>();
  if (!py::isinstance<TableHandle>(table)) throw py::type_error("a snapshot is taken of a Table");
  if (!reader.Open(table.ptr()) || !reader.TakeSnapshot(kAllColumns, &handle->snapshot)) throw py::error_already_set();
  handle->snapshot->Keep();
  handle->options = reader.shape().options;
  handle->name = std::make_shared<Ref>(Ref::Borrow(reader.shape().name_object()));  // as it is now
  handle->fields = Ref::Borrow(reader.shape().fields.get());
  return handle;
}

}  // namespace

void RegisterSnapshot(py::module_& module) {
  auto type = DefineClass<SnapshotHandle>(module, "Snapshot", nullptr,
                                          ContainerSetup<SnapshotHandle, SnapshotReader>(snapshot_methods));
  DefineInit(&type, &NewSnapshot);
  type.def_property_readonly("name", [](const SnapshotHandle& snapshot) { return py::handle(snapshot.name_object()); })
      .def_property_readonly("fields", [](const SnapshotHandle& snapshot) { return py::handle(snapshot.fields.get()); })
      .def_property_readonly("keypos", [](const SnapshotHandle& snapshot) { return snapshot.options.keypos; })
      .def_property_readonly("closed", [](const SnapshotHandle& snapshot) { return snapshot.snapshot == nullptr; });
  CheckLayout<SnapshotHandle>();
}

}  // namespace partita
