// Snapshot of a hash table: keys are found through the live index (partition.h).

#ifndef PARTITA_TABLE_HASH_SNAPSHOT_H_
#define PARTITA_TABLE_HASH_SNAPSHOT_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "table/hash_table.h"
#include "table/sharded_snapshot.h"

namespace partita {

class HashSnapshot final : public ShardedSnapshot {
 public:
  explicit HashSnapshot(std::shared_ptr<HashTable> table) : ShardedSnapshot(table), table_(std::move(table)) {}

  uint64_t keys() const override;
  bool is_in_slot_order() const override { return !chained() || all_ascend_; }
  std::unique_ptr<SnapshotScan> NewScan(Direction direction) const override;
  std::unique_ptr<SnapshotScan> NewKeyScan() const override;
  Outcome Lookup(const KeyView& key, Wait wait, RowBuffer* out) override;
  Outcome StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out) override;
  Outcome ReadSlot(uint64_t number, bool* past_end, RowBuffer* out) override;
  void Take(ColumnSet columns) override ABSL_NO_THREAD_SAFETY_ANALYSIS;

 private:
  class KeyScan;

  // What BagChains::keys() was.
  struct Keys {
    uint64_t epoch = 0;
    std::vector<const Chunk*> chunks;  // by number; some are null
  };

  bool chained() const { return options().type != TableType::kSet; }
  PinnedKeys PinnedKeysOf(uint32_t partition) const;
  // *number: of the key in its partition, or kNoSlot. False: the partition's lock was held.
  bool FindKey(const KeyView& key, Wait wait, Slot* number) const;
  // Append the rows of a key, or the key itself as a row of one value. Throw std::bad_alloc.
  void CopyRowsOf(uint32_t partition, Slot key, RowBuffer* out) const;
  void CopyKey(uint32_t partition, Slot key, RowBuffer* out) const;

  const std::shared_ptr<HashTable> table_;
  std::vector<Keys> keys_;  // by partition, in bags of which all columns are pinned
  bool all_ascend_ = true;  // BagChains::all_ascend()
};

}  // namespace partita

#endif  // PARTITA_TABLE_HASH_SNAPSHOT_H_
