// Tables of type bag and duplicate_bag: any number of rows a key, in the order they came in (bag_chains.h). A bag does
// not take a row that is exactly equal to one it has, which keeps its place; a duplicate_bag does.

#ifndef PARTITA_TABLE_BAG_TABLE_H_
#define PARTITA_TABLE_BAG_TABLE_H_

#include "table/hash_table.h"

namespace partita {

class BagTable final : public HashTable {
 public:
  explicit BagTable(const TableOptions& options) : HashTable(options), distinct_(options.type == TableType::kBag) {}

  Outcome Insert(const RowView& row, Wait wait) override;
  Outcome InsertNew(const RowView& row, Wait wait, bool* inserted) override;
  Outcome InsertList(absl::Span<const RowView> rows, bool only_new, Wait wait, bool* inserted) override;
  Outcome InsertBatch(absl::Span<const RowView> rows, Wait wait, uint64_t* done) override;
  Outcome Delete(const KeyView& key, Wait wait, uint64_t* removed) override;
  Outcome DeleteBatch(absl::Span<const KeyView> keys, Wait wait, uint64_t* removed) override;
  // Of a duplicate_bag all rows that are equal to `row`.
  Outcome DeleteObject(const RowView& row, Wait wait, uint64_t* removed) override;
  Outcome Take(const KeyView& key, Wait wait, RowBuffer* out) override;
  // A key does not tell which row is meant: these three are kWrongType.
  Outcome UpdateCounter(const KeyView& key, absl::Span<const CounterOp> ops, const RowView* default_row, Wait wait,
                        bool* found, RowBuffer* out, size_t* failed_op) override;
  Outcome UpdateElement(const KeyView& key, absl::Span<const ElementUpdate> updates, const RowView* default_row,
                        Wait wait, bool* found, size_t* failed_op) override;
  Outcome CompareAndSwap(const RowView& old_row, const RowView& new_row, Wait wait, bool* swapped) override;
  Outcome Lookup(const KeyView& key, Wait wait, RowBuffer* out) override;
  Outcome LookupBatch(absl::Span<const KeyView> keys, Wait wait, RowBuffer* out,
                      std::vector<RowRange>* ranges) override;
  Outcome LookupElement(const KeyView& key, uint32_t position, Wait wait, RowBuffer* out) override;
  Outcome Member(const KeyView& key, Wait wait, bool* found) override;
  Outcome CountKeys(Wait wait, uint64_t* keys) override ABSL_NO_THREAD_SAFETY_ANALYSIS;

 private:
  // Runs work(partition, number of the key or kNoSlot) under the lock of the key's partition; work may throw
  // std::bad_alloc.
  template <typename Work>
  Outcome OnKey(const Value& key, uint64_t hash, Wait wait, Work&& work);
  const Value& KeyOf(const RowView& row) const { return row.values[options_.keypos]; }

  // The two ways of an addition that is not stored (bag_chains.h). `key`: the number of the row's key, or kNoSlot.
  // `key_stored`: false if that number comes from an addition that is not stored yet. False: there are no more slots.
  bool PrepareAdd(Partition* partition, const RowView& row, Slot key, bool key_stored, BagChains::Addition* addition)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition->lock);
  void AbandonAdd(Partition* partition, const RowView& row, const BagChains::Addition& addition)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition->lock);
  // Throws std::bad_alloc and changes nothing then. The record is not appended.
  template <typename Record>
  Outcome AddRow(Partition* partition, Slot key, const RowView& row, Record* record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition->lock);

  // The analysis follows one lock at a time, not LockedMany: what runs under several is left out of it.

  struct ListRow;
  // The rows of a list by partition and key, those of one key in their order; in a bag without repeated ones.
  std::vector<ListRow> OrderForList(absl::Span<const RowView> rows) const;
  void DropRepeated(absl::Span<const RowView> rows, std::vector<uint32_t>* order) const;
  void DropPresent(absl::Span<const RowView> rows, std::vector<ListRow>* list) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  template <typename Record>
  Outcome InsertListAtOnce(absl::Span<const RowView> rows, bool only_new, Wait wait, Record* record,
                           bool* inserted) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  Outcome InsertListLocked(absl::Span<const RowView> rows, std::vector<ListRow>* list) ABSL_NO_THREAD_SAFETY_ANALYSIS;

  const bool distinct_;  // a bag, not a duplicate_bag
};

}  // namespace partita

#endif  // PARTITA_TABLE_BAG_TABLE_H_
