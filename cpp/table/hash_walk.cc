#include "table/hash_walk.h"

#include <utility>

namespace partita {
namespace {

// A batch ends early once it holds as much, so that rows of long values do not pile up.
constexpr size_t kMaxBatchBytes = size_t{256} * 1024;

}  // namespace

HashWalk::HashWalk(std::shared_ptr<HashTable> table, Direction direction, Of of)
    : table_(std::move(table)), direction_(direction), of_(of), generation_(table_->generation()) {
  ends_.reserve(table_->options().partitions);
  g_live_walks.fetch_add(1, std::memory_order_relaxed);
}

HashWalk::~HashWalk() { g_live_walks.fetch_sub(1, std::memory_order_relaxed); }

Outcome HashWalk::Next(size_t max_rows, Wait wait, RowBuffer* out) {
  while (ends_.size() < table_->options().partitions) {
    Partition& partition = table_->partitions_[ends_.size()];
    const Locked locked(&partition, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    ends_.push_back(uint64_t{partition.keys().chunk_count()} << kChunkShift);
  }
  if (table_->dropped()) return Outcome::kDropped;
  const size_t had = out->size();
  while (partition_ < table_->options().partitions && out->size() == had) {
    const Outcome outcome = ReadPartition(max_rows, wait, out);
    if (outcome != Outcome::kOk) return outcome;
    if (slot_ >= ends_[partition_]) {
      ++partition_;
      slot_ = 0;
    }
  }
  return Outcome::kOk;
}

Outcome HashWalk::ReadPartition(size_t max_rows, Wait wait, RowBuffer* out) {
  Partition& partition = table_->partitions_[partition_];
  const Locked locked(&partition, wait);
  if (!locked.got()) return Outcome::kWouldBlock;
  if (table_->dropped()) return Outcome::kDropped;
  if (table_->generation() != generation_) {
    partition_ = table_->options().partitions - 1;
    slot_ = ends_[partition_];
    return Outcome::kOk;
  }
  const RowStore& keys = partition.keys();
  const size_t limit = out->size() + max_rows;
  const uint64_t end = ends_[partition_];
  uint64_t slot = slot_;  // the walk moves on only once all rows up to there are in `out`
  try {
    while (slot < end) {
      const uint32_t number = static_cast<uint32_t>(slot >> kChunkShift);
      const Chunk* chunk = number < keys.chunk_count() ? keys.chunk(number) : nullptr;
      uint32_t place = static_cast<uint32_t>(slot & kChunkMask);
      for (; chunk != nullptr && place < chunk->capacity; ++place) {
        const uint64_t ahead = chunk->live[place >> 6] >> (place & 63);
        if (ahead == 0) {
          place |= 63;
          continue;
        }
        place += static_cast<uint32_t>(absl::countr_zero(ahead));
        if (out->size() >= limit || out->heap_bytes() > kMaxBatchBytes) {
          slot_ = uint64_t{number} << kChunkShift | place;
          return Outcome::kOk;
        }
        const Slot key = number << kChunkShift | place;
        if (of_ == Of::kRows) {
          partition.CopyRowsOf(key, direction_, LongValues::kCopied, out);  // an iterator may be kept
        } else {
          partition.CopyKey(key, table_->options().keypos, out);
        }
      }
      slot = uint64_t{number + 1} << kChunkShift;
    }
    slot_ = slot;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  return Outcome::kOk;
}

}  // namespace partita
