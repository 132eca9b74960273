// HashIndex against absl::flat_hash_set as what a partition looks its keys up in.
//
// All three hold {hash, slot} pairs of the same random keys, spread over 16 partitions, and prove a hit by reading the
// key in a column of the partition, as the engine does:
//   hash_index   the engine's
//   flat_split   absl::flat_hash_set in sub-tables of at most 4096, chosen by the first bits of the hash
//   flat_whole   one absl::flat_hash_set a partition
// Keys go in in one random order, and are found and erased in another. "insert worst" is the longest single insert of a
// run: what a growing table makes its partition wait.
//
//   bench_hash_index ENTRIES RUNS      prints operation, name, unit and the value of each run, separated by tabs

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "table/hash_index.h"

namespace {

constexpr uint32_t kPartitionBits = 4;
constexpr uint32_t kPartitions = 1u << kPartitionBits;
constexpr uint32_t kNotFound = partita::HashIndex::kNotFound;

using Column = std::vector<int64_t>;  // the keys of one partition, by slot

uint64_t HashOf(int64_t key) {
  uint64_t x = static_cast<uint64_t>(key) + 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

struct Entry {
  uint32_t hash;
  uint32_t slot;
};
struct Probe {
  uint32_t hash;
  int64_t key;
};
struct EntryHash {
  using is_transparent = void;
  // flat_hash_set wants all 64 bits well mixed, and an entry keeps 32.
  static size_t Spread(uint32_t hash) { return hash * uint64_t{0x9E3779B97F4A7C15} ^ (uint64_t{hash} >> 15); }
  size_t operator()(const Entry& entry) const { return Spread(entry.hash); }
  size_t operator()(const Probe& probe) const { return Spread(probe.hash); }
};
struct EntryEqual {
  using is_transparent = void;
  const Column* column;
  bool operator()(const Entry& a, const Entry& b) const { return a.slot == b.slot; }
  bool operator()(const Entry& a, const Probe& b) const { return a.hash == b.hash && (*column)[a.slot] == b.key; }
  bool operator()(const Probe& a, const Entry& b) const { return (*this)(b, a); }
};
using FlatSet = absl::flat_hash_set<Entry, EntryHash, EntryEqual>;

// absl tells capacities, not bytes: a slot and a control byte per place, and the cloned control bytes.
size_t BytesOf(const FlatSet& set) {
  return set.capacity() * (sizeof(Entry) + 1) + (set.capacity() ? 16 : 0) + sizeof(set);
}

class OurIndex {
 public:
  explicit OurIndex(const Column* column) : column_(column) {}
  void Insert(uint32_t hash, uint32_t slot) {
    index_.Reserve(hash);
    index_.Insert(hash, slot);
  }
  uint32_t Find(uint32_t hash, int64_t key) const {
    return index_.Find(hash, [&](uint32_t slot) { return (*column_)[slot] == key; });
  }
  void Erase(uint32_t hash, int64_t key) { index_.Erase(hash, Find(hash, key)); }
  size_t bytes() const { return index_.bytes(); }

 private:
  const Column* column_;
  partita::HashIndex index_;
};

class WholeSet {
 public:
  explicit WholeSet(const Column* column) : set_(0, EntryHash(), EntryEqual{column}) {}
  void Insert(uint32_t hash, uint32_t slot) { set_.insert({hash, slot}); }
  uint32_t Find(uint32_t hash, int64_t key) const {
    auto it = set_.find(Probe{hash, key});
    return it == set_.end() ? kNotFound : it->slot;
  }
  void Erase(uint32_t hash, int64_t key) { set_.erase(set_.find(Probe{hash, key})); }
  size_t bytes() const { return BytesOf(set_); }

 private:
  FlatSet set_;
};

class SplitSet {
 public:
  explicit SplitSet(const Column* column) : column_(column) { directory_.push_back(NewSet(0)); }
  void Insert(uint32_t hash, uint32_t slot) {
    while (SetOf(hash)->set.size() == kMaxEntries) Split(hash);
    SetOf(hash)->set.insert({hash, slot});
  }
  uint32_t Find(uint32_t hash, int64_t key) const {
    const FlatSet& set = SetOf(hash)->set;
    auto it = set.find(Probe{hash, key});
    return it == set.end() ? kNotFound : it->slot;
  }
  void Erase(uint32_t hash, int64_t key) {
    FlatSet& set = SetOf(hash)->set;
    set.erase(set.find(Probe{hash, key}));
  }
  size_t bytes() const {
    size_t bytes = directory_.size() * sizeof(directory_[0]);
    for (size_t i = 0; i < directory_.size(); i += size_t{1} << (depth_ - directory_[i]->depth)) {
      bytes += BytesOf(directory_[i]->set);
    }
    return bytes;
  }

 private:
  static constexpr size_t kMaxEntries = 3584;  // what a capacity of 4095 holds before it would double
  struct SubTable {
    FlatSet set;
    uint32_t depth;
  };

  std::shared_ptr<SubTable> NewSet(uint32_t depth) const {
    return std::make_shared<SubTable>(SubTable{FlatSet(0, EntryHash(), EntryEqual{column_}), depth});
  }
  SubTable* SetOf(uint32_t hash) const { return directory_[uint64_t{hash} >> (32 - depth_)].get(); }
  void Split(uint32_t hash) {
    std::shared_ptr<SubTable> old = directory_[uint64_t{hash} >> (32 - depth_)];
    if (old->depth == depth_) {
      std::vector<std::shared_ptr<SubTable>> twice;
      for (const auto& table : directory_) twice.insert(twice.end(), 2, table);
      directory_.swap(twice);
      ++depth_;
    }
    std::shared_ptr<SubTable> halves[2] = {NewSet(old->depth + 1), NewSet(old->depth + 1)};
    for (const Entry& entry : old->set) halves[entry.hash >> (31 - old->depth) & 1]->set.insert(entry);
    for (size_t i = 0; i < directory_.size(); ++i) {
      if (directory_[i] == old) directory_[i] = halves[i >> (depth_ - old->depth - 1) & 1];
    }
  }

  const Column* column_;
  std::vector<std::shared_ptr<SubTable>> directory_;
  uint32_t depth_ = 0;
};

struct Workload {
  std::vector<int64_t> insert_order, read_order, absent;
};

using Results = std::map<std::pair<std::string, std::string>, std::vector<double>>;

double Now() {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <typename Index>
void Run(const std::string& name, const Workload& work, Results* results) {
  const auto count = static_cast<double>(work.insert_order.size());
  std::vector<Column> columns(kPartitions);
  std::vector<Index> parts;
  parts.reserve(kPartitions);
  for (auto& column : columns) {
    column.reserve(work.insert_order.size() / kPartitions * 2 + 64);
    parts.emplace_back(&column);
  }
  auto part = [](uint64_t hash) { return hash >> (64 - kPartitionBits); };
  auto time = [&](const std::string& operation, auto&& body) {
    const double start = Now();
    body();
    (*results)[{operation, name}].push_back((Now() - start) / count);
  };
  double worst = 0;
  time("insert", [&] {
    for (int64_t key : work.insert_order) {
      const uint64_t hash = HashOf(key);
      Column& column = columns[part(hash)];
      column.push_back(key);
      parts[part(hash)].Insert(static_cast<uint32_t>(hash), static_cast<uint32_t>(column.size() - 1));
    }
  });
  size_t bytes = 0, found = 0;
  for (const auto& index : parts) bytes += index.bytes();
  (*results)[{"bytes", name}].push_back(static_cast<double>(bytes) / count);
  auto find_all = [&](const std::vector<int64_t>& keys) {
    for (int64_t key : keys) {
      const uint64_t hash = HashOf(key);
      found += parts[part(hash)].Find(static_cast<uint32_t>(hash), key) != kNotFound;
    }
  };
  time("find hit", [&] { find_all(work.read_order); });
  if (found != work.read_order.size()) std::abort();
  time("find miss", [&] { find_all(work.absent); });
  if (found != work.read_order.size()) std::abort();
  time("erase", [&] {
    for (int64_t key : work.read_order) {
      const uint64_t hash = HashOf(key);
      parts[part(hash)].Erase(static_cast<uint32_t>(hash), key);
    }
  });
  std::vector<Index> fresh;
  fresh.reserve(kPartitions);
  for (auto& column : columns) {
    column.clear();
    fresh.emplace_back(&column);
  }
  for (int64_t key : work.insert_order) {
    const uint64_t hash = HashOf(key);
    Column& column = columns[part(hash)];
    column.push_back(key);
    const double start = Now();
    fresh[part(hash)].Insert(static_cast<uint32_t>(hash), static_cast<uint32_t>(column.size() - 1));
    worst = std::max(worst, Now() - start);
  }
  (*results)[{"insert worst", name}].push_back(worst / 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_hash_index ENTRIES RUNS\n");
    return 2;
  }
  const auto entries = static_cast<int64_t>(std::atoll(argv[1]));
  Workload work;
  for (int64_t key = 0; key < entries; ++key) {
    work.insert_order.push_back(key);
    work.absent.push_back(key + entries);
  }
  work.read_order = work.insert_order;
  std::mt19937_64 random(1);
  for (auto* order : {&work.insert_order, &work.read_order, &work.absent})
    std::shuffle(order->begin(), order->end(), random);
  Results results;
  for (int run = std::atoi(argv[2]); run > 0; --run) {
    Run<OurIndex>("hash_index", work, &results);
    Run<SplitSet>("flat_split", work, &results);
    Run<WholeSet>("flat_whole", work, &results);
  }
  for (const auto& [key, values] : results) {
    const char* unit = key.first == "bytes" ? "bytes/entry" : key.first == "insert worst" ? "us" : "ns/op";
    std::printf("%s\t%s\t%s", key.first.c_str(), key.second.c_str(), unit);
    for (double value : values) std::printf("\t%.2f", value);
    std::printf("\n");
  }
}
