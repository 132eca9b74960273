#include "file/durable_table.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "file/durable_parts.h"

namespace partita {
namespace {

constexpr const char* kTemporarySuffix = ".tmp.";
// How often files that their writer changes are read again.
constexpr int kMostAttempts = 100;
// Records that may be reserved at a time, above one a partition.
constexpr size_t kMoreRecords = 8;
constexpr size_t kMostErrorWords = 1000;

FileStatus Error(FileError::Kind kind, const std::string& path, const char* what) {
  return FileStatus(FileError{kind, 0, path, FileError::kNoOffset, what});
}

// Of the name of a file that becomes another one (replacement.cc): two numbers. Other names are not ours to remove.
bool IsTemporaryEnd(absl::string_view end) {
  const size_t dot = end.find('.');
  const auto is_number = [](absl::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  return dot != absl::string_view::npos && is_number(end.substr(0, dot)) && is_number(end.substr(dot + 1));
}

}  // namespace

std::string DescribeError(const FileError& error) {
  if (error.kind == FileError::Kind::kNoMemory) return "out of memory";
  if (error.kind != FileError::Kind::kSystem) return absl::StrCat(error.path, ": ", error.what);
  char words[128];
  return absl::StrCat(error.path, ": ", error.what, ": ", ::strerror_r(error.error_number, words, sizeof(words)));
}

DurableTable::DurableTable(Env* env, std::string path, const DurableOptions& options)
    : parts_(std::make_shared<Parts>(env, std::move(path), options)) {}

DurableTable::~DurableTable() {
  if (parts_->detached()) {
    // The threads are not there to be joined.
    const std::thread* const left[] = {parts_->keeper.release(), parts_->saver.release()};
    static_cast<void>(left);
    return;
  }
  try {
    static_cast<void>(Leave().ok());
  } catch (const std::bad_alloc&) {  // in telling of an error
  }
}

// --- Opening.

FileStatus DurableTable::Open(bool* exists) {
  Parts& parts = *parts_;
  *exists = false;
  if (!parts.options.read_only) {
    if (FileStatus status = parts.env->Lock(LockName(parts.path), &parts.file_lock); !status.ok()) return status;
    if (parts.file_lock == nullptr) {
      return Error(FileError::Kind::kLocked, parts.path, "the table is open for writing");
    }
    // What saves have left that were cut short; whoever holds the lock makes such files.
    std::vector<std::string> ends;
    const std::string temporary = parts.path + kTemporarySuffix;
    if (FileStatus status = parts.env->List(temporary, &ends); !status.ok()) return status;
    for (const std::string& end : ends) {
      if (IsTemporaryEnd(end)) static_cast<void>(parts.env->Remove(temporary + end).ok());
    }
  }
  FileStatus status = parts.OpenSnapshot();
  if (!parts.options.read_only && IsMissing(status)) return parts.LookForWhatIsLeft();
  *exists = parts.exists = status.ok();
  return status;
}

FileStatus DurableTable::Parts::OpenSnapshot() {
  auto reader = std::make_unique<SnapshotFileReader>(env, path, options.threads);
  if (FileStatus status = reader->Open(); !status.ok()) return status;
  snapshot = std::move(reader);
  snapshot_begin = snapshot->bytes_read();
  snapshot_read = false;
  snapshot_repair.reset();
  replay.reset();
  report = RecoveryReport();
  header = snapshot->header();
  header.first_lsn = std::max<Lsn>(header.first_lsn, 1);
  return FileStatus();
}

const FileHeader& DurableTable::header() const { return parts_->header; }

void DurableTable::Describe(TableType type, uint32_t keypos, std::optional<std::vector<std::string>> fields) {
  FileHeader header;
  header.type = type;
  header.keypos = keypos;
  header.fields = std::move(fields);
  for (uint64_t& half : header.id) half = RandomNumber();
  header.first_lsn = 1;
  parts_->header = std::move(header);
}

FileStatus DurableTable::LoadStep(const std::shared_ptr<Table>& table, bool* done) {
  *done = false;
  Parts& parts = *parts_;
  bool step_done = false;
  FileStatus status;
  switch (parts.load_phase) {
    case Parts::LoadPhase::kReading:
      status = parts.options.read_only ? parts.ReadStepBesideWriter(table.get(), &step_done)
                                       : parts.ReadStep(table.get(), &step_done);
      if (!status.ok() || !step_done) return status;
      if (!parts.options.read_only) return parts.PrepareToWrite(parts_, table);
      break;
    case Parts::LoadPhase::kFirstSave:
      status = parts.first_save->Step(&step_done);
      if (!status.ok() || !step_done) return status;
      parts.first_save.reset();
      parts.load_phase = Parts::LoadPhase::kStarting;
      return status;
    case Parts::LoadPhase::kStarting:
      if (status = parts.Start(table); !status.ok()) return status;
      if (status = Parts::StartKeeper(parts_); !status.ok()) return status;
      break;
    case Parts::LoadPhase::kOpen:
      break;
  }
  parts.load_phase = Parts::LoadPhase::kOpen;
  parts.open.store(true, std::memory_order_release);
  *done = true;
  return status;
}

// The next part of what is read.
FileStatus DurableTable::Parts::ReadStep(Table* to, bool* loaded) {
  *loaded = false;
  if (snapshot != nullptr && !snapshot_read) return ReadSnapshotStep(to);
  if (replay == nullptr) {
    replay = std::make_unique<LogReplay>(env, path, header, options.allow_opaque, options.repair, &report);
    return replay->Open();
  }
  return replay->Step(to, loaded);
}

FileStatus DurableTable::Parts::ReadSnapshotStep(Table* to) {
  if (snapshot_repair != nullptr) return snapshot_repair->Step(to, options.allow_opaque, &snapshot_read);
  FileStatus status = snapshot->Step(to, options.allow_opaque, &snapshot_read);
  if (status.ok() || !options.repair || status.error().kind != FileError::Kind::kCorrupt) return status;
  if (to->Clear(Wait::kBlock) != Outcome::kOk) return Error(FileError::Kind::kDropped, path, "");
  snapshot_repair = std::make_unique<SnapshotRepair>(env, path, header, snapshot_begin, &report);
  return snapshot_repair->Open();
}

// Files that are read may be replaced and removed by their writer meanwhile: then from the start, until they are not.
FileStatus DurableTable::Parts::ReadStepBesideWriter(Table* to, bool* done) {
  bool loaded = false;
  FileStatus status = ReadStep(to, &loaded);
  if (status.ok() && !loaded) return status;
  const bool corrupt = !status.ok() && status.error().kind == FileError::Kind::kCorrupt;
  if (!status.ok() && !corrupt && !IsMissing(status)) return status;
  if (status.ok() && !IsReplaced()) {
    *done = true;
    return status;
  }
  // What was written meanwhile may look like damage once, but not a second time at the same place.
  if (corrupt && status.error().offset == corrupt_offset && status.error().path == corrupt_path) return status;
  if (corrupt) {
    corrupt_path = status.error().path;
    corrupt_offset = status.error().offset;
  }
  if (++attempts > kMostAttempts) {
    if (!status.ok()) return status;
    return FileStatus(FileError{FileError::Kind::kSystem, EBUSY, path, FileError::kNoOffset, "read what is replaced"});
  }
  if (to->Clear(Wait::kBlock) != Outcome::kOk) return Error(FileError::Kind::kDropped, path, "");
  const FileHeader was = header;
  if (status = OpenSnapshot(); !status.ok()) return status;
  if (header.type != was.type || header.keypos != was.keypos || header.fields != was.fields) {
    return FileStatus(FileError{FileError::Kind::kSystem, EBUSY, path, FileError::kNoOffset,
                                "read what a table of another kind has taken the place of"});
  }
  return status;
}

bool DurableTable::Parts::IsReplaced() const {
  SnapshotFileReader now(env, path, 1);
  return !now.Open().ok() || now.header().salt != header.salt || now.header().generation != header.generation;
}

// Of what is to be written from here on: a snapshot is made where there is none that could stand.
FileStatus DurableTable::Parts::PrepareToWrite(const std::shared_ptr<Parts>& parts,
                                               const std::shared_ptr<Table>& filled) {
  lock.Lock();
  next_generation = replay->next_generation();
  old_log_bytes = replay->bytes();
  old_steps = replay->steps();
  snapshot_bytes = snapshot == nullptr ? 0 : snapshot->file_size();
  lock.Unlock();
  header.first_lsn = replay->next_lsn();
  table = filled;
  load_phase = LoadPhase::kStarting;
  if (exists && snapshot_repair == nullptr && !replay->found_damage()) return replay->Clean();
  first_save = NewSaving(parts, SaveKind::kFirst);
  load_phase = LoadPhase::kFirstSave;
  return FileStatus();
}

FileStatus DurableTable::Parts::Start(const std::shared_ptr<Table>& filled) {
  OpenLog log;
  if (wants_log()) {
    lock.Lock();
    const uint64_t generation = next_generation++;
    lock.Unlock();
    if (FileStatus status = CreateLog(generation, &log); !status.ok()) return status;
  }
  auto started = std::make_shared<LogWriter>(options.durability, filled->options().partitions + kMoreRecords);
  started->Start(std::move(file_lock), std::move(log), header.first_lsn);
  writer = std::move(started);
  filled->SetJournal(writer);
  snapshot.reset();
  return FileStatus();
}

uint64_t DurableTable::bytes_read() const {
  const Parts& parts = *parts_;
  return (parts.snapshot == nullptr ? 0 : parts.snapshot->bytes_read()) +
         (parts.replay == nullptr ? 0 : parts.replay->bytes_read());
}

uint64_t DurableTable::bytes_to_read() const {
  const Parts& parts = *parts_;
  return (parts.snapshot == nullptr ? 0 : parts.snapshot->file_size()) +
         (parts.replay == nullptr ? 0 : parts.replay->bytes());
}

uint64_t DurableTable::rows_read() const { return parts_->snapshot == nullptr ? 0 : parts_->snapshot->rows_read(); }
const RecoveryReport& DurableTable::report() const { return parts_->report; }

// --- When it is open.

FileStatus DurableTable::Flush() {
  if (parts_->detached()) return Error(FileError::Kind::kState, parts_->path, "this process only inherited the table");
  if (const DurableState state = info().state; state != DurableState::kOpen && state != DurableState::kDegraded) {
    return Error(FileError::Kind::kState, parts_->path, "the table is not open for writing");
  }
  return parts_->writer->Sync();
}

FileStatus DurableTable::Write() { return parts_->writer->Write(); }
bool DurableTable::degraded() const { return parts_->writer->degraded(); }

FileStatus DurableTable::Leave(bool remove) {
  Parts& parts = *parts_;
  if (parts.detached()) return Error(FileError::Kind::kState, parts.path, "this process only inherited the table");
  if (parts.writer == nullptr) {
    parts.first_save.reset();
    parts.file_lock.reset();
    return FileStatus();
  }
  parts.AskKeeperToStop();  // so that what it saves ends
  while (!parts.TakeSaving()) {
  }
  parts.lock.Lock();
  const bool ended = parts.ended;
  parts.lock.Unlock();
  FileStatus status;
  if (!ended) {
    parts.writer->SetClosed(true);
    // Steps that were let in before are done when all locks have been held.
    if (const std::shared_ptr<Table> table = parts.table.lock(); table != nullptr) {
      std::shared_ptr<Snapshot> moment;
      static_cast<void>(table->TakeSnapshotAnd([] {}, Wait::kBlock, &moment));
    }
    status = parts.End(remove ? Parts::EndKind::kRemoved : Parts::EndKind::kLeft);
  }
  parts.GiveSaving();
  return status;
}

FileStatus DurableTable::Parts::End(EndKind kind) {
  StopKeeper();
  FileStatus status;
  if (kind == EndKind::kLeft && wants_log()) status = writer->NoteClosed();
  if (kind == EndKind::kRemoved) status = DropFiles();
  writer->CloseFiles(/*all_saved=*/kind == EndKind::kSaved);
  lock.Lock();
  ended = true;
  lock.Unlock();
  return status;
}

DurableInfo DurableTable::info() const {
  const Parts& parts = *parts_;
  DurableInfo info;
  if (parts.detached()) {
    info.state = DurableState::kDetached;
    return info;
  }
  if (!parts.open.load(std::memory_order_acquire)) return info;
  if (parts.options.read_only) {
    info.state = DurableState::kReadOnly;
    return info;
  }
  const LogWriterInfo log = parts.writer->info();
  const bool degraded = parts.writer->degraded();
  std::string log_error;
  if (degraded) log_error = DescribeError(parts.writer->error().error());
  info.generation = log.generation;
  info.buffered_bytes = log.buffered_bytes;
  info.last_lsn = log.last_lsn;
  info.durable_lsn = log.durable_lsn;
  info.syncs = log.syncs;
  std::string save_error;
  save_error.reserve(kMostErrorWords);
  parts.lock.Lock();
  info.state = parts.ended ? DurableState::kClosed : degraded ? DurableState::kDegraded : DurableState::kOpen;
  info.log_bytes = parts.old_log_bytes + log.bytes;
  info.saves = parts.saves;
  info.saved_rows = parts.saved_rows;
  info.failures = log.failures + parts.failed_saves;
  info.saving = parts.saving;
  save_error.assign(parts.last_error, 0, kMostErrorWords);
  parts.lock.Unlock();
  info.last_error = degraded ? std::move(log_error) : std::move(save_error);
  return info;
}

}  // namespace partita
