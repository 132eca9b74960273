#include "match/analysis.h"

#include <map>
#include <set>
#include <utility>

#include "match/function.h"
#include "term/number.h"
#include "term/wire.h"

namespace partita {
namespace {

using Kind = Spec::Kind;
using NodeId = Spec::NodeId;
using Result = ClauseAnalysis::Result;

bool HoldsMapAt(const char* p) {
  if (!wire::IsContainer(wire::TagAt(p))) return false;
  const wire::Container c = wire::ReadContainer(p);
  if (c.kind == wire::ContainerKind::kMap) return true;
  if (c.kind != wire::ContainerKind::kTuple && c.kind != wire::ContainerKind::kList) return false;
  const char* element = c.body;
  for (uint32_t i = 0; i < c.count; ++i) {
    if (HoldsMapAt(element)) return true;
    element = wire::SkipTerm(element);
  }
  return false;
}

// An element of the row, or (of a key that is a tuple) an element of that.
struct Field {
  enum class Of : uint8_t { kNothing, kRow, kKey };

  Of of = Of::kNothing;
  uint32_t index = 0;
};

Comparison::Op OpOf(Function function) { return static_cast<Comparison::Op>(function); }
static_assert(static_cast<int>(Function::kExactlyNotEqual) == static_cast<int>(Comparison::Op::kExactlyNotEqual));

// `constant op field` as `field op constant`.
Comparison::Op Swapped(Comparison::Op op) {
  switch (op) {
    case Comparison::Op::kLess:
      return Comparison::Op::kGreater;
    case Comparison::Op::kLessEqual:
      return Comparison::Op::kGreaterEqual;
    case Comparison::Op::kGreater:
      return Comparison::Op::kLess;
    case Comparison::Op::kGreaterEqual:
      return Comparison::Op::kLessEqual;
    default:
      return op;
  }
}

// Terms that are exactly equal to all that are equal to them in term order.
bool OrderIsExact(const Value& v) {
  if (v.kind == Value::Kind::kNone || v.kind == Value::Kind::kStr) return true;
  if (v.kind != Value::Kind::kWire || wire::IsContainer(wire::TagAt(v.data))) return false;
  return !IsNumber(v);
}

void Tighten(std::optional<KeyBounds::Limit>* limit, const Value& value, bool inclusive, bool is_lower) {
  if (*limit) {
    int order = CompareNumeric(value, (*limit)->value);
    if (!is_lower) order = -order;
    if (order < 0 || (order == 0 && inclusive)) return;
  }
  *limit = KeyBounds::Limit{value, inclusive};
}

class Analyzer {
 public:
  Analyzer(const Spec& spec, size_t clause, uint32_t keypos)
      : spec_(spec), clause_(spec.clauses()[clause]), keypos_(keypos) {}

  ClauseAnalysis Run() {
    out_.complete = true;
    LookAtHead();
    for (const NodeId guard : spec_.children(clause_.guards)) {
      LookAtConjunct(guard);
      Read(guard);
    }
    for (const NodeId body : spec_.children(clause_.bodies)) Read(body);
    LookAtBody();
    Conclude();
    return std::move(out_);
  }

 private:
  absl::Span<const NodeId> elements() const { return spec_.children(clause_.head); }
  bool head_is_row() const { return spec_.is(clause_.head, Kind::kTuple); }

  // --- The head.

  void LookAtHead() {
    if (!head_is_row()) return;
    out_.arity = static_cast<uint32_t>(elements().size());
    for (uint32_t i = 0; i < out_.arity; ++i) {
      const NodeId element = elements()[i];
      switch (spec_.node(element).kind) {
        case Kind::kAny:
          break;
        case Kind::kVariable:
          if (IsNew(element)) {
            fields_[spec_.node(element).index] = Field{Field::Of::kRow, i};
          } else {
            ReadAnd(i);  // compares with where it stands first
            Read(element);
          }
          break;
        case Kind::kConstant:
          LookAtConstant(i, spec_.constant(element));
          break;
        default:
          ReadAnd(i);
          if (i == keypos_ && spec_.is(element, Kind::kTuple)) LookAtTupleKey(spec_.children(element));
          NoteNested(element);
      }
    }
  }

  // Element `i` must be read by the machine.
  void ReadAnd(uint32_t i) {
    out_.columns |= ColumnBit(i);
    out_.complete = false;
  }

  bool IsNew(NodeId variable) const {
    return FieldOf(variable).of == Field::Of::kNothing && !nested_.contains(spec_.node(variable).index);
  }

  // Variables in an element: those that stood before are compared with, the others are bound here.
  void NoteNested(NodeId id) {
    if (spec_.is(id, Kind::kVariable)) {
      Read(id);
      nested_.insert(spec_.node(id).index);
      return;
    }
    for (const NodeId child : spec_.children(id)) NoteNested(child);
  }

  void LookAtConstant(uint32_t i, const Value& constant) {
    out_.columns |= ColumnBit(i);
    if (i == keypos_) {
      out_.bound_key = constant;
    } else if (HoldsMap(constant)) {
      out_.complete = false;
      return;
    }
    out_.comparisons.push_back(Comparison{i, Comparison::Op::kExactlyEqual, constant});
  }

  void LookAtTupleKey(absl::Span<const NodeId> parts) {
    KeyBounds& range = out_.key_bounds;
    range.tuple_size = static_cast<uint32_t>(parts.size());
    size_t i = 0;
    for (; i < parts.size() && spec_.is(parts[i], Kind::kConstant) && !HoldsMap(spec_.constant(parts[i])); ++i) {
      range.prefix.push_back(spec_.constant(parts[i]));
    }
    if (i < parts.size() && spec_.is(parts[i], Kind::kVariable) && IsNew(parts[i])) {
      fields_[spec_.node(parts[i]).index] = Field{Field::Of::kKey, static_cast<uint32_t>(i)};
    }
  }

  Field FieldOf(NodeId variable) const {
    const auto it = fields_.find(spec_.node(variable).index);
    return it == fields_.end() ? Field() : it->second;
  }

  // --- Guards.

  void LookAtConjunct(NodeId id) {
    if (spec_.is(id, Kind::kConstant)) {
      bool value = false;
      if (IsBool(spec_.constant(id), &value) && value) return;
    }
    if (!spec_.is(id, Kind::kCall)) {
      out_.complete = false;
      return;
    }
    const absl::Span<const NodeId> arguments = spec_.children(id);
    const FunctionName* named = FindFunction(spec_.function(id), static_cast<uint32_t>(arguments.size()));
    if (named == nullptr) return;
    if (named->function == Function::kAnd || named->function == Function::kAndAlso) {
      for (const NodeId argument : arguments) LookAtConjunct(argument);
    } else if (!IsComparison(named->function) || !LookAtComparison(OpOf(named->function), arguments)) {
      out_.complete = false;
    }
  }

  // False: it is none of a field of the row with a constant.
  bool LookAtComparison(Comparison::Op op, absl::Span<const NodeId> sides) {
    if (spec_.is(sides[0], Kind::kConstant)) return LookAtComparison(Swapped(op), sides[1], sides[0]);
    return LookAtComparison(op, sides[0], sides[1]);
  }

  bool LookAtComparison(Comparison::Op op, NodeId side, NodeId other) {
    if (!spec_.is(other, Kind::kConstant)) return false;
    const Value& constant = spec_.constant(other);
    Field field;
    if (spec_.is(side, Kind::kVariable)) {
      field = FieldOf(side);
    } else if (IsElementOfRow(spec_, side, &field.index)) {
      field.of = Field::Of::kRow;
      if (field.index >= out_.arity) return false;  // errs, and so is never true
    }
    if (field.of == Field::Of::kNothing) return false;
    if (field.of == Field::Of::kKey) {
      BoundKeys(op, constant);
      return false;
    }
    out_.comparisons.push_back(Comparison{field.index, op, constant});
    if (field.index == keypos_) BoundKey(op, constant);
    return true;
  }

  void BoundKey(Comparison::Op op, const Value& constant) {
    const bool exact = op == Comparison::Op::kExactlyEqual;
    if (exact || (op == Comparison::Op::kEqual && OrderIsExact(constant))) out_.bound_key = constant;
    if (out_.key_bounds.tuple_size == KeyBounds::kNoTuple) BoundKeys(op, constant);
  }

  void BoundKeys(Comparison::Op op, const Value& constant) {
    KeyBounds& range = out_.key_bounds;
    switch (op) {
      case Comparison::Op::kLess:
      case Comparison::Op::kLessEqual:
        return Tighten(&range.upper, constant, op == Comparison::Op::kLessEqual, false);
      case Comparison::Op::kGreater:
      case Comparison::Op::kGreaterEqual:
        return Tighten(&range.lower, constant, op == Comparison::Op::kGreaterEqual, true);
      case Comparison::Op::kEqual:
      case Comparison::Op::kExactlyEqual:
        Tighten(&range.upper, constant, true, false);
        return Tighten(&range.lower, constant, true, true);
      case Comparison::Op::kNotEqual:
      case Comparison::Op::kExactlyNotEqual:
        return;
    }
  }

  // --- What is read, and what comes out.

  void Read(NodeId id) {
    const Spec::Node& node = spec_.node(id);
    uint32_t position;
    switch (node.kind) {
      case Kind::kVariable: {
        const Field field = FieldOf(id);
        if (!head_is_row()) {
          out_.columns = kAllColumns;
        } else if (field.of == Field::Of::kRow) {
          out_.columns |= ColumnBit(field.index);
        }
        return;
      }
      case Kind::kRow:
        out_.columns = kAllColumns;
        return;
      case Kind::kVars:
        if (!head_is_row()) out_.columns = kAllColumns;
        for (const auto& [variable, field] : fields_) {
          if (field.of == Field::Of::kRow) out_.columns |= ColumnBit(field.index);
        }
        return;
      default:
        if (IsElementOfRow(spec_, id, &position)) {
          out_.columns |= ColumnBit(position);
          return;
        }
        for (const NodeId child : spec_.children(id)) Read(child);
    }
  }

  void LookAtBody() {
    const absl::Span<const NodeId> bodies = spec_.children(clause_.bodies);
    if (bodies.size() != 1) return;
    const NodeId body = bodies[0];
    const bool whole_row = spec_.is(body, Kind::kRow) || (spec_.is(body, Kind::kVariable) && !head_is_row());
    if (whole_row) {
      out_.result = Result::kRow;
      out_.keeps_key = true;
      return;
    }
    bool value = false;
    if (spec_.is(body, Kind::kVars)) out_.result = Result::kVars;
    if (spec_.is(body, Kind::kConstant) && IsBool(spec_.constant(body), &value) && value) out_.result = Result::kTrue;
    out_.keeps_key = KeepsKey(body);
  }

  // By the words alone, whatever the row: the key is ("element", keypos, ROW), or what the head has there, be it a
  // variable, a constant, or a tuple or list of these.
  bool KeepsKey(NodeId body) const {
    if (keypos_ == kNoKey) return false;
    if (spec_.is(body, Kind::kConstant)) {
      const Value& row = spec_.constant(body);
      if (row.kind != Value::Kind::kWire || !wire::IsContainer(wire::TagAt(row.data))) return false;
      const wire::Container c = wire::ReadContainer(row.data);
      if (c.kind != wire::ContainerKind::kTuple || keypos_ >= c.count) return false;
      const char* p = c.body;
      for (uint32_t i = 0; i < keypos_; ++i) p = wire::SkipTerm(p);
      Value key;
      wire::ReadTerm(p, &key);
      return IsBoundTo(key);
    }
    const absl::Span<const NodeId> parts = spec_.children(body);
    if (!spec_.is(body, Kind::kTuple) || keypos_ >= parts.size()) return false;
    const NodeId key = parts[keypos_];
    uint32_t position;
    if (IsElementOfRow(spec_, key, &position)) return position == keypos_;
    if (spec_.is(key, Kind::kConstant)) return IsBoundTo(spec_.constant(key));
    return head_is_row() && keypos_ < elements().size() && GivesWhatMatched(key, elements()[keypos_]);
  }

  // Whether an expression gives what a pattern matched. Variables may stand elsewhere too, for what is exactly equal.
  bool GivesWhatMatched(NodeId expression, NodeId pattern) const {
    const Kind kind = spec_.node(expression).kind;
    if (spec_.is(pattern, Kind::kConstant)) return Gives(expression, spec_.constant(pattern));
    if (kind != spec_.node(pattern).kind) return false;
    if (kind == Kind::kVariable) return spec_.node(expression).index == spec_.node(pattern).index;
    if (kind != Kind::kTuple && kind != Kind::kList) return false;
    const absl::Span<const NodeId> given = spec_.children(expression);
    const absl::Span<const NodeId> matched = spec_.children(pattern);
    if (given.size() != matched.size()) return false;
    for (size_t i = 0; i < given.size(); ++i) {
      if (!GivesWhatMatched(given[i], matched[i])) return false;
    }
    return true;
  }

  bool Gives(NodeId expression, const Value& constant) const {
    if (spec_.is(expression, Kind::kConstant)) {
      return !HoldsMap(constant) && ExactlyEqual(spec_.constant(expression), constant);
    }
    const bool tuple = spec_.is(expression, Kind::kTuple);
    if (!tuple && !spec_.is(expression, Kind::kList)) return false;
    if (constant.kind != Value::Kind::kWire || !wire::IsContainer(wire::TagAt(constant.data))) return false;
    const wire::Container c = wire::ReadContainer(constant.data);
    const absl::Span<const NodeId> given = spec_.children(expression);
    if (c.kind != (tuple ? wire::ContainerKind::kTuple : wire::ContainerKind::kList) || c.count != given.size()) {
      return false;
    }
    const char* p = c.body;
    Value element;
    for (const NodeId part : given) {
      p = wire::ReadTerm(p, &element);
      if (!Gives(part, element)) return false;
    }
    return true;
  }

  bool IsBoundTo(const Value& key) const {
    return head_is_row() && keypos_ < elements().size() && spec_.is(elements()[keypos_], Kind::kConstant) &&
           ExactlyEqual(spec_.constant(elements()[keypos_]), key);
  }

  void Conclude() {
    KeyBounds& range = out_.key_bounds;
    if (range.tuple_size != KeyBounds::kNoTuple && range.prefix.size() == range.tuple_size) {
      range.lower.reset();
      range.upper.reset();
    }
    if (range.lower && range.upper) {
      const int order = CompareNumeric(range.lower->value, range.upper->value);
      range.empty = order > 0 || (order == 0 && !(range.lower->inclusive && range.upper->inclusive));
    }
  }

  const Spec& spec_;
  const Spec::Clause& clause_;
  const uint32_t keypos_;
  ClauseAnalysis out_;
  std::map<uint32_t, Field> fields_;  // by variable
  std::set<uint32_t> nested_;         // variables that stand inside of an element
};

int BeforeOrBehind(int order) { return order < 0 ? -1 : 1; }

}  // namespace

bool HoldsMap(const Value& v) { return v.kind == Value::Kind::kWire && HoldsMapAt(v.data); }

bool IsElementOfRow(const Spec& spec, Spec::NodeId id, uint32_t* position) {
  if (!spec.is(id, Kind::kCall) || spec.function(id) != "element") return false;
  const absl::Span<const NodeId> arguments = spec.children(id);
  if (arguments.size() != 2 || !spec.is(arguments[0], Kind::kConstant) || !spec.is(arguments[1], Kind::kRow)) {
    return false;
  }
  constexpr int64_t kBeyondAnyRow = 65536;
  const Value& index = spec.constant(arguments[0]);
  if (index.kind != Value::Kind::kInt || index.i < 0 || index.i >= kBeyondAnyRow) return false;
  *position = static_cast<uint32_t>(index.i);
  return true;
}

int KeyBounds::Position(const Value& key) const {
  if (empty) return -1;
  Value part = key;
  if (tuple_size != kNoTuple) {
    static constexpr char kEmptyTuple[] = {static_cast<char>(wire::kContainer), 0, 0};
    const bool is_tuple = key.kind == Value::Kind::kWire && wire::IsContainer(wire::TagAt(key.data)) &&
                          wire::KindOf(wire::TagAt(key.data)) == wire::ContainerKind::kTuple;
    if (!is_tuple) return BeforeOrBehind(CompareNumeric(key, Value::Wire(kEmptyTuple, sizeof(kEmptyTuple), 0)));
    const wire::Container c = wire::ReadContainer(key.data);
    if (c.count != tuple_size) return c.count < tuple_size ? -1 : 1;
    const char* p = c.body;
    for (const Value& expected : prefix) {
      p = wire::ReadTerm(p, &part);
      if (const int order = CompareNumeric(part, expected); order != 0) return BeforeOrBehind(order);
    }
    if (!lower && !upper) return 0;
    wire::ReadTerm(p, &part);
  }
  if (lower) {
    const int order = CompareNumeric(part, lower->value);
    if (order < 0 || (order == 0 && !lower->inclusive)) return -1;
  }
  if (upper) {
    const int order = CompareNumeric(part, upper->value);
    if (order > 0 || (order == 0 && !upper->inclusive)) return 1;
  }
  return 0;
}

ClauseAnalysis Analyze(const Spec& spec, size_t clause, uint32_t keypos) {
  return Analyzer(spec, clause, keypos).Run();
}

}  // namespace partita
