// Checks that stop the program: for stress programs and test helpers, on any thread, in every build.

#ifndef PARTITA_TESTING_CHECK_H_
#define PARTITA_TESTING_CHECK_H_

#include <cstdio>
#include <cstdlib>

#define PARTITA_CHECK(condition)                                                         \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

#endif  // PARTITA_TESTING_CHECK_H_
