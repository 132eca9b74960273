#include "match/filter.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/numeric/bits.h"
#include "column/chunk.h"
#include "column/kernels.h"

namespace partita {
namespace {

using Op = Comparison::Op;

struct Bitmap {
  uint64_t words[kBitmapWords];
};

bool Holds(Op op, int order) {
  switch (op) {
    case Op::kLess:
      return order < 0;
    case Op::kLessEqual:
      return order <= 0;
    case Op::kGreater:
      return order > 0;
    case Op::kGreaterEqual:
      return order >= 0;
    case Op::kEqual:
    case Op::kExactlyEqual:
      return order == 0;
    case Op::kNotEqual:
    case Op::kExactlyNotEqual:
      return order != 0;
  }
  return false;
}

bool Compare(const Value& v, const Comparison& c) {
  if (c.op == Op::kExactlyEqual) return ExactlyEqual(v, c.constant);
  if (c.op == Op::kExactlyNotEqual) return !ExactlyEqual(v, c.constant);
  return Holds(c.op, CompareNumeric(v, c.constant));
}

CompareOp KernelOp(Op op) {
  switch (op) {
    case Op::kLess:
      return CompareOp::kLess;
    case Op::kLessEqual:
      return CompareOp::kLessEqual;
    case Op::kGreater:
      return CompareOp::kGreater;
    case Op::kGreaterEqual:
      return CompareOp::kGreaterEqual;
    case Op::kEqual:
    case Op::kExactlyEqual:
      return CompareOp::kEqual;
    case Op::kNotEqual:
    case Op::kExactlyNotEqual:
      break;
  }
  return CompareOp::kNotEqual;
}

bool IsExact(Op op) { return op == Op::kExactlyEqual || op == Op::kExactlyNotEqual; }

void SetAll(bool keep, Bitmap* bits) {
  if (!keep) std::memset(bits->words, 0, sizeof(bits->words));
}

// An int x compared with a float: the same as with an int, or true or false for every x.
void NarrowIntsByFloat(const Column& column, uint32_t capacity, Op op, double f, Bitmap* bits) {
  constexpr double kTwo63 = 9223372036854775808.0;
  if (std::isnan(f) || f >= kTwo63) return SetAll(Holds(op, -1), bits);
  if (f < -kTwo63) return SetAll(Holds(op, 1), bits);
  const double below = std::floor(f);
  const int64_t floor = static_cast<int64_t>(below);
  if (below == f) return NarrowInts(column.ints(), capacity, KernelOp(op), floor, bits->words);
  // floor < f < floor + 1: x is less than f if it is at most floor, greater otherwise, and never equal.
  switch (op) {
    case Op::kLess:
    case Op::kLessEqual:
      return NarrowInts(column.ints(), capacity, CompareOp::kLessEqual, floor, bits->words);
    case Op::kGreater:
    case Op::kGreaterEqual:
      return NarrowInts(column.ints(), capacity, CompareOp::kGreater, floor, bits->words);
    default:
      return SetAll(Holds(op, 1), bits);
  }
}

template <typename Keep>
void NarrowByPlace(Bitmap* bits, Keep&& keep) {
  for (uint32_t w = 0; w < kBitmapWords; ++w) {
    for (uint64_t left = bits->words[w]; left != 0; left &= left - 1) {
      const uint32_t bit = static_cast<uint32_t>(absl::countr_zero(left));
      if (!keep(w * 64 + bit)) bits->words[w] &= ~(uint64_t{1} << bit);
    }
  }
}

void NarrowStrs(const Chunk& chunk, const Column& column, const Comparison& c, Bitmap* bits) {
  const absl::string_view constant = c.constant.bytes();
  const StrRef* strs = column.strs();
  if (KernelOp(c.op) == CompareOp::kEqual || KernelOp(c.op) == CompareOp::kNotEqual) {
    const bool wanted = KernelOp(c.op) == CompareOp::kEqual;
    char prefix[4] = {};
    std::memcpy(prefix, constant.data(), std::min<size_t>(constant.size(), 4));
    NarrowByPlace(bits, [&](uint32_t place) {
      const StrRef& s = strs[place];
      const bool equal = s.size == constant.size() && std::memcmp(s.prefix, prefix, 4) == 0 &&
                         ReadStr(chunk, column, place).bytes() == constant;
      return equal == wanted;
    });
    return;
  }
  NarrowByPlace(bits,
                [&](uint32_t place) { return Holds(c.op, ReadStr(chunk, column, place).bytes().compare(constant)); });
}

// Narrows `bits`, places that hold a value in the column.
void NarrowValues(const Chunk& chunk, const Column& column, const Comparison& c, Bitmap* bits) {
  const Value& k = c.constant;
  switch (column.kind) {
    case ColumnKind::kInt:
      if (k.kind == Value::Kind::kInt)
        return NarrowInts(column.ints(), chunk.capacity, KernelOp(c.op), k.i, bits->words);
      if (k.kind == Value::Kind::kFloat && !IsExact(c.op)) {
        return NarrowIntsByFloat(column, chunk.capacity, c.op, k.f, bits);
      }
      // Every int compares alike with what is no number, and with an int beyond 64 bits.
      return SetAll(Compare(Value::Int(0), c), bits);
    case ColumnKind::kFloat:
      if (k.kind == Value::Kind::kFloat) {
        return NarrowFloats(column.floats(), chunk.capacity, KernelOp(c.op), k.f, bits->words);
      }
      return NarrowByPlace(bits, [&](uint32_t place) { return Compare(Value::Float(column.floats()[place]), c); });
    case ColumnKind::kStr:
      if (k.kind == Value::Kind::kStr) return NarrowStrs(chunk, column, c, bits);
      return SetAll(Compare(Value::Str("", 0, true), c), bits);
    case ColumnKind::kCell:
      return NarrowByPlace(bits, [&](uint32_t place) { return Compare(ReadCell(chunk, column.cells()[place]), c); });
    case ColumnKind::kEmpty:
      return;
  }
}

void NarrowByArity(const Chunk& chunk, uint32_t arity, Bitmap* bits) {
  if (chunk.arity != kMixedArity) return SetAll(chunk.arity == arity, bits);
  NarrowByPlace(bits, [&](uint32_t place) { return chunk.arities[place] == arity; });
}

void Narrow(const Chunk& chunk, const Comparison& c, Bitmap* bits) {
  // Rows too short have no such element, and nothing holds of it.
  if (chunk.arity != kMixedArity) {
    if (c.position >= chunk.arity) return SetAll(false, bits);
  } else {
    NarrowByPlace(bits, [&](uint32_t place) { return c.position < chunk.arities[place]; });
  }
  if (c.position >= kMaxColumns) {
    return NarrowByPlace(bits, [&](uint32_t place) { return Compare(ReadElement(chunk, c.position, place), c); });
  }
  if (c.position >= chunk.column_count) return SetAll(false, bits);
  const Column& column = chunk.columns[c.position];
  if (column.kind == ColumnKind::kEmpty) return SetAll(Compare(Value::None(), c), bits);
  if (column.valid == nullptr) return NarrowValues(chunk, column, c, bits);
  const bool none_holds = Compare(Value::None(), c);
  const uint32_t words = (chunk.capacity + 63) / 64;
  Bitmap nones{};
  for (uint32_t w = 0; w < words; ++w) {
    if (none_holds) nones.words[w] = bits->words[w] & ~column.valid[w];
    bits->words[w] &= column.valid[w];
  }
  NarrowValues(chunk, column, c, bits);
  for (uint32_t w = 0; w < words; ++w) bits->words[w] |= nones.words[w];
}

}  // namespace

void NarrowToFilter(const Chunk& chunk, const Filter& filter, uint64_t* bits) {
  Bitmap narrowed;
  std::memcpy(narrowed.words, bits, sizeof(narrowed.words));
  if (filter.arity != 0) NarrowByArity(chunk, filter.arity, &narrowed);
  for (const Comparison& c : filter.comparisons) Narrow(chunk, c, &narrowed);
  std::memcpy(bits, narrowed.words, sizeof(narrowed.words));
}

}  // namespace partita
