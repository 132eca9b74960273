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

 private:
  const absl::Span<const Chunk* const> chunks_;
  size_t chunk_ = 0;
  uint32_t place_ = 0;
};

}  // namespace

std::unique_ptr<SnapshotScan> HashSnapshot::NewScan(Direction) const { return std::make_unique<SlotScan>(chunks()); }

Outcome HashSnapshot::Lookup(const KeyView& key, Wait wait, RowBuffer* out) {
  const uint32_t number = table_->PartitionNumber(key.hash);
  Partition& partition = table_->partitions_[number];
  const View& view = views()[number];
  const uint32_t keypos = options().keypos;
  const auto holds_key = [&](Slot slot) {
    const uint32_t chunk_number = slot >> kChunkShift;
    const uint32_t place = slot & kChunkMask;
    if (chunk_number >= view.chunks.size()) return false;
    const Chunk* chunk = view.chunks[chunk_number];
    return chunk != nullptr && TestBit(chunk->live, place) && KeyIs(*chunk, place, key.key, keypos);
  };
  Slot found = kNoSlot;
  {
    const Locked locked(&partition, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    found = partition.index.Find(IndexHash(key.hash), holds_key);
    if (found == kNoSlot) {
      if (const auto erased = partition.erased.find(IndexHash(key.hash)); erased != partition.erased.end()) {
        for (const Partition::ErasedSlot& e : erased->second) {
          if (e.epoch > view.epoch && holds_key(e.slot)) found = e.slot;
        }
      }
    }
    for (auto old = partition.old_indexes.begin(); found == kNoSlot && old != partition.old_indexes.end(); ++old) {
      if (old->retired_at > view.epoch) found = old->index.Find(IndexHash(key.hash), holds_key);
    }
  }
  if (found == kNoSlot) return Outcome::kOk;
  try {
    CopyRowOut(*view.chunks[found >> kChunkShift], found & kChunkMask, out, nullptr);
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  return Outcome::kOk;
}

}  // namespace partita
