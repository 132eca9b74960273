// What is done in the background for a table that lives in a file: syncs, saves of a log that has grown long, and the
// saves that end a degraded state.

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "file/durable_parts.h"

namespace partita {
namespace {

constexpr double kLeastTend_s = 0.001;
constexpr double kFirstPause_s = 0.1;  // after a save that failed, doubled with each
constexpr double kLongestPause_s = 30;

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

bool DurableTable::Parts::LogIsLong() const {
  lock.Lock();
  const uint64_t old_bytes = old_log_bytes;
  const uint64_t most = options.log_bytes + 2 * snapshot_bytes;
  lock.Unlock();
  return old_bytes + writer->info().bytes > most;
}

// Errors of the log are in its state, which Tick() sees.
void DurableTable::Parts::TendLog(double now_s) {
  if (now_s < next_tend_s) {
    if (writer->buffered_bytes() >= LogWriter::kWriteFrom) static_cast<void>(writer->Write().ok());
    return;
  }
  next_tend_s = now_s + std::max(options.sync_every_s, kLeastTend_s);
  const LogWriterInfo info = writer->info();
  if (options.durability == Durability::kInterval && info.durable_lsn != info.last_lsn) {
    static_cast<void>(writer->Sync().ok());
  } else if (info.last_lsn == last_lsn_seen) {
    static_cast<void>(writer->NoteSynced().ok());
  }
  last_lsn_seen = writer->info().last_lsn;
}

double DurableTable::Parts::Tick(const std::shared_ptr<Parts>& parts, double now_s) {
  Parts& self = *parts;
  self.EndSave(now_s);
  if (!self.writer->degraded()) self.TendLog(now_s);
  const bool degraded = self.writer->degraded();
  if (!self.save_begun && now_s >= self.next_save_s && (degraded || self.LogIsLong())) BeginSave(parts);
  if (!degraded) return self.next_tend_s;
  // A save that is under way tells when it ends.
  return self.save_begun ? now_s + kLongestPause_s : std::max(self.next_save_s, now_s + kLeastTend_s);
}

// In a thread, so that the log is synced meanwhile; or, if none is to be had or wanted, here.
void DurableTable::Parts::BeginSave(const std::shared_ptr<Parts>& parts) {
  const auto save = [parts] {
    bool done = false;
    try {
      static_cast<void>(SaveAll(parts, SaveKind::kLater, &done).ok());
    } catch (const std::bad_alloc&) {
      done = false;
    }
    parts->save_failed.store(!done, std::memory_order_relaxed);
    parts->saver_done.store(true, std::memory_order_release);
    parts->writer->keeper()->Notify();
  };
  parts->save_begun = true;
  parts->saver_done.store(false, std::memory_order_relaxed);
  if (parts->options.background) {
    try {
      parts->saver = std::make_unique<std::thread>(save);
      return;
    } catch (const std::exception&) {  // there is no thread to be had, or no memory for it
    }
  }
  save();
}

// What follows from how the last save ended, if it has.
void DurableTable::Parts::EndSave(double now_s) {
  if (!save_begun || !saver_done.load(std::memory_order_acquire)) return;
  if (saver != nullptr) saver->join();
  saver.reset();
  save_begun = false;
  const bool failed = save_failed.load(std::memory_order_relaxed);
  save_pause_s = failed ? std::clamp(2 * save_pause_s, kFirstPause_s, kLongestPause_s) : 0;
  next_save_s = now_s + save_pause_s;
}

void DurableTable::Parts::Keep(const std::shared_ptr<Parts>& parts) {
  while (!parts->stop.load(std::memory_order_acquire)) {
    const uint32_t seen = parts->writer->keeper()->Now();
    const double now_s = Now();
    double again_s = now_s + 1;
    try {
      again_s = Tick(parts, now_s);
    } catch (const std::bad_alloc&) {  // another time, then
    }
    if (parts->stop.load(std::memory_order_acquire)) break;
    parts->writer->keeper()->Wait(seen, again_s - Now());
  }
}

FileStatus DurableTable::Parts::StartKeeper(const std::shared_ptr<Parts>& parts) {
  if (!parts->options.background || !parts->wants_log()) return FileStatus();
  try {
    // The thread holds what it works on, but not what ends it.
    parts->keeper = std::make_unique<std::thread>([parts] { Keep(parts); });
  } catch (const std::system_error& error) {
    return FileStatus(FileError{FileError::Kind::kSystem, error.code().value(), parts->path, FileError::kNoOffset,
                                "start the thread that syncs the log"});
  }
  return FileStatus();
}

void DurableTable::Parts::AskKeeperToStop() {
  stop.store(true, std::memory_order_release);
  writer->keeper()->Notify();
}

void DurableTable::Parts::StopKeeper() {
  AskKeeperToStop();
  if (keeper != nullptr) keeper->join();
  if (saver != nullptr) saver->join();
  keeper.reset();
  saver.reset();
}

void DurableTable::Tick(double now_s) {
  if (!parts_->detached() && parts_->keeper == nullptr && parts_->wants_log()) Parts::Tick(parts_, now_s);
}

}  // namespace partita
