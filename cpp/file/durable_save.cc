// Saves: a new snapshot at the path, and a new log that goes on from it.
//
// In this order, so that after a crash between any two of these there is the old snapshot with all logs since, or the
// new one with the log since:
//
//   1  the next log is made, and is on the disk with its name
//   2  under all locks of the table: from here on records go into it, and the moment is taken
//   3  the log before it is synced; only then anything is written to the next one
//   4  the snapshot is written beside the path, synced, and takes its name, which is synced too
//   5  older logs are removed

#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "file/durable_parts.h"

namespace partita {
namespace {

constexpr double kStepWaits_s = 0.05;

FileStatus OfState(const std::string& path, const char* what) {
  return FileStatus(FileError{FileError::Kind::kState, 0, path, FileError::kNoOffset, what});
}

}  // namespace

FileStatus DurableTable::Parts::CreateLog(uint64_t generation, OpenLog* log) const {
  *log = OpenLog();
  std::copy(std::begin(header.id), std::end(header.id), std::begin(log->header.id));
  log->header.generation = generation;
  log->header.salt = RandomNumber();
  char bytes[kLogHeaderSize];
  EncodeLogHeader(log->header, &bytes);
  const std::string name = LogName(path, generation);
  FileStatus status = env->Create(name, path, &log->file);
  if (status.ok()) status = log->file->Append(absl::string_view(bytes, sizeof(bytes)));
  if (status.ok()) status = log->file->Sync();
  if (status.ok()) status = env->SyncDirectory(name);
  if (!status.ok() && log->file != nullptr) {
    log->file.reset();
    static_cast<void>(env->Remove(name).ok());  // it holds nothing: it may as well stay
  }
  return status;
}

bool DurableTable::Parts::TakeSaving() {
  const uint32_t seen = changed.Now();
  lock.Lock();
  bool taken = !saving;
  saving = true;
  lock.Unlock();
  if (!taken) changed.Wait(seen, kStepWaits_s);
  return taken;
}

void DurableTable::Parts::GiveSaving() {
  lock.Lock();
  saving = false;
  lock.Unlock();
  changed.Notify();
}

// --- One save.

struct DurableTable::Saving::Work {
  enum class Phase : uint8_t { kWaiting, kBegun, kWriting, kDone };

  explicit Work(std::shared_ptr<Parts> shared, Parts::SaveKind kind) : parts(std::move(shared)), kind(kind) {}

  FileStatus Step(bool* done);
  FileStatus Begin(bool* done);
  FileStatus TakeMoment(Table* table, FileHeader* header, std::shared_ptr<Snapshot>* snapshot);
  void Complete();
  void Reopen();

  const std::shared_ptr<Parts> parts;
  const Parts::SaveKind kind;
  Phase phase = Phase::kWaiting;
  uint64_t generation = 0;
  bool refusing = false;  // changes, until it is done or given up
  bool rescues = false;
  uint64_t rows = 0;
  std::unique_ptr<SnapshotFileWriter> file;
  FileStatus failure;  // of `file`, when it may be in its place
};

DurableTable::Saving::Saving() = default;

DurableTable::Saving::~Saving() {
  if (work_->phase == Work::Phase::kWaiting || work_->parts->detached()) return;
  if (work_->refusing && work_->phase != Work::Phase::kDone) work_->Reopen();
  work_->file.reset();
  work_->parts->GiveSaving();
}

FileStatus DurableTable::Saving::Step(bool* done) {
  *done = false;
  if (work_->parts->detached()) return OfState(work_->parts->path, "this process only inherited the table");
  return work_->Step(done);
}

uint64_t DurableTable::Saving::rows() const { return work_->rows; }
uint64_t DurableTable::Saving::rows_written() const { return work_->file == nullptr ? 0 : work_->file->rows_written(); }

FileStatus DurableTable::Saving::Work::Step(bool* done) {
  FileStatus status;
  switch (phase) {
    case Phase::kWaiting:
      if (!parts->TakeSaving()) return FileStatus();
      phase = Phase::kBegun;
      return FileStatus();
    case Phase::kBegun:
      status = Begin(done);
      break;
    case Phase::kWriting: {
      bool written = false;
      status = file->Step(&written);
      if (!status.ok() && file->may_be_in_place()) failure = FileStatus(FileError(status.error()));
      if (!status.ok() || !written) break;
      Complete();
      *done = true;
      break;
    }
    case Phase::kDone:
      *done = true;
      break;
  }
  if (!status.ok()) parts->NoteFailed(status);
  return status;
}

FileStatus DurableTable::Saving::Work::Begin(bool* done) {
  const std::shared_ptr<Table> table = parts->table.lock();
  if (table == nullptr) return FileStatusOf(Outcome::kDropped, parts->path);
  parts->lock.Lock();
  const bool ended = parts->ended;
  generation = parts->next_generation++;
  parts->lock.Unlock();
  if (ended) return OfState(parts->path, "the table is closed");
  if (kind == Parts::SaveKind::kClosing) {
    refusing = true;
    parts->writer->SetClosed(true);
  }
  FileHeader header = parts->header;
  std::shared_ptr<Snapshot> snapshot;
  if (FileStatus status = TakeMoment(table.get(), &header, &snapshot); !status.ok()) return status;
  if (kind == Parts::SaveKind::kClosing && parts->IsSaved()) {
    parts->RemoveLogs(generation);
    phase = Phase::kDone;
    *done = true;
    return parts->End(Parts::EndKind::kSaved);
  }
  header.generation = generation;
  header.salt = RandomNumber();
  rows = snapshot->rows();
  file = std::make_unique<SnapshotFileWriter>(parts->env, parts->path, std::move(header), std::move(snapshot),
                                              parts->options.threads);
  phase = Phase::kWriting;
  return FileStatus();
}

// Steps 1 to 3.
FileStatus DurableTable::Saving::Work::TakeMoment(Table* table, FileHeader* header,
                                                  std::shared_ptr<Snapshot>* snapshot) {
  const bool new_log = kind == Parts::SaveKind::kLater && parts->wants_log();
  OpenLog next;
  if (new_log) {
    if (FileStatus status = parts->CreateLog(generation, &next); !status.ok()) return status;
  }
  LogWriter* const writer = parts->writer.get();
  bool switched = false;
  LogWriter::Switched was;
  const Outcome outcome = table->TakeSnapshotAnd(
      [&] {
        if (new_log) {
          was = writer->Switch(&next);
          header->first_lsn = was.first;
          switched = true;
        } else if (writer != nullptr) {
          header->first_lsn = writer->info().last_lsn + 1;
        }
      },
      Wait::kBlock, snapshot);
  rescues = was.rescues;
  if (switched) {
    parts->lock.Lock();
    parts->old_log_bytes += was.bytes;
    parts->old_steps += was.steps;
    parts->lock.Unlock();
    if (!rescues) {
      if (FileStatus status = writer->FinishPrevious(); !status.ok()) return status;
    }
  }
  return FileStatusOf(outcome, parts->path);
}

// After step 4.
void DurableTable::Saving::Work::Complete() {
  phase = Phase::kDone;
  if (rescues) parts->writer->Rescued();
  parts->lock.Lock();
  parts->old_log_bytes = 0;
  parts->old_steps = 0;
  parts->snapshot_bytes = file->bytes_written();
  parts->saved_rows = file->rows_written();
  ++parts->saves;
  parts->last_error.clear();
  parts->lock.Unlock();
  parts->RemoveLogs(generation);
  // That what is synced cannot be closed is no loss any more.
  if (kind == Parts::SaveKind::kClosing) static_cast<void>(parts->End(Parts::EndKind::kSaved).ok());
}

// A closing save has failed. If the snapshot may be in its place, the log in use is not the one that goes on from it:
// nothing more may go there, and a save to new files must follow, as when a log could not be written.
void DurableTable::Saving::Work::Reopen() {
  if (file != nullptr && file->may_be_in_place() && parts->wants_log()) parts->writer->Degrade(std::move(failure));
  parts->writer->SetClosed(false);
}

// --- What saves need.

bool DurableTable::Parts::IsSaved() const {
  if (!wants_log() || writer->degraded()) return false;
  lock.Lock();
  const bool none = old_steps == 0;
  lock.Unlock();
  return none && writer->info().steps == 0;
}

void DurableTable::Parts::RemoveLogs(uint64_t below) {
  try {
    std::vector<uint64_t> generations;
    if (!ListLogs(env, path, &generations).ok()) return;
    for (const uint64_t number : generations) {
      if (number < below) static_cast<void>(env->Remove(LogName(path, number)).ok());
    }
  } catch (const std::bad_alloc&) {  // what is left does no harm either
  }
}

void DurableTable::Parts::NoteFailed(const FileStatus& status) {
  std::string words = DescribeError(status.error());
  lock.Lock();
  ++failed_saves;
  last_error.swap(words);
  lock.Unlock();
}

FileStatus DurableTable::Parts::SaveAll(const std::shared_ptr<Parts>& parts, SaveKind kind, bool* done) {
  *done = false;
  const std::unique_ptr<Saving> saving = NewSaving(parts, kind);
  while (!*done && !parts->stop.load(std::memory_order_acquire)) {
    if (FileStatus status = saving->Step(done); !status.ok()) return status;
    // The caller may be the one who has begun another save.
    if (!parts->options.background && saving->work_->phase == Saving::Work::Phase::kWaiting) break;
  }
  return FileStatus();
}

std::unique_ptr<DurableTable::Saving> DurableTable::Parts::NewSaving(const std::shared_ptr<Parts>& parts,
                                                                     SaveKind kind) {
  std::unique_ptr<Saving> saving(new Saving());
  saving->work_ = std::make_unique<Saving::Work>(parts, kind);
  return saving;
}

std::unique_ptr<DurableTable::Saving> DurableTable::BeginSave() {
  return Parts::NewSaving(parts_, Parts::SaveKind::kLater);
}
std::unique_ptr<DurableTable::Saving> DurableTable::BeginClose() {
  return Parts::NewSaving(parts_, Parts::SaveKind::kClosing);
}

}  // namespace partita
