// What a call on a table came to. A small enum, not a Status: most of these are no errors, the hot path returns one in
// a register, and whoever called has the key and the row at hand to say what went wrong. Files and specifications,
// whose errors need words of their own, return Status.

#ifndef PARTITA_TABLE_OUTCOME_H_
#define PARTITA_TABLE_OUTCOME_H_

#include <cstdint>

namespace partita {

enum class Outcome : uint8_t {
  kOk,
  kWouldBlock,   // Wait::kTry, and a lock was held: nothing was done (batches: what was done is counted)
  kDropped,      // the table was dropped
  kNoMemory,     // allocation failed: nothing was changed
  kTooManyRows,  // a partition is out of slots: nothing was changed
  kBadPosition,  // a position at or past the end of the row found (or of the default)
  kKeyPosition,  // a position is the key's own
  kNotANumber,   // update_counter met a field, or got an increment, that is no number
  kNotFinite,    // update_counter: a float went beyond its range, or an int does not fit a float
  kTooLarge,     // a value grew past the limit of a term
  kNoSuchKey,    // a walk was to go on from a key that is not there
  kFixed,        // the call is refused while the table is fixed
  kWrongType,    // the call does not exist for this type of table
  // Of tables that live in a file (journal.h).
  kClosed,          // the file is being closed, or was: nothing was changed
  kDegraded,        // the file could not be written: nothing was changed
  kOutcomeUnknown,  // the change is made, but may not be on the disk
  kRecordTooLarge,  // one step would take a record of over 4 GiB: nothing was changed
  // Of the bindings.
  kInterrupted,  // a signal handler raised while the call waited: nothing was done, and Python's exception is set
};

}  // namespace partita

#endif  // PARTITA_TABLE_OUTCOME_H_
