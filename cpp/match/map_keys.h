// Whether Python can hold a map's keys in one dict, which asks its own hash and its own `==` of them: other questions
// than the order of terms answers, for which True and 1 differ, and Decimal(1) and 1.

#ifndef PARTITA_MATCH_MAP_KEYS_H_
#define PARTITA_MATCH_MAP_KEYS_H_

#include "absl/types/span.h"
#include "term/value.h"

namespace partita {

// False: a key has no hash, or two are one to Python. Doubts go to the same side: a pickled object may have no hash, a
// Decimal may be the number it is very near to. Throws std::bad_alloc.
bool CanBeKeysOfDict(absl::Span<const Value> keys);

}  // namespace partita

#endif  // PARTITA_MATCH_MAP_KEYS_H_
