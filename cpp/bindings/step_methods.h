// Walks from key to key, and places by number. Their documentation stands in bind_table.cc.

#ifndef PARTITA_BINDINGS_STEP_METHODS_H_
#define PARTITA_BINDINGS_STEP_METHODS_H_

#include <Python.h>

#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/py_term.h"
#include "bindings/read_methods.h"
#include "bindings/reader.h"
#include "bindings/row_parse.h"
#include "table/row_buffer.h"
#include "table/table.h"

namespace partita {

// partita.END; a new reference.
PyObject* NewEnd();
// (key, rows), of all rows of one key.
PyObject* DecodeKeyAndRows(const RowBuffer& rows, uint32_t keypos);
// A number of slot(), an int from 0. *past_all: it is larger than any that there is. False: an exception is set.
bool ParseSlotNumber(PyObject* object, uint64_t* number, bool* past_all);

// `from` is a key for kNext and kPrev.
template <typename Reader, Step kStep, bool kWhole>
PyObject* StepTo(PyObject* self, PyObject* from) {
  constexpr bool kFromKey = kStep == Step::kNext || kStep == Step::kPrev;
  Reader reader;
  EncodeArena arena;
  KeyView key;
  if (!reader.Open(self) || (kFromKey && !ParseKey(reader.shape(), from, &arena, &key))) return nullptr;
  RowBuffer rows;
  const Outcome outcome =
      CallEngine([&](Wait wait) { return reader.StepKey(kStep, kFromKey ? &key : nullptr, kWhole, wait, &rows); });
  if (outcome == Outcome::kNoSuchKey) return RaiseKeyError(from);
  if (outcome != Outcome::kOk) return RaiseOutcome(reader.shape(), outcome);
  if (rows.empty()) return NewEnd();
  return kWhole ? DecodeKeyAndRows(rows, reader.shape().options.keypos) : DecodeValue(rows.row(0)[0]);
}

template <typename Reader>
PyObject* RowsAtSlot(PyObject* self, PyObject* number_object) {
  Reader reader;
  uint64_t number;
  bool past_end;
  if (!reader.Open(self) || !ParseSlotNumber(number_object, &number, &past_end)) return nullptr;
  RowBuffer rows;
  if (!past_end) {
    const Outcome outcome = CallEngine([&](Wait wait) { return reader.ReadSlot(number, wait, &past_end, &rows); });
    if (outcome != Outcome::kOk) return RaiseOutcome(reader.shape(), outcome);
  }
  return past_end ? NewEnd() : DecodeRows(rows, 0, rows.size());
}

}  // namespace partita

#endif  // PARTITA_BINDINGS_STEP_METHODS_H_
