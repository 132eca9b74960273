#include "table/shard.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "base/this_thread.h"
#include "table/row_match.h"

namespace partita {

void Shard::StoreNewRow(Slot slot, absl::Span<const Value> values) {
  if (ABSL_PREDICT_TRUE(rows.StoreRowInPlace(slot, values, /*fresh=*/true))) return;
  PendingRefs refs;
  try {
    rows.PrepareRow(slot, values, /*fresh=*/true, &refs);
  } catch (...) {
    rows.AbandonRefs(slot, refs);
    rows.UnclaimSlot(slot);
    throw;
  }
  rows.StoreRow(slot, values, refs, /*fresh=*/true);
}

void Shard::ReplaceRow(Slot slot, absl::Span<const Value> values) {
  if (ABSL_PREDICT_TRUE(rows.StoreRowInPlace(slot, values, /*fresh=*/false))) return;
  PendingRefs refs;
  try {
    rows.PrepareRow(slot, values, /*fresh=*/false, &refs);
  } catch (...) {
    rows.AbandonRefs(slot, refs);
    throw;
  }
  rows.StoreRow(slot, values, refs, /*fresh=*/false);
  rows.TidyHeap(slot);
}

bool Shard::RowEquals(Slot slot, const RowView& row) const {
  return RowIs(rows.chunk_of(slot), slot & kChunkMask, absl::MakeConstSpan(row.values, row.arity));
}

void CopyRowOut(const Chunk& chunk, uint32_t place, RowBuffer* out, bool* long_values) {
  const uint32_t arity = RowArity(chunk, place);
  const uint32_t in_columns = std::min(arity, kMaxColumns);
  Value* values = out->AddValues(arity);
  const auto copy_bytes = [&](Value v) {
    if (ABSL_PREDICT_FALSE(long_values != nullptr && v.size > RowBuffer::kMaxCopiedValue)) {
      *long_values = true;
      return v;
    }
    char* copy = out->Allocate(v.size);
    std::memcpy(copy, v.data, v.size);
    v.data = copy;
    return v;
  };
  for (uint32_t c = 0; c < in_columns; ++c) {
    const Column& column = chunk.columns[c];
    if (ABSL_PREDICT_TRUE(column.valid == nullptr)) {
      // The kinds of most columns, without what holds for any.
      if (column.kind == ColumnKind::kInt) {
        values[c] = Value::Int(column.ints()[place]);
        continue;
      }
      if (column.kind == ColumnKind::kFloat) {
        values[c] = Value::Float(column.floats()[place]);
        continue;
      }
    }
    Value v = ReadColumn(chunk, c, place);
    if (v.kind == Value::Kind::kStr && v.size <= StrRef::kInlineBytes) {
      // It lies in the array, so that a move of all the bytes there may be costs no call.
      char* copy = out->Allocate(StrRef::kInlineBytes);
      std::memcpy(copy, v.data, StrRef::kInlineBytes);
      v.data = copy;
    } else if (v.kind >= Value::Kind::kStr) {
      v = copy_bytes(v);
    }
    values[c] = v;
  }
  if (ABSL_PREDICT_FALSE(arity > kMaxColumns)) {
    absl::InlinedVector<Value, 8> rest;
    ReadRest(chunk, place, arity - kMaxColumns, &rest);
    values += kMaxColumns;
    for (const Value& v : rest) *values++ = v.kind >= Value::Kind::kStr ? copy_bytes(v) : v;
  }
  out->EndRow();
}

void Shard::CopyRow(Slot slot, RowBuffer* out) {
  bool long_values = false;
  CopyRowOut(rows.chunk_of(slot), slot & kChunkMask, out, &long_values);
  if (ABSL_PREDICT_FALSE(long_values)) PinLongValues(out);
}

void Shard::PinLongValues(RowBuffer* out) {
  auto pin = std::make_shared<PinToken>();
  pin->thread.store(ThisThread(), std::memory_order_relaxed);
  out->HoldPin(pin);
  rows.Pin(std::move(pin));
}

bool LockedMany::Take(absl::Span<Shard* const> shards, Wait wait) {
  shards_ = shards;
  for (size_t i = 0; i < shards.size(); ++i) {
    WordLock& lock = shards[i]->lock;
    if (wait == Wait::kBlock) {
      lock.Lock();
    } else if (!lock.TryLock()) {
      Release(i);
      return false;
    }
  }
  return true;
}

void LockedMany::Release(size_t count) {
  Block* garbage = nullptr;
  for (size_t i = count; i-- > 0;) {
    Shard& shard = *shards_[i];
    for (Block* block = shard.rows.TakeGarbage(); block != nullptr;) {
      Block* next = block->next;
      block->next = garbage;
      garbage = block;
      block = next;
    }
    shard.lock.Unlock();
  }
  shards_ = {};
  FreeBlockChain(garbage);
}

LockedMany::~LockedMany() { Release(shards_.size()); }

}  // namespace partita
