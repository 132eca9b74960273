// Ints of any size against ints of 128 bits, and against the laws that products, quotients, shifts and bits obey.

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "term/number.h"
#include "testing/random.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

using Int128 = __int128;

BigInt Big(Int128 i) { return BigInt::FromValue(Term::Int128(i).view()).value_or(BigInt()); }

// Of up to `limbs` limbs, with many zeros and ones in a row: there carries run far.
BigInt RandomBig(Random* random, int limbs) {
  BigInt out;
  for (int i = 0; i < limbs; ++i) {
    const uint64_t limb =
        random->Pick<uint64_t>({0, 1, ~uint64_t{0}, uint64_t{1} << 63, random->Bits(), random->Bits()});
    out = out.ShiftLeft(64) + Big(static_cast<Int128>(limb));
  }
  out = out.ShiftRight(random->Below(64));
  return random->OneIn(2) ? -out : out;
}

bool Equal(const BigInt& a, const BigInt& b) { return a.Compare(b) == 0; }

TEST(BigArithmetic, AgreesWithIntsOf128Bits) {
  Random random(TestSeed());
  for (int i = 0; i < Steps(20000); ++i) {
    const Int128 a = static_cast<int64_t>(random.Bits()) >> random.Below(64);
    const Int128 b = static_cast<int64_t>(random.Bits()) >> random.Below(64);
    const uint64_t shift = random.Below(62);
    EXPECT_TRUE(Equal(Big(a) * Big(b), Big(a * b)));
    EXPECT_TRUE(Equal(Big(a) & Big(b), Big(a & b)));
    EXPECT_TRUE(Equal(Big(a) | Big(b), Big(a | b)));
    EXPECT_TRUE(Equal(Big(a) ^ Big(b), Big(a ^ b)));
    EXPECT_TRUE(Equal(~Big(a), Big(~a)));
    EXPECT_TRUE(Equal(Big(a).ShiftLeft(shift), Big(a * (Int128{1} << shift))));
    EXPECT_TRUE(Equal(Big(a).ShiftRight(shift), Big(a >> shift)));
    if (b == 0) continue;
    BigInt quotient, remainder;
    BigInt::Divide(Big(a), Big(b), &quotient, &remainder);
    EXPECT_TRUE(Equal(quotient, Big(a / b)));
    EXPECT_TRUE(Equal(remainder, Big(a % b)));
  }
}

TEST(BigArithmetic, DivisionUndoesMultiplication) {
  Random random(TestSeed());
  for (int i = 0; i < Steps(20000); ++i) {
    const BigInt a = RandomBig(&random, static_cast<int>(random.Below(8)));
    const BigInt b = RandomBig(&random, static_cast<int>(1 + random.Below(5)));
    if (b.is_zero()) continue;
    BigInt quotient, remainder;
    BigInt::Divide(a, b, &quotient, &remainder);
    EXPECT_TRUE(Equal(quotient * b + remainder, a));
    EXPECT_TRUE(remainder.is_zero() || remainder.negative() == a.negative());
    const BigInt size = remainder.negative() ? -remainder : remainder;
    EXPECT_LT(size.Compare(b.negative() ? -b : b), 0);
    BigInt::Divide(a * b, b, &quotient, &remainder);
    EXPECT_TRUE(Equal(quotient, a) && remainder.is_zero());
  }
}

TEST(BigArithmetic, BitsObeyTheirLaws) {
  Random random(TestSeed());
  for (int i = 0; i < Steps(20000); ++i) {
    const BigInt a = RandomBig(&random, static_cast<int>(random.Below(6)));
    const BigInt b = RandomBig(&random, static_cast<int>(random.Below(6)));
    const uint64_t shift = random.Below(300);
    EXPECT_TRUE(Equal((a & b) + (a | b), a + b));
    EXPECT_TRUE(Equal((a | b) - (a & b), a ^ b));
    EXPECT_TRUE(Equal(~(~a & ~b), a | b));
    EXPECT_TRUE(Equal(a.ShiftLeft(shift).ShiftRight(shift), a));
    const BigInt cut = a.ShiftRight(shift).ShiftLeft(shift);  // rounds down
    EXPECT_LE(cut.Compare(a), 0);
    EXPECT_GT((cut + BigInt(1).ShiftLeft(shift)).Compare(a), 0);
  }
}

TEST(BigArithmetic, FloatsWithoutTheirFractions) {
  for (const double f : {0.0, 0.5, 0.999, 1.0, 1.5, 3.99, 4503599627370497.5, 9007199254740993.0, 1e22, 1e300,
                         1.7976931348623157e308, 5e-324}) {
    EXPECT_EQ(BigInt::FromDouble(f).ToDouble(), std::trunc(f));
    EXPECT_EQ(BigInt::FromDouble(-f).ToDouble(), -std::trunc(f));
  }
}

}  // namespace
}  // namespace partita::testing
