#include "file/replacement.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "file/log_format.h"

namespace partita {
namespace {

std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> number{0};
  return absl::StrCat(path, ".tmp.", ::getpid(), ".", number.fetch_add(1, std::memory_order_relaxed));
}

}  // namespace

Replacement::Replacement(Env* env, std::string path, PathLock path_lock)
    : env_(env),
      path_(std::move(path)),
      temporary_(TemporaryName(path_)),
      path_lock_(path_lock),
      process_(::getpid()) {}

void Replacement::Abandon() {
  if (lock_ != nullptr && ::getpid() != process_) lock_->AbandonAfterFork();
  lock_.reset();
  file_.reset();
  if (!exists_ || ::getpid() != process_) return;
  exists_ = false;
  const FileStatus removed = env_->Remove(temporary_);
  static_cast<void>(removed);  // whoever called has been told what went wrong before
}

FileStatus Replacement::CheckOpen() const {
  const char* what = nullptr;
  if (::getpid() != process_) {
    what = "go on with a file that another process began";
  } else if (file_ == nullptr) {
    what = "write to a file that is closed";
  }
  if (what == nullptr) return FileStatus();
  return FileStatus(FileError{FileError::Kind::kSystem, EBADF, temporary_, FileError::kNoOffset, what});
}

// The file to be locked is made by the first table that is opened here: there may be none yet.
FileStatus Replacement::LockPath() {
  if (path_lock_ == PathLock::kHeld || lock_ != nullptr) return FileStatus();
  bool refused;
  FileStatus status = env_->LockShared(LockName(path_), &lock_, &refused);
  if (!status.ok() || !refused) return status;
  return FileStatus(FileError{FileError::Kind::kLocked, 0, path_, FileError::kNoOffset, "a table is open for writing"});
}

FileStatus Replacement::Begin() {
  if (FileStatus status = LockPath(); !status.ok()) return status;
  FileStatus status = env_->Create(temporary_, path_, &file_);
  // Left by a process that had this one's number and was killed.
  while (!status.ok() && status.error().kind == FileError::Kind::kSystem && status.error().error_number == EEXIST) {
    temporary_ = TemporaryName(path_);
    status = env_->Create(temporary_, path_, &file_);
  }
  exists_ = file_ != nullptr;
  return status;
}

FileStatus Replacement::Append(absl::string_view bytes) {
  if (FileStatus status = CheckOpen(); !status.ok()) return status;
  return file_->Append(bytes);
}

FileStatus Replacement::Commit(bool sync) {
  if (FileStatus status = CheckOpen(); !status.ok()) return status;
  if (sync) {
    if (FileStatus status = file_->Sync(); !status.ok()) return status;
  }
  if (FileStatus status = file_->Close(); !status.ok()) return status;
  file_.reset();
  if (FileStatus status = LockPath(); !status.ok()) return status;
  may_be_in_place_ = true;  // a rename that fails may have been done by another machine
  if (FileStatus status = env_->Rename(temporary_, path_); !status.ok()) return status;
  exists_ = false;
  FileStatus status = sync ? env_->SyncDirectory(path_) : FileStatus();
  lock_.reset();
  return status;
}

}  // namespace partita
