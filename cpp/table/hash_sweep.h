// Sweep over a hash table in the order of the numbers of keys (partition.h), which keys keep. It notes where each
// partition ends before it judges the first row, and ends there.

#ifndef PARTITA_TABLE_HASH_SWEEP_H_
#define PARTITA_TABLE_HASH_SWEEP_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "table/hash_table.h"
#include "table/sweep.h"

namespace partita {

class HashSweep final : public Sweep {
 public:
  explicit HashSweep(std::shared_ptr<HashTable> table);

  Outcome Next(RowJudge* judge, Wait wait, bool* done) override;
  std::unique_ptr<Sweep> Clone() const override { return std::make_unique<HashSweep>(*this); }

 private:
  bool begun() const { return ends_->size() == table_->options().partitions; }
  // Of all the following `record` may be null.
  Outcome JudgeChunks(RowJudge* judge, Wait wait, StepRecord* record, bool* done);
  // One chunk of keys of the present partition, from the key `slot_` on; *judged: of any.
  Outcome JudgeChunk(RowJudge* judge, Wait wait, StepRecord* record, bool* judged);
  Outcome JudgeKeys(Partition* partition, uint32_t number, RowJudge* judge, StepRecord* record, bool* judged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition->lock);

  std::shared_ptr<HashTable> table_;
  uint64_t generation_;
  std::shared_ptr<std::vector<uint64_t>> ends_;  // by partition; shared once it is full, and then does not change
  uint32_t partition_ = 0;
  uint64_t slot_ = 0;  // of the key to judge next
};

}  // namespace partita

#endif  // PARTITA_TABLE_HASH_SWEEP_H_
