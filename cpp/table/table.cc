#include "table/table.h"

#include <new>
#include <random>

#include "absl/strings/str_cat.h"
#include "table/set_table.h"

namespace partita {
namespace {

uint64_t RandomSeed() {
  std::random_device device;
  uint64_t seed = 0;
  while (seed == 0) seed = uint64_t{device()} << 32 | device();
  return seed;
}

}  // namespace

Table::Table(const TableOptions& options) : options_(options) {}
Table::~Table() = default;

Outcome Table::AddToInt(const KeyView&, uint32_t, int64_t, Wait, bool* done, int64_t*) {
  *done = false;
  return Outcome::kOk;
}

Outcome Table::StepKey(Step, const KeyView*, bool, Wait, RowBuffer*) { return Outcome::kWrongType; }
Outcome Table::ReadSlot(uint64_t, Wait, bool*, RowBuffer*) { return Outcome::kWrongType; }
Outcome Table::Fix(Wait) { return Outcome::kWrongType; }
Outcome Table::Unfix(Wait) { return Outcome::kWrongType; }

StatusOr<std::shared_ptr<Table>> Table::Create(const TableOptions& options) {
  if (options.partitions < 1 || options.partitions > kMaxPartitions) {
    return InvalidArgumentError(
        absl::StrCat("partitions must be from 1 to ", kMaxPartitions, ", not ", options.partitions));
  }
  if (options.keypos >= kMaxArity) {
    return InvalidArgumentError(absl::StrCat("keypos must be below ", kMaxArity, ", not ", options.keypos));
  }
  TableOptions completed = options;
  if (completed.hash_seed == 0) completed.hash_seed = RandomSeed();
  try {
    switch (completed.type) {
      case TableType::kSet:
        return std::make_shared<SetTable>(completed);
      case TableType::kOrderedSet:
      case TableType::kBag:
      case TableType::kDuplicateBag:
        break;
    }
    return UnimplementedError("tables of this type do not exist yet; the type there is: set");
  } catch (const std::bad_alloc&) {
    return ResourceExhaustedError("no memory for a table");
  }
}

}  // namespace partita
