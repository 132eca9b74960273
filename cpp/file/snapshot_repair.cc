#include "file/snapshot_repair.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "file/row_group.h"

namespace partita {
namespace {

// Bytes that are read at a time where a block is searched for.
constexpr uint64_t kWindow = uint64_t{1} << 20;
// Of blocks that were there once in a stretch of a file; more are not tried.
constexpr uint64_t kMostSkipped = 64;
// Bytes that are read and summed up for each byte of the file, at most: a file may pretend to have a large
// block everywhere.
constexpr uint64_t kMostSummed = 256;

bool IsKind(const char* p) {
  for (const BlockKind kind : {BlockKind::kRows, BlockKind::kEnd}) {
    if (absl::string_view(p, sizeof(kind)) == absl::string_view(reinterpret_cast<const char*>(&kind), sizeof(kind))) {
      return true;
    }
  }
  return false;
}

}  // namespace

SnapshotRepair::SnapshotRepair(Env* env, std::string path, const FileHeader& header, uint64_t begin,
                               RecoveryReport* report)
    : env_(env), path_(std::move(path)), header_(header), report_(report), offset_(begin) {}

FileStatus SnapshotRepair::Open() {
  if (FileStatus status = env_->OpenForReading(path_, &file_); !status.ok()) return status;
  return file_->Size(&size_);
}

FileStatus SnapshotRepair::Read(uint64_t offset, uint64_t size, std::string* bytes) const {
  bytes->resize(static_cast<size_t>(offset < size_ ? std::min(size, size_ - offset) : 0));
  size_t got = 0;
  FileStatus status = file_->Read(offset, bytes->size(), bytes->data(), &got);
  bytes->resize(got);
  return status;
}

void SnapshotRepair::Note(uint64_t offset, uint64_t bytes, std::string what) {
  report_->notes.push_back(RecoveryNote{path_, offset, bytes, true, std::move(what)});
}

FileStatus SnapshotRepair::TryBlock(uint64_t offset, uint64_t skipped, bool* is_block) {
  *is_block = false;
  if (FileStatus status = Read(offset, kBlockHeadSize, &block_); !status.ok()) return status;
  if (block_.size() < kBlockHeadSize || ReadBlockHead(block_, size_ - offset - kBlockHeadSize, &head_) != nullptr) {
    return FileStatus();
  }
  const uint64_t size = kBlockHeadSize + BlockRest(head_);
  if (summed_ > kMostSummed * size_) return FileStatus();
  summed_ += size;
  if (FileStatus status = Read(offset, size, &block_); !status.ok()) return status;
  if (block_.size() < size) return FileStatus();
  for (uint64_t number = number_; number <= number_ + skipped && summed_ <= kMostSummed * size_; ++number) {
    summed_ += size;
    *is_block = ReadBlock(block_, head_, header_.salt, number, &space_, &content_) == nullptr;
    if (!*is_block) continue;
    number_ = number;
    break;
  }
  return FileStatus();
}

FileStatus SnapshotRepair::FindBlock(uint64_t* offset, bool* found) {
  *offset = offset_;
  if (FileStatus status = TryBlock(offset_, 0, found); !status.ok() || *found) return status;
  std::string window;
  for (uint64_t begin = offset_ + kBlockAlignment; begin < size_; begin += kWindow) {
    if (FileStatus status = Read(begin, kWindow, &window); !status.ok()) return status;
    for (size_t at = 0; at + kBlockAlignment <= window.size(); at += kBlockAlignment) {
      if (!IsKind(window.data() + at)) continue;
      *offset = begin + at;
      const uint64_t blocks = (*offset - offset_) / (kBlockHeadSize + kChecksumSize) + 1;
      if (FileStatus status = TryBlock(*offset, std::min(blocks, kMostSkipped), found); !status.ok() || *found) {
        return status;
      }
    }
  }
  return FileStatus();
}

FileStatus SnapshotRepair::Step(Table* table, bool allow_opaque, bool* done) {
  *done = false;
  uint64_t at = 0;
  bool found = false;
  if (FileStatus status = FindBlock(&at, &found); !status.ok()) return status;
  if (!found) {
    Note(offset_, size_ - offset_, "the rest of the file is damaged");
    *done = true;
    return FileStatus();
  }
  if (at != offset_) Note(offset_, at - offset_, "blocks of rows are damaged");
  offset_ = at + block_.size();
  ++number_;
  if (head_.kind == BlockKind::kEnd) {
    if (offset_ != size_) Note(offset_, size_ - offset_, "the file goes on after its last block");
    *done = true;
    return FileStatus();
  }
  return Insert(at, table, allow_opaque);
}

FileStatus SnapshotRepair::Insert(uint64_t offset, Table* table, bool allow_opaque) {
  DecodedGroup group;
  if (const char* wrong = group.Decode(content_, header_.keypos, table->options().hash_seed); wrong != nullptr) {
    Note(offset, block_.size(), absl::StrCat("a block of rows is malformed: ", wrong));
    return FileStatus();
  }
  if (group.has_opaque() && !allow_opaque) {
    return FileStatus(FileError{FileError::Kind::kOpaque, 0, path_, offset, ""});
  }
  uint64_t inserted = 0;
  return FileStatusOf(table->InsertBatch(group.rows(), Wait::kBlock, &inserted), path_, offset);
}

}  // namespace partita
