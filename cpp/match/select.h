// Programs over chunks that do not change meanwhile, those of a snapshot or those whose lock is held: comparisons of an
// element with a constant narrow a bitmap (filter.h), and the machine looks at the rows that are left.
//
// A Selector is used by one thread at a time; the program and the chunks must outlive it and what it selects.

#ifndef PARTITA_MATCH_SELECT_H_
#define PARTITA_MATCH_SELECT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "column/chunk.h"
#include "match/machine.h"
#include "match/program.h"
#include "table/row_buffer.h"
#include "table/snapshot.h"

namespace partita {

// Results, in order. Result i is rows.row(i): the elements of a whole row if is_row[i], else the one value that it is.
struct Selected {
  RowBuffer rows;
  std::vector<bool> is_row;
};

class Selector {
 public:
  // Whether results may point into the chunks, or are copies.
  enum class Results : uint8_t { kInPlace, kCopied };

  explicit Selector(const Program& program, Results results = Results::kInPlace);

  // Clears the bits of live rows that cannot match, of kBitmapWords words.
  void Narrow(const Chunk& chunk, uint64_t* bits) const;

  // Appends the results of the rows that match, in chunk order. False: the body of one errs; failure() and
  // failed_row() tell of it, and what was found before it is in `out`. Both may throw std::bad_alloc.
  bool Select(const Chunk& chunk, Selected* out);
  // The same for one live row, or for one that lies in no chunk.
  bool SelectAt(const Chunk& chunk, uint32_t place, Selected* out);
  bool SelectRow(absl::Span<const Value> row, Selected* out);

  // Whether comparisons narrow the rows of every clause, so that few are left perhaps.
  bool narrows() const;
  // Appends the live rows that Narrow() leaves. Throws std::bad_alloc.
  void FindIn(const Chunk& chunk, std::vector<RowPlace>* places) const;

  // How many rows match as a count asks for it (Machine::MatchesTrue).
  uint64_t Count(const Chunk& chunk);
  bool CountAt(const Chunk& chunk, uint32_t place);
  bool CountRow(absl::Span<const Value> row) { return machine_.MatchesTrue(row); }

  // The clause that a live row matches, or Machine::kNoClause; then what its body gives, until the next call. False: it
  // errs. Both may throw std::bad_alloc.
  size_t MatchAt(const Chunk& chunk, uint32_t place);
  bool Evaluate(size_t clause, Value* result) { return machine_.Evaluate(clause, result); }

  const Machine::Failure& failure() const { return machine_.failure(); }
  // Of its elements only those are right that the program reads.
  absl::Span<const Value> failed_row() const { return row_; }
  // The same as a copy, with None for the elements that it does not read. Throws std::bad_alloc.
  void CopyFailedRow(RowBuffer* out) const;

 private:
  void ReadForMachine(const Chunk& chunk, uint32_t place);
  bool Append(size_t clause, Selected* out);
  void AppendRow(const Chunk& chunk, uint32_t place, Selected* out) const;

  const Program& program_;
  const Results results_;
  std::vector<Filter> filters_;      // one for each clause; none: too many clauses to be worth it
  std::vector<uint32_t> positions_;  // to be read; empty with reads_all_
  bool reads_all_;
  bool filter_decides_;  // one clause, of which the filter says all
  bool takes_rows_;      // every clause's result is the row
  Machine machine_;
  absl::InlinedVector<Value, 24> row_;
};

}  // namespace partita

#endif  // PARTITA_MATCH_SELECT_H_
