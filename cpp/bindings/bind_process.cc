// What concerns the process and not one table.

#include <pybind11/pybind11.h>

#include <utility>

#include "bindings/cursor.h"
#include "bindings/fix.h"
#include "bindings/gil.h"
#include "bindings/handles.h"
#include "bindings/register.h"
#include "bindings/rows_iterator.h"
#include "column/row_store.h"
#include "table/ordered_table.h"
#include "table/table.h"

namespace py = pybind11;

namespace partita {
namespace {

// Removes `name` from the dict of names if it stands for `table`. No Python code runs between the look and the deletion
// (names are plain str), and so no other thread under the GIL; a free-threaded build needs a critical section on the
// dict here.
void ForgetName(py::dict names, py::str name, py::object table) {
  if (PyDict_GetItemWithError(names.ptr(), name.ptr()) != table.ptr()) {
    if (PyErr_Occurred()) throw py::error_already_set();
    return;
  }
  if (PyDict_DelItem(names.ptr(), name.ptr()) != 0) throw py::error_already_set();
}

// Gives `name` to `table` in the dict of names, and takes the one it had away, unless another table has `name`. Returns
// the table that has it now. One step, as above.
py::object ClaimName(py::dict names, py::str name, py::object table) {
  auto& handle = table.cast<TableHandle&>();
  PyObject* holder = PyDict_GetItemWithError(names.ptr(), name.ptr());
  if (holder != nullptr && holder != table.ptr()) return py::reinterpret_borrow<py::object>(holder);
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  if (holder == nullptr && PyDict_SetItem(names.ptr(), name.ptr(), table.ptr()) != 0) throw py::error_already_set();
  const Ref old = std::exchange(*handle.name, Ref::Borrow(name.ptr()));
  if (old.get() != Py_None && PyUnicode_Compare(old.get(), name.ptr()) != 0 &&
      PyDict_GetItemWithError(names.ptr(), old.get()) == table.ptr()) {
    PyDict_DelItem(names.ptr(), old.get());
  }
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  return table;
}

// Sets the attribute `name` of `object` to `value` if it is `expected` now; whether it was. No Python code runs between
// the look and the change as long as the attribute is a slot (__slots__): as above.
bool ReplaceAttribute(py::object object, py::str name, const py::object& expected, py::object value) {
  const py::object now = py::reinterpret_steal<py::object>(PyObject_GetAttr(object.ptr(), name.ptr()));
  if (!now) throw py::error_already_set();
  if (!now.is(expected)) return false;
  if (PyObject_SetAttr(object.ptr(), name.ptr(), value.ptr()) != 0) throw py::error_already_set();
  return true;
}

py::dict ReadCounts() {
  const LiveCounts counts = ReadLiveCounts();
  py::dict dict;
  dict["tables"] = counts.tables;
  dict["rows"] = counts.rows;
  dict["snapshots"] = counts.snapshots;
  dict["walks"] = counts.walks;
  dict["bytes"] = counts.bytes;
  return dict;
}

}  // namespace

void RegisterProcess(py::module_& module) {
  InstallGilCheck();
  InstallForkHandlers();
  if (!RegisterRowsIterator(module.ptr())) throw py::error_already_set();
  if (!RegisterFix(module.ptr())) throw py::error_already_set();
  if (!RegisterCursor(module.ptr())) throw py::error_already_set();
  module.def("forget_name", &ForgetName);
  module.def("claim_name", &ClaimName);
  module.def("replace_attribute", &ReplaceAttribute);
  module.def(
      "live_counts", &ReadCounts,
      "What is alive in the engine: a dict of tables, rows, snapshots, walks and bytes. For tests that count exactly.");
  module.def("_limit_chunks", [](uint32_t count) { TEST_LimitChunks(count); });
  module.def("_set_split_rows", [](uint64_t rows) { TEST_SetSplitRows(rows); });
  module.attr("MAX_CHUNKS") = kMaxChunks;
  module.attr("MAX_PARTITIONS") = kMaxPartitions;
  module.attr("MAX_ARITY") = kMaxArity;
}

}  // namespace partita
