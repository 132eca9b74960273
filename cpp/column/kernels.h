// Comparisons of an array with a constant that narrow a bitmap of places: bit i stays set only if values[i] compares as
// asked.
//
// `words` 64-bit words of bits and as many times 64 values, but at most `count` values. Words without a bit set cost
// nothing. On x86-64 with AVX2, chosen at run time, four values are compared at once; portable code elsewhere.

#ifndef PARTITA_COLUMN_KERNELS_H_
#define PARTITA_COLUMN_KERNELS_H_

#include <cstdint>

namespace partita {

enum class CompareOp : uint8_t { kLess, kLessEqual, kGreater, kGreaterEqual, kEqual, kNotEqual };

void NarrowInts(const int64_t* values, uint32_t count, CompareOp op, int64_t constant, uint64_t* bits);
// In term order: a NaN equals every NaN and comes after every other number.
void NarrowFloats(const double* values, uint32_t count, CompareOp op, double constant, uint64_t* bits);

// The portable forms, for tests against the others.
void TEST_NarrowIntsPortable(const int64_t* values, uint32_t count, CompareOp op, int64_t constant, uint64_t* bits);
void TEST_NarrowFloatsPortable(const double* values, uint32_t count, CompareOp op, double constant, uint64_t* bits);

}  // namespace partita

#endif  // PARTITA_COLUMN_KERNELS_H_
