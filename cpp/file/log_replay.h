// Does again what the logs beside a snapshot tell, and decides what was lost and what is damaged.
//
// Logs are read in the order of their generations, from that of the snapshot on. Their records have numbers that follow
// one another over all of them, beginning with the one that the snapshot names. Where there is no valid record, the
// rest of the log was cut short by a crash (nobody was promised what stood there), unless something proves that a
// record was on the disk there: a later record that says so, or one in a later log, since a log is synced whole before
// the next one is written to. Then it is damage. Logs whose header is not whole, with nothing behind it, never had
// records; those of another table are left aside.

#ifndef PARTITA_FILE_LOG_REPLAY_H_
#define PARTITA_FILE_LOG_REPLAY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "file/env.h"
#include "file/file_header.h"
#include "file/log_format.h"
#include "file/log_reader.h"
#include "file/recovery_report.h"
#include "table/table.h"

namespace partita {

class LogReplay {
 public:
  // `snapshot`: its header. With `repair` what is damaged is reported and left out.
  LogReplay(Env* env, std::string path, const FileHeader& snapshot, bool allow_opaque, bool repair,
            RecoveryReport* report);

  // Finds the logs.
  FileStatus Open();
  // Does the next records, some megabytes of them, in `table`, which holds the snapshot. *done: no more are there. All
  // may throw std::bad_alloc.
  FileStatus Step(Table* table, bool* done);

  // --- When it is done.
  Lsn next_lsn() const { return next_lsn_; }
  // Above all that there are, or were.
  uint64_t next_generation() const { return next_generation_; }
  bool found_damage() const { return found_damage_; }
  uint64_t steps() const { return steps_; }
  // Cuts the end that a crash has torn, and removes logs that are not needed; for who is to write behind them.
  FileStatus Clean();

  uint64_t bytes_read() const { return bytes_read_; }
  uint64_t bytes() const { return bytes_; }

 private:
  FileStatus OpenLog();
  FileStatus ReplayRecords(Table* table);
  FileStatus EndLog();
  FileStatus Do(const LogRecord& record, uint64_t offset, Table* table);
  // There is a record numbered `lsn` in the present log, at `offset`: is it the one that must come?
  FileStatus CheckNumber(Lsn lsn, uint64_t offset);
  // Damage: an error, or with repair_ a note.
  FileStatus Damage(const std::string& path, uint64_t offset, uint64_t bytes, std::string what);

  Env* const env_;
  const std::string path_;
  const FileHeader snapshot_;
  const bool allow_opaque_;
  const bool repair_;
  RecoveryReport* const report_;

  std::vector<uint64_t> generations_;  // of the logs to be read, ascending
  std::vector<std::string> useless_;   // names of those that can go
  size_t next_ = 0;                    // in generations_
  std::unique_ptr<LogReader> reader_;  // of the log that is being read
  std::string name_;                   // its name
  bool had_records_ = false;           // in it
  Lsn next_lsn_ = 1;
  uint64_t next_generation_ = 1;
  // Where the records read so far end, if not at the end of their log.
  std::string torn_name_;
  uint64_t torn_offset_ = 0;
  uint64_t torn_bytes_ = 0;
  bool found_damage_ = false;
  uint64_t steps_ = 0;
  uint64_t bytes_read_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace partita

#endif  // PARTITA_FILE_LOG_REPLAY_H_
