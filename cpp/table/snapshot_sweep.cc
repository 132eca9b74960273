#include "table/snapshot_sweep.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

namespace partita {

SnapshotSweep::SnapshotSweep(std::shared_ptr<Snapshot> snapshot, const KeySpan* span, Direction direction)
    : snapshot_(std::move(snapshot)),
      scan_(span == nullptr ? snapshot_->NewScan(direction) : snapshot_->NewSpanScan(*span, direction)) {}

SnapshotSweep::SnapshotSweep(const SnapshotSweep& other)
    : Sweep(other), snapshot_(other.snapshot_), scan_(other.scan_->Clone()), next_(other.next_), end_(other.end_) {
  std::copy(std::begin(other.places_), std::begin(other.places_) + end_, places_);
}

Outcome SnapshotSweep::Next(RowJudge* judge, Wait, bool* done) {
  if (next_ == end_) {
    next_ = 0;
    end_ = scan_->Next(places_, kMostPlaces);
  }
  *done = end_ == 0;
  absl::Span<const Value> row;
  try {
    while (next_ < end_) {
      const RowPlace& place = places_[next_++];
      judge->Judge(*place.chunk, place.place, &row);
      if (!judge->wants_more()) break;
    }
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  return Outcome::kOk;
}

}  // namespace partita
