#include "match/machine.h"

#include "absl/base/optimization.h"

namespace partita {
namespace {

using Op = Instruction::Op;

bool IsContainerOf(const Value& v, wire::ContainerKind kind) {
  if (v.kind != Value::Kind::kWire) return false;
  const uint8_t tag = wire::TagAt(v.data);
  return wire::IsContainer(tag) && wire::KindOf(tag) == kind;
}

bool IsTrue(const Value& v) {
  bool value = false;
  return IsBool(v, &value) && value;
}

bool Compare(Function function, const Value& a, const Value& b) {
  switch (function) {
    case Function::kLess:
      return CompareNumeric(a, b) < 0;
    case Function::kLessEqual:
      return CompareNumeric(a, b) <= 0;
    case Function::kGreater:
      return CompareNumeric(a, b) > 0;
    case Function::kGreaterEqual:
      return CompareNumeric(a, b) >= 0;
    case Function::kEqual:
      return CompareNumeric(a, b) == 0;
    case Function::kNotEqual:
      return CompareNumeric(a, b) != 0;
    case Function::kExactlyEqual:
      return ExactlyEqual(a, b);
    default:
      return !ExactlyEqual(a, b);
  }
}

}  // namespace

bool Machine::FindInMap(const wire::Container& map, const Value& key, Value* out) {
  uint32_t first = 0;
  uint32_t last = map.count;
  Value found;
  while (first < last) {
    const uint32_t middle = first + (last - first) / 2;
    const char* value = wire::ReadTerm(map.SortedPair(middle), &found);
    const int order = CompareExact(found, key);
    if (order == 0) {
      wire::ReadTerm(value, out);
      return true;
    }
    if (order < 0) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return false;
}

Machine::Machine(const Program& program)
    : program_(program), stack_(program.max_stack_), variables_(program.max_variables_), open_(program.max_open_) {}

size_t Machine::Match(absl::Span<const Value> row) {
  row_ = row;
  has_row_value_ = false;
  arena_.Clear();
  const absl::Span<const Program::Clause> clauses = program_.clauses();
  for (size_t i = 0; i < clauses.size(); ++i) {
    if (clauses[i].arity != row.size() && clauses[i].arity != kAnyArity) continue;
    if (Run(clauses[i].head)) return i;
  }
  return kNoClause;
}

bool Machine::Evaluate(size_t clause, Value* result) {
  const uint32_t start = program_.clauses()[clause].body;
  if (ABSL_PREDICT_TRUE(Run(start))) {
    *result = stack_[0];
    return true;
  }
  const Instruction& failed = program_.code_[failed_at_];
  failure_ = Failure{clause, 0, failed.function, failed.op == Op::kCall, failed.op};
  for (uint32_t i = start; i < failed_at_; ++i) failure_.body += program_.code_[i].op == Op::kDrop;
  return false;
}

bool Machine::MatchesTrue(absl::Span<const Value> row) {
  const size_t clause = Match(row);
  if (clause == kNoClause) return false;
  if (program_.analysis(clause).result == ClauseAnalysis::Result::kTrue) return true;
  Value result;
  return Evaluate(clause, &result) && IsTrue(result);
}

// The row as a term, made once.
bool Machine::PushRow() {
  if (has_row_value_) return true;
  has_row_value_ = MakeSequence(wire::ContainerKind::kTuple, row_.data(), row_.size(), /*nested=*/false, &row_value_);
  return has_row_value_;
}

bool Machine::Run(uint32_t start) {
  const Instruction* const code = program_.code_.data();
  const Value* const constants = program_.constants_.data();
  const Instruction* next = code + start;
  Value* top = stack_.data();          // past the topmost value
  OpenContainer* open = open_.data();  // past the innermost container
  Value hand;
  const Instruction* at;
  for (;;) {
    at = next++;
    switch (at->op) {
      case Op::kElement:
        hand = row_[at->a];
        continue;
      case Op::kNext:
        open[-1].next = wire::ReadTerm(open[-1].next, &hand);
        continue;
      case Op::kSkip:
        for (uint32_t i = 0; i < at->a; ++i) open[-1].next = wire::SkipTerm(open[-1].next);
        continue;
      case Op::kValueAt:
        if (!FindInMap(open[-1].container, constants[at->a], &hand)) goto failed;
        continue;
      case Op::kEnterTuple:
        if (!IsContainerOf(hand, wire::ContainerKind::kTuple)) goto failed;
        open->container = wire::ReadContainer(hand.data);
        open->next = open->container.body;
        if (open++->container.count != at->a) goto failed;
        continue;
      case Op::kEnterList:
        if (!IsContainerOf(hand, wire::ContainerKind::kList)) goto failed;
        open->container = wire::ReadContainer(hand.data);
        open->next = open->container.body;
        if (open++->container.count != at->a) goto failed;
        continue;
      case Op::kEnterMap:
        if (!IsContainerOf(hand, wire::ContainerKind::kMap)) goto failed;
        open->container = wire::ReadContainer(hand.data);
        if (open++->container.count < at->a) goto failed;
        continue;
      case Op::kLeave:
        --open;
        continue;
      case Op::kMatch:
        if (!ExactlyEqual(hand, constants[at->a])) goto failed;
        continue;
      case Op::kBind:
        variables_[at->a] = hand;
        continue;
      case Op::kSame:
        if (!ExactlyEqual(hand, variables_[at->a])) goto failed;
        continue;
      case Op::kSameElement:
        if (!ExactlyEqual(hand, row_[at->a])) goto failed;
        continue;

      case Op::kPushConstant:
        *top++ = constants[at->a];
        continue;
      case Op::kPushElement:
        *top++ = row_[at->a];
        continue;
      case Op::kPushElementOrFail:
        if (at->a >= row_.size()) goto failed;
        *top++ = row_[at->a];
        continue;
      case Op::kPushVariable:
        *top++ = variables_[at->a];
        continue;
      case Op::kPushRow:
        if (!PushRow()) goto failed;
        *top++ = row_value_;
        continue;
      case Op::kMakeTuple:
      case Op::kMakeList:
      case Op::kMakeVars:
      case Op::kMakeRow: {
        const bool is_tuple = at->op == Op::kMakeTuple || at->op == Op::kMakeRow;
        const bool nested = at->op == Op::kMakeTuple || at->op == Op::kMakeList;
        const auto kind = is_tuple ? wire::ContainerKind::kTuple : wire::ContainerKind::kList;
        Value made;
        if (!MakeSequence(kind, top - at->a, at->a, nested, &made)) goto failed;
        top -= at->a;
        *top++ = made;
        continue;
      }
      case Op::kMakeMap: {
        Value made;
        if (!MakeMap(top - 2 * size_t{at->a}, at->a, &made)) goto failed;
        top -= 2 * size_t{at->a};
        *top++ = made;
        continue;
      }
      case Op::kCall: {
        Value result;
        if (!CallFunction(at->function, top - at->a, at->a, &result)) goto failed;
        top -= at->a;
        *top++ = result;
        continue;
      }
      case Op::kCompare:
        --top;
        top[-1] = BoolValue(Compare(at->function, top[-1], *top));
        continue;
      case Op::kAndAlso:
      case Op::kOrElse: {
        bool value;
        if (!IsBool(top[-1], &value)) goto failed;
        if (value == (at->op == Op::kAndAlso)) {
          --top;
        } else {
          next = code + at->a;
        }
        continue;
      }
      case Op::kDrop:
        --top;
        continue;
      case Op::kGuard:
        if (!IsTrue(*--top)) goto failed;
        continue;
      case Op::kEnd:
        return true;
    }
  }
failed:
  failed_at_ = static_cast<uint32_t>(at - code);
  return false;
}

}  // namespace partita
