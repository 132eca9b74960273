#include "bindings/reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "column/chunk.h"
#include "table/snapshot_sweep.h"

namespace partita {
namespace {

// The rows it hands out point into the chunks of the snapshot, which the walk keeps.
class SnapshotWalk final : public Walk {
 public:
  SnapshotWalk(std::shared_ptr<Snapshot> snapshot, std::unique_ptr<SnapshotScan> scan, bool keys_only)
      : snapshot_(std::move(snapshot)), scan_(std::move(scan)), keys_only_(keys_only) {}

  Outcome Next(size_t max_rows, Wait, RowBuffer* out) override {
    RowPlace places[64];
    while (max_rows > 0) {
      const size_t found = scan_->Next(places, std::min(max_rows, std::size(places)));
      if (found == 0) break;
      for (size_t i = 0; i < found; ++i) {
        if (keys_only_) {
          out->AddValue(ReadElement(*places[i].chunk, snapshot_->options().keypos, places[i].place));
        } else {
          ForEachElement(*places[i].chunk, places[i].place, [out](const Value& value) { out->AddValue(value); });
        }
        out->EndRow();
      }
      max_rows -= found;
    }
    return Outcome::kOk;
  }

 private:
  const std::shared_ptr<Snapshot> snapshot_;
  const std::unique_ptr<SnapshotScan> scan_;
  const bool keys_only_;
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

std::unique_ptr<Walk> SnapshotReader::NewWalk(Direction direction) {
  return std::make_unique<SnapshotWalk>(snapshot_, snapshot_->NewScan(direction), /*keys_only=*/false);
}

std::unique_ptr<Walk> SnapshotReader::NewKeyWalk() {
  return std::make_unique<SnapshotWalk>(snapshot_, snapshot_->NewKeyScan(), /*keys_only=*/true);
}

std::unique_ptr<Sweep> SnapshotReader::NewSweep(const KeySpan* span, Direction direction) {
  return std::make_unique<SnapshotSweep>(snapshot_, span, direction);
}

}  // namespace partita
