#include "bindings/explain.h"

#include <string>

#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "match/function.h"

namespace partita {
namespace {

// The field's name, or the position.
PyObject* NewPosition(const Shape& shape, uint32_t position) {
  PyObject* fields = shape.fields.get();
  if (fields != nullptr && PyTuple_Check(fields) && position < static_cast<size_t>(PyTuple_GET_SIZE(fields))) {
    return Py_NewRef(PyTuple_GET_ITEM(fields, static_cast<Py_ssize_t>(position)));
  }
  return PyLong_FromUnsignedLong(position);
}

bool Append(PyObject* list, PyObject* item) {
  const Ref owned = Ref::Steal(item);
  return owned && PyList_Append(list, owned.get()) == 0;
}

// The positions that are read, or None for whole rows.
PyObject* NewColumns(const Shape& shape, ColumnSet columns) {
  if ((columns & ColumnBit(kMaxColumns)) != 0) Py_RETURN_NONE;
  Ref list = Ref::Steal(PyList_New(0));
  for (uint32_t i = 0; list && i + 1 < kMaxColumns; ++i) {
    if ((columns & ColumnBit(i)) != 0 && !Append(list.get(), NewPosition(shape, i))) return nullptr;
  }
  return list.release();
}

// For each clause the comparisons of a field with a constant, as (field, operator, constant).
PyObject* NewComparisons(const Shape& shape, const Program& program) {
  Ref clauses = Ref::Steal(PyList_New(0));
  if (!clauses) return nullptr;
  for (const ClauseAnalysis& clause : program.analyses()) {
    Ref list = Ref::Steal(PyList_New(0));
    if (!list) return nullptr;
    for (const Comparison& c : clause.comparisons) {
      const absl::string_view name = NameOf(static_cast<Function>(c.op));
      Ref position = Ref::Steal(NewPosition(shape, c.position));
      Ref constant = position ? Ref::Steal(DecodeValue(c.constant)) : Ref();
      if (!constant) return nullptr;
      Ref op = Ref::Steal(PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size())));
      if (!op || !Append(list.get(), PyTuple_Pack(3, position.get(), op.get(), constant.get()))) return nullptr;
    }
    if (PyList_Append(clauses.get(), list.get()) != 0) return nullptr;
  }
  return clauses.release();
}

PyObject* NewKeys(const Question& question) {
  Ref keys = Ref::Steal(PyList_New(0));
  for (const KeyView& key : question.keys()) {
    if (!keys || !Append(keys.get(), DecodeValue(key.key))) return nullptr;
  }
  return keys.release();
}

// Whether the specification is run on each row that comparisons leave, to decide upon it or to make its result.
bool RunsOnEachRow(const Shape& shape, const Question& question) {
  using Result = ClauseAnalysis::Result;
  const absl::Span<const ClauseAnalysis> clauses = question.program().analyses();
  if (question.names_keys() || question.span() != nullptr || clauses.size() != 1 || !clauses[0].complete) return true;
  const bool in_order = shape.options.type == TableType::kOrderedSet;
  return clauses[0].result != Result::kTrue && (clauses[0].result != Result::kRow || in_order);
}

}  // namespace

PyObject* DescribeWay(const Shape& shape, const Question& question, uint64_t rows) {
  const char* way = question.names_keys() ? "lookup" : question.span() != nullptr ? "range" : "scan";
  Ref columns = Ref::Steal(NewColumns(shape, question.program().columns()));
  Ref comparisons = columns ? Ref::Steal(NewComparisons(shape, question.program())) : Ref();
  if (!comparisons) return nullptr;
  Ref description = Ref::Steal(Py_BuildValue(
      "{s:s,s:K,s:O,s:O,s:O}", "way", way, "rows", static_cast<unsigned long long>(rows), "columns", columns.get(),
      "comparisons", comparisons.get(), "interpreted", RunsOnEachRow(shape, question) ? Py_True : Py_False));
  if (!description || !question.names_keys()) return description.release();
  const Ref keys = Ref::Steal(NewKeys(question));
  if (!keys || PyDict_SetItemString(description.get(), "keys", keys.get()) != 0) return nullptr;
  return description.release();
}

}  // namespace partita
