// The order of terms, in its two modes, and the sort prefix that agrees with the numeric one.
//
// Comparing goes down by recursion: no valid term is deeper than kMaxTermDepth.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "term/number.h"
#include "term/value.h"
#include "term/wire.h"

namespace partita {

namespace {

using wire::Container;
using wire::ContainerKind;
using wire::DecimalParts;
using wire::Moment;

// In their order. Four bits, because a sort prefix starts with it.
enum class Rank : uint8_t {
  kNumber = 1,
  kAtom,
  kDatetime,
  kDate,
  kTime,
  kTimedelta,
  kDecimal,
  kUuid,
  kTuple,
  kMap,
  kSet,
  kList,
  kStr,
  kBytes,
  kOpaque,
};

Rank RankOfTag(uint8_t tag) {
  if (wire::IsContainer(tag)) {
    switch (wire::KindOf(tag)) {
      case ContainerKind::kTuple:
        return Rank::kTuple;
      case ContainerKind::kList:
        return Rank::kList;
      case ContainerKind::kMap:
        return Rank::kMap;
      case ContainerKind::kSet:
      case ContainerKind::kFrozenset:
        return Rank::kSet;
    }
  }
  switch (tag) {
    case wire::kFalse:
    case wire::kTrue:
    case wire::kAtom:
      return Rank::kAtom;
    case wire::kBigPositive:
    case wire::kBigNegative:
      return Rank::kNumber;
    case wire::kDate:
      return Rank::kDate;
    case wire::kTimedelta:
      return Rank::kTimedelta;
    case wire::kDecimal:
      return Rank::kDecimal;
    case wire::kUuid:
      return Rank::kUuid;
    case wire::kBytesShort:
    case wire::kBytesLong:
      return Rank::kBytes;
    case wire::kOpaque:
      return Rank::kOpaque;
    default:
      return tag < wire::kTime ? Rank::kDatetime : Rank::kTime;
  }
}

Rank RankOf(const Value& v) {
  switch (v.kind) {
    case Value::Kind::kNone:
      return Rank::kAtom;
    case Value::Kind::kInt:
    case Value::Kind::kFloat:
      return Rank::kNumber;
    case Value::Kind::kStr:
      return Rank::kStr;
    case Value::Kind::kWire:
      break;
  }
  return RankOfTag(wire::TagAt(v.data));
}

template <typename T>
int ThreeWay(T a, T b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

absl::string_view AtomTextOf(const Value& v) {
  return v.kind == Value::Kind::kNone ? absl::string_view("nil") : wire::AtomText(v.data);
}

int CompareMoments(const Moment& a, const Moment& b) {
  if (a.aware() != b.aware()) return a.aware() ? 1 : -1;
  return ThreeWay(a.instant_us(), b.instant_us());
}

int CompareTimedeltas(const char* a, const char* b) {
  int order = ThreeWay(wire::Load<int32_t>(a + 1), wire::Load<int32_t>(b + 1));
  if (order == 0) order = ThreeWay(wire::Load<uint32_t>(a + 5), wire::Load<uint32_t>(b + 5));
  if (order == 0) order = ThreeWay(wire::Load<uint32_t>(a + 9), wire::Load<uint32_t>(b + 9));
  return order;
}

// -infinity, negative, zero, positive, infinity, NaN: -2 to 3.
int DecimalClass(const DecimalParts& d) {
  if (d.is_nan()) return 3;
  if (d.klass == DecimalParts::Class::kInfinity) return d.negative ? -2 : 2;
  if (d.digit_count == 0) return 0;
  return d.negative ? -1 : 1;
}

// Exponent of the first digit.
int64_t AdjustedExponent(const DecimalParts& d) { return d.exponent + int64_t{d.digit_count} - 1; }

int CompareDecimals(const DecimalParts& a, const DecimalParts& b) {
  const int a_class = DecimalClass(a);
  const int b_class = DecimalClass(b);
  if (a_class != b_class) return ThreeWay(a_class, b_class);
  if (a_class != 1 && a_class != -1) return 0;
  int order = ThreeWay(AdjustedExponent(a), AdjustedExponent(b));
  if (order == 0) {
    const uint32_t common = std::min(a.packed_size(), b.packed_size());
    order = std::memcmp(a.digits, b.digits, common);
    if (order == 0) {
      const auto nonzero = [](char c) { return c != 0; };
      if (std::any_of(a.digits + common, a.digits + a.packed_size(), nonzero)) order = 1;
      if (std::any_of(b.digits + common, b.digits + b.packed_size(), nonzero)) order = -1;
    }
  }
  return a_class > 0 ? order : -order;
}

template <bool kExact>
int CompareValues(const Value& a, const Value& b);

// The next term of each, in order.
template <bool kExact>
int CompareNext(const char** a, const char** b) {
  Value x, y;
  *a = wire::ReadTerm(*a, &x);
  *b = wire::ReadTerm(*b, &y);
  return CompareValues<kExact>(x, y);
}

template <bool kExact>
int CompareElements(const Container& a, const Container& b) {
  const char* p = a.body;
  const char* q = b.body;
  for (uint32_t i = 0, common = std::min(a.count, b.count); i < common; ++i) {
    if (const int order = CompareNext<kExact>(&p, &q); order != 0) return order;
  }
  return ThreeWay(a.count, b.count);
}

// Sizes are equal. All keys first, exactly in both modes, then the values.
template <bool kExact>
int CompareMaps(const Container& a, const Container& b) {
  for (uint32_t i = 0; i < a.count; ++i) {
    const char* p = a.SortedPair(i);
    const char* q = b.SortedPair(i);
    if (const int order = CompareNext<true>(&p, &q); order != 0) return order;
  }
  for (uint32_t i = 0; i < a.count; ++i) {
    const char* p = wire::SkipTerm(a.SortedPair(i));
    const char* q = wire::SkipTerm(b.SortedPair(i));
    if (const int order = CompareNext<kExact>(&p, &q); order != 0) return order;
  }
  return 0;
}

template <bool kExact>
int CompareContainers(const Value& a, const Value& b, Rank rank) {
  const Container x = wire::ReadContainer(a.data);
  const Container y = wire::ReadContainer(b.data);
  if (rank == Rank::kList) return CompareElements<kExact>(x, y);
  if (x.count != y.count) return ThreeWay(x.count, y.count);
  if (rank == Rank::kMap) return CompareMaps<kExact>(x, y);
  if (rank == Rank::kSet) return CompareElements<true>(x, y);
  return CompareElements<kExact>(x, y);
}

template <bool kExact>
int CompareValues(const Value& a, const Value& b) {
  const Rank rank = RankOf(a);
  if (const Rank other = RankOf(b); rank != other) return ThreeWay(rank, other);
  switch (rank) {
    case Rank::kNumber:
      return CompareNumbers(a, b, kExact);
    case Rank::kAtom:
      return AtomTextOf(a).compare(AtomTextOf(b));
    case Rank::kDatetime:
    case Rank::kTime:
      return CompareMoments(wire::ReadMoment(a.data), wire::ReadMoment(b.data));
    case Rank::kDate:
      return ThreeWay(wire::Load<uint32_t>(a.data + 1), wire::Load<uint32_t>(b.data + 1));
    case Rank::kTimedelta:
      return CompareTimedeltas(a.data, b.data);
    case Rank::kDecimal:
      return CompareDecimals(wire::ReadDecimal(a.data), wire::ReadDecimal(b.data));
    case Rank::kUuid:
      return std::memcmp(a.data + 1, b.data + 1, 16);
    case Rank::kTuple:
    case Rank::kMap:
    case Rank::kSet:
    case Rank::kList:
      return CompareContainers<kExact>(a, b, rank);
    case Rank::kStr:
      return a.bytes().compare(b.bytes());
    case Rank::kBytes:
      return wire::BytesContent(a.data).compare(wire::BytesContent(b.data));
    case Rank::kOpaque:
      return wire::OpaqueContent(a.data).compare(wire::OpaqueContent(b.data));
  }
  return 0;
}

// --- Sort prefixes: four bits of rank, then 60 bits that never fall as the term grows.

constexpr int kPayloadBits = 60;
constexpr uint64_t kMaxPayload = (uint64_t{1} << kPayloadBits) - 1;

uint64_t LeadingBytes(absl::string_view bytes) {
  char head[8] = {};
  if (!bytes.empty()) std::memcpy(head, bytes.data(), std::min<size_t>(8, bytes.size()));
  return __builtin_bswap64(wire::Load<uint64_t>(head)) >> (64 - kPayloadBits);
}

uint64_t NumberPayload(const Value& v) {
  double f;
  if (v.kind == Value::Kind::kFloat) {
    f = v.f;
  } else if (v.kind == Value::Kind::kInt) {
    f = static_cast<double>(v.i);
  } else {
    const wire::BigView big = wire::ReadBig(v.data);
    // Down to 64 bits by cutting, then to the nearest double: neither step changes an order.
    uint64_t top = 0;
    for (uint32_t i = 1; i <= 8; ++i) top = top << 8 | big.magnitude[big.size - i];
    f = big.size > 128 ? HUGE_VAL : std::ldexp(static_cast<double>(top), static_cast<int>(8 * (big.size - 8)));
    if (big.negative) f = -f;
  }
  if (std::isnan(f)) return kMaxPayload;
  if (f == 0) f = 0.0;  // -0.0 is 0.0
  constexpr uint64_t kSign = uint64_t{1} << 63;
  const uint64_t bits = std::bit_cast<uint64_t>(f);
  return ((bits & kSign) ? ~bits : bits | kSign) >> (64 - kPayloadBits);
}

uint64_t MomentPayload(const Moment& m) {
  constexpr int64_t kBias = 2 * wire::kDayUs;  // an offset moves an instant by less than a day
  return static_cast<uint64_t>(m.aware()) << (kPayloadBits - 1) | static_cast<uint64_t>(m.instant_us() + kBias);
}

uint64_t TimedeltaPayload(const char* p) {
  const uint64_t days = static_cast<uint64_t>(int64_t{wire::Load<int32_t>(p + 1)} + wire::kMaxTimedeltaDays);
  const uint64_t seconds = wire::Load<uint32_t>(p + 5);
  const uint64_t micros = wire::Load<uint32_t>(p + 9);
  return days << 29 | seconds << 12 | micros >> 8;  // 31, 17 and 12 bits
}

uint64_t DecimalPayload(const DecimalParts& d) {
  constexpr int64_t kExponentLimit = 4096;
  constexpr uint32_t kDigits = 11;
  constexpr uint64_t kZero = uint64_t{1} << (kPayloadBits - 1);
  const int klass = DecimalClass(d);
  if (klass == 0) return kZero;
  if (klass == 3) return kMaxPayload;
  uint64_t magnitude = kZero - 2;  // infinity; a NaN is more
  if (klass == 1 || klass == -1) {
    const int64_t exponent = std::clamp(AdjustedExponent(d), -kExponentLimit, kExponentLimit - 1);
    magnitude = static_cast<uint64_t>(exponent + kExponentLimit) << (4 * kDigits);
    if (exponent == AdjustedExponent(d)) {
      for (uint32_t i = 0; i < kDigits && i < d.digit_count; ++i) {
        magnitude |= static_cast<uint64_t>(d.digit(i)) << (4 * (kDigits - 1 - i));
      }
    } else if (exponent > 0) {
      magnitude |= (uint64_t{1} << (4 * kDigits)) - 1;
    }
  }
  return klass > 0 ? kZero + magnitude : kZero - magnitude;
}

uint64_t TuplePayload(const Container& c) {
  constexpr uint32_t kManyElements = 255;
  constexpr int kSizeShift = kPayloadBits - 8;
  if (c.count >= kManyElements) return uint64_t{kManyElements} << kSizeShift | (c.count - kManyElements);
  if (c.count == 0) return 0;
  Value first;
  wire::ReadTerm(c.body, &first);
  return uint64_t{c.count} << kSizeShift | SortPrefix(first) >> (64 - kSizeShift);
}

uint64_t ListPayload(const Container& c) {
  if (c.count == 0) return 0;
  Value first;
  wire::ReadTerm(c.body, &first);
  return SortPrefix(first) >> (64 - kPayloadBits);
}

uint64_t Payload(const Value& v, Rank rank) {
  switch (rank) {
    case Rank::kNumber:
      return NumberPayload(v);
    case Rank::kAtom:
      return LeadingBytes(AtomTextOf(v));
    case Rank::kDatetime:
    case Rank::kTime:
      return MomentPayload(wire::ReadMoment(v.data));
    case Rank::kDate:
      return wire::Load<uint32_t>(v.data + 1);
    case Rank::kTimedelta:
      return TimedeltaPayload(v.data);
    case Rank::kDecimal:
      return DecimalPayload(wire::ReadDecimal(v.data));
    case Rank::kUuid:
      return LeadingBytes(absl::string_view(v.data + 1, 16));
    case Rank::kTuple:
      return TuplePayload(wire::ReadContainer(v.data));
    case Rank::kList:
      return ListPayload(wire::ReadContainer(v.data));
    case Rank::kMap:  // keys come next, in exact order, with which prefixes do not agree
    case Rank::kSet:
      return wire::ReadContainer(v.data).count;
    case Rank::kStr:
      return LeadingBytes(v.bytes());
    case Rank::kBytes:
      return LeadingBytes(wire::BytesContent(v.data));
    case Rank::kOpaque:
      return LeadingBytes(wire::OpaqueContent(v.data));
  }
  return 0;
}

}  // namespace

int CompareNumeric(const Value& a, const Value& b) { return CompareValues<false>(a, b); }
int CompareExact(const Value& a, const Value& b) { return CompareValues<true>(a, b); }

uint64_t SortPrefix(const Value& v) {
  const Rank rank = RankOf(v);
  return static_cast<uint64_t>(rank) << kPayloadBits | Payload(v, rank);
}

}  // namespace partita
