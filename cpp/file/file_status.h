// The outcome of work on files: fine, or what went wrong with which file and where in it.

#ifndef PARTITA_FILE_FILE_STATUS_H_
#define PARTITA_FILE_FILE_STATUS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "table/outcome.h"

namespace partita {

struct FileError {
  enum class Kind : uint8_t {
    kSystem,    // a call to the system failed: see error_number
    kCorrupt,   // the file is not what was written
    kForeign,   // not a file of ours, or of a version that this build does not know
    kOpaque,    // it holds pickled objects, which were not allowed
    kTooLarge,  // the table is out of room
    kNoMemory,
    kDropped,  // the table was dropped meanwhile
    kLocked,   // somebody else writes to it
    kState,    // the call does not fit what was done before: closed, or only read
  };
  static constexpr uint64_t kNoOffset = ~uint64_t{0};

  Kind kind;
  int error_number = 0;  // errno, for kSystem
  std::string path;
  uint64_t offset = kNoOffset;  // in the file, where it matters
  std::string what;             // what was being done (kSystem) or what is wrong
};

class [[nodiscard]] FileStatus {
 public:
  FileStatus() = default;
  explicit FileStatus(FileError error) : error_(std::make_unique<FileError>(std::move(error))) {}

  bool ok() const { return error_ == nullptr; }
  const FileError& error() const { return *error_; }

 private:
  std::unique_ptr<FileError> error_;
};

// What an outcome of work on a table means for the file at `path`.
FileStatus FileStatusOf(Outcome outcome, const std::string& path, uint64_t offset = FileError::kNoOffset);

}  // namespace partita

#endif  // PARTITA_FILE_FILE_STATUS_H_
