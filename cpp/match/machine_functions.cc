// What the functions of guards and bodies do. False: the function fails on these arguments.

#include "match/arithmetic.h"
#include "match/machine.h"
#include "term/number.h"

namespace partita {

namespace {

using wire::ContainerKind;

bool IsContainer(const Value& v) { return v.kind == Value::Kind::kWire && wire::IsContainer(wire::TagAt(v.data)); }
bool IsContainerOf(const Value& v, ContainerKind kind) {
  return IsContainer(v) && wire::KindOf(wire::TagAt(v.data)) == kind;
}
bool IsTuple(const Value& v) { return IsContainerOf(v, ContainerKind::kTuple); }
bool IsList(const Value& v) { return IsContainerOf(v, ContainerKind::kList); }
bool IsMap(const Value& v) { return IsContainerOf(v, ContainerKind::kMap); }
bool IsStr(const Value& v) { return v.kind == Value::Kind::kStr; }
bool IsBytes(const Value& v) {
  if (v.kind != Value::Kind::kWire) return false;
  const uint8_t tag = wire::TagAt(v.data);
  return tag == wire::kBytesShort || tag == wire::kBytesLong;
}
bool IsBoolean(const Value& v) {
  bool ignored;
  return IsBool(v, &ignored);
}
bool IsAtom(const Value& v) {
  return v.kind == Value::Kind::kNone || IsBoolean(v) ||
         (v.kind == Value::Kind::kWire && wire::TagAt(v.data) == wire::kAtom);
}

bool Give(bool b, Value* out) {
  *out = BoolValue(b);
  return true;
}

bool Count(const Value& v, ContainerKind kind, Value* out) {
  if (!IsContainerOf(v, kind)) return false;
  *out = Value::Int(wire::ReadContainer(v.data).count);
  return true;
}

bool ByteSize(const Value& v, int64_t unit, Value* out) {
  if (IsStr(v)) {
    *out = Value::Int(v.size * unit);
  } else if (IsBytes(v)) {
    *out = Value::Int(static_cast<int64_t>(wire::BytesContent(v.data).size()) * unit);
  } else {
    return false;
  }
  return true;
}

bool Element(const Value& index, const Value& tuple, Value* out) {
  if (index.kind != Value::Kind::kInt || !IsTuple(tuple)) return false;
  const wire::Container c = wire::ReadContainer(tuple.data);
  if (index.i < 0 || index.i >= int64_t{c.count}) return false;
  const char* p = c.body;
  for (int64_t i = 0; i < index.i; ++i) p = wire::SkipTerm(p);
  wire::ReadTerm(p, out);
  return true;
}

bool Head(const Value& list, Value* out) {
  if (!IsList(list)) return false;
  const wire::Container c = wire::ReadContainer(list.data);
  if (c.count == 0) return false;
  wire::ReadTerm(c.body, out);
  return true;
}

bool IsRecord(const Value& v, const Value& tag, const Value& size, Value* out) {
  if ((!IsAtom(tag) && !IsStr(tag)) || size.kind != Value::Kind::kInt) return false;
  if (!IsTuple(v)) return Give(false, out);
  const wire::Container c = wire::ReadContainer(v.data);
  if (c.count == 0 || size.i != int64_t{c.count}) return Give(false, out);
  Value first;
  wire::ReadTerm(c.body, &first);
  return Give(ExactlyEqual(first, tag), out);
}

// All arguments are looked at: one that is no boolean fails whatever the others are.
bool Combine(const Value* arguments, uint32_t count, bool is_and, Value* out) {
  bool result = is_and;
  for (uint32_t i = 0; i < count; ++i) {
    bool value;
    if (!IsBool(arguments[i], &value)) return false;
    result = is_and ? result && value : result || value;
  }
  return Give(result, out);
}

}  // namespace

bool Machine::CallFunction(Function function, Value* arguments, uint32_t count, Value* out) {
  const Value& a = arguments[0];
  const Value& b = arguments[count - 1];
  // An int alone is small beside the bound, so what may exceed it is less than one more.
  if (ABSL_PREDICT_FALSE(arena_.size() > kMaxMade)) return false;
  const auto allocate = [this](size_t size) { return Allocate(size); };
  using arithmetic::Rounding;
  switch (function) {
    case Function::kAnd:
      return Combine(arguments, count, true, out);
    case Function::kOr:
      return Combine(arguments, count, false, out);
    case Function::kXor: {
      bool x, y;
      return IsBool(a, &x) && IsBool(b, &y) && Give(x != y, out);
    }
    case Function::kNot: {
      bool x;
      return IsBool(a, &x) && Give(!x, out);
    }
    case Function::kAdd:
      return arithmetic::Add(a, b, allocate, out);
    case Function::kSubtract:
      return arithmetic::Subtract(a, b, allocate, out);
    case Function::kMultiply:
      return arithmetic::Multiply(a, b, allocate, out);
    case Function::kDivide:
      return arithmetic::Divide(a, b, out);
    case Function::kQuotient:
      return arithmetic::Quotient(a, b, allocate, out);
    case Function::kRemainder:
      return arithmetic::Remainder(a, b, allocate, out);
    case Function::kBitAnd:
      return arithmetic::BitAnd(a, b, allocate, out);
    case Function::kBitOr:
      return arithmetic::BitOr(a, b, allocate, out);
    case Function::kBitXor:
      return arithmetic::BitXor(a, b, allocate, out);
    case Function::kBitNot:
      return arithmetic::BitNot(a, allocate, out);
    case Function::kShiftLeft:
      return arithmetic::ShiftLeft(a, b, allocate, out);
    case Function::kShiftRight:
      return arithmetic::ShiftRight(a, b, allocate, out);
    case Function::kPlus:
      return arithmetic::Plus(a, out);
    case Function::kNegate:
      return arithmetic::Negate(a, allocate, out);
    case Function::kAbs:
      return arithmetic::Abs(a, allocate, out);
    case Function::kFloat:
      return arithmetic::ToFloat(a, out);
    case Function::kTrunc:
      return arithmetic::ToInt(a, Rounding::kTowardsZero, allocate, out);
    case Function::kRound:
      return arithmetic::ToInt(a, Rounding::kNearest, allocate, out);
    case Function::kFloor:
      return arithmetic::ToInt(a, Rounding::kDown, allocate, out);
    case Function::kCeil:
      return arithmetic::ToInt(a, Rounding::kUp, allocate, out);
    case Function::kMin:
      *out = CompareNumeric(a, b) <= 0 ? a : b;
      return true;
    case Function::kMax:
      *out = CompareNumeric(a, b) >= 0 ? a : b;
      return true;
    case Function::kElement:
      return Element(a, b, out);
    case Function::kHead:
      return Head(a, out);
    case Function::kTail:
      return IsList(a) && wire::ReadContainer(a.data).count != 0 && Tail(a, out);
    case Function::kLength:
      return Count(a, ContainerKind::kList, out);
    case Function::kSize:
      return Count(a, ContainerKind::kTuple, out) || ByteSize(a, 1, out);
    case Function::kTupleSize:
      return Count(a, ContainerKind::kTuple, out);
    case Function::kMapSize:
      return Count(a, ContainerKind::kMap, out);
    case Function::kByteSize:
      return ByteSize(a, 1, out);
    case Function::kBitSize:
      return ByteSize(a, 8, out);
    case Function::kBinaryPart:
      return BinaryPart(arguments, count, out);
    case Function::kMapGet:
      return IsMap(b) && FindInMap(wire::ReadContainer(b.data), a, out);
    case Function::kIsMapKey: {
      Value ignored;
      return IsMap(b) && Give(FindInMap(wire::ReadContainer(b.data), a, &ignored), out);
    }
    case Function::kIsRecord:
      return IsRecord(a, arguments[1], arguments[2], out);
    case Function::kIsAtom:
      return Give(IsAtom(a), out);
    case Function::kIsBoolean:
      return Give(IsBoolean(a), out);
    case Function::kIsInteger:
      return Give(IsInt(a), out);
    case Function::kIsFloat:
      return Give(a.kind == Value::Kind::kFloat, out);
    case Function::kIsNumber:
      return Give(IsNumber(a), out);
    case Function::kIsTuple:
      return Give(IsTuple(a), out);
    case Function::kIsList:
      return Give(IsList(a), out);
    case Function::kIsMap:
      return Give(IsMap(a), out);
    case Function::kIsBinary:
      return Give(IsStr(a) || IsBytes(a), out);
    case Function::kIsStr:
      return Give(IsStr(a), out);
    case Function::kIsBytes:
      return Give(IsBytes(a), out);
    default:
      return false;  // comparisons, andalso and orelse are instructions of their own
  }
}

}  // namespace partita
