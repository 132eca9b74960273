#include "file/log_writer.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "table/record.h"

namespace partita {
namespace {

constexpr double kAdmitWaits_s = 0.05;
constexpr double kFlushWaits_s = 1.0;  // a limit to what a lost wakeup would cost
// A log grows by so much at first, then doubles, then grows by the second.
constexpr uint64_t kLeastGrowth = uint64_t{64} << 10;
constexpr uint64_t kMostGrowth = uint64_t{16} << 20;
// What stands around the content of a record, with its padding.
constexpr size_t kRecordOverhead = kLogRecordHeadSize + kLogAlignment + kLogChecksumSize;
constexpr size_t kNoteSize = LogRecordSize(kLogSyncedSize);

}  // namespace

LogWriter::LogWriter(Durability durability, size_t most_records)
    : Journal(durability != Durability::kSnapshot), durability_(durability), spare_(most_records * kRecordOverhead) {}

void LogWriter::Start(std::unique_ptr<FileLock> file_lock, OpenLog log, Lsn first) {
  lock_.Lock();
  file_lock_ = std::move(file_lock);
  salt_ = log.header.salt;
  log_ = std::move(log);
  next_lsn_ = first;
  boundary_lsn_ = first;
  written_lsn_ = first - 1;
  durable_lsn_ = first - 1;
  step_lsn_ = first - 1;
  noted_lsn_ = first - 1;
  lock_.Unlock();
}

// --- For the table.

Outcome LogWriter::Admit(Wait wait) {
  if (closed_.load(std::memory_order_acquire)) return Outcome::kClosed;
  if (degraded()) return Outcome::kDegraded;
  if (durability_ == Durability::kAlways && wait == Wait::kTry) return Outcome::kWouldBlock;
  const uint32_t seen = changed_.Now();
  if (ABSL_PREDICT_TRUE(buffered_bytes() < kMostBuffered)) return Outcome::kOk;
  if (wait == Wait::kTry) return Outcome::kWouldBlock;
  keeper_.Notify();
  changed_.Wait(seen, kAdmitWaits_s);
  return buffered_bytes() < kMostBuffered ? Outcome::kOk : Outcome::kWouldBlock;
}

// These three may be called by a thread that holds the GIL: whoever has the lock copies some bytes and waits for
// nobody.

Outcome LogWriter::Reserve(size_t bytes) {
  if (closed_.load(std::memory_order_acquire)) return Outcome::kClosed;
  if (degraded()) return Outcome::kDegraded;
  if (bytes > kMaxRecordSize) return Outcome::kRecordTooLarge;
  if (!wants_records()) return Outcome::kOk;
  lock_.LockWithoutCheck();
  try {
    buffer_.Reserve(bytes, spare_);
  } catch (...) {
    lock_.Unlock();
    throw;
  }
  lock_.Unlock();
  return Outcome::kOk;
}

void LogWriter::Release(size_t bytes) noexcept {
  if (!wants_records()) return;
  lock_.LockWithoutCheck();
  buffer_.Release(bytes);
  lock_.Unlock();
}

void LogWriter::AppendRecord(LogRecordType type, absl::string_view content, uint64_t content_sum) {
  constexpr char kZeros[kLogAlignment] = {};
  char head[kLogRecordHeadSize];
  EncodeLogRecordHead(static_cast<uint32_t>(content.size()), type, next_lsn_++, &head);
  const uint64_t sum = LogRecordSum(head, content_sum);
  buffer_.Append(absl::string_view(head, sizeof(head)));
  buffer_.Append(content);
  buffer_.Append(
      absl::string_view(kZeros, LogRecordSize(content.size()) - sizeof(head) - content.size() - kLogChecksumSize));
  buffer_.Append(absl::string_view(reinterpret_cast<const char*>(&sum), sizeof(sum)));
}

Lsn LogWriter::Append(absl::string_view entries, size_t reserved) noexcept {
  const uint64_t content_sum = LogContentSum(entries, salt_);
  lock_.LockWithoutCheck();
  const Lsn lsn = next_lsn_;
  AppendRecord(LogRecordType::kStep, entries, content_sum);
  buffer_.Release(reserved);
  ++steps_;
  step_lsn_ = lsn;
  const uint64_t buffered = buffer_.appended() - buffer_.consumed();
  const bool much = buffered >= kWriteFrom && buffered - LogRecordSize(entries.size()) < kWriteFrom;
  buffered_.store(buffered, std::memory_order_relaxed);
  lock_.Unlock();
  if (much) keeper_.Notify();
  return lsn;
}

Outcome LogWriter::AwaitDurable(Lsn lsn) {
  if (durability_ != Durability::kAlways) return Outcome::kOk;
  lock_.Lock();
  const bool durable = FlushTo(lsn, /*sync=*/true);
  lock_.Unlock();
  return durable ? Outcome::kOk : Outcome::kOutcomeUnknown;
}

void LogWriter::LockForFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.LockWithoutCheck(); }
void LogWriter::UnlockAfterFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { lock_.Unlock(); }
void LogWriter::DetachAfterFork() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  detached_.store(true, std::memory_order_release);
  log_.file.reset();
  next_.file.reset();
  finished_.file.reset();
  if (file_lock_ != nullptr) file_lock_->AbandonAfterFork();
  lock_.ResetAfterFork();
}

// --- Writing.

template <typename Done>
bool LogWriter::FlushUntil(bool sync, Done&& done) {
  while (!done()) {
    if (degraded() || detached() || log_.file == nullptr) return false;
    if (flushing_) {
      const uint32_t seen = changed_.Now();
      lock_.Unlock();
      changed_.Wait(seen, kFlushWaits_s);
      lock_.Lock();
      continue;
    }
    flushing_ = true;
    const bool flushed = FlushOnce(sync);
    flushing_ = false;
    lock_.Unlock();
    changed_.Notify();
    if (!flushed) keeper_.Notify();
    lock_.Lock();
  }
  return true;
}

bool LogWriter::FlushTo(Lsn lsn, bool sync) {
  return FlushUntil(
      sync, [this, lsn, sync]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return (sync ? durable_lsn_ : written_lsn_) >= lsn; });
}

template <typename Call>
bool LogWriter::WithoutLock(Call&& call) {
  lock_.Unlock();
  bool no_memory = false;
  FileStatus status;
  try {
    status = call(log_.file.get());
  } catch (const std::bad_alloc&) {  // in telling of an error
    no_memory = true;
  }
  lock_.Lock();
  if (status.ok() && !no_memory) return true;
  error_ = std::move(status);
  return false;
}

bool LogWriter::FlushOnce(bool sync) {
  const bool finishing = next_.file != nullptr;
  if (!finishing && durable_lsn_ > noted_lsn_) AppendNote(LogRecordType::kSynced);
  const uint64_t end = finishing ? boundary_ : buffer_.appended();
  const Lsn last = finishing ? boundary_lsn_ - 1 : next_lsn_ - 1;
  sync |= finishing;
  if (!WriteUpTo(end) || (sync && !WithoutLock([](WritableFile* file) { return file->SyncData(); }))) {
    ++failures_;
    degraded_.store(true, std::memory_order_release);
    return false;
  }
  written_lsn_ = last;
  if (sync) {
    ++syncs_;
    durable_lsn_ = last;
  }
  if (finishing) {
    finished_ = std::move(log_);
    log_ = std::move(next_);
  }
  return true;
}

bool LogWriter::WriteUpTo(uint64_t end) {
  if (const uint64_t needed = log_.size + (end - buffer_.consumed()); needed > log_.reserved) {
    const uint64_t size = std::max(needed, log_.reserved + std::clamp(log_.reserved, kLeastGrowth, kMostGrowth));
    log_.reserved = size;
    // A disk that has no room for so much may have some for what is to be written now: that will tell.
    WithoutLock([size](WritableFile* file) {
      static_cast<void>(file->Reserve(size).ok());
      return FileStatus();
    });
  }
  while (buffer_.consumed() < end) {
    const absl::string_view bytes = buffer_.Front(end - buffer_.consumed());
    if (!WithoutLock([bytes](WritableFile* file) { return file->Append(bytes); })) return false;
    log_.size += bytes.size();
    buffer_.Consume(bytes.size());
    buffered_.store(buffer_.appended() - buffer_.consumed(), std::memory_order_relaxed);
  }
  return true;
}

FileStatus LogWriter::error() const {
  lock_.Lock();
  std::unique_ptr<FileError> copy;
  try {
    copy = error_.ok() ? std::make_unique<FileError>(FileError{FileError::Kind::kState, 0, "", FileError::kNoOffset,
                                                               "the log cannot be written"})
                       : std::make_unique<FileError>(error_.error());
  } catch (...) {
    lock_.Unlock();
    throw;
  }
  lock_.Unlock();
  return FileStatus(std::move(*copy));
}

FileStatus LogWriter::FlushAll(bool sync) {
  lock_.Lock();
  const bool flushed = FlushTo(next_lsn_ - 1, sync);
  lock_.Unlock();
  return flushed ? FileStatus() : error();
}

FileStatus LogWriter::Sync() { return FlushAll(/*sync=*/true); }
FileStatus LogWriter::Write() { return FlushAll(/*sync=*/false); }

bool LogWriter::AppendNote(LogRecordType type) {
  try {
    buffer_.Reserve(0, spare_ + kNoteSize);
  } catch (const std::bad_alloc&) {
    return false;
  }
  noted_lsn_ = durable_lsn_;
  absl::string_view content;
  if (type == LogRecordType::kSynced) {
    content = absl::string_view(reinterpret_cast<const char*>(&noted_lsn_), sizeof(noted_lsn_));
  }
  AppendRecord(type, content, LogContentSum(content, salt_));
  return true;
}

FileStatus LogWriter::Note(LogRecordType type) {
  lock_.Lock();
  bool flushed = true;
  if (step_lsn_ > noted_lsn_ && durable_lsn_ == next_lsn_ - 1 && log_.file != nullptr && next_.file == nullptr &&
      AppendNote(type)) {
    flushed = FlushTo(next_lsn_ - 1, /*sync=*/true);
  }
  lock_.Unlock();
  return flushed ? FileStatus() : error();
}

FileStatus LogWriter::NoteSynced() { return Note(LogRecordType::kSynced); }

FileStatus LogWriter::NoteClosed() {
  if (FileStatus status = Sync(); !status.ok()) return status;
  return Note(LogRecordType::kClose);
}

// --- From log to log.

LogWriter::Switched LogWriter::Switch(OpenLog* next) {
  Switched switched;
  lock_.Lock();
  switched.first = next_lsn_;
  switched.rescues = degraded();
  switched.bytes = buffer_.appended() - boundary_;
  switched.steps = steps_;
  salt_ = next->header.salt;
  if (switched.rescues) {
    finished_ = std::move(next_);
    std::swap(log_, *next);
    buffer_.Clear();
    buffered_.store(0, std::memory_order_relaxed);
  } else {
    assert(next_.file == nullptr);
    next_ = std::move(*next);
  }
  boundary_ = buffer_.appended();
  boundary_lsn_ = next_lsn_;
  steps_ = 0;
  noted_lsn_ = next_lsn_ - 1;
  lock_.Unlock();
  return switched;
}

FileStatus LogWriter::FinishPrevious() {
  lock_.Lock();
  const bool finished =
      FlushUntil(/*sync=*/true, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return next_.file == nullptr; });
  const OpenLog previous = std::move(finished_);
  lock_.Unlock();
  return finished ? FileStatus() : error();
}

void LogWriter::Rescued() {
  lock_.Lock();
  written_lsn_ = boundary_lsn_ - 1;
  durable_lsn_ = boundary_lsn_ - 1;
  degraded_.store(false, std::memory_order_release);
  lock_.Unlock();
  changed_.Notify();
}

void LogWriter::AwaitFlush() {
  while (flushing_) {
    const uint32_t seen = changed_.Now();
    lock_.Unlock();
    changed_.Wait(seen, kFlushWaits_s);
    lock_.Lock();
  }
}

void LogWriter::Degrade(FileStatus why) {
  lock_.Lock();
  AwaitFlush();
  error_ = std::move(why);
  degraded_.store(true, std::memory_order_release);
  lock_.Unlock();
  changed_.Notify();
  keeper_.Notify();
}

void LogWriter::CloseFiles(bool all_saved) {
  lock_.Lock();
  AwaitFlush();
  if (all_saved) durable_lsn_ = next_lsn_ - 1;
  const OpenLog logs[] = {std::move(log_), std::move(next_), std::move(finished_)};
  const std::unique_ptr<FileLock> file_lock = std::move(file_lock_);
  lock_.Unlock();
  changed_.Notify();
}

LogWriterInfo LogWriter::info() const {
  lock_.Lock();
  LogWriterInfo info;
  info.generation = next_.file != nullptr ? next_.header.generation : log_.header.generation;
  info.bytes = buffer_.appended() - boundary_;
  info.steps = steps_;
  info.buffered_bytes = buffer_.appended() - buffer_.consumed();
  info.last_lsn = next_lsn_ - 1;
  info.durable_lsn = durable_lsn_;
  info.syncs = syncs_;
  info.failures = failures_;
  lock_.Unlock();
  return info;
}

}  // namespace partita
