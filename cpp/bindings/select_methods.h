// select(), match(), match_object() and select_count() of tables and snapshots.
//
// A key that every clause binds is looked up; everything else is a scan of a snapshot, without the GIL and on several
// threads, in slices between which results are decoded and Ctrl-C is answered.

#ifndef PARTITA_BINDINGS_SELECT_METHODS_H_
#define PARTITA_BINDINGS_SELECT_METHODS_H_

#include <Python.h>

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "bindings/arguments.h"
#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/handles.h"
#include "bindings/py_ref.h"
#include "bindings/reader.h"
#include "match/program.h"
#include "match/select.h"
#include "table/row_buffer.h"
#include "table/snapshot.h"

namespace partita {

// What a method was asked, compiled for its table.
class Question {
 public:
  // False: an exception is set.
  bool ReadSpec(const Shape& shape, PyObject* spec);  // a list of clauses, or a MatchSpec
  bool ReadPattern(const Shape& shape, PyObject* pattern, Spec::Kind result);

  const Program& program() const { return *program_; }
  // Whether rows of a few keys alone can match, which are then in keys(): each once, in the order of an ordered_set.
  bool names_keys() const { return names_keys_; }
  absl::Span<const KeyView> keys() const { return keys_; }

 private:
  void FindKeys(const Shape& shape);

  std::shared_ptr<const Program> program_;
  bool names_keys_ = false;
  std::vector<KeyView> keys_;
};

// A list of results; null with an exception set.
PyObject* SelectFromRows(const RowBuffer& rows, const Program& program);
PyObject* SelectFromSnapshot(const Snapshot& snapshot, const Program& program, int threads);
// An int.
PyObject* CountInRows(const RowBuffer& rows, const Program& program);
PyObject* CountInSnapshot(const Snapshot& snapshot, const Program& program, int threads);

// The rows of the keys that `question` names, of one moment. False: an exception is set.
template <typename Reader>
bool LookupNamedKeys(Reader* reader, const Question& question, RowBuffer* rows) {
  Outcome outcome;
  if (question.keys().size() == 1) {
    outcome = CallEngine([&](Wait wait) { return reader->Lookup(question.keys()[0], wait, rows); });
  } else {
    std::shared_ptr<Snapshot> snapshot;
    if (!reader->TakeSnapshot(kAllColumns, &snapshot)) return false;
    outcome = Outcome::kOk;
    for (const KeyView& key : question.keys()) {
      outcome = CallEngine([&](Wait wait) { return snapshot->Lookup(key, wait, rows); });
      if (outcome != Outcome::kOk) break;
    }
    ReleaseWithoutGil(std::move(snapshot));
  }
  if (outcome != Outcome::kOk) RaiseOutcome(reader->shape(), outcome);
  return outcome == Outcome::kOk;
}

template <typename Reader>
PyObject* Answer(Reader* reader, const Question& question, bool count, int threads) {
  const Program& program = question.program();
  if (question.names_keys()) {
    RowBuffer rows;
    if (!LookupNamedKeys(reader, question, &rows)) return nullptr;
    return count ? CountInRows(rows, program) : SelectFromRows(rows, program);
  }
  // What tells the order of rows is part of the whole table only.
  const bool in_order = !count && reader->shape().options.type != TableType::kSet;
  std::shared_ptr<Snapshot> snapshot;
  if (!reader->TakeSnapshot(in_order ? kAllColumns : program.columns(), &snapshot)) return nullptr;
  PyObject* answer =
      count ? CountInSnapshot(*snapshot, program, threads) : SelectFromSnapshot(*snapshot, program, threads);
  ReleaseWithoutGil(std::move(snapshot));
  return answer;
}

// (spec, threads)
template <typename Reader, bool kCount>
PyObject* SelectOrCount(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  static constexpr const char* kNames[] = {"spec", "threads"};
  PyObject* values[2];
  Reader reader;
  Question question;
  if (!ParseArguments("select", kNames, 2, args, nargs, nullptr, values) || !reader.Open(self)) return nullptr;
  const int threads = static_cast<int>(PyLong_AsLong(values[1]));
  if (PyErr_Occurred() || !question.ReadSpec(reader.shape(), values[0])) return nullptr;
  return Answer(&reader, question, kCount, threads);
}

// (pattern, threads)
template <typename Reader, Spec::Kind kResult>
PyObject* MatchPattern(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  static constexpr const char* kNames[] = {"pattern", "threads"};
  PyObject* values[2];
  Reader reader;
  Question question;
  if (!ParseArguments("match", kNames, 2, args, nargs, nullptr, values) || !reader.Open(self)) return nullptr;
  const int threads = static_cast<int>(PyLong_AsLong(values[1]));
  if (PyErr_Occurred() || !question.ReadPattern(reader.shape(), values[0], kResult)) return nullptr;
  return Answer(&reader, question, false, threads);
}

}  // namespace partita

#endif  // PARTITA_BINDINGS_SELECT_METHODS_H_
