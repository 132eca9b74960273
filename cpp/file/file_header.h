// The first bytes of a file, which say what it is.

#ifndef PARTITA_FILE_FILE_HEADER_H_
#define PARTITA_FILE_FILE_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "table/options.h"

namespace partita {

// What a file says of the table in it.
struct FileHeader {
  TableType type = TableType::kSet;
  uint32_t keypos = 0;
  std::optional<std::vector<std::string>> fields;
  uint64_t id[2] = {0, 0};  // of the table, the same in all files of it
  uint64_t generation = 0;  // of the log that goes on from here
  uint64_t first_lsn = 0;   // first record of it that is not in this file
  uint64_t salt = 0;        // of the checksums, drawn anew for each file
};

inline constexpr size_t kHeaderStartSize = 16;

// Throws std::bad_alloc, as DecodeHeader() does.
std::string EncodeHeader(const FileHeader& header);

struct HeaderVerdict {
  const char* wrong = nullptr;  // null: nothing
  bool foreign = false;         // it is not a file of ours, or of a later version
};
// From the first kHeaderStartSize bytes of a file (all, if it is shorter): the size of the whole header.
HeaderVerdict ReadHeaderStart(absl::string_view bytes, uint64_t file_size, uint64_t* header_size);
// `bytes` is the whole header.
HeaderVerdict DecodeHeader(absl::string_view bytes, FileHeader* header);

}  // namespace partita

#endif  // PARTITA_FILE_FILE_HEADER_H_
