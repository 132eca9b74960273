// A table that lives at a path and survives what happens to its process: a snapshot file, and logs of what was done
// since. docs/format.md draws both.
//
//   path            the snapshot (snapshot_file.h); tells the generation of the log that goes on from it
//   path.wal.N      the logs of generation N (log_format.h): records of steps (table/record.h)
//   path.lock       locked by the one process that writes; never removed
//   path.tmp.P.K    a snapshot on its way
//
// How it is used:
//
//   DurableTable durable(Env::Posix(), path, options);
//   durable.Open(&exists)                        lock, and what is there; header() tells type, keypos, fields
//   durable.Describe(...)                        if there is nothing
//   table = Table::Create(...)                   of that type and keypos
//   while (!done) durable.LoadStep(table, &done) fills it; at the end table->SetJournal() has been called
//   ... the table is used by any thread ...
//   durable.BeginSave(), BeginClose()            then Step() until done; or Leave()
//
// Opening and what comes before `done` is for one thread; from then on any thread may call anything, without the GIL
// and without locks. Everything may throw std::bad_alloc. With `background` a thread of this object syncs the log,
// saves when the log has grown long, and saves to new files when the log could not be written.
//
// What is lost. kAlways: nothing of what a call returned for. kInterval: what was done in the last `sync_every` seconds
// (more if the disk takes longer than that to sync) before a power cut, nothing when only the process dies once it is
// written, which happens as often. kSnapshot: what was done since the last save.

#ifndef PARTITA_FILE_DURABLE_TABLE_H_
#define PARTITA_FILE_DURABLE_TABLE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "file/durability.h"
#include "file/env.h"
#include "file/file_header.h"
#include "file/file_status.h"
#include "file/recovery_report.h"
#include "table/table.h"

namespace partita {

struct DurableOptions {
  // Behaviour.
  Durability durability = Durability::kInterval;
  double sync_every_s = 1.0;
  bool read_only = false;     // the state at opening; takes no lock, changes no file, and the table gets no journal
  bool repair = false;        // what is damaged is left out, and reported, instead of refused; then saves
  bool allow_opaque = false;  // pickled objects

  // Performance.
  int threads = 1;                          // of a load and a save
  uint64_t log_bytes = uint64_t{64} << 20;  // of logs, beyond twice the snapshot's, above which the background saves
  bool background = true;                   // false: nothing happens but in calls; Tick() is the caller's
};

enum class DurableState : uint8_t {
  kLoading,  // or it failed to
  kReadOnly,
  kOpen,
  kDegraded,  // the log could not be written: changes are refused until a save succeeds
  kClosed,
  kDetached,  // in the child of a fork
};

struct DurableInfo {
  DurableState state = DurableState::kLoading;
  uint64_t generation = 0;
  uint64_t log_bytes = 0;       // written and not in the snapshot, of all logs
  uint64_t buffered_bytes = 0;  // not yet written
  uint64_t last_lsn = 0;        // of the last record
  uint64_t durable_lsn = 0;     // of the last record known to be on the disk
  uint64_t syncs = 0;           // of logs
  uint64_t saves = 0;
  uint64_t saved_rows = 0;  // by the last one
  uint64_t failures = 0;    // of writes and syncs of logs, and of saves
  std::string last_error;   // of these; empty: none since the last save that succeeded
  bool saving = false;
};

class DurableTable {
 public:
  DurableTable(Env* env, std::string path, const DurableOptions& options);
  // If it was not closed: as Leave().
  ~DurableTable();
  DurableTable(const DurableTable&) = delete;
  DurableTable& operator=(const DurableTable&) = delete;

  // --- Opening.

  // kLocked if another writer has it (another process, or this one). *exists: false if there is nothing at the path;
  // then nothing was made yet but the file to lock (read_only: the error says that the file is missing).
  FileStatus Open(bool* exists);
  // Of what is there, or what Describe() said.
  const FileHeader& header() const;
  // What is to be created where nothing is.
  void Describe(TableType type, uint32_t keypos, std::optional<std::vector<std::string>> fields);
  // The next part of the work. `table` is empty, of the header's type and keypos, and nobody else knows it. *done: it
  // is filled, its files can take what comes, and its journal is set. After an error give the table up.
  FileStatus LoadStep(const std::shared_ptr<Table>& table, bool* done);
  // Of the snapshot and the logs, for a bar.
  uint64_t bytes_read() const;
  uint64_t bytes_to_read() const;
  uint64_t rows_read() const;  // of the snapshot
  const RecoveryReport& report() const;

  // --- When it is open.

  // The log is synced: what was done before the call is on the disk when it returns. (kSnapshot has no log: save.)
  FileStatus Flush();
  // The log is written: what was done before the call outlives this process when it returns. Callers at the same time
  // share one write. After an error nothing is known of that.
  FileStatus Write();
  // Whether the log could not be written: state kDegraded.
  bool degraded() const;

  // A save, to be done step by step: a new snapshot at the path. Neither readers nor writers wait for it but for the
  // moment in which a snapshot is taken. Saves are done one after the other.
  class Saving;
  std::unique_ptr<Saving> BeginSave();
  // A save behind which nothing more is written: changes are refused from its beginning on (kClosed), and when it is
  // done the lock is given back. If it fails the table is open again. A table that has not changed since the last save
  // is just closed.
  std::unique_ptr<Saving> BeginClose();

  // Ends without a save: what is in the log stays there. Changes are refused from then on. The files and the lock are
  // given back even if the log cannot be synced, which the status tells. With `remove` the snapshot and the logs go.
  FileStatus Leave(bool remove = false);

  DurableInfo info() const;

  // --- Without `background`: what its thread would do now, `now_s` by a clock that only goes forward.
  void Tick(double now_s);

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

// One save, for one thread at a time. Other saves wait until it is destroyed, done or not; the table must not be
// destroyed before it.
class DurableTable::Saving {
 public:
  ~Saving();
  // The next part; while another save is under way waits for that, 50 ms at most. After an error only destroy it: files
  // and table are as if it had not been begun.
  FileStatus Step(bool* done);
  uint64_t rows_written() const;
  uint64_t rows() const;  // of the table, once known

 private:
  friend class DurableTable;
  Saving();
  struct Work;
  std::unique_ptr<Work> work_;
};

}  // namespace partita

#endif  // PARTITA_FILE_DURABLE_TABLE_H_
