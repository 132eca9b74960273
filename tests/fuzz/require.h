// What a fuzzer finds broken without a sanitizer's help.

#ifndef PARTITA_TESTS_FUZZ_REQUIRE_H_
#define PARTITA_TESTS_FUZZ_REQUIRE_H_

#include <cstdio>
#include <cstdlib>

namespace partita {

inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace partita

#endif  // PARTITA_TESTS_FUZZ_REQUIRE_H_
