// How a table is made.

#ifndef PARTITA_TABLE_OPTIONS_H_
#define PARTITA_TABLE_OPTIONS_H_

#include <cstdint>

namespace partita {

enum class TableType : uint8_t { kSet, kOrderedSet, kBag, kDuplicateBag };

struct TableOptions {
  // Behaviour.
  TableType type = TableType::kSet;
  uint32_t keypos = 0;  // 0-based position of the key in a row

  // Performance. One lock, index and set of chunks each; 1 to kMaxPartitions.
  uint32_t partitions = 1;
  uint64_t hash_seed = 0;  // 0: drawn at random
};

inline constexpr uint32_t kMaxPartitions = 4096;
inline constexpr uint32_t kMaxArity = 65535;

}  // namespace partita

#endif  // PARTITA_TABLE_OPTIONS_H_
