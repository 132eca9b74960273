// Kernels chosen at run time against the portable ones, and those against the comparison of two values.

#include "column/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "term/value.h"
#include "testing/random.h"

namespace partita::testing {
namespace {

constexpr CompareOp kOps[] = {CompareOp::kLess,         CompareOp::kLessEqual, CompareOp::kGreater,
                              CompareOp::kGreaterEqual, CompareOp::kEqual,     CompareOp::kNotEqual};

bool Holds(CompareOp op, int order) {
  switch (op) {
    case CompareOp::kLess:
      return order < 0;
    case CompareOp::kLessEqual:
      return order <= 0;
    case CompareOp::kGreater:
      return order > 0;
    case CompareOp::kGreaterEqual:
      return order >= 0;
    case CompareOp::kEqual:
      return order == 0;
    case CompareOp::kNotEqual:
      return order != 0;
  }
  return false;
}

Value ValueOf(int64_t i) { return Value::Int(i); }
Value ValueOf(double f) { return Value::Float(f); }

template <typename T, typename Kernel>
void CheckKernel(const char* name, const std::vector<T>& values, CompareOp op, T constant,
                 const std::vector<uint64_t>& wanted, Kernel&& kernel) {
  std::vector<uint64_t> bits = wanted;
  kernel(values.data(), static_cast<uint32_t>(values.size()), op, constant, bits.data());
  for (uint32_t i = 0; i < values.size(); ++i) {
    const bool expected =
        (wanted[i / 64] >> (i % 64) & 1) != 0 && Holds(op, CompareNumeric(ValueOf(values[i]), ValueOf(constant)));
    ASSERT_EQ(bits[i / 64] >> (i % 64) & 1, expected)
        << name << " op " << static_cast<int>(op) << ": " << values[i] << " and " << constant << " at " << i;
  }
}

template <typename T, typename Chosen, typename Portable>
void CheckAll(const std::vector<T>& edges, Chosen&& chosen, Portable&& portable) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("PARTITA_SEED=" + std::to_string(seed));
  Random random(seed);
  // Capacities of chunks: the first ones are no multiple of 64.
  for (const size_t count : {8, 16, 32, 64, 128, 192, 1024}) {
    for (int round = 0; round < 20; ++round) {
      std::vector<T> values(count);
      for (T& v : values) v = random.PickFrom(edges);
      std::vector<uint64_t> wanted((count + 63) / 64);
      for (uint64_t& word : wanted) word = random.OneIn(4) ? 0 : random.OneIn(4) ? ~uint64_t{0} : random.Bits();
      if (count < 64) wanted[0] &= (uint64_t{1} << count) - 1;
      for (const CompareOp op : kOps) {
        const T constant = random.PickFrom(edges);
        ASSERT_NO_FATAL_FAILURE(CheckKernel("chosen", values, op, constant, wanted, chosen));
        ASSERT_NO_FATAL_FAILURE(CheckKernel("portable", values, op, constant, wanted, portable));
      }
    }
  }
}

TEST(KernelsTest, Ints) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  CheckAll<int64_t>({kMin, kMin + 1, -2, -1, 0, 1, 2, int64_t{1} << 32, kMax - 1, kMax}, NarrowInts,
                    TEST_NarrowIntsPortable);
}

TEST(KernelsTest, Floats) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  CheckAll<double>({-kInfinity, -1e300, -1.5, -1.0, -0.0, 0.0, 5e-324, 1.0, 1.5, 9007199254740993.0, 1e300, kInfinity,
                    std::nan(""), -std::nan("1")},
                   NarrowFloats, TEST_NarrowFloatsPortable);
}

}  // namespace
}  // namespace partita::testing
