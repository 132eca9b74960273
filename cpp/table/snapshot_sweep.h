// Sweep over a snapshot, whose rows all stay: every verdict is kKeep. In the order of its scan; bags may stop between
// rows of one key.

#ifndef PARTITA_TABLE_SNAPSHOT_SWEEP_H_
#define PARTITA_TABLE_SNAPSHOT_SWEEP_H_

#include <cstddef>
#include <memory>

#include "table/snapshot.h"
#include "table/sweep.h"

namespace partita {

class SnapshotSweep final : public Sweep {
 public:
  // Throws std::bad_alloc.
  SnapshotSweep(std::shared_ptr<Snapshot> snapshot, const KeySpan* span, Direction direction);
  SnapshotSweep(const SnapshotSweep& other);

  Outcome Next(RowJudge* judge, Wait wait, bool* done) override;
  std::unique_ptr<Sweep> Clone() const override { return std::make_unique<SnapshotSweep>(*this); }

 private:
  static constexpr size_t kMostPlaces = 256;

  std::shared_ptr<Snapshot> snapshot_;
  std::unique_ptr<SnapshotScan> scan_;
  RowPlace places_[kMostPlaces];
  size_t next_ = 0;  // of those in places_
  size_t end_ = 0;
};

}  // namespace partita

#endif  // PARTITA_TABLE_SNAPSHOT_SWEEP_H_
