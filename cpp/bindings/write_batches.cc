#include <utility>

#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/read_methods.h"
#include "bindings/row_parse.h"
#include "bindings/write_methods.h"

namespace partita {
namespace {

// A few rows or keys go one by one: letting go of the GIL would cost more, up to Python's switch interval if other
// threads are busy, and a batch that must not wait cannot be tried, since what it did before it had to wait would be
// done twice. Where each may wait for the disk, they go together.
bool GoesOneByOne(const Table& table, size_t count) { return count <= kSmallBatch && table.journal() == nullptr; }

Outcome InsertEach(Table* table, absl::Span<const RowView> rows, uint64_t* done) {
  for (const RowView& row : rows) {
    const Outcome outcome = CallEngine([&](Wait wait) { return table->Insert(row, wait); });
    if (outcome != Outcome::kOk) return outcome;
    ++*done;
  }
  return Outcome::kOk;
}

Outcome DeleteEach(Table* table, absl::Span<const KeyView> keys, uint64_t* removed) {
  for (const KeyView& key : keys) {
    uint64_t removed_now = 0;
    const Outcome outcome = CallEngine([&](Wait wait) { return table->Delete(key, wait, &removed_now); });
    if (outcome != Outcome::kOk) return outcome;
    *removed += removed_now;
  }
  return Outcome::kOk;
}

// Puts the rows of `batch` in and adds their number to *count. False: an exception is set.
bool InsertBatch(TableHandle* handle, RowBatch* batch, uint64_t* count) {
  Table* table = handle->table.get();
  const absl::Span<const RowView> rows = batch->rows();
  uint64_t done = 0;
  const Outcome outcome = GoesOneByOne(*table, rows.size())
                              ? InsertEach(table, rows, &done)
                              : CallWithoutGil([&](Wait wait) { return table->InsertBatch(rows, wait, &done); });
  *count += done;
  batch->Clear();
  if (outcome != Outcome::kOk) RaiseOutcome(*handle, outcome);
  return outcome == Outcome::kOk;
}

// Collects up to kBatchSize rows from `iterator`, which is one of `rows`. False: an exception is set; the rows before
// it are in the batch.
bool CollectRows(const TableHandle& handle, PyObject* rows, PyObject* iterator, uint64_t first_index, RowBatch* batch,
                 bool* at_end) {
  for (Py_ssize_t i = 0; i < kBatchSize; ++i) {
    if (PyList_CheckExact(rows)) {  // anew each time: encoding a row may run code that changes it
      PrefetchRows(absl::MakeConstSpan(reinterpret_cast<PyListObject*>(rows)->ob_item,
                                       static_cast<size_t>(PyList_GET_SIZE(rows))),
                   first_index + static_cast<uint64_t>(i));
    }
    Ref row = Ref::Steal(PyIter_Next(iterator));
    if (!row) {
      *at_end = true;
      return PyErr_Occurred() == nullptr;
    }
    if (!batch->Add(handle, std::move(row), static_cast<Py_ssize_t>(first_index) + i)) return false;
  }
  return true;
}

// Runs `call` without the GIL, for calls that wait for all locks or free much memory.
template <typename Call>
PyObject* RunLong(PyObject* self, Call&& call) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  if (handle == nullptr) return nullptr;
  const Outcome outcome = CallWithoutGil([&](Wait wait) { return call(handle->table.get(), wait); });
  if (outcome != Outcome::kOk) return RaiseOutcome(*handle, outcome);
  Py_RETURN_NONE;
}

}  // namespace

PyObject* InsertMany(PyObject* self, PyObject* rows) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  if (handle == nullptr) return nullptr;
  const Ref iterator = Ref::Steal(PyObject_GetIter(rows));
  if (!iterator) return nullptr;
  if (handle->table->dropped()) return RaiseOutcome(*handle, Outcome::kDropped);  // also if there is no row
  RowBatch batch;
  uint64_t count = 0;
  for (bool at_end = false; !at_end;) {
    if (!CollectRows(*handle, rows, iterator.get(), count, &batch, &at_end)) {
      // The rows before the bad one go in, so that what the error names is the first row that is missing.
      PyObject *type, *value, *traceback;
      PyErr_Fetch(&type, &value, &traceback);
      if (InsertBatch(handle, &batch, &count)) {
        PyErr_Restore(type, value, traceback);
      } else {
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(traceback);
      }
      return nullptr;
    }
    if (!InsertBatch(handle, &batch, &count) || PyErr_CheckSignals() != 0) return nullptr;
  }
  return PyLong_FromUnsignedLongLong(count);
}

PyObject* DeleteMany(PyObject* self, PyObject* keys) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  if (handle == nullptr) return nullptr;
  const Ref tuple = Ref::Steal(PySequence_Tuple(keys));
  if (!tuple) return nullptr;
  const Py_ssize_t count = PyTuple_GET_SIZE(tuple.get());
  PyObject* const* objects = reinterpret_cast<PyTupleObject*>(tuple.get())->ob_item;
  // All keys are encoded before the first row goes: a bad key deletes nothing.
  KeyBatch batch;
  if (!batch.Parse(*handle, absl::MakeConstSpan(objects, static_cast<size_t>(count)), 0)) return nullptr;
  if (handle->table->dropped()) return RaiseOutcome(*handle, Outcome::kDropped);  // also if there is no key
  uint64_t removed = 0;
  for (Py_ssize_t first = 0; first < count; first += kBatchSize) {
    if (first > 0 && PyErr_CheckSignals() != 0) return nullptr;
    const absl::Span<const KeyView> part = batch.keys().subspan(static_cast<size_t>(first), kBatchSize);
    Table* table = handle->table.get();
    const Outcome outcome = GoesOneByOne(*table, part.size())
                                ? DeleteEach(table, part, &removed)
                                : CallWithoutGil([&](Wait wait) { return table->DeleteBatch(part, wait, &removed); });
    if (outcome != Outcome::kOk) return RaiseOutcome(*handle, outcome);
  }
  return PyLong_FromUnsignedLongLong(removed);
}

PyObject* Clear(PyObject* self, PyObject*) {
  return RunLong(self, [](Table* table, Wait wait) { return table->Clear(wait); });
}

PyObject* Drop(PyObject* self, PyObject*) {
  return RunLong(self, [](Table* table, Wait wait) { return table->Drop(wait); });
}

PyObject* Compact(PyObject* self, PyObject*) {
  return RunLong(self, [](Table* table, Wait wait) { return table->Compact(wait); });
}

}  // namespace partita
