// From what a program says of keys to the part of an ordered_set that it has to look at.

#ifndef PARTITA_MATCH_KEY_SPAN_H_
#define PARTITA_MATCH_KEY_SPAN_H_

#include <optional>

#include "match/program.h"
#include "table/owned_key.h"

namespace partita {

// A span that holds every key that can match, in any clause; none: all keys can. Throws std::bad_alloc.
std::optional<KeySpan> SpanOfKeys(const Program& program);

}  // namespace partita

#endif  // PARTITA_MATCH_KEY_SPAN_H_
