#include "erlang/tab_file.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "column/chunk.h"
#include "erlang/big_endian.h"
#include "erlang/tags.h"

namespace partita::erlang {
namespace {

constexpr uint32_t kRecordMark = 0x62574C41;
constexpr uint32_t kOldRecordMark = 0x0C212C37;
constexpr size_t kRecordHeader = 8;
constexpr size_t kDigestSize = sizeof(SizeDigest::digest);
constexpr uint32_t kLeastWithDigest = 65528;

constexpr size_t kRowsPerBatch = 4096;  // inserted at once
constexpr size_t kBytesPerDump = size_t{512} * 1024;

}  // namespace

TabLoader::Next TabLoader::NextRecord(absl::string_view* term, std::vector<SizeDigest>* digests, ReadProblem* problem) {
  const absl::string_view bytes = absl::string_view(buffer_).substr(parsed_);
  if (bytes.size() < kRecordHeader) return Next::kMore;
  const auto size = LoadBig<uint32_t>(bytes.data());
  const auto mark = LoadBig<uint32_t>(bytes.data() + sizeof(size));
  if (mark != kRecordMark && mark != kOldRecordMark) {
    *problem = ReadProblem{true, static_cast<size_t>(offset_), "no record begins here"};
    return Next::kProblem;
  }
  const bool with_digest = mark == kRecordMark && size >= kLeastWithDigest;
  const size_t header = kRecordHeader + (with_digest ? kDigestSize : 0);
  if (bytes.size() < header || bytes.size() - header < size) return Next::kMore;
  if (with_digest) {
    SizeDigest& digest = digests->emplace_back(SizeDigest{offset_, size, {}});
    std::copy_n(bytes.data() + kRecordHeader, kDigestSize, digest.digest.begin());
  }
  *term = bytes.substr(header, size);
  parsed_ += header + size;
  offset_ += header + size;
  return Next::kRecord;
}

bool TabLoader::ReadRow(absl::string_view term, ReadProblem* problem) {
  const uint64_t start = offset_ - term.size();
  if (!end_term_.empty()) {
    *problem = ReadProblem{true, static_cast<size_t>(start), "a record after the one that ends the table"};
    return false;
  }
  bool is_row;
  const size_t before = batch_.size();
  if (!batch_.Add(term, options_, &is_row, problem)) {
    problem->offset += static_cast<size_t>(start);
    return false;
  }
  if (!is_row) {
    end_term_.assign(term.data(), term.size());
    return true;
  }
  const size_t arity = batch_.row(before).size();
  if (arity > table_->options().keypos && arity <= kMaxArity) return true;
  *problem = ReadProblem{arity <= kMaxArity, static_cast<size_t>(start),
                         arity > kMaxArity ? "a row of more than 65,535 elements"
                                           : "a row of " + std::to_string(arity) + " elements, which has no key"};
  return false;
}

Outcome TabLoader::InsertRows() {
  batch_.Finish();
  views_.clear();
  views_.reserve(batch_.size());
  for (size_t i = 0; i < batch_.size(); ++i) {
    const absl::Span<const Value> row = batch_.row(i);
    views_.push_back(
        RowView{row.data(), static_cast<uint32_t>(row.size()), table_->HashKey(row[table_->options().keypos])});
  }
  uint64_t done = 0;
  const Outcome outcome = table_->InsertBatch(views_, Wait::kBlock, &done);
  rows_ += done;
  batch_.Clear();
  return outcome;
}

Outcome TabLoader::Feed(absl::string_view bytes, std::string* terms, std::vector<SizeDigest>* digests,
                        ReadProblem* problem) {
  buffer_.erase(0, parsed_);
  parsed_ = 0;
  buffer_.append(bytes.data(), bytes.size());
  absl::string_view term;
  for (;;) {
    const Next next = NextRecord(&term, digests, problem);
    if (next == Next::kProblem || (next == Next::kRecord && !ReadRow(term, problem))) return Outcome::kOk;
    if (next == Next::kRecord && terms != nullptr && end_term_.empty()) terms->append(term.data(), term.size());
    if ((next == Next::kMore && batch_.size() > 0) || batch_.size() == kRowsPerBatch) {
      const Outcome outcome = InsertRows();
      if (outcome != Outcome::kOk) return outcome;
    }
    if (next == Next::kMore) return Outcome::kOk;
  }
}

TabDumper::TabDumper(std::shared_ptr<Snapshot> snapshot)
    : snapshot_(std::move(snapshot)), scan_(snapshot_->NewScan(Direction::kForward)) {}

bool TabDumper::Next(std::string* records, std::string* terms, std::vector<SizeDigest>* holes, NoForm* why) {
  records->clear();
  if (terms != nullptr) terms->clear();
  holes->clear();
  constexpr size_t kPlaces = 256;
  RowPlace places[kPlaces];
  while (records->size() < kBytesPerDump) {
    const size_t found = scan_->Next(places, kPlaces);
    if (found == 0) return true;
    for (size_t i = 0; i < found; ++i) {
      partita::ReadRow(*places[i].chunk, places[i].place, &row_);
      const size_t start = records->size();
      records->resize(start + kRecordHeader);
      if (!AppendRow(row_, records, why)) return false;
      const size_t size = records->size() - start - kRecordHeader;
      if (size > std::numeric_limits<uint32_t>::max()) {
        *why = NoForm{row_[snapshot_->options().keypos], "its row takes more than 4 GiB"};
        return false;
      }
      if (terms != nullptr) terms->append(*records, start + kRecordHeader, size);
      StoreBig(static_cast<uint32_t>(size), records->data() + start);
      StoreBig(kRecordMark, records->data() + start + sizeof(uint32_t));
      if (size >= kLeastWithDigest) {
        holes->push_back(SizeDigest{start + kRecordHeader, static_cast<uint32_t>(size), {}});
        records->insert(start + kRecordHeader, kDigestSize, '\0');
      }
      ++rows_;
    }
  }
  return true;
}

Value TabDumper::key() const { return row_[snapshot_->options().keypos]; }

}  // namespace partita::erlang
