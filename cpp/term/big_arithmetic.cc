// BigInt beyond sums: products, quotients, shifts and bits. Textbook methods, whose cost is bounded by whoever calls.

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "term/number.h"

namespace partita {

namespace {

template <typename Limbs>
void DropLeadingZeros(Limbs* limbs) {
  while (!limbs->empty() && limbs->back() == 0) limbs->pop_back();
}

}  // namespace

uint64_t BigInt::bit_length() const {
  if (limbs_.empty()) return 0;
  return uint64_t{64} * (limbs_.size() - 1) + static_cast<uint64_t>(std::bit_width(limbs_.back()));
}

BigInt BigInt::operator*(const BigInt& other) const {
  BigInt out;
  if (is_zero() || other.is_zero()) return out;
  out.negative_ = negative_ != other.negative_;
  out.limbs_.resize(limbs_.size() + other.limbs_.size(), 0);
  for (size_t i = 0; i < limbs_.size(); ++i) {
    unsigned __int128 carry = 0;
    for (size_t j = 0; j < other.limbs_.size(); ++j) {
      carry += static_cast<unsigned __int128>(limbs_[i]) * other.limbs_[j] + out.limbs_[i + j];
      out.limbs_[i + j] = static_cast<uint64_t>(carry);
      carry >>= 64;
    }
    out.limbs_[i + other.limbs_.size()] = static_cast<uint64_t>(carry);
  }
  DropLeadingZeros(&out.limbs_);
  return out;
}

// Knuth's algorithm D with digits of 64 bits.
void BigInt::DivideMagnitude(const Limbs& dividend, const Limbs& divisor, Limbs* quotient, Limbs* remainder) {
  using Wide = unsigned __int128;
  if (CompareMagnitude(dividend, divisor) < 0) {
    quotient->clear();
    *remainder = dividend;
    return;
  }
  const size_t n = divisor.size();
  const size_t m = dividend.size() - n;
  quotient->assign(m + 1, 0);
  if (n == 1) {
    Wide rest = 0;
    for (size_t i = dividend.size(); i > 0; --i) {
      rest = rest << 64 | dividend[i - 1];
      (*quotient)[i - 1] = static_cast<uint64_t>(rest / divisor[0]);
      rest %= divisor[0];
    }
    remainder->assign(1, static_cast<uint64_t>(rest));
    DropLeadingZeros(quotient);
    DropLeadingZeros(remainder);
    return;
  }
  // Shifted so that the divisor's top bit is set: then a digit of the quotient is guessed from the top digits, at most
  // two too large.
  const int shift = std::countl_zero(divisor.back());
  const auto shifted = [shift](const Limbs& limbs, size_t size) {
    Limbs out(size, 0);
    for (size_t i = 0; i < limbs.size(); ++i) {
      out[i] |= limbs[i] << shift;
      if (shift != 0 && i + 1 < size) out[i + 1] = limbs[i] >> (64 - shift);
    }
    return out;
  };
  const Limbs v = shifted(divisor, n);
  Limbs u = shifted(dividend, dividend.size() + 1);
  for (size_t j = m + 1; j-- > 0;) {
    const Wide top = static_cast<Wide>(u[j + n]) << 64 | u[j + n - 1];
    Wide guess = u[j + n] >= v[n - 1] ? ~uint64_t{0} : top / v[n - 1];
    Wide rest = top - guess * v[n - 1];
    while ((rest >> 64) == 0 && guess * v[n - 2] > (rest << 64 | u[j + n - 2])) {
      --guess;
      rest += v[n - 1];
    }
    uint64_t borrow = 0;
    Wide carry = 0;
    for (size_t i = 0; i < n; ++i) {
      carry += guess * v[i];
      const uint64_t low = static_cast<uint64_t>(carry);
      carry >>= 64;
      const Wide difference = static_cast<Wide>(u[i + j]) - low - borrow;
      u[i + j] = static_cast<uint64_t>(difference);
      borrow = (difference >> 64) != 0;
    }
    const Wide difference = static_cast<Wide>(u[j + n]) - static_cast<uint64_t>(carry) - borrow;
    u[j + n] = static_cast<uint64_t>(difference);
    if ((difference >> 64) != 0) {  // one too large after all
      --guess;
      Wide sum = 0;
      for (size_t i = 0; i < n; ++i) {
        sum += static_cast<Wide>(u[i + j]) + v[i];
        u[i + j] = static_cast<uint64_t>(sum);
        sum >>= 64;
      }
      u[j + n] += static_cast<uint64_t>(sum);
    }
    (*quotient)[j] = static_cast<uint64_t>(guess);
  }
  remainder->assign(n, 0);
  for (size_t i = 0; i < n; ++i) {
    (*remainder)[i] = u[i] >> shift;
    if (shift != 0) (*remainder)[i] |= u[i + 1] << (64 - shift);
  }
  DropLeadingZeros(quotient);
  DropLeadingZeros(remainder);
}

void BigInt::Divide(const BigInt& dividend, const BigInt& divisor, BigInt* quotient, BigInt* remainder) {
  Limbs quotient_limbs, remainder_limbs;
  DivideMagnitude(dividend.limbs_, divisor.limbs_, &quotient_limbs, &remainder_limbs);
  quotient->negative_ = dividend.negative_ != divisor.negative_ && !quotient_limbs.empty();
  quotient->limbs_ = std::move(quotient_limbs);
  remainder->negative_ = dividend.negative_ && !remainder_limbs.empty();
  remainder->limbs_ = std::move(remainder_limbs);
}

BigInt BigInt::ShiftLeft(uint64_t bits) const {
  BigInt out;
  if (is_zero()) return out;
  const size_t limbs = bits / 64;
  const unsigned skew = bits % 64;
  out.negative_ = negative_;
  out.limbs_.resize(limbs_.size() + limbs + 1, 0);
  for (size_t i = 0; i < limbs_.size(); ++i) {
    out.limbs_[limbs + i] |= limbs_[i] << skew;
    if (skew != 0) out.limbs_[limbs + i + 1] = limbs_[i] >> (64 - skew);
  }
  DropLeadingZeros(&out.limbs_);
  return out;
}

BigInt BigInt::ShiftRight(uint64_t bits) const {
  BigInt out = negative_ ? ~*this : *this;
  Limbs& limbs = out.limbs_;
  const size_t gone = std::min<uint64_t>(bits / 64, limbs.size());
  const unsigned skew = bits % 64;
  limbs.erase(limbs.begin(), limbs.begin() + static_cast<ptrdiff_t>(gone));
  for (size_t i = 0; i < limbs.size() && skew != 0; ++i) {
    limbs[i] >>= skew;
    if (i + 1 < limbs.size()) limbs[i] |= limbs[i + 1] << (64 - skew);
  }
  DropLeadingZeros(&limbs);
  return negative_ ? ~out : out;
}

BigInt::Limbs BigInt::TwosComplement(size_t size) const {
  Limbs out(limbs_);
  out.resize(size, 0);
  if (!negative_) return out;
  bool carry = true;
  for (uint64_t& limb : out) {
    limb = ~limb + (carry ? 1 : 0);
    carry = carry && limb == 0;
  }
  return out;
}

BigInt BigInt::FromTwosComplement(Limbs limbs) {
  BigInt out;
  out.negative_ = !limbs.empty() && (limbs.back() >> 63) != 0;
  out.limbs_ = std::move(limbs);
  if (out.negative_) out.limbs_ = out.TwosComplement(out.limbs_.size());
  DropLeadingZeros(&out.limbs_);
  return out;
}

template <typename Combine>
BigInt BigInt::Bitwise(const BigInt& a, const BigInt& b, Combine combine) {
  const size_t size = std::max(a.limbs_.size(), b.limbs_.size()) + 1;  // one more for the sign
  Limbs x = a.TwosComplement(size);
  const Limbs y = b.TwosComplement(size);
  for (size_t i = 0; i < size; ++i) x[i] = combine(x[i], y[i]);
  return FromTwosComplement(std::move(x));
}

BigInt BigInt::operator&(const BigInt& other) const {
  return Bitwise(*this, other, [](uint64_t a, uint64_t b) { return a & b; });
}
BigInt BigInt::operator|(const BigInt& other) const {
  return Bitwise(*this, other, [](uint64_t a, uint64_t b) { return a | b; });
}
BigInt BigInt::operator^(const BigInt& other) const {
  return Bitwise(*this, other, [](uint64_t a, uint64_t b) { return a ^ b; });
}
BigInt BigInt::operator~() const { return -*this - BigInt(1); }

BigInt BigInt::FromDouble(double f) {
  int exponent;
  const double fraction = std::frexp(std::trunc(f), &exponent);  // of 53 bits
  const BigInt mantissa(static_cast<int64_t>(std::ldexp(fraction, 53)));
  if (exponent >= 53) return mantissa.ShiftLeft(static_cast<uint64_t>(exponent - 53));
  // Nothing is lost: what is shifted out are zeros.
  const BigInt whole = (mantissa.negative_ ? -mantissa : mantissa).ShiftRight(static_cast<uint64_t>(53 - exponent));
  return mantissa.negative_ ? -whole : whole;
}

}  // namespace partita
