// The arithmetic of guards and bodies: Erlang's operators and number functions on values.
//
// Each returns false where Erlang's fails: an operand that is no number (or no int where it must be one), a division by
// zero, a float result beyond the largest float, an int that no float holds. Ints have any size up to kMaxIntBits;
// what would be larger fails, before any memory is taken. Floats that Erlang does not have, infinities and NaN, are
// computed with as IEEE 754 says.
//
// `allocate` gives room for an int beyond 64 bits, to which *out then points. May throw std::bad_alloc.

#ifndef PARTITA_MATCH_ARITHMETIC_H_
#define PARTITA_MATCH_ARITHMETIC_H_

#include <cstdint>

#include "term/number.h"
#include "term/value.h"

namespace partita::arithmetic {

// Large enough for any honest purpose, small enough that one product takes a second at worst.
inline constexpr uint64_t kMaxIntBits = uint64_t{1} << 22;

using Allocate = BigInt::Allocate;

bool Add(const Value& a, const Value& b, Allocate allocate, Value* out);
bool Subtract(const Value& a, const Value& b, Allocate allocate, Value* out);
bool Multiply(const Value& a, const Value& b, Allocate allocate, Value* out);
bool Divide(const Value& a, const Value& b, Value* out);                        // `/`: always a float
bool Quotient(const Value& a, const Value& b, Allocate allocate, Value* out);   // `div`
bool Remainder(const Value& a, const Value& b, Allocate allocate, Value* out);  // `rem`
bool BitAnd(const Value& a, const Value& b, Allocate allocate, Value* out);
bool BitOr(const Value& a, const Value& b, Allocate allocate, Value* out);
bool BitXor(const Value& a, const Value& b, Allocate allocate, Value* out);
bool ShiftLeft(const Value& a, const Value& b, Allocate allocate, Value* out);
bool ShiftRight(const Value& a, const Value& b, Allocate allocate, Value* out);

bool Plus(const Value& a, Value* out);
bool Negate(const Value& a, Allocate allocate, Value* out);
bool BitNot(const Value& a, Allocate allocate, Value* out);
bool Abs(const Value& a, Allocate allocate, Value* out);
bool ToFloat(const Value& a, Value* out);

enum class Rounding : uint8_t { kTowardsZero, kDown, kUp, kNearest };  // kNearest: halves away from zero
bool ToInt(const Value& a, Rounding rounding, Allocate allocate, Value* out);

}  // namespace partita::arithmetic

#endif  // PARTITA_MATCH_ARITHMETIC_H_
