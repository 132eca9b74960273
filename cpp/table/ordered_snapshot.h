// Snapshot of an ordered_set: with the chunks of each range its leaves, which never change either. So it is read by key
// and in order without any lock.

#ifndef PARTITA_TABLE_ORDERED_SNAPSHOT_H_
#define PARTITA_TABLE_ORDERED_SNAPSHOT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "table/ordered_table.h"
#include "table/sharded_snapshot.h"

namespace partita {

class OrderedSnapshot final : public ShardedSnapshot {
 public:
  explicit OrderedSnapshot(std::shared_ptr<OrderedTable> table) : ShardedSnapshot(table), table_(std::move(table)) {}

  bool is_in_slot_order() const override { return false; }
  std::unique_ptr<SnapshotScan> NewScan(Direction direction) const override;
  std::unique_ptr<SnapshotScan> NewSpanScan(const KeySpan& span, Direction direction) const override;
  Outcome Lookup(const KeyView& key, Wait wait, RowBuffer* out) override;
  Outcome StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out) override;
  Outcome ReadSlot(uint64_t number, bool* past_end, RowBuffer* out) override;

  void Take(ColumnSet columns) override ABSL_NO_THREAD_SAFETY_ANALYSIS;

 private:
  class LeafScan;

  // A leaf, none empty, and the range whose chunks its slots are in.
  struct View {
    const Leaf* leaf;
    uint32_t range;
    uint64_t rows_before;
  };

  // An entry of one of the leaves; past the last `leaf` is their number.
  struct Position {
    size_t leaf;
    uint32_t entry;

    friend auto operator<=>(const Position&, const Position&) = default;
  };

  // The first entry whose key is not less than the probe; *equal: it is the probe's.
  Position Find(const Probe& probe, bool* equal) const;
  // Where a cut stands; `open`: where one without a key does.
  Position PositionOf(const Cut& cut, Position open) const;
  // Appends the row, or its key alone.
  Outcome CopyEntry(Position at, bool whole, RowBuffer* out) const;
  RowPlace PlaceAt(Position at) const { return PlaceOf(leaves_[at.leaf], leaves_[at.leaf].leaf->slots()[at.entry]); }
  RowPlace PlaceOf(const View& view, Slot slot) const {
    return RowPlace{views()[view.range].chunks[slot >> kChunkShift], slot & kChunkMask};
  }

  const std::shared_ptr<OrderedTable> table_;
  std::vector<View> leaves_;  // in order; none if the snapshot is of some columns only
};

}  // namespace partita

#endif  // PARTITA_TABLE_ORDERED_SNAPSHOT_H_
