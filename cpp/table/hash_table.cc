#include "table/hash_table.h"

#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "table/hash_snapshot.h"
#include "table/hash_walk.h"

namespace partita {
namespace {

std::vector<uint32_t> NumbersBelow(uint32_t count) {
  std::vector<uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

}  // namespace

HashTable::HashTable(const TableOptions& options)
    : Table(options),
      partitions_(std::make_unique<Partition[]>(options.partitions)),
      all_numbers_(NumbersBelow(options.partitions)) {}

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

Outcome HashTable::RemoveAll(Wait wait, bool drop) {
  std::vector<HashIndex> removed;  // deleted after the locks are let go
  removed.reserve(options_.partitions);
  LockedMany locked;
  if (!locked.Take(partitions_.get(), all_numbers_, wait)) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  // Should one fail: what a fixed partition noted by then is of keys that are there, and does no harm.
  for (const uint32_t number : all_numbers_) partitions_[number].PrepareRemoveAll(drop);
  const ListStep step(this);
  generation_.fetch_add(1, std::memory_order_release);
  if (drop) dropped_.store(true, std::memory_order_release);
  for (const uint32_t number : all_numbers_) removed.push_back(partitions_[number].RemoveAll(drop));
  return Outcome::kOk;
}

Outcome HashTable::Clear(Wait wait) {
  try {
    return RemoveAll(wait, /*drop=*/false);
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome HashTable::Drop(Wait wait) {
  try {
    return RemoveAll(wait, /*drop=*/true);
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome HashTable::Size(Wait wait, uint64_t* rows) {
  constexpr int kTries = 100;
  const auto sum = [this] {
    uint64_t total = 0;
    for (const uint32_t number : all_numbers_) total += partitions_[number].row_count.load(std::memory_order_acquire);
    return total;
  };
  for (int i = 0; i < kTries; ++i) {
    if (dropped()) return Outcome::kDropped;
    const uint64_t done = list_steps_done_.load();
    if (list_steps_begun_.load() != done) continue;
    *rows = sum();
    // Whoever saw a count that a list insert stored sees here that the insert had begun (Partition::AddRows).
    if (list_steps_begun_.load() == done) return Outcome::kOk;
  }
  LockedMany locked;
  if (!locked.Take(partitions_.get(), all_numbers_, wait)) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  *rows = sum();
  return Outcome::kOk;
}

Outcome HashTable::TakeSnapshot(Wait wait, ColumnSet columns, std::shared_ptr<Snapshot>* out) {
  try {
    auto snapshot = std::make_shared<HashSnapshot>(std::static_pointer_cast<HashTable>(shared_from_this()));
    // A snapshot that was not taken whole is let go after the locks.
    LockedMany locked;
    if (!locked.Take(partitions_.get(), all_numbers_, wait)) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    snapshot->Take(columns);
    *out = std::move(snapshot);
    return Outcome::kOk;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

std::unique_ptr<Walk> HashTable::NewWalk(Direction) {
  return std::make_unique<HashWalk>(std::static_pointer_cast<HashTable>(shared_from_this()));
}

Outcome HashTable::Stats(Wait wait, TableStats* out) {
  try {
    out->partition_rows.resize(options_.partitions);
    LockedMany locked;
    if (!locked.Take(partitions_.get(), all_numbers_, wait)) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    out->rows = 0;
    out->memory_bytes = sizeof(HashTable) + options_.partitions * (sizeof(Partition) + sizeof(uint32_t));
    out->snapshots = 0;
    out->snapshot_retained_bytes = 0;
    for (const uint32_t number : all_numbers_) {
      Partition& partition = partitions_[number];
      partition.ReapPins();
      const uint64_t rows = partition.row_count.load(std::memory_order_relaxed);
      out->partition_rows[number] = rows;
      out->rows += rows;
      out->memory_bytes += partition.Bytes();
      out->snapshot_retained_bytes += partition.rows.retired_bytes();
    }
    out->snapshots = live_snapshots_.load(std::memory_order_relaxed);
    out->fixes = fixes_;
    return Outcome::kOk;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
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
  locked.Take(partitions_.get(), all_numbers_, Wait::kBlock);
  for (const uint32_t number : all_numbers_) {
    const Status status = partitions_[number].CheckInvariants(options_.hash_seed, options_.keypos);
    if (!status.ok()) return InternalError(absl::StrCat("partition ", number, ": ", status.message()));
  }
  return OkStatus();
}

void HashTable::Registration::LockForFork() {
  for (const uint32_t number : table_->all_numbers_) table_->partitions_[number].lock.LockWithoutCheck();
}

void HashTable::Registration::UnlockAfterFork() {
  for (const uint32_t number : table_->all_numbers_) table_->partitions_[number].lock.Unlock();
}

void HashTable::Registration::ResetAfterFork() {
  for (const uint32_t number : table_->all_numbers_) {
    table_->partitions_[number].rows.EndPinsAfterFork();
    table_->partitions_[number].lock.ResetAfterFork();
  }
}

uint64_t HashTable::Registration::RowsNow() const {
  uint64_t rows = 0;
  for (const uint32_t number : table_->all_numbers_) {
    rows += table_->partitions_[number].row_count.load(std::memory_order_relaxed);
  }
  return rows;
}

}  // namespace partita
