#include "table/partition.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "table/record.h"

namespace partita {
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

uint64_t Partition::RemoveKey(Slot key, uint64_t hash) {
  const uint64_t count = chains->chain(key).rows;
  chains->PrepareRemoveKey(key);
  NoteErased(key, hash);
  NoteKeyErased(key, hash);
  index.Erase(IndexHash(hash), key);
  chains->StoreRemoveKey(key);
  AddRows(-static_cast<int64_t>(count));
  return count;
}

void Partition::RemoveRowsOf(Slot key, uint64_t hash, absl::Span<const Slot> slots) {
  if (slots.empty()) return;
  if (slots.size() == chains->chain(key).rows) {
    RemoveKey(key, hash);
    return;
  }
  chains->PrepareRemove(key, slots);
  chains->StoreRemove(key, slots);
  AddRows(-static_cast<int64_t>(slots.size()));
}

void Partition::NoteErased(Slot key, uint64_t hash) {
  if (ABSL_PREDICT_TRUE(!keys().SeenByPin(key))) return;
  MaybeFailAllocation();
  auto& slots = erased[IndexHash(hash)];
  // A slot that was used again counts once: what a snapshot has there, it knows itself.
  const auto same =
      std::find_if(slots.begin(), slots.end(), [key](const ErasedSlot& other) { return other.slot == key; });
  if (same != slots.end()) {
    same->epoch = keys().epoch();
    std::rotate(same, same + 1, slots.end());
  } else {
    slots.push_back(ErasedSlot{key, keys().epoch()});
  }
}

void Partition::CopyKey(Slot key, uint32_t keypos, RowBuffer* out) const {
  const Slot row = FirstRow(key);
  out->AddCopy(ReadElement(rows.chunk_of(row), keypos, row & kChunkMask));
  out->EndRow();
}

void Partition::CopyRowsOf(Slot key, Direction direction, LongValues long_values, RowBuffer* out) {
  bool pinned = false;
  bool* const may_pin = long_values == LongValues::kPinned ? &pinned : nullptr;
  const auto copy = [&](Slot slot) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    CopyRowOut(rows.chunk_of(slot), slot & kChunkMask, out, may_pin);
  };
  if (chains == nullptr) {
    copy(key);
  } else {
    chains->ForEachRow(key, direction, copy);
  }
  if (ABSL_PREDICT_FALSE(pinned)) PinLongValues(out);
}

Outcome Partition::JudgeRowsOf(Slot key, const TableOptions& options, RowJudge* judge, StepRecord* record,
                               uint64_t* count) {
  using Verdict = RowJudge::Verdict;
  const auto key_of = [&](Slot slot) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return ReadElement(rows.chunk_of(slot), options.keypos, slot & kChunkMask);
  };
  absl::Span<const Value> replacement;
  if (chains == nullptr) {
    ++*count;
    const Verdict verdict = judge->Judge(rows.chunk_of(key), key & kChunkMask, &replacement);
    if (verdict == Verdict::kKeep) return Outcome::kOk;
    if (record != nullptr) {
      if (verdict == Verdict::kDelete) record->Delete(key_of(key));
      if (verdict == Verdict::kReplace) record->Put(replacement);
      if (const Outcome ready = record->Reserve(); ready != Outcome::kOk) return ready;
    }
    if (verdict == Verdict::kDelete) RemoveRow(key, HashValue(key_of(key), options.hash_seed));
    if (verdict == Verdict::kReplace) ReplaceRow(key, replacement);
    if (record != nullptr) record->Stored();
    return Outcome::kOk;
  }
  Slots doomed;
  absl::InlinedVector<uint32_t, 16> numbers;  // of the doomed, in their chain
  uint32_t judged = 0;
  chains->ForEachRow(key, Direction::kForward, [&](Slot slot) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (judge->Judge(rows.chunk_of(slot), slot & kChunkMask, &replacement) == Verdict::kDelete) {
      doomed.push_back(slot);
      numbers.push_back(judged);
    }
    ++judged;
  });
  *count += judged;
  if (doomed.empty()) return Outcome::kOk;
  if (record != nullptr) {
    if (doomed.size() == judged) {
      record->Delete(key_of(doomed[0]));
    } else {
      record->DeleteSome(key_of(doomed[0]), numbers);
    }
    if (const Outcome ready = record->Reserve(); ready != Outcome::kOk) return ready;
  }
  RemoveRowsOf(key, HashValue(key_of(doomed[0]), options.hash_seed), doomed);
  if (record != nullptr) record->Stored();
  return Outcome::kOk;
}

Slot Partition::ClaimKey(uint64_t hash, const Value& key) {
  Slot slot = kNoSlot;
  if (fixed == nullptr || !fixed->Find(hash, key, &slot) || slot == kNoSlot) return keys().ClaimSlot();
  keys().ClaimHeld(slot);
  return slot;
}

void Partition::NoteKeyErased(Slot key, uint64_t hash) {
  if (ABSL_PREDICT_TRUE(fixed == nullptr)) return;
  keys().Hold(key);
  const Slot row = FirstRow(key);
  fixed->Remember(hash, ReadElement(rows.chunk_of(row), fixed->keypos(), row & kChunkMask), key);
}

bool Partition::FindErasedKey(uint64_t hash, const Value& key, Slot* number) const {
  if (fixed == nullptr) return false;
  if (fixed->Find(hash, key, number)) return true;
  *number = kNoSlot;
  for (const FixedKeys::Cleared& cleared : fixed->cleared()) {
    const PinnedKeys then{cleared.rows, cleared.keys, chains != nullptr};
    const auto is_key = [&](Slot number)
                            ABSL_NO_THREAD_SAFETY_ANALYSIS { return then.Has(number, key, fixed->keypos()); };
    for (const OldIndex& old : old_indexes) {
      if (old.retired_at > cleared.epoch && old.index.Find(IndexHash(hash), is_key) != kNoSlot) return true;
    }
  }
  return false;
}

void Partition::ReapPins() {
  if (!rows.has_pins() && !keys().has_pins() && erased.empty() && old_indexes.empty()) return;
  rows.ReapPins();
  if (chains != nullptr) keys().ReapPins();
  if (keys().oldest_pin() == oldest_pin) return;
  oldest_pin = keys().oldest_pin();
  for (auto it = erased.begin(); it != erased.end();) {
    auto& slots = it->second;
    slots.erase(std::remove_if(slots.begin(), slots.end(),
                               [this](const ErasedSlot& e)
                                   ABSL_NO_THREAD_SAFETY_ANALYSIS { return !keys().HasPinIn(0, e.epoch); }),
                slots.end());
    it = slots.empty() ? erased.erase(it) : std::next(it);
  }
  old_indexes.erase(std::remove_if(old_indexes.begin(), old_indexes.end(),
                                   [this](const OldIndex& old)
                                       ABSL_NO_THREAD_SAFETY_ANALYSIS { return !keys().HasPinIn(0, old.retired_at); }),
                    old_indexes.end());
}

void Partition::PrepareRemoveAll(bool drop) {
  MaybeFailAllocation();
  old_indexes.reserve(old_indexes.size() + 1);
  if (fixed == nullptr || drop) return;
  auto token = std::make_shared<PinToken>();
  fixed->cleared().reserve(fixed->cleared().size() + 1);
  FixedKeys::Cleared cleared(keys().epoch(), token, rows.chunks(), keys().chunks());
  if (chains != nullptr) keys().Pin(token);
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
  if (chains != nullptr) chains->RemoveAll();
  row_count.store(0, std::memory_order_release);
  if (keys().has_pins()) {
    old_indexes.push_back(OldIndex{std::move(removed), keys().epoch()});
    removed = HashIndex();
  }
  return removed;
}

uint64_t Partition::Bytes() const {
  uint64_t bytes =
      rows.bytes() + index.bytes() + erased.size() * (sizeof(decltype(erased)::value_type) + kMapNodeBytes);
  for (const OldIndex& old : old_indexes) bytes += old.index.bytes();
  if (fixed != nullptr) bytes += fixed->bytes();
  if (chains != nullptr) bytes += chains->bytes();
  return bytes;
}

uint64_t Partition::RetiredBytes() const {
  return rows.retired_bytes() + (chains == nullptr ? 0 : chains->keys().retired_bytes());
}

bool PinnedKeys::Has(Slot number, const Value& key, uint32_t keypos) const {
  const absl::Span<const Chunk* const> numbers = chained ? keys : rows;
  const uint32_t chunk_number = number >> kChunkShift;
  const Chunk* chunk = chunk_number < numbers.size() ? numbers[chunk_number] : nullptr;
  if (chunk == nullptr || !TestBit(chunk->live, number & kChunkMask)) return false;
  const Slot row = FirstRow(number);
  return KeyIs(*rows[row >> kChunkShift], row & kChunkMask, key, keypos);
}

Status Partition::CheckInvariants(uint64_t seed, uint32_t keypos) const {
  Status status = rows.CheckInvariants();
  if (status.ok()) status = index.CheckInvariants();
  if (status.ok() && chains != nullptr) status = chains->CheckInvariants(index);
  if (!status.ok()) return status;
  uint64_t live = 0;
  uint64_t live_keys = 0;
  for (const Chunk* chunk : rows.chunks()) live += chunk == nullptr ? 0 : chunk->live_count;
  for (const Chunk* chunk : keys().chunks()) {
    if (chunk == nullptr) continue;
    live_keys += chunk->live_count;
    ForEachLive(*chunk, [&](uint32_t place) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      const Slot number = chunk->number << kChunkShift | place;
      const Slot row = FirstRow(number);
      const Value key = ReadElement(rows.chunk_of(row), keypos, row & kChunkMask);
      if (FindKey(HashValue(key, seed), key, keypos) != number) {
        status = InternalError(absl::StrCat("the index does not lead to the key of the row at slot ", row));
      }
    });
  }
  if (!status.ok()) return status;
  if (live != row_count.load(std::memory_order_relaxed) || live_keys != index.size()) {
    return InternalError(absl::StrCat(live, " live rows, ", row_count.load(std::memory_order_relaxed), " counted; ",
                                      live_keys, " keys, ", index.size(), " in the index"));
  }
  return OkStatus();
}

}  // namespace partita
