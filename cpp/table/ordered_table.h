// A table of type ordered_set: one row a key, keys compared numerically (1 and 1.0 are one key), in one order over all
// its ranges.
//
// The keys are cut in ranges, each with a lock, an index and chunks of its own (key_range.h); `routes_` leads from a
// key to its range (routes.h). A call asks for the route, locks the range, and asks again if the boundaries have moved
// meanwhile. Whoever holds a range's lock, and has seen its version, knows its boundaries; whoever holds all locks,
// all.
//
// A row that replaces one brings its key with it: 1.0 may become 1.

#ifndef PARTITA_TABLE_ORDERED_TABLE_H_
#define PARTITA_TABLE_ORDERED_TABLE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "table/key_range.h"
#include "table/owned_key.h"
#include "table/range_balance.h"
#include "table/routes.h"
#include "table/sharded_table.h"

namespace partita {

class OrderedTable final : public ShardedTable {
 public:
  explicit OrderedTable(const TableOptions& options);
  ~OrderedTable() override;

  Outcome Insert(const RowView& row, Wait wait) override;
  Outcome InsertNew(const RowView& row, Wait wait, bool* inserted) override;
  Outcome InsertList(absl::Span<const RowView> rows, bool only_new, Wait wait, bool* inserted) override;
  Outcome InsertBatch(absl::Span<const RowView> rows, Wait wait, uint64_t* done) override;
  Outcome Delete(const KeyView& key, Wait wait, uint64_t* removed) override;
  Outcome DeleteBatch(absl::Span<const KeyView> keys, Wait wait, uint64_t* removed) override;
  Outcome DeleteObject(const RowView& row, Wait wait, uint64_t* removed) override;
  Outcome Take(const KeyView& key, Wait wait, RowBuffer* out) override;
  Outcome UpdateCounter(const KeyView& key, absl::Span<const CounterOp> ops, const RowView* default_row, Wait wait,
                        bool* found, RowBuffer* out, size_t* failed_op) override;
  Outcome AddToInt(const KeyView& key, uint32_t position, int64_t increment, Wait wait, bool* done,
                   int64_t* sum) override;
  Outcome UpdateElement(const KeyView& key, absl::Span<const ElementUpdate> updates, const RowView* default_row,
                        Wait wait, bool* found, size_t* failed_op) override;
  Outcome CompareAndSwap(const RowView& old_row, const RowView& new_row, Wait wait, bool* swapped) override;
  Outcome Lookup(const KeyView& key, Wait wait, RowBuffer* out) override;
  Outcome LookupBatch(absl::Span<const KeyView> keys, Wait wait, RowBuffer* out,
                      std::vector<RowRange>* ranges) override;
  Outcome LookupElement(const KeyView& key, uint32_t position, Wait wait, RowBuffer* out) override;
  Outcome Member(const KeyView& key, Wait wait, bool* found) override;

  using Table::NewWalk;
  std::unique_ptr<Walk> NewWalk(Direction direction) override;
  std::unique_ptr<Sweep> NewSweep(const KeySpan* span, Direction direction) override;
  Outcome JudgeKey(const KeyView& key, RowJudge* judge, Wait wait) override;
  Outcome JudgeSpan(const KeySpan& span, Direction direction, size_t most, RowJudge* judge, Wait wait,
                    bool* done) override;
  Outcome StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out) override;
  Outcome ReadSlot(uint64_t number, Wait wait, bool* past_end, RowBuffer* out) override ABSL_NO_THREAD_SAFETY_ANALYSIS;
  Outcome Fix(Wait wait) override;
  Outcome Unfix(Wait wait) override;
  Outcome Compact(Wait wait) override;
  Status CheckInvariants() override ABSL_NO_THREAD_SAFETY_ANALYSIS;

  // Appends rows from one cut on, in the direction given, at most `max_rows` and none past the other cut, and moves
  // *from to where it stopped. Reads one range at a time: it stops early where one ends, or when `out` holds much.
  // *done: the other cut was reached. Each range is read at one moment.
  Outcome ReadRows(Cut* from, const Cut& to, Direction direction, size_t max_rows, Wait wait, RowBuffer* out,
                   bool* done);
  // Has rows judged in the same way, some hundred at most, with a record of it unless that is null. *judged: counts
  // them.
  Outcome JudgeRows(Cut* from, const Cut& to, Direction direction, RowJudge* judge, Wait wait, StepRecord* record,
                    uint64_t* judged, bool* done);

 private:
  friend class OrderedPass;
  friend class OrderedSnapshot;

  const Value& KeyOf(const RowView& row) const { return row.values[options_.keypos]; }

  // Runs work(range, position of the key or where it belongs, whether it is there, its sort key) under the lock of the
  // key's range; work may throw std::bad_alloc.
  template <typename Work>
  Outcome OnKey(const Value& key, Wait wait, Work&& work);
  // The same for many keys, some of one range under one hold of its lock; work(i, ...) gets the key's number too.
  // `record` is a StepRecord of what work does, or a NoRecord.
  template <bool kWrites, typename Record, typename KeyAt, typename Work>
  Outcome OnKeys(size_t count, Wait wait, Record* record, KeyAt&& key_at, Work&& work);

  std::vector<uint32_t> ByRange(absl::Span<const Route> routes) const;

  template <typename Record>
  Outcome InsertListAtOnce(absl::Span<const RowView> rows, bool only_new, Wait wait, Record* record,
                           bool* inserted) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  std::vector<uint32_t> OrderForList(absl::Span<const RowView> rows, absl::Span<const SortKey> keys) const;
  // `record` may be null.
  Outcome InsertListLocked(absl::Span<const RowView> rows, absl::Span<const SortKey> keys,
                           absl::Span<const uint32_t> order, absl::Span<const Route> routes, bool only_new,
                           StepRecord* record, bool* inserted) ABSL_NO_THREAD_SAFETY_ANALYSIS;

  // Has a row judged, and does as the judge says, as Partition::JudgeRowsOf. *deleted: its key, if it was deleted.
  // Throws std::bad_alloc.
  Outcome JudgeRow(KeyRange* range, Slot slot, RowJudge* judge, StepRecord* record,
                   std::shared_ptr<const OwnedKey>* deleted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(range->lock);

  // A range as a reader in order meets it: what belongs to it, and what lies beyond.
  struct Stretch {
    Route route;
    bool has_next = false;
    std::shared_ptr<const OwnedKey> boundary;  // with has_next: the boundary to the next range in the direction
  };
  Stretch StretchFrom(const Cut& from, Direction direction) const;
  // Whether a reader that has read such a stretch is at its end: up to where `to` stands, `at_edge` if that is the end
  // of the range's index.
  static bool IsLast(const Stretch& stretch, bool at_edge, const Cut& to, Direction direction);
  // The part of a step that finds nothing in its first range.
  Outcome StepOverRanges(Step step, const KeyView* from, bool whole, Wait wait,
                         RowBuffer* out) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  void CopyEntry(KeyRange* range, OrderedIndex::Position at, bool whole, RowBuffer* out) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(range->lock);

  // Adds a row under the lock of its range; now and then notes that the ranges are to be looked at.
  Outcome AddRow(KeyRange* range, const RowView& row, OrderedIndex::Position at, const SortKey& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(range->lock) {
    const Outcome outcome = range->AddRow(row, at, key);
    if ((range->row_count.load(std::memory_order_relaxed) & look_every_) == 0) NoteGrowth(range);
    return outcome;
  }
  void NoteGrowth(KeyRange* range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(range->lock) {
    range->grows_at_end.store(range->index.grows_at_end(), std::memory_order_relaxed);
    unbalanced_.store(ranges_.size() > 1, std::memory_order_relaxed);
  }
  // After a write, with no lock held: does a little of what is to be done (ordered_table_balance.cc).
  Outcome Balanced(Outcome outcome, Wait wait, uint64_t rows = 1) {
    if (ABSL_PREDICT_FALSE(unbalanced_.load(std::memory_order_relaxed))) Balance(wait, rows);
    return outcome;
  }
  void Balance(Wait wait, uint64_t rows);

  // A move under way, between ranges by number.
  struct Move {
    RangeMove::Kind kind = RangeMove::Kind::kNone;
    uint32_t from = 0;
    uint32_t to = 0;
    bool right = true;
  };
  static BalanceOptions NewBalanceOptions(uint32_t partitions);
  std::optional<Move> PlanMove() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(topology_);
  bool MovePiece(Wait wait) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  void MoveRows(KeyRange* from, KeyRange* to, const Move& move, uint64_t most) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  void GiveUp(KeyRange* from, const Move& move) ABSL_NO_THREAD_SAFETY_ANALYSIS;
  std::unique_ptr<RouteTable> RoutesAfter(const Move& move, std::shared_ptr<const OwnedKey> boundary,
                                          bool given_up) const ABSL_NO_THREAD_SAFETY_ANALYSIS;

  std::shared_ptr<ShardedSnapshot> NewSnapshot() override;
  Outcome RemoveAll(Wait wait, bool drop, StepRecord* record) override ABSL_NO_THREAD_SAFETY_ANALYSIS;
  void LockOwnForFork() override ABSL_NO_THREAD_SAFETY_ANALYSIS { topology_.LockWithoutCheck(); }
  void UnlockOwnAfterFork() override ABSL_NO_THREAD_SAFETY_ANALYSIS { topology_.Unlock(); }
  void ResetOwnAfterFork() override ABSL_NO_THREAD_SAFETY_ANALYSIS {
    topology_.ResetAfterFork();
    Routes::ResetAfterFork();
  }

  std::vector<std::unique_ptr<KeyRange>> ranges_;  // by number, which says nothing about the order of their keys
  Routes routes_;
  const BalanceOptions balance_options_;
  const uint64_t look_every_;  // rows, less one
  std::atomic<bool> unbalanced_{false};
  WordLock topology_;  // whoever holds it moves boundaries; comes before the locks of ranges
  std::optional<Move> move_ ABSL_GUARDED_BY(topology_);
  std::optional<Registration> registration_;  // made once the shards are there; last: see registry.h
};

// From how many rows on new ordered_sets have more than one range; 0: as usual. For tests.
void TEST_SetSplitRows(uint64_t rows);

// Where a cut stands in the index of a range.
inline OrderedIndex::Position PositionOf(const OrderedIndex& index, const Cut& cut, Direction direction) {
  if (cut.key == nullptr) return direction == Direction::kForward ? index.begin() : index.end();
  bool equal;
  OrderedIndex::Position at = index.Find(cut.key->probe(), &equal);
  if (equal && cut.after) ++at.entry;
  return index.Normalized(at);
}

// Whether a reader in this direction that has come to `a` has passed what lies before `b`.
inline bool HasReached(OrderedIndex::Position a, OrderedIndex::Position b, Direction direction) {
  if (direction == Direction::kBackward) std::swap(a, b);
  return a.leaf != b.leaf ? a.leaf > b.leaf : a.entry >= b.entry;
}

}  // namespace partita

#endif  // PARTITA_TABLE_ORDERED_TABLE_H_
