// What snapshots of all types of table share: the chunk pointers of each shard, pinned.

#ifndef PARTITA_TABLE_SHARDED_SNAPSHOT_H_
#define PARTITA_TABLE_SHARDED_SNAPSHOT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "table/sharded_table.h"
#include "table/snapshot.h"

namespace partita {

class ShardedSnapshot : public Snapshot {
 public:
  explicit ShardedSnapshot(std::shared_ptr<ShardedTable> table);
  ~ShardedSnapshot() override ABSL_NO_THREAD_SAFETY_ANALYSIS;

  uint64_t rows() const override { return rows_; }
  absl::Span<const Chunk* const> chunks() const override { return chunks_; }
  const TableOptions& options() const override { return table_->options(); }
  void Keep() override { token_->thread.store(nullptr, std::memory_order_relaxed); }

  // Pins the shards, all of whose locks the caller holds. Throws std::bad_alloc.
  virtual void Take(ColumnSet columns) ABSL_NO_THREAD_SAFETY_ANALYSIS;

 protected:
  struct View {
    uint64_t epoch = 0;
    std::vector<const Chunk*> chunks;  // by number; some are null
  };

  const std::vector<View>& views() const { return views_; }  // by shard
  const std::shared_ptr<PinToken>& token() const { return token_; }

 private:
  const std::shared_ptr<ShardedTable> table_;
  const std::shared_ptr<PinToken> token_;
  std::vector<View> views_;
  std::vector<const Chunk*> chunks_;
  uint64_t rows_ = 0;
};

}  // namespace partita

#endif  // PARTITA_TABLE_SHARDED_SNAPSHOT_H_
