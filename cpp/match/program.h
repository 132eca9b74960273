// A match specification compiled for one position of the key: what the machine (machine.h) runs on rows.
//
// Each clause is a run of instructions: those of its head and guards, then those of its bodies. A head reads the row
// from left to right; what it says of whole elements needs no instruction but the test of the arity, because a variable
// that is an element of the row is read from there. Expressions work on a stack of values.
//
// Never changes once made: one program serves any number of threads. Keeps the specification whose constants it uses.

#ifndef PARTITA_MATCH_PROGRAM_H_
#define PARTITA_MATCH_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "match/analysis.h"
#include "match/function.h"
#include "match/spec.h"
#include "term/value.h"

namespace partita {

struct Instruction {
  enum class Op : uint8_t {
    // Patterns. There is one value at hand, and a stack of the containers that are open.
    kElement,      // takes element `a` of the row in hand
    kNext,         // takes the next term of the innermost container
    kSkip,         // passes over `a` terms of it
    kValueAt,      // takes the value at key `a` (a constant) of it, a map; no match without
    kEnterTuple,   // opens the value, which must be a tuple of `a` elements
    kEnterList,    // the same for a list
    kEnterMap,     // the same for a map of at least `a` pairs
    kLeave,        // closes the innermost container
    kMatch,        // the value must be exactly constant `a`
    kBind,         // the value becomes that of variable `a`
    kSame,         // the value must be exactly that of variable `a`
    kSameElement,  // the same for element `a` of the row
    // Expressions.
    kPushConstant,
    kPushElement,        // element `a`, which the row has
    kPushElementOrFail,  // element `a`; rows that are too short fail
    kPushVariable,
    kPushRow,
    kMakeTuple,  // of the `a` topmost values, which it replaces
    kMakeList,
    kMakeVars,  // the same, for VARS: no level of the result's own
    kMakeRow,   // the same for a tuple that is the whole result
    kMakeMap,   // of `a` pairs of key and value
    kCall,      // `function` of the `a` topmost values
    kCompare,   // the same for a comparison
    kAndAlso,   // true: drops it; false: goes on at `a`; anything else fails
    kOrElse,    // the reverse
    kDrop,      // drops the topmost value
    kGuard,     // drops it, which must be true
    kEnd,
  };

  Op op;
  Function function = {};
  uint32_t a = 0;
};
static_assert(sizeof(Instruction) == 8);

class Program {
 public:
  struct Clause {
    uint32_t arity;  // of the rows it is for, or kAnyArity
    uint32_t head;   // first instruction of head and guards
    uint32_t body;   // first instruction of the bodies; kDrop stands between two
  };

  absl::Span<const Clause> clauses() const { return clauses_; }
  const ClauseAnalysis& analysis(size_t clause) const { return analyses_[clause]; }
  absl::Span<const ClauseAnalysis> analyses() const { return analyses_; }
  // What is read of a row in any clause, by position: what its snapshot must have.
  ColumnSet columns() const { return columns_; }
  // Whether a row takes little longer than to read it: it may be run under a lock and with the GIL. Others compute, for
  // which there is hardly a bound.
  bool is_light() const { return is_light_; }

 private:
  friend class Compiler;
  friend class Machine;

  std::shared_ptr<const Spec> spec_;
  std::vector<Clause> clauses_;
  std::vector<ClauseAnalysis> analyses_;
  std::vector<Instruction> code_;
  std::vector<Value> constants_;
  ColumnSet columns_ = 0;
  bool is_light_ = false;
  // What the machine needs room for.
  uint32_t max_stack_ = 0;
  uint32_t max_open_ = 0;
  uint32_t max_variables_ = 0;
};

}  // namespace partita

#endif  // PARTITA_MATCH_PROGRAM_H_
