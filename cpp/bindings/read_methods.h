// The reading methods, for tables and snapshots (Reader: reader.h).

#ifndef PARTITA_BINDINGS_READ_METHODS_H_
#define PARTITA_BINDINGS_READ_METHODS_H_

#include <Python.h>

#include <algorithm>
#include <vector>

#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "bindings/reader.h"
#include "bindings/row_parse.h"
#include "bindings/rows_iterator.h"
#include "bindings/scan.h"

namespace partita {

// Keys or rows that go to the engine in one native call with the GIL released: long enough to be worth it, short enough
// that Ctrl-C is answered and that what is copied stays in the cache.
inline constexpr Py_ssize_t kBatchSize = 4096;
inline constexpr size_t kSmallBatch = 64;  // below, letting go of the GIL costs more than the call

inline bool KeyNamesOneRow(const Shape& shape) {
  return shape.options.type == TableType::kSet || shape.options.type == TableType::kOrderedSet;
}

// A list of rows, or of the single values in them.
PyObject* DecodeRows(const RowBuffer& rows, size_t first, size_t count);
PyObject* DecodeFirstValues(const RowBuffer& rows);
PyObject* RaiseShortRow(PyObject* key, PyObject* position);
PyObject* RaiseManyRows(const char* method, const char* instead = "");

template <typename Reader>
bool LookupKey(Reader* reader, PyObject* key_object, RowBuffer* rows) {
  EncodeArena arena;
  KeyView key;
  if (!ParseKey(reader->shape(), key_object, &arena, &key)) return false;
  const Outcome outcome = CallEngine([&](Wait wait) { return reader->Lookup(key, wait, rows); });
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) RaiseOutcome(reader->shape(), outcome);
  return outcome == Outcome::kOk;
}

template <typename Reader>
PyObject* Lookup(PyObject* self, PyObject* key) {
  Reader reader;
  RowBuffer rows;
  if (!reader.Open(self) || !LookupKey(&reader, key, &rows)) return nullptr;
  return DecodeRows(rows, 0, rows.size());
}

template <typename Reader>
PyObject* Get(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"key", "default"};
  PyObject* values[2];
  if (!ParseArguments("get", kNames, 1, args, nargs, keywords, values)) return nullptr;
  Reader reader;
  if (!reader.Open(self)) return nullptr;
  if (!KeyNamesOneRow(reader.shape())) return RaiseManyRows("get", ", use lookup()");
  RowBuffer rows;
  if (!LookupKey(&reader, values[0], &rows)) return nullptr;
  if (!rows.empty()) return DecodeRow(rows.row(0));
  return Py_NewRef(values[1] == nullptr ? Py_None : values[1]);
}

template <typename Reader>
PyObject* LookupElement(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"key", "pos", "default"};
  PyObject* values[3];
  if (!ParseArguments("lookup_element", kNames, 2, args, nargs, keywords, values)) return nullptr;
  Reader reader;
  if (!reader.Open(self)) return nullptr;
  EncodeArena arena;
  KeyView key;
  uint32_t position;
  if (!ParsePosition(reader.shape(), values[1], &position) || !ParseKey(reader.shape(), values[0], &arena, &key)) {
    return nullptr;
  }
  RowBuffer rows;
  const Outcome outcome = CallEngine([&](Wait wait) { return reader.LookupElement(key, position, wait, &rows); });
  if (ABSL_PREDICT_FALSE(outcome == Outcome::kBadPosition)) return RaiseShortRow(values[0], values[1]);
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) return RaiseOutcome(reader.shape(), outcome);
  if (rows.empty()) return values[2] == nullptr ? RaiseKeyError(values[0]) : Py_NewRef(values[2]);
  return KeyNamesOneRow(reader.shape()) ? DecodeValue(rows.row(0)[0]) : DecodeFirstValues(rows);
}

template <typename Reader>
int Contains(PyObject* self, PyObject* key_object) {
  Reader reader;
  if (!reader.Open(self)) return -1;
  EncodeArena arena;
  KeyView key;
  if (!ParseKey(reader.shape(), key_object, &arena, &key)) return -1;
  bool found = false;
  const Outcome outcome = CallEngine([&](Wait wait) { return reader.Member(key, wait, &found); });
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) {
    RaiseOutcome(reader.shape(), outcome);
    return -1;
  }
  return found ? 1 : 0;
}

template <typename Reader>
PyObject* Member(PyObject* self, PyObject* key) {
  const int found = Contains<Reader>(self, key);
  return found < 0 ? nullptr : PyBool_FromLong(found);
}

template <typename Reader>
Py_ssize_t Length(PyObject* self) {
  Reader reader;
  if (!reader.Open(self)) return -1;
  uint64_t rows = 0;
  const Outcome outcome = CallEngine([&](Wait wait) { return reader.Size(wait, &rows); });
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) {
    RaiseOutcome(reader.shape(), outcome);
    return -1;
  }
  return static_cast<Py_ssize_t>(rows);
}

// Looks all keys up, batch by batch; make(RowBuffer, RowRange) gives the list's element for a key, or null with an
// exception.
template <typename Reader, typename Make>
PyObject* LookupBatches(Reader* reader, PyObject* key_objects, Make&& make) {
  const Ref tuple = Ref::Steal(PySequence_Tuple(key_objects));  // keeps the keys alive, and nobody can change it
  if (!tuple) return nullptr;
  const Py_ssize_t count = PyTuple_GET_SIZE(tuple.get());
  Ref list = Ref::Steal(PyList_New(count));
  if (!list) return nullptr;
  PyObject_GC_UnTrack(list.get());  // the collector must not show a list with holes to anybody
  if (count == 0) {                 // a dropped table says so all the same
    uint64_t rows = 0;
    const Outcome outcome = CallEngine([&](Wait wait) { return reader->Size(wait, &rows); });
    if (outcome != Outcome::kOk) return RaiseOutcome(reader->shape(), outcome);
  }
  KeyBatch batch;
  RowBuffer rows;
  std::vector<RowRange> ranges;
  for (Py_ssize_t first = 0; first < count; first += kBatchSize) {
    if (first > 0 && PyErr_CheckSignals() != 0) return nullptr;
    const Py_ssize_t size = std::min(kBatchSize, count - first);
    PyObject* const* keys = reinterpret_cast<PyTupleObject*>(tuple.get())->ob_item + first;
    if (!batch.Parse(reader->shape(), absl::MakeConstSpan(keys, static_cast<size_t>(size)), first)) return nullptr;
    rows.Clear();
    const auto lookup = [&](Wait wait) { return reader->LookupBatch(batch.keys(), wait, &rows, &ranges); };
    const Outcome outcome = batch.keys().size() <= kSmallBatch ? CallEngine(lookup)
                                                               : WithoutGil([&lookup] { return lookup(Wait::kBlock); });
    if (outcome != Outcome::kOk) return RaiseOutcome(reader->shape(), outcome);
    for (Py_ssize_t i = 0; i < size; ++i) {
      PyObject* element = make(rows, ranges[static_cast<size_t>(i)]);
      if (element == nullptr) return nullptr;
      PyList_SET_ITEM(list.get(), first + i, element);
    }
  }
  PyObject_GC_Track(list.get());
  return list.release();
}

template <typename Reader>
PyObject* LookupMany(PyObject* self, PyObject* keys) {
  Reader reader;
  if (!reader.Open(self)) return nullptr;
  return LookupBatches(
      &reader, keys, [](const RowBuffer& rows, RowRange range) { return DecodeRows(rows, range.first, range.count); });
}

template <typename Reader>
PyObject* GetMany(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"keys", "default"};
  PyObject* values[2];
  if (!ParseArguments("get_many", kNames, 1, args, nargs, keywords, values)) return nullptr;
  Reader reader;
  if (!reader.Open(self)) return nullptr;
  if (!KeyNamesOneRow(reader.shape())) return RaiseManyRows("get_many", ", use lookup_many()");
  PyObject* missing = values[1] == nullptr ? Py_None : values[1];
  return LookupBatches(&reader, values[0], [missing](const RowBuffer& rows, RowRange range) {
    return range.count == 0 ? Py_NewRef(missing) : DecodeRow(rows.row(range.first));
  });
}

template <typename Reader>
PyObject* Iterate(PyObject* self) {
  Reader reader;
  if (!reader.Open(self)) return nullptr;
  return NewRowsIterator(self, reader.shape(), reader.NewWalk(Direction::kForward), IteratorGives::kRows);
}

template <typename Reader>
PyObject* IterateBackward(PyObject* self, PyObject*) {
  Reader reader;
  if (!reader.Open(self)) return nullptr;
  return NewRowsIterator(self, reader.shape(), reader.NewWalk(Direction::kBackward), IteratorGives::kRows);
}

template <typename Reader>
PyObject* IterateKeys(PyObject* self, PyObject*) {
  Reader reader;
  if (!reader.Open(self)) return nullptr;
  return NewRowsIterator(self, reader.shape(), reader.NewKeyWalk(), IteratorGives::kFirstValues);
}

template <typename Reader>
PyObject* CountKeys(PyObject* self, PyObject*) {
  Reader reader;
  if (!reader.Open(self)) return nullptr;
  uint64_t keys = 0;
  const Outcome outcome = CallEngine([&](Wait wait) { return reader.CountKeys(wait, &keys); });
  if (outcome != Outcome::kOk) return RaiseOutcome(reader.shape(), outcome);
  return PyLong_FromUnsignedLongLong(keys);
}

template <typename Reader>
PyObject* ToList(PyObject* self, PyObject*) {
  Reader reader;
  std::shared_ptr<Snapshot> snapshot;
  if (!reader.Open(self) || !reader.TakeSnapshot(kAllColumns, &snapshot)) return nullptr;
  PyObject* list = DecodeSnapshot(*snapshot);
  ReleaseWithoutGil(std::move(snapshot));
  return list;
}

}  // namespace partita

#endif  // PARTITA_BINDINGS_READ_METHODS_H_
