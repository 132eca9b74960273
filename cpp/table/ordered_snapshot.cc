#include "table/ordered_snapshot.h"

#include <algorithm>

namespace partita {

class OrderedSnapshot::LeafScan final : public SnapshotScan {
 public:
  LeafScan(const OrderedSnapshot* snapshot, Direction direction) : snapshot_(snapshot), direction_(direction) {}

  size_t Next(RowPlace* places, size_t most) override {
    size_t found = 0;
    while (found < most && leaf_ < snapshot_->leaves_.size()) {
      const bool forward = direction_ == Direction::kForward;
      const View& view = snapshot_->leaves_[forward ? leaf_ : snapshot_->leaves_.size() - 1 - leaf_];
      const uint32_t count = view.leaf->count;
      const Slot* slots = view.leaf->slots();
      for (; found < most && entry_ < count; ++entry_) {
        places[found++] = snapshot_->PlaceOf(view, slots[forward ? entry_ : count - 1 - entry_]);
      }
      if (entry_ == count) {
        ++leaf_;
        entry_ = 0;
      }
    }
    return found;
  }

 private:
  const OrderedSnapshot* const snapshot_;
  const Direction direction_;
  size_t leaf_ = 0;  // counted from where the scan begins, as is the entry
  uint32_t entry_ = 0;
};

std::unique_ptr<SnapshotScan> OrderedSnapshot::NewScan(Direction direction) const {
  return std::make_unique<LeafScan>(this, direction);
}

void OrderedSnapshot::Take(ColumnSet columns) {
  ShardedSnapshot::Take(columns);
  if (columns != kAllColumns) return;
  for (const RouteTable::Entry& entry : table_->routes_.current().entries) {
    const uint32_t range = entry.route.range;
    for (const Leaf* leaf : table_->ranges_[range]->index.leaves()) leaves_.push_back(View{leaf, range});
  }
}

Outcome OrderedSnapshot::Lookup(const KeyView& key, Wait, RowBuffer* out) {
  const SortKey sort_key(key.key);
  const Probe probe{key.key, sort_key};
  const auto compare_in = [&](const View& view) {
    return [&](Slot slot) {
      const RowPlace place = PlaceOf(view, slot);
      return CompareWithKey(probe, *place.chunk, place.place, options().keypos);
    };
  };
  const auto above = std::partition_point(leaves_.begin(), leaves_.end(), [&](const View& view) {
    return CompareWithEntry(*view.leaf, 0, probe, compare_in(view)) >= 0;
  });
  if (above == leaves_.begin()) return Outcome::kOk;
  const View& view = *(above - 1);
  bool equal;
  const uint32_t entry = FindEntry(*view.leaf, probe, compare_in(view), &equal);
  if (!equal) return Outcome::kOk;
  const RowPlace place = PlaceOf(view, view.leaf->slots()[entry]);
  try {
    CopyRowOut(*place.chunk, place.place, out, nullptr);
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  return Outcome::kOk;
}

}  // namespace partita
