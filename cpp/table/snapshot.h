// A read-only view of one moment of a table: chunk pointers per partition, kept as they were by copy-on-write.
//
// Any thread may read it, without locks (a keyed read takes the partition's lock for the index). Letting go of it never
// blocks. It keeps the table object alive, dropped or not.

#ifndef PARTITA_TABLE_SNAPSHOT_H_
#define PARTITA_TABLE_SNAPSHOT_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "table/table.h"

namespace partita {

struct Chunk;

struct RowPlace {
  const Chunk* chunk;
  uint32_t place;
};

// Goes through all rows of a snapshot, which must outlive it: in an ordered_set by key, in bags the rows of one key in
// the order they came in.
class SnapshotScan {
 public:
  virtual ~SnapshotScan() = default;
  // Tells where the next rows are, at most `most`; returns how many, 0 at the end.
  virtual size_t Next(RowPlace* places, size_t most) = 0;
  // One that goes on by itself from the same place. Throws std::bad_alloc.
  virtual std::unique_ptr<SnapshotScan> Clone() const = 0;
};

class Snapshot {
 public:
  virtual ~Snapshot() = default;

  virtual uint64_t rows() const = 0;
  virtual uint64_t keys() const { return rows(); }
  // All chunks, none null, over all partitions. column/chunk.h reads them.
  virtual absl::Span<const Chunk* const> chunks() const = 0;
  // Whether the order of its rows is that of chunks and of places in them.
  virtual bool is_in_slot_order() const = 0;
  // Throws std::bad_alloc.
  virtual std::unique_ptr<SnapshotScan> NewScan(Direction direction) const = 0;
  // The same over some keys of an ordered_set; elsewhere over all.
  virtual std::unique_ptr<SnapshotScan> NewSpanScan(const KeySpan&, Direction direction) const {
    return NewScan(direction);
  }
  // Goes through one row of each key.
  virtual std::unique_ptr<SnapshotScan> NewKeyScan() const { return NewScan(Direction::kForward); }
  virtual const TableOptions& options() const = 0;

  // The rows of `key` at that moment, appended to `out`.
  virtual Outcome Lookup(const KeyView& key, Wait wait, RowBuffer* out) = 0;
  // As in the table; kNoSuchKey if `from` was absent and the table is no ordered_set.
  virtual Outcome StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out) = 0;
  virtual Outcome ReadSlot(uint64_t number, bool* past_end, RowBuffer* out) = 0;

  // From now on an object owns it, and not only the stack of the thread that took it: a fork's child keeps it.
  virtual void Keep() = 0;
};

}  // namespace partita

#endif  // PARTITA_TABLE_SNAPSHOT_H_
