// Random numbers for tests, from a seed that is told so that a failure can be repeated: PARTITA_SEED=<seed> <program>.

#ifndef PARTITA_TESTING_RANDOM_H_
#define PARTITA_TESTING_RANDOM_H_

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <random>

namespace partita::testing {

// What PARTITA_SEED says, else 1: tests that are run alike fail alike.
inline uint64_t TestSeed() {
  const char* seed = std::getenv("PARTITA_SEED");
  return seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10);
}

// How many steps of a random test there are: a part of `steps` under a sanitizer, which takes as much longer.
inline int Steps(int steps) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return steps / 8;
#else
  return steps;
#endif
}

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t Bits() { return engine_(); }
  // From 0 to n - 1.
  uint64_t Below(uint64_t n) { return engine_() % n; }
  int64_t Between(int64_t first, int64_t last) {
    return first + static_cast<int64_t>(Below(static_cast<uint64_t>(last - first) + 1));
  }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  template <typename T>
  T Pick(std::initializer_list<T> of) {
    return of.begin()[Below(of.size())];
  }
  template <typename Container>
  auto& PickFrom(Container& of) {
    return of[Below(of.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace partita::testing

#endif  // PARTITA_TESTING_RANDOM_H_
