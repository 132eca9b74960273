// Bytes that nobody vouches for as the rows of a file of ets:tab2file: a table that holds what it says, or a refusal;
// and the same whether they come at once or in pieces. What was read is written, and read as the same number of rows.
//
// The first byte of the input chooses the type of the table, the position of its key and where the bytes are cut. Build
// with clang, -fsanitize=fuzzer,address.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "erlang/tab_file.h"
#include "require.h"
#include "table/snapshot.h"
#include "table/table.h"

namespace partita::erlang {
namespace {

std::shared_ptr<Table> NewTable(uint8_t byte) {
  constexpr TableType kTypes[] = {TableType::kSet, TableType::kOrderedSet, TableType::kBag, TableType::kDuplicateBag};
  TableOptions options;
  options.type = kTypes[byte % 4];
  options.keypos = byte / 4 % 2;
  options.partitions = 2;
  options.hash_seed = 7;
  auto table = Table::Create(options);
  Require(table.ok(), "a table is made");
  return *table;
}

struct Loaded {
  std::shared_ptr<Table> table;
  uint64_t rows = 0;
  ReadProblem problem;
  std::string terms;
  std::string end_term;
  uint64_t offset = 0;
};

Loaded Load(absl::string_view bytes, uint8_t byte, size_t piece) {
  Loaded loaded;
  loaded.table = NewTable(byte);
  TabLoader loader(loaded.table, ReadOptions(), 0);
  std::vector<SizeDigest> digests;
  while (!bytes.empty() && loaded.problem.message.empty()) {
    const absl::string_view next = bytes.substr(0, piece);
    bytes.remove_prefix(next.size());
    Require(loader.Feed(next, &loaded.terms, &digests, &loaded.problem) == Outcome::kOk, "rows go in");
  }
  loaded.rows = loader.rows();
  loaded.end_term = loader.end_term();
  loaded.offset = loader.offset();
  Require(loaded.table->CheckInvariants().ok(), "the table is sound");
  return loaded;
}

uint64_t SizeOf(Table* table) {
  uint64_t rows = 0;
  Require(table->Size(Wait::kBlock, &rows) == Outcome::kOk, "size");
  return rows;
}

void CheckWritten(const Loaded& loaded, uint8_t byte) {
  std::shared_ptr<Snapshot> snapshot;
  Require(loaded.table->TakeSnapshot(Wait::kBlock, &snapshot) == Outcome::kOk, "a snapshot is taken");
  TabDumper dumper(snapshot);
  std::string file, records, terms;
  std::vector<SizeDigest> holes;
  NoForm why;
  do {
    Require(dumper.Next(&records, &terms, &holes, &why), "rows that Erlang wrote have an Erlang form");
    file += records;
  } while (!records.empty());
  const Loaded again = Load(file, byte, file.size());
  Require(again.problem.message.empty() && again.end_term.empty(), "what is written is read");
  Require(again.rows == SizeOf(loaded.table.get()) && SizeOf(again.table.get()) == again.rows, "no row is lost");
}

}  // namespace
}  // namespace partita::erlang

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace partita::erlang;
  using partita::Require;
  if (size == 0) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const Loaded whole = Load(bytes, data[0], bytes.size());
  const Loaded pieces = Load(bytes, data[0], size_t{1} + data[0] / 8);
  Require(whole.problem.message == pieces.problem.message && whole.problem.offset == pieces.problem.offset,
          "the same problem, however the bytes come");
  Require(whole.terms == pieces.terms && whole.end_term == pieces.end_term, "the same terms");
  if (!whole.problem.message.empty()) return 0;
  Require(whole.rows == pieces.rows && whole.offset == pieces.offset, "the same rows");
  CheckWritten(whole, data[0]);
  return 0;
}
