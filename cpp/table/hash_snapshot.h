// Snapshot of a hash table: the chunk pointers of each partition, pinned.

#ifndef PARTITA_TABLE_HASH_SNAPSHOT_H_
#define PARTITA_TABLE_HASH_SNAPSHOT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "table/hash_table.h"
#include "table/snapshot.h"

namespace partita {

class HashSnapshot : public Snapshot {
 public:
  explicit HashSnapshot(std::shared_ptr<HashTable> table);
  ~HashSnapshot() override;

  uint64_t rows() const override { return rows_; }
  absl::Span<const Chunk* const> chunks() const override { return chunks_; }
  const TableOptions& options() const override { return table_->options(); }
  std::unique_ptr<SnapshotScan> NewScan(Direction direction) const override;
  Outcome Lookup(const KeyView& key, Wait wait, RowBuffer* out) override;
  void Keep() override { token_->thread.store(nullptr, std::memory_order_relaxed); }

  // Pins the partitions, all of whose locks the caller holds. Throws std::bad_alloc.
  void Take(ColumnSet columns) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  const std::shared_ptr<HashTable>& table() const { return table_; }

 private:
  struct View {
    uint64_t epoch = 0;
    std::vector<const Chunk*> chunks;  // by number; some are null
  };

  const std::shared_ptr<HashTable> table_;
  const std::shared_ptr<PinToken> token_;
  std::vector<View> views_;  // by partition
  std::vector<const Chunk*> chunks_;
  uint64_t rows_ = 0;
};

}  // namespace partita

#endif  // PARTITA_TABLE_HASH_SNAPSHOT_H_
