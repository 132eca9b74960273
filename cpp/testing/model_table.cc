// What the calls must do, in plain C++.

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "testing/dump.h"
#include "testing/operations.h"

namespace partita::testing {
namespace {

// Exact where both are ints of up to 127 bits, which is all that tests draw.
Outcome Add(const Term& current, const Term& increment, Term* sum) {
  __int128 a = 0;
  __int128 b = 0;
  const bool a_int = current.ToInt128(&a);
  const bool b_int = increment.ToInt128(&b);
  const bool a_float = current.view().kind == Value::Kind::kFloat;
  const bool b_float = increment.view().kind == Value::Kind::kFloat;
  if (!(a_int || a_float) || !(b_int || b_float)) return Outcome::kNotANumber;
  if (a_int && b_int) {
    *sum = Term::Int128(a + b);
    return Outcome::kOk;
  }
  const double x = a_float ? current.view().f : static_cast<double>(a);
  const double y = b_float ? increment.view().f : static_cast<double>(b);
  if (std::isfinite(x) && std::isfinite(y) && !std::isfinite(x + y)) return Outcome::kNotFinite;
  *sum = Term(x + y);
  return Outcome::kOk;
}

}  // namespace

std::vector<std::string> ModelTable::Dump() const {
  std::vector<std::string> dump;
  for (const auto& [key, rows] : rows_) {
    for (const Row& row : rows) dump.push_back(WireOfRow(row));
  }
  std::sort(dump.begin(), dump.end());
  return dump;
}

// In a set the key that is stored is that of the row, be it -0.0 where 0.0 was, or in an ordered_set 1.0 where 1 was.
void ModelTable::Put(const Row& row) {
  if (one_row_) rows_.erase(row[keypos_]);
  std::vector<Row>& rows = rows_[row[keypos_]];
  const auto is_equal = [&row](const Row& other) { return RowsExactlyEqual(row, other); };
  if (type_ == TableType::kBag && std::any_of(rows.begin(), rows.end(), is_equal)) return;
  rows.push_back(row);
}

std::vector<Row> ModelTable::Remove(const Term& key) {
  const auto it = rows_.find(key);
  if (it == rows_.end()) return {};
  std::vector<Row> removed = std::move(it->second);
  rows_.erase(it);
  return removed;
}

uint64_t ModelTable::RemoveEqual(const Row& row) {
  const auto it = rows_.find(row[keypos_]);
  if (it == rows_.end()) return 0;
  const uint64_t removed = std::erase_if(it->second, [&row](const Row& other) { return RowsExactlyEqual(row, other); });
  if (it->second.empty()) rows_.erase(it);
  return removed;
}

Result ModelTable::UpdateCounter(const Operation& op) {
  Result result;
  if (!one_row_) return Result{.outcome = Outcome::kWrongType};
  const auto it = rows_.find(op.keys[0]);
  result.flag = it != rows_.end() || op.has_default;
  if (!result.flag) return result;
  Row row = it != rows_.end() ? it->second[0] : op.default_row;
  Row sums;
  for (size_t i = 0; i < op.counters.size(); ++i) {
    const Counter& c = op.counters[i];
    result.failed_op = i;
    if (c.position >= row.size())
      result.outcome = Outcome::kBadPosition;
    else if (c.position == keypos_)
      result.outcome = Outcome::kKeyPosition;
    else
      result.outcome = Add(row[c.position], c.increment, &row[c.position]);
    if (result.outcome != Outcome::kOk) return result;
    Term& sum = row[c.position];
    if (c.has_threshold) {
      const bool up = CompareNumeric(c.increment.view(), Value::Int(0)) >= 0;
      const int past = CompareNumeric(sum.view(), c.threshold.view());
      if (up ? past > 0 : past < 0) sum = c.set_value;
    }
    sums.push_back(sum);
  }
  result.failed_op = 0;
  result.rows = {sums};
  Put(row);
  return result;
}

Result ModelTable::UpdateElement(const Operation& op) {
  Result result;
  if (!one_row_) return Result{.outcome = Outcome::kWrongType};
  const auto it = rows_.find(op.keys[0]);
  result.flag = it != rows_.end() || op.has_default;
  if (!result.flag) return result;
  Row row = it != rows_.end() ? it->second[0] : op.default_row;
  for (size_t i = 0; i < op.elements.size(); ++i) {
    const auto& [position, term] = op.elements[i];
    result.failed_op = i;
    if (position >= row.size())
      result.outcome = Outcome::kBadPosition;
    else if (position == keypos_)
      result.outcome = Outcome::kKeyPosition;
    if (result.outcome != Outcome::kOk) return result;
    row[position] = term;
  }
  result.failed_op = 0;
  Put(row);
  return result;
}

Result ModelTable::Do(const Operation& op) {
  Result result;
  const auto find = [&](const Term& key) { return rows_.find(key); };
  switch (op.call) {
    case Call::kInsert:
      Put(op.rows[0]);
      break;
    case Call::kInsertBatch:
      result.count = op.rows.size();
      for (const Row& row : op.rows) Put(row);
      break;
    case Call::kInsertNew:
    case Call::kInsertNewList:
      result.flag =
          std::none_of(op.rows.begin(), op.rows.end(), [&](const Row& row) { return rows_.count(row[keypos_]) > 0; });
      if (!result.flag) break;
      for (const Row& row : op.rows) Put(row);
      break;
    case Call::kInsertList:
      result.flag = true;
      for (const Row& row : op.rows) Put(row);
      break;
    case Call::kDelete:
    case Call::kDeleteBatch:
      for (const Term& key : op.keys) result.count += Remove(key).size();
      break;
    case Call::kDeleteObject:
      result.count = RemoveEqual(op.rows[0]);
      break;
    case Call::kTake:
      result.rows = Remove(op.keys[0]);
      break;
    case Call::kLookup:
      if (const auto it = find(op.keys[0]); it != rows_.end()) result.rows = it->second;
      break;
    case Call::kUpdateCounter:
      return UpdateCounter(op);
    case Call::kUpdateElement:
      return UpdateElement(op);
    case Call::kCompareAndSwap:
      if (!one_row_) {
        result.outcome = Outcome::kWrongType;
      } else if (RemoveEqual(op.rows[0]) == 1) {
        Put(op.rows[1]);
        result.flag = true;
      }
      break;
    case Call::kClear:
      rows_.clear();
      break;
    case Call::kLookupBatch:
      for (const Term& key : op.keys) {
        const auto it = find(key);
        const std::vector<Row> found = it == rows_.end() ? std::vector<Row>(1) : it->second;
        result.rows.insert(result.rows.end(), found.begin(), found.end());
      }
      break;
    case Call::kLookupElement:
      if (const auto it = find(op.keys[0]); it != rows_.end()) {
        for (const Row& row : it->second) {
          if (op.position >= row.size()) return Result{.outcome = Outcome::kBadPosition};
          result.rows.push_back(Row{row[op.position]});
        }
      }
      break;
    case Call::kMember:
      result.flag = rows_.count(op.keys[0]) > 0;
      break;
    case Call::kSize:
    case Call::kStats:
      for (const auto& [key, rows] : rows_) result.count += rows.size();
      break;
    case Call::kWalk:
      for (const auto& [key, rows] : rows_) result.rows.insert(result.rows.end(), rows.begin(), rows.end());
      if (type_ != TableType::kOrderedSet) SortRows(&result.rows);
      break;
    case Call::kCompact:
      break;
  }
  return result;
}

}  // namespace partita::testing
