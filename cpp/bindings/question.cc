#include "bindings/question.h"

#include <algorithm>
#include <utility>

#include "bindings/match_spec.h"
#include "bindings/spec_parse.h"
#include "match/compile.h"

namespace partita {

bool Question::ReadSpec(const Shape& shape, PyObject* spec) {
  if (MatchSpecHandle* compiled = MatchSpecOf(spec)) {
    program_ = compiled->ProgramFor(shape.options.keypos);
  } else if (PyErr_Occurred()) {
    return false;
  } else {
    auto read = std::make_shared<Spec>();
    if (!ParseSpec(spec, read.get())) return false;
    program_ = CompileOrRaise(std::move(read), shape.options.keypos);
  }
  if (program_ == nullptr) return false;
  FindKeys(shape);
  return true;
}

bool Question::ReadPattern(const Shape& shape, PyObject* pattern, Spec::Kind result) {
  auto read = std::make_shared<Spec>();
  if (!ParsePattern(pattern, result, read.get())) return false;
  program_ = CompileOrRaise(std::move(read), shape.options.keypos);
  if (program_ == nullptr) return false;
  FindKeys(shape);
  return true;
}

void Question::FindKeys(const Shape& shape) {
  const bool ordered = shape.options.type == TableType::kOrderedSet;
  std::vector<Value> keys;
  for (const ClauseAnalysis& clause : program_->analyses()) {
    if (!clause.bound_key) {
      if (ordered) span_ = SpanOfKeys(*program_);
      return;
    }
    if (!clause.bound_key->has_opaque()) keys.push_back(*clause.bound_key);  // else no row has it
  }
  names_keys_ = true;
  const auto compare = ordered ? CompareNumeric : CompareExact;
  std::sort(keys.begin(), keys.end(), [compare](const Value& a, const Value& b) { return compare(a, b) < 0; });
  const auto same = [compare](const Value& a, const Value& b) { return compare(a, b) == 0; };
  keys.erase(std::unique(keys.begin(), keys.end(), same), keys.end());
  for (const Value& key : keys) keys_.push_back(KeyView{key, HashValue(key, shape.options.hash_seed)});
}

}  // namespace partita
