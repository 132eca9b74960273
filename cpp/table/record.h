// Records: what steps did to a table, as bytes. Written by the calls that change it (StepRecord), read when a table is
// made again from what was on the disk (ReplayRecord). Files keep them, so their form does not change.
//
// A record is entries, one after the other, each a byte that says what it is, and then:
//
//   1 put            row               as Table::Insert does
//   2 delete         key               all rows of it
//   3 delete object  row               all rows that are exactly equal, as Table::DeleteObject does
//   4 set elements   key, u16 n, n times u16 position and term: as Table::UpdateElement does, in a set or ordered_set
//   5 clear          -
//   6 delete some    key, u32 n, n times u32: those rows of a key of a bag, counting from 0 in the order they came in,
//                    ascending, not all of them
//
// A row is a u16 number of elements and as many terms; a key is a term; terms are in wire form (term/wire.h). Numbers
// are little-endian and nothing is aligned. Steps that were atomic are to be replayed whole; within a record the order
// of entries counts.

#ifndef PARTITA_TABLE_RECORD_H_
#define PARTITA_TABLE_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "table/journal.h"
#include "table/table.h"
#include "term/value.h"

namespace partita {

// Bytes of one record at most.
inline constexpr size_t kMaxRecordSize = 0xFFFFF000;

enum class RecordEntry : uint8_t {
  kPut = 1,
  kDelete = 2,
  kDeleteObject = 3,
  kSetElements = 4,
  kClear = 5,
  kDeleteSome = 6,
};

// The record of one step, or of what a call does under one hold of a lock, on its writer's stack. Entries are added,
// before or under the locks; under them Reserve() comes before the change, Stored() after it, Append() before they are
// let go. What was added and not stored is forgotten: a step that fails or comes to nothing leaves no trace.
class StepRecord {
 public:
  explicit StepRecord(Journal* journal) : journal_(journal), wanted_(journal->wants_records()) {}
  ~StepRecord() {
    if (reserved_ > 0) journal_->Release(reserved_);
  }
  StepRecord(const StepRecord&) = delete;
  StepRecord& operator=(const StepRecord&) = delete;

  // Values may be as columns keep them (without kAscii). All throw std::bad_alloc and add nothing then.
  void Put(absl::Span<const Value> row) { AddRow(RecordEntry::kPut, row); }
  void Put(const RowView& row) { Put(absl::MakeConstSpan(row.values, row.arity)); }
  void Delete(const Value& key);
  void DeleteObject(const RowView& row) {
    AddRow(RecordEntry::kDeleteObject, absl::MakeConstSpan(row.values, row.arity));
  }
  void SetElements(const Value& key, absl::Span<const ElementUpdate> updates);
  void SetElement(const Value& key, uint32_t position, const Value& value) {
    const ElementUpdate update{position, value};
    SetElements(key, absl::MakeConstSpan(&update, 1));
  }
  void Clear();
  void DeleteSome(const Value& key, absl::Span<const uint32_t> numbers);

  // Under the locks: as Journal::Reserve, for all that was added.
  Outcome Reserve();
  // Under the locks: what was added is stored.
  void Stored() {
    stored_ = size_;
    if (ABSL_PREDICT_FALSE(stored_ > kMuch)) Append();
  }
  // Under the locks: appends what is stored, if anything, and begins anew.
  void Append();
  // Both, after a change that is the whole of a step, if it was made.
  Outcome Done(Outcome outcome) {
    if (outcome == Outcome::kOk) {
      Stored();
      Append();
    }
    return outcome;
  }
  // After the locks, with what the call came to: as Journal::AwaitDurable for what was appended.
  Outcome Await(Outcome outcome);

  // For calls that are the same for both kinds of records.
  StepRecord* pointer() { return this; }

 private:
  // Changes that are not one step are not gathered beyond this.
  static constexpr size_t kMuch = size_t{1} << 20;

  void AddRow(RecordEntry entry, absl::Span<const Value> row);
  // Where to write the next `size` bytes, which the caller adds to size_.
  char* Room(size_t size);

  Journal* const journal_;
  const bool wanted_;
  Lsn lsn_ = 0;          // of the last record appended
  size_t reserved_ = 0;  // in the journal
  size_t stored_ = 0;    // bytes of what is stored
  size_t size_ = 0;      // bytes of all
  size_t capacity_ = sizeof(inline_bytes_);
  char* bytes_ = inline_bytes_;
  std::unique_ptr<char[]> heap_;
  char inline_bytes_[512];
};

// The same for a table without a journal: nothing.
class NoRecord {
 public:
  void Put(absl::Span<const Value>) {}
  void Put(const RowView&) {}
  void Delete(const Value&) {}
  void DeleteObject(const RowView&) {}
  void SetElements(const Value&, absl::Span<const ElementUpdate>) {}
  void SetElement(const Value&, uint32_t, const Value&) {}
  void Clear() {}
  void DeleteSome(const Value&, absl::Span<const uint32_t>) {}
  Outcome Reserve() { return Outcome::kOk; }
  void Stored() {}
  void Append() {}
  Outcome Done(Outcome outcome) { return outcome; }
  StepRecord* pointer() { return nullptr; }
};

// For a lock that is held over several changes, of which some may throw: appends those that were stored when it ends.
template <typename Record>
class RecordHold {
 public:
  explicit RecordHold(Record* record) : record_(record) {}
  ~RecordHold() {
    if (record_ != nullptr) record_->Append();
  }
  RecordHold(const RecordHold&) = delete;
  RecordHold& operator=(const RecordHold&) = delete;

 private:
  Record* const record_;  // may be null
};

// How a call that writes runs: write(record), with a StepRecord or a NoRecord, does the whole of it and takes the
// locks. Tables without a journal pay for one comparison.
// (`write` is taken by value: so what it captures stays in registers where it is not called.)
template <typename Write>
ABSL_ATTRIBUTE_NOINLINE Outcome WriteWithRecord(Journal* journal, Wait wait, Write write) {
  Outcome outcome = journal->Admit(wait);
  if (outcome != Outcome::kOk) return outcome;
  StepRecord record(journal);
  try {
    outcome = write(record);
  } catch (const std::bad_alloc&) {
    outcome = Outcome::kNoMemory;
  }
  return record.Await(outcome);
}
template <typename Write>
inline Outcome Journaled(Journal* journal, Wait wait, Write&& write) {
  if (ABSL_PREDICT_FALSE(journal != nullptr)) return WriteWithRecord(journal, wait, write);
  NoRecord none;
  return write(none);
}

// Does to `table`, which has no journal yet, what a record says. Nothing of the bytes is trusted.
struct ReplayResult {
  const char* wrong = nullptr;     // what is wrong with the record; null: nothing
  bool opaque = false;             // with `wrong`: it holds a pickled object, which was not allowed
  Outcome outcome = Outcome::kOk;  // kNoMemory, kTooManyRows
};
// The bytes are checked whole first: if they are no record, nothing is changed. A record that does not fit the rows
// that are there (a key to delete is not) is wrong too, and may be done in part.
ReplayResult ReplayRecord(absl::string_view entries, bool allow_opaque, Table* table);

}  // namespace partita

#endif  // PARTITA_TABLE_RECORD_H_
