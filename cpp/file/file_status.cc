#include "file/file_status.h"

namespace partita {

FileStatus FileStatusOf(Outcome outcome, const std::string& path, uint64_t offset) {
  FileError error{FileError::Kind::kNoMemory, 0, path, offset, ""};
  switch (outcome) {
    case Outcome::kOk:
      return FileStatus();
    case Outcome::kTooManyRows:
      error.kind = FileError::Kind::kTooLarge;
      break;
    case Outcome::kDropped:
      error.kind = FileError::Kind::kDropped;
      break;
    default:
      break;
  }
  return FileStatus(std::move(error));
}

}  // namespace partita
