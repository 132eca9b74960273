#include "match/spec.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace partita {

Spec::Range Spec::AddRange(absl::Span<const NodeId> children) {
  const Range range{static_cast<uint32_t>(children_.size()), static_cast<uint32_t>(children.size())};
  children_.insert(children_.end(), children.begin(), children.end());
  return range;
}

Spec::NodeId Spec::AddNode(Kind kind, uint32_t index, absl::Span<const NodeId> children) {
  Node node{kind, 0, index, AddRange(children)};
  for (const NodeId child : children) node.depth = std::max(node.depth, nodes_[child].depth + 1);
  nodes_.push_back(node);
  return static_cast<NodeId>(nodes_.size() - 1);
}

Spec::NodeId Spec::AddConstant(const Value& v) {
  Value kept = v;
  if (v.kind == Value::Kind::kStr || v.kind == Value::Kind::kWire) {
    char* copy = bytes_.Allocate(v.size);
    if (v.size != 0) std::memcpy(copy, v.data, v.size);
    kept.data = copy;
  }
  constants_.push_back(kept);
  return AddNode(Kind::kConstant, static_cast<uint32_t>(constants_.size() - 1), {});
}

Spec::NodeId Spec::AddVariable(int64_t number, std::string name) {
  const auto [it, is_new] = variable_index_.try_emplace(name, variable_count());
  if (is_new) variables_.push_back(Variable{number, std::move(name)});
  return AddNode(Kind::kVariable, it->second, {});
}

Spec::NodeId Spec::AddVariable(int64_t number) { return AddVariable(number, absl::StrCat("V[", number, "]")); }

Spec::NodeId Spec::AddVariable(absl::string_view name) { return AddVariable(-1, absl::StrCat("V.", name)); }

Spec::NodeId Spec::AddCall(absl::string_view function, absl::Span<const NodeId> arguments) {
  auto it = name_index_.find(function);
  if (it == name_index_.end()) {
    it = name_index_.emplace(std::string(function), static_cast<uint32_t>(names_.size())).first;
    names_.emplace_back(function);
  }
  return AddNode(Kind::kCall, it->second, arguments);
}

void Spec::AddClause(NodeId head, absl::Span<const NodeId> guards, absl::Span<const NodeId> bodies) {
  const Range guard_range = AddRange(guards);
  clauses_.push_back(Clause{head, guard_range, AddRange(bodies)});
}

void Spec::AddPattern(NodeId pattern, NodeId result) {
  AddClause(pattern, {}, {&result, 1});
  is_pattern_ = true;
}

}  // namespace partita
