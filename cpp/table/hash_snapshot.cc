#include "table/hash_snapshot.h"

#include "absl/numeric/bits.h"

namespace partita {
namespace {

class SlotScan final : public SnapshotScan {
 public:
  explicit SlotScan(absl::Span<const Chunk* const> chunks) : chunks_(chunks) {}

  size_t Next(RowPlace* places, size_t most) override {
    size_t found = 0;
    for (; found < most && chunk_ < chunks_.size(); ++chunk_, place_ = 0) {
      const Chunk* chunk = chunks_[chunk_];
      for (; place_ < chunk->capacity; ++place_) {
        const uint64_t ahead = chunk->live[place_ >> 6] >> (place_ & 63);
        if (ahead == 0) {
          place_ |= 63;
          continue;
        }
        place_ += static_cast<uint32_t>(absl::countr_zero(ahead));
        if (found == most) return found;
        places[found++] = RowPlace{chunk, place_};
      }
    }
    return found;
  }

  std::unique_ptr<SnapshotScan> Clone() const override { return std::make_unique<SlotScan>(*this); }

 private:
  const absl::Span<const Chunk* const> chunks_;
  size_t chunk_ = 0;
  uint32_t place_ = 0;
};

}  // namespace

// Key by key, along their chains.
class HashSnapshot::KeyScan final : public SnapshotScan {
 public:
  KeyScan(const HashSnapshot* snapshot, Direction direction, bool first_rows_only)
      : snapshot_(snapshot), forward_(direction == Direction::kForward), first_rows_only_(first_rows_only) {}

  size_t Next(RowPlace* places, size_t most) override {
    size_t found = 0;
    while (found < most && (row_ != kNoSlot || FindNextKey())) {
      const Chunk* chunk = snapshot_->views()[partition_].chunks[row_ >> kChunkShift];
      const uint32_t place = row_ & kChunkMask;
      places[found++] = RowPlace{chunk, place};
      row_ = first_rows_only_ ? kNoSlot : forward_ ? chunk->links[place].next : chunk->links[place].prev;
    }
    return found;
  }

  std::unique_ptr<SnapshotScan> Clone() const override { return std::make_unique<KeyScan>(*this); }

 private:
  bool FindNextKey() {
    for (; partition_ < snapshot_->keys_.size(); ++partition_, chunk_ = 0) {
      const std::vector<const Chunk*>& chunks = snapshot_->keys_[partition_].chunks;
      for (; chunk_ < chunks.size(); ++chunk_, place_ = 0) {
        const Chunk* chunk = chunks[chunk_];
        for (; chunk != nullptr && place_ < chunk->capacity; ++place_) {
          if (!TestBit(chunk->live, place_)) continue;
          const Chain chain = ReadChain(*chunk, place_++);
          row_ = forward_ ? chain.first : chain.last;
          return true;
        }
      }
    }
    return false;
  }

  const HashSnapshot* const snapshot_;
  const bool forward_;
  const bool first_rows_only_;
  size_t partition_ = 0;
  size_t chunk_ = 0;
  uint32_t place_ = 0;  // of the key to look at next
  Slot row_ = kNoSlot;  // the next one of the present key
};

void HashSnapshot::Take(ColumnSet columns) {
  ShardedSnapshot::Take(columns);
  if (!chained() || columns != kAllColumns) return;
  keys_.resize(options().partitions);
  for (const uint32_t number : table_->all_numbers_) {
    BagChains& chains = *table_->partitions_[number].chains;
    const absl::Span<Chunk* const> chunks = chains.keys().chunks();
    keys_[number].chunks.assign(chunks.begin(), chunks.end());
    keys_[number].epoch = chains.keys().Pin(token());
    all_ascend_ = all_ascend_ && chains.all_ascend();
  }
}

std::unique_ptr<SnapshotScan> HashSnapshot::NewScan(Direction direction) const {
  const bool by_slots = !chained() || (all_ascend_ && direction == Direction::kForward);
  if (by_slots) return std::make_unique<SlotScan>(chunks());
  return std::make_unique<KeyScan>(this, direction, /*first_rows_only=*/false);
}

std::unique_ptr<SnapshotScan> HashSnapshot::NewKeyScan() const {
  if (!chained()) return std::make_unique<SlotScan>(chunks());
  return std::make_unique<KeyScan>(this, Direction::kForward, /*first_rows_only=*/true);
}

uint64_t HashSnapshot::keys() const {
  if (!chained()) return rows();
  uint64_t keys = 0;
  for (const Keys& part : keys_) {
    for (const Chunk* chunk : part.chunks) keys += chunk == nullptr ? 0 : chunk->live_count;
  }
  return keys;
}

PinnedKeys HashSnapshot::PinnedKeysOf(uint32_t partition) const {
  const std::vector<const Chunk*>& rows = views()[partition].chunks;
  return PinnedKeys{rows, chained() ? keys_[partition].chunks : rows, chained()};
}

bool HashSnapshot::FindKey(const KeyView& key, Wait wait, Slot* number) const {
  const uint32_t of = table_->PartitionNumber(key.hash);
  Partition& partition = table_->partitions_[of];
  const PinnedKeys then = PinnedKeysOf(of);
  const uint64_t epoch = chained() ? keys_[of].epoch : views()[of].epoch;
  const auto is_key = [&](Slot slot) { return then.Has(slot, key.key, options().keypos); };
  const Locked locked(&partition, wait);
  if (!locked.got()) return false;
  Slot found = partition.index.Find(IndexHash(key.hash), is_key);
  if (found == kNoSlot) {
    if (const auto erased = partition.erased.find(IndexHash(key.hash)); erased != partition.erased.end()) {
      for (const Partition::ErasedSlot& e : erased->second) {
        if (e.epoch > epoch && is_key(e.slot)) found = e.slot;
      }
    }
  }
  for (auto old = partition.old_indexes.begin(); found == kNoSlot && old != partition.old_indexes.end(); ++old) {
    if (old->retired_at > epoch) found = old->index.Find(IndexHash(key.hash), is_key);
  }
  *number = found;
  return true;
}

void HashSnapshot::CopyRowsOf(uint32_t partition, Slot key, RowBuffer* out) const {
  const PinnedKeys then = PinnedKeysOf(partition);
  for (Slot row = then.FirstRow(key); row != kNoSlot;) {
    const Chunk& chunk = *then.rows[row >> kChunkShift];
    CopyRowOut(chunk, row & kChunkMask, out, nullptr);
    row = chained() ? chunk.links[row & kChunkMask].next : kNoSlot;
  }
}

void HashSnapshot::CopyKey(uint32_t partition, Slot key, RowBuffer* out) const {
  const PinnedKeys then = PinnedKeysOf(partition);
  const Slot row = then.FirstRow(key);
  out->AddCopy(ReadElement(*then.rows[row >> kChunkShift], options().keypos, row & kChunkMask));
  out->EndRow();
}

Outcome HashSnapshot::Lookup(const KeyView& key, Wait wait, RowBuffer* out) {
  Slot found;
  if (!FindKey(key, wait, &found)) return Outcome::kWouldBlock;
  if (found == kNoSlot) return Outcome::kOk;
  try {
    CopyRowsOf(table_->PartitionNumber(key.hash), found, out);
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  return Outcome::kOk;
}

}  // namespace partita
