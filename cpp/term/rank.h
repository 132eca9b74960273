// The ranks of terms: what is compared before anything else. For order.cc and sort_key.cc.

#ifndef PARTITA_TERM_RANK_H_
#define PARTITA_TERM_RANK_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "term/value.h"
#include "term/wire.h"

namespace partita {

// In their order.
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

inline Rank RankOfTag(uint8_t tag) {
  if (wire::IsContainer(tag)) {
    switch (wire::KindOf(tag)) {
      case wire::ContainerKind::kTuple:
        return Rank::kTuple;
      case wire::ContainerKind::kList:
        return Rank::kList;
      case wire::ContainerKind::kMap:
        return Rank::kMap;
      case wire::ContainerKind::kSet:
      case wire::ContainerKind::kFrozenset:
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

inline Rank RankOf(const Value& v) {
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

inline absl::string_view AtomTextOf(const Value& v) {
  return v.kind == Value::Kind::kNone ? absl::string_view("nil") : wire::AtomText(v.data);
}

// -infinity, negative, zero, positive, infinity, NaN: -2 to 3.
inline int DecimalClass(const wire::DecimalParts& d) {
  if (d.is_nan()) return 3;
  if (d.klass == wire::DecimalParts::Class::kInfinity) return d.negative ? -2 : 2;
  if (d.digit_count == 0) return 0;
  return d.negative ? -1 : 1;
}

// Exponent of the first digit.
inline int64_t AdjustedExponent(const wire::DecimalParts& d) { return d.exponent + int64_t{d.digit_count} - 1; }

}  // namespace partita

#endif  // PARTITA_TERM_RANK_H_
