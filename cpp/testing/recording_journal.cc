#include "testing/recording_journal.h"

#include <cstring>
#include <map>

#include "column/block.h"
#include "table/record.h"
#include "testing/check.h"
#include "testing/dump.h"

namespace partita::testing {

// What was reserved was appended or given back.
RecordingJournal::~RecordingJournal() { PARTITA_CHECK(reserved_ == 0); }

Outcome RecordingJournal::Admit(Wait wait) {
  PARTITA_CHECK(LocksHeldByThisThread() == 0);
  admitted.fetch_add(1);
  return wait == Wait::kTry && waits ? Outcome::kWouldBlock : admit.load();
}

Outcome RecordingJournal::Reserve(size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (reserve != Outcome::kOk) return reserve;
  MaybeFailAllocation();
  // So that Append() need not ask for memory.
  if (log_.capacity() < log_.size() + reserved_ + bytes) log_.reserve(2 * (log_.size() + reserved_ + bytes));
  if (begins_.capacity() < begins_.size() + 100) begins_.reserve(2 * begins_.size() + 200);
  reserved_ += bytes;
  return Outcome::kOk;
}

void RecordingJournal::Release(size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  PARTITA_CHECK(bytes <= reserved_);
  reserved_ -= bytes;
}

Lsn RecordingJournal::Append(absl::string_view entries, size_t reserved) noexcept {
  const std::lock_guard lock(mutex_);
  PARTITA_CHECK(wants_records() && !entries.empty() && entries.size() <= reserved && reserved <= reserved_);
  reserved_ -= reserved;
  begins_.push_back(log_.size());
  log_.append(entries.data(), entries.size());
  return begins_.size();
}

Outcome RecordingJournal::AwaitDurable(Lsn lsn) {
  PARTITA_CHECK(LocksHeldByThisThread() == 0 && lsn > 0 && lsn <= last());
  awaited = lsn;
  return await;
}

Lsn RecordingJournal::last() const {
  const std::lock_guard lock(mutex_);
  return begins_.size();
}

std::vector<std::string> RecordingJournal::RecordsAfter(Lsn from) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> records;
  for (size_t i = from; i < begins_.size(); ++i) {
    const size_t end = i + 1 < begins_.size() ? begins_[i + 1] : log_.size();
    records.push_back(log_.substr(begins_[i], end - begins_[i]));
  }
  return records;
}

void Replay(const std::vector<std::string>& records, Table* table) {
  for (const std::string& record : records) {
    const ReplayResult result = ReplayRecord(record, /*allow_opaque=*/true, table);
    PARTITA_CHECK(result.wrong == nullptr && result.outcome == Outcome::kOk);
  }
}

std::shared_ptr<Table> EmptyLike(const Table& table) { return *Table::Create(table.options()); }

std::vector<std::string> RowsInOrder(Table* table) {
  std::map<Term, std::vector<std::string>, KeyLess> by_key(KeyLess{table->options().type == TableType::kOrderedSet});
  for (const Row& row : RowsOf(*SnapshotOf(table))) by_key[row[table->options().keypos]].push_back(WireOfRow(row));
  std::vector<std::string> rows;
  for (const auto& [key, of_key] : by_key) rows.insert(rows.end(), of_key.begin(), of_key.end());
  return rows;
}

}  // namespace partita::testing
