// `_core.MatchSpec`, and running one on rows that are in no table. python/partita/matching.py gives it its public
// names.

#include <string>
#include <utility>
#include <vector>

#include "base/lock.h"
#include "bindings/entry.h"
#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/handles.h"
#include "bindings/instance.h"
#include "bindings/match_spec.h"
#include "bindings/pacer.h"
#include "bindings/py_foreign.h"
#include "bindings/py_term.h"
#include "bindings/register.h"
#include "bindings/spec_parse.h"
#include "match/compile.h"

namespace py = pybind11;

namespace partita {

std::shared_ptr<const Program> MatchSpecHandle::ProgramFor(uint32_t keypos) {
  std::shared_ptr<const Program>& program = programs[keypos];
  if (program == nullptr) program = CompileOrRaise(spec, keypos);
  return program;
}

MatchSpecHandle* MatchSpecOf(PyObject* object) {
  return py::isinstance<MatchSpecHandle>(object) ? HandleOf<MatchSpecHandle>(object) : nullptr;
}

std::shared_ptr<const Program> CompileOrRaise(std::shared_ptr<const Spec> spec, uint32_t keypos) {
  auto program = Compile(std::move(spec), keypos);
  if (program.ok()) return *program;
  RaiseSpecError(program.status());
  return nullptr;
}

namespace {

ForeignType match_error("partita.errors", "MatchError");

std::string Reason(const Machine::Failure& failure) {
  if (failure.in_function) return "'" + std::string(NameOf(failure.function)) + "' fails";
  switch (failure.op) {
    case Instruction::Op::kPushElementOrFail:
      return "'element' fails";
    case Instruction::Op::kAndAlso:
      return "'andalso' meets what is neither True nor False";
    case Instruction::Op::kOrElse:
      return "'orelse' meets what is neither True nor False";
    case Instruction::Op::kMakeMap:
      return "a map cannot be made (too large or too deep, or two keys that are one to Python, or one without a hash)";
    default:
      return "the result is too large or nested too deep";
  }
}

// A tuple's elements as values, which point into the tuple.
bool ReadRow(PyObject* row, Py_ssize_t index, EncodeArena* arena, std::vector<Value>* values) {
  std::string name = index < 0 ? "" : std::to_string(index) + " ";
  if (!PyTuple_Check(row)) {
    Ref repr = Ref::Steal(ShortRepr(row));
    if (repr) {
      PyErr_Format(PyExc_TypeError, "row %sis %U, of type %.100s: a row is a tuple", name.c_str(), repr.get(),
                   Py_TYPE(row)->tp_name);
    }
    return false;
  }
  if (PyTuple_GET_SIZE(row) > kMaxArity) {
    PyErr_Format(PyExc_ValueError, "row %shas %zd elements: a row has at most %u", name.c_str(), PyTuple_GET_SIZE(row),
                 kMaxArity);
    return false;
  }
  values->resize(static_cast<size_t>(PyTuple_GET_SIZE(row)));
  for (size_t i = 0; i < values->size(); ++i) {
    if (!EncodeValue(PyTuple_GET_ITEM(row, static_cast<Py_ssize_t>(i)), arena, &(*values)[i])) {
      AddContext("row %selement %zu", name.c_str(), i);
      return false;
    }
  }
  return true;
}

enum class Found { kResult, kNothing, kError };

// `row` points into objects that do not change, or to copies: what computes runs on it without the GIL.
Found RunOn(Machine* machine, const Program& program, absl::Span<const Value> row, Ref* result) {
  size_t clause = Machine::kNoClause;
  bool is_row = false;
  bool made = false;
  Value value;
  const auto run = [&] {
    clause = machine->Match(row);
    if (clause == Machine::kNoClause) return Outcome::kOk;
    is_row = program.analysis(clause).result == ClauseAnalysis::Result::kRow;
    made = !is_row && machine->Evaluate(clause, &value);
    return Outcome::kOk;
  };
  if ((program.is_light() ? run() : WithoutGil(run)) != Outcome::kOk) {
    PyErr_NoMemory();
    return Found::kError;
  }
  if (clause == Machine::kNoClause) return Found::kNothing;
  if (is_row) {
    *result = Ref::Steal(DecodeRow(row));
  } else if (made) {
    *result = Ref::Steal(DecodeValue(value));
  } else {
    RaiseMatchError(machine->failure(), row, kAllColumns);
  }
  return *result ? Found::kResult : Found::kError;
}

// test(row) -> result, or False
PyObject* Test(PyObject* self, PyObject* row) {
  auto* handle = HandleOf<MatchSpecHandle>(self);
  if (handle == nullptr) return nullptr;
  const std::shared_ptr<const Program> program = handle->ProgramFor(kNoKey);
  if (!program) return nullptr;
  EncodeArena arena;
  std::vector<Value> values;
  if (!ReadRow(row, -1, &arena, &values)) return nullptr;
  Machine machine(*program);
  Ref result;
  switch (RunOn(&machine, *program, values, &result)) {
    case Found::kResult:
      return result.release();
    case Found::kNothing:
      Py_RETURN_FALSE;
    case Found::kError:
      break;
  }
  return nullptr;
}

// run(rows) -> list of the results of those that match
PyObject* RunAll(PyObject* self, PyObject* rows) {
  constexpr Py_ssize_t kRowsPerTick = 256;
  auto* handle = HandleOf<MatchSpecHandle>(self);
  if (handle == nullptr) return nullptr;
  const std::shared_ptr<const Program> program = handle->ProgramFor(kNoKey);
  if (!program) return nullptr;
  Ref iterator = Ref::Steal(PyObject_GetIter(rows));
  Ref results = iterator ? Ref::Steal(PyList_New(0)) : Ref();
  if (!results) return nullptr;
  Machine machine(*program);
  EncodeArena arena;
  std::vector<Value> values;
  Pacer pacer;
  for (Py_ssize_t i = 0;; ++i) {
    Ref row = Ref::Steal(PyIter_Next(iterator.get()));
    if (!row) break;
    arena.Clear();
    Ref result;
    if (!ReadRow(row.get(), i, &arena, &values)) return nullptr;
    const Found found = RunOn(&machine, *program, values, &result);
    if (found == Found::kError) return nullptr;
    if (found == Found::kResult && PyList_Append(results.get(), result.get()) != 0) return nullptr;
    if ((!program->is_light() || i % kRowsPerTick == kRowsPerTick - 1) && !pacer.Tick()) return nullptr;
  }
  return PyErr_Occurred() ? nullptr : results.release();
}

PyObject* Repr(PyObject* self) {
  auto* handle = HandleOf<MatchSpecHandle>(self);
  if (handle == nullptr) {
    PyErr_Clear();
    return PyUnicode_FromString("<partita.matchspec, not initialized>");
  }
  return PyUnicode_FromFormat("partita.matchspec(%U)", handle->text.get());
}

std::unique_ptr<MatchSpecHandle> NewMatchSpec(py::object object) {
  auto handle = std::make_unique<MatchSpecHandle>();
  auto spec = std::make_shared<Spec>();
  if (!ParseSpec(object.ptr(), spec.get())) throw py::error_already_set();
  handle->spec = std::move(spec);
  if (!handle->ProgramFor(kNoKey)) throw py::error_already_set();
  handle->text = Ref::Steal(ShortRepr(object.ptr()));
  if (!handle->text) throw py::error_already_set();
  return handle;
}

PyMethodDef methods[] = {
    Method<&Test>("test",
                  "test($self, row, /)\n--\n\n"
                  "The result of the specification for one row, a tuple; False if no clause matches."),
    Method<&RunAll>("run",
                    "run($self, rows, /)\n--\n\n"
                    "The results for those of many rows, tuples, that match: a list, in their order."),
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

// Elements that nobody read are shown as Ellipsis.
void RaiseMatchError(const Machine::Failure& failure, absl::Span<const Value> row, ColumnSet columns) {
  assert(LocksHeldByThisThread() == 0);
  PyTypeObject* error = match_error.Get();
  Ref tuple = error != nullptr ? Ref::Steal(PyTuple_New(static_cast<Py_ssize_t>(row.size()))) : Ref();
  if (!tuple) return;
  PyObject_GC_UnTrack(tuple.get());  // decoding may run code, to which the collector must not show holes
  for (uint32_t i = 0; i < row.size(); ++i) {
    const bool known = (columns & ColumnBit(i)) != 0;
    PyObject* element = known ? DecodeValue(row[i]) : Py_NewRef(Py_Ellipsis);
    if (element == nullptr) return;
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), element);
  }
  Ref repr = Ref::Steal(ShortRepr(tuple.get()));
  if (!repr) return;
  PyErr_Format(reinterpret_cast<PyObject*>(error), "clause %zu, body %zu: %s on the row %U", failure.clause,
               failure.body, Reason(failure).c_str(), repr.get());
}

void RegisterMatching(py::module_& module) {
  const auto setup = [](PyTypeObject* type) {
    type->tp_methods = methods;
    type->tp_repr = &Entry<&Repr>::Call;
  };
  auto type = DefineClass<MatchSpecHandle>(module, "MatchSpec", nullptr, setup);
  DefineInit(&type, &NewMatchSpec);
  CheckLayout<MatchSpecHandle>();
}

}  // namespace partita
