// select(), match(), match_object(), select_reverse() and select_count() of tables and snapshots.
//
// A key that every clause binds is looked up; everything else is a scan of a snapshot, without the GIL and on several
// threads, in slices between which results are decoded and Ctrl-C is answered. With a limit the table is read page by
// page (cursor.h).

#ifndef PARTITA_BINDINGS_SELECT_METHODS_H_
#define PARTITA_BINDINGS_SELECT_METHODS_H_

#include <Python.h>

#include <memory>
#include <utility>

#include "bindings/arguments.h"
#include "bindings/cursor.h"
#include "bindings/errors.h"
#include "bindings/explain.h"
#include "bindings/gil.h"
#include "bindings/handles.h"
#include "bindings/py_ref.h"
#include "bindings/question.h"
#include "bindings/reader.h"
#include "bindings/run_sweep.h"
#include "match/judges.h"
#include "match/program.h"
#include "match/select.h"
#include "table/row_buffer.h"
#include "table/snapshot.h"

namespace partita {

// How a question is to be answered.
struct AnswerOptions {
  Direction direction = Direction::kForward;
  size_t limit = 0;  // none
  int threads = 1;
};

// A span of keys with no more rows than these is read under one lock, without a snapshot.
inline constexpr size_t kMostRowsUnderLock = 1000;

// Null: an exception is set. Without a limit the results point into `rows`.
std::shared_ptr<const Selected> SelectFromRows(const RowBuffer& rows, const Program& program,
                                               const AnswerOptions& options);
PyObject* SelectFromSnapshot(const Snapshot& snapshot, const Question& question, const AnswerOptions& options);
uint64_t RowsInSpan(const Snapshot& snapshot, const KeySpan& span);
// A list of all that was found.
PyObject* ListOf(const Selected& found);
// An int.
PyObject* CountInRows(const RowBuffer& rows, const Program& program);
PyObject* CountInSnapshot(const Snapshot& snapshot, const Question& question, int threads);

// Of arguments (limit, threads).
bool ParseOptions(PyObject* limit, PyObject* threads, AnswerOptions* options);

// The rows of the keys that `question` names, of one moment. False: an exception is set.
template <typename Reader>
bool LookupNamedKeys(Reader* reader, const Question& question, RowBuffer* rows) {
  Outcome outcome;
  if (question.keys().size() == 1) {
    outcome = CallEngine([&](Wait wait) { return reader->Lookup(question.keys()[0], wait, rows); });
  } else {
    std::shared_ptr<Snapshot> snapshot;
    if (!reader->TakeSnapshot(kAllColumns, &snapshot)) return false;
    outcome = WithoutGil([&] {
      Outcome last = Outcome::kOk;
      for (const KeyView& key : question.keys()) {
        last = snapshot->Lookup(key, Wait::kBlock, rows);
        if (last != Outcome::kOk) break;
      }
      return last;
    });
    ReleaseWithoutGil(std::move(snapshot));
  }
  if (outcome != Outcome::kOk) RaiseOutcome(reader->shape(), outcome);
  return outcome == Outcome::kOk;
}

// Has the rows of the span that the question bounds judged at one moment, if they are few. False: an exception is set.
template <typename Reader>
bool JudgeFew(Reader* reader, const Question& question, Direction direction, MatchJudge* judge, bool* done) {
  *done = false;
  if (question.span() == nullptr || !question.program().is_light()) return true;
  const Outcome outcome = CallEngine(
      [&](Wait wait) { return reader->JudgeSpan(*question.span(), direction, kMostRowsUnderLock, judge, wait, done); });
  if (outcome != Outcome::kOk) RaiseOutcome(reader->shape(), outcome);
  return outcome == Outcome::kOk && CheckJudge(question.program(), *judge);
}

template <typename Reader>
PyObject* Count(Reader* reader, const Question& question, int threads) {
  const Program& program = question.program();
  if (question.names_keys()) {
    RowBuffer rows;
    return LookupNamedKeys(reader, question, &rows) ? CountInRows(rows, program) : nullptr;
  }
  CountingJudge few(program);
  bool done;
  if (!JudgeFew(reader, question, Direction::kForward, &few, &done)) return nullptr;
  if (done) return PyLong_FromUnsignedLongLong(few.count());
  std::shared_ptr<Snapshot> snapshot;
  if (!reader->TakeSnapshot(question.span() == nullptr ? program.columns() : kAllColumns, &snapshot)) return nullptr;
  PyObject* answer = CountInSnapshot(*snapshot, question, threads);
  ReleaseWithoutGil(std::move(snapshot));
  return answer;
}

template <typename Reader>
PyObject* Answer(PyObject* self, Reader* reader, const Question& question, const AnswerOptions& options) {
  const Program& program = question.program();
  const TableType type = reader->shape().options.type;
  PageSource source{self, &reader->shape(), reader->live_table(), question.shared_program(), options.limit};
  if (question.names_keys()) {
    RowBuffer rows;
    if (!LookupNamedKeys(reader, question, &rows)) return nullptr;
    const std::shared_ptr<const Selected> found = SelectFromRows(rows, program, options);
    if (found == nullptr) return nullptr;
    if (options.limit > 0) return NewPage(source, PagePlace{found, 0, nullptr});
    return ListOf(*found);
  }
  if (options.limit > 0) {
    return NewPage(source, PagePlace{nullptr, 0, reader->NewSweep(question.span(), options.direction)});
  }
  FewJudge few(program);
  bool done;
  if (!JudgeFew(reader, question, options.direction, &few, &done)) return nullptr;
  if (done) return ListOf(*few.found());
  std::shared_ptr<Snapshot> snapshot;
  // Where rows have an order, it is kept beside the columns.
  const ColumnSet columns = type == TableType::kSet ? program.columns() : kAllColumns;
  if (!reader->TakeSnapshot(columns, &snapshot)) return nullptr;
  PyObject* answer = SelectFromSnapshot(*snapshot, question, options);
  ReleaseWithoutGil(std::move(snapshot));
  return answer;
}

// How many rows are looked at to answer the question. False: an exception is set.
template <typename Reader>
bool CountLookedAt(Reader* reader, const Question& question, uint64_t* rows) {
  if (question.names_keys()) {
    RowBuffer found;
    if (!LookupNamedKeys(reader, question, &found)) return false;
    *rows = found.size();
    return true;
  }
  if (question.span() == nullptr) {
    const Outcome outcome = CallEngine([&](Wait wait) { return reader->Size(wait, rows); });
    if (outcome != Outcome::kOk) RaiseOutcome(reader->shape(), outcome);
    return outcome == Outcome::kOk;
  }
  std::shared_ptr<Snapshot> snapshot;
  if (!reader->TakeSnapshot(kAllColumns, &snapshot)) return false;
  const Outcome outcome = WithoutGil([&] {
    *rows = RowsInSpan(*snapshot, *question.span());
    return Outcome::kOk;
  });
  ReleaseWithoutGil(std::move(snapshot));
  if (outcome != Outcome::kOk) PyErr_NoMemory();
  return outcome == Outcome::kOk;
}

template <typename Reader>
PyObject* Explain(PyObject* self, PyObject* spec) {
  Reader reader;
  Question question;
  uint64_t rows = 0;
  if (!reader.Open(self) || !question.ReadSpec(reader.shape(), spec) || !CountLookedAt(&reader, question, &rows)) {
    return nullptr;
  }
  return DescribeWay(reader.shape(), question, rows);
}

// (spec, threads)
template <typename Reader>
PyObject* SelectCount(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  static constexpr const char* kNames[] = {"spec", "threads"};
  PyObject* values[2];
  Reader reader;
  Question question;
  AnswerOptions options;
  if (!ParseArguments("select_count", kNames, 2, args, nargs, nullptr, values) || !reader.Open(self) ||
      !ParseOptions(Py_None, values[1], &options) || !question.ReadSpec(reader.shape(), values[0])) {
    return nullptr;
  }
  return Count(&reader, question, options.threads);
}

// (spec, limit, threads)
template <typename Reader, Direction kDirection>
PyObject* Select(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  static constexpr const char* kNames[] = {"spec", "limit", "threads"};
  PyObject* values[3];
  Reader reader;
  Question question;
  AnswerOptions options;
  if (!ParseArguments("select", kNames, 3, args, nargs, nullptr, values) || !reader.Open(self) ||
      !ParseOptions(values[1], values[2], &options) || !question.ReadSpec(reader.shape(), values[0])) {
    return nullptr;
  }
  if (reader.shape().options.type == TableType::kOrderedSet) options.direction = kDirection;  // elsewhere all the same
  return Answer(self, &reader, question, options);
}

// (pattern, limit, threads)
template <typename Reader, Spec::Kind kResult>
PyObject* MatchPattern(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  static constexpr const char* kNames[] = {"pattern", "limit", "threads"};
  PyObject* values[3];
  Reader reader;
  Question question;
  AnswerOptions options;
  if (!ParseArguments("match", kNames, 3, args, nargs, nullptr, values) || !reader.Open(self) ||
      !ParseOptions(values[1], values[2], &options) || !question.ReadPattern(reader.shape(), values[0], kResult)) {
    return nullptr;
  }
  return Answer(self, &reader, question, options);
}

}  // namespace partita

#endif  // PARTITA_BINDINGS_SELECT_METHODS_H_
