#include "bindings/reader.h"

#include <utility>

#include "column/chunk.h"

namespace partita {
namespace {

// Walks the chunks of a snapshot. The rows it hands out point into the chunks, which the walk keeps.
class SnapshotWalk final : public Walk {
 public:
  explicit SnapshotWalk(std::shared_ptr<Snapshot> snapshot) : snapshot_(std::move(snapshot)) {}

  Outcome Next(size_t max_rows, Wait, RowBuffer* out) override {
    const absl::Span<const Chunk* const> chunks = snapshot_->chunks();
    for (size_t added = 0; added < max_rows && chunk_ < chunks.size();) {
      const Chunk& chunk = *chunks[chunk_];
      for (; added < max_rows && place_ < chunk.capacity; ++place_) {
        if (!TestBit(chunk.live, place_)) continue;
        ForEachElement(chunk, place_, [out](const Value& value) { out->AddValue(value); });
        out->EndRow();
        ++added;
      }
      if (place_ == chunk.capacity) {
        ++chunk_;
        place_ = 0;
      }
    }
    return Outcome::kOk;
  }

 private:
  const std::shared_ptr<Snapshot> snapshot_;
  size_t chunk_ = 0;
  uint32_t place_ = 0;
};

}  // namespace

bool SnapshotReader::Open(PyObject* self) {
  handle_ = HandleOf<SnapshotHandle>(self);
  if (handle_ == nullptr) return false;
  snapshot_ = handle_->snapshot;
  if (snapshot_ == nullptr) RaiseSnapshotClosed();
  return snapshot_ != nullptr;
}

Outcome SnapshotReader::LookupBatch(absl::Span<const KeyView> keys, Wait wait, RowBuffer* rows,
                                    std::vector<RowRange>* ranges) {
  ranges->resize(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    RowRange& range = (*ranges)[i];
    range.first = static_cast<uint32_t>(rows->size());
    const Outcome outcome = snapshot_->Lookup(keys[i], wait, rows);
    if (outcome != Outcome::kOk) return outcome;
    range.count = static_cast<uint32_t>(rows->size()) - range.first;
  }
  return Outcome::kOk;
}

Outcome SnapshotReader::LookupElement(const KeyView& key, uint32_t position, Wait wait, RowBuffer* rows) {
  RowBuffer whole;
  const Outcome outcome = snapshot_->Lookup(key, wait, &whole);
  if (outcome != Outcome::kOk) return outcome;
  for (size_t i = 0; i < whole.size(); ++i) {
    if (position >= whole.row(i).size()) return Outcome::kBadPosition;
    rows->AddCopy(whole.row(i)[position]);
    rows->EndRow();
  }
  return Outcome::kOk;
}

Outcome SnapshotReader::Member(const KeyView& key, Wait wait, bool* found) {
  RowBuffer rows;
  const Outcome outcome = snapshot_->Lookup(key, wait, &rows);
  *found = !rows.empty();
  return outcome;
}

std::unique_ptr<Walk> SnapshotReader::NewWalk() { return std::make_unique<SnapshotWalk>(snapshot_); }

}  // namespace partita
