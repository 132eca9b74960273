// Snapshot of a hash table: keys are found through the live index (partition.h).

#ifndef PARTITA_TABLE_HASH_SNAPSHOT_H_
#define PARTITA_TABLE_HASH_SNAPSHOT_H_

#include <memory>
#include <utility>

#include "table/hash_table.h"
#include "table/sharded_snapshot.h"

namespace partita {

class HashSnapshot final : public ShardedSnapshot {
 public:
  explicit HashSnapshot(std::shared_ptr<HashTable> table) : ShardedSnapshot(table), table_(std::move(table)) {}

  std::unique_ptr<SnapshotScan> NewScan(Direction direction) const override;
  Outcome Lookup(const KeyView& key, Wait wait, RowBuffer* out) override;

 private:
  const std::shared_ptr<HashTable> table_;
};

}  // namespace partita

#endif  // PARTITA_TABLE_HASH_SNAPSHOT_H_
