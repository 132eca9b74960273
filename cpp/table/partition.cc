#include "table/partition.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/prefetch.h"

namespace partita {
namespace {

inline void PrefetchElement(const Column& column, uint32_t place) {
  const uint32_t shift = column.kind == ColumnKind::kInt || column.kind == ColumnKind::kFloat ? 3 : 4;
  Prefetch(static_cast<const char*>(column.data) + (size_t{place} << shift));
}

// Columns of one row are far apart: ask for all of them before the first one is waited for.
inline void PrefetchRow(const Chunk& chunk, uint32_t place) {
  const uint32_t columns = std::min<uint32_t>(chunk.column_count, 16);
  for (uint32_t c = 0; c < columns; ++c) PrefetchElement(chunk.columns[c], place);
}

}  // namespace

Slot Partition::Find(uint64_t hash, const Value& key, uint32_t keypos) const {
  // The analysis of locks does not know that a lambda runs where it stands.
  return index.Find(IndexHash(hash), [&](Slot slot) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const Chunk& chunk = rows.chunk_of(slot);
    const uint32_t place = slot & kChunkMask;
    PrefetchRow(chunk, place);
    return KeyIs(chunk, place, key, keypos);
  });
}

Slot Partition::FindElement(uint64_t hash, const Value& key, uint32_t keypos, uint32_t position) const {
  return index.Find(IndexHash(hash), [&](Slot slot) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const Chunk& chunk = rows.chunk_of(slot);
    const uint32_t place = slot & kChunkMask;
    if (position < chunk.column_count) PrefetchElement(chunk.columns[position], place);
    return KeyIs(chunk, place, key, keypos);
  });
}

void Partition::PrefetchRowOf(uint64_t hash) const {
  index.Find(IndexHash(hash), [&](Slot slot) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    PrefetchRow(rows.chunk_of(slot), slot & kChunkMask);
    return true;
  });
}

Outcome Partition::AddRow(const RowView& row) {
  index.Reserve(IndexHash(row.key_hash));
  const Slot slot =
      ABSL_PREDICT_TRUE(fixed == nullptr) ? rows.ClaimSlot() : ClaimKey(row.key_hash, row.values[fixed->keypos()]);
  if (slot == kNoSlot) return Outcome::kTooManyRows;
  StoreNewRow(slot, absl::MakeConstSpan(row.values, row.arity));
  index.Insert(IndexHash(row.key_hash), slot);
  AddRows(1);
  return Outcome::kOk;
}

void Partition::RemoveRow(Slot slot, uint64_t hash) {
  rows.PrepareErase(slot);
  NoteErased(slot, hash);
  NoteKeyErased(slot, hash);
  index.Erase(IndexHash(hash), slot);
  rows.Erase(slot);
  rows.TidyHeap(slot);
  AddRows(-1);
}

void Partition::NoteErased(Slot slot, uint64_t hash) {
  if (ABSL_PREDICT_TRUE(!rows.SeenByPin(slot))) return;
  MaybeFailAllocation();
  erased[IndexHash(hash)].push_back(ErasedSlot{slot, rows.epoch()});
}

void Partition::CopyKey(Slot key, uint32_t keypos, RowBuffer* out) const {
  out->AddCopy(ReadElement(rows.chunk_of(key), keypos, key & kChunkMask));
  out->EndRow();
}

void Partition::CopyRowsOf(Slot key, Direction, RowBuffer* out) { CopyRow(key, out); }

Slot Partition::ClaimKey(uint64_t hash, const Value& key) {
  Slot slot = kNoSlot;
  if (fixed == nullptr || !fixed->Find(hash, key, &slot) || slot == kNoSlot) return rows.ClaimSlot();
  rows.ClaimHeld(slot);
  return slot;
}

void Partition::NoteKeyErased(Slot key, uint64_t hash) {
  if (ABSL_PREDICT_TRUE(fixed == nullptr)) return;
  rows.Hold(key);
  fixed->Remember(hash, ReadElement(rows.chunk_of(key), fixed->keypos(), key & kChunkMask), key);
}

bool Partition::FindErasedKey(uint64_t hash, const Value& key, Slot* number) const {
  if (fixed == nullptr) return false;
  if (fixed->Find(hash, key, number)) return true;
  *number = kNoSlot;
  for (const FixedKeys::Cleared& cleared : fixed->cleared()) {
    const auto holds_key = [&](Slot s) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      const uint32_t chunk_number = s >> kChunkShift;
      const Chunk* chunk = chunk_number < cleared.chunks.size() ? cleared.chunks[chunk_number] : nullptr;
      return chunk != nullptr && TestBit(chunk->live, s & kChunkMask) &&
             KeyIs(*chunk, s & kChunkMask, key, fixed->keypos());
    };
    for (const OldIndex& old : old_indexes) {
      if (old.retired_at > cleared.epoch && old.index.Find(IndexHash(hash), holds_key) != kNoSlot) return true;
    }
  }
  return false;
}

void Partition::ReapPins() {
  if (!rows.has_pins() && erased.empty() && old_indexes.empty()) return;
  rows.ReapPins();
  if (rows.oldest_pin() == oldest_pin) return;
  oldest_pin = rows.oldest_pin();
  for (auto it = erased.begin(); it != erased.end();) {
    auto& slots = it->second;
    slots.erase(std::remove_if(slots.begin(), slots.end(),
                               [this](const ErasedSlot& e)
                                   ABSL_NO_THREAD_SAFETY_ANALYSIS { return !rows.HasPinIn(0, e.epoch); }),
                slots.end());
    it = slots.empty() ? erased.erase(it) : std::next(it);
  }
  old_indexes.erase(std::remove_if(old_indexes.begin(), old_indexes.end(),
                                   [this](const OldIndex& old)
                                       ABSL_NO_THREAD_SAFETY_ANALYSIS { return !rows.HasPinIn(0, old.retired_at); }),
                    old_indexes.end());
}

void Partition::PrepareRemoveAll(bool drop) {
  MaybeFailAllocation();
  old_indexes.reserve(old_indexes.size() + 1);
  if (fixed == nullptr || drop) return;
  auto token = std::make_shared<PinToken>();
  fixed->cleared().reserve(fixed->cleared().size() + 1);
  FixedKeys::Cleared cleared(rows.epoch(), token, rows.chunks());
  rows.Pin(std::move(token), ColumnBit(fixed->keypos()));
  fixed->cleared().push_back(std::move(cleared));
}

HashIndex Partition::RemoveAll(bool drop) {
  if (drop) fixed.reset();
  ReapPins();
  if (fixed != nullptr) fixed->ForgetSlots();
  HashIndex removed = std::move(index);
  index = HashIndex();
  rows.ReleaseAll();
  row_count.store(0, std::memory_order_release);
  if (rows.has_pins()) {
    old_indexes.push_back(OldIndex{std::move(removed), rows.epoch()});
    removed = HashIndex();
  }
  return removed;
}

uint64_t Partition::Bytes() const {
  uint64_t bytes = rows.bytes() + index.bytes() + erased.size() * sizeof(decltype(erased)::value_type) * 4 / 3;
  for (const OldIndex& old : old_indexes) bytes += old.index.bytes();
  if (fixed != nullptr) bytes += fixed->bytes();
  return bytes;
}

Status Partition::CheckInvariants(uint64_t seed, uint32_t keypos) const {
  Status status = rows.CheckInvariants();
  if (status.ok()) status = index.CheckInvariants();
  if (!status.ok()) return status;
  uint64_t live = 0;
  for (const Chunk* chunk : rows.chunks()) {
    if (chunk == nullptr) continue;
    live += chunk->live_count;
    ForEachLive(*chunk, [&](uint32_t place) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      const Slot slot = chunk->number << kChunkShift | place;
      const Value key = ReadElement(*chunk, keypos, place);
      if (Find(HashValue(key, seed), key, keypos) != slot) {
        status = InternalError(absl::StrCat("the index does not lead to the row at slot ", slot));
      }
    });
  }
  if (!status.ok()) return status;
  if (live != row_count.load(std::memory_order_relaxed) || live != index.size()) {
    return InternalError(absl::StrCat(live, " live rows, ", row_count.load(std::memory_order_relaxed), " counted, ",
                                      index.size(), " in the index"));
  }
  return OkStatus();
}

}  // namespace partita
