// Walk over a hash table in the order of slots, partition by partition. Rows keep their slots, so what stays is met
// once. The walk notes where each partition ends before it reads the first row, and ends there.

#ifndef PARTITA_TABLE_HASH_WALK_H_
#define PARTITA_TABLE_HASH_WALK_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "table/hash_table.h"

namespace partita {

class HashWalk : public Walk {
 public:
  explicit HashWalk(std::shared_ptr<HashTable> table);
  ~HashWalk() override;

  Outcome Next(size_t max_rows, Wait wait, RowBuffer* out) override;

 private:
  // Copies at most max_rows rows of the present partition, from `slot_` on.
  Outcome ReadPartition(size_t max_rows, Wait wait, RowBuffer* out);

  const std::shared_ptr<HashTable> table_;
  uint64_t generation_ = 0;
  std::vector<uint64_t> ends_;  // by partition; one per partition once the walk has started
  uint32_t partition_ = 0;
  uint64_t slot_ = 0;  // the next one to look at
};

}  // namespace partita

#endif  // PARTITA_TABLE_HASH_WALK_H_
