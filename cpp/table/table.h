// START HERE. A table: rows spread over partitions, each with a lock, an index and column chunks of its own.
//
// Any thread may call any method. A method that takes a `Wait` returns kWouldBlock instead of waiting when told kTry:
// that is how a caller that holds the GIL asks first, and lets go of the GIL only when it must wait
// (cpp/ARCHITECTURE.md). No method throws, calls back, or touches Python. Values passed in are copied before a call
// returns; rows handed out are copies in the caller's RowBuffer.
//
// Differences from ETS: positions count from 0; a table is spread over partitions, so hash tables have no order even
// between two calls on one node; `None`, `False` and `True` are the atoms nil, false and true; 0.0 and -0.0 are one
// value; a list of rows goes in atomically across partitions; readers of the whole table see one moment (Snapshot) and
// stop nobody.

#ifndef PARTITA_TABLE_TABLE_H_
#define PARTITA_TABLE_TABLE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "base/lock.h"
#include "base/status.h"
#include "table/options.h"
#include "table/outcome.h"
#include "table/row_buffer.h"
#include "term/value.h"

namespace partita {

struct KeySpan;
class Journal;
class RowJudge;
class Snapshot;
class Sweep;
class Walk;

// A row on its way in: at least keypos + 1 values, at most kMaxArity. `key_hash` is Table::HashKey of its key; rows
// whose key holds an opaque term must have been refused before.
struct RowView {
  const Value* values = nullptr;
  uint32_t arity = 0;
  uint64_t key_hash = 0;
};

struct KeyView {
  Value key;
  uint64_t hash = 0;
};

// One operation of update_counter: values[position] += increment, then, with has_threshold, `set_value` if the result
// went past the threshold in the increment's direction (up for >= 0). Increment, threshold and set_value are ints of
// any size; increment may be a float.
struct CounterOp {
  uint32_t position = 0;
  Value increment;
  bool has_threshold = false;
  Value threshold;
  Value set_value;
};

struct ElementUpdate {
  uint32_t position = 0;
  Value value;
};

// Rows [first, first + count) of a RowBuffer: what one key of a batch found.
struct RowRange {
  uint32_t first = 0;
  uint32_t count = 0;
};

// Where a walk from key to key goes.
enum class Step : uint8_t { kFirst, kLast, kNext, kPrev };
inline bool IsForward(Step step) { return step == Step::kFirst || step == Step::kNext; }
// kBackward is the reverse in an ordered_set and for the rows of one key in bags, and the same thing elsewhere.
enum class Direction : uint8_t { kForward, kBackward };

struct TableStats {
  uint64_t rows = 0;
  uint64_t memory_bytes = 0;  // everything this table holds, index, slack and old versions included
  std::vector<uint64_t> partition_rows;
  uint64_t snapshots = 0;                // live ones
  uint64_t snapshot_retained_bytes = 0;  // old versions kept for them (part of memory_bytes)
  uint64_t fixes = 0;                    // not ended
};

class Table : public std::enable_shared_from_this<Table> {
 public:
  static StatusOr<std::shared_ptr<Table>> Create(const TableOptions& options);
  virtual ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  const TableOptions& options() const { return options_; }
  uint64_t HashKey(const Value& key) const { return HashValue(key, options_.hash_seed); }
  bool dropped() const { return dropped_.load(std::memory_order_acquire); }

  // --- Writing. Atomic and isolated: no reader sees a part of what one call does, InsertBatch and DeleteBatch
  // excepted.

  virtual Outcome Insert(const RowView& row, Wait wait) = 0;
  // *inserted: false if the key exists; then nothing was done.
  virtual Outcome InsertNew(const RowView& row, Wait wait, bool* inserted) = 0;
  // All rows or none, across partitions. Of equal keys the last wins; with only_new equal keys within the list are no
  // conflict. *inserted: false if only_new and any key exists.
  virtual Outcome InsertList(absl::Span<const RowView> rows, bool only_new, Wait wait, bool* inserted) = 0;
  // Each row as by Insert, partition by partition, rows of one key in their order; not atomic as a whole. After an
  // error the rows of some partitions are in and *done says how many. With kTry and kWouldBlock it may be called again
  // with the same rows: those already in go in once more, to the same effect in a set, but a bag must not be asked with
  // kTry.
  virtual Outcome InsertBatch(absl::Span<const RowView> rows, Wait wait, uint64_t* done) = 0;

  // *removed: rows deleted. An absent key is no error.
  virtual Outcome Delete(const KeyView& key, Wait wait, uint64_t* removed) = 0;
  virtual Outcome DeleteBatch(absl::Span<const KeyView> keys, Wait wait, uint64_t* removed) = 0;
  // Deletes rows exactly equal to `row`.
  virtual Outcome DeleteObject(const RowView& row, Wait wait, uint64_t* removed) = 0;
  // Appends the rows of `key` to `out` and deletes them.
  virtual Outcome Take(const KeyView& key, Wait wait, RowBuffer* out) = 0;

  // Applies all ops in order, or none; appends one row holding the result of each op to `out`. *found: false if the key
  // is absent and there is no default; then nothing was done. `default_row` (may be null) is the row to start from. On
  // an error *failed_op is the op's index.
  virtual Outcome UpdateCounter(const KeyView& key, absl::Span<const CounterOp> ops, const RowView* default_row,
                                Wait wait, bool* found, RowBuffer* out, size_t* failed_op) = 0;
  // UpdateCounter for the usual case: a row that is there, and an int of 64 bits in it that can be changed where it
  // stands. *done: false if the case is another one, or the table does not know this way; then nothing was done, and
  // UpdateCounter says what comes of it.
  virtual Outcome AddToInt(const KeyView& key, uint32_t position, int64_t increment, Wait wait, bool* done,
                           int64_t* sum);
  // Sets the positions given, all or none. *found as above.
  virtual Outcome UpdateElement(const KeyView& key, absl::Span<const ElementUpdate> updates, const RowView* default_row,
                                Wait wait, bool* found, size_t* failed_op) = 0;
  // Replaces a row exactly equal to `old_row` by `new_row`, whose key is exactly equal. *swapped: false if there is
  // none.
  virtual Outcome CompareAndSwap(const RowView& old_row, const RowView& new_row, Wait wait, bool* swapped) = 0;

  virtual Outcome Clear(Wait wait) = 0;
  // Ends the table: later calls return kDropped. Snapshots taken before stay readable.
  virtual Outcome Drop(Wait wait) = 0;

  // --- Reading.

  // Appends the rows of `key` to `out`; none if it is absent.
  virtual Outcome Lookup(const KeyView& key, Wait wait, RowBuffer* out) = 0;
  // (*ranges)[i] tells the rows of keys[i]. `ranges` is resized to keys.size(). After kWouldBlock `out` holds a part of
  // the rows: clear it and call again.
  virtual Outcome LookupBatch(absl::Span<const KeyView> keys, Wait wait, RowBuffer* out,
                              std::vector<RowRange>* ranges) = 0;
  // Appends one row of one value per row of `key`: its element at `position`. kBadPosition if a row is too short.
  virtual Outcome LookupElement(const KeyView& key, uint32_t position, Wait wait, RowBuffer* out) = 0;
  virtual Outcome Member(const KeyView& key, Wait wait, bool* found) = 0;
  // Rows now; never shows a part of a list insert.
  virtual Outcome Size(Wait wait, uint64_t* rows) = 0;
  virtual Outcome CountKeys(Wait wait, uint64_t* keys) { return Size(wait, keys); }

  // One moment of the whole table, or of some columns of it: then nothing but these, keys not included, may be read,
  // and writers copy less.
  virtual Outcome TakeSnapshot(Wait wait, ColumnSet columns, std::shared_ptr<Snapshot>* out) = 0;
  Outcome TakeSnapshot(Wait wait, std::shared_ptr<Snapshot>* out) { return TakeSnapshot(wait, kAllColumns, out); }
  // Walks all rows without a snapshot: a row present from the start to the end of the walk is met exactly once, in one
  // of the states it had; the walk ends although its caller inserts. The walk keeps the table alive. Throws
  // std::bad_alloc.
  virtual std::unique_ptr<Walk> NewWalk(Direction direction) = 0;
  std::unique_ptr<Walk> NewWalk() { return NewWalk(Direction::kForward); }
  // The same over keys, each as a row of one value.
  virtual std::unique_ptr<Walk> NewKeyWalk();

  // Reads, deletes or replaces rows as a judge says (sweep.h). The sweep keeps the table alive, and goes over `span`
  // (null: all keys) in an ordered_set, over the whole table elsewhere. Throws std::bad_alloc.
  virtual std::unique_ptr<Sweep> NewSweep(const KeySpan* span, Direction direction) = 0;
  // The same for the rows of one key, in one step.
  virtual Outcome JudgeKey(const KeyView& key, RowJudge* judge, Wait wait) = 0;
  // The same for all rows of a span of an ordered_set, for a judge that only reads. *done: false if the judge did not
  // want them all, or they are more than `most`, or lie under several locks; in these cases none was judged.
  virtual Outcome JudgeSpan(const KeySpan& span, Direction direction, size_t most, RowJudge* judge, Wait wait,
                            bool* done);

  // --- From key to key.

  // The key at one end of the table or beside `from` (null for kFirst, kLast), as one row of one value appended to
  // `out`, or with `whole` all rows of that key; nothing past the end. An ordered_set has one order over all partitions
  // and a neighbour for any key. The other types have some order, the same both ways, and answer kNoSuchKey if `from`
  // is absent and was not deleted under the present fix.
  virtual Outcome StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out);
  // The rows at place `number` of the table, maybe none; over all numbers from 0 to *past_end every row once, in an
  // ordered_set one by one in their order.
  virtual Outcome ReadSlot(uint64_t number, Wait wait, bool* past_end, RowBuffer* out);
  // While it is fixed (as many times as it was not unfixed again), StepKey goes on from keys that were deleted, and
  // meets each key that stays exactly once.
  virtual Outcome Fix(Wait wait);
  virtual Outcome Unfix(Wait wait);

  // --- In a file.

  // From here on the table tells a journal of all changes (journal.h). Once at most, before another thread knows the
  // table; the journal lives as long as the table.
  void SetJournal(std::shared_ptr<Journal> journal);
  Journal* journal() const { return journal_; }
  // TakeSnapshot() of all columns, and also() under the same locks: no record is appended between the two. also() takes
  // no lock but the journal's and does not fail.
  virtual Outcome TakeSnapshotAnd(absl::FunctionRef<void()> also, Wait wait, std::shared_ptr<Snapshot>* out) = 0;

  virtual Outcome Stats(Wait wait, TableStats* out) = 0;
  // Gives unused memory back (empty slots at the end of chunks, dead bytes, index slack). kFixed while it is fixed.
  virtual Outcome Compact(Wait wait) = 0;
  // Checks every invariant of cpp/ARCHITECTURE.md; for tests and `verify`. Takes all locks: call without the GIL.
  virtual Status CheckInvariants() = 0;

 protected:
  explicit Table(const TableOptions& options);

  // In a fork's child.
  void ForgetJournal() { journal_ = nullptr; }

  const TableOptions options_;
  std::atomic<bool> dropped_{false};

 private:
  Journal* journal_ = nullptr;  // null: none, or no longer
  std::shared_ptr<Journal> journal_owner_;
};

// Walks a table batch by batch. One call at a time, from any thread.
class Walk {
 public:
  virtual ~Walk() = default;
  // Appends rows to `out`, about `max_rows` (fewer once it holds much; of a bag more, since the rows of one key come
  // together); none with kOk at the end.
  virtual Outcome Next(size_t max_rows, Wait wait, RowBuffer* out) = 0;
};

// What is alive in this process, for tests that count exactly.
struct LiveCounts {
  int64_t tables = 0;
  int64_t rows = 0;  // live rows of live tables
  int64_t snapshots = 0;
  int64_t walks = 0;
  int64_t bytes = 0;  // storage blocks and index memory
};
LiveCounts ReadLiveCounts();

// Installs the handlers that make os.fork safe for all tables (once, at load).
void InstallForkHandlers();

}  // namespace partita

#endif  // PARTITA_TABLE_TABLE_H_
