#include "file/log_replay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "table/record.h"

namespace partita {
namespace {

// Of a step, after which whoever called may stop.
constexpr uint64_t kStepBytes = uint64_t{4} << 20;

}  // namespace

LogReplay::LogReplay(Env* env, std::string path, const FileHeader& snapshot, bool allow_opaque, bool repair,
                     RecoveryReport* report)
    : env_(env),
      path_(std::move(path)),
      snapshot_(snapshot),
      allow_opaque_(allow_opaque),
      repair_(repair),
      report_(report),
      next_lsn_(std::max<Lsn>(snapshot.first_lsn, 1)) {}

FileStatus LogReplay::Open() {
  std::vector<uint64_t> found;
  if (FileStatus status = ListLogs(env_, path_, &found); !status.ok()) return status;
  next_generation_ = std::max(snapshot_.generation, found.empty() ? 0 : found.back()) + 1;
  for (const uint64_t generation : found) {
    if (generation < snapshot_.generation) {
      useless_.push_back(LogName(path_, generation));
    } else {
      generations_.push_back(generation);
    }
  }
  return FileStatus();
}

FileStatus LogReplay::Damage(const std::string& path, uint64_t offset, uint64_t bytes, std::string what) {
  if (!repair_) return FileStatus(FileError{FileError::Kind::kCorrupt, 0, path, offset, std::move(what)});
  found_damage_ = true;
  report_->notes.push_back(RecoveryNote{path, offset, bytes, true, std::move(what)});
  return FileStatus();
}

FileStatus LogReplay::CheckNumber(Lsn lsn, uint64_t offset) {
  FileStatus status;
  if (!torn_name_.empty()) {
    status =
        Damage(torn_name_, torn_offset_, torn_bytes_, "a record is damaged, and a later log shows that it was there");
    torn_name_.clear();
  } else if (lsn != next_lsn_) {
    status = Damage(name_, offset, 0,
                    absl::StrCat("the record here is number ", lsn, ", but number ", next_lsn_, " has not come yet"));
  }
  next_lsn_ = lsn;
  return status;
}

FileStatus LogReplay::OpenLog() {
  const uint64_t generation = generations_[next_];
  name_ = LogName(path_, generation);
  had_records_ = false;
  auto reader = std::make_unique<LogReader>(env_, name_);
  if (FileStatus status = reader->Open(); !status.ok()) return status;
  const LogHeader& header = reader->header();
  if (reader->wrong_header() != nullptr) {
    if (!reader->empty()) return Damage(name_, 0, reader->size(), reader->wrong_header());
    useless_.push_back(name_);
    return FileStatus();
  }
  if (!std::equal(std::begin(header.id), std::end(header.id), std::begin(snapshot_.id))) return FileStatus();
  if (header.generation != generation) {
    return Damage(name_, 0, reader->size(), absl::StrCat("this is the log of generation ", header.generation));
  }
  bytes_ += reader->size();
  ++report_->logs;
  reader_ = std::move(reader);
  return FileStatus();
}

FileStatus LogReplay::Step(Table* table, bool* done) {
  *done = false;
  if (reader_ != nullptr) return ReplayRecords(table);
  if (next_ < generations_.size()) {
    FileStatus status = OpenLog();
    if (reader_ == nullptr) ++next_;
    return status;
  }
  if (!torn_name_.empty()) {
    report_->notes.push_back(
        RecoveryNote{torn_name_, torn_offset_, torn_bytes_, false, "the end of the log was cut short by a crash"});
  }
  *done = true;
  return FileStatus();
}

FileStatus LogReplay::ReplayRecords(Table* table) {
  const uint64_t begin = reader_->offset();
  while (reader_->offset() - begin < kStepBytes) {
    const uint64_t offset = reader_->offset();
    LogRecord record;
    bool got = false;
    if (FileStatus status = reader_->Next(&record, &got); !status.ok()) return status;
    if (!got) return EndLog();
    bytes_read_ += reader_->offset() - offset;
    had_records_ = true;
    if (FileStatus status = CheckNumber(record.lsn, offset); !status.ok()) return status;
    ++next_lsn_;
    if (record.type != LogRecordType::kStep) continue;
    if (FileStatus status = Do(record, offset, table); !status.ok()) return status;
  }
  return FileStatus();
}

FileStatus LogReplay::Do(const LogRecord& record, uint64_t offset, Table* table) {
  const ReplayResult result = ReplayRecord(record.content, allow_opaque_, table);
  if (result.opaque) return FileStatus(FileError{FileError::Kind::kOpaque, 0, name_, offset, ""});
  if (result.wrong != nullptr) {
    return Damage(name_, offset, LogRecordSize(record.content.size()),
                  absl::StrCat("a step cannot be done: ", result.wrong));
  }
  if (result.outcome != Outcome::kOk) return FileStatusOf(result.outcome, name_, offset);
  ++report_->records;
  ++steps_;
  return FileStatus();
}

// At a place of a log where there is no record.
FileStatus LogReplay::EndLog() {
  const uint64_t offset = reader_->offset();
  LogReader::Rest rest;
  if (FileStatus status = reader_->Probe(next_lsn_, &rest); !status.ok()) return status;
  FileStatus status;
  if (rest.has_records && !had_records_ && !torn_name_.empty()) status = CheckNumber(next_lsn_, offset);
  if (status.ok() && (rest.was_synced || (repair_ && rest.has_records))) {
    const uint64_t end = rest.has_records ? rest.next_record : reader_->size();
    status = Damage(name_, offset, end - offset, "a record that was on the disk is damaged");
    if (!status.ok()) return status;
    if (rest.has_records) {
      // Whatever number comes next, this was told.
      reader_->Skip(end);
      LogRecord record;
      bool got = false;
      status = reader_->Next(&record, &got);
      next_lsn_ = record.lsn;
      reader_->Skip(end);
      return status;
    }
  } else if (status.ok() && !rest.zeros) {
    torn_name_ = name_;
    torn_offset_ = offset;
    torn_bytes_ = reader_->size() - offset;
  }
  if (!had_records_ && !rest.has_records && torn_name_ != name_) useless_.push_back(name_);
  bytes_read_ += reader_->size() - offset;
  reader_.reset();
  ++next_;
  return status;
}

FileStatus LogReplay::Clean() {
  if (!torn_name_.empty()) {
    if (FileStatus status = env_->Truncate(torn_name_, torn_offset_); !status.ok()) return status;
  }
  for (const std::string& name : useless_) {
    if (FileStatus status = env_->Remove(name); !status.ok() && !IsMissing(status)) return status;
  }
  return FileStatus();
}

}  // namespace partita
