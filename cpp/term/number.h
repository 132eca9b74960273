// Numbers: comparing them exactly, whatever their sizes, the sums that counters need, and ints of any size.

#ifndef PARTITA_TERM_NUMBER_H_
#define PARTITA_TERM_NUMBER_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "term/value.h"

namespace partita {

// True for ints of any size.
bool IsInt(const Value& v);
inline bool IsNumber(const Value& v) { return v.kind == Value::Kind::kFloat || IsInt(v); }

// As memcmp; nothing is rounded. A NaN equals every NaN and comes after all other numbers. `exact`: every int before
// every float.
int CompareNumbers(const Value& a, const Value& b, bool exact);

// An int of any size: sign and magnitude. A plain value; may throw std::bad_alloc where it grows.
class BigInt {
 public:
  // Room for `size` bytes, which must live as long as the Value written into them.
  using Allocate = absl::FunctionRef<char*(size_t size)>;

  BigInt() = default;  // 0
  explicit BigInt(int64_t i);
  // Nothing if `v` is no int.
  static std::optional<BigInt> FromValue(const Value& v);

  bool negative() const { return negative_; }
  bool is_zero() const { return limbs_.empty(); }
  // As memcmp.
  int Compare(const BigInt& other) const;

  BigInt operator-() const;
  BigInt operator+(const BigInt& other) const;
  BigInt operator-(const BigInt& other) const { return *this + -other; }

  // The rest of arithmetic (big_arithmetic.cc). The time of a product or a quotient grows with the product of the
  // operands' sizes: whoever lets strangers choose the operands bounds bit_length() first.
  BigInt operator*(const BigInt& other) const;
  // Rounded towards zero; the remainder has the sign of the dividend. `divisor` is not zero.
  static void Divide(const BigInt& dividend, const BigInt& divisor, BigInt* quotient, BigInt* remainder);
  BigInt ShiftLeft(uint64_t bits) const;
  BigInt ShiftRight(uint64_t bits) const;  // rounded down, as a shift of two's complement
  // Bit by bit, negative numbers as two's complement of endless length.
  BigInt operator&(const BigInt& other) const;
  BigInt operator|(const BigInt& other) const;
  BigInt operator^(const BigInt& other) const;
  BigInt operator~() const;
  // A finite float without its fraction.
  static BigInt FromDouble(double f);
  // Of the magnitude; of 0 it is 0.
  uint64_t bit_length() const;

  // The nearest double, ties to even, as Python's float(); nothing if it is beyond the largest one.
  std::optional<double> ToDouble() const;
  // A native int where it fits, else wire form in room got from `allocate`. Nothing if no term is as large.
  std::optional<Value> ToValue(Allocate allocate) const;

 private:
  using Limbs = absl::InlinedVector<uint64_t, 4>;  // least significant first; the last one is not 0

  static int CompareMagnitude(const Limbs& a, const Limbs& b);
  static Limbs AddMagnitude(const Limbs& a, const Limbs& b);
  static Limbs SubtractMagnitude(const Limbs& larger, const Limbs& smaller);
  static void DivideMagnitude(const Limbs& dividend, const Limbs& divisor, Limbs* quotient, Limbs* remainder);
  // `size` limbs of two's complement, and back.
  Limbs TwosComplement(size_t size) const;
  static BigInt FromTwosComplement(Limbs limbs);
  template <typename Combine>
  static BigInt Bitwise(const BigInt& a, const BigInt& b, Combine combine);

  bool negative_ = false;  // never of zero
  Limbs limbs_;
};

enum class SumError : uint8_t {
  kNone,
  kNotANumber,  // an operand is no number
  kNotFinite,   // two finite operands whose sum no float holds, or an int that no float holds
  kTooLarge,    // an int beyond the size of a term
};

// a + b as Python adds them: ints exactly, to an int; with a float, to a float. `allocate` gives room for an int beyond
// 64 bits. May throw std::bad_alloc.
SumError AddNumbers(const Value& a, const Value& b, BigInt::Allocate allocate, Value* sum);

}  // namespace partita

#endif  // PARTITA_TERM_NUMBER_H_
