// Strings and the flag that says that all their bytes are below 0x80.

#ifndef PARTITA_TERM_ASCII_H_
#define PARTITA_TERM_ASCII_H_

#include <algorithm>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "term/value.h"

namespace partita {

inline bool IsAscii(absl::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0x80) != 0; });
}

inline bool AllAscii(const Value& v) { return (v.flags & Value::kAscii) != 0 || IsAscii(v.bytes()); }

// `v` with kAscii set if it holds, as the wire form wants it; columns do not keep the flag for every string.
inline Value WithAsciiFlag(Value v) {
  if (v.kind == Value::Kind::kStr && AllAscii(v)) v.flags |= Value::kAscii;
  return v;
}

}  // namespace partita

#endif  // PARTITA_TERM_ASCII_H_
