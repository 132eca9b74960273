// The records of a file that ets:tab2file wrote: a log of disk_log in its internal format.
//
//   file     01 02 03 04, then 63 58 4D 0B, or 06 07 08 09 in a file that was not closed; records
//   record   u32 size, 62 57 4C 41, [of 65,528 bytes or more: MD5 of the four bytes of the size], a term with its
//   version
//            (before 2000 the mark was 0C 21 2C 37, without MD5)
//
// The first record describes the table, each other one is a row, and the last may be a list that says what can be
// verified. Reading and writing the file itself, its head and end, and MD5 are for whoever calls. What is fed in pieces
// is parsed in pieces: nothing but the record under way is kept.

#ifndef PARTITA_ERLANG_TAB_FILE_H_
#define PARTITA_ERLANG_TAB_FILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "erlang/term_reader.h"
#include "erlang/term_writer.h"
#include "table/snapshot.h"
#include "table/table.h"

namespace partita::erlang {

// The MD5 of a large record's size, as four bytes big-endian: to be checked when it was read, or to be filled in at
// `offset` of what is to be written.
struct SizeDigest {
  uint64_t offset;
  uint32_t size;
  std::array<char, 16> digest;
};

// Puts the rows of a file into a table. One call at a time. The table's own calls decide what happens to rows of equal
// keys.
class TabLoader {
 public:
  // Where in the file the bytes begin that are fed first, for messages.
  TabLoader(std::shared_ptr<Table> table, const ReadOptions& options, uint64_t offset)
      : table_(std::move(table)), options_(options), offset_(offset) {}

  // Puts in the rows of all records that are complete. kOk and problem->message set: the bytes at problem->offset of
  // the file are damaged, or mean nothing here; after that, or another outcome, nothing more may be fed. `terms`, if
  // not null, gets the terms of the rows as they stand there; `digests` what is to be checked. Throws std::bad_alloc.
  // To be called without the GIL: it waits for locks.
  Outcome Feed(absl::string_view bytes, std::string* terms, std::vector<SizeDigest>* digests, ReadProblem* problem);

  uint64_t rows() const { return rows_; }
  // The term of the record that is no row, empty if there was none yet. Nothing may come after it.
  const std::string& end_term() const { return end_term_; }
  // Where the next record begins in the file, and how many bytes of it are there.
  uint64_t offset() const { return offset_; }
  size_t unfinished() const { return buffer_.size() - parsed_; }

 private:
  enum class Next : uint8_t { kRecord, kMore, kProblem };

  Next NextRecord(absl::string_view* term, std::vector<SizeDigest>* digests, ReadProblem* problem);
  bool ReadRow(absl::string_view term, ReadProblem* problem);
  Outcome InsertRows();

  const std::shared_ptr<Table> table_;
  const ReadOptions options_;
  uint64_t offset_;     // in the file, of buffer_[parsed_]
  std::string buffer_;  // from the first record that is not complete on
  size_t parsed_ = 0;
  RowsRead batch_;
  std::vector<RowView> views_;
  uint64_t rows_ = 0;
  std::string end_term_;
};

// Writes the rows of a snapshot as records. One call at a time.
class TabDumper {
 public:
  // Throws std::bad_alloc.
  explicit TabDumper(std::shared_ptr<Snapshot> snapshot);

  // Replaces *records by the records of the next rows, some hundred thousand bytes, nothing at the end. `terms`, if not
  // null, is replaced by their terms alone; `holes` by where digests are missing. False: *why is set, and key() is that
  // of its row. Throws std::bad_alloc.
  bool Next(std::string* records, std::string* terms, std::vector<SizeDigest>* holes, NoForm* why);

  uint64_t rows() const { return rows_; }
  Value key() const;

 private:
  const std::shared_ptr<Snapshot> snapshot_;
  std::unique_ptr<SnapshotScan> scan_;
  absl::InlinedVector<Value, 24> row_;
  uint64_t rows_ = 0;
};

}  // namespace partita::erlang

#endif  // PARTITA_ERLANG_TAB_FILE_H_
