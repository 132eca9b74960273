// A conjunction of comparisons of a field with a constant, run over column chunks: the part of a match specification
// that is answered by kernels over arrays, each narrowing one bitmap per chunk.
//
// Comparisons follow the term order (SPEC 1): numbers compare numerically, values of different ranks by rank.

#ifndef PARTITA_MATCH_FILTER_H_
#define PARTITA_MATCH_FILTER_H_

#include <cstdint>
#include <vector>

#include "column/row_store.h"
#include "term/value.h"

namespace partita {

struct Comparison {
  enum class Op : uint8_t {
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kEqual,
    kNotEqual,
    kExactlyEqual,
    kExactlyNotEqual
  };

  uint32_t position = 0;
  Op op = Op::kEqual;
  Value constant;  // what it points to must outlive the filter
};

struct Filter {
  uint32_t arity = 0;                   // only rows of this many elements match; 0: any
  std::vector<Comparison> comparisons;  // all must hold; positions are below arity where that is given
};

// Clears the bits of those rows of the chunk that do not match, of kBitmapWords words.
void NarrowToFilter(const Chunk& chunk, const Filter& filter, uint64_t* bits);

}  // namespace partita

#endif  // PARTITA_MATCH_FILTER_H_
