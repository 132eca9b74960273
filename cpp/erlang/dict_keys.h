// Which of Erlang's keys Python takes for one.

#ifndef PARTITA_ERLANG_DICT_KEYS_H_
#define PARTITA_ERLANG_DICT_KEYS_H_

#include <cstdint>

namespace partita::erlang {

// Whether two keys of `count` pairs of terms in wire form, from `p` on, are one key of a dict: numbers of the same
// value, where false is 0 and true is 1, also inside tuples. Throws std::bad_alloc.
bool KeysMeetInDict(const char* p, uint32_t count);

}  // namespace partita::erlang

#endif  // PARTITA_ERLANG_DICT_KEYS_H_
