// Rows as bytes, column by column: the content of a block of a snapshot file (docs/format.md draws it).
//
// Native columns are written as they lie in memory, so that a compressor finds what is alike side by side and reading
// costs a copy. Reading trusts nothing.

#ifndef PARTITA_FILE_ROW_GROUP_H_
#define PARTITA_FILE_ROW_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "column/chunk.h"
#include "table/snapshot.h"
#include "table/table.h"
#include "term/value.h"

namespace partita {

inline constexpr uint32_t kMaxGroupRows = 4096;
// A group ends before it grows beyond this, but with one row.
inline constexpr size_t kGroupBytes = size_t{4} << 20;

// How the values of a column are written. Files keep these numbers.
enum class GroupColumn : uint8_t { kNone = 0, kInt = 1, kFloat = 2, kAsciiStr = 3, kStr = 4, kTerm = 5 };

inline constexpr uint32_t kMaxGroupColumns = kMaxColumns + 1;

// Memory for one encoder after the other.
class RowGroupEncoder {
 public:
  // Appends the first rows of `places`, at least one, as a group to `out`; how many is returned. Throws std::bad_alloc.
  size_t Encode(absl::Span<const RowPlace> places, std::string* out);

 private:
  // Rows that follow one another and lie in one chunk.
  struct Run {
    const Chunk* chunk;
    absl::Span<const RowPlace> places;
    bool dense;  // each place is the one after that before it
  };
  void FindRuns(absl::Span<const RowPlace> places);
  size_t FindRowsOfGroup(absl::Span<const RowPlace> places);
  static uint64_t BytesOfRun(const Run& run);
  GroupColumn NativeKind(uint32_t c) const;
  void EncodeNative(size_t rows, uint32_t c, GroupColumn kind, std::string* out) const;
  void EncodeValues(absl::Span<const RowPlace> places, uint32_t c, std::string* out);
  static void EncodeRest(absl::Span<const RowPlace> places, std::string* out);

  std::vector<Run> runs_;  // of the rows of a group
  std::vector<Value> values_;
};

// The rows of a group, as they go into a table. They point into the bytes that were decoded.
class DecodedGroup {
 public:
  // Why the bytes are no group of rows for such a table; null if they are one. Throws std::bad_alloc.
  const char* Decode(absl::string_view bytes, uint32_t keypos, uint64_t hash_seed);

  absl::Span<const RowView> rows() const { return rows_; }
  // Whether a row holds a pickled object.
  bool has_opaque() const { return has_opaque_; }

 private:
  const char* DecodeColumn(uint32_t column, absl::string_view* bytes);
  const char* DecodeStrings(uint32_t column, bool ascii, absl::Span<const uint32_t> present, absl::string_view* bytes);
  const char* DecodeTerms(uint32_t column, absl::Span<const uint32_t> present, absl::string_view* bytes);
  Value* ValueAt(uint32_t row, uint32_t position) { return &values_[first_[row] + position]; }

  std::vector<uint32_t> arities_;
  std::vector<size_t> first_;  // of each row, in values_
  std::vector<Value> values_;
  std::vector<uint32_t> present_;
  std::vector<RowView> rows_;
  bool has_opaque_ = false;
};

}  // namespace partita

#endif  // PARTITA_FILE_ROW_GROUP_H_
