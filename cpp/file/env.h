// All that this library asks of a file system, so that another one can stand under the same code in tests.
//
// Implementations may be used from any thread; a file by one thread at a time. Nothing throws but std::bad_alloc.

#ifndef PARTITA_FILE_ENV_H_
#define PARTITA_FILE_ENV_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "file/file_status.h"

namespace partita {

// Closed when it is destroyed, if not before.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  virtual FileStatus Append(absl::string_view bytes) = 0;
  // The last call but the destructor. Some file systems tell here that what was appended found no room.
  virtual FileStatus Close() = 0;
  // Content and size are on the disk when it returns. The file's name is not: see Env::SyncDirectory. After an error
  // nothing is known of what is on the disk, and a second call may lie: the file must not be used again.
  virtual FileStatus Sync() = 0;
};

class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  virtual FileStatus Size(uint64_t* bytes) = 0;
  // *got is less than `size` only at the end of the file.
  virtual FileStatus Read(uint64_t offset, size_t size, char* out, size_t* got) = 0;
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
  // The names in the folder that `path` is in are on the disk when it returns.
  virtual FileStatus SyncDirectory(const std::string& path) = 0;
};

}  // namespace partita

#endif  // PARTITA_FILE_ENV_H_
