// Match specifications written down in C++, for tests.
//
//   SpecWriter w;
//   w.Clause(w.Tuple({w.V(1), w.Any()}), {w.Call(">", {w.V(1), w.C(3)})}, {w.Row()});
//   auto program = w.Compile(/*keypos=*/0);

#ifndef PARTITA_TESTING_SPEC_H_
#define PARTITA_TESTING_SPEC_H_

#include <initializer_list>
#include <memory>
#include <vector>

#include "match/compile.h"
#include "match/spec.h"
#include "testing/term.h"

namespace partita::testing {

class SpecWriter {
 public:
  using Node = Spec::NodeId;
  using Nodes = std::vector<Node>;

  SpecWriter() : spec_(std::make_shared<Spec>()) {}

  Node C(const Term& term) { return spec_->AddConstant(term.view()); }
  Node V(int number) { return spec_->AddVariable(int64_t{number}); }
  Node V(const char* name) { return spec_->AddVariable(absl::string_view(name)); }
  Node Any() { return spec_->AddLeaf(Spec::Kind::kAny); }
  Node Row() { return spec_->AddLeaf(Spec::Kind::kRow); }
  Node Vars() { return spec_->AddLeaf(Spec::Kind::kVars); }
  Node Tuple(const Nodes& elements) { return spec_->AddContainer(Spec::Kind::kTuple, elements); }
  Node List(const Nodes& elements) { return spec_->AddContainer(Spec::Kind::kList, elements); }
  Node Map(const Nodes& pairs) { return spec_->AddContainer(Spec::Kind::kMap, pairs); }
  Node Call(const char* function, const Nodes& arguments) { return spec_->AddCall(function, arguments); }
  void Clause(Node head, const Nodes& guards, const Nodes& bodies) { spec_->AddClause(head, guards, bodies); }

  const Spec& spec() const { return *spec_; }
  StatusOr<std::shared_ptr<const Program>> Compile(uint32_t keypos = kNoKey) const {
    return partita::Compile(spec_, keypos);
  }
  ClauseAnalysis Analysis(uint32_t keypos = 0) const { return Analyze(*spec_, 0, keypos); }

 private:
  std::shared_ptr<Spec> spec_;
};

}  // namespace partita::testing

#endif  // PARTITA_TESTING_SPEC_H_
