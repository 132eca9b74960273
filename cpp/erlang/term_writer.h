// Values as Erlang's external term format, as every OTP since 17 reads it.
//
// Text becomes a binary of UTF-8, bytes become a binary, None, False and True the atoms nil, false and true. A list of
// ints below 256 is written as Erlang writes a string.

#ifndef PARTITA_ERLANG_TERM_WRITER_H_
#define PARTITA_ERLANG_TERM_WRITER_H_

#include <string>

#include "absl/types/span.h"
#include "term/value.h"

namespace partita::erlang {

// What cannot be written: a view of the innermost term that has no Erlang form, and a reason that its kind does not
// tell, or null.
struct NoForm {
  Value value;
  const char* reason = nullptr;
};

// Appends the version and the term to `out`. False: *why is set, and `out` is of no further use beyond its old size.
// Throws std::bad_alloc.
bool AppendTerm(const Value& v, std::string* out, NoForm* why);
// The same for a tuple of the values.
bool AppendRow(absl::Span<const Value> row, std::string* out, NoForm* why);
// `term` (with its version) in compressed form if that is shorter; else as it is. `level` from 1 to 9.
std::string CompressTerm(std::string term, int level);

}  // namespace partita::erlang

#endif  // PARTITA_ERLANG_TERM_WRITER_H_
