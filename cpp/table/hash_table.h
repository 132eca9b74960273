// What the table types that are looked up by hash share: partitions, whole-table calls, snapshots, walks.

#ifndef PARTITA_TABLE_HASH_TABLE_H_
#define PARTITA_TABLE_HASH_TABLE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "base/sync_point.h"
#include "table/partition.h"
#include "table/registry.h"
#include "table/table.h"

namespace partita {

class HashTable : public Table {
 public:
  ~HashTable() override;

  Outcome Clear(Wait wait) override;
  Outcome Drop(Wait wait) override;
  Outcome Size(Wait wait, uint64_t* rows) override;
  using Table::TakeSnapshot;
  Outcome TakeSnapshot(Wait wait, ColumnSet columns,
                       std::shared_ptr<Snapshot>* out) override ABSL_NO_THREAD_SAFETY_ANALYSIS;
  using Table::NewWalk;
  std::unique_ptr<Walk> NewWalk(Direction direction) override;
  Outcome StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out) override;
  Outcome ReadSlot(uint64_t number, Wait wait, bool* past_end, RowBuffer* out) override;
  Outcome Fix(Wait wait) override ABSL_NO_THREAD_SAFETY_ANALYSIS;
  Outcome Unfix(Wait wait) override ABSL_NO_THREAD_SAFETY_ANALYSIS;
  Outcome Stats(Wait wait, TableStats* out) override ABSL_NO_THREAD_SAFETY_ANALYSIS;
  Outcome Compact(Wait wait) override;
  Status CheckInvariants() override ABSL_NO_THREAD_SAFETY_ANALYSIS;

 protected:
  friend class HashSnapshot;
  friend class HashWalk;

  explicit HashTable(const TableOptions& options);

  uint32_t PartitionNumber(uint64_t hash) const {
    return static_cast<uint32_t>(((hash >> 32) * options_.partitions) >> 32);
  }
  Partition& PartitionOf(uint64_t hash) { return partitions_[PartitionNumber(hash)]; }
  // Order of `hashes` by partition, stable, and the range of each: order[begins[p]] to order[begins[p + 1]] are those
  // of p.
  void GroupByPartition(size_t count, const uint64_t* hashes, std::vector<uint32_t>* order,
                        std::vector<uint32_t>* begins) const;

  // Brackets what a list insert stores under several locks, so that Size() does not count a part of it.
  class ListStep {
   public:
    explicit ListStep(HashTable* table) : table_(table) {
      table_->list_steps_begun_.fetch_add(1);
      SyncPoint();
    }
    ~ListStep() {
      SyncPoint();
      table_->list_steps_done_.fetch_add(1);
    }

   private:
    HashTable* table_;
  };

  const std::unique_ptr<Partition[]> partitions_;
  const std::vector<uint32_t> all_numbers_;  // 0, 1, ...: for LockedMany

 private:
  Outcome StepInPartition(uint32_t number, Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out,
                          bool* found);
  Outcome RemoveAll(Wait wait, bool drop) ABSL_NO_THREAD_SAFETY_ANALYSIS;

  class Registration final : public RegisteredTable {
   public:
    explicit Registration(HashTable* table) : table_(table) { Register(); }
    ~Registration() { Unregister(); }

    void LockForFork() override ABSL_NO_THREAD_SAFETY_ANALYSIS;
    void UnlockAfterFork() override ABSL_NO_THREAD_SAFETY_ANALYSIS;
    void ResetAfterFork() override ABSL_NO_THREAD_SAFETY_ANALYSIS;
    uint64_t RowsNow() const override;

   private:
    HashTable* const table_;
  };

  std::atomic<uint64_t> list_steps_begun_{0};
  std::atomic<uint64_t> list_steps_done_{0};
  std::atomic<uint64_t> live_snapshots_{0};
  uint64_t fixes_ = 0;                   // that were not ended; changed under all locks, read under any
  std::atomic<uint64_t> generation_{0};  // changed under all locks when all rows go at once
  Registration registration_{this};      // last: see registry.h
};

}  // namespace partita

#endif  // PARTITA_TABLE_HASH_TABLE_H_
