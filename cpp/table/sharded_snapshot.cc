#include "table/sharded_snapshot.h"

#include <utility>

#include "base/this_thread.h"

namespace partita {

ShardedSnapshot::ShardedSnapshot(std::shared_ptr<ShardedTable> table)
    : table_(std::move(table)), token_(std::make_shared<PinToken>()), views_(table_->shards_.size()) {
  token_->thread.store(ThisThread(), std::memory_order_relaxed);
  g_live_snapshots.fetch_add(1, std::memory_order_relaxed);
  table_->live_snapshots_.fetch_add(1, std::memory_order_relaxed);
}

ShardedSnapshot::~ShardedSnapshot() {
  token_->released.store(true, std::memory_order_release);
  g_live_snapshots.fetch_sub(1, std::memory_order_relaxed);
  table_->live_snapshots_.fetch_sub(1, std::memory_order_relaxed);
  // Shards whose lock is held by somebody notice at their next copy.
  for (Shard* shard : table_->shards_) {
    const Locked locked(shard, Wait::kTry);
    if (locked.got()) shard->ReapPins();
  }
}

void ShardedSnapshot::Take(ColumnSet columns) {
  for (size_t i = 0; i < views_.size(); ++i) {
    Shard& shard = *table_->shards_[i];
    View& view = views_[i];
    shard.ReapPins();
    const absl::Span<Chunk* const> chunks = shard.rows.chunks();
    view.chunks.assign(chunks.begin(), chunks.end());
    for (const Chunk* chunk : chunks) {
      if (chunk != nullptr) chunks_.push_back(chunk);
    }
    rows_ += shard.row_count.load(std::memory_order_relaxed);
    view.epoch = shard.rows.Pin(token_, columns);
  }
}

}  // namespace partita
