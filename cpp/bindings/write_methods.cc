#include "bindings/write_methods.h"

#include <vector>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/read_methods.h"
#include "bindings/row_parse.h"

namespace partita {
namespace {

// All rows of a list, in one atomic step.
bool InsertRows(TableHandle* handle, PyObject* list, bool only_new, bool* inserted) {
  const Ref rows = Ref::Steal(PyList_AsTuple(list));  // encoding may run code that changes the list
  if (!rows) return false;
  RowBatch batch;
  const Py_ssize_t count = PyTuple_GET_SIZE(rows.get());
  const absl::Span<PyObject* const> objects(reinterpret_cast<PyTupleObject*>(rows.get())->ob_item,
                                            static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    PrefetchRows(objects, static_cast<size_t>(i));
    if (!batch.Add(*handle, Ref::Borrow(objects[static_cast<size_t>(i)]), i)) return false;
  }
  const auto insert = [&](Wait wait) { return handle->table->InsertList(batch.rows(), only_new, wait, inserted); };
  const Outcome outcome = batch.size() <= kSmallBatch ? CallEngine(insert) : CallWithoutGil(insert);
  if (outcome != Outcome::kOk) RaiseOutcome(*handle, outcome);
  return outcome == Outcome::kOk;
}

bool InsertRow(TableHandle* handle, PyObject* object, bool only_new, bool* inserted) {
  RowScratch scratch;
  RowView row;
  if (!ParseRow(*handle, object, &scratch, &row)) return false;
  Table* table = handle->table.get();
  const Outcome outcome = CallEngine(
      [&](Wait wait) { return only_new ? table->InsertNew(row, wait, inserted) : table->Insert(row, wait); });
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) RaiseOutcome(*handle, outcome);
  return outcome == Outcome::kOk;
}

bool InsertRowOrRows(PyObject* self, PyObject* rows, bool only_new, bool* inserted) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  if (ABSL_PREDICT_FALSE(handle == nullptr)) return false;
  return PyList_Check(rows) ? InsertRows(handle, rows, only_new, inserted)
                            : InsertRow(handle, rows, only_new, inserted);
}

}  // namespace

PyObject* Insert(PyObject* self, PyObject* rows) {
  bool inserted;
  if (!InsertRowOrRows(self, rows, false, &inserted)) return nullptr;
  Py_RETURN_NONE;
}

PyObject* InsertNew(PyObject* self, PyObject* rows) {
  bool inserted = false;
  if (!InsertRowOrRows(self, rows, true, &inserted)) return nullptr;
  return PyBool_FromLong(inserted);
}

PyObject* Delete(PyObject* self, PyObject* key_object) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  EncodeArena arena;
  KeyView key;
  if (handle == nullptr || !ParseKey(*handle, key_object, &arena, &key)) return nullptr;
  uint64_t removed;
  const Outcome outcome = CallEngine([&](Wait wait) { return handle->table->Delete(key, wait, &removed); });
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) return RaiseOutcome(*handle, outcome);
  Py_RETURN_NONE;
}

PyObject* DeleteObject(PyObject* self, PyObject* object) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  RowScratch scratch;
  RowView row;
  if (handle == nullptr || !ParseRow(*handle, object, &scratch, &row)) return nullptr;
  uint64_t removed;
  const Outcome outcome = CallEngine([&](Wait wait) { return handle->table->DeleteObject(row, wait, &removed); });
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) return RaiseOutcome(*handle, outcome);
  Py_RETURN_NONE;
}

namespace {

// Rows that were taken and could not be decoded (no memory, or an object in them that cannot be unpickled) go back,
// unless somebody put another row in their place; the exception that is set stays.
void PutBack(const TableHandle& handle, const KeyView& key, const RowBuffer& rows) {
  PyObject *type, *error, *traceback;
  PyErr_Fetch(&type, &error, &traceback);
  std::vector<RowView> views;
  for (size_t i = 0; i < rows.size(); ++i) {
    const absl::Span<const Value> row = rows.row(i);
    views.push_back(RowView{row.data(), static_cast<uint32_t>(row.size()), key.hash});
  }
  bool inserted;
  static_cast<void>(CallEngine([&](Wait wait) {
    return handle.table->InsertList(views, /*only_new=*/KeyNamesOneRow(handle), wait, &inserted);
  }));
  PyErr_Restore(type, error, traceback);
}

}  // namespace

PyObject* Take(PyObject* self, PyObject* key_object) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  EncodeArena arena;
  KeyView key;
  if (handle == nullptr || !ParseKey(*handle, key_object, &arena, &key)) return nullptr;
  RowBuffer rows;
  const Outcome outcome = CallEngine([&](Wait wait) { return handle->table->Take(key, wait, &rows); });
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) return RaiseOutcome(*handle, outcome);
  PyObject* list = DecodeRows(rows, 0, rows.size());
  if (ABSL_PREDICT_FALSE(list == nullptr)) PutBack(*handle, key, rows);
  return list;
}

PyObject* CompareAndSwap(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"old_row", "new_row"};
  PyObject* values[2];
  if (!ParseArguments("compare_and_swap", kNames, 2, args, nargs, keywords, values)) return nullptr;
  TableHandle* handle = HandleOf<TableHandle>(self);
  RowScratch old_scratch;
  RowScratch new_scratch;
  RowView old_row;
  RowView new_row;
  if (handle != nullptr && !KeyNamesOneRow(*handle)) return RaiseManyRows("compare_and_swap");
  if (handle == nullptr || !ParseRow(*handle, values[0], &old_scratch, &old_row) ||
      !ParseRow(*handle, values[1], &new_scratch, &new_row)) {
    return nullptr;
  }
  const uint32_t keypos = handle->options.keypos;
  if (!ExactlyEqual(old_row.values[keypos], new_row.values[keypos])) {
    const Ref old_key = Ref::Steal(DecodeValue(old_row.values[keypos]));
    const Ref new_key = Ref::Steal(DecodeValue(new_row.values[keypos]));
    if (!old_key || !new_key) return nullptr;
    const Ref old_repr = Ref::Steal(ShortRepr(old_key.get()));
    const Ref new_repr = Ref::Steal(ShortRepr(new_key.get()));
    if (!old_repr || !new_repr) return nullptr;
    return PyErr_Format(PyExc_ValueError, "compare_and_swap() keeps the key: the old row has %U, the new one %U",
                        old_repr.get(), new_repr.get());
  }
  bool swapped = false;
  const Outcome outcome =
      CallEngine([&](Wait wait) { return handle->table->CompareAndSwap(old_row, new_row, wait, &swapped); });
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) return RaiseOutcome(*handle, outcome);
  return PyBool_FromLong(swapped);
}

}  // namespace partita
