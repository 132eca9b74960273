#include "testing/operations.h"

#include <algorithm>
#include <memory>

#include "testing/check.h"
#include "testing/random_terms.h"

namespace partita::testing {
namespace {

// As the bindings do it: the short way where there is one, then the general one.
Result DoUpdateCounter(Table* table, const Operation& op, Wait wait) {
  Result result;
  std::vector<CounterOp> ops;
  for (const Counter& c : op.counters) {
    ops.push_back(CounterOp{c.position, c.increment.view(), c.has_threshold, c.threshold.view(), c.set_value.view()});
  }
  if (ops.size() == 1 && !op.has_default && !ops[0].has_threshold && ops[0].increment.kind == Value::Kind::kInt) {
    int64_t sum = 0;
    bool done = false;
    result.outcome =
        table->AddToInt(KeyArgument(*table, op.keys[0]), ops[0].position, ops[0].increment.i, wait, &done, &sum);
    if (result.outcome != Outcome::kOk) return result;
    if (done) {
      result.flag = true;
      result.rows = {Row{sum}};
      return result;
    }
  }
  std::unique_ptr<RowArgument> start;
  if (op.has_default) start = std::make_unique<RowArgument>(*table, op.default_row);
  RowBuffer out;
  result.outcome =
      table->UpdateCounter(KeyArgument(*table, op.keys[0]), ops, start == nullptr ? nullptr : &start->view(), wait,
                           &result.flag, &out, &result.failed_op);
  if (result.outcome == Outcome::kOk) {
    result.rows = RowsOf(out);
    result.failed_op = 0;
  }
  return result;
}

Result DoUpdateElement(Table* table, const Operation& op, Wait wait) {
  Result result;
  std::vector<ElementUpdate> updates;
  for (const auto& [position, term] : op.elements) updates.push_back(ElementUpdate{position, term.view()});
  std::unique_ptr<RowArgument> start;
  if (op.has_default) start = std::make_unique<RowArgument>(*table, op.default_row);
  result.outcome =
      table->UpdateElement(KeyArgument(*table, op.keys[0]), updates, start == nullptr ? nullptr : &start->view(), wait,
                           &result.flag, &result.failed_op);
  if (result.outcome == Outcome::kOk) result.failed_op = 0;
  return result;
}

// The rows of the keys asked for, for each that is absent an empty row.
Result DoLookupBatch(Table* table, const Operation& op, Wait wait) {
  Result result;
  RowBuffer out;
  std::vector<RowRange> ranges;
  result.outcome = table->LookupBatch(KeyArguments(*table, op.keys), wait, &out, &ranges);
  if (result.outcome != Outcome::kOk) return result;
  for (const RowRange& range : ranges) {
    if (range.count == 0) result.rows.emplace_back();
    for (uint32_t i = 0; i < range.count; ++i) result.rows.push_back(RowFromValues(out.row(range.first + i)));
  }
  return result;
}

Result DoWalk(Table* table, Wait wait) {
  Result result;
  std::unique_ptr<Walk> walk;
  try {
    walk = table->NewWalk();
  } catch (const std::bad_alloc&) {
    result.outcome = Outcome::kNoMemory;
    return result;
  }
  RowBuffer out;
  do {
    out.Clear();
    result.outcome = walk->Next(7, wait, &out);
    if (result.outcome != Outcome::kOk) return Result{.outcome = result.outcome};
    for (Row& row : RowsOf(out)) result.rows.push_back(std::move(row));
  } while (!out.empty());
  if (table->options().type != TableType::kOrderedSet) SortRows(&result.rows);
  return result;
}

}  // namespace

const char* NameOf(Call call) {
  constexpr const char* kNames[] = {
      "insert",       "insert_new",    "insert_list",  "insert_new_list", "insert_batch",   "delete",
      "delete_batch", "delete_object", "take",         "update_counter",  "update_element", "compare_and_swap",
      "clear",        "lookup",        "lookup_batch", "lookup_element",  "member",         "size",
      "walk",         "stats",         "compact"};
  static_assert(std::size(kNames) == kCalls);
  return kNames[static_cast<size_t>(call)];
}

namespace {

void Print(std::ostream& out, const Row& row) {
  out << "(";
  for (size_t i = 0; i < row.size(); ++i) {
    if (i == 8 && row.size() > 10) {
      out << ", ... of " << row.size();
      break;
    }
    out << (i == 0 ? "" : ", ") << row[i];
  }
  out << ")";
}

void Print(std::ostream& out, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    out << " ";
    Print(out, row);
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Operation& op) {
  out << NameOf(op.call);
  Print(out, op.rows);
  for (const Term& key : op.keys) out << " key " << key;
  if (op.call == Call::kLookupElement) out << " position " << op.position;
  for (const Counter& c : op.counters) {
    out << " [" << c.position << "] += " << c.increment;
    if (c.has_threshold) out << " past " << c.threshold << " -> " << c.set_value;
  }
  for (const auto& [position, term] : op.elements) out << " [" << position << "] = " << term;
  if (op.has_default) {
    out << " default ";
    Print(out, op.default_row);
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const Result& result) {
  out << "outcome " << static_cast<int>(result.outcome) << " flag " << result.flag << " count " << result.count
      << " failed_op " << result.failed_op << " rows";
  Print(out, result.rows);
  return out;
}

Result Do(Table* table, const Operation& op, Wait wait) {
  Result result;
  RowBuffer out;
  const auto row = [&](size_t i) { return RowArgument(*table, op.rows[i]); };
  switch (op.call) {
    case Call::kInsert:
      result.outcome = table->Insert(row(0).view(), wait);
      break;
    case Call::kInsertNew:
      result.outcome = table->InsertNew(row(0).view(), wait, &result.flag);
      break;
    case Call::kInsertList:
    case Call::kInsertNewList:
      result.outcome =
          table->InsertList(RowArguments(*table, op.rows).views(), op.call == Call::kInsertNewList, wait, &result.flag);
      break;
    case Call::kInsertBatch:
      result.outcome = table->InsertBatch(RowArguments(*table, op.rows).views(), wait, &result.count);
      break;
    case Call::kDelete:
      result.outcome = table->Delete(KeyArgument(*table, op.keys[0]), wait, &result.count);
      break;
    case Call::kDeleteBatch:
      result.outcome = table->DeleteBatch(KeyArguments(*table, op.keys), wait, &result.count);
      break;
    case Call::kDeleteObject:
      result.outcome = table->DeleteObject(row(0).view(), wait, &result.count);
      break;
    case Call::kTake:
      result.outcome = table->Take(KeyArgument(*table, op.keys[0]), wait, &out);
      break;
    case Call::kUpdateCounter:
      return DoUpdateCounter(table, op, wait);
    case Call::kUpdateElement:
      return DoUpdateElement(table, op, wait);
    case Call::kCompareAndSwap:
      result.outcome = table->CompareAndSwap(row(0).view(), row(1).view(), wait, &result.flag);
      break;
    case Call::kClear:
      result.outcome = table->Clear(wait);
      break;
    case Call::kLookup:
      result.outcome = table->Lookup(KeyArgument(*table, op.keys[0]), wait, &out);
      break;
    case Call::kLookupBatch:
      return DoLookupBatch(table, op, wait);
    case Call::kLookupElement:
      result.outcome = table->LookupElement(KeyArgument(*table, op.keys[0]), op.position, wait, &out);
      break;
    case Call::kMember:
      result.outcome = table->Member(KeyArgument(*table, op.keys[0]), wait, &result.flag);
      break;
    case Call::kSize:
      result.outcome = table->Size(wait, &result.count);
      break;
    case Call::kWalk:
      return DoWalk(table, wait);
    case Call::kStats: {
      TableStats stats;
      result.outcome = table->Stats(wait, &stats);
      result.count = stats.rows;
      break;
    }
    case Call::kCompact:
      result.outcome = table->Compact(wait);
      break;
  }
  if (result.outcome == Outcome::kOk) result.rows = RowsOf(out);
  return result;
}

void SortRows(std::vector<Row>* rows) {
  std::sort(rows->begin(), rows->end(), [](const Row& a, const Row& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](const Term& x, const Term& y) { return x.wire() < y.wire(); });
  });
}

Operation RandomOperation(Random* random, const ModelTable& model, uint64_t pool, uint32_t keypos) {
  Operation op;
  do {
    op.call = static_cast<Call>(random->Below(kCalls));
    // What empties the table or reads all of it comes less often.
  } while (op.call >= Call::kClear && !random->OneIn(op.call == Call::kClear ? 100 : 4));
  const auto key = [&] { return PoolKey(random->Below(pool)); };
  const auto present = [&] {
    auto it = model.rows().lower_bound(key());
    return it == model.rows().end() ? RandomRow(random, key(), keypos) : random->PickFrom(it->second);
  };
  // Often one that is there already, unchanged or with one other element: storage takes a shorter way then.
  const auto row = [&] {
    if (!random->OneIn(3)) return RandomRow(random, key(), keypos);
    Row row = present();
    const size_t position = random->Below(row.size());
    if (position != keypos) row[position] = RandomTerm(random);
    return row;
  };
  switch (op.call) {
    case Call::kInsert:
    case Call::kInsertNew:
      op.rows = {row()};
      break;
    case Call::kInsertList:
    case Call::kInsertNewList:
    case Call::kInsertBatch:
      for (uint64_t n = random->OneIn(10) ? random->Below(100) : random->Below(6); n > 0; --n) op.rows.push_back(row());
      break;
    case Call::kDeleteObject:
      op.rows = {random->OneIn(4) ? row() : present()};
      break;
    case Call::kCompareAndSwap: {
      op.rows = {random->OneIn(4) ? row() : present()};
      op.rows.push_back(RandomRow(random, op.rows[0][keypos], keypos));
      break;
    }
    case Call::kDeleteBatch:
    case Call::kLookupBatch:
      for (uint64_t n = random->Below(20); n > 0; --n) op.keys.push_back(key());
      break;
    case Call::kUpdateCounter:
      op.keys = {random->OneIn(4) ? key() : present()[keypos]};
      for (uint64_t n = random->OneIn(3) ? random->Below(4) : 1; n > 0; --n) {
        Counter c;
        c.position = static_cast<uint32_t>(random->OneIn(8) ? random->Below(70) : random->Between(keypos, keypos + 3));
        c.increment = RandomNumber(random);
        c.has_threshold = random->OneIn(3);
        c.threshold = Term(random->Between(-10, 10));
        c.set_value = random->OneIn(2) ? Term(random->Between(-10, 10)) : Term::Int128(__int128{1} << 80);
        op.counters.push_back(c);
      }
      break;
    case Call::kUpdateElement:
      op.keys = {random->OneIn(4) ? key() : present()[keypos]};
      for (uint64_t n = random->Below(4); n > 0; --n) {
        const auto position =
            random->OneIn(8) ? random->Below(70) : static_cast<uint64_t>(random->Between(0, keypos + 4));
        op.elements.emplace_back(static_cast<uint32_t>(position), RandomTerm(random));
      }
      break;
    default:
      op.keys = {key()};
      op.position = static_cast<uint32_t>(random->OneIn(8) ? random->Below(70) : random->Below(keypos + 4));
      break;
  }
  if ((op.call == Call::kUpdateCounter || op.call == Call::kUpdateElement) && random->OneIn(3)) {
    op.has_default = true;
    op.default_row = RandomRow(random, op.keys[0], keypos);
  }
  return op;
}

}  // namespace partita::testing
