#include "testing/durable.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "testing/check.h"

namespace partita::testing {

DurableOptions OptionsFor(Durability durability) {
  DurableOptions options;
  options.durability = durability;
  options.background = false;
  return options;
}

FileStatus OpenTable(Env* env, const std::string& path, TableType type, uint32_t keypos, const DurableOptions& options,
                     Opened* opened) {
  opened->durable = std::make_unique<DurableTable>(env, path, options);
  bool exists = false;
  if (FileStatus status = opened->durable->Open(&exists); !status.ok()) return status;
  if (!exists) opened->durable->Describe(type, keypos, std::nullopt);
  TableOptions table_options;
  table_options.type = opened->durable->header().type;
  table_options.keypos = opened->durable->header().keypos;
  table_options.partitions = 3;
  table_options.hash_seed = 5;  // so that every run makes the same calls
  auto table = Table::Create(table_options);
  PARTITA_CHECK(table.ok());
  opened->table = *table;
  FileStatus status;
  for (bool done = false; status.ok() && !done;) status = opened->durable->LoadStep(opened->table, &done);
  return status;
}

FileStatus Finish(DurableTable::Saving* saving) {
  FileStatus status;
  for (bool done = false; status.ok() && !done;) status = saving->Step(&done);
  return status;
}

std::string Words(const FileStatus& status) {
  if (status.ok()) return "ok";
  return absl::StrCat(status.error().path, " at ", status.error().offset, ": ", status.error().what);
}

}  // namespace partita::testing
