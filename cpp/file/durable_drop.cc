// Tables that are dropped with their files, and what lies at a path where no table's file is.
//
// A drop gives the file another name, which decides: what a crash leaves before is the whole table, and after it none.
// Whoever opens the path next ends a drop that was cut short. Logs that are there without that name are a table's whose
// file was moved away: they hold what nothing else does.

#include <new>

#include "absl/strings/str_cat.h"
#include "file/durable_parts.h"
#include "file/log_reader.h"

namespace partita {
namespace {

std::string DroppedName(const std::string& path) { return absl::StrCat(path, ".dropped"); }

// Where the first step that the log keeps begins.
FileStatus FindStep(LogReader* reader, bool* found, uint64_t* offset) {
  *found = false;
  if (FileStatus status = reader->Open(); !status.ok() || reader->wrong_header() != nullptr) return status;
  for (bool got = true; got && !*found;) {
    LogRecord record;
    *offset = reader->offset();
    if (FileStatus status = reader->Next(&record, &got); !status.ok()) return status;
    *found = got && record.type == LogRecordType::kStep;
  }
  return FileStatus();
}

}  // namespace

FileStatus DurableTable::Parts::DropFiles() {
  try {
    FileStatus status = env->Rename(path, DroppedName(path));
    if (!status.ok() && !IsMissing(status)) return status;
    if (status = env->SyncDirectory(path); !status.ok()) return status;
    return EndDrop();
  } catch (const std::bad_alloc&) {
    return FileStatus(FileError{FileError::Kind::kNoMemory, 0, "", FileError::kNoOffset, ""});
  }
}

FileStatus DurableTable::Parts::EndDrop() const {
  std::vector<uint64_t> generations;
  if (FileStatus status = ListLogs(env, path, &generations); !status.ok()) return status;
  for (const uint64_t number : generations) {
    if (FileStatus status = env->Remove(LogName(path, number)); !status.ok()) return status;
  }
  if (FileStatus status = env->SyncDirectory(path); !status.ok()) return status;
  if (FileStatus status = env->Remove(DroppedName(path)); !status.ok() && !IsMissing(status)) return status;
  return env->SyncDirectory(path);
}

FileStatus DurableTable::Parts::LookForWhatIsLeft() {
  std::unique_ptr<ReadableFile> dropped;
  FileStatus status = env->OpenForReading(DroppedName(path), &dropped);
  if (status.ok()) return EndDrop();
  if (!IsMissing(status)) return status;
  std::vector<uint64_t> generations;
  if (status = ListLogs(env, path, &generations); !status.ok()) return status;
  for (const uint64_t number : generations) {
    const std::string name = LogName(path, number);
    LogReader reader(env, name);
    bool found;
    uint64_t offset = 0;
    if (status = FindStep(&reader, &found, &offset); !status.ok()) return status;
    if (!found) continue;
    if (!options.repair) {
      return FileStatus(FileError{FileError::Kind::kCorrupt, 0, name, offset,
                                  "this log has changes of a table whose file is not there: put it back, or remove "
                                  "the log, or open with repair=True to begin anew"});
    }
    report.notes.push_back(RecoveryNote{name, offset, reader.size(), true, "the table's file was not there"});
  }
  return FileStatus();
}

}  // namespace partita
