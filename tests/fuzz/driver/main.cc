// Runs one fuzzer for some seconds without libFuzzer, on any compiler: first its corpus as it is, then changed at
// random. It learns nothing from what it meets, as libFuzzer does, but it runs with all other tests (`make fuzz` is for
// hours).
//
//   fuzz_NAME SECONDS CORPUS_FOLDER        a run; PARTITA_SEED gives another one
//   fuzz_NAME FILE                         one input again
//
// An input that breaks something is left in the file `broken-fuzz_NAME`. Broken is also what takes far more memory at a
// time than the input is long.

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <vector>

#include "require.h"
#include "testing/random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::atomic<size_t> live_bytes{0};
std::atomic<size_t> most_bytes{0};

void* Count(void* p) {
  if (p == nullptr) throw std::bad_alloc();
  const size_t live = live_bytes.fetch_add(malloc_usable_size(p)) + malloc_usable_size(p);
  if (live > most_bytes.load()) most_bytes.store(live);
  return p;
}

void Forget(void* p) {
  live_bytes.fetch_sub(malloc_usable_size(p));
  std::free(p);
}

}  // namespace

void* operator new(size_t size) { return Count(std::malloc(size)); }
void* operator new(size_t size, std::align_val_t alignment) {
  const size_t unit = static_cast<size_t>(alignment);
  return Count(std::aligned_alloc(unit, (size + unit - 1) / unit * unit));
}
void operator delete(void* p) noexcept { Forget(p); }
void operator delete(void* p, size_t) noexcept { Forget(p); }
void operator delete(void* p, std::align_val_t) noexcept { Forget(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { Forget(p); }

namespace {

using partita::testing::Random;

constexpr size_t kMostInput = size_t{64} << 10;
// A block of rows may be 16 MiB large whatever it was compressed to, and each fuzzer has several tables at a time.
constexpr size_t kMostMemory = size_t{128} << 20;
constexpr size_t kMostMemoryPerByte = 64;

std::string input;  // that is being tried
std::string broken_name;

// Nothing is guaranteed here any more, but it mostly works, and the program ends anyway.
void KeepInput(int signal) {
  if (std::FILE* file = std::fopen(broken_name.c_str(), "wb"); file != nullptr) {
    std::fwrite(input.data(), 1, input.size(), file);
    std::fclose(file);
    std::fprintf(stderr, "the input is in %s\n", broken_name.c_str());
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void Try() {
  const size_t before = live_bytes.load();
  most_bytes.store(before);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  partita::Require(most_bytes.load() - before <= kMostMemory + kMostMemoryPerByte * input.size(),
                   "far more memory was taken than the input is long");
}

std::string Content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// A number as lengths, counts and tags are wrong: small, all ones, or near to one that was there.
uint64_t WrongNumber(Random* random, uint64_t old) {
  switch (random->Below(4)) {
    case 0:
      return random->Below(16);
    case 1:
      return ~uint64_t{0} >> random->Below(64);
    case 2:
      return old + static_cast<uint64_t>(random->Between(-8, 8));
    default:
      return random->Bits();
  }
}

void ChangeOnce(Random* random, const std::vector<std::string>& corpus, std::string* bytes) {
  const size_t at = bytes->empty() ? 0 : random->Below(bytes->size());
  const size_t rest = bytes->size() - at;
  const size_t count = std::min<size_t>(rest, 1 + random->Below(random->OneIn(4) ? 256 : 8));
  switch (random->Below(7)) {
    case 0:
      if (rest > 0) (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << random->Below(8)));
      break;
    case 1:
      for (size_t i = 0; i < count; ++i) (*bytes)[at + i] = static_cast<char>(random->Bits());
      break;
    case 2: {
      const size_t width = std::min<size_t>(rest, size_t{1} << random->Below(4));
      uint64_t number = 0;
      std::copy_n(bytes->data() + at, width, reinterpret_cast<char*>(&number));
      number = WrongNumber(random, number);
      std::copy_n(reinterpret_cast<const char*>(&number), width, bytes->data() + at);
      break;
    }
    case 3:
      bytes->erase(at, count);
      break;
    case 4:
      bytes->insert(at, bytes->substr(at, count));
      break;
    case 5: {
      const std::string& other = corpus[random->Below(corpus.size())];
      if (other.empty()) break;
      const size_t from = random->Below(other.size());
      bytes->insert(at, other.substr(from, 1 + random->Below(64)));
      break;
    }
    default:
      for (size_t i = random->Below(16); i > 0; --i) bytes->insert(at, 1, static_cast<char>(random->Bits()));
  }
  if (bytes->size() > kMostInput) bytes->resize(kMostInput);
}

int Run(double seconds, const std::string& folder) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  std::vector<std::string> corpus;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const std::filesystem::path& path : paths) {
    input = Content(path);
    Try();
    corpus.push_back(input);
  }
  partita::Require(!corpus.empty(), "the corpus is empty");
  Random random(partita::testing::TestSeed());
  uint64_t tries = 0;
  for (; Clock::now() < end; ++tries) {
    input = corpus[random.Below(corpus.size())];
    for (uint64_t changes = 1 + random.Below(8); changes > 0; --changes) ChangeOnce(&random, corpus, &input);
    Try();
  }
  std::printf("%zu inputs of the corpus, %llu changed ones\n", corpus.size(), static_cast<unsigned long long>(tries));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  broken_name = "broken-" + std::filesystem::path(argv[0]).filename().string();
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, &KeepInput);
  if (argc == 3) return Run(std::atof(argv[1]), argv[2]);
  if (argc != 2) return 2;
  input = Content(argv[1]);
  Try();
  return 0;
}
