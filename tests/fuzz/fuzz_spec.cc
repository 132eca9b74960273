// Match specifications from bytes that nobody vouches for, run on rows from the same bytes.
//
// The input is read as a specification in prefix form, one byte for what a node is and one for how many children it
// has, then as terms, which are its constants and the elements of a row. Whatever it is: it compiles or is refused,
// every result is a valid term, and what the analysis says of a clause holds where the clause matches. Build with
// clang, -fsanitize=fuzzer,address.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "match/compile.h"
#include "match/machine.h"
#include "require.h"
#include "term/wire.h"

namespace partita {
namespace {

constexpr const char* kNames[] = {
    "<",         "=<",         "<=",         ">",          ">=",       "==",          "/=",       "!=",
    "=:=",       "=/=",        "and",        "or",         "andalso",  "orelse",      "xor",      "not",
    "+",         "-",          "*",          "/",          "div",      "rem",         "band",     "bor",
    "bxor",      "bnot",       "bsl",        "bsr",        "abs",      "float",       "trunc",    "round",
    "floor",     "ceil",       "min",        "max",        "element",  "hd",          "tl",       "length",
    "size",      "tuple_size", "map_size",   "byte_size",  "bit_size", "binary_part", "map_get",  "is_map_key",
    "is_record", "is_atom",    "is_boolean", "is_integer", "is_float", "is_number",   "is_tuple", "is_list",
    "is_map",    "is_binary",  "is_str",     "is_bytes",   "self",     "nothing",
};

class Reader {
 public:
  Reader(const char* p, const char* end) : p_(p), end_(end) {}

  uint8_t Byte() { return p_ < end_ ? static_cast<uint8_t>(*p_++) : 0; }
  bool empty() const { return p_ >= end_; }
  // The next term; None if there is no valid one.
  Value Term() {
    uint8_t flags;
    const char* next = wire::ValidateTerm(p_, end_, &flags);
    if (next == nullptr) return Value::None();
    Value v;
    wire::ReadTerm(p_, &v);
    p_ = next;
    return v;
  }

 private:
  const char* p_;
  const char* end_;
};

constexpr int kMaxDepth = 40;
constexpr int kMaxNodes = 2000;

class Grower {
 public:
  Grower(Reader* reader, Spec* spec) : reader_(reader), spec_(spec) {}

  Spec::NodeId Node(int depth) {
    const uint8_t kind = ++nodes_ > kMaxNodes || depth > kMaxDepth ? 0 : reader_->Byte() % 12;
    switch (kind) {
      case 1:
        return spec_->AddVariable(int64_t{reader_->Byte() % 4});
      case 2:
        return spec_->AddVariable(absl::string_view(reader_->Byte() % 2 == 0 ? "a" : "b"));
      case 3:
        return spec_->AddLeaf(Spec::Kind::kAny);
      case 4:
        return spec_->AddLeaf(Spec::Kind::kRow);
      case 5:
        return spec_->AddLeaf(Spec::Kind::kVars);
      case 6:
        return spec_->AddContainer(Spec::Kind::kTuple, Nodes(depth, 1));
      case 7:
        return spec_->AddContainer(Spec::Kind::kList, Nodes(depth, 1));
      case 8:
        return spec_->AddContainer(Spec::Kind::kMap, Nodes(depth, 2));
      case 9:
      case 10: {
        const char* name = kNames[reader_->Byte() % std::size(kNames)];
        return spec_->AddCall(name, Nodes(depth, 1));
      }
      default:
        return spec_->AddConstant(reader_->Term());
    }
  }

  std::vector<Spec::NodeId> Nodes(int depth, int times) {
    std::vector<Spec::NodeId> nodes;
    for (int i = reader_->Byte() % 5 * times; i > 0; --i) nodes.push_back(Node(depth + 1));
    return nodes;
  }

 private:
  Reader* const reader_;
  Spec* const spec_;
  int nodes_ = 0;
};

bool Holds(const Comparison& c, const std::vector<Value>& row) {
  if (c.position >= row.size()) return false;
  const Value& v = row[c.position];
  const int order = CompareNumeric(v, c.constant);
  switch (c.op) {
    case Comparison::Op::kLess:
      return order < 0;
    case Comparison::Op::kLessEqual:
      return order <= 0;
    case Comparison::Op::kGreater:
      return order > 0;
    case Comparison::Op::kGreaterEqual:
      return order >= 0;
    case Comparison::Op::kEqual:
      return order == 0;
    case Comparison::Op::kNotEqual:
      return order != 0;
    case Comparison::Op::kExactlyEqual:
      return ExactlyEqual(v, c.constant);
    case Comparison::Op::kExactlyNotEqual:
      return !ExactlyEqual(v, c.constant);
  }
  return false;
}

void CheckAnalysis(const ClauseAnalysis& analysis, const std::vector<Value>& row, uint32_t keypos, bool matches) {
  bool all = analysis.arity == kAnyArity || analysis.arity == row.size();
  for (const Comparison& c : analysis.comparisons) all = all && Holds(c, row);
  if (analysis.complete) Require(matches == all, "complete comparisons decide");
  if (!matches) return;
  Require(all, "comparisons hold of a row that matches");
  if (keypos >= row.size()) return;
  if (analysis.bound_key) Require(ExactlyEqual(*analysis.bound_key, row[keypos]), "a bound key is the row's");
  Require(analysis.key_bounds.Position(row[keypos]) == 0, "the key of a row that matches is in range");
}

// What a row may be replaced by.
void CheckKey(const Value& result, const Value& key, uint32_t keypos) {
  Require(result.kind == Value::Kind::kWire && wire::IsContainer(wire::TagAt(result.data)), "a row is a container");
  const wire::Container tuple = wire::ReadContainer(result.data);
  Require(tuple.kind == wire::ContainerKind::kTuple && keypos < tuple.count, "what keeps the key is a row as long");
  Value element;
  const char* p = tuple.body;
  for (uint32_t i = 0; i <= keypos; ++i) p = wire::ReadTerm(p, &element);
  Require(ExactlyEqual(element, key), "what keeps the key has it");
}

// A tuple may be a row, whose elements are as deep as terms can be; anything else is one term.
std::vector<Value> PartsOf(const Value& result) {
  const bool is_container = result.kind == Value::Kind::kWire && wire::IsContainer(wire::TagAt(result.data));
  if (!is_container) return {result};
  const wire::Container c = wire::ReadContainer(result.data);
  if (c.kind != wire::ContainerKind::kTuple) return {result};
  std::vector<Value> elements(c.count);
  const char* p = c.body;
  for (Value& element : elements) p = wire::ReadTerm(p, &element);
  return elements;
}

}  // namespace
}  // namespace partita

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace partita;
  const char* bytes = reinterpret_cast<const char*>(data);
  Reader reader(bytes, bytes + size);
  auto spec = std::make_shared<Spec>();
  Grower grower(&reader, spec.get());
  for (int clauses = 1 + reader.Byte() % 3; clauses > 0; --clauses) {
    const Spec::NodeId head = grower.Node(0);
    const std::vector<Spec::NodeId> guards = grower.Nodes(0, 1);
    spec->AddClause(head, guards, grower.Nodes(0, 1));
  }
  const uint32_t keypos = reader.Byte() % 3 == 2 ? kNoKey : reader.Byte() % 2;
  auto program = Compile(spec, keypos);
  if (!program.ok()) return 0;
  std::vector<Value> row;
  while (!reader.empty() && row.size() < 20) {
    row.push_back(reader.Term());
    if (row.back().kind == Value::Kind::kNone) reader.Byte();
  }
  Machine machine(**program);
  const size_t clause = machine.Match(row);
  for (size_t i = 0; i <= clause && i < spec->clauses().size(); ++i) {
    CheckAnalysis((*program)->analysis(i), row, keypos, i == clause);
  }
  std::vector<Value> read = row;
  for (uint32_t i = 0; i < read.size(); ++i) {
    if (((*program)->columns() & ColumnBit(i)) == 0) read[i] = Value::Str("unread", 6, true);
  }
  Require(Machine(**program).Match(read) == clause, "what is not read does not matter");
  Value result;
  if (clause != Machine::kNoClause && machine.Evaluate(clause, &result)) {
    // A row and the list of its bindings are containers of what may be as deep as a term can be.
    const ClauseAnalysis& analysis = (*program)->analysis(clause);
    if (analysis.keeps_key && keypos < row.size()) CheckKey(result, row[keypos], keypos);
    const auto form = analysis.result;
    if (form == ClauseAnalysis::Result::kRow || form == ClauseAnalysis::Result::kVars) return 0;
    for (const Value& part : PartsOf(result)) {
      std::string wire;
      AppendWire(part, &wire);
      Require(ValidateWire(wire), "a result is a valid term");
    }
  }
  return 0;
}
