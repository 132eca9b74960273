#include "table/ordered_snapshot.h"

#include <algorithm>
#include <new>

namespace partita {

class OrderedSnapshot::LeafScan final : public SnapshotScan {
 public:
  // Between two positions; backward from the second one.
  LeafScan(const OrderedSnapshot* snapshot, Position lower, Position upper, Direction direction)
      : snapshot_(snapshot),
        forward_(direction == Direction::kForward),
        at_(forward_ ? lower : std::max(lower, upper)),
        stop_(forward_ ? std::max(lower, upper) : lower) {}

  size_t Next(RowPlace* places, size_t most) override {
    size_t found = 0;
    while (found < most && at_ != stop_) {
      if (!forward_ && at_.entry == 0) {
        --at_.leaf;
        at_.entry = snapshot_->leaves_[at_.leaf].leaf->count;
      }
      const View& view = snapshot_->leaves_[at_.leaf];
      const Slot* slots = view.leaf->slots();
      const bool last = at_.leaf == stop_.leaf;
      if (forward_) {
        const uint32_t end = last ? stop_.entry : view.leaf->count;
        while (found < most && at_.entry < end) places[found++] = snapshot_->PlaceOf(view, slots[at_.entry++]);
        if (at_.entry == view.leaf->count) at_ = Position{at_.leaf + 1, 0};
      } else {
        const uint32_t end = last ? stop_.entry : 0;
        while (found < most && at_.entry > end) places[found++] = snapshot_->PlaceOf(view, slots[--at_.entry]);
      }
    }
    return found;
  }

  std::unique_ptr<SnapshotScan> Clone() const override { return std::make_unique<LeafScan>(*this); }

 private:
  const OrderedSnapshot* const snapshot_;
  const bool forward_;
  Position at_;
  const Position stop_;
};

std::unique_ptr<SnapshotScan> OrderedSnapshot::NewScan(Direction direction) const {
  return std::make_unique<LeafScan>(this, Position{0, 0}, Position{leaves_.size(), 0}, direction);
}

std::unique_ptr<SnapshotScan> OrderedSnapshot::NewSpanScan(const KeySpan& span, Direction direction) const {
  return std::make_unique<LeafScan>(this, PositionOf(span.lower, Position{0, 0}),
                                    PositionOf(span.upper, Position{leaves_.size(), 0}), direction);
}

void OrderedSnapshot::Take(ColumnSet columns) {
  ShardedSnapshot::Take(columns);
  if (columns != kAllColumns) return;
  uint64_t rows_before = 0;
  for (const RouteTable::Entry& entry : table_->routes_.current().entries) {
    const uint32_t range = entry.route.range;
    const OrderedIndex& index = table_->ranges_[range]->index;
    for (size_t i = 0; i < index.leaves().size(); ++i) {
      leaves_.push_back(View{index.leaves()[i], range, rows_before});
      rows_before += index.leaf_counts()[i];
    }
  }
}

OrderedSnapshot::Position OrderedSnapshot::Find(const Probe& probe, bool* equal) const {
  const auto compare_in = [&](const View& view) {
    return [&](Slot slot) {
      const RowPlace place = PlaceOf(view, slot);
      return CompareWithKey(probe, *place.chunk, place.place, options().keypos);
    };
  };
  *equal = false;
  const auto above = std::partition_point(leaves_.begin(), leaves_.end(), [&](const View& view) {
    return CompareWithEntry(*view.leaf, 0, probe, compare_in(view)) >= 0;
  });
  if (above == leaves_.begin()) return Position{0, 0};
  const View& view = *(above - 1);
  const uint32_t entry = FindEntry(*view.leaf, probe, compare_in(view), equal);
  const size_t after = static_cast<size_t>(above - leaves_.begin());
  return entry == view.leaf->count ? Position{after, 0} : Position{after - 1, entry};
}

OrderedSnapshot::Position OrderedSnapshot::PositionOf(const Cut& cut, Position open) const {
  if (cut.key == nullptr) return open;
  bool equal;
  Position at = Find(cut.key->probe(), &equal);
  if (equal && cut.after && ++at.entry == leaves_[at.leaf].leaf->count) at = Position{at.leaf + 1, 0};
  return at;
}

Outcome OrderedSnapshot::Lookup(const KeyView& key, Wait, RowBuffer* out) {
  const SortKey sort_key(key.key);
  bool equal;
  const Position at = Find(Probe{key.key, sort_key}, &equal);
  if (!equal) return Outcome::kOk;
  return CopyEntry(at, /*whole=*/true, out);
}

Outcome OrderedSnapshot::CopyEntry(Position at, bool whole, RowBuffer* out) const {
  const RowPlace place = PlaceAt(at);
  try {
    if (whole) {
      CopyRowOut(*place.chunk, place.place, out, nullptr);
    } else {
      out->AddCopy(ReadElement(*place.chunk, options().keypos, place.place));
      out->EndRow();
    }
    return Outcome::kOk;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome OrderedSnapshot::StepKey(Step step, const KeyView* from, bool whole, Wait, RowBuffer* out) {
  const bool forward = IsForward(step);
  Position at{forward ? 0 : leaves_.size(), 0};
  if (from != nullptr) {
    const SortKey sort_key(from->key);
    bool equal;
    at = Find(Probe{from->key, sort_key}, &equal);
    if (forward && equal && ++at.entry == leaves_[at.leaf].leaf->count) at = Position{at.leaf + 1, 0};
  }
  if (!forward) {
    if (at.leaf == 0 && at.entry == 0) return Outcome::kOk;
    if (at.entry == 0) at = Position{at.leaf - 1, leaves_[at.leaf - 1].leaf->count};
    --at.entry;
  }
  return at.leaf == leaves_.size() ? Outcome::kOk : CopyEntry(at, whole, out);
}

Outcome OrderedSnapshot::ReadSlot(uint64_t number, bool* past_end, RowBuffer* out) {
  *past_end = number >= rows();
  if (*past_end) return Outcome::kOk;
  const auto after = std::partition_point(leaves_.begin(), leaves_.end(),
                                          [number](const View& view) { return view.rows_before <= number; });
  const size_t leaf = static_cast<size_t>(after - leaves_.begin()) - 1;
  return CopyEntry(Position{leaf, static_cast<uint32_t>(number - leaves_[leaf].rows_before)}, /*whole=*/true, out);
}

}  // namespace partita
