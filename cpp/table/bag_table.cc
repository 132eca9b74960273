// Calls on one key. Batches and lists: bag_table_batch.cc.

#include "table/bag_table.h"

#include "table/record.h"

namespace partita {

template <typename Work>
inline Outcome BagTable::OnKey(const Value& key, uint64_t hash, Wait wait, Work&& work) {
  Partition& partition = PartitionOf(hash);
  const Locked locked(&partition, wait);
  if (ABSL_PREDICT_FALSE(!locked.got())) return Outcome::kWouldBlock;
  if (ABSL_PREDICT_FALSE(dropped())) return Outcome::kDropped;
  try {
    return work(partition, partition.chains->FindKey(partition.index, hash, key));
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

bool BagTable::PrepareAdd(Partition* partition, const RowView& row, Slot key, bool key_stored,
                          BagChains::Addition* addition) {
  using KeyIs = BagChains::KeyIs;
  if (key != kNoSlot) {
    addition->key = key;
    return partition->chains->PrepareAdd(row, key_stored ? KeyIs::kStored : KeyIs::kPending, addition);
  }
  partition->index.Reserve(IndexHash(row.key_hash));
  key = partition->ClaimKey(row.key_hash, KeyOf(row));
  if (key == kNoSlot) return false;
  addition->key = key;
  addition->new_key = true;
  partition->index.Insert(IndexHash(row.key_hash), key);
  return partition->chains->PrepareAdd(row, KeyIs::kNew, addition);
}

void BagTable::AbandonAdd(Partition* partition, const RowView& row, const BagChains::Addition& addition) {
  if (addition.new_key) partition->index.Erase(IndexHash(row.key_hash), addition.key);
  partition->chains->AbandonAdd(addition);
}

template <typename Record>
Outcome BagTable::AddRow(Partition* partition, Slot key, const RowView& row, Record* record) {
  BagChains& chains = *partition->chains;
  if (distinct_ && key != kNoSlot && chains.FindRow(key, row) != kNoSlot) return Outcome::kOk;
  record->Put(row);
  if (const Outcome ready = record->Reserve(); ready != Outcome::kOk) return ready;
  BagChains::Addition addition;
  try {
    if (!PrepareAdd(partition, row, key, /*key_stored=*/true, &addition)) {
      AbandonAdd(partition, row, addition);
      return Outcome::kTooManyRows;
    }
  } catch (...) {
    AbandonAdd(partition, row, addition);
    throw;
  }
  chains.StoreAdd(row, addition);
  chains.TidyHashes(addition.key);
  partition->AddRows(1);
  record->Stored();
  return Outcome::kOk;
}
template Outcome BagTable::AddRow(Partition*, Slot, const RowView&, NoRecord*);
template Outcome BagTable::AddRow(Partition*, Slot, const RowView&, StepRecord*);

Outcome BagTable::Insert(const RowView& row, Wait wait) {
  return Journaled(journal(), wait, [&](auto& record) {
    return OnKey(KeyOf(row), row.key_hash, wait,
                 [&](Partition& partition, Slot key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                   const RecordHold hold(&record);
                   return AddRow(&partition, key, row, &record);
                 });
  });
}

Outcome BagTable::InsertNew(const RowView& row, Wait wait, bool* inserted) {
  return Journaled(journal(), wait, [&](auto& record) {
    return OnKey(KeyOf(row), row.key_hash, wait,
                 [&](Partition& partition, Slot key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                   *inserted = key == kNoSlot;
                   const RecordHold hold(&record);
                   return *inserted ? AddRow(&partition, key, row, &record) : Outcome::kOk;
                 });
  });
}

Outcome BagTable::Delete(const KeyView& key, Wait wait, uint64_t* removed) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Delete(key.key);
    return OnKey(key.key, key.hash, wait,
                 [&](Partition& partition, Slot number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                   *removed = 0;
                   if (number == kNoSlot) return Outcome::kOk;
                   if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                   *removed = partition.RemoveKey(number, key.hash);
                   return record.Done(Outcome::kOk);
                 });
  });
}

Outcome BagTable::DeleteObject(const RowView& row, Wait wait, uint64_t* removed) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.DeleteObject(row);
    return OnKey(KeyOf(row), row.key_hash, wait,
                 [&](Partition& partition, Slot key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                   *removed = 0;
                   if (key == kNoSlot) return Outcome::kOk;
                   BagChains& chains = *partition.chains;
                   Slots equal;
                   if (distinct_) {
                     if (const Slot slot = chains.FindRow(key, row); slot != kNoSlot) equal.push_back(slot);
                   } else {
                     chains.FindRows(key, row, &equal);
                   }
                   if (equal.empty()) return Outcome::kOk;
                   if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                   partition.RemoveRowsOf(key, row.key_hash, equal);
                   *removed = equal.size();
                   return record.Done(Outcome::kOk);
                 });
  });
}

Outcome BagTable::Take(const KeyView& key, Wait wait, RowBuffer* out) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Delete(key.key);
    return OnKey(key.key, key.hash, wait,
                 [&](Partition& partition, Slot number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                   if (number == kNoSlot) return Outcome::kOk;
                   if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                   partition.CopyRowsOf(number, Direction::kForward, LongValues::kPinned, out);
                   partition.RemoveKey(number, key.hash);
                   return record.Done(Outcome::kOk);
                 });
  });
}

Outcome BagTable::UpdateCounter(const KeyView&, absl::Span<const CounterOp>, const RowView*, Wait, bool*, RowBuffer*,
                                size_t*) {
  return Outcome::kWrongType;
}

Outcome BagTable::UpdateElement(const KeyView&, absl::Span<const ElementUpdate>, const RowView*, Wait, bool*, size_t*) {
  return Outcome::kWrongType;
}

Outcome BagTable::CompareAndSwap(const RowView&, const RowView&, Wait, bool*) { return Outcome::kWrongType; }

Outcome BagTable::Lookup(const KeyView& key, Wait wait, RowBuffer* out) {
  return OnKey(key.key, key.hash, wait,
               [&](Partition& partition, Slot number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
                 if (number != kNoSlot) partition.CopyRowsOf(number, Direction::kForward, LongValues::kPinned, out);
                 return Outcome::kOk;
               });
}

Outcome BagTable::LookupElement(const KeyView& key, uint32_t position, Wait wait, RowBuffer* out) {
  return OnKey(
      key.key, key.hash, wait, [&](Partition& partition, Slot number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
        if (number == kNoSlot) return Outcome::kOk;
        Outcome outcome = Outcome::kOk;
        partition.chains->ForEachRow(number, Direction::kForward, [&](Slot slot) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          const Chunk& chunk = partition.rows.chunk_of(slot);
          if (outcome != Outcome::kOk || position >= RowArity(chunk, slot & kChunkMask)) {
            outcome = Outcome::kBadPosition;
            return;
          }
          out->AddCopy(ReadElement(chunk, position, slot & kChunkMask));
          out->EndRow();
        });
        return outcome;
      });
}

Outcome BagTable::Member(const KeyView& key, Wait wait, bool* found) {
  return OnKey(key.key, key.hash, wait, [&](Partition&, Slot number) {
    *found = number != kNoSlot;
    return Outcome::kOk;
  });
}

Outcome BagTable::CountKeys(Wait wait, uint64_t* keys) {
  LockedMany locked;
  if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  *keys = 0;
  for (const uint32_t number : all_numbers_) *keys += partitions_[number].index.size();
  return Outcome::kOk;
}

}  // namespace partita
