// Random terms that reach the corners of storage: every kind of column, lengths at which a value moves to the heap or
// gets an extent of its own, numbers at the limits of their types, values that are equal but not the same.

#ifndef PARTITA_TESTING_RANDOM_TERMS_H_
#define PARTITA_TESTING_RANDOM_TERMS_H_

#include "testing/random.h"
#include "testing/term.h"

namespace partita::testing {

// A string of exactly `size` bytes, ASCII or with bytes beyond (where it is long enough for some).
Term RandomStr(Random* random, size_t size, bool ascii);
// A length at or next to a limit of storage; seldom a large one.
size_t RandomSize(Random* random);
Term RandomNumber(Random* random);
Term RandomTerm(Random* random);
// From few, so that keys meet; of every kind that a key can have. Number i of the pool is always the same key.
Term PoolKey(uint64_t i);
// With `key` at `keypos`; of a random number of elements, mostly a few, seldom more than columns hold.
Row RandomRow(Random* random, const Term& key, uint32_t keypos);

}  // namespace partita::testing

#endif  // PARTITA_TESTING_RANDOM_TERMS_H_
