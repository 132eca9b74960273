// A journal that keeps the records in memory, for tests that make a table again from them, and that refuses when it is
// told to.

#ifndef PARTITA_TESTING_RECORDING_JOURNAL_H_
#define PARTITA_TESTING_RECORDING_JOURNAL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "table/journal.h"
#include "table/table.h"
#include "testing/term.h"

namespace partita::testing {

class RecordingJournal final : public Journal {
 public:
  explicit RecordingJournal(bool wants_records = true) : Journal(wants_records) {}
  ~RecordingJournal() override;

  // What the next calls come to.
  std::atomic<Outcome> admit{Outcome::kOk};
  std::atomic<Outcome> reserve{Outcome::kOk};
  std::atomic<Outcome> await{Outcome::kOk};
  std::atomic<bool> waits{false};  // as under a durability of "always": nothing is done with Wait::kTry

  Outcome Admit(Wait wait) override;
  Outcome Reserve(size_t bytes) override;
  void Release(size_t bytes) noexcept override;
  Lsn Append(absl::string_view entries, size_t reserved) noexcept override;
  Outcome AwaitDurable(Lsn lsn) override;
  void LockForFork() override { mutex_.lock(); }
  void UnlockAfterFork() override { mutex_.unlock(); }
  void DetachAfterFork() override {
    detached = true;
    mutex_.unlock();
  }

  bool detached = false;
  std::atomic<uint64_t> admitted{0};
  std::atomic<Lsn> awaited{0};

  // Of the last record.
  Lsn last() const;
  // Those after `from`, in their order.
  std::vector<std::string> RecordsAfter(Lsn from) const;

 private:
  mutable std::mutex mutex_;
  std::string log_;  // sizes and records
  std::vector<size_t> begins_;
  size_t reserved_ = 0;
};

// Does to `table` what the records say; ends the program if one is wrong.
void Replay(const std::vector<std::string>& records, Table* table);

// A table of the same kind with the same seed, empty and without a journal.
std::shared_ptr<Table> EmptyLike(const Table& table);

// All rows, keys in their order, the rows of one key as they came in. Two tables are alike if and only if these are
// equal.
std::vector<std::string> RowsInOrder(Table* table);

}  // namespace partita::testing

#endif  // PARTITA_TESTING_RECORDING_JOURNAL_H_
