// Numbers nobody can guess, for the seeds of hashes and for what tells files apart.

#ifndef PARTITA_BASE_RANDOM_H_
#define PARTITA_BASE_RANDOM_H_

#include <cstdint>

namespace partita {

// From the kernel's generator. Never 0, so that 0 can stand for none.
uint64_t RandomNumber();

}  // namespace partita

#endif  // PARTITA_BASE_RANDOM_H_
