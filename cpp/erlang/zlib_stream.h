// zlib's compressed form, as compressed terms carry it. Throws std::bad_alloc.

#ifndef PARTITA_ERLANG_ZLIB_STREAM_H_
#define PARTITA_ERLANG_ZLIB_STREAM_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace partita::erlang {

// No stream of zlib's grows by more when it is inflated, so a size beyond that is not believed.
inline constexpr size_t kMaxInflation = 1040;

// Replaces *out by what `compressed` holds, which must be exactly `size` bytes and all of the stream. Memory grows as
// bytes come out, not as `size` says. Null, or why not.
const char* Inflate(absl::string_view compressed, size_t size, std::string* out);

// Replaces *out by the compressed form of `bytes`; `level` from 1, fast, to 9, small.
void Deflate(absl::string_view bytes, int level, std::string* out);

}  // namespace partita::erlang

#endif  // PARTITA_ERLANG_ZLIB_STREAM_H_
