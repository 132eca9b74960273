#include "table/key_range.h"

#include "absl/strings/str_cat.h"

namespace partita {

Slot KeyRange::PutLooseRow(absl::Span<const Value> values) {
  const Slot slot = rows.ClaimSlot();
  if (slot != kNoSlot) StoreNewRow(slot, values);
  return slot;
}

Outcome KeyRange::PutRow(const RowView& row, OrderedIndex::Position at, const SortKey& key) {
  const Slot slot = PutLooseRow(absl::MakeConstSpan(row.values, row.arity));
  if (slot == kNoSlot) return Outcome::kTooManyRows;
  try {
    index.Insert(at, key, slot);
  } catch (...) {
    rows.Erase(slot);
    throw;
  }
  return Outcome::kOk;
}

void KeyRange::RemoveRow(OrderedIndex::Position at) {
  const Slot slot = index.SlotAt(at);
  rows.PrepareErase(slot);
  index.PrepareErase(at);
  index.Erase(at);
  rows.Erase(slot);
  rows.TidyHeap(slot);
  AddRows(-1);
}

void KeyRange::UnputRow(OrderedIndex::Position at) {
  const Slot slot = index.SlotAt(at);
  index.Erase(at);
  rows.Erase(slot);
}

void KeyRange::RemoveAll() {
  rows.ReapPins();
  index.Clear();
  rows.ReleaseAll();
  row_count.store(0, std::memory_order_release);
}

Status KeyRange::CheckInvariants() const {
  const uint64_t count = row_count.load(std::memory_order_relaxed);
  Status status = rows.CheckInvariants(index.LeafBytes());
  if (status.ok()) status = index.CheckInvariants(count);
  if (!status.ok()) return status;
  uint64_t live = 0;
  for (const Chunk* chunk : rows.chunks()) live += chunk == nullptr ? 0 : chunk->live_count;
  if (live != count) return InternalError(absl::StrCat(live, " live rows, ", count, " counted"));
  return OkStatus();
}

}  // namespace partita
