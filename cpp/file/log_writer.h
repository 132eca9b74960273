// The journal of a table that lives in a file: takes the records of its steps and writes them into logs.
//
// Records are copied into a buffer under a short lock, which comes after those of the shards and gives them their
// numbers; so their order is that of the steps. One thread at a time writes what is in the buffer and syncs, without
// the lock: whoever waits for a record first (kAlways), or the log's keeper (kInterval). All whose records were in the
// buffer by then share the sync.
//
// A log may be followed by another, for a save: Switch() is called under all locks of the table, and from then on
// records are meant for the next log. No byte of them is written before the log before them is synced whole: a log with
// records proves that those before it had all theirs.
//
// In each group of records that is written stands how far the log was synced before, so that damage of what was synced
// is told from the end of a log that a crash cut short.
//
// After an error of a write or a sync the file is not touched again. The journal is degraded: it refuses what is new,
// and tells those who wait that it does not know. A Switch() rescues it: it gets a new log, whose records are not
// written before a snapshot with all that was done so far is on the disk, which Rescued() tells.
//
// Safe from any thread, but Start().

#ifndef PARTITA_FILE_LOG_WRITER_H_
#define PARTITA_FILE_LOG_WRITER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/lock.h"
#include "base/wakeup.h"
#include "file/durability.h"
#include "file/env.h"
#include "file/log_buffer.h"
#include "file/log_format.h"
#include "table/journal.h"

namespace partita {

// A log to write to: its header is on the disk, and its name.
struct OpenLog {
  std::unique_ptr<WritableFile> file;
  LogHeader header;
  uint64_t size = kLogHeaderSize;      // bytes written
  uint64_t reserved = kLogHeaderSize;  // bytes that the file has room for
};

struct LogWriterInfo {
  uint64_t generation = 0;
  uint64_t bytes = 0;  // of records since the last Switch(), written or not
  uint64_t steps = 0;  // such records that tell of a step
  uint64_t buffered_bytes = 0;
  Lsn last_lsn = 0;
  Lsn durable_lsn = 0;
  uint64_t syncs = 0;
  uint64_t failures = 0;
};

class LogWriter final : public Journal {
 public:
  // Bytes in the buffer from which on Admit() has writers wait, and those from which on the keeper is to write.
  static constexpr uint64_t kMostBuffered = uint64_t{64} << 20;
  static constexpr uint64_t kWriteFrom = uint64_t{1} << 20;

  // With kSnapshot there are no records and no logs. `most_records` may be reserved at a time: one a shard of the
  // table.
  LogWriter(Durability durability, size_t most_records);

  // Before anybody writes: what it holds until the files are closed, the first log (kSnapshot: none), and the number of
  // its first record.
  void Start(std::unique_ptr<FileLock> file_lock, OpenLog log, Lsn first);

  // --- For the table: journal.h says what they do.
  Outcome Admit(Wait wait) override;
  Outcome Reserve(size_t bytes) override;
  void Release(size_t bytes) noexcept override;
  Lsn Append(absl::string_view entries, size_t reserved) noexcept override;
  Outcome AwaitDurable(Lsn lsn) override;
  void LockForFork() override;
  void UnlockAfterFork() override;
  void DetachAfterFork() override;

  // --- For whoever keeps the log.
  // Notified when there is something to be done: much to be written, or nothing that can be.
  Wakeup* keeper() { return &keeper_; }
  // All throw std::bad_alloc only in telling of an error. Writes all that was appended before the call, and syncs it.
  // Errors are those of the file, also of an earlier call.
  FileStatus Sync();
  // Writes it.
  FileStatus Write();
  // If nothing was appended since the log was synced, writes and syncs a record that says so; so that damage of the
  // last records is known for what it is.
  FileStatus NoteSynced();
  // The same at the end of a log to which nothing more is appended.
  FileStatus NoteClosed();

  // --- For a save, one at a time.
  struct Switched {
    Lsn first = 0;         // the next record, and first in the log after the Switch()
    bool rescues = false;  // it was degraded: *next is the only log, and what was not written is forgotten
    uint64_t bytes = 0;    // of records since the Switch() before
    uint64_t steps = 0;    // such that tell of a step
  };
  // Under all locks of the table: *next becomes the log of the records from here on.
  Switched Switch(OpenLog* next);
  // Writes what belongs into the log before the Switch(), syncs and closes it.
  FileStatus FinishPrevious();
  // After a Switch() that rescues: what was done before it is on the disk. No longer degraded.
  void Rescued();

  // Nothing more goes into the log: degraded, as after an error of it. `why` may be empty.
  void Degrade(FileStatus why);

  // Refuses what is new (kClosed), or takes it again.
  void SetClosed(bool closed) { closed_.store(closed, std::memory_order_release); }
  // Gives the files back, and what Start() was given to hold. Who waits for a record is told that it is on the disk if
  // a snapshot holds them all.
  void CloseFiles(bool all_saved);

  Durability durability() const { return durability_; }
  bool degraded() const { return degraded_.load(std::memory_order_acquire); }
  bool detached() const { return detached_.load(std::memory_order_acquire); }
  uint64_t buffered_bytes() const { return buffered_.load(std::memory_order_relaxed); }
  LogWriterInfo info() const;
  // Why it is degraded, or was last.
  FileStatus error() const;

 private:
  void AppendRecord(LogRecordType type, absl::string_view content, uint64_t content_sum)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Appends what NoteSynced() and NoteClosed() write; false: there is no memory for it.
  bool AppendNote(LogRecordType type) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_);
  // Writes, or waits for another thread that does, until done(); the lock is let go of meanwhile. False: it cannot be
  // written.
  template <typename Done>
  bool FlushUntil(bool sync, Done&& done) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  // Until all records up to `lsn` are written, with `sync` on the disk.
  bool FlushTo(Lsn lsn, bool sync) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  // Writes what is there now; by the one thread that has set flushing_.
  bool FlushOnce(bool sync) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  bool WriteUpTo(uint64_t end) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  // Calls the file without the lock; notes what it says.
  // Until no other thread writes.
  void AwaitFlush() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  template <typename Call>
  bool WithoutLock(Call&& call) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  FileStatus FlushAll(bool sync);
  FileStatus Note(LogRecordType type);

  // Constant.
  const Durability durability_;
  const size_t spare_;  // bytes for what stands around the contents of records that are reserved

  // Read without the lock.
  std::atomic<bool> closed_{false};
  std::atomic<bool> degraded_{false};
  std::atomic<bool> detached_{false};
  std::atomic<uint64_t> buffered_{0};
  uint64_t salt_ = 0;  // of the log to which is appended; changed under all locks of the table, read under any

  mutable WordLock lock_;
  Wakeup keeper_;
  Wakeup changed_;  // what FlushTo() and Admit() wait for
  LogBuffer buffer_ ABSL_GUARDED_BY(lock_);
  std::unique_ptr<FileLock> file_lock_ ABSL_GUARDED_BY(lock_);
  OpenLog log_ ABSL_GUARDED_BY(lock_);       // that is written; used without the lock by the thread that flushes
  OpenLog next_ ABSL_GUARDED_BY(lock_);      // after a Switch(), until the log before it is finished
  OpenLog finished_ ABSL_GUARDED_BY(lock_);  // to be closed
  bool flushing_ ABSL_GUARDED_BY(lock_) = false;
  Lsn next_lsn_ ABSL_GUARDED_BY(lock_) = 1;
  Lsn written_lsn_ ABSL_GUARDED_BY(lock_) = 0;
  Lsn durable_lsn_ ABSL_GUARDED_BY(lock_) = 0;
  Lsn step_lsn_ ABSL_GUARDED_BY(lock_) = 0;       // the last one of a step
  Lsn noted_lsn_ ABSL_GUARDED_BY(lock_) = 0;      // durable_lsn_ as the log itself tells it
  uint64_t boundary_ ABSL_GUARDED_BY(lock_) = 0;  // bytes appended before the last Switch()
  Lsn boundary_lsn_ ABSL_GUARDED_BY(lock_) = 1;   // the first record behind it
  uint64_t steps_ ABSL_GUARDED_BY(lock_) = 0;     // since it
  uint64_t syncs_ ABSL_GUARDED_BY(lock_) = 0;
  uint64_t failures_ ABSL_GUARDED_BY(lock_) = 0;
  FileStatus error_ ABSL_GUARDED_BY(lock_);
};

}  // namespace partita

#endif  // PARTITA_FILE_LOG_WRITER_H_
