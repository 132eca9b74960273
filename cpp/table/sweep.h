// A sweep lets a judge see the rows of a table and say what becomes of each: what reading page by page, deleting and
// replacing by a match are made of.
//
// A row is judged, and its verdict carried out, in one hold of the lock it lies under: others see it as it was before
// or as it is after. One that is there from the start to the end of the sweep is judged exactly once, in one of the
// states it had; the sweep ends although others insert. In bags the rows of one key come together, in the order they
// came in; in an ordered_set all rows come in the order of their keys.

#ifndef PARTITA_TABLE_SWEEP_H_
#define PARTITA_TABLE_SWEEP_H_

#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "table/table.h"

namespace partita {

struct Chunk;

// What is called under the table's locks, and so quick. All may throw std::bad_alloc.
class RowJudge {
 public:
  enum class Verdict : uint8_t { kKeep, kDelete, kReplace };

  virtual ~RowJudge() = default;
  // Whether its verdicts may be others than kKeep.
  virtual bool writes() const = 0;
  // Clears the bits of live rows that need no verdict, of kBitmapWords words. They stay.
  virtual void Narrow(const Chunk& chunk, uint64_t* bits) = 0;
  // Of a live row; it stays until then. kReplace: by *row, whose key is exactly equal, and which lives until the next
  // call; of bags there is none.
  virtual Verdict Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>* row) = 0;
  // Asked after each verdict, in bags after those of one key: false ends the call of Sweep::Next.
  virtual bool wants_more() const = 0;
};

// Where a sweep stands. One call at a time; a copy goes on by itself.
class Sweep {
 public:
  virtual ~Sweep() = default;
  // Judges rows, some hundred at most under one lock (of a bag those of one key at least). *done: there are no more.
  // With kWouldBlock nothing was done. After kNoMemory some rows may have been judged; the sweep is then of no more
  // use.
  virtual Outcome Next(RowJudge* judge, Wait wait, bool* done) = 0;
  // Throws std::bad_alloc.
  virtual std::unique_ptr<Sweep> Clone() const = 0;
};

}  // namespace partita

#endif  // PARTITA_TABLE_SWEEP_H_
