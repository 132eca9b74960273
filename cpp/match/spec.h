// A match specification as it was written: trees of patterns and expressions, without Python and without meaning yet.
//
// A list of clauses, each a head (a pattern of the row), guards and bodies (expressions). Whoever reads one from
// somewhere builds it node by node, children first; compile.h and analysis.h say what it means. Nodes are numbered;
// each is used as a child once. Owns all bytes. Built by one thread, then only read, by any number.

#ifndef PARTITA_MATCH_SPEC_H_
#define PARTITA_MATCH_SPEC_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "match/arena.h"
#include "term/value.h"

namespace partita {

class Spec {
 public:
  enum class Kind : uint8_t {
    kConstant,  // a term that stands for itself; a map in a head: for the maps that hold its pairs
    kVariable,  // V[1], V.name
    kAny,       // anything, in heads
    kRow,       // the row
    kVars,      // the list of all bindings
    kTuple,     // of what its children give
    kList,
    kMap,   // children are keys and values in turn
    kCall,  // of a function, in guards and bodies
  };
  using NodeId = uint32_t;
  // A run of children in the list of them all.
  struct Range {
    uint32_t first = 0;
    uint32_t count = 0;
  };
  struct Node {
    Kind kind;
    uint32_t depth;  // of containers and calls below; a leaf has 0
    uint32_t index;  // kConstant, kVariable, kCall: number of the constant, variable or name
    Range children;
  };
  struct Variable {
    int64_t number;    // -1: it has a name
    std::string name;  // as it is written: V[1], V.name
  };
  struct Clause {
    NodeId head;
    Range guards;
    Range bodies;
  };

  Spec() = default;
  Spec(const Spec&) = delete;
  Spec& operator=(const Spec&) = delete;

  // Building. All may throw std::bad_alloc. Depth is the caller's to bound: at most kMaxTermDepth.
  NodeId AddConstant(const Value& v);
  NodeId AddVariable(int64_t number);
  NodeId AddVariable(absl::string_view name);
  NodeId AddLeaf(Kind kind) { return AddNode(kind, 0, {}); }  // kAny, kRow, kVars
  NodeId AddContainer(Kind kind, absl::Span<const NodeId> children) { return AddNode(kind, 0, children); }
  NodeId AddCall(absl::string_view function, absl::Span<const NodeId> arguments);
  void AddClause(NodeId head, absl::Span<const NodeId> guards, absl::Span<const NodeId> bodies);
  // The only clause: a pattern alone, and what is wanted of the rows that match. Messages then speak of no clause.
  void AddPattern(NodeId pattern, NodeId result);

  bool is_pattern() const { return is_pattern_; }
  absl::Span<const Clause> clauses() const { return clauses_; }
  size_t node_count() const { return nodes_.size(); }
  const Node& node(NodeId id) const { return nodes_[id]; }
  absl::Span<const NodeId> children(const Range& range) const {
    return absl::Span<const NodeId>(children_).subspan(range.first, range.count);
  }
  absl::Span<const NodeId> children(NodeId id) const { return children(nodes_[id].children); }
  bool is(NodeId id, Kind kind) const { return nodes_[id].kind == kind; }
  const Value& constant(NodeId id) const { return constants_[nodes_[id].index]; }
  const Variable& variable(uint32_t index) const { return variables_[index]; }
  uint32_t variable_count() const { return static_cast<uint32_t>(variables_.size()); }
  absl::string_view function(NodeId id) const { return names_[nodes_[id].index]; }

 private:
  NodeId AddNode(Kind kind, uint32_t index, absl::Span<const NodeId> children);
  NodeId AddVariable(int64_t number, std::string name);
  Range AddRange(absl::Span<const NodeId> children);

  bool is_pattern_ = false;
  std::vector<Clause> clauses_;
  std::vector<Node> nodes_;
  std::vector<NodeId> children_;
  std::vector<Value> constants_;
  std::vector<Variable> variables_;
  std::vector<std::string> names_;
  std::map<std::string, uint32_t, std::less<>> variable_index_;
  std::map<std::string, uint32_t, std::less<>> name_index_;
  Arena bytes_;
};

}  // namespace partita

#endif  // PARTITA_MATCH_SPEC_H_
