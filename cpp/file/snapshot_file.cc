#include "file/snapshot_file.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/parallel.h"
#include "file/file_header.h"
#include "file/row_group.h"
#include "file/stored_block.h"

namespace partita {
namespace {

// The content of the last block.
struct EndOfFile {
  uint64_t blocks;
  uint64_t rows;
};

// What each worker does in a step: so many rows at the most, and no more groups once it has so many bytes. Rows may be
// large, and what is encoded is held until it is its turn to be written.
constexpr size_t kRowsPerWorker = size_t{8} * kMaxGroupRows;
constexpr uint64_t kBytesPerWorker = 2 * kGroupBytes;

// Blocks of a step, for each worker. In bags, whose rows have an order, all of them are held decoded, which takes up to
// sixteen times the bytes; else a worker holds one.
constexpr size_t kBlocksPerWorker = 8;
constexpr size_t kBagBlocksPerWorker = 2;

size_t WorkersOf(int threads) { return static_cast<size_t>(std::clamp(threads, 1, 64)); }

FileStatus NoMemory(const std::string& path) {
  return FileStatus(FileError{FileError::Kind::kNoMemory, 0, path, FileError::kNoOffset, ""});
}

}  // namespace

// --- Writing.

SnapshotFileWriter::SnapshotFileWriter(Env* env, std::string path, FileHeader header,
                                       std::shared_ptr<const Snapshot> snapshot, int threads, PathLock path_lock)
    : file_(env, std::move(path), path_lock),
      header_(std::move(header)),
      snapshot_(std::move(snapshot)),
      workers_(WorkersOf(threads)) {}

FileStatus SnapshotFileWriter::Begin() {
  std::unique_ptr<SnapshotScan> scan = snapshot_->NewScan(Direction::kForward);
  places_.resize(kRowsPerWorker * workers_);
  if (FileStatus status = file_.Begin(); !status.ok()) return status;
  const std::string header = EncodeHeader(header_);
  bytes_ = header.size();
  if (FileStatus status = file_.Append(header); !status.ok()) return status;
  scan_ = std::move(scan);
  return FileStatus();
}

FileStatus SnapshotFileWriter::Step(bool* done) {
  *done = false;
  FileStatus status = Advance(done);
  if (!status.ok()) file_.Abandon();  // rows may be missing from it: no later step may complete it
  return status;
}

FileStatus SnapshotFileWriter::Advance(bool* done) {
  if (scan_ == nullptr) {
    if (FileStatus status = Begin(); !status.ok()) return status;
  }
  if (unwritten_ == shares_.size()) {
    size_t count = 0;
    while (count < places_.size()) {
      const size_t more = scan_->Next(places_.data() + count, places_.size() - count);
      if (more == 0) break;
      count += more;
    }
    if (count == 0) {
      FileStatus status = Finish();
      *done = status.ok();
      return status;
    }
    ShareOut(absl::MakeConstSpan(places_).subspan(0, count));
  }
  return WriteRows();
}

void SnapshotFileWriter::ShareOut(absl::Span<const RowPlace> places) {
  const size_t size = (places.size() + workers_ - 1) / workers_;
  shares_.clear();
  unwritten_ = 0;
  while (!places.empty()) {
    shares_.emplace_back().left = places.subspan(0, size);
    places.remove_prefix(shares_.back().left.size());
  }
}

FileStatus SnapshotFileWriter::WriteRows() {
  std::atomic<bool> no_memory{false};
  RunInParallel(shares_.size(), [&](size_t worker) {
    Share& share = shares_[worker];
    try {
      RowGroupEncoder encoder;
      std::string content;
      while (!share.left.empty() && share.bytes < kBytesPerWorker) {
        content.clear();
        const size_t rows = encoder.Encode(share.left, &content);
        share.blocks.push_back(StoreBlock(BlockKind::kRows, content));
        share.left.remove_prefix(rows);
        share.rows += rows;
        share.bytes += content.size();
      }
    } catch (const std::bad_alloc&) {
      no_memory.store(true, std::memory_order_relaxed);
    }
  });
  if (no_memory.load(std::memory_order_relaxed)) return NoMemory(file_.temporary());
  while (unwritten_ < shares_.size()) {
    Share& share = shares_[unwritten_];
    for (std::string& block : share.blocks) {
      if (FileStatus status = Put(std::move(block)); !status.ok()) return status;
    }
    rows_ += share.rows;
    const bool whole = share.left.empty();
    share = Share{share.left, {}};
    if (!whole) break;
    ++unwritten_;
  }
  return FileStatus();
}

FileStatus SnapshotFileWriter::Put(std::string block) {
  block += BlockTail(block, header_.salt, blocks_++);
  bytes_ += block.size();
  return file_.Append(block);
}

FileStatus SnapshotFileWriter::Finish() {
  const EndOfFile end{blocks_, rows_};
  const absl::string_view content(reinterpret_cast<const char*>(&end), sizeof(end));
  if (FileStatus status = Put(StoreBlock(BlockKind::kEnd, content)); !status.ok()) return status;
  return file_.Commit(true);
}

// --- Reading.

// A block on its way in.
struct SnapshotFileReader::Loaded {
  uint64_t offset = 0;
  uint64_t number = 0;
  BlockHead head;
  std::string block;
  std::string space;
  absl::string_view content;
  DecodedGroup group;
  size_t rows = 0;
  bool opaque = false;
  std::string wrong;  // empty: nothing
  bool no_memory = false;
  Outcome inserted = Outcome::kOk;
};

SnapshotFileReader::SnapshotFileReader(Env* env, std::string path, int threads)
    : env_(env), path_(std::move(path)), workers_(WorkersOf(threads)) {}

FileStatus SnapshotFileReader::Corrupt(uint64_t offset, std::string what) const {
  return FileStatus(FileError{FileError::Kind::kCorrupt, 0, path_, offset, std::move(what)});
}

FileStatus SnapshotFileReader::ReadExactly(uint64_t offset, size_t size, std::string* bytes) {
  bytes->resize(size);
  size_t got = 0;
  FileStatus status = file_->Read(offset, size, bytes->data(), &got);
  if (status.ok() && got < size) status = Corrupt(offset + got, "the file became shorter while it was read");
  return status;
}

FileStatus SnapshotFileReader::Open() {
  if (FileStatus status = env_->OpenForReading(path_, &file_); !status.ok()) return status;
  if (FileStatus status = file_->Size(&size_); !status.ok()) return status;
  std::string bytes;
  if (FileStatus status = ReadExactly(0, static_cast<size_t>(std::min<uint64_t>(size_, kHeaderStartSize)), &bytes);
      !status.ok()) {
    return status;
  }
  HeaderVerdict verdict = ReadHeaderStart(bytes, size_, &header_size_);
  if (verdict.wrong == nullptr) {
    if (FileStatus status = ReadExactly(0, static_cast<size_t>(header_size_), &bytes); !status.ok()) return status;
    verdict = DecodeHeader(bytes, &header_);
  }
  if (verdict.wrong != nullptr) {
    const FileError::Kind kind = verdict.foreign ? FileError::Kind::kForeign : FileError::Kind::kCorrupt;
    return FileStatus(FileError{kind, 0, path_, 0, verdict.wrong});
  }
  offset_ = header_size_;
  return FileStatus();
}

FileStatus SnapshotFileReader::ReadOne(Loaded* loaded) {
  loaded->offset = offset_;
  loaded->number = blocks_;
  const uint64_t left = size_ - offset_;
  if (left == 0) return Corrupt(offset_, "the file ends before its last block");
  std::string head;
  if (FileStatus status = ReadExactly(offset_, std::min<uint64_t>(left, kBlockHeadSize), &head); !status.ok()) {
    return status;
  }
  const char* wrong = ReadBlockHead(head, left - head.size(), &loaded->head);
  if (wrong != nullptr) return Corrupt(offset_, wrong);
  const uint64_t size = kBlockHeadSize + BlockRest(loaded->head);
  if (FileStatus status = ReadExactly(offset_, static_cast<size_t>(size), &loaded->block); !status.ok()) return status;
  offset_ += size;
  ++blocks_;
  return FileStatus();
}

void SnapshotFileReader::DecodeBlock(Loaded* loaded, const Table& table) const {
  const char* wrong =
      ReadBlock(loaded->block, loaded->head, header_.salt, loaded->number, &loaded->space, &loaded->content);
  if (wrong == nullptr && loaded->head.kind == BlockKind::kRows) {
    wrong = loaded->group.Decode(loaded->content, header_.keypos, table.options().hash_seed);
    if (wrong != nullptr) {
      loaded->wrong = absl::StrCat("a block of rows is malformed: ", wrong);
      return;
    }
    loaded->rows = loaded->group.rows().size();
    loaded->opaque = loaded->group.has_opaque();
  }
  if (wrong != nullptr) loaded->wrong = wrong;
}

FileStatus SnapshotFileReader::ReadRowCount(uint64_t* rows) {
  constexpr uint64_t kEndBlockSize = kBlockHeadSize + sizeof(EndOfFile) + kChecksumSize;
  if (size_ - header_size_ < kEndBlockSize) return Corrupt(header_size_, "the file ends before its last block");
  const uint64_t offset = size_ - kEndBlockSize;
  std::string block;
  if (FileStatus status = ReadExactly(offset, kEndBlockSize, &block); !status.ok()) return status;
  BlockHead head;
  EndOfFile end{};
  absl::string_view content;
  const char* wrong = ReadBlockHead(block, kEndBlockSize - kBlockHeadSize, &head);
  if (wrong == nullptr &&
      (head.kind != BlockKind::kEnd || head.codec != BlockCodec::kNone || head.stored_size != sizeof(end))) {
    wrong = "the last block is no end";
  }
  if (wrong == nullptr) {
    std::memcpy(&end, block.data() + kBlockHeadSize, sizeof(end));
    wrong = ReadBlock(block, head, header_.salt, end.blocks, nullptr, &content);
  }
  if (wrong != nullptr) return Corrupt(offset, wrong);
  *rows = end.rows;
  return FileStatus();
}

FileStatus SnapshotFileReader::CheckEnd(const Loaded& last) const {
  EndOfFile end;
  if (last.content.size() != sizeof(end)) return Corrupt(last.offset, "the last block has another size");
  std::memcpy(&end, last.content.data(), sizeof(end));
  if (end.blocks != last.number || end.rows != rows_) {
    return Corrupt(last.offset, absl::StrCat("the file has ", rows_, " rows in ", last.number,
                                             " blocks, but was to have ", end.rows, " in ", end.blocks));
  }
  if (offset_ != size_) return Corrupt(offset_, "the file goes on after its last block");
  return FileStatus();
}

FileStatus SnapshotFileReader::Step(Table* table, bool allow_opaque, bool* done) {
  *done = false;
  // In a bag rows of one key keep the order they have in the file.
  const bool in_order = header_.type == TableType::kBag || header_.type == TableType::kDuplicateBag;
  std::vector<Loaded> loaded;
  loaded.reserve(workers_ * (in_order ? kBagBlocksPerWorker : kBlocksPerWorker));
  uint64_t bytes = 0;
  while (loaded.size() < loaded.capacity() && bytes < workers_ * kBlocksPerWorker * kGroupBytes) {
    if (FileStatus status = ReadOne(&loaded.emplace_back()); !status.ok()) return status;
    bytes += loaded.back().head.raw_size + loaded.back().head.stored_size;
    if (loaded.back().head.kind == BlockKind::kEnd) break;
  }
  const auto insert = [table](Loaded* block) {
    uint64_t inserted;
    block->inserted = table->InsertBatch(block->group.rows(), Wait::kBlock, &inserted);
    block->group = DecodedGroup();
    if (block->head.kind == BlockKind::kRows) block->block = block->space = std::string();
  };
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  RunInParallel(std::min(workers_, loaded.size()), [&](size_t) {
    for (size_t i; !failed.load(std::memory_order_relaxed) && (i = next.fetch_add(1)) < loaded.size();) {
      Loaded& block = loaded[i];
      try {
        DecodeBlock(&block, *table);
        const bool refused = block.opaque && !allow_opaque;
        if (!in_order && block.wrong.empty() && !refused) insert(&block);
      } catch (const std::bad_alloc&) {
        block.no_memory = true;
      }
      if (!block.wrong.empty() || block.no_memory) failed.store(true, std::memory_order_relaxed);
    }
  });
  for (Loaded& block : loaded) {
    if (!block.wrong.empty()) return Corrupt(block.offset, std::move(block.wrong));
    if (block.no_memory) return NoMemory(path_);
    if (block.opaque && !allow_opaque) {
      return FileStatus(FileError{FileError::Kind::kOpaque, 0, path_, block.offset, ""});
    }
    if (in_order && block.inserted == Outcome::kOk) insert(&block);
    if (FileStatus status = FileStatusOf(block.inserted, path_, block.offset); !status.ok()) return status;
    rows_ += block.rows;
  }
  if (loaded.back().head.kind != BlockKind::kEnd) return FileStatus();
  if (FileStatus status = CheckEnd(loaded.back()); !status.ok()) return status;
  uint64_t rows = 0;
  if (table->Size(Wait::kBlock, &rows) != Outcome::kOk || rows != rows_) {
    return Corrupt(loaded.back().offset, absl::StrCat("of ", rows_, " rows ", rows_ - rows, " are there twice"));
  }
  *done = true;
  return FileStatus();
}

}  // namespace partita
