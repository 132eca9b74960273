// A file of a table from bytes that nobody vouches for: it is refused, or gives a sound table that is saved and read
// again with the same rows; and what can be repaired of it is sound.
//
// The input is a header and blocks without their checksums, which are put right here: else nearly every input would end
// at the first of them. Build with clang, -fsanitize=fuzzer,address.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "file/file_header.h"
#include "file/recovery_report.h"
#include "file/snapshot_file.h"
#include "file/snapshot_repair.h"
#include "file/stored_block.h"
#include "memory_env.h"
#include "require.h"

namespace partita {
namespace {

// The rows of a file in a new table; null if it is refused.
std::shared_ptr<Table> Load(MemoryEnv* env, FileHeader* header) {
  SnapshotFileReader reader(env, "fuzzed", 1);
  if (!reader.Open().ok()) return nullptr;
  *header = reader.header();
  TableOptions options;
  options.type = header->type;
  options.keypos = header->keypos;
  options.partitions = 2;
  auto table = Table::Create(options);
  Require(table.ok(), "a header that was read makes no table");
  bool done = false;
  while (!done) {
    if (!reader.Step(table->get(), /*allow_opaque=*/true, &done).ok()) return nullptr;
  }
  Require((*table)->CheckInvariants().ok(), "a table that was read is not sound");
  uint64_t counted = 0;
  Require(reader.ReadRowCount(&counted).ok() && counted == reader.rows_read(), "the file's end tells another number");
  return *table;
}

// What can be had of it makes a sound table, too.
void Repair(MemoryEnv* env) {
  SnapshotFileReader reader(env, "fuzzed", 1);
  if (!reader.Open().ok()) return;
  TableOptions options;
  options.type = reader.header().type;
  options.keypos = reader.header().keypos;
  auto table = Table::Create(options);
  Require(table.ok(), "a header that was read makes no table");
  RecoveryReport report;
  SnapshotRepair repair(env, "fuzzed", reader.header(), reader.bytes_read(), &report);
  Require(repair.Open().ok(), "a file cannot be opened again");
  for (bool done = false; !done;) {
    Require(repair.Step(table->get(), /*allow_opaque=*/true, &done).ok(), "what is to be repaired is refused");
  }
  Require((*table)->CheckInvariants().ok(), "a table that was repaired is not sound");
}

void Save(MemoryEnv* env, const FileHeader& header, Table* table) {
  std::shared_ptr<Snapshot> snapshot;
  Require(table->TakeSnapshot(Wait::kBlock, &snapshot) == Outcome::kOk, "no snapshot");
  SnapshotFileWriter writer(env, "fuzzed", header, snapshot, 1);
  bool done = false;
  while (!done) Require(writer.Step(&done).ok(), "what was read cannot be written");
}

// Header and blocks with the checksums they should have.
std::string WithChecksums(absl::string_view input) {
  std::string file;
  uint64_t header_size = 0;
  if (ReadHeaderStart(input, input.size(), &header_size).wrong != nullptr) return std::string(input);
  file.assign(input.data(), header_size - kChecksumSize);
  const uint64_t header_checksum = Checksum(file, 0);
  file.append(reinterpret_cast<const char*>(&header_checksum), sizeof(header_checksum));
  FileHeader header;
  if (DecodeHeader(file, &header).wrong != nullptr) return file;
  input.remove_prefix(header_size);
  for (uint64_t number = 0; !input.empty(); ++number) {
    BlockHead head;
    if (ReadBlockHead(input, input.size() - std::min(input.size(), kBlockHeadSize), &head) != nullptr) break;
    const absl::string_view block = input.substr(0, kBlockHeadSize + head.stored_size);
    file.append(block.data(), block.size());
    file += BlockTail(block, header.salt, number);
    input.remove_prefix(kBlockHeadSize + BlockRest(head));
  }
  file.append(input.data(), input.size());
  return file;
}

}  // namespace
}  // namespace partita

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace partita;
  MemoryEnv env;
  env.files["fuzzed"] = WithChecksums(absl::string_view(reinterpret_cast<const char*>(data), size));
  Repair(&env);
  FileHeader header;
  const std::shared_ptr<Table> table = Load(&env, &header);
  if (table == nullptr) return 0;
  Save(&env, header, table.get());
  FileHeader again_header;
  const std::shared_ptr<Table> again = Load(&env, &again_header);
  Require(again != nullptr, "what was written is refused");
  uint64_t rows = 0;
  uint64_t again_rows = 0;
  Require(table->Size(Wait::kBlock, &rows) == Outcome::kOk && again->Size(Wait::kBlock, &again_rows) == Outcome::kOk &&
              rows == again_rows,
          "rows were lost between writing and reading");
  return 0;
}
