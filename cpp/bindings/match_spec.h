// `_core.MatchSpec`: a match specification read and checked once, for many runs.
//
// Relies on the GIL: `programs` is filled as the object is used with tables of one key position or another.

#ifndef PARTITA_BINDINGS_MATCH_SPEC_H_
#define PARTITA_BINDINGS_MATCH_SPEC_H_

#include <Python.h>

#include <cstdint>
#include <map>
#include <memory>

#include "absl/types/span.h"
#include "bindings/py_ref.h"
#include "match/machine.h"
#include "match/program.h"
#include "match/spec.h"

namespace partita {

struct MatchSpecHandle {
  Ref text;  // str, what repr() shows of the specification
  std::shared_ptr<const Spec> spec;
  std::map<uint32_t, std::shared_ptr<const Program>> programs;  // by position of the key

  // Null: an exception is set.
  std::shared_ptr<const Program> ProgramFor(uint32_t keypos);
};

// The handle in a MatchSpec; null for any other object, and with an exception set for one that was not initialised.
MatchSpecHandle* MatchSpecOf(PyObject* object);

// Null: an exception is set.
std::shared_ptr<const Program> CompileOrRaise(std::shared_ptr<const Spec> spec, uint32_t keypos);

// Sets MatchError for a body that erred on a row, of which the elements in `columns` are known.
void RaiseMatchError(const Machine::Failure& failure, absl::Span<const Value> row, ColumnSet columns);

}  // namespace partita

#endif  // PARTITA_BINDINGS_MATCH_SPEC_H_
