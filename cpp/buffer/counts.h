// The books of a buffer: where every item that came in is now.

#ifndef PARTITA_BUFFER_COUNTS_H_
#define PARTITA_BUFFER_COUNTS_H_

#include <cstdint>

namespace partita {

// Of one partition or, summed up, of a buffer. What comes in stands on the left of the balance, where it went on the
// right; each change of a partition's counts is made in one step under its lock, so that the balance holds always.
struct BufferCounts {
  uint64_t pushed = 0;    // taken from callers
  uint64_t restored = 0;  // found again by a process that came after the one they were pushed in

  uint64_t processed = 0;
  uint64_t buffered = 0;   // in the open segment or in a frozen one
  uint64_t in_flight = 0;  // handed to the processor
  uint64_t in_doubt = 0;   // the same, and the processor is past its time
  uint64_t dead = 0;       // passed to where dead letters go
  uint64_t failed = 0;     // kept because the processor failed on them and there is no such place
  uint64_t dropped = 0;    // for want of room
  uint64_t replaced = 0;   // by a newer value of the same key
  uint64_t deleted = 0;    // by the caller

  // Not part of the balance.
  uint64_t refused = 0;   // calls that found no room and took nothing
  uint64_t overruns = 0;  // taken from the buffer's own processor although there was no room
  uint64_t stale = 0;     // versions that were not newer than what was there

  uint64_t unresolved() const { return buffered + in_flight + in_doubt; }
  bool balanced() const {
    return pushed + restored == processed + unresolved() + dead + failed + dropped + replaced + deleted;
  }
  BufferCounts& operator+=(const BufferCounts& other) {
    pushed += other.pushed;
    restored += other.restored;
    processed += other.processed;
    buffered += other.buffered;
    in_flight += other.in_flight;
    in_doubt += other.in_doubt;
    dead += other.dead;
    failed += other.failed;
    dropped += other.dropped;
    replaced += other.replaced;
    deleted += other.deleted;
    refused += other.refused;
    overruns += other.overruns;
    stale += other.stale;
    return *this;
  }
};

}  // namespace partita

#endif  // PARTITA_BUFFER_COUNTS_H_
