// What a DurableTable is made of; for its own files: durable_table.cc opens and ends, durable_save.cc saves,
// durable_keeper.cc does what is due in the background.

#ifndef PARTITA_FILE_DURABLE_PARTS_H_
#define PARTITA_FILE_DURABLE_PARTS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/lock.h"
#include "base/wakeup.h"
#include "file/durable_table.h"
#include "file/log_replay.h"
#include "file/log_writer.h"
#include "file/snapshot_file.h"
#include "file/snapshot_repair.h"

namespace partita {

// An error in words, as info() tells it.
std::string DescribeError(const FileError& error);

struct DurableTable::Parts {
  Parts(Env* env, std::string path, const DurableOptions& options)
      : env(env), path(std::move(path)), options(options) {}

  // What a save does besides writing a snapshot.
  enum class SaveKind : uint8_t {
    kFirst,   // nothing: the table is being opened, and nobody writes
    kLater,   // has a new log begun
    kClosing  // refuses changes, and ends the log
  };

  enum class EndKind : uint8_t {
    kSaved,   // the snapshot holds all
    kLeft,    // what the snapshot does not hold is in the log, which is synced
    kRemoved  // snapshot and logs go
  };

  bool wants_log() const { return options.durability != Durability::kSnapshot; }
  // In a fork's child: nothing else may be touched.
  bool detached() const { return writer != nullptr && writer->detached(); }

  // --- durable_save.cc
  static std::unique_ptr<Saving> NewSaving(const std::shared_ptr<Parts>& parts, SaveKind kind);
  FileStatus CreateLog(uint64_t generation, OpenLog* log) const;
  // Whether the snapshot holds all that was done. Not to be asked while somebody writes.
  bool IsSaved() const;
  // Makes the whole save, unless `stop` says not to: then *done is false.
  static FileStatus SaveAll(const std::shared_ptr<Parts>& parts, SaveKind kind, bool* done);
  void NoteFailed(const FileStatus& status);
  // Removes the logs of generations below. That one cannot be removed does no harm.
  void RemoveLogs(uint64_t below);
  // Removes all files of the table, in an order that leaves the whole table or none.
  FileStatus DropFiles();
  FileStatus EndDrop() const;
  // Where there is no snapshot: ends a drop, and refuses to begin anew over logs that have changes.
  FileStatus LookForWhatIsLeft();
  // One save at a time, and none while it ends. Waits some 50 ms at most.
  bool TakeSaving();
  void GiveSaving();

  // --- durable_keeper.cc
  static FileStatus StartKeeper(const std::shared_ptr<Parts>& parts);
  void AskKeeperToStop();
  // Ends it and what it has begun. By who has taken `saving`, and is not it.
  void StopKeeper();
  // What is due at `now_s`; returns when to look again.
  static double Tick(const std::shared_ptr<Parts>& parts, double now_s);
  static void Keep(const std::shared_ptr<Parts>& parts);
  void TendLog(double now_s);
  static void BeginSave(const std::shared_ptr<Parts>& parts);
  void EndSave(double now_s);
  bool LogIsLong() const;

  // --- durable_table.cc
  enum class LoadPhase : uint8_t { kReading, kFirstSave, kStarting, kOpen };
  FileStatus OpenSnapshot();
  FileStatus ReadStep(Table* to, bool* loaded);
  FileStatus ReadSnapshotStep(Table* to);
  FileStatus ReadStepBesideWriter(Table* to, bool* done);
  // Whether another snapshot is at the path by now.
  bool IsReplaced() const;
  FileStatus PrepareToWrite(const std::shared_ptr<Parts>& parts, const std::shared_ptr<Table>& filled);
  // The first log, and the journal of the table.
  FileStatus Start(const std::shared_ptr<Table>& filled);
  // Ends once nobody writes any more; files and lock are given back.
  FileStatus End(EndKind kind);

  // --- Constant.
  Env* const env;
  const std::string path;
  const DurableOptions options;

  // --- Of the thread that opens it.
  LoadPhase load_phase = LoadPhase::kReading;
  FileHeader header;
  bool exists = false;
  std::unique_ptr<FileLock> file_lock;
  std::unique_ptr<SnapshotFileReader> snapshot;
  std::unique_ptr<SnapshotRepair> snapshot_repair;  // once it was found to be damaged
  uint64_t snapshot_begin = 0;                      // of its blocks
  std::unique_ptr<LogReplay> replay;
  std::unique_ptr<Saving> first_save;
  bool snapshot_read = false;
  int attempts = 0;          // to read files that their writer changes meanwhile
  std::string corrupt_path;  // where the last one found damage
  uint64_t corrupt_offset = FileError::kNoOffset;
  RecoveryReport report;

  // --- Constant once it is open.
  std::weak_ptr<Table> table;
  std::shared_ptr<LogWriter> writer;
  std::atomic<bool> open{false};  // released when all above is set

  // --- Of the keeper, or without one of whoever calls Tick().
  std::unique_ptr<std::thread> keeper;
  std::unique_ptr<std::thread> saver;  // what the keeper has save, so that the log is synced meanwhile
  std::atomic<bool> saver_done{true};
  std::atomic<bool> save_failed{false};
  bool save_begun = false;
  double next_tend_s = 0;
  double next_save_s = 0;  // not before: one has failed
  double save_pause_s = 0;
  Lsn last_lsn_seen = 0;
  std::atomic<bool> stop{false};  // ends keeper and saver

  // --- Guarded by `lock`.
  mutable WordLock lock;
  Wakeup changed;  // `saving`
  bool saving ABSL_GUARDED_BY(lock) = false;
  bool ended ABSL_GUARDED_BY(lock) = false;
  uint64_t next_generation ABSL_GUARDED_BY(lock) = 1;
  uint64_t old_log_bytes ABSL_GUARDED_BY(lock) = 0;  // of the logs behind the snapshot, but for the last one
  uint64_t old_steps ABSL_GUARDED_BY(lock) = 0;      // records of steps in them
  uint64_t snapshot_bytes ABSL_GUARDED_BY(lock) = 0;
  uint64_t saves ABSL_GUARDED_BY(lock) = 0;
  uint64_t saved_rows ABSL_GUARDED_BY(lock) = 0;
  uint64_t failed_saves ABSL_GUARDED_BY(lock) = 0;
  std::string last_error ABSL_GUARDED_BY(lock);
};

}  // namespace partita

#endif  // PARTITA_FILE_DURABLE_PARTS_H_
