// Reads a log record by record, and where the records end tells a log that was cut short from one that is damaged.
//
// Nothing of the file is trusted; it takes memory for one megabyte and the largest record. For one thread.

#ifndef PARTITA_FILE_LOG_READER_H_
#define PARTITA_FILE_LOG_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "file/env.h"
#include "file/log_format.h"

namespace partita {

class LogReader {
 public:
  LogReader(Env* env, std::string path);

  // Opens the file and reads its header, of which `wrong` tells.
  FileStatus Open();
  const LogHeader& header() const { return header_; }
  // Null: the header is as it should be. Otherwise the file has no records that could be read.
  const char* wrong_header() const { return wrong_header_; }
  // With a wrong header: behind it there is nothing, so that no record was ever in it.
  bool empty() const { return empty_; }

  // The next record, until the call after; *got false: at offset() there is none.
  FileStatus Next(LogRecord* record, bool* got);
  // Of what comes next.
  uint64_t offset() const { return offset_; }
  uint64_t size() const { return size_; }

  // What lies from offset() on, where there is no record numbered `expected`.
  struct Rest {
    bool zeros = false;        // and nothing else
    bool has_records = false;  // numbered `expected` or above
    bool was_synced = false;   // one of them says that record `expected` was on the disk
    uint64_t next_record = 0;  // with has_records: the offset of the first of them
  };
  // The search for records reads no more than a small multiple of the file; what it finds no end of counts as damage.
  FileStatus Probe(Lsn expected, Rest* rest);
  // Goes on there.
  void Skip(uint64_t offset) { offset_ = offset; }

 private:
  // The bytes [offset, offset + size) of the file, of which it has as many; fewer only if it became shorter meanwhile.
  FileStatus Fetch(uint64_t offset, uint64_t size, absl::string_view* bytes);

  Env* const env_;
  const std::string path_;
  std::unique_ptr<ReadableFile> file_;
  LogHeader header_;
  const char* wrong_header_ = nullptr;
  bool empty_ = false;
  uint64_t size_ = 0;
  uint64_t offset_ = 0;
  std::string window_;
  uint64_t window_offset_ = 0;
};

}  // namespace partita

#endif  // PARTITA_FILE_LOG_READER_H_
