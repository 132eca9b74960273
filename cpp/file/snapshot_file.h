// A table in one file: a header, blocks of rows, and a last block that says how many they were. docs/format.md draws
// it. Files are kept: what is read here today is read for ever.
//
// Writer and reader do their work in steps of some megabytes, so that whoever calls them can stop in between. Each step
// uses several threads, which end with it.

#ifndef PARTITA_FILE_SNAPSHOT_FILE_H_
#define PARTITA_FILE_SNAPSHOT_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "file/env.h"
#include "file/file_header.h"
#include "file/file_status.h"
#include "file/replacement.h"
#include "table/snapshot.h"
#include "table/table.h"

namespace partita {

// Replaces the file at `path` in the last step.
class SnapshotFileWriter {
 public:
  SnapshotFileWriter(Env* env, std::string path, FileHeader header, std::shared_ptr<const Snapshot> snapshot,
                     int threads, PathLock path_lock = PathLock::kHeld);

  // The next rows. *done: all are written, synced, and under their name. All may throw std::bad_alloc.
  FileStatus Step(bool* done);
  uint64_t rows_written() const { return rows_; }
  uint64_t bytes_written() const { return bytes_; }
  // Whether a step that failed may have given the file its name.
  bool may_be_in_place() const { return file_.may_be_in_place(); }
  // Removes what is not complete. The destructor does so too.
  void Abandon() { file_.Abandon(); }

 private:
  // What one worker encodes. In the file the shares stand one after the other.
  struct Share {
    absl::Span<const RowPlace> left;
    std::vector<std::string> blocks;  // encoded and not written yet
    uint64_t rows = 0;                // in these
    uint64_t bytes = 0;               // of these, before compression
  };

  FileStatus Begin();
  FileStatus Advance(bool* done);
  void ShareOut(absl::Span<const RowPlace> places);
  FileStatus WriteRows();
  FileStatus Put(std::string block);
  FileStatus Finish();

  Replacement file_;
  const FileHeader header_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const size_t workers_;
  std::unique_ptr<SnapshotScan> scan_;  // null before the first step
  std::vector<RowPlace> places_;
  std::vector<Share> shares_;  // of places_, by worker
  size_t unwritten_ = 0;       // the first of these that is not in the file whole
  uint64_t blocks_ = 0;
  uint64_t rows_ = 0;
  uint64_t bytes_ = 0;
};

class SnapshotFileReader {
 public:
  SnapshotFileReader(Env* env, std::string path, int threads);

  // Opens the file and reads its header.
  FileStatus Open();
  const FileHeader& header() const { return header_; }

  // The number of rows, by what the file says at its end.
  FileStatus ReadRowCount(uint64_t* rows);

  // Puts the next rows into `table`, which is of the file's type and keypos and in which no others are. *done: all are
  // in, and the file checks out to its end. All may throw std::bad_alloc.
  FileStatus Step(Table* table, bool allow_opaque, bool* done);
  uint64_t rows_read() const { return rows_; }
  uint64_t bytes_read() const { return offset_; }
  uint64_t file_size() const { return size_; }

 private:
  struct Loaded;
  FileStatus Corrupt(uint64_t offset, std::string what) const;
  FileStatus ReadExactly(uint64_t offset, size_t size, std::string* bytes);
  FileStatus ReadOne(Loaded* loaded);
  FileStatus CheckEnd(const Loaded& last) const;
  void DecodeBlock(Loaded* loaded, const Table& table) const;

  Env* const env_;
  const std::string path_;
  const size_t workers_;
  std::unique_ptr<ReadableFile> file_;
  FileHeader header_;
  uint64_t size_ = 0;
  uint64_t header_size_ = 0;
  uint64_t offset_ = 0;
  uint64_t blocks_ = 0;
  uint64_t rows_ = 0;
};

}  // namespace partita

#endif  // PARTITA_FILE_SNAPSHOT_FILE_H_
