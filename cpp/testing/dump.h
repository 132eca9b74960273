// The whole content of a table or a snapshot, read from its chunks, to be compared.

#ifndef PARTITA_TESTING_DUMP_H_
#define PARTITA_TESTING_DUMP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "table/snapshot.h"
#include "testing/term.h"

namespace partita::testing {

// Rows in wire form, sorted: two dumps are equal if and only if the tables held the same rows.
using Dump = std::vector<std::string>;

std::string WireOfRow(const Row& row);
Dump DumpOf(const Snapshot& snapshot);
// Of a moment of the table. Its snapshot is gone when this returns.
Dump DumpOf(Table* table);
// The rows themselves, in the order of a scan.
std::vector<Row> RowsOf(const Snapshot& snapshot);
// Changes with every bit of what a reader can see; faster than a dump.
uint64_t ChecksumOf(const Snapshot& snapshot);

// A snapshot that must be had.
std::shared_ptr<Snapshot> SnapshotOf(Table* table);

}  // namespace partita::testing

#endif  // PARTITA_TESTING_DUMP_H_
