// Reads what can be read of a snapshot file that is damaged: every block of rows whose checksum is right, and where one
// is not the next one that is. For one thread; the memory of one block at a time.

#ifndef PARTITA_FILE_SNAPSHOT_REPAIR_H_
#define PARTITA_FILE_SNAPSHOT_REPAIR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "file/env.h"
#include "file/file_header.h"
#include "file/recovery_report.h"
#include "file/stored_block.h"
#include "table/table.h"

namespace partita {

class SnapshotRepair {
 public:
  // The header of the file must be whole; behind it, at `begin`, are the blocks. What is left out is noted in `report`.
  SnapshotRepair(Env* env, std::string path, const FileHeader& header, uint64_t begin, RecoveryReport* report);

  FileStatus Open();
  // Puts the rows of the next block into `table`. *done: there are no more. Both may throw std::bad_alloc.
  FileStatus Step(Table* table, bool allow_opaque, bool* done);

 private:
  FileStatus Read(uint64_t offset, uint64_t size, std::string* bytes) const;
  // Whether there is a block at `offset` with a number from number_ on, at most `skipped` above; then it is in block_.
  FileStatus TryBlock(uint64_t offset, uint64_t skipped, bool* is_block);
  FileStatus FindBlock(uint64_t* offset, bool* found);
  FileStatus Insert(uint64_t offset, Table* table, bool allow_opaque);
  void Note(uint64_t offset, uint64_t bytes, std::string what);

  Env* const env_;
  const std::string path_;
  const FileHeader header_;
  RecoveryReport* const report_;
  std::unique_ptr<ReadableFile> file_;
  uint64_t size_ = 0;
  uint64_t offset_;  // where the next block should be
  uint64_t number_ = 0;
  uint64_t summed_ = 0;  // bytes that were tried for a block
  BlockHead head_;
  std::string block_;
  std::string space_;
  absl::string_view content_;
};

}  // namespace partita

#endif  // PARTITA_FILE_SNAPSHOT_REPAIR_H_
