// Walk over a hash table in the order of the numbers of keys (partition.h), partition by partition. Keys keep their
// numbers, so what stays is met once. All rows of a key of a bag are met together, in the order they came in. The walk
// notes where each partition ends before it reads the first row, and ends there.

#ifndef PARTITA_TABLE_HASH_WALK_H_
#define PARTITA_TABLE_HASH_WALK_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "table/hash_table.h"

namespace partita {

class HashWalk : public Walk {
 public:
  enum class Of : uint8_t { kRows, kKeys };
  HashWalk(std::shared_ptr<HashTable> table, Direction direction, Of of);
  ~HashWalk() override;

  Outcome Next(size_t max_rows, Wait wait, RowBuffer* out) override;

 private:
  // Copies rows of the present partition, from the key `slot_` on, until there are max_rows.
  Outcome ReadPartition(size_t max_rows, Wait wait, RowBuffer* out);

  const std::shared_ptr<HashTable> table_;
  const Direction direction_;  // of the rows of one key
  const Of of_;
  uint64_t generation_ = 0;
  std::vector<uint64_t> ends_;  // by partition; one per partition once the walk has started
  uint32_t partition_ = 0;
  uint64_t slot_ = 0;  // of the key to look at next
};

}  // namespace partita

#endif  // PARTITA_TABLE_HASH_WALK_H_
