#include "bindings/match_writes.h"

#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/handles.h"
#include "bindings/question.h"
#include "bindings/run_sweep.h"
#include "match/judges.h"

namespace partita {
namespace {

// Has the judge see the rows that can match. False: an exception is set.
bool Run(const TableHandle& handle, const Question& question, MatchJudge* judge) {
  Table& table = *handle.table;
  bool done;
  if (!question.names_keys() || question.keys().empty()) {
    return RunSweep(handle, question.program(), table.NewSweep(question.span(), Direction::kForward).get(), judge,
                    &done);
  }
  for (const KeyView& key : question.keys()) {
    const auto call = [&](Wait wait) { return table.JudgeKey(key, judge, wait); };
    const Outcome outcome = question.program().is_light() ? CallEngine(call) : CallWithoutGil(call);
    if (outcome != Outcome::kOk) RaiseOutcome(handle, outcome);
    if (outcome != Outcome::kOk || !CheckJudge(question.program(), *judge)) return false;
    if (PyErr_CheckSignals() != 0) return false;
  }
  return true;
}

PyObject* DeleteRows(const TableHandle& handle, const Question& question) {
  DeletingJudge judge(question.program());
  return Run(handle, question, &judge) ? PyLong_FromUnsignedLongLong(judge.deleted()) : nullptr;
}

// Whether each clause gives a row with the key of the one that it matches.
bool CheckKeepsKey(const Program& program) {
  for (size_t i = 0; i < program.clauses().size(); ++i) {
    if (program.analysis(i).keeps_key) continue;
    PyErr_Format(PyExc_ValueError,
                 "clause %zu: the body must give a row with the same key: ROW, or a tuple ((...),) that has, at the "
                 "key's position, what the head has there: the same variable or constant, or ('element', keypos, ROW)",
                 i);
    return false;
  }
  return true;
}

}  // namespace

PyObject* SelectDelete(PyObject* self, PyObject* spec) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  Question question;
  if (handle == nullptr || !question.ReadSpec(*handle, spec)) return nullptr;
  return DeleteRows(*handle, question);
}

PyObject* MatchDelete(PyObject* self, PyObject* pattern) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  Question question;
  if (handle == nullptr || !question.ReadPattern(*handle, pattern, Spec::Kind::kConstant)) return nullptr;
  return DeleteRows(*handle, question);
}

PyObject* SelectReplace(PyObject* self, PyObject* spec) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  if (handle == nullptr) return nullptr;
  const TableType type = handle->options.type;
  if (type != TableType::kSet && type != TableType::kOrderedSet) {
    PyErr_SetString(PyExc_TypeError,
                    "select_replace() needs a set or an ordered_set: a key of a bag may have many rows");
    return nullptr;
  }
  Question question;
  if (!question.ReadSpec(*handle, spec) || !CheckKeepsKey(question.program())) return nullptr;
  ReplacingJudge judge(question.program());
  return Run(*handle, question, &judge) ? PyLong_FromUnsignedLongLong(judge.replaced()) : nullptr;
}

}  // namespace partita
