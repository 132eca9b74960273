#include "match/map_keys.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "term/number.h"
#include "term/rank.h"
#include "term/wire.h"

namespace partita {
namespace {

using wire::ContainerKind;

bool IsWire(const Value& v, uint8_t tag) { return v.kind == Value::Kind::kWire && wire::TagAt(v.data) == tag; }

bool IsDecimal(const Value& v) { return IsWire(v, wire::kDecimal); }

bool IsContainer(const Value& v) { return v.kind == Value::Kind::kWire && wire::IsContainer(wire::TagAt(v.data)); }

// True and False as the ints they are to Python.
Value AsPythonKey(const Value& v) {
  bool value;
  return IsBool(v, &value) ? Value::Int(value ? 1 : 0) : v;
}

std::vector<Value> ElementsOf(const wire::Container& c) {
  std::vector<Value> elements(c.count);
  const char* p = c.body;
  for (Value& element : elements) p = wire::ReadTerm(p, &element);
  return elements;
}

bool IsHashable(const Value& v) {
  if (IsDecimal(v)) return wire::ReadDecimal(v.data).klass != wire::DecimalParts::Class::kSignalingNan;
  if (!IsContainer(v)) return !IsWire(v, wire::kOpaque);
  if (v.has_opaque()) return false;
  const wire::Container c = wire::ReadContainer(v.data);
  if (c.kind == ContainerKind::kFrozenset) return true;  // its elements have hashes
  if (c.kind != ContainerKind::kTuple) return false;
  const std::vector<Value> elements = ElementsOf(c);
  return std::all_of(elements.begin(), elements.end(), IsHashable);
}

// An int or a float; nothing for any other term, and for ints beyond all floats.
std::optional<double> AsDouble(const Value& v) {
  if (v.kind == Value::Kind::kFloat) return v.f;
  if (v.kind == Value::Kind::kInt) return static_cast<double>(v.i);
  const std::optional<BigInt> big = BigInt::FromValue(v);
  return big ? big->ToDouble() : std::nullopt;
}

// Whether a Decimal is an int or float, or so near to it that doubles do not tell.
bool MayBeNumber(const Value& decimal, const Value& number) {
  constexpr uint32_t kDigits = 17;       // of a double
  constexpr int64_t kMaxExponent = 300;  // that arithmetic of doubles bears
  const wire::DecimalParts d = wire::ReadDecimal(decimal.data);
  const std::optional<double> other = AsDouble(number);
  switch (DecimalClass(d)) {
    case 0:
      return other == 0.0;
    case 2:
    case -2:
      return other && std::isinf(*other) && (*other < 0) == d.negative;
    case 3:
      return false;
    default:
      break;
  }
  const int64_t exponent = AdjustedExponent(d);
  if (std::abs(exponent) > kMaxExponent) {
    if (!other) return exponent > 0;
    return std::isfinite(*other) && *other != 0 && std::abs(std::log10(std::abs(*other))) > kMaxExponent - 1;
  }
  if (!other || !std::isfinite(*other)) return false;
  double leading = 0;
  const uint32_t digits = std::min(d.digit_count, kDigits);
  for (uint32_t i = 0; i < digits; ++i) leading = leading * 10 + d.digit(i);
  const double value =
      (d.negative ? -leading : leading) * std::pow(10.0, static_cast<double>(exponent - int64_t{digits} + 1));
  return std::abs(value - *other) <= 1e-9 * std::abs(value);
}

bool MayBeOne(const Value& x, const Value& y) {
  const Value a = AsPythonKey(x);
  const Value b = AsPythonKey(y);
  if (CompareNumeric(a, b) == 0) return true;
  if (IsDecimal(a) != IsDecimal(b)) {
    const Value& number = IsDecimal(a) ? b : a;
    return IsNumber(number) && MayBeNumber(IsDecimal(a) ? a : b, number);
  }
  if (!IsContainer(a) || !IsContainer(b)) return false;
  const wire::Container p = wire::ReadContainer(a.data);
  const wire::Container q = wire::ReadContainer(b.data);
  if (p.kind != q.kind || p.count != q.count) return false;
  const std::vector<Value> ours = ElementsOf(p);
  const std::vector<Value> theirs = ElementsOf(q);
  if (p.kind == ContainerKind::kTuple) return std::equal(ours.begin(), ours.end(), theirs.begin(), MayBeOne);
  return std::all_of(ours.begin(), ours.end(), [&theirs](const Value& v) {
    return std::any_of(theirs.begin(), theirs.end(), [&v](const Value& w) { return MayBeOne(v, w); });
  });
}

}  // namespace

bool CanBeKeysOfDict(absl::Span<const Value> keys) {
  constexpr size_t kMostComparisons = size_t{1} << 22;
  if (!std::all_of(keys.begin(), keys.end(), IsHashable)) return false;
  // Most keys are one if and only if they are equal in the order of terms.
  std::vector<Value> sorted(keys.size());
  std::transform(keys.begin(), keys.end(), sorted.begin(), AsPythonKey);
  std::sort(sorted.begin(), sorted.end(), [](const Value& a, const Value& b) { return CompareNumeric(a, b) < 0; });
  const auto same = [](const Value& a, const Value& b) { return CompareNumeric(a, b) == 0; };
  if (std::adjacent_find(sorted.begin(), sorted.end(), same) != sorted.end()) return false;
  const auto others_end =
      std::partition(sorted.begin(), sorted.end(), [](const Value& v) { return !IsDecimal(v) && !IsContainer(v); });
  const size_t special = static_cast<size_t>(sorted.end() - others_end);
  if (special != 0 && sorted.size() > kMostComparisons / special) return false;
  for (auto at = others_end; at != sorted.end(); ++at) {
    if (std::any_of(sorted.begin(), at, [&at](const Value& v) { return MayBeOne(v, *at); })) return false;
  }
  return true;
}

}  // namespace partita
