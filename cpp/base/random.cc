#include "base/random.h"

#include <sys/random.h>

namespace partita {

uint64_t RandomNumber() {
  uint64_t number = 0;
  // Only a signal, while the generator is not ready early in the boot, makes it give less.
  while (number == 0) {
    if (getrandom(&number, sizeof(number), 0) != static_cast<ssize_t>(sizeof(number))) number = 0;
  }
  return number;
}

}  // namespace partita
