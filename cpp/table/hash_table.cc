#include "table/hash_table.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "table/hash_snapshot.h"
#include "table/hash_sweep.h"
#include "table/hash_walk.h"
#include "table/record.h"

namespace partita {
namespace {

std::vector<uint32_t> NumbersBelow(uint32_t count) {
  std::vector<uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

std::unique_ptr<Partition[]> NewPartitions(const TableOptions& options) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  auto partitions = std::make_unique<Partition[]>(options.partitions);
  if (options.type == TableType::kSet) return partitions;
  for (uint32_t number = 0; number < options.partitions; ++number) {
    MaybeFailAllocation();
    partitions[number].chains =
        std::make_unique<BagChains>(&partitions[number].rows, options.keypos, options.hash_seed);
  }
  return partitions;
}

}  // namespace

HashTable::HashTable(const TableOptions& options)
    : ShardedTable(options, sizeof(HashTable) + options.partitions * (sizeof(Partition) + sizeof(uint32_t))),
      partitions_(NewPartitions(options)),
      all_numbers_(NumbersBelow(options.partitions)) {
  shards_.reserve(options.partitions);
  for (const uint32_t number : all_numbers_) shards_.push_back(&partitions_[number]);
  registration_.emplace(this);
}

HashTable::~HashTable() = default;

void HashTable::GroupByPartition(size_t count, const uint64_t* hashes, std::vector<uint32_t>* order,
                                 std::vector<uint32_t>* begins) const {
  begins->assign(options_.partitions + 1, 0);
  order->resize(count);
  for (size_t i = 0; i < count; ++i) ++(*begins)[PartitionNumber(hashes[i]) + 1];
  for (uint32_t p = 0; p < options_.partitions; ++p) (*begins)[p + 1] += (*begins)[p];
  std::vector<uint32_t> next(begins->begin(), begins->end() - 1);
  for (size_t i = 0; i < count; ++i) (*order)[next[PartitionNumber(hashes[i])]++] = static_cast<uint32_t>(i);
}

Outcome HashTable::RemoveAll(Wait wait, bool drop, StepRecord* record) {
  std::vector<HashIndex> removed;  // deleted after the locks are let go
  removed.reserve(options_.partitions);
  LockedMany locked;
  if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  // Should one fail: what a fixed partition noted by then is of keys that are there, and does no harm.
  for (const uint32_t number : all_numbers_) partitions_[number].PrepareRemoveAll(drop);
  if (const Outcome ready = ReserveClear(record); ready != Outcome::kOk) return ready;
  const ListStep step(this);
  BeginRemoveAll(drop);
  for (const uint32_t number : all_numbers_) removed.push_back(partitions_[number].RemoveAll(drop));
  return record == nullptr ? Outcome::kOk : record->Done(Outcome::kOk);
}

std::shared_ptr<ShardedSnapshot> HashTable::NewSnapshot() {
  return std::make_shared<HashSnapshot>(std::static_pointer_cast<HashTable>(shared_from_this()));
}

std::unique_ptr<Walk> HashTable::NewWalk(Direction direction) {
  return std::make_unique<HashWalk>(std::static_pointer_cast<HashTable>(shared_from_this()), direction,
                                    HashWalk::Of::kRows);
}

std::unique_ptr<Walk> HashTable::NewKeyWalk() {
  return std::make_unique<HashWalk>(std::static_pointer_cast<HashTable>(shared_from_this()), Direction::kForward,
                                    HashWalk::Of::kKeys);
}

std::unique_ptr<Sweep> HashTable::NewSweep(const KeySpan*, Direction) {
  return std::make_unique<HashSweep>(std::static_pointer_cast<HashTable>(shared_from_this()));
}

Outcome HashTable::JudgeKey(const KeyView& key, RowJudge* judge, Wait wait) {
  return Journaled(judge->writes() ? journal() : nullptr, wait, [&](auto& record) {
    Partition& partition = PartitionOf(key.hash);
    const Locked locked(&partition, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    try {
      const Slot number = partition.FindKey(key.hash, key.key, options_.keypos);
      if (number == kNoSlot) return Outcome::kOk;
      const RecordHold hold(record.pointer());
      uint64_t count = 0;
      return partition.JudgeRowsOf(number, options_, judge, record.pointer(), &count);
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
  });
}

Outcome HashTable::Compact(Wait wait) {
  for (const uint32_t number : all_numbers_) {
    Partition& partition = partitions_[number];
    const Locked locked(&partition, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    if (partition.fixed != nullptr) return Outcome::kFixed;
    try {
      partition.ReapPins();
      partition.rows.Compact();
      partition.index.Compact();
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
  }
  return Outcome::kOk;
}

Status HashTable::CheckInvariants() {
  LockedMany locked;
  locked.Take(shards_, Wait::kBlock);
  for (const uint32_t number : all_numbers_) {
    const Status status = partitions_[number].CheckInvariants(options_.hash_seed, options_.keypos);
    if (!status.ok()) return InternalError(absl::StrCat("partition ", number, ": ", status.message()));
  }
  return OkStatus();
}

}  // namespace partita
