// update: a row replaced by what a Python function makes of it.

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/read_methods.h"
#include "bindings/row_parse.h"
#include "bindings/write_methods.h"

namespace partita {
namespace {

bool CheckKeyKept(const Shape& shape, const RowView& start, const RowView& made, PyObject* old_row, PyObject* row) {
  const uint32_t keypos = shape.options.keypos;
  if (ExactlyEqual(start.values[keypos], made.values[keypos])) return true;
  const Ref old_key = Ref::Steal(ShortRepr(PyTuple_GET_ITEM(old_row, keypos)));
  const Ref new_key = Ref::Steal(ShortRepr(PyTuple_GET_ITEM(row, keypos)));
  if (old_key && new_key) {
    PyErr_Format(PyExc_ValueError, "update() keeps the key: the old row has %U, the new one %U", old_key.get(),
                 new_key.get());
  }
  return false;
}

}  // namespace

// The row that `fn` was given is compared with in the form it has in the table. Encoding what Python was given would
// not do: a pickle of an unpickled object may differ from the first, and then no try would ever succeed.
PyObject* Update(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"key", "fn", "default"};
  PyObject* values[3];
  if (!ParseArguments("update", kNames, 2, args, nargs, keywords, values)) return nullptr;
  TableHandle* handle = HandleOf<TableHandle>(self);
  EncodeArena arena;
  KeyView key;
  if (handle != nullptr && !KeyNamesOneRow(*handle)) return RaiseManyRows("update");
  if (handle == nullptr || !ParseKey(*handle, values[0], &arena, &key)) return nullptr;
  RowScratch default_scratch;
  RowView default_row;
  const bool has_default = values[2] != nullptr && values[2] != Py_None;
  if (has_default && !ParseRow(*handle, values[2], &key, kSingleRow, &default_scratch, &default_row)) {
    AddContext("update(): default");
    return nullptr;
  }
  for (;;) {
    RowBuffer rows;
    Outcome outcome = CallEngine([&](Wait wait) { return handle->table->Lookup(key, wait, &rows); });
    if (outcome != Outcome::kOk) return RaiseOutcome(*handle, outcome);
    const bool found = !rows.empty();
    if (!found && !has_default) return RaiseKeyError(values[0]);
    const RowView start =
        found ? RowView{rows.row(0).data(), static_cast<uint32_t>(rows.row(0).size()), key.hash} : default_row;
    const Ref old_row = Ref::Steal(DecodeRow(absl::MakeConstSpan(start.values, start.arity)));
    if (!old_row) return nullptr;
    Ref new_row = Ref::Steal(PyObject_CallOneArg(values[1], old_row.get()));
    RowScratch scratch;
    RowView made;
    if (!new_row || !ParseRow(*handle, new_row.get(), &scratch, &made) ||
        !CheckKeyKept(*handle, start, made, old_row.get(), new_row.get())) {
      return nullptr;
    }
    bool done = false;
    outcome = CallEngine([&](Wait wait) {
      return found ? handle->table->CompareAndSwap(start, made, wait, &done)
                   : handle->table->InsertNew(made, wait, &done);
    });
    if (outcome != Outcome::kOk) return RaiseOutcome(*handle, outcome);
    if (done) return new_row.release();
    if (PyErr_CheckSignals() != 0) return nullptr;
  }
}

}  // namespace partita
