// The order of terms, in its two modes.
//
// Comparing goes down by recursion: no valid term is deeper than kMaxTermDepth.

#include <algorithm>
#include <cstring>

#include "term/number.h"
#include "term/rank.h"
#include "term/value.h"
#include "term/wire.h"

namespace partita {

namespace {

using wire::Container;
using wire::DecimalParts;
using wire::Moment;

template <typename T>
int ThreeWay(T a, T b) {
  return a < b ? -1 : a > b ? 1 : 0;
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

}  // namespace

int CompareNumeric(const Value& a, const Value& b) { return CompareValues<false>(a, b); }
int CompareExact(const Value& a, const Value& b) { return CompareValues<true>(a, b); }

}  // namespace partita
