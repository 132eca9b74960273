// What the table types that are looked up by hash share: partitions, snapshots, walks.

#ifndef PARTITA_TABLE_HASH_TABLE_H_
#define PARTITA_TABLE_HASH_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "table/partition.h"
#include "table/sharded_table.h"
#include "table/table.h"

namespace partita {

class HashTable : public ShardedTable {
 public:
  ~HashTable() override;

  using Table::NewWalk;
  std::unique_ptr<Walk> NewWalk(Direction direction) override;
  std::unique_ptr<Walk> NewKeyWalk() override;
  std::unique_ptr<Sweep> NewSweep(const KeySpan* span, Direction direction) override;
  Outcome JudgeKey(const KeyView& key, RowJudge* judge, Wait wait) override;
  Outcome StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out) override;
  Outcome ReadSlot(uint64_t number, Wait wait, bool* past_end, RowBuffer* out) override;
  Outcome Fix(Wait wait) override ABSL_NO_THREAD_SAFETY_ANALYSIS;
  Outcome Unfix(Wait wait) override ABSL_NO_THREAD_SAFETY_ANALYSIS;
  Outcome Compact(Wait wait) override;
  Status CheckInvariants() override ABSL_NO_THREAD_SAFETY_ANALYSIS;

 protected:
  friend class HashSnapshot;
  friend class HashSweep;
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

  // For calls that are not atomic as a whole. Runs work(partition, part) under the lock of each partition that has a
  // part of the items [0, count), whose hashes are those of hash_of(item): their numbers, in their order, a few hundred
  // at most under one hold of the lock. work may throw std::bad_alloc. Ends with the first outcome that is not kOk.
  template <typename HashOf, typename Work>
  Outcome InPartitions(size_t count, HashOf&& hash_of, Wait wait, Work&& work);

  const std::unique_ptr<Partition[]> partitions_;
  const std::vector<uint32_t> all_numbers_;  // 0, 1, ...

 private:
  Outcome StepInPartition(uint32_t number, Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out,
                          bool* found);
  std::shared_ptr<ShardedSnapshot> NewSnapshot() override;
  Outcome RemoveAll(Wait wait, bool drop, StepRecord* record) override ABSL_NO_THREAD_SAFETY_ANALYSIS;

  std::optional<Registration> registration_;  // made once the shards are there; last: see registry.h
};

template <typename HashOf, typename Work>
Outcome HashTable::InPartitions(size_t count, HashOf&& hash_of, Wait wait, Work&& work) {
  constexpr uint32_t kMostPerHold = 256;
  try {
    std::vector<uint64_t> hashes(count);
    for (size_t i = 0; i < count; ++i) hashes[i] = hash_of(i);
    std::vector<uint32_t> order;
    std::vector<uint32_t> begins;
    GroupByPartition(count, hashes.data(), &order, &begins);
    for (const uint32_t number : all_numbers_) {
      Partition& partition = partitions_[number];
      for (uint32_t begin = begins[number]; begin < begins[number + 1]; begin += kMostPerHold) {
        const uint32_t size = std::min(kMostPerHold, begins[number + 1] - begin);
        const Locked locked(&partition, wait);
        if (!locked.got()) return Outcome::kWouldBlock;
        if (dropped()) return Outcome::kDropped;
        const Outcome outcome = work(partition, absl::MakeConstSpan(order).subspan(begin, size));
        if (outcome != Outcome::kOk) return outcome;
      }
    }
    return Outcome::kOk;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

}  // namespace partita

#endif  // PARTITA_TABLE_HASH_TABLE_H_
