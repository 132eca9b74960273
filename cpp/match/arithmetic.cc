#include "match/arithmetic.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/base/optimization.h"

namespace partita::arithmetic {
namespace {

bool BothInt64(const Value& a, const Value& b) { return a.kind == Value::Kind::kInt && b.kind == Value::Kind::kInt; }

bool IsFloat(const Value& v) { return v.kind == Value::Kind::kFloat; }

std::optional<double> AsDouble(const Value& v) {
  if (v.kind == Value::Kind::kFloat) return v.f;
  if (v.kind == Value::Kind::kInt) return static_cast<double>(v.i);
  const std::optional<BigInt> big = BigInt::FromValue(v);
  return big ? big->ToDouble() : std::nullopt;
}

bool Give(const BigInt& result, Allocate allocate, Value* out) {
  if (result.bit_length() > kMaxIntBits) return false;
  const std::optional<Value> value = result.ToValue(allocate);
  if (!value) return false;
  *out = *value;
  return true;
}

// Two operands of which one is a float, or both are to be.
template <typename Combine>
bool CombineFloats(const Value& a, const Value& b, Value* out, Combine combine) {
  const std::optional<double> x = AsDouble(a);
  const std::optional<double> y = AsDouble(b);
  if (!x || !y) return false;
  const double f = combine(*x, *y);
  if (std::isinf(f) && std::isfinite(*x) && std::isfinite(*y)) return false;
  *out = Value::Float(f);
  return true;
}

template <typename Combine>
bool CombineInts(const Value& a, const Value& b, Allocate allocate, Value* out, Combine combine) {
  const std::optional<BigInt> x = BigInt::FromValue(a);
  if (!x) return false;
  const std::optional<BigInt> y = BigInt::FromValue(b);
  return y && Give(combine(*x, *y), allocate, out);
}

bool IsZero(const Value& v) { return (v.kind == Value::Kind::kInt && v.i == 0) || (IsFloat(v) && v.f == 0); }

template <bool kQuotient>
bool DivideInts(const Value& a, const Value& b, Allocate allocate, Value* out) {
  if (IsZero(b)) return false;
  if (BothInt64(a, b) && b.i != -1) {  // the least int over -1 has no 64 bits
    *out = Value::Int(kQuotient ? a.i / b.i : a.i % b.i);
    return true;
  }
  const std::optional<BigInt> x = BigInt::FromValue(a);
  const std::optional<BigInt> y = BigInt::FromValue(b);
  if (!x || !y || std::max(x->bit_length(), y->bit_length()) > kMaxIntBits) return false;
  BigInt quotient, remainder;
  BigInt::Divide(*x, *y, &quotient, &remainder);
  return Give(kQuotient ? quotient : remainder, allocate, out);
}

// `b` bits to the left or to the right; a negative number of bits goes the other way.
bool ShiftBy(const Value& a, const Value& b, bool left, Allocate allocate, Value* out) {
  const std::optional<BigInt> x = BigInt::FromValue(a);
  const std::optional<BigInt> y = BigInt::FromValue(b);
  if (!x || !y) return false;
  const bool negative = y->negative();
  uint64_t bits = std::numeric_limits<uint64_t>::max();  // a number of bits beyond 64 of its own: as good as endless
  if (b.kind == Value::Kind::kInt) {
    bits = negative ? uint64_t{0} - static_cast<uint64_t>(b.i) : static_cast<uint64_t>(b.i);
  }
  if (left == negative) return Give(x->ShiftRight(bits), allocate, out);
  if (x->is_zero()) return Give(*x, allocate, out);
  if (bits > kMaxIntBits || x->bit_length() + bits > kMaxIntBits) return false;
  return Give(x->ShiftLeft(bits), allocate, out);
}

}  // namespace

bool Add(const Value& a, const Value& b, Allocate allocate, Value* out) {
  int64_t i;
  if (ABSL_PREDICT_TRUE(BothInt64(a, b) && !__builtin_add_overflow(a.i, b.i, &i))) {
    *out = Value::Int(i);
    return true;
  }
  if (IsFloat(a) || IsFloat(b)) return CombineFloats(a, b, out, [](double x, double y) { return x + y; });
  return CombineInts(a, b, allocate, out, [](const BigInt& x, const BigInt& y) { return x + y; });
}

bool Subtract(const Value& a, const Value& b, Allocate allocate, Value* out) {
  int64_t i;
  if (ABSL_PREDICT_TRUE(BothInt64(a, b) && !__builtin_sub_overflow(a.i, b.i, &i))) {
    *out = Value::Int(i);
    return true;
  }
  if (IsFloat(a) || IsFloat(b)) return CombineFloats(a, b, out, [](double x, double y) { return x - y; });
  return CombineInts(a, b, allocate, out, [](const BigInt& x, const BigInt& y) { return x - y; });
}

bool Multiply(const Value& a, const Value& b, Allocate allocate, Value* out) {
  int64_t i;
  if (ABSL_PREDICT_TRUE(BothInt64(a, b) && !__builtin_mul_overflow(a.i, b.i, &i))) {
    *out = Value::Int(i);
    return true;
  }
  if (IsFloat(a) || IsFloat(b)) return CombineFloats(a, b, out, [](double x, double y) { return x * y; });
  const std::optional<BigInt> x = BigInt::FromValue(a);
  const std::optional<BigInt> y = BigInt::FromValue(b);
  if (!x || !y) return false;
  // A product has as many bits as its factors together, or one less.
  if (!x->is_zero() && !y->is_zero() && x->bit_length() + y->bit_length() > kMaxIntBits + 1) return false;
  return Give(*x * *y, allocate, out);
}

bool Divide(const Value& a, const Value& b, Value* out) {
  if (IsZero(b)) return false;
  return CombineFloats(a, b, out, [](double x, double y) { return x / y; });
}

bool Quotient(const Value& a, const Value& b, Allocate allocate, Value* out) {
  return DivideInts<true>(a, b, allocate, out);
}

bool Remainder(const Value& a, const Value& b, Allocate allocate, Value* out) {
  return DivideInts<false>(a, b, allocate, out);
}

bool BitAnd(const Value& a, const Value& b, Allocate allocate, Value* out) {
  if (BothInt64(a, b)) {
    *out = Value::Int(a.i & b.i);
    return true;
  }
  return CombineInts(a, b, allocate, out, [](const BigInt& x, const BigInt& y) { return x & y; });
}

bool BitOr(const Value& a, const Value& b, Allocate allocate, Value* out) {
  if (BothInt64(a, b)) {
    *out = Value::Int(a.i | b.i);
    return true;
  }
  return CombineInts(a, b, allocate, out, [](const BigInt& x, const BigInt& y) { return x | y; });
}

bool BitXor(const Value& a, const Value& b, Allocate allocate, Value* out) {
  if (BothInt64(a, b)) {
    *out = Value::Int(a.i ^ b.i);
    return true;
  }
  return CombineInts(a, b, allocate, out, [](const BigInt& x, const BigInt& y) { return x ^ y; });
}

bool ShiftLeft(const Value& a, const Value& b, Allocate allocate, Value* out) {
  return ShiftBy(a, b, true, allocate, out);
}

bool ShiftRight(const Value& a, const Value& b, Allocate allocate, Value* out) {
  if (BothInt64(a, b) && b.i >= 0) {
    *out = Value::Int(a.i >> std::min<int64_t>(b.i, 63));
    return true;
  }
  return ShiftBy(a, b, false, allocate, out);
}

bool Plus(const Value& a, Value* out) {
  *out = a;
  return IsNumber(a);
}

bool Negate(const Value& a, Allocate allocate, Value* out) {
  if (IsFloat(a)) {
    *out = Value::Float(-a.f);
    return true;
  }
  return Subtract(Value::Int(0), a, allocate, out);
}

bool BitNot(const Value& a, Allocate allocate, Value* out) {
  if (a.kind == Value::Kind::kInt) {
    *out = Value::Int(~a.i);
    return true;
  }
  const std::optional<BigInt> x = BigInt::FromValue(a);
  return x && Give(~*x, allocate, out);
}

bool Abs(const Value& a, Allocate allocate, Value* out) {
  if (IsFloat(a)) {
    *out = Value::Float(std::fabs(a.f));
    return true;
  }
  if (a.kind == Value::Kind::kInt && a.i != std::numeric_limits<int64_t>::min()) {
    *out = Value::Int(std::abs(a.i));
    return true;
  }
  const std::optional<BigInt> x = BigInt::FromValue(a);
  return x && Give(x->negative() ? -*x : *x, allocate, out);
}

bool ToFloat(const Value& a, Value* out) {
  const std::optional<double> f = AsDouble(a);
  if (!f) return false;
  *out = Value::Float(*f);
  return true;
}

bool ToInt(const Value& a, Rounding rounding, Allocate allocate, Value* out) {
  if (!IsFloat(a)) {
    *out = a;
    return IsInt(a);
  }
  if (!std::isfinite(a.f)) return false;
  double whole = 0;
  switch (rounding) {
    case Rounding::kTowardsZero:
      whole = std::trunc(a.f);
      break;
    case Rounding::kDown:
      whole = std::floor(a.f);
      break;
    case Rounding::kUp:
      whole = std::ceil(a.f);
      break;
    case Rounding::kNearest:
      whole = std::round(a.f);
      break;
  }
  return Give(BigInt::FromDouble(whole), allocate, out);
}

}  // namespace partita::arithmetic
