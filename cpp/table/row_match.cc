#include "table/row_match.h"

#include <algorithm>

namespace partita {

bool RowIs(const Chunk& chunk, uint32_t place, absl::Span<const Value> row) {
  const uint32_t arity = RowArity(chunk, place);
  if (arity != row.size()) return false;
  // From the end: rows that are compared have the same key mostly, and that stands at the front mostly.
  if (ABSL_PREDICT_FALSE(arity > kMaxColumns)) {
    absl::InlinedVector<Value, 8> rest;
    ReadRest(chunk, place, arity - kMaxColumns, &rest);
    if (!std::equal(rest.begin(), rest.end(), row.begin() + kMaxColumns, ExactlyEqual)) return false;
  }
  for (uint32_t c = std::min(arity, kMaxColumns); c-- > 0;) {
    if (!ExactlyEqual(ReadColumn(chunk, c, place), row[c])) return false;
  }
  return true;
}

uint64_t HashRow(absl::Span<const Value> row, uint64_t seed) {
  uint64_t hash = row.size();
  for (const Value& v : row) hash = hash_internal::Mix(HashValue(v, seed), hash);
  return hash;
}

uint64_t HashRowAt(const Chunk& chunk, uint32_t place, uint64_t seed) {
  uint64_t hash = RowArity(chunk, place);
  ForEachElement(chunk, place, [&](const Value& v) { hash = hash_internal::Mix(HashValue(v, seed), hash); });
  return hash;
}

}  // namespace partita
