#include "term/number.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "term/wire.h"

namespace partita {

namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;

template <typename T>
int ThreeWay(T a, T b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

// Significant bits of a magnitude whose last byte is not 0.
uint64_t BitLength(const wire::BigView& big) {
  return uint64_t{8} * (big.size - 1) + std::bit_width(static_cast<unsigned>(big.magnitude[big.size - 1]));
}

// Bits [shift, shift + 64) of a magnitude.
uint64_t BitsAt(const wire::BigView& big, uint64_t shift) {
  uint64_t bits = 0;
  const uint64_t first = shift / 8;
  const unsigned skew = shift % 8;
  for (unsigned i = 0; i < 9; ++i) {
    if (first + i >= big.size) break;
    const uint64_t byte = big.magnitude[first + i];
    const int position = static_cast<int>(8 * i) - static_cast<int>(skew);
    if (position < 0) {
      bits |= byte >> -position;
    } else if (position < 64) {
      bits |= byte << position;
    }
  }
  return bits;
}

bool AnyBitBelow(const wire::BigView& big, uint64_t shift) {
  const uint64_t whole = shift / 8;
  for (uint64_t i = 0; i < whole; ++i) {
    if (big.magnitude[i] != 0) return true;
  }
  return shift % 8 != 0 && (big.magnitude[whole] & ((1u << (shift % 8)) - 1)) != 0;
}

int CompareBigs(const wire::BigView& a, const wire::BigView& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  int order = ThreeWay(a.size, b.size);
  for (uint32_t i = a.size; order == 0 && i > 0; --i) order = ThreeWay(a.magnitude[i - 1], b.magnitude[i - 1]);
  return a.negative ? -order : order;
}

int CompareIntFloat(int64_t i, double f) {
  if (std::isnan(f) || f >= kTwoTo63) return -1;
  if (f < -kTwoTo63) return 1;
  const int64_t whole = static_cast<int64_t>(f);
  if (i != whole) return i < whole ? -1 : 1;
  return ThreeWay(static_cast<double>(whole), f);  // only the fraction is left to tell
}

int CompareBigFloat(const wire::BigView& big, double f) {
  if (std::isnan(f)) return -1;
  if (big.negative ? f >= -kTwoTo63 : f < kTwoTo63) return big.negative ? -1 : 1;
  if (std::isinf(f)) return f > 0 ? -1 : 1;
  // Same sign, |f| >= 2**63: f is whole.
  const uint64_t bits = std::bit_cast<uint64_t>(std::fabs(f));
  const uint64_t shift = (bits >> 52) - 1075;  // f is mantissa * 2**shift
  const uint64_t mantissa = (bits & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
  int order = ThreeWay(BitLength(big), shift + 53);
  if (order == 0) order = ThreeWay(BitsAt(big, shift), mantissa);
  if (order == 0 && AnyBitBelow(big, shift)) order = 1;
  return big.negative ? -order : order;
}

int CompareFloats(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return ThreeWay<int>(std::isnan(a), std::isnan(b));
  return ThreeWay(a, b);
}

}  // namespace

bool IsInt(const Value& v) {
  if (v.kind == Value::Kind::kInt) return true;
  if (v.kind != Value::Kind::kWire) return false;
  const uint8_t tag = wire::TagAt(v.data);
  return tag == wire::kBigPositive || tag == wire::kBigNegative;
}

int CompareNumbers(const Value& a, const Value& b, bool exact) {
  const bool a_float = a.kind == Value::Kind::kFloat;
  const bool b_float = b.kind == Value::Kind::kFloat;
  if (a_float && b_float) return CompareFloats(a.f, b.f);
  if (exact && a_float != b_float) return a_float ? 1 : -1;
  if (a_float) return -CompareNumbers(b, a, exact);
  if (a.kind == Value::Kind::kInt) {
    if (b_float) return CompareIntFloat(a.i, b.f);
    if (b.kind == Value::Kind::kInt) return ThreeWay(a.i, b.i);
    return wire::ReadBig(b.data).negative ? 1 : -1;
  }
  const wire::BigView big = wire::ReadBig(a.data);
  if (b_float) return CompareBigFloat(big, b.f);
  if (b.kind == Value::Kind::kInt) return big.negative ? -1 : 1;
  return CompareBigs(big, wire::ReadBig(b.data));
}

BigInt::BigInt(int64_t i) : negative_(i < 0) {
  if (i != 0) limbs_.push_back(i < 0 ? uint64_t{0} - static_cast<uint64_t>(i) : static_cast<uint64_t>(i));
}

std::optional<BigInt> BigInt::FromValue(const Value& v) {
  if (v.kind == Value::Kind::kInt) return BigInt(v.i);
  if (!IsInt(v)) return std::nullopt;
  const wire::BigView big = wire::ReadBig(v.data);
  BigInt out;
  out.negative_ = big.negative;
  out.limbs_.resize((big.size + 7) / 8, 0);
  std::memcpy(out.limbs_.data(), big.magnitude, big.size);
  return out;
}

int BigInt::CompareMagnitude(const Limbs& a, const Limbs& b) {
  int order = ThreeWay(a.size(), b.size());
  for (size_t i = a.size(); order == 0 && i > 0; --i) order = ThreeWay(a[i - 1], b[i - 1]);
  return order;
}

int BigInt::Compare(const BigInt& other) const {
  if (negative_ != other.negative_) return negative_ ? -1 : 1;
  const int order = CompareMagnitude(limbs_, other.limbs_);
  return negative_ ? -order : order;
}

BigInt::Limbs BigInt::AddMagnitude(const Limbs& a, const Limbs& b) {
  const Limbs& longer = a.size() >= b.size() ? a : b;
  const Limbs& shorter = a.size() >= b.size() ? b : a;
  Limbs sum(longer.size() + 1, 0);
  unsigned __int128 carry = 0;
  for (size_t i = 0; i < longer.size(); ++i) {
    carry += longer[i];
    if (i < shorter.size()) carry += shorter[i];
    sum[i] = static_cast<uint64_t>(carry);
    carry >>= 64;
  }
  sum[longer.size()] = static_cast<uint64_t>(carry);
  if (sum.back() == 0) sum.pop_back();
  return sum;
}

BigInt::Limbs BigInt::SubtractMagnitude(const Limbs& larger, const Limbs& smaller) {
  Limbs difference(larger);
  bool borrow = false;
  for (size_t i = 0; i < larger.size() && (borrow || i < smaller.size()); ++i) {
    const uint64_t subtrahend = i < smaller.size() ? smaller[i] : 0;
    difference[i] = larger[i] - subtrahend - (borrow ? 1 : 0);
    borrow = larger[i] < subtrahend || (borrow && larger[i] == subtrahend);
  }
  while (!difference.empty() && difference.back() == 0) difference.pop_back();
  return difference;
}

BigInt BigInt::operator-() const {
  BigInt out = *this;
  out.negative_ = !negative_ && !is_zero();
  return out;
}

BigInt BigInt::operator+(const BigInt& other) const {
  BigInt out;
  if (negative_ == other.negative_) {
    out.limbs_ = AddMagnitude(limbs_, other.limbs_);
    out.negative_ = negative_;
    return out;
  }
  const int order = CompareMagnitude(limbs_, other.limbs_);
  if (order == 0) return out;
  const BigInt& larger = order > 0 ? *this : other;
  const BigInt& smaller = order > 0 ? other : *this;
  out.limbs_ = SubtractMagnitude(larger.limbs_, smaller.limbs_);
  out.negative_ = larger.negative_;
  return out;
}

std::optional<double> BigInt::ToDouble() const {
  if (is_zero()) return 0.0;
  const size_t bits = 64 * (limbs_.size() - 1) + std::bit_width(limbs_.back());
  if (bits > 1024) return std::nullopt;
  // The top 64 bits, with the lowest one set if anything below them is: then the conversion rounds as if it saw them
  // all.
  uint64_t top = limbs_.back();
  int exponent = 0;
  if (limbs_.size() > 1) {
    const int shift = std::countl_zero(top);
    const uint64_t below = limbs_[limbs_.size() - 2];
    if (shift != 0) top = top << shift | below >> (64 - shift);
    const auto nonzero = [](uint64_t limb) { return limb != 0; };
    if ((below << shift) != 0 || std::any_of(limbs_.begin(), limbs_.end() - 2, nonzero)) top |= 1;
    exponent = static_cast<int>(64 * (limbs_.size() - 1)) - shift;
  }
  const double magnitude = std::ldexp(static_cast<double>(top), exponent);
  if (std::isinf(magnitude)) return std::nullopt;
  return negative_ ? -magnitude : magnitude;
}

std::optional<Value> BigInt::ToValue(Allocate allocate) const {
  if (is_zero()) return Value::Int(0);
  constexpr uint64_t kMinMagnitude = uint64_t{1} << 63;
  if (limbs_.size() == 1 && limbs_[0] <= kMinMagnitude - (negative_ ? 0 : 1)) {
    return Value::Int(static_cast<int64_t>(negative_ ? uint64_t{0} - limbs_[0] : limbs_[0]));
  }
  const size_t size = 8 * (limbs_.size() - 1) + (std::bit_width(limbs_.back()) + 7) / 8;
  if (size + 5 > kMaxTermSize) return std::nullopt;
  char* p = allocate(size + 5);
  p[0] = static_cast<char>(negative_ ? wire::kBigNegative : wire::kBigPositive);
  wire::Store(p + 1, static_cast<uint32_t>(size));
  std::memcpy(p + 5, limbs_.data(), size);
  return Value::Wire(p, static_cast<uint32_t>(size + 5), 0);
}

namespace {

// An int as a number of any size.
BigInt AsBigInt(const Value& v) {
  return *BigInt::FromValue(v);  // NOLINT(bugprone-unchecked-optional-access): of an int there is one
}

// As Python's float() of a number.
std::optional<double> AsDouble(const Value& v) {
  if (v.kind == Value::Kind::kFloat) return v.f;
  if (v.kind == Value::Kind::kInt) return static_cast<double>(v.i);
  return AsBigInt(v).ToDouble();
}

}  // namespace

SumError AddNumbers(const Value& a, const Value& b, BigInt::Allocate allocate, Value* sum) {
  if (a.kind == Value::Kind::kInt && b.kind == Value::Kind::kInt) {
    int64_t i;
    if (ABSL_PREDICT_TRUE(!__builtin_add_overflow(a.i, b.i, &i))) {
      *sum = Value::Int(i);
      return SumError::kNone;
    }
  }
  if (!IsNumber(a) || !IsNumber(b)) return SumError::kNotANumber;
  if (a.kind == Value::Kind::kFloat || b.kind == Value::Kind::kFloat) {
    const std::optional<double> x = AsDouble(a);
    const std::optional<double> y = AsDouble(b);
    if (!x || !y) return SumError::kNotFinite;
    const double f = *x + *y;
    if (std::isinf(f) && std::isfinite(*x) && std::isfinite(*y)) return SumError::kNotFinite;
    *sum = Value::Float(f);
    return SumError::kNone;
  }
  const std::optional<Value> total = (AsBigInt(a) + AsBigInt(b)).ToValue(allocate);
  if (!total) return SumError::kTooLarge;
  *sum = *total;
  return SumError::kNone;
}

}  // namespace partita
