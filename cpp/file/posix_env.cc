#include <fcntl.h>
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

  FileStatus Sync() override {
    // Not again after EINTR: whether what failed is still to be written is not known then.
    if (::fsync(fd_.get()) != 0) return SystemError(path_, "fsync", errno);
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

class PosixEnv final : public Env {
 public:
  FileStatus OpenForReading(const std::string& path, std::unique_ptr<ReadableFile>* file) override {
    const int fd = OpenAgain(path.c_str(), O_RDONLY);
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
    const int fd = OpenAgain(path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0666);
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

  FileStatus SyncDirectory(const std::string& path) override {
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const int fd = OpenAgain(folder.c_str(), O_RDONLY | O_DIRECTORY);
    if (fd < 0) return SystemError(folder, "open", errno);
    const Descriptor directory(fd);
    if (::fsync(fd) != 0) return SystemError(folder, "fsync", errno);
    return FileStatus();
  }
};

}  // namespace

Env* Env::Posix() {
  static PosixEnv env;
  return &env;
}

}  // namespace partita
