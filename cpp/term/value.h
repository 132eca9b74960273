// One field of a row on its way in or out, and what can be asked of it: equality, order, hash.
//
// A Value is a 16-byte view. The four kinds that columns store natively (nothing, integers of 64 bits, floats, strings)
// are held as such; every other term is a span of its wire form (term/wire.h). A Value owns nothing: what it points to
// must outlive it. Safe to copy and to read from any thread.
//
// Two equalities, as in Erlang. *Exact* (`=:=`): 1, 1.0 and true are three values. *Numeric* (`==`): 1
// equals 1.0, compared exactly, also inside tuples, lists and map values, never inside map keys or sets. Under both,
// 0.0 equals -0.0 and a NaN equals every NaN and sorts after every other number.

#ifndef PARTITA_TERM_VALUE_H_
#define PARTITA_TERM_VALUE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace partita {

struct Value {
  enum class Kind : uint8_t {
    kNone = 0,   // None, the atom nil
    kInt = 1,    // i
    kFloat = 2,  // f
    kStr = 3,    // size bytes of UTF-8 at data; flag kAscii says that all are below 0x80
    kWire = 4,   // size bytes of wire form at data: exactly one term that is none of the above
  };
  enum Flag : uint8_t {
    kAscii = 1,         // kStr: every byte is below 0x80 (set whenever it is true)
    kNonCanonical = 2,  // kWire: equal terms may have other bytes; compare by structure (wire.h)
    kHasOpaque = 4,     // kWire: the term is, or holds, a pickled object; it cannot be part of a key
  };

  Kind kind = Kind::kNone;
  uint8_t flags = 0;
  uint32_t size = 0;
  union {
    int64_t i;
    double f;
    const char* data;
  };

  constexpr Value() : i(0) {}
  static Value None() { return Value(); }
  static Value Int(int64_t i) {
    Value v;
    v.kind = Kind::kInt;
    v.i = i;
    return v;
  }
  static Value Float(double f) {
    Value v;
    v.kind = Kind::kFloat;
    v.f = f;
    return v;
  }
  static Value Str(const char* data, uint32_t size, bool ascii) {
    Value v;
    v.kind = Kind::kStr;
    v.flags = ascii ? kAscii : 0;
    v.size = size;
    v.data = data;
    return v;
  }
  // `data` is the wire form of one term for which a native kind does not exist; see ValueFromWire for the general case.
  static Value Wire(const char* data, uint32_t size, uint8_t flags) {
    Value v;
    v.kind = Kind::kWire;
    v.flags = flags;
    v.size = size;
    v.data = data;
    return v;
  }

  bool has_opaque() const { return (flags & kHasOpaque) != 0; }
  absl::string_view bytes() const { return absl::string_view(data, size); }
};
static_assert(sizeof(Value) == 16);

// The atoms false and true as values (static storage).
Value BoolValue(bool b);
bool IsBool(const Value& v, bool* out);

// Reads one term in wire form as a Value: native kinds where they exist, else a view of the same bytes with its flags
// set. The bytes must be valid (written by this library, or checked by ValidateWire).
Value ValueFromWire(absl::string_view wire);

// Size of the wire form of `v`, and the form itself appended at `out` (which must have room); returns the end.
uint32_t WireSize(const Value& v);
char* WriteWire(const Value& v, char* out);
void AppendWire(const Value& v, std::string* out);

// Exact equality.
bool ExactlyEqualSlow(const Value& a, const Value& b);
inline bool ExactlyEqual(const Value& a, const Value& b) {
  if (a.kind != b.kind) return false;  // a native kind is never also in wire form
  if (a.kind == Value::Kind::kInt) return a.i == b.i;
  if (a.kind == Value::Kind::kStr) return a.bytes() == b.bytes();
  return ExactlyEqualSlow(a, b);
}

// Term order with numeric equality (ordered_set keys, `<` in guards) and with exact equality (every integer before
// every float, as OTP orders map keys). Both are total; negative, zero or positive as in memcmp.
int CompareNumeric(const Value& a, const Value& b);
int CompareExact(const Value& a, const Value& b);

namespace hash_internal {
// Two multiplications of 64 by 64 bits, so that every bit of the result depends on every bit of both.
inline uint64_t Mix(uint64_t x, uint64_t seed) {
  constexpr uint64_t kX = 0x9E3779B97F4A7C15;
  constexpr uint64_t kSeed = 0xD1B54A32D192ED03;
  const unsigned __int128 first = static_cast<unsigned __int128>(x ^ kX) * (seed ^ kSeed);
  const unsigned __int128 second = static_cast<unsigned __int128>(static_cast<uint64_t>(first) ^ kSeed ^ x) *
                                   (static_cast<uint64_t>(first >> 64) ^ kX);
  return static_cast<uint64_t>(second) ^ static_cast<uint64_t>(second >> 64);
}
}  // namespace hash_internal

// Hash of the exact equality class, seeded per table. Stable for one seed and one build only: files never keep it. All
// 64 bits are good.
inline uint64_t HashInt(int64_t i, uint64_t seed) { return hash_internal::Mix(static_cast<uint64_t>(i), seed); }
uint64_t HashValueSlow(const Value& v, uint64_t seed);
inline uint64_t HashValue(const Value& v, uint64_t seed) {
  if (v.kind == Value::Kind::kInt) return HashInt(v.i, seed);
  return HashValueSlow(v, seed);
}

}  // namespace partita

#endif  // PARTITA_TERM_VALUE_H_
