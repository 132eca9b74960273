// The wire form of a term: what long values look like in a heap, and rows in logs, files and messages. Files keep it,
// so it does not change.
//
// A term is a tag byte and a payload. Numbers are little-endian, nothing is aligned, nothing refers to the process that
// wrote it. Every term tells its size in its first bytes, so any term is skipped in O(1). There is one way to write a
// value: the smallest form that holds it is demanded, and ValidateWire refuses the others.
//
//   tag        term                payload
//   01 02 03   nil, false, true    -
//   04..07     int                 1, 2, 4 or 8 bytes, two's complement
//   08         float               8 bytes, IEEE 754, every bit kept
//   09 0A      int beyond 64 bits  u32 n, n bytes of magnitude, the last one not 0; 0A: negative
//   0B         atom                u16 n, n bytes of UTF-8; never nil, false or true
//   0C         date                u32 days, 1 is 0001-01-01
//   0D         timedelta           i32 days, u32 seconds below 86,400, u32 microseconds below 1,000,000
//   0E         Decimal             see DecimalParts
//   0F         UUID                16 bytes, the most significant first
//   10+z       datetime            u64 clock, zone part        clock: 2 * microseconds since 0001-01-01 (time: since
//   18+z       time                u64 clock, zone part        midnight), as the clock on the wall shows it, + fold
//   20 21      bytes               u8 (21: u32) n, n bytes
//   22 23      str of 32 or more   u32 n, n bytes of UTF-8; 22: all below 0x80, 23: not so
//   24         opaque              u32 n, n bytes of pickle
//   40+n 60+n  str                 n < 32 bytes of UTF-8; 40: all below 0x80, 60: not so
//   80..CF     container           see below
//
// Zone part, by z: 0 naive: nothing. 1 offset in whole seconds: i32. 2 offset in microseconds: i64. 3 named offset: i64
// microseconds, u16 n, n bytes of name. 4 time zone: i32 seconds of its offset at that moment (so that the instant is
// known without a database of zones), u16 n, n bytes of key. 5 (time only) time zone that tells no offset without a
// date: u16 n, key.
//
// Containers. The tag's bits are 1 k k k 0 L O N: kind k, long form L, O if a pickle is inside, N if the bytes are not
// canonical.
//
//   short    +0 tag  +1 u8 body size   +2 u8 count    +3 body             so (1, 2) takes 7 bytes and ("ab", 7) takes 8
//   long     +0 tag  +1 u32 body size  +5 u32 count   +9 body             when body size or count is above 255
//
//   kind  0 tuple      body: count terms
//         1 list       body: count terms
//         2 map        body: count pairs of key and value as they were inserted, then a table of the offsets of the
//                      pairs in the body (u8 each, long form u32), in exact order of their keys, for binary search
//         3 set        body: count terms, sorted in exact order, no two equal
//         4 frozenset  as set
//
// Canonical. Two canonical terms are exactly equal if and only if their bytes are. Not canonical: a float -0.0 or a NaN
// with other bits than Python's nan; fold; an aware moment that is not zone form 1 with offset 0; a Decimal with
// trailing zeros (or a zero with sign or exponent, or a NaN with sign, payload or signal); a map whose keys are not in
// sorted order as inserted; a set (a frozenset is); and a container that holds one of these. A term that is not
// canonical is compared and hashed by structure.

#ifndef PARTITA_TERM_WIRE_H_
#define PARTITA_TERM_WIRE_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"
#include "term/value.h"

namespace partita {

// Containers within containers; a scalar has depth 0.
inline constexpr int kMaxTermDepth = 500;
// Bytes of one term in wire form.
inline constexpr uint32_t kMaxTermSize = 0x7FFFFFFF;
// Code points of an atom.
inline constexpr uint32_t kMaxAtomLength = 255;

namespace wire {

static_assert(std::endian::native == std::endian::little, "the wire form is read in place");

enum Tag : uint8_t {
  kNil = 0x01,
  kFalse = 0x02,
  kTrue = 0x03,
  kInt8 = 0x04,
  kInt16 = 0x05,
  kInt32 = 0x06,
  kInt64 = 0x07,
  kFloat = 0x08,
  kBigPositive = 0x09,
  kBigNegative = 0x0A,
  kAtom = 0x0B,
  kDate = 0x0C,
  kTimedelta = 0x0D,
  kDecimal = 0x0E,
  kUuid = 0x0F,
  kDatetime = 0x10,  // + ZoneForm
  kTime = 0x18,      // + ZoneForm
  kBytesShort = 0x20,
  kBytesLong = 0x21,
  kStrLongAscii = 0x22,
  kStrLong = 0x23,
  kOpaque = 0x24,
  kStrShortAscii = 0x40,  // + size
  kStrShort = 0x60,       // + size
  kContainer = 0x80,      // | ContainerKind << 4 | flags
};

inline constexpr uint32_t kMaxShortStr = 31;
inline constexpr uint32_t kMaxShort = 255;  // body size and count of a short container, size of short bytes
inline constexpr uint32_t kShortHeader = 3;
inline constexpr uint32_t kLongHeader = 9;

enum ContainerFlag : uint8_t { kFlagNonCanonical = 1, kFlagOpaque = 2, kFlagLong = 4, kFlagReserved = 8 };
// The first two stand in a Value's flags one bit higher.
static_assert(Value::kNonCanonical == kFlagNonCanonical << 1 && Value::kHasOpaque == kFlagOpaque << 1);

enum class ContainerKind : uint8_t { kTuple = 0, kList = 1, kMap = 2, kSet = 3, kFrozenset = 4 };

enum class ZoneForm : uint8_t { kNaive = 0, kSeconds = 1, kMicros = 2, kNamed = 3, kZone = 4, kZoneNoOffset = 5 };

template <typename T>
inline T Load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

// A byte as the number from -128 to 127 that it is in two's complement.
inline int64_t SignExtended(uint8_t byte) { return (int64_t{byte} ^ 0x80) - 0x80; }

template <typename T>
inline char* Store(char* p, T value) {
  std::memcpy(p, &value, sizeof(T));
  return p + sizeof(T);
}

inline uint8_t TagAt(const char* p) { return static_cast<uint8_t>(*p); }
inline bool IsContainer(uint8_t tag) { return tag >= kContainer; }
inline ContainerKind KindOf(uint8_t tag) { return static_cast<ContainerKind>(tag >> 4 & 7); }

// A container, taken apart.
struct Container {
  ContainerKind kind;
  bool is_long;
  uint32_t count;      // elements; of a map: pairs
  uint32_t body_size;  // the table of a map included
  const char* body;

  const char* end() const { return body + body_size; }
  // A map's i-th pair in the order of its keys.
  const char* SortedPair(uint32_t i) const {
    if (is_long) return body + Load<uint32_t>(end() - 4 * static_cast<size_t>(count - i));
    return body + static_cast<uint8_t>(*(end() - (count - i)));
  }
};

inline Container ReadContainer(const char* p) {
  const uint8_t tag = TagAt(p);
  Container c;
  c.kind = KindOf(tag);
  c.is_long = (tag & kFlagLong) != 0;
  if (c.is_long) {
    c.body_size = Load<uint32_t>(p + 1);
    c.count = Load<uint32_t>(p + 5);
    c.body = p + kLongHeader;
  } else {
    c.body_size = static_cast<uint8_t>(p[1]);
    c.count = static_cast<uint8_t>(p[2]);
    c.body = p + kShortHeader;
  }
  return c;
}

// A datetime or a time, taken apart. An aware one is ordered by its instant.
struct Moment {
  int64_t clock_us = 0;  // on the wall, since 0001-01-01 or midnight
  bool fold = false;
  ZoneForm form = ZoneForm::kNaive;
  int64_t offset_us = 0;   // east of UTC
  absl::string_view name;  // of the offset or the zone

  bool aware() const { return form != ZoneForm::kNaive && form != ZoneForm::kZoneNoOffset; }
  int64_t instant_us() const { return clock_us - offset_us; }
};

inline constexpr int64_t kDayUs = int64_t{86400} * 1000000;
inline constexpr uint32_t kMaxDateDays = 3652059;  // 9999-12-31
inline constexpr int32_t kMaxTimedeltaDays = 999999999;

// A Decimal, taken apart. Its payload: u8 head (bit 0 negative, bits 1-2 class, bits 3-4 width of the exponent as a
// power of two, bit 5 long count), the exponent (signed), the count of digits (u8, long u32), the digits, two to a
// byte, the most significant first in the high half, a last half left over 0. A zero has no digits; the digits of a NaN
// are its payload.
struct DecimalParts {
  enum class Class : uint8_t { kFinite = 0, kInfinity = 1, kNan = 2, kSignalingNan = 3 };

  bool negative = false;
  Class klass = Class::kFinite;
  int64_t exponent = 0;  // of the last digit
  uint32_t digit_count = 0;
  const char* digits = nullptr;  // packed; none leading is 0

  uint32_t packed_size() const { return digit_count / 2 + digit_count % 2; }
  int digit(uint32_t i) const {
    const uint8_t pair = static_cast<uint8_t>(digits[i / 2]);
    return i % 2 == 0 ? pair >> 4 : pair & 15;
  }
  bool is_nan() const { return klass >= Class::kNan; }
};
// What Python's decimal can hold.
inline constexpr int64_t kMaxDecimalExponent = 999999999999999999;
inline constexpr int64_t kMinDecimalExponent = -1999999999999999997;

// `p` must be at a term of the right tag.
Moment ReadMoment(const char* p);
DecimalParts ReadDecimal(const char* p);

// An int beyond 64 bits.
struct BigView {
  bool negative;
  uint32_t size;  // bytes, at least 8
  const uint8_t* magnitude;
};
inline BigView ReadBig(const char* p) {
  return BigView{TagAt(p) == kBigNegative, Load<uint32_t>(p + 1), reinterpret_cast<const uint8_t*>(p + 5)};
}

// The bytes of an atom's name (also of nil, false, true), of bytes, of an opaque.
absl::string_view AtomText(const char* p);
inline absl::string_view BytesContent(const char* p) {
  if (TagAt(p) == kBytesShort) return absl::string_view(p + 2, static_cast<uint8_t>(p[1]));
  return absl::string_view(p + 5, Load<uint32_t>(p + 1));
}
inline absl::string_view OpaqueContent(const char* p) { return absl::string_view(p + 5, Load<uint32_t>(p + 1)); }

// Value flags (kNonCanonical, kHasOpaque) that a term gives to the containers it is in.
inline uint8_t InheritedFlags(const Value& v) {
  if (v.kind == Value::Kind::kFloat) {
    const uint64_t bits = std::bit_cast<uint64_t>(v.f);
    constexpr uint64_t kNegativeZero = uint64_t{1} << 63;
    constexpr uint64_t kNan = 0x7FF8000000000000;
    return bits == kNegativeZero || (std::isnan(v.f) && bits != kNan) ? Value::kNonCanonical : 0;
  }
  return v.kind == Value::Kind::kWire ? v.flags : 0;
}

const char* ReadOther(const char* p, Value* out);

// Reads the term at `p` as a Value and returns its end. The bytes must be valid.
inline const char* ReadTerm(const char* p, Value* out) {
  const uint8_t tag = TagAt(p);
  if (tag >= kContainer) {
    const uint32_t size =
        (tag & kFlagLong) ? kLongHeader + Load<uint32_t>(p + 1) : kShortHeader + static_cast<uint8_t>(p[1]);
    *out = Value::Wire(p, size, static_cast<uint8_t>((tag & (kFlagNonCanonical | kFlagOpaque)) << 1));
    return p + size;
  }
  if (tag >= kStrShortAscii) {
    const uint32_t size = tag & kMaxShortStr;
    *out = Value::Str(p + 1, size, tag < kStrShort);
    return p + 1 + size;
  }
  switch (tag) {
    case kNil:
      *out = Value::None();
      return p + 1;
    case kInt8:
      *out = Value::Int(static_cast<int8_t>(p[1]));
      return p + 2;
    case kInt16:
      *out = Value::Int(Load<int16_t>(p + 1));
      return p + 3;
    case kInt32:
      *out = Value::Int(Load<int32_t>(p + 1));
      return p + 5;
    case kInt64:
      *out = Value::Int(Load<int64_t>(p + 1));
      return p + 9;
    case kFloat:
      *out = Value::Float(Load<double>(p + 1));
      return p + 9;
    case kStrLongAscii:
    case kStrLong: {
      const uint32_t size = Load<uint32_t>(p + 1);
      *out = Value::Str(p + 5, size, tag == kStrLongAscii);
      return p + 5 + size;
    }
    default:
      return ReadOther(p, out);
  }
}

// The end of the term at `p`.
inline const char* SkipTerm(const char* p) {
  Value ignored;
  return ReadTerm(p, &ignored);
}

// Well-formed UTF-8: shortest forms, no surrogates, nothing above U+10FFFF. Tells its code points and whether all are
// ASCII.
bool ValidateUtf8(absl::string_view text, uint32_t* code_points, bool* ascii);

// The end of the one valid term that starts at `p` and ends at or before `end`; null if there is none. For bytes that
// nobody vouches for. `flags` gets what InheritedFlags would say of the term. Allocates at most in proportion to the
// bytes (and then may throw std::bad_alloc).
const char* ValidateTerm(const char* p, const char* end, uint8_t* flags);

}  // namespace wire

// True if `bytes` is exactly one term, well formed in every respect.
bool ValidateWire(absl::string_view bytes);

}  // namespace partita

#endif  // PARTITA_TERM_WIRE_H_
