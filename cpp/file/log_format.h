// The log of a table that lives in a file, byte by byte: docs/format.md draws it.
//
// A log is a header, then records, each at a multiple of 8, with numbers that follow one another over all logs of a
// table. Behind the last one the file may go on with zeros, which were reserved and not written yet.

#ifndef PARTITA_FILE_LOG_FORMAT_H_
#define PARTITA_FILE_LOG_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "file/env.h"
#include "table/journal.h"

namespace partita {

struct LogHeader {
  uint64_t id[2] = {0, 0};  // of the table
  uint64_t generation = 0;  // the number in the file's name
  uint64_t salt = 0;        // of the checksums, drawn anew for each file
};
inline constexpr size_t kLogHeaderSize = 56;

void EncodeLogHeader(const LogHeader& header, char (*out)[kLogHeaderSize]);
// Of a file's first bytes, at most kLogHeaderSize. Null, or what is wrong.
const char* DecodeLogHeader(absl::string_view bytes, LogHeader* header);

enum class LogRecordType : uint32_t {
  kStep = 0x50455453,    // "STEP": what a step did, in the form of table/record.h
  kSynced = 0x434E5953,  // "SYNC": 8 bytes, the number of a record; it and all before it were on the disk by then
  kClose = 0x44534C43,   // "CLSD": nothing; all before it were on the disk by then, and no more were to come
};

// What stands before and behind the content of a record.
inline constexpr size_t kLogRecordHeadSize = 16;
inline constexpr size_t kLogAlignment = 8;
inline constexpr size_t kLogChecksumSize = 8;
inline constexpr size_t kLogSyncedSize = 8;  // content of kSynced

constexpr uint64_t LogRecordSize(uint64_t content_size) {
  return kLogRecordHeadSize + (content_size + kLogAlignment - 1) / kLogAlignment * kLogAlignment + kLogChecksumSize;
}
inline constexpr uint64_t kLeastLogRecord = LogRecordSize(0);

// The checksum is made in two steps, so that only the second one has to wait until the number of a record is known.
uint64_t LogContentSum(absl::string_view content, uint64_t salt);
void EncodeLogRecordHead(uint32_t content_size, LogRecordType type, Lsn lsn, char (*out)[kLogRecordHeadSize]);
uint64_t LogRecordSum(const char (&head)[kLogRecordHeadSize], uint64_t content_sum);

struct LogRecord {
  LogRecordType type = LogRecordType::kStep;
  Lsn lsn = 0;
  absl::string_view content;
};
// What the head of a record says; false: it cannot be one, or does not fit in the `left` bytes that the file has from
// its first byte on.
bool ReadLogRecordHead(absl::string_view head, uint64_t left, uint32_t* content_size, LogRecordType* type, Lsn* lsn);
// `bytes` are all of a record whose head was read. False: its checksum is wrong, or its padding is not zero.
bool ReadLogRecord(absl::string_view bytes, uint64_t salt, LogRecord* record);
// The number that a kSynced record tells.
Lsn SyncedLsn(const LogRecord& record);

// The names of the files beside a table's.
std::string LogName(const std::string& path, uint64_t generation);
std::string LockName(const std::string& path);
// The generations of the logs beside `path`, ascending.
FileStatus ListLogs(Env* env, const std::string& path, std::vector<uint64_t>* generations);

}  // namespace partita

#endif  // PARTITA_FILE_LOG_FORMAT_H_
