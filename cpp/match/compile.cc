#include "match/compile.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "match/place.h"
#include "term/wire.h"

namespace partita {
namespace {

using Op = Instruction::Op;
using Kind = Spec::Kind;
using NodeId = Spec::NodeId;

}  // namespace

class Compiler {
 public:
  Compiler(std::shared_ptr<const Spec> spec, uint32_t keypos)
      : keypos_(keypos), spec_(*spec), program_(std::make_shared<Program>()), homes_(spec->variable_count()) {
    program_->spec_ = std::move(spec);
  }

  Status Run() {
    if (spec_.clauses().empty()) return InvalidArgumentError("a match specification has at least one clause");
    for (size_t i = 0; i < spec_.clauses().size(); ++i) {
      const Place place{nullptr, "clause", i};
      if (!CompileClause(&place, i)) return InvalidArgumentError(std::move(error_));
    }
    program_->is_light_ = IsLight();
    return OkStatus();
  }

  std::shared_ptr<const Program> program() const { return program_; }

 private:
  bool IsLight() const {
    constexpr size_t kFew = 256;
    const std::vector<Instruction>& code = program_->code_;
    return code.size() <= kFew &&
           std::none_of(code.begin(), code.end(), [](const Instruction& i) { return i.op == Op::kCall; });
  }

  // Where the value of a variable is found while a clause runs.
  struct Home {
    enum class Where : uint8_t { kNowhere, kRow, kElement, kSlot };

    size_t clause = static_cast<size_t>(-1);  // that this is about
    Where where = Where::kNowhere;
    uint32_t index = 0;
  };

  template <typename... Words>
  bool Fail(const Place* place, const Words&... words) {
    error_ = absl::StrCat(PlaceText(*place), ": ", words...);
    return false;
  }

  void Emit(Op op, uint32_t a = 0, Function function = {}) { program_->code_.push_back(Instruction{op, function, a}); }
  uint32_t here() const { return static_cast<uint32_t>(program_->code_.size()); }

  uint32_t AddConstant(const Value& v) {
    program_->constants_.push_back(v);
    return static_cast<uint32_t>(program_->constants_.size() - 1);
  }

  bool CompileClause(const Place* place, size_t number) {
    const Spec::Clause& clause = spec_.clauses()[number];
    clause_ = number;
    variables_.clear();
    slots_ = 0;
    Program::Clause compiled{kAnyArity, here(), 0};
    const Place head = spec_.is_pattern() ? Place{nullptr, "pattern"} : Place{place, "head"};
    if (!CompileHead(&head, clause.head, &compiled.arity)) return false;
    OrderVariables();
    const absl::Span<const NodeId> guards = spec_.children(clause.guards);
    for (size_t i = 0; i < guards.size(); ++i) {
      const Place guard{place, "guard", i};
      if (!CompileExpression(&guard, guards[i])) return false;
      Emit(Op::kGuard);
      stack_ -= 1;
    }
    Emit(Op::kEnd);
    compiled.body = here();
    const absl::Span<const NodeId> bodies = spec_.children(clause.bodies);
    if (bodies.empty()) return Fail(place, "the body has at least one expression");
    for (size_t i = 0; i < bodies.size(); ++i) {
      const Place body{place, "body", i};
      if (!CompileExpression(&body, bodies[i])) return false;
      Instruction& last = program_->code_.back();
      if (last.op == Op::kMakeTuple) last.op = Op::kMakeRow;  // whose elements may be as deep as those of a row
      if (i + 1 < bodies.size()) Emit(Op::kDrop);
      stack_ -= 1;
    }
    Emit(Op::kEnd);
    const auto calls = [](const Instruction& i) { return i.op == Op::kCall; };
    const bool may_err = std::any_of(program_->code_.begin() + compiled.body, program_->code_.end(), calls);
    program_->clauses_.push_back(compiled);
    program_->analyses_.push_back(Analyze(spec_, number, keypos_));
    program_->columns_ |= program_->analyses_.back().columns;
    if (may_err && keypos_ != kNoKey) program_->columns_ |= ColumnBit(keypos_);  // an error is to tell the key
    // Elements beyond the columns of their own are read with all of the row (Selector).
    if ((program_->columns_ & ColumnBit(kMaxColumns)) != 0) program_->columns_ = kAllColumns;
    program_->max_variables_ = std::max(program_->max_variables_, slots_);
    return true;
  }

  // --- Heads.

  bool CompileHead(const Place* place, NodeId id, uint32_t* arity) {
    switch (spec_.node(id).kind) {
      case Kind::kAny:
        return true;
      case Kind::kVariable:
        Settle(id, Home::Where::kRow, 0);
        return true;
      case Kind::kTuple:
        break;
      default:
        return Fail(place, "a pattern is a tuple, a variable or ANY");
    }
    const absl::Span<const NodeId> elements = spec_.children(id);
    *arity = static_cast<uint32_t>(elements.size());
    for (uint32_t i = 0; i < *arity; ++i) {
      const Place element{place, "element", i};
      if (!CompileElement(&element, elements[i], i)) return false;
    }
    return true;
  }

  bool CompileElement(const Place* place, NodeId id, uint32_t position) {
    switch (spec_.node(id).kind) {
      case Kind::kAny:
        return true;
      case Kind::kVariable:
        if (Find(id)->where == Home::Where::kNowhere) {
          Settle(id, Home::Where::kElement, position);
          return true;
        }
        break;
      case Kind::kConstant:
        if (position != keypos_) break;
        Emit(Op::kElement, position);
        Emit(Op::kMatch, AddConstant(spec_.constant(id)));  // the whole key, maps in it too
        return true;
      default:
        break;
    }
    Emit(Op::kElement, position);
    return CompilePattern(place, id);
  }

  // Code for the value at hand.
  bool CompilePattern(const Place* place, NodeId id) {
    const Spec::Node& node = spec_.node(id);
    if (node.depth >= kMaxTermDepth) return Fail(place, "a pattern is nested at most ", kMaxTermDepth, " deep");
    switch (node.kind) {
      case Kind::kConstant:
        CompileConstantPattern(spec_.constant(id));
        return true;
      case Kind::kAny:
        return true;
      case Kind::kVariable: {
        const Home* home = Find(id);
        if (home->where == Home::Where::kNowhere) {
          Emit(Op::kBind, slots_);
          Settle(id, Home::Where::kSlot, slots_++);
        } else {
          Emit(home->where == Home::Where::kElement ? Op::kSameElement : Op::kSame, home->index);
        }
        return true;
      }
      case Kind::kRow:
        return Fail(place, "ROW has no meaning in a head");
      case Kind::kVars:
        return Fail(place, "VARS has no meaning in a head");
      case Kind::kCall:
        return Fail(place, "a head holds no calls");
      case Kind::kTuple:
      case Kind::kList:
        return CompileSequencePattern(place, id);
      case Kind::kMap:
        return CompileMapPattern(place, id);
    }
    return false;
  }

  void Open(Op op, size_t count) {
    Emit(op, static_cast<uint32_t>(count));
    program_->max_open_ = std::max(program_->max_open_, ++open_);
  }

  void Leave() {
    Emit(Op::kLeave);
    --open_;
  }

  bool CompileSequencePattern(const Place* place, NodeId id) {
    const absl::Span<const NodeId> elements = spec_.children(id);
    Open(spec_.is(id, Kind::kTuple) ? Op::kEnterTuple : Op::kEnterList, elements.size());
    uint32_t skipped = 0;
    for (size_t i = 0; i < elements.size(); ++i) {
      if (spec_.is(elements[i], Kind::kAny)) {
        ++skipped;
        continue;
      }
      if (skipped != 0) Emit(Op::kSkip, std::exchange(skipped, 0));
      Emit(Op::kNext);
      const Place element{place, "element", i};
      if (!CompilePattern(&element, elements[i])) return false;
    }
    Leave();
    return true;
  }

  bool CompileMapPattern(const Place* place, NodeId id) {
    const absl::Span<const NodeId> children = spec_.children(id);
    Open(Op::kEnterMap, children.size() / 2);
    for (size_t i = 0; i < children.size(); i += 2) {
      const Place key{place, "key", i / 2};
      if (!spec_.is(children[i], Kind::kConstant)) {
        return Fail(&key, "a variable or ANY cannot stand in a key of a map in a head");
      }
      Emit(Op::kValueAt, AddConstant(spec_.constant(children[i])));
      const Place value{place, "value", i / 2};
      if (!CompilePattern(&value, children[i + 1])) return false;
    }
    Leave();
    return true;
  }

  // A constant stands for itself, but that maps in it stand for all that hold their pairs.
  void CompileConstantPattern(const Value& v) {
    if (!HoldsMap(v)) return Emit(Op::kMatch, AddConstant(v));
    const wire::Container c = wire::ReadContainer(v.data);
    const char* p = c.body;
    Value part;
    if (c.kind == wire::ContainerKind::kMap) {
      Open(Op::kEnterMap, c.count);
      for (uint32_t i = 0; i < c.count; ++i) {
        p = wire::ReadTerm(p, &part);
        Emit(Op::kValueAt, AddConstant(part));
        p = wire::ReadTerm(p, &part);
        CompileConstantPattern(part);
      }
    } else {
      Open(c.kind == wire::ContainerKind::kTuple ? Op::kEnterTuple : Op::kEnterList, c.count);
      for (uint32_t i = 0; i < c.count; ++i) {
        p = wire::ReadTerm(p, &part);
        Emit(Op::kNext);
        CompileConstantPattern(part);
      }
    }
    Leave();
  }

  // --- Variables.

  Home* Find(NodeId id) {
    Home* home = &homes_[spec_.node(id).index];
    if (home->clause != clause_) *home = Home{clause_, Home::Where::kNowhere, 0};
    return home;
  }

  void Settle(NodeId id, Home::Where where, uint32_t index) {
    Home* home = Find(id);
    home->where = where;
    home->index = index;
    variables_.push_back(spec_.node(id).index);
  }

  // Numbered ones by their numbers, then named ones as they came.
  void OrderVariables() {
    std::vector<std::tuple<uint64_t, size_t, uint32_t>> ranked;  // by number (none is the greatest), then by place
    for (size_t i = 0; i < variables_.size(); ++i) {
      ranked.emplace_back(static_cast<uint64_t>(spec_.variable(variables_[i]).number), i, variables_[i]);
    }
    std::sort(ranked.begin(), ranked.end());
    for (size_t i = 0; i < ranked.size(); ++i) variables_[i] = std::get<2>(ranked[i]);
  }

  // --- Expressions. Each leaves one value on the stack.

  void Push(Op op, uint32_t a = 0) {
    Emit(op, a);
    program_->max_stack_ = std::max(program_->max_stack_, ++stack_);
  }

  void PushVariable(const Home& home) {
    switch (home.where) {
      case Home::Where::kRow:
        return Push(Op::kPushRow);
      case Home::Where::kElement:
        return Push(Op::kPushElement, home.index);
      case Home::Where::kSlot:
      case Home::Where::kNowhere:
        return Push(Op::kPushVariable, home.index);
    }
  }

  // `count` values become one.
  void Combine(Op op, size_t values, size_t a, Function function = {}) {
    Emit(op, static_cast<uint32_t>(a), function);
    stack_ = stack_ - static_cast<uint32_t>(values) + 1;
    program_->max_stack_ = std::max(program_->max_stack_, stack_);
  }

  bool CompileExpression(const Place* place, NodeId id) {
    const Spec::Node& node = spec_.node(id);
    if (node.depth > kMaxTermDepth) return Fail(place, "an expression is nested at most ", kMaxTermDepth, " deep");
    const absl::Span<const NodeId> children = spec_.children(id);
    switch (node.kind) {
      case Kind::kConstant:
        Push(Op::kPushConstant, AddConstant(spec_.constant(id)));
        return true;
      case Kind::kVariable: {
        const Home* home = Find(id);
        if (home->where == Home::Where::kNowhere) {
          return Fail(place, spec_.variable(node.index).name, " is not bound by the head");
        }
        PushVariable(*home);
        return true;
      }
      case Kind::kAny:
        return Fail(place, "ANY has no meaning outside a head");
      case Kind::kRow:
        Push(Op::kPushRow);
        return true;
      case Kind::kVars:
        for (const uint32_t variable : variables_) PushVariable(homes_[variable]);
        Combine(Op::kMakeVars, variables_.size(), variables_.size());
        return true;
      case Kind::kTuple:
      case Kind::kList:
        if (!CompileExpressions(place, "element", children)) return false;
        Combine(node.kind == Kind::kTuple ? Op::kMakeTuple : Op::kMakeList, children.size(), children.size());
        return true;
      case Kind::kMap:
        for (size_t i = 0; i < children.size(); ++i) {
          const Place part{place, i % 2 == 0 ? "key" : "value", i / 2};
          if (!CompileExpression(&part, children[i])) return false;
        }
        Combine(Op::kMakeMap, children.size(), children.size() / 2);
        return true;
      case Kind::kCall:
        return CompileCall(place, id);
    }
    return false;
  }

  bool CompileExpressions(const Place* place, const char* what, absl::Span<const NodeId> nodes) {
    for (size_t i = 0; i < nodes.size(); ++i) {
      const Place part{place, what, i};
      if (!CompileExpression(&part, nodes[i])) return false;
    }
    return true;
  }

  bool CompileCall(const Place* place, NodeId id) {
    const absl::Span<const NodeId> arguments = spec_.children(id);
    const size_t count = arguments.size();
    const FunctionName* named = FindFunction(spec_.function(id), static_cast<uint32_t>(count));
    if (named == nullptr) return FailUnknown(place, spec_.function(id));
    if (count < named->min_arguments ||
        (count > named->max_arguments && named->max_arguments != FunctionName::kAnyNumber)) {
      return FailCount(place, *named, count);
    }
    const Function function = named->function;
    if (function == Function::kAndAlso || function == Function::kOrElse) {
      return CompileShortCircuit(place, function == Function::kAndAlso ? Op::kAndAlso : Op::kOrElse, arguments);
    }
    uint32_t position;
    if (function == Function::kElement && IsElementOfRow(spec_, id, &position)) {
      Push(Op::kPushElementOrFail, position);
      return true;
    }
    if (!CompileExpressions(place, "argument", arguments)) return false;
    Combine(IsComparison(function) ? Op::kCompare : Op::kCall, count, count, function);
    return true;
  }

  bool CompileShortCircuit(const Place* place, Op op, absl::Span<const NodeId> arguments) {
    std::vector<uint32_t> jumps;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const Place argument{place, "argument", i};
      if (!CompileExpression(&argument, arguments[i])) return false;
      if (i + 1 == arguments.size()) break;
      jumps.push_back(here());
      Emit(op);
      stack_ -= 1;
    }
    for (const uint32_t jump : jumps) program_->code_[jump].a = here();
    return true;
  }

  bool FailUnknown(const Place* place, absl::string_view name) {
    if (IsForeignFunction(name)) return Fail(place, "'", name, "' has no meaning here");
    constexpr size_t kMaxName = 100;
    return Fail(place, "'", name.substr(0, kMaxName),
                "' is no guard function; a tuple that is meant as such is written ((a, b),) or ('const', (a, b))");
  }

  bool FailCount(const Place* place, const FunctionName& named, size_t count) {
    std::string takes = absl::StrCat(named.min_arguments);
    if (named.max_arguments == FunctionName::kAnyNumber) {
      takes = "at least 1";
    } else if (named.name == "+" || named.name == "-") {
      takes = "1 or 2";
    } else if (named.max_arguments > named.min_arguments) {
      absl::StrAppend(&takes, " or ", named.max_arguments);
    }
    return Fail(place, "'", named.name, "' takes ", takes, " argument",
                takes == "1" || takes == "at least 1" ? "" : "s", ", not ", count);
  }

  const uint32_t keypos_;
  const Spec& spec_;
  const std::shared_ptr<Program> program_;
  std::string error_;
  // Of the clause at hand.
  size_t clause_ = 0;
  std::vector<Home> homes_;  // by number of the variable in the specification
  std::vector<uint32_t> variables_;
  uint32_t slots_ = 0;
  uint32_t open_ = 0;
  uint32_t stack_ = 0;
};

StatusOr<std::shared_ptr<const Program>> Compile(std::shared_ptr<const Spec> spec, uint32_t keypos) {
  Compiler compiler(std::move(spec), keypos);
  if (Status status = compiler.Run(); !status.ok()) return status;
  return compiler.program();
}

}  // namespace partita
