#include "testing/dump.h"

#include <algorithm>
#include <memory>

#include "column/chunk.h"
#include "testing/check.h"

namespace partita::testing {

std::string WireOfRow(const Row& row) {
  std::string wire = std::to_string(row.size()) + ":";
  for (const Term& term : row) wire += term.wire();
  return wire;
}

std::vector<Row> RowsOf(const Snapshot& snapshot) {
  std::vector<Row> rows;
  absl::InlinedVector<Value, 24> values;
  const std::unique_ptr<SnapshotScan> scan = snapshot.NewScan(Direction::kForward);
  for (RowPlace at; scan->Next(&at, 1) == 1;) {
    ReadRow(*at.chunk, at.place, &values);
    rows.push_back(RowFromValues(values));
  }
  return rows;
}

Dump DumpOf(const Snapshot& snapshot) {
  Dump dump;
  for (const Row& row : RowsOf(snapshot)) dump.push_back(WireOfRow(row));
  std::sort(dump.begin(), dump.end());
  PARTITA_CHECK(dump.size() == snapshot.rows());
  return dump;
}

Dump DumpOf(Table* table) { return DumpOf(*SnapshotOf(table)); }

uint64_t ChecksumOf(const Snapshot& snapshot) {
  uint64_t sum = 0;
  const auto add = [&sum](uint64_t x) { sum = hash_internal::Mix(x, sum); };
  for (const Chunk* chunk : snapshot.chunks()) {
    add(chunk->number);
    ForEachLive(*chunk, [&](uint32_t place) {
      add(place);
      add(RowArity(*chunk, place));
      ForEachElement(*chunk, place, [&](const Value& v) { add(HashValue(v, 1)); });
    });
  }
  return sum;
}

std::shared_ptr<Snapshot> SnapshotOf(Table* table) {
  std::shared_ptr<Snapshot> snapshot;
  PARTITA_CHECK(table->TakeSnapshot(Wait::kBlock, &snapshot) == Outcome::kOk);
  return snapshot;
}

}  // namespace partita::testing
