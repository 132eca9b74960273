// Rows as they lie in a chunk, held against a key or a row that was given.

#ifndef PARTITA_TABLE_ROW_MATCH_H_
#define PARTITA_TABLE_ROW_MATCH_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/optimization.h"
#include "absl/types/span.h"
#include "base/prefetch.h"
#include "column/chunk.h"
#include "term/value.h"

namespace partita {

// Whether the live row at `place` has this key.
inline bool KeyIs(const Chunk& chunk, uint32_t place, const Value& key, uint32_t keypos) {
  if (ABSL_PREDICT_TRUE(keypos < chunk.column_count && keypos < kMaxColumns)) {
    const Column& column = chunk.columns[keypos];
    if (column.kind == ColumnKind::kInt && key.kind == Value::Kind::kInt) {
      return column.ints()[place] == key.i && HasValue(column, place);
    }
    return ExactlyEqual(ReadColumn(chunk, keypos, place), key);
  }
  return ExactlyEqual(ReadElement(chunk, keypos, place), key);
}

// Whether the live row at `place` is exactly equal to `row`.
bool RowIs(const Chunk& chunk, uint32_t place, absl::Span<const Value> row);

// Hash of the exact equality class of whole rows, the same for a row that is given and for one that is stored.
uint64_t HashRow(absl::Span<const Value> row, uint64_t seed);
uint64_t HashRowAt(const Chunk& chunk, uint32_t place, uint64_t seed);

inline void PrefetchElement(const Column& column, uint32_t place) {
  const uint32_t shift = column.kind == ColumnKind::kInt || column.kind == ColumnKind::kFloat ? 3 : 4;
  // As a number, since a column without values has no array.
  const uintptr_t address = reinterpret_cast<uintptr_t>(column.data) + (size_t{place} << shift);
  Prefetch(reinterpret_cast<const void*>(address));  // NOLINT(performance-no-int-to-ptr): nothing is read
}

// Columns of one row are far apart: asks for all of them before the first one is waited for.
inline void PrefetchRow(const Chunk& chunk, uint32_t place) {
  const uint32_t columns = chunk.column_count < 16 ? chunk.column_count : 16;
  for (uint32_t c = 0; c < columns; ++c) PrefetchElement(chunk.columns[c], place);
}

}  // namespace partita

#endif  // PARTITA_TABLE_ROW_MATCH_H_
