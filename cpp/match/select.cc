#include "match/select.h"

#include <algorithm>
#include <cstring>

#include "absl/numeric/bits.h"
#include "match/filter.h"
#include "table/row_match.h"
#include "table/shard.h"

namespace partita {
namespace {

using Result = ClauseAnalysis::Result;

template <typename Fn>
bool ForEachBit(const uint64_t* bits, Fn&& fn) {
  for (uint32_t w = 0; w < kBitmapWords; ++w) {
    for (uint64_t left = bits[w]; left != 0; left &= left - 1) {
      if (!fn(w * 64 + static_cast<uint32_t>(absl::countr_zero(left)))) return false;
    }
  }
  return true;
}

}  // namespace

Selector::Selector(const Program& program, Results results) : program_(program), results_(results), machine_(program) {
  constexpr size_t kMaxFilters = 8;
  const absl::Span<const ClauseAnalysis> clauses = program.analyses();
  if (clauses.size() <= kMaxFilters) {
    for (const ClauseAnalysis& clause : clauses) {
      if (clause.arity == 0) continue;  // no row of a table is empty
      filters_.push_back(Filter{clause.arity == kAnyArity ? 0 : clause.arity, clause.comparisons});
    }
  }
  reads_all_ = program.columns() == kAllColumns;
  for (uint32_t i = 0; i + 1 < kMaxColumns && !reads_all_; ++i) {
    if ((program.columns() & ColumnBit(i)) != 0) positions_.push_back(i);
  }
  takes_rows_ = std::all_of(clauses.begin(), clauses.end(), [](const auto& c) { return c.result == Result::kRow; });
  filter_decides_ = clauses.size() == 1 && clauses[0].complete && filters_.size() == 1;
}

void Selector::Narrow(const Chunk& chunk, uint64_t* bits) const {
  if (filters_.empty()) return;
  if (filters_.size() == 1) return NarrowToFilter(chunk, filters_[0], bits);
  uint64_t any[kBitmapWords] = {};
  for (const Filter& filter : filters_) {
    uint64_t one[kBitmapWords];
    std::memcpy(one, bits, sizeof(one));
    NarrowToFilter(chunk, filter, one);
    for (uint32_t w = 0; w < kBitmapWords; ++w) any[w] |= one[w];
  }
  std::memcpy(bits, any, sizeof(any));
}

bool Selector::narrows() const {
  return !filters_.empty() && std::all_of(filters_.begin(), filters_.end(),
                                          [](const Filter& filter) { return !filter.comparisons.empty(); });
}

void Selector::FindIn(const Chunk& chunk, std::vector<RowPlace>* places) const {
  uint64_t bits[kBitmapWords];
  std::memcpy(bits, chunk.live, sizeof(bits));
  Narrow(chunk, bits);
  ForEachBit(bits, [&](uint32_t place) {
    places->push_back(RowPlace{&chunk, place});
    return true;
  });
}

void Selector::ReadForMachine(const Chunk& chunk, uint32_t place) {
  if (reads_all_) return ReadRow(chunk, place, &row_);
  const uint32_t arity = RowArity(chunk, place);
  row_.resize(arity);
  for (const uint32_t position : positions_) {
    if (position >= arity) break;
    row_[position] = ReadElement(chunk, position, place);
  }
}

bool Selector::Append(size_t clause, Selected* out) {
  Value result;
  if (!machine_.Evaluate(clause, &result)) return false;
  // What a row holds stays where it is; what the machine made does not.
  out->rows.AddCopy(result);
  out->rows.EndRow();
  out->is_row.push_back(false);
  return true;
}

bool Selector::SelectRow(absl::Span<const Value> row, Selected* out) {
  const size_t clause = machine_.Match(row);
  if (clause == Machine::kNoClause) return true;
  if (program_.analysis(clause).result != Result::kRow) {
    if (Append(clause, out)) return true;
    row_.assign(row.begin(), row.end());
    return false;
  }
  for (const Value& value : row) {
    if (results_ == Results::kCopied) {
      out->rows.AddCopy(value);
    } else {
      out->rows.AddValue(value);
    }
  }
  out->rows.EndRow();
  out->is_row.push_back(true);
  return true;
}

void Selector::AppendRow(const Chunk& chunk, uint32_t place, Selected* out) const {
  if (results_ == Results::kCopied) {
    CopyRowOut(chunk, place, &out->rows, nullptr);
  } else {
    ForEachElement(chunk, place, [out](const Value& value) { out->rows.AddValue(value); });
    out->rows.EndRow();
  }
  out->is_row.push_back(true);
}

size_t Selector::MatchAt(const Chunk& chunk, uint32_t place) {
  ReadForMachine(chunk, place);
  return machine_.Match(row_);
}

bool Selector::SelectAt(const Chunk& chunk, uint32_t place, Selected* out) {
  const size_t clause = MatchAt(chunk, place);
  if (clause == Machine::kNoClause) return true;
  if (program_.analysis(clause).result != Result::kRow) return Append(clause, out);
  AppendRow(chunk, place, out);
  return true;
}

bool Selector::Select(const Chunk& chunk, Selected* out) {
  uint64_t bits[kBitmapWords];
  std::memcpy(bits, chunk.live, sizeof(bits));
  Narrow(chunk, bits);
  if (narrows()) {  // rows that are left lie far apart
    ForEachBit(bits, [&chunk](uint32_t place) {
      PrefetchRow(chunk, place);
      return true;
    });
  }
  if (!filter_decides_ || !takes_rows_) {
    return ForEachBit(bits, [&](uint32_t place) { return SelectAt(chunk, place, out); });
  }
  return ForEachBit(bits, [&](uint32_t place) {
    AppendRow(chunk, place, out);
    return true;
  });
}

uint64_t Selector::Count(const Chunk& chunk) {
  uint64_t bits[kBitmapWords];
  std::memcpy(bits, chunk.live, sizeof(bits));
  Narrow(chunk, bits);
  uint64_t count = 0;
  if (filter_decides_ && program_.analysis(0).result == Result::kTrue) {
    for (const uint64_t word : bits) count += static_cast<uint64_t>(absl::popcount(word));
    return count;
  }
  ForEachBit(bits, [&](uint32_t place) {
    count += CountAt(chunk, place);
    return true;
  });
  return count;
}

bool Selector::CountAt(const Chunk& chunk, uint32_t place) {
  ReadForMachine(chunk, place);
  return machine_.MatchesTrue(row_);
}

void Selector::CopyFailedRow(RowBuffer* out) const {
  for (uint32_t i = 0; i < row_.size(); ++i) {
    if ((program_.columns() & ColumnBit(i)) != 0) {
      out->AddCopy(row_[i]);
    } else {
      out->AddValue(Value::None());
    }
  }
  out->EndRow();
}

}  // namespace partita
