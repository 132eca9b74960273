#include "table/sharded_table.h"

#include <algorithm>
#include <new>
#include <utility>

#include "table/journal.h"
#include "table/record.h"
#include "table/sharded_snapshot.h"

namespace partita {

Outcome ShardedTable::Clear(Wait wait) {
  return Journaled(journal(), wait, [&](auto& record) {
    try {
      return RemoveAll(wait, /*drop=*/false, record.pointer());
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
  });
}

Outcome ShardedTable::Drop(Wait wait) {
  try {
    return RemoveAll(wait, /*drop=*/true, nullptr);
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome ShardedTable::ReserveClear(StepRecord* record) const {
  if (record == nullptr) return Outcome::kOk;
  const auto has_rows = [](const Shard* shard) { return shard->row_count.load(std::memory_order_relaxed) != 0; };
  if (std::any_of(shards_.begin(), shards_.end(), has_rows)) record->Clear();
  return record->Reserve();
}

void ShardedTable::BeginRemoveAll(bool drop) {
  generation_.fetch_add(1, std::memory_order_release);
  if (drop) dropped_.store(true, std::memory_order_release);
}

Outcome ShardedTable::Size(Wait wait, uint64_t* rows) {
  constexpr int kTries = 100;
  const auto sum = [this] {
    uint64_t total = 0;
    for (const Shard* shard : shards_) total += shard->row_count.load(std::memory_order_acquire);
    return total;
  };
  for (int i = 0; i < kTries; ++i) {
    if (dropped()) return Outcome::kDropped;
    const uint64_t done = list_steps_done_.load();
    if (list_steps_begun_.load() != done) continue;
    *rows = sum();
    // Whoever saw a count that a list insert stored sees here that the insert had begun (Shard::AddRows).
    if (list_steps_begun_.load() == done) return Outcome::kOk;
  }
  LockedMany locked;
  if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  *rows = sum();
  return Outcome::kOk;
}

Outcome ShardedTable::TakeMoment(ColumnSet columns, absl::FunctionRef<void()> also, Wait wait,
                                 std::shared_ptr<Snapshot>* out) {
  try {
    std::shared_ptr<ShardedSnapshot> snapshot = NewSnapshot();
    // A snapshot that was not taken whole is let go after the locks.
    LockedMany locked;
    if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    snapshot->Take(columns);
    also();
    *out = std::move(snapshot);
    return Outcome::kOk;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome ShardedTable::Stats(Wait wait, TableStats* out) {
  try {
    out->partition_rows.resize(shards_.size());
    LockedMany locked;
    if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    out->rows = 0;
    out->memory_bytes = own_bytes_ + shards_.capacity() * sizeof(Shard*);
    out->snapshots = 0;
    out->snapshot_retained_bytes = 0;
    for (size_t i = 0; i < shards_.size(); ++i) {
      Shard& shard = *shards_[i];
      shard.ReapPins();
      const uint64_t rows = shard.row_count.load(std::memory_order_relaxed);
      out->partition_rows[i] = rows;
      out->rows += rows;
      out->memory_bytes += shard.Bytes();
      out->snapshot_retained_bytes += shard.RetiredBytes();
    }
    out->snapshots = live_snapshots_.load(std::memory_order_relaxed);
    out->fixes = fixes_;
    return Outcome::kOk;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

void ShardedTable::Registration::LockForFork() {
  table_->LockOwnForFork();
  for (Shard* shard : table_->shards_) shard->lock.LockWithoutCheck();
  if (table_->journal() != nullptr) table_->journal()->LockForFork();
}

void ShardedTable::Registration::UnlockAfterFork() {
  if (table_->journal() != nullptr) table_->journal()->UnlockAfterFork();
  for (Shard* shard : table_->shards_) shard->lock.Unlock();
  table_->UnlockOwnAfterFork();
}

void ShardedTable::Registration::ResetAfterFork() {
  if (table_->journal() != nullptr) table_->journal()->DetachAfterFork();
  table_->ForgetJournal();
  for (Shard* shard : table_->shards_) {
    shard->rows.EndPinsAfterFork();
    shard->lock.ResetAfterFork();
  }
  table_->ResetOwnAfterFork();
}

uint64_t ShardedTable::Registration::RowsNow() const {
  uint64_t rows = 0;
  for (const Shard* shard : table_->shards_) rows += shard->row_count.load(std::memory_order_relaxed);
  return rows;
}

}  // namespace partita
