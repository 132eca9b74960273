// A file that takes the place of another in one step: until then, and if anything fails, what was there stays as it is.

#ifndef PARTITA_FILE_REPLACEMENT_H_
#define PARTITA_FILE_REPLACEMENT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "file/env.h"
#include "file/file_status.h"

namespace partita {

// Who sees to it that no table is open for writing at the path meanwhile, by the file that LockName() names.
enum class PathLock : uint8_t {
  kHeld,   // the caller
  kShared  // the replacement: refused (kLocked) if one is, and none can be opened until it is done
};

// Writes under another name beside `path`. All may throw std::bad_alloc. Belongs to the process that made it: a child
// that goes on with it after a fork is refused, and removes nothing.
class Replacement {
 public:
  Replacement(Env* env, std::string path, PathLock path_lock = PathLock::kHeld);
  ~Replacement() { Abandon(); }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  // Creates the file, with the permissions of the one at `path`; an error if that is no regular file.
  FileStatus Begin();
  FileStatus Append(absl::string_view bytes);
  // With `sync` the file and its name are on the disk when it returns.
  FileStatus Commit(bool sync);
  // Removes what was not committed.
  void Abandon();

  // Whether the file may be in its place, although not all of Commit() may have succeeded.
  bool may_be_in_place() const { return may_be_in_place_; }

  const std::string& temporary() const { return temporary_; }

 private:
  FileStatus CheckOpen() const;
  FileStatus LockPath();

  Env* const env_;
  const std::string path_;
  std::string temporary_;
  const PathLock path_lock_;
  const int process_;
  std::unique_ptr<WritableFile> file_;
  std::unique_ptr<FileLock> lock_;
  bool exists_ = false;  // the temporary file
  bool may_be_in_place_ = false;
};

}  // namespace partita

#endif  // PARTITA_FILE_REPLACEMENT_H_
