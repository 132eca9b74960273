// Erlang's external term format, from bytes that nobody vouches for.
//
// Every length is checked against what is left before it is used; nesting is bounded by kMaxTermDepth; what is
// allocated is a small multiple of the bytes read (of a compressed term, of what comes out of it). Integers, floats,
// atoms, tuples, lists, maps and binaries are read in all forms that OTP ever wrote. What has no counterpart here
// (pids, ports, references, funs, improper lists, bit strings that are no whole bytes) is refused by name.
//
// The maps read must make dicts of Python, whose keys are equal more often than Erlang's: 1, 1.0 and true are three
// keys there and one here, and lists and maps are no keys at all. Such maps are refused, unless maps are read as lists
// of pairs.

#ifndef PARTITA_ERLANG_TERM_READER_H_
#define PARTITA_ERLANG_TERM_READER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "term/value.h"
#include "term/wire_writer.h"

namespace partita::erlang {

// What a binary is read as; kAuto: text if it is UTF-8.
enum class Binaries : uint8_t { kAuto, kStr, kBytes };
enum class Maps : uint8_t { kDict, kPairs };

struct ReadOptions {
  Binaries binaries = Binaries::kAuto;
  Maps maps = Maps::kDict;
  // Pids, ports and references are read as None: for the head of a table's file, which says whose the table was.
  bool skip_foreign = false;
};

// Why bytes were not read, and where.
struct ReadProblem {
  bool damaged = false;  // they are no term; else they are one that has no counterpart here
  size_t offset = 0;
  std::string message;
};

// Adds the term that `bytes` are, from the version on. False: *problem is set, and `out` is of no further use. Throws
// std::bad_alloc.
bool ReadTerm(absl::string_view bytes, const ReadOptions& options, WireWriter* out, ReadProblem* problem);

// Rows read one after the other. Their values point into the bytes they were read from, or into this. Not thread-safe.
class RowsRead {
 public:
  struct Row {
    size_t first;  // of all values
    uint32_t arity;
  };

  // Adds the tuple that `bytes` are, from the version on. *is_row: false if they are some other term, which is not
  // looked at further. False: *problem is set, and this is of no further use but for Clear(). Throws std::bad_alloc.
  bool Add(absl::string_view bytes, const ReadOptions& options, bool* is_row, ReadProblem* problem);

  size_t size() const { return rows_.size(); }
  // Makes the values ready to be looked at; until the next Add or Clear.
  void Finish();
  absl::Span<const Value> row(size_t index) const {
    return absl::MakeConstSpan(values_).subspan(rows_[index].first, rows_[index].arity);
  }
  void Clear();

 private:
  struct Pending {
    size_t value;   // which
    size_t offset;  // of its wire form
  };

  std::vector<Value> values_;
  std::vector<Row> rows_;
  std::vector<Pending> pending_;  // values that lie in wire_, which moves as it grows
  WireWriter wire_;
  std::deque<std::string> uncompressed_;  // what values of compressed rows point into; strings that stay where they are
};

}  // namespace partita::erlang

#endif  // PARTITA_ERLANG_TERM_READER_H_
