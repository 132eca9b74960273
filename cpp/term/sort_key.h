// The first bytes of a term in a form that compares as the term does: what an ordered index keeps of its keys.
//
// Monotone under numeric order: a < b implies SortKey(a) <= SortKey(b) bytewise, and terms that are equal numerically
// have one sort key. It goes into tuples and lists, as deep as its room allows, and ends where it would tell terms
// apart wrongly: behind a number that no double holds, before the keys of a map and the elements of a set. Terms whose
// sort keys are equal must be compared themselves.

#ifndef PARTITA_TERM_SORT_KEY_H_
#define PARTITA_TERM_SORT_KEY_H_

#include <cstdint>
#include <cstring>

#include "term/value.h"

namespace partita {

class SortKey {
 public:
  static constexpr uint32_t kSize = 64;  // bytes; what a term does not need is zero
  using Prefix = uint64_t;
  static constexpr uint32_t kMaxOffset = kSize - sizeof(Prefix);

  explicit SortKey(const Value& v);

  const char* bytes() const { return bytes_; }
  // Their order, as memcmp.
  int Compare(const SortKey& other) const {
    for (uint32_t offset = 0; offset < kSize; offset += sizeof(Prefix)) {
      const Prefix a = PrefixAt(offset);
      const Prefix b = other.PrefixAt(offset);
      if (a != b) return a < b ? -1 : 1;
    }
    return 0;
  }
  // Eight bytes from `offset` <= kMaxOffset on, as a number that compares as they do.
  Prefix PrefixAt(uint32_t offset) const {
    Prefix prefix;
    std::memcpy(&prefix, bytes_ + offset, sizeof(prefix));
    return __builtin_bswap64(prefix);
  }

 private:
  char bytes_[kSize] = {};
};

}  // namespace partita

#endif  // PARTITA_TERM_SORT_KEY_H_
