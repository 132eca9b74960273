#include "file/log_reader.h"

#include <algorithm>
#include <utility>

#include "file/bytes.h"

namespace partita {
namespace {

constexpr uint64_t kWindow = uint64_t{1} << 20;
// Bytes of records that are looked into for one byte that is searched for them.
constexpr uint64_t kMostHashed = 8;

}  // namespace

LogReader::LogReader(Env* env, std::string path) : env_(env), path_(std::move(path)) {}

FileStatus LogReader::Fetch(uint64_t offset, uint64_t size, absl::string_view* bytes) {
  if (offset < window_offset_ || offset + size > window_offset_ + window_.size()) {
    window_offset_ = offset;
    window_.resize(static_cast<size_t>(std::min(std::max(size, kWindow), size_ - offset)));
    size_t got = 0;
    FileStatus status = file_->Read(offset, window_.size(), window_.data(), &got);
    window_.resize(status.ok() ? got : 0);
    if (!status.ok()) return status;
  }
  *bytes = absl::string_view(window_).substr(static_cast<size_t>(offset - window_offset_), static_cast<size_t>(size));
  return FileStatus();
}

FileStatus LogReader::Open() {
  if (FileStatus status = env_->OpenForReading(path_, &file_); !status.ok()) return status;
  if (FileStatus status = file_->Size(&size_); !status.ok()) return status;
  absl::string_view bytes;
  if (FileStatus status = Fetch(0, std::min<uint64_t>(size_, kLogHeaderSize), &bytes); !status.ok()) return status;
  wrong_header_ = DecodeLogHeader(bytes, &header_);
  offset_ = std::min<uint64_t>(size_, kLogHeaderSize);
  if (wrong_header_ == nullptr) return FileStatus();
  Rest rest;
  FileStatus status = Probe(~Lsn{0}, &rest);
  empty_ = status.ok() && rest.zeros;
  return status;
}

FileStatus LogReader::Next(LogRecord* record, bool* got) {
  *got = false;
  if (wrong_header_ != nullptr || size_ - offset_ < kLeastLogRecord) return FileStatus();
  absl::string_view bytes;
  uint32_t content_size;
  if (FileStatus status = Fetch(offset_, kLogRecordHeadSize, &bytes); !status.ok()) return status;
  if (!ReadLogRecordHead(bytes, size_ - offset_, &content_size, &record->type, &record->lsn)) return FileStatus();
  const uint64_t size = LogRecordSize(content_size);
  if (FileStatus status = Fetch(offset_, size, &bytes); !status.ok()) return status;
  if (bytes.size() < size || !ReadLogRecord(bytes, header_.salt, record)) return FileStatus();
  offset_ += size;
  *got = true;
  return FileStatus();
}

FileStatus LogReader::Probe(Lsn expected, Rest* rest) {
  *rest = Rest();
  rest->zeros = true;
  const uint64_t most_hashed = kMostHashed * (size_ - offset_);
  uint64_t hashed = 0;
  for (uint64_t at = offset_; at < size_;) {
    absl::string_view bytes;
    if (FileStatus status = Fetch(at, std::min(size_ - at, kLogRecordHeadSize), &bytes); !status.ok()) return status;
    if (bytes.empty()) break;
    const absl::string_view step = bytes.substr(0, kLogAlignment);
    const uint64_t here = at;
    at += step.size();
    if (std::all_of(step.begin(), step.end(), [](char c) { return c == '\0'; })) continue;
    rest->zeros = false;
    LogRecord record;
    uint32_t content_size;
    if (wrong_header_ != nullptr || !ReadLogRecordHead(bytes, size_ - here, &content_size, &record.type, &record.lsn)) {
      continue;
    }
    if (record.lsn < expected || record.lsn - expected > (here - offset_) / kLeastLogRecord) continue;
    const uint64_t size = LogRecordSize(content_size);
    hashed += size;
    if (hashed > most_hashed) {
      rest->was_synced = true;
      return FileStatus();
    }
    if (FileStatus status = Fetch(here, size, &bytes); !status.ok()) return status;
    if (bytes.size() < size || !ReadLogRecord(bytes, header_.salt, &record)) continue;
    if (!rest->has_records) rest->next_record = here;
    rest->has_records = true;
    rest->was_synced |= record.type == LogRecordType::kClose    ? record.lsn > expected
                        : record.type == LogRecordType::kSynced ? SyncedLsn(record) >= expected
                                                                : false;
    if (rest->was_synced) return FileStatus();
    at = here + size;
  }
  return FileStatus();
}

}  // namespace partita
