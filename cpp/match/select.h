// Programs over chunks that do not change meanwhile, those of a snapshot: comparisons of an element with a constant
// narrow a bitmap (filter.h), and the machine looks at the rows that are left.
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

namespace partita {

// Results, in order. Result i is rows.row(i): the elements of a whole row if is_row[i], else the one value that it is.
struct Selected {
  RowBuffer rows;
  std::vector<bool> is_row;
};

class Selector {
 public:
  explicit Selector(const Program& program);

  // Appends the results of the rows that match, in chunk order. False: the body of one errs; failure() and
  // failed_row() tell of it, and what was found before it is in `out`. Both may throw std::bad_alloc.
  bool Select(const Chunk& chunk, Selected* out);
  // The same for one live row, or for one that lies in no chunk.
  bool SelectAt(const Chunk& chunk, uint32_t place, Selected* out);
  bool SelectRow(absl::Span<const Value> row, Selected* out);

  // How many rows match as a count asks for it (Machine::MatchesTrue).
  uint64_t Count(const Chunk& chunk);
  bool CountRow(absl::Span<const Value> row) { return machine_.MatchesTrue(row); }

  const Machine::Failure& failure() const { return machine_.failure(); }
  // Of its elements only those are right that the program reads.
  absl::Span<const Value> failed_row() const { return row_; }

 private:
  // The live rows that can match.
  void Narrow(const Chunk& chunk, uint64_t* bits) const;
  void ReadForMachine(const Chunk& chunk, uint32_t place);
  bool Append(size_t clause, Selected* out);

  const Program& program_;
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
