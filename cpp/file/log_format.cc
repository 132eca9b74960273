#include "file/log_format.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "file/bytes.h"
#include "file/stored_block.h"
#include "table/record.h"

namespace partita {
namespace {

// As that of a snapshot, but for its letters.
constexpr absl::string_view kMagic("\x89PTW\r\n\x1A\n", 8);
constexpr uint32_t kVersion = 1;

struct HeaderBytes {
  char magic[8];
  uint32_t version;
  uint32_t size;
  uint64_t id[2];
  uint64_t generation;
  uint64_t salt;
  uint64_t checksum;
};
static_assert(sizeof(HeaderBytes) == kLogHeaderSize);

uint64_t HeaderSum(const HeaderBytes& bytes) {
  return Checksum(absl::string_view(reinterpret_cast<const char*>(&bytes), kLogHeaderSize - kLogChecksumSize), 0);
}

constexpr absl::string_view kLogSuffix = ".wal.";

}  // namespace

void EncodeLogHeader(const LogHeader& header, char (*out)[kLogHeaderSize]) {
  HeaderBytes bytes{};
  std::memcpy(bytes.magic, kMagic.data(), sizeof(bytes.magic));
  bytes.version = kVersion;
  bytes.size = kLogHeaderSize;
  std::copy(std::begin(header.id), std::end(header.id), std::begin(bytes.id));
  bytes.generation = header.generation;
  bytes.salt = header.salt;
  bytes.checksum = HeaderSum(bytes);
  std::memcpy(*out, &bytes, sizeof(bytes));
}

const char* DecodeLogHeader(absl::string_view bytes, LogHeader* header) {
  HeaderBytes read;
  if (bytes.size() < kLogHeaderSize) return "the log ends in its header";
  std::memcpy(&read, bytes.data(), sizeof(read));
  if (absl::string_view(read.magic, sizeof(read.magic)) != kMagic) return "it does not begin as a log";
  if (read.version != kVersion) return "it is of a version that this partita does not know";
  if (read.size != kLogHeaderSize) return "the size of the header is wrong";
  if (read.checksum != HeaderSum(read)) return "the checksum of the header is wrong";
  std::copy(std::begin(read.id), std::end(read.id), std::begin(header->id));
  header->generation = read.generation;
  header->salt = read.salt;
  return nullptr;
}

uint64_t LogContentSum(absl::string_view content, uint64_t salt) { return Checksum(content, salt); }

void EncodeLogRecordHead(uint32_t content_size, LogRecordType type, Lsn lsn, char (*out)[kLogRecordHeadSize]) {
  const uint32_t type_number = static_cast<uint32_t>(type);
  std::memcpy(*out, &content_size, sizeof(content_size));
  std::memcpy(*out + 4, &type_number, sizeof(type_number));
  std::memcpy(*out + 8, &lsn, sizeof(lsn));
}

uint64_t LogRecordSum(const char (&head)[kLogRecordHeadSize], uint64_t content_sum) {
  return Checksum(absl::string_view(head, kLogRecordHeadSize), content_sum);
}

bool ReadLogRecordHead(absl::string_view head, uint64_t left, uint32_t* content_size, LogRecordType* type, Lsn* lsn) {
  uint32_t type_number = 0;
  if (!TakeNumber(&head, content_size) || !TakeNumber(&head, &type_number) || !TakeNumber(&head, lsn)) return false;
  *type = static_cast<LogRecordType>(type_number);
  if (LogRecordSize(*content_size) > left || *lsn == 0) return false;
  switch (*type) {
    case LogRecordType::kStep:
      return *content_size > 0 && *content_size <= kMaxRecordSize;
    case LogRecordType::kSynced:
      return *content_size == kLogSyncedSize;
    case LogRecordType::kClose:
      return *content_size == 0;
  }
  return false;
}

bool ReadLogRecord(absl::string_view bytes, uint64_t salt, LogRecord* record) {
  char head[kLogRecordHeadSize];
  std::memcpy(head, bytes.data(), sizeof(head));
  uint32_t content_size = 0;
  if (!ReadLogRecordHead(bytes, bytes.size(), &content_size, &record->type, &record->lsn)) return false;
  record->content = bytes.substr(kLogRecordHeadSize, content_size);
  const absl::string_view padding =
      bytes.substr(kLogRecordHeadSize + content_size,
                   LogRecordSize(content_size) - kLogRecordHeadSize - content_size - kLogChecksumSize);
  if (std::any_of(padding.begin(), padding.end(), [](char c) { return c != '\0'; })) return false;
  const uint64_t sum = NumberAt<uint64_t>(padding.data() + padding.size());
  return sum == LogRecordSum(head, LogContentSum(record->content, salt));
}

Lsn SyncedLsn(const LogRecord& record) { return NumberAt<Lsn>(record.content.data()); }

std::string LogName(const std::string& path, uint64_t generation) { return absl::StrCat(path, kLogSuffix, generation); }
std::string LockName(const std::string& path) { return path + ".lock"; }

FileStatus ListLogs(Env* env, const std::string& path, std::vector<uint64_t>* generations) {
  generations->clear();
  std::vector<std::string> ends;
  if (FileStatus status = env->List(path + std::string(kLogSuffix), &ends); !status.ok()) return status;
  for (const std::string& end : ends) {
    uint64_t number = 0;
    // As LogName() writes it, and no other way.
    if (end.empty() || end.size() > 19 || end[0] == '0') continue;
    if (!std::all_of(end.begin(), end.end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
    for (const char c : end) number = number * 10 + static_cast<uint64_t>(c - '0');
    generations->push_back(number);
  }
  std::sort(generations->begin(), generations->end());
  return FileStatus();
}

}  // namespace partita
