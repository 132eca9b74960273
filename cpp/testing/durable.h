// Tables that live at a path, opened in one call.

#ifndef PARTITA_TESTING_DURABLE_H_
#define PARTITA_TESTING_DURABLE_H_

#include <memory>
#include <string>

#include "file/durable_table.h"
#include "file/env.h"

namespace partita::testing {

// A table that is open, and what keeps it.
struct Opened {
  std::shared_ptr<Table> table;
  std::unique_ptr<DurableTable> durable;
};

// With nothing in the background.
DurableOptions OptionsFor(Durability durability);
// What is there, or where there is nothing a new table of that type and keypos.
FileStatus OpenTable(Env* env, const std::string& path, TableType type, uint32_t keypos, const DurableOptions& options,
                     Opened* opened);
FileStatus Finish(DurableTable::Saving* saving);
std::string Words(const FileStatus& status);

}  // namespace partita::testing

#endif  // PARTITA_TESTING_DURABLE_H_
