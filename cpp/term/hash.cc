// Hashing the class of exact equality. What is canonical is hashed by its bytes, what may be written in several ways by
// what it means, and a container by its elements, so that it does not matter how deep the difference lies.

#include <bit>

#include "term/value.h"
#include "term/wire.h"

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

namespace partita {

namespace {

using hash_internal::Mix;

// So that equal numbers in different roles do not meet.
enum Salt : uint64_t { kFloatSalt = 1, kMomentSalt = 2, kDecimalSalt = 3, kContainerSalt = 4, kNoneSalt = 5 };

uint64_t HashFloat(double f, uint64_t seed) {
  if (f == 0) f = 0.0;  // -0.0 is 0.0
  const uint64_t bits = f != f ? 0x7FF8000000000000 : std::bit_cast<uint64_t>(f);
  return Mix(bits, seed + kFloatSalt);
}

uint64_t HashMoment(uint8_t tag, const wire::Moment& m, uint64_t seed) {
  const uint64_t type = tag < wire::kTime ? wire::kDatetime : wire::kTime;
  return Mix(static_cast<uint64_t>(m.instant_us()), Mix(type << 1 | m.aware(), seed + kMomentSalt));
}

uint64_t HashDecimal(const wire::DecimalParts& d, uint64_t seed) {
  using Class = wire::DecimalParts::Class;
  if (d.is_nan()) return Mix(1, seed + kDecimalSalt);
  if (d.klass == Class::kInfinity) return Mix(2 + d.negative, seed + kDecimalSalt);
  uint32_t digits = d.digit_count;
  while (digits > 0 && d.digit(digits - 1) == 0) --digits;
  if (digits == 0) return Mix(4, seed + kDecimalSalt);
  // A half byte past the last digit that counts is 0, be it a digit or padding.
  const uint64_t h = XXH3_64bits_withSeed(d.digits, digits / 2 + digits % 2, seed + kDecimalSalt);
  const int64_t adjusted = d.exponent + int64_t{d.digit_count} - 1;
  return Mix(static_cast<uint64_t>(adjusted) << 1 | d.negative, h);
}

uint64_t HashContainer(const Value& v, uint64_t seed) {
  const wire::Container c = wire::ReadContainer(v.data);
  const auto kind = c.kind == wire::ContainerKind::kFrozenset ? wire::ContainerKind::kSet : c.kind;
  uint64_t h = Mix(uint64_t{c.count} << 3 | static_cast<uint64_t>(kind), seed + kContainerSalt);
  Value element;
  if (kind == wire::ContainerKind::kMap) {
    for (uint32_t i = 0; i < c.count; ++i) {
      const char* p = wire::ReadTerm(c.SortedPair(i), &element);
      h = HashValue(element, h);
      wire::ReadTerm(p, &element);
      h = HashValue(element, h);
    }
    return h;
  }
  const char* p = c.body;
  for (uint32_t i = 0; i < c.count; ++i) {
    p = wire::ReadTerm(p, &element);
    h = HashValue(element, h);
  }
  return h;
}

}  // namespace

uint64_t HashValueSlow(const Value& v, uint64_t seed) {
  switch (v.kind) {
    case Value::Kind::kStr:
      return XXH3_64bits_withSeed(v.data, v.size, seed);
    case Value::Kind::kNone:
      return Mix(0, seed + kNoneSalt);
    case Value::Kind::kInt:
      return HashInt(v.i, seed);
    case Value::Kind::kFloat:
      return HashFloat(v.f, seed);
    case Value::Kind::kWire:
      break;
  }
  const uint8_t tag = wire::TagAt(v.data);
  if (wire::IsContainer(tag)) return HashContainer(v, seed);
  if (tag == wire::kDecimal) return HashDecimal(wire::ReadDecimal(v.data), seed);
  if (tag >= wire::kDatetime && tag < wire::kBytesShort) return HashMoment(tag, wire::ReadMoment(v.data), seed);
  return XXH3_64bits_withSeed(v.data, v.size, seed);
}

}  // namespace partita
