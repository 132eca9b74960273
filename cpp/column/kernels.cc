#include "column/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace partita {
namespace {

// What is asked of a float. With a NaN among the operands the ordered comparisons of IEEE 754 are false, so each op of
// the term order is one of them or the negation of one: x > c is !(x <= c), which a NaN passes.
struct FloatTest {
  CompareOp op;  // kLess, kLessEqual or kEqual
  bool negate;
  double constant;
};

FloatTest TestFor(CompareOp op, double constant) {
  switch (op) {
    case CompareOp::kLess:
    case CompareOp::kLessEqual:
    case CompareOp::kEqual:
      return {op, false, constant};
    case CompareOp::kGreater:
      return {CompareOp::kLessEqual, true, constant};
    case CompareOp::kGreaterEqual:
      return {CompareOp::kLess, true, constant};
    case CompareOp::kNotEqual:
      return {CompareOp::kEqual, true, constant};
  }
  return {op, false, constant};
}

template <typename Keep>
inline void NarrowEach(uint32_t count, uint64_t* bits, Keep&& keep) {
  for (uint32_t base = 0; base < count; base += 64) {
    const uint64_t wanted = bits[base / 64];
    if (wanted == 0) continue;
    const uint32_t n = std::min<uint32_t>(64, count - base);
    uint64_t kept = 0;
    for (uint32_t i = 0; i < n; ++i) kept |= static_cast<uint64_t>(keep(base + i)) << i;
    bits[base / 64] = wanted & kept;
  }
}

template <typename T, typename Narrow>
void NarrowPortable(const T* values, uint32_t count, CompareOp op, T c, uint64_t* bits, Narrow&& narrow) {
  switch (op) {
    case CompareOp::kLess:
      return narrow(count, bits, [=](uint32_t i) { return values[i] < c; });
    case CompareOp::kLessEqual:
      return narrow(count, bits, [=](uint32_t i) { return values[i] <= c; });
    case CompareOp::kGreater:
      return narrow(count, bits, [=](uint32_t i) { return values[i] > c; });
    case CompareOp::kGreaterEqual:
      return narrow(count, bits, [=](uint32_t i) { return values[i] >= c; });
    case CompareOp::kEqual:
      return narrow(count, bits, [=](uint32_t i) { return values[i] == c; });
    case CompareOp::kNotEqual:
      return narrow(count, bits, [=](uint32_t i) { return values[i] != c; });
  }
}

// A constant that is a NaN leaves two questions: is it one, or not?
void NarrowByNan(const double* values, uint32_t count, CompareOp op, uint64_t* bits) {
  switch (op) {
    case CompareOp::kLess:
    case CompareOp::kNotEqual:
      return NarrowEach(count, bits, [=](uint32_t i) { return !std::isnan(values[i]); });
    case CompareOp::kEqual:
    case CompareOp::kGreaterEqual:
      return NarrowEach(count, bits, [=](uint32_t i) { return std::isnan(values[i]); });
    case CompareOp::kLessEqual:
      return;
    case CompareOp::kGreater:
      std::fill_n(bits, (count + 63) / 64, 0);
      return;
  }
}

#if defined(__x86_64__)

bool HasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
}

// Only > and == exist; the others are these with operands or the result turned round.
template <bool kEqual>
__attribute__((target("avx2"))) void NarrowIntsAvx2(const int64_t* values, uint32_t count, int64_t constant, bool swap,
                                                    bool negate, uint64_t* bits) {
  const __m256i c = _mm256_set1_epi64x(constant);
  const uint64_t flip = negate ? ~uint64_t{0} : 0;
  for (uint32_t base = 0; base < count; base += 64) {
    const uint64_t wanted = bits[base / 64];
    if (wanted == 0) continue;
    uint64_t kept = 0;
    for (uint32_t i = 0; i < 64; i += 4) {
      const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + base + i));
      const __m256i m = kEqual ? _mm256_cmpeq_epi64(v, c) : swap ? _mm256_cmpgt_epi64(c, v) : _mm256_cmpgt_epi64(v, c);
      kept |= static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(m)))) << i;
    }
    bits[base / 64] = wanted & (kept ^ flip);
  }
}

template <int kPredicate>
__attribute__((target("avx2"))) void NarrowFloatsAvx2(const double* values, uint32_t count, double constant,
                                                      bool negate, uint64_t* bits) {
  const __m256d c = _mm256_set1_pd(constant);
  const uint64_t flip = negate ? ~uint64_t{0} : 0;
  for (uint32_t base = 0; base < count; base += 64) {
    const uint64_t wanted = bits[base / 64];
    if (wanted == 0) continue;
    uint64_t kept = 0;
    for (uint32_t i = 0; i < 64; i += 4) {
      const __m256d m = _mm256_cmp_pd(_mm256_loadu_pd(values + base + i), c, kPredicate);
      kept |= static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_pd(m))) << i;
    }
    bits[base / 64] = wanted & (kept ^ flip);
  }
}

#endif

}  // namespace

void TEST_NarrowIntsPortable(const int64_t* values, uint32_t count, CompareOp op, int64_t constant, uint64_t* bits) {
  NarrowPortable(values, count, op, constant, bits, [](uint32_t n, uint64_t* b, auto keep) { NarrowEach(n, b, keep); });
}

void TEST_NarrowFloatsPortable(const double* values, uint32_t count, CompareOp op, double constant, uint64_t* bits) {
  if (std::isnan(constant)) return NarrowByNan(values, count, op, bits);
  const FloatTest test = TestFor(op, constant);
  NarrowPortable(values, count, test.op, test.constant, bits, [&test](uint32_t n, uint64_t* b, auto keep) {
    NarrowEach(n, b, [&](uint32_t i) { return keep(i) != test.negate; });
  });
}

void NarrowInts(const int64_t* values, uint32_t count, CompareOp op, int64_t constant, uint64_t* bits) {
#if defined(__x86_64__)
  if (HasAvx2() && count % 64 == 0) {
    switch (op) {
      case CompareOp::kLess:
        return NarrowIntsAvx2<false>(values, count, constant, /*swap=*/true, /*negate=*/false, bits);
      case CompareOp::kLessEqual:
        return NarrowIntsAvx2<false>(values, count, constant, /*swap=*/false, /*negate=*/true, bits);
      case CompareOp::kGreater:
        return NarrowIntsAvx2<false>(values, count, constant, /*swap=*/false, /*negate=*/false, bits);
      case CompareOp::kGreaterEqual:
        return NarrowIntsAvx2<false>(values, count, constant, /*swap=*/true, /*negate=*/true, bits);
      case CompareOp::kEqual:
        return NarrowIntsAvx2<true>(values, count, constant, /*swap=*/false, /*negate=*/false, bits);
      case CompareOp::kNotEqual:
        return NarrowIntsAvx2<true>(values, count, constant, /*swap=*/false, /*negate=*/true, bits);
    }
  }
#endif
  TEST_NarrowIntsPortable(values, count, op, constant, bits);
}

void NarrowFloats(const double* values, uint32_t count, CompareOp op, double constant, uint64_t* bits) {
  if (std::isnan(constant)) return NarrowByNan(values, count, op, bits);
#if defined(__x86_64__)
  if (HasAvx2() && count % 64 == 0) {
    const FloatTest test = TestFor(op, constant);
    switch (test.op) {
      case CompareOp::kLess:
        return NarrowFloatsAvx2<_CMP_LT_OQ>(values, count, test.constant, test.negate, bits);
      case CompareOp::kLessEqual:
        return NarrowFloatsAvx2<_CMP_LE_OQ>(values, count, test.constant, test.negate, bits);
      default:
        return NarrowFloatsAvx2<_CMP_EQ_OQ>(values, count, test.constant, test.negate, bits);
    }
  }
#endif
  TEST_NarrowFloatsPortable(values, count, op, constant, bits);
}

}  // namespace partita
