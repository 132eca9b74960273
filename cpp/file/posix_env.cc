#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "file/env.h"

namespace partita {
namespace {

// Calls may be cut short beyond this size.
constexpr size_t kMostPerCall = size_t{1} << 30;

FileStatus SystemError(const std::string& path, const char* what, int error_number) {
  return FileStatus(FileError{FileError::Kind::kSystem, error_number, path, FileError::kNoOffset, what});
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { Close(); }
  int get() const { return fd_; }
  // 0, or -1 with errno. After EINTR too the descriptor is closed (close(2)).
  int Close() { return fd_ < 0 ? 0 : ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

// Where the names of a path's folder are read and synced.
std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// Not again after EINTR: whether what failed is still to be written is not known then.
FileStatus SyncDescriptor(int fd, const std::string& path) {
  if (::fsync(fd) != 0) return SystemError(path, "fsync", errno);
  return FileStatus();
}

int OpenAgain(const char* path, int flags, mode_t mode = 0) {
  int fd;
  do {
    fd = ::open(path, flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  FileStatus Append(absl::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), std::min(bytes.size(), kMostPerCall));
      if (written < 0) {
        if (errno == EINTR) continue;
        return SystemError(path_, "write", errno);
      }
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return FileStatus();
  }

  FileStatus Reserve(uint64_t size) override {
    int result;
    do {
      result = ::fallocate(fd_.get(), 0, 0, static_cast<off_t>(size));
    } while (result != 0 && errno == EINTR);
    // A file system that cannot do it lets the file grow as it is written.
    if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return FileStatus();
    return SystemError(path_, "fallocate", errno);
  }

  FileStatus Sync() override { return SyncDescriptor(fd_.get(), path_); }

  FileStatus SyncData() override {
    if (::fdatasync(fd_.get()) != 0) return SystemError(path_, "fdatasync", errno);
    return FileStatus();
  }

  FileStatus Close() override {
    if (fd_.Close() != 0 && errno != EINTR) return SystemError(path_, "close", errno);
    return FileStatus();
  }

 private:
  Descriptor fd_;
  const std::string path_;
};

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  FileStatus Size(uint64_t* bytes) override {
    struct stat status;
    if (::fstat(fd_.get(), &status) != 0) return SystemError(path_, "fstat", errno);
    *bytes = static_cast<uint64_t>(status.st_size);
    return FileStatus();
  }

  FileStatus Read(uint64_t offset, size_t size, char* out, size_t* got) override {
    *got = 0;
    while (*got < size) {
      const ssize_t read =
          ::pread(fd_.get(), out + *got, std::min(size - *got, kMostPerCall), static_cast<off_t>(offset + *got));
      if (read < 0) {
        if (errno == EINTR) continue;
        return SystemError(path_, "read", errno);
      }
      if (read == 0) break;
      *got += static_cast<size_t>(read);
    }
    return FileStatus();
  }

 private:
  const Descriptor fd_;
  const std::string path_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(int fd) : fd_(fd) {}
  ~PosixFileLock() override {
    if (fd_ < 0) return;
    // To close it would leave the lock to processes that inherited the descriptor.
    ::flock(fd_, LOCK_UN);
    ::close(fd_);
  }
  PosixFileLock(const PosixFileLock&) = delete;
  PosixFileLock& operator=(const PosixFileLock&) = delete;

  void AbandonAfterFork() override {
    ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// Of an open file, which it takes over.
FileStatus LockOpen(int fd, int how, const std::string& path, std::unique_ptr<FileLock>* lock, bool* refused) {
  auto held = std::make_unique<PosixFileLock>(fd);
  int result;
  do {
    result = ::flock(fd, how | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  *refused = result != 0 && errno == EWOULDBLOCK;
  if (result != 0 && !*refused) return SystemError(path, "flock", errno);
  if (result == 0) *lock = std::move(held);
  return FileStatus();
}

class PosixEnv final : public Env {
 public:
  FileStatus OpenForReading(const std::string& path, std::unique_ptr<ReadableFile>* file) override {
    // What is no file is refused below: a pipe would wait for who writes to it.
    const int fd = OpenAgain(path.c_str(), O_RDONLY | O_NONBLOCK);
    if (fd < 0) return SystemError(path, "open", errno);
    struct stat status;
    const bool known = ::fstat(fd, &status) == 0;
    if (known && S_ISREG(status.st_mode)) {
      *file = std::make_unique<PosixReadableFile>(fd, path);
      return FileStatus();
    }
    const int error_number = known ? (S_ISDIR(status.st_mode) ? EISDIR : EINVAL) : errno;
    ::close(fd);
    return SystemError(path, "open", error_number);
  }

  FileStatus Create(const std::string& path, const std::string& like, std::unique_ptr<WritableFile>* file) override {
    struct stat status;
    const bool exists = ::stat(like.c_str(), &status) == 0;
    if (exists && !S_ISREG(status.st_mode)) {  // a device would be gone after the rename
      return SystemError(like, "replace", S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
    }
    // Nobody may open it meanwhile who must not read it later.
    const mode_t mode = exists ? status.st_mode & 0777 : 0666;
    const int fd = OpenAgain(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, mode);
    if (fd < 0) return SystemError(path, "create", errno);
    *file = std::make_unique<PosixWritableFile>(fd, path);
    if (exists && ::fchmod(fd, status.st_mode & 07777) != 0) return SystemError(path, "fchmod", errno);
    return FileStatus();
  }

  FileStatus Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return SystemError(to, "rename", errno);
    return FileStatus();
  }

  FileStatus Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return SystemError(path, "unlink", errno);
    return FileStatus();
  }

  FileStatus Truncate(const std::string& path, uint64_t size) override {
    const int fd = OpenAgain(path.c_str(), O_WRONLY);
    if (fd < 0) return SystemError(path, "open", errno);
    const Descriptor file(fd);
    int result;
    do {
      result = ::ftruncate(fd, static_cast<off_t>(size));
    } while (result != 0 && errno == EINTR);
    if (result != 0) return SystemError(path, "ftruncate", errno);
    return SyncDescriptor(fd, path);
  }

  FileStatus List(const std::string& prefix, std::vector<std::string>* ends) override {
    ends->clear();
    const std::string folder = FolderOf(prefix);
    const std::string name = prefix.substr(prefix.rfind('/') + 1);
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), &::closedir);
    if (directory == nullptr) return SystemError(folder, "opendir", errno);
    while (true) {
      errno = 0;
      const dirent* const entry = ::readdir(directory.get());  // NOLINT(concurrency-mt-unsafe): nobody else has it
      if (entry == nullptr) break;
      const absl::string_view found(entry->d_name);
      if (found.substr(0, name.size()) == name) ends->emplace_back(found.substr(name.size()));
    }
    if (errno != 0) return SystemError(folder, "readdir", errno);
    return FileStatus();
  }

  FileStatus Lock(const std::string& path, std::unique_ptr<FileLock>* lock) override {
    lock->reset();
    const int fd = OpenAgain(path.c_str(), O_RDWR | O_CREAT, 0666);
    if (fd < 0) return SystemError(path, "open", errno);
    bool refused;
    return LockOpen(fd, LOCK_EX, path, lock, &refused);
  }

  FileStatus LockShared(const std::string& path, std::unique_ptr<FileLock>* lock, bool* refused) override {
    lock->reset();
    *refused = false;
    const int fd = OpenAgain(path.c_str(), O_RDONLY);
    if (fd < 0) return errno == ENOENT ? FileStatus() : SystemError(path, "open", errno);
    return LockOpen(fd, LOCK_SH, path, lock, refused);
  }

  FileStatus SyncDirectory(const std::string& path) override {
    const std::string folder = FolderOf(path);
    const int fd = OpenAgain(folder.c_str(), O_RDONLY | O_DIRECTORY);
    if (fd < 0) return SystemError(folder, "open", errno);
    const Descriptor directory(fd);
    return SyncDescriptor(fd, folder);
  }
};

}  // namespace

Env* Env::Posix() {
  static PosixEnv env;
  return &env;
}

bool IsMissing(const FileStatus& status) {
  return !status.ok() && status.error().kind == FileError::Kind::kSystem && status.error().error_number == ENOENT;
}

}  // namespace partita
