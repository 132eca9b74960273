// Rows that are read in the order of their keys lie far from each other, a cache miss for each of their elements. They
// are asked for some rows before they are read.

#ifndef PARTITA_TABLE_PREFETCH_ROWS_H_
#define PARTITA_TABLE_PREFETCH_ROWS_H_

#include <cstddef>

#include "absl/types/span.h"
#include "table/row_match.h"
#include "table/snapshot.h"

namespace partita {

inline constexpr size_t kRowsAhead = 8;

// Before places[i] is read, for i from 0 on.
inline void PrefetchAhead(absl::Span<const RowPlace> places, size_t i) {
  const size_t first = i == 0 ? 1 : i + kRowsAhead;
  for (size_t k = first; k <= i + kRowsAhead && k < places.size(); ++k) PrefetchRow(*places[k].chunk, places[k].place);
}

}  // namespace partita

#endif  // PARTITA_TABLE_PREFETCH_ROWS_H_
