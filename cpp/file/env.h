// All that this library asks of a file system, so that another one can stand under the same code in tests
// (testing/simulated_env.h).
//
// Implementations may be used from any thread; a file by one thread at a time. Nothing throws but std::bad_alloc.

#ifndef PARTITA_FILE_ENV_H_
#define PARTITA_FILE_ENV_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "file/file_status.h"

namespace partita {

// Closed when it is destroyed, if not before.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  // After an error any part of the bytes may have been written.
  virtual FileStatus Append(absl::string_view bytes) = 0;
  // The last call but the destructor. Some file systems tell here that what was appended found no room.
  virtual FileStatus Close() = 0;
  // The file takes so many bytes on the disk from now on; those not written yet are read as zeros. So what is appended
  // below this does not change its size, and SyncData() has less to do. Does nothing if it is as large already.
  virtual FileStatus Reserve(uint64_t size) = 0;
  // Content and size are on the disk when it returns. The file's name is not: see Env::SyncDirectory. After an error
  // nothing is known of what is on the disk, and a second call may lie: the file must not be used again.
  virtual FileStatus Sync() = 0;
  // Sync() without what is not needed to read the content, like times.
  virtual FileStatus SyncData() = 0;
};

class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  virtual FileStatus Size(uint64_t* bytes) = 0;
  // *got is less than `size` only at the end of the file.
  virtual FileStatus Read(uint64_t offset, size_t size, char* out, size_t* got) = 0;
};

// Held until it is destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
  // In the child of a fork, which inherited it: closes what is open of it here; it stays the parent's.
  virtual void AbandonAfterFork() = 0;
};

class Env {
 public:
  virtual ~Env() = default;
  // The real one.
  static Env* Posix();

  virtual FileStatus OpenForReading(const std::string& path, std::unique_ptr<ReadableFile>* file) = 0;
  // A new file, an error if the path exists. It has the permissions of `like`, whose place it is to take, if that
  // exists; an error if that is no regular file.
  virtual FileStatus Create(const std::string& path, const std::string& like, std::unique_ptr<WritableFile>* file) = 0;
  // Takes the place of what `to` was, in one step.
  virtual FileStatus Rename(const std::string& from, const std::string& to) = 0;
  virtual FileStatus Remove(const std::string& path) = 0;
  // Cuts the file behind its first `size` bytes; that is on the disk when it returns.
  virtual FileStatus Truncate(const std::string& path, uint64_t size) = 0;
  // The ends of all paths that begin with `prefix`, in no order. Its last part is the beginning of a name in a folder.
  virtual FileStatus List(const std::string& prefix, std::vector<std::string>* ends) = 0;
  // Locks the file, which is made if it is not there, against every other lock of it, of this process too. *lock is
  // null if somebody else holds it; nobody is waited for.
  virtual FileStatus Lock(const std::string& path, std::unique_ptr<FileLock>* lock) = 0;
  // Locks the file against Lock(), but not against others that share it. *lock is null if there is no such file, and
  // also if somebody holds it by Lock(): then *refused.
  virtual FileStatus LockShared(const std::string& path, std::unique_ptr<FileLock>* lock, bool* refused) = 0;
  // The names in the folder that `path` is in are on the disk when it returns.
  virtual FileStatus SyncDirectory(const std::string& path) = 0;
};

// Whether a call failed because there is no such file.
bool IsMissing(const FileStatus& status);

}  // namespace partita

#endif  // PARTITA_FILE_ENV_H_
