// Calls on one key. Batches and lists: set_table_batch.cc.

#include "table/set_table.h"

#include <algorithm>
#include <utility>

#include "table/counter.h"
#include "table/record.h"

namespace partita {

template <typename Work>
inline Outcome SetTable::OnPartition(uint64_t hash, Wait wait, Work&& work) {
  Partition& partition = PartitionOf(hash);
  const Locked locked(&partition, wait);
  if (ABSL_PREDICT_FALSE(!locked.got())) return Outcome::kWouldBlock;
  if (ABSL_PREDICT_FALSE(dropped())) return Outcome::kDropped;
  try {
    return work(partition);
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

template <typename Work>
inline Outcome SetTable::OnKey(const Value& key, uint64_t hash, Wait wait, Work&& work) {
  return OnPartition(hash, wait, [&](Partition& partition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
    return work(partition, partition.Find(hash, key, options_.keypos));
  });
}

template <typename Work>
inline Outcome SetTable::OnElement(const KeyView& key, uint32_t position, Wait wait, Work&& work) {
  return OnPartition(key.hash, wait, [&](Partition& partition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
    return work(partition, partition.FindElement(key.hash, key.key, options_.keypos, position));
  });
}

Outcome SetTable::Insert(const RowView& row, Wait wait) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Put(row);
    return OnKey(KeyOf(row), row.key_hash, wait,
                 [&](Partition& partition, Slot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                   if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                   if (slot == kNoSlot) return record.Done(partition.AddRow(row));
                   partition.ReplaceRow(slot, absl::MakeConstSpan(row.values, row.arity));
                   return record.Done(Outcome::kOk);
                 });
  });
}

Outcome SetTable::InsertNew(const RowView& row, Wait wait, bool* inserted) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Put(row);
    return OnKey(KeyOf(row), row.key_hash, wait,
                 [&](Partition& partition, Slot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                   *inserted = slot == kNoSlot;
                   if (!*inserted) return Outcome::kOk;
                   if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                   return record.Done(partition.AddRow(row));
                 });
  });
}

Outcome SetTable::Delete(const KeyView& key, Wait wait, uint64_t* removed) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Delete(key.key);
    return OnKey(key.key, key.hash, wait,
                 [&](Partition& partition, Slot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                   *removed = slot == kNoSlot ? 0 : 1;
                   if (slot == kNoSlot) return Outcome::kOk;
                   if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                   partition.RemoveRow(slot, key.hash);
                   return record.Done(Outcome::kOk);
                 });
  });
}

Outcome SetTable::DeleteObject(const RowView& row, Wait wait, uint64_t* removed) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Delete(KeyOf(row));
    return OnKey(KeyOf(row), row.key_hash, wait,
                 [&](Partition& partition, Slot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                   *removed = slot != kNoSlot && partition.RowEquals(slot, row) ? 1 : 0;
                   if (*removed == 0) return Outcome::kOk;
                   if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                   partition.RemoveRow(slot, row.key_hash);
                   return record.Done(Outcome::kOk);
                 });
  });
}

Outcome SetTable::Take(const KeyView& key, Wait wait, RowBuffer* out) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Delete(key.key);
    return OnKey(key.key, key.hash, wait,
                 [&](Partition& partition, Slot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                   if (slot == kNoSlot) return Outcome::kOk;
                   if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                   partition.CopyRow(slot, out);
                   partition.RemoveRow(slot, key.hash);
                   return record.Done(Outcome::kOk);
                 });
  });
}

Outcome SetTable::CompareAndSwap(const RowView& old_row, const RowView& new_row, Wait wait, bool* swapped) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Put(new_row);
    return OnKey(KeyOf(old_row), old_row.key_hash, wait,
                 [&](Partition& partition, Slot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                   *swapped = slot != kNoSlot && partition.RowEquals(slot, old_row);
                   if (!*swapped) return Outcome::kOk;
                   if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                   partition.ReplaceRow(slot, absl::MakeConstSpan(new_row.values, new_row.arity));
                   return record.Done(Outcome::kOk);
                 });
  });
}

Outcome SetTable::Lookup(const KeyView& key, Wait wait, RowBuffer* out) {
  return OnKey(key.key, key.hash, wait,
               [&](Partition& partition, Slot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                 if (slot != kNoSlot) partition.CopyRow(slot, out);
                 return Outcome::kOk;
               });
}

Outcome SetTable::LookupElement(const KeyView& key, uint32_t position, Wait wait, RowBuffer* out) {
  return OnElement(key, position, wait,
                   [&](Partition& partition, Slot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                     if (slot == kNoSlot) return Outcome::kOk;
                     const Chunk& chunk = partition.rows.chunk_of(slot);
                     const uint32_t place = slot & kChunkMask;
                     if (position >= RowArity(chunk, place)) return Outcome::kBadPosition;
                     out->AddCopy(ReadElement(chunk, position, place));
                     out->EndRow();
                     return Outcome::kOk;
                   });
}

Outcome SetTable::Member(const KeyView& key, Wait wait, bool* found) {
  return OnElement(key, options_.keypos, wait, [&](Partition&, Slot slot) {
    *found = slot != kNoSlot;
    return Outcome::kOk;
  });
}

Outcome SetTable::UpdateCounter(const KeyView& key, absl::Span<const CounterOp> ops, const RowView* default_row,
                                Wait wait, bool* found, RowBuffer* out, size_t* failed_op) {
  return Journaled(journal(), wait, [&](auto& record) {
    return OnKey(
        key.key, key.hash, wait, [&](Partition& partition, Slot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
          *found = slot != kNoSlot || default_row != nullptr;
          if (!*found) return Outcome::kOk;
          if (slot != kNoSlot) {
            return CountInRow(&partition, slot, key.key, ops, options_.keypos, &record, out, failed_op);
          }
          RowValues values;
          const Outcome outcome = CountFromDefault(*default_row, ops, options_.keypos, out, failed_op, &values);
          if (outcome != Outcome::kOk) return outcome;
          record.Put(values);
          if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
          return record.Done(partition.AddRow(RowView{values.data(), default_row->arity, default_row->key_hash}));
        });
  });
}

Outcome SetTable::AddToInt(const KeyView& key, uint32_t position, int64_t increment, Wait wait, bool* done,
                           int64_t* sum) {
  return Journaled(journal(), wait, [&](auto& record) {
    return OnElement(
        key, position, wait, [&](Partition& partition, Slot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
          int64_t* counter =
              slot == kNoSlot || position == options_.keypos ? nullptr : partition.rows.WritableInt(slot, position);
          *done = counter != nullptr && !__builtin_add_overflow(*counter, increment, sum);
          if (!*done) return Outcome::kOk;
          record.SetElement(key.key, position, Value::Int(*sum));
          if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
          *counter = *sum;
          return record.Done(Outcome::kOk);
        });
  });
}

Outcome SetTable::UpdateElement(const KeyView& key, absl::Span<const ElementUpdate> updates, const RowView* default_row,
                                Wait wait, bool* found, size_t* failed_op) {
  return Journaled(journal(), wait, [&](auto& record) {
    return OnKey(
        key.key, key.hash, wait, [&](Partition& partition, Slot slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
          *found = slot != kNoSlot || default_row != nullptr;
          if (!*found) return Outcome::kOk;
          const uint32_t arity =
              slot == kNoSlot ? default_row->arity : RowArity(partition.rows.chunk_of(slot), slot & kChunkMask);
          const Outcome outcome = CheckElements(updates, arity, options_.keypos, failed_op);
          if (outcome != Outcome::kOk) return outcome;
          if (slot != kNoSlot) {
            record.SetElements(key.key, updates);
            if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
            SetElements(&partition, slot, updates);
            return record.Done(Outcome::kOk);
          }
          RowValues values;
          SetInDefault(*default_row, updates, &values);
          record.Put(values);
          if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
          return record.Done(partition.AddRow(RowView{values.data(), arity, default_row->key_hash}));
        });
  });
}

}  // namespace partita
