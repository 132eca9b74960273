// What a table that lives in a file tells of each change before and after it makes it. A table has one or none
// (Table::SetJournal); what it does with the records, and when they are on the disk, is the journal's business.
//
// A record says what a step did, not what was called: rows put, keys deleted (record.h). One atomic step is one record;
// calls that are not atomic as a whole give one for each hold of a lock. A step that changed nothing gives none. Rows
// that an ordered_set moves between its ranges are not changed.
//
// A writing call goes through four steps:
//
//   Admit                    no lock held: may wait, may refuse; nothing has been done
//     the shards of the step are locked
//   Reserve                  room for the record; may refuse or fail, and then nothing has been changed
//     the step is stored
//   Append                   cannot fail
//     the locks are let go
//   AwaitDurable             no lock held; nothing can be undone any more
//
// Append runs under the locks of all shards that the step changed: so records of one key, and the records of a whole
// table at the moment of a snapshot, have the order of the steps. Locks of a journal come after those of the shards,
// and are held for a copy of some bytes, never for a call to the system.
//
// All may be called from any thread. Nothing throws but std::bad_alloc, and only where it says so.

#ifndef PARTITA_TABLE_JOURNAL_H_
#define PARTITA_TABLE_JOURNAL_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/lock.h"
#include "table/outcome.h"

namespace partita {

// The number of a record: 1, 2, ... in the order of the steps, without gaps.
using Lsn = uint64_t;

class Journal {
 public:
  // Whether it wants records. One that does not sees Admit and Reserve (of 0 bytes) of each writing call, so that it
  // can refuse, and neither Append nor AwaitDurable.
  explicit Journal(bool wants_records) : wants_records_(wants_records) {}
  virtual ~Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  bool wants_records() const { return wants_records_; }

  // Before a call takes a lock. kOk: it may go on. kTry: kWouldBlock where kBlock would wait, or where AwaitDurable may
  // have to wait for what the call is about to write: whoever holds the GIL asks with kTry, lets go of it, and asks
  // again with kBlock, and so no call is done twice. kBlock: waits while too much is written and not yet on the disk,
  // some 50 ms at most: then kWouldBlock too, so that signals can be answered before it is asked again. Refuses with
  // kDegraded (a file could not be written, and no save has succeeded since) or kClosed.
  virtual Outcome Admit(Wait wait) = 0;

  // Room for `bytes` more in a record that is to be appended: kOk; what Append leaves, or what is not appended at all,
  // is given back by Release. A record may be reserved piece by piece, and only its last size counts. Refuses with
  // kDegraded, kClosed (both also where Admit let the call in), kRecordTooLarge. Throws std::bad_alloc.
  virtual Outcome Reserve(size_t bytes) = 0;
  virtual void Release(size_t bytes) noexcept = 0;

  // The record of a step just stored, for which `reserved` bytes were reserved, at least its size. `entries` is the
  // form of record.h. Takes what was reserved, whether the record needs it or not.
  virtual Lsn Append(absl::string_view entries, size_t reserved) noexcept = 0;

  // After the locks: waits until the record is as safe as the table's durability promises a call's return to be. kOk;
  // kOutcomeUnknown: the step is in the table, but whether its record is on the disk, or ever will be, is not known.
  virtual Outcome AwaitDurable(Lsn lsn) = 0;

  // The locks of a journal over a fork: taken after those of its table's shards, by the forking thread.
  virtual void LockForFork() = 0;
  virtual void UnlockAfterFork() = 0;
  // In the child, which has no part in the file: lets go of the locks and closes what is open of it, and calls nothing
  // that may allocate or wait. The table goes on in memory alone and does not ask its journal again.
  virtual void DetachAfterFork() = 0;

 private:
  const bool wants_records_;
};

}  // namespace partita

#endif  // PARTITA_TABLE_JOURNAL_H_
