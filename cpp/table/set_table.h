// A table of type set: one row a key, keys compared exactly.

#ifndef PARTITA_TABLE_SET_TABLE_H_
#define PARTITA_TABLE_SET_TABLE_H_

#include "table/hash_table.h"

namespace partita {

class SetTable final : public HashTable {
 public:
  explicit SetTable(const TableOptions& options) : HashTable(options) {}

  Outcome Insert(const RowView& row, Wait wait) override;
  Outcome InsertNew(const RowView& row, Wait wait, bool* inserted) override;
  Outcome InsertList(absl::Span<const RowView> rows, bool only_new, Wait wait, bool* inserted) override;
  Outcome InsertBatch(absl::Span<const RowView> rows, Wait wait, uint64_t* done) override;
  Outcome Delete(const KeyView& key, Wait wait, uint64_t* removed) override;
  Outcome DeleteBatch(absl::Span<const KeyView> keys, Wait wait, uint64_t* removed) override;
  Outcome DeleteObject(const RowView& row, Wait wait, uint64_t* removed) override;
  Outcome Take(const KeyView& key, Wait wait, RowBuffer* out) override;
  Outcome UpdateCounter(const KeyView& key, absl::Span<const CounterOp> ops, const RowView* default_row, Wait wait,
                        bool* found, RowBuffer* out, size_t* failed_op) override;
  Outcome AddToInt(const KeyView& key, uint32_t position, int64_t increment, Wait wait, bool* done,
                   int64_t* sum) override;
  Outcome UpdateElement(const KeyView& key, absl::Span<const ElementUpdate> updates, const RowView* default_row,
                        Wait wait, bool* found, size_t* failed_op) override;
  Outcome CompareAndSwap(const RowView& old_row, const RowView& new_row, Wait wait, bool* swapped) override;
  Outcome Lookup(const KeyView& key, Wait wait, RowBuffer* out) override;
  Outcome LookupBatch(absl::Span<const KeyView> keys, Wait wait, RowBuffer* out,
                      std::vector<RowRange>* ranges) override;
  Outcome LookupElement(const KeyView& key, uint32_t position, Wait wait, RowBuffer* out) override;
  Outcome Member(const KeyView& key, Wait wait, bool* found) override;

 private:
  // Runs work(partition) under the lock of the key's partition; work may throw std::bad_alloc.
  template <typename Work>
  Outcome OnPartition(uint64_t hash, Wait wait, Work&& work);
  // Runs work(partition, slot of the key or kNoSlot) there.
  template <typename Work>
  Outcome OnKey(const Value& key, uint64_t hash, Wait wait, Work&& work);
  // The same for work that reads, beside the key, one element at most.
  template <typename Work>
  Outcome OnElement(const KeyView& key, uint32_t position, Wait wait, Work&& work);
  const Value& KeyOf(const RowView& row) const { return row.values[options_.keypos]; }

  // The analysis follows one lock at a time, not LockedMany: what runs under several is left out of it.

  // A list insert's rows, of equal keys the last only, in the order of their partitions.
  std::vector<uint32_t> OrderForList(absl::Span<const RowView> rows) const;
  template <typename Record>
  Outcome InsertListAtOnce(absl::Span<const RowView> rows, bool only_new, Wait wait, Record* record,
                           bool* inserted) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  Outcome InsertListLocked(absl::Span<const RowView> rows,
                           absl::Span<const uint32_t> order) ABSL_NO_THREAD_SAFETY_ANALYSIS;
};

}  // namespace partita

#endif  // PARTITA_TABLE_SET_TABLE_H_
