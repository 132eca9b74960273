#include "file/replacement.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"

namespace partita {
namespace {

std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> number{0};
  return absl::StrCat(path, ".tmp.", ::getpid(), ".", number.fetch_add(1, std::memory_order_relaxed));
}

}  // namespace

Replacement::Replacement(Env* env, std::string path)
    : env_(env), path_(std::move(path)), temporary_(TemporaryName(path_)), process_(::getpid()) {}

void Replacement::Abandon() {
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

FileStatus Replacement::Begin() {
  FileStatus status = env_->Create(temporary_, path_, &file_);
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
  if (FileStatus status = env_->Rename(temporary_, path_); !status.ok()) return status;
  exists_ = false;
  return sync ? env_->SyncDirectory(path_) : FileStatus();
}

}  // namespace partita
