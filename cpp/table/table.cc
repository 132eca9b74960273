#include "table/table.h"

#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "table/bag_table.h"
#include "table/journal.h"
#include "table/ordered_table.h"
#include "table/set_table.h"

namespace partita {
namespace {

// The keys of the rows that another walk meets, where no key has two.
class KeysOfRows final : public Walk {
 public:
  KeysOfRows(std::unique_ptr<Walk> rows, uint32_t keypos) : rows_(std::move(rows)), keypos_(keypos) {}

  Outcome Next(size_t max_rows, Wait wait, RowBuffer* out) override {
    RowBuffer rows;
    const Outcome outcome = rows_->Next(max_rows, wait, &rows);
    try {
      for (size_t i = 0; i < rows.size(); ++i) {
        out->AddCopy(rows.row(i)[keypos_]);
        out->EndRow();
      }
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
    return outcome;
  }

 private:
  const std::unique_ptr<Walk> rows_;
  const uint32_t keypos_;
};

}  // namespace

Table::Table(const TableOptions& options) : options_(options) {}
Table::~Table() = default;

void Table::SetJournal(std::shared_ptr<Journal> journal) {
  journal_owner_ = std::move(journal);
  journal_ = journal_owner_.get();
}

Outcome Table::AddToInt(const KeyView&, uint32_t, int64_t, Wait, bool* done, int64_t*) {
  *done = false;
  return Outcome::kOk;
}

Outcome Table::JudgeSpan(const KeySpan&, Direction, size_t, RowJudge*, Wait, bool*) { return Outcome::kWrongType; }
Outcome Table::StepKey(Step, const KeyView*, bool, Wait, RowBuffer*) { return Outcome::kWrongType; }
Outcome Table::ReadSlot(uint64_t, Wait, bool*, RowBuffer*) { return Outcome::kWrongType; }
Outcome Table::Fix(Wait) { return Outcome::kWrongType; }
Outcome Table::Unfix(Wait) { return Outcome::kWrongType; }

std::unique_ptr<Walk> Table::NewKeyWalk() { return std::make_unique<KeysOfRows>(NewWalk(), options_.keypos); }

StatusOr<std::shared_ptr<Table>> Table::Create(const TableOptions& options) {
  if (options.partitions < 1 || options.partitions > kMaxPartitions) {
    return InvalidArgumentError(
        absl::StrCat("partitions must be from 1 to ", kMaxPartitions, ", not ", options.partitions));
  }
  if (options.keypos >= kMaxArity) {
    return InvalidArgumentError(absl::StrCat("keypos must be below ", kMaxArity, ", not ", options.keypos));
  }
  TableOptions completed = options;
  if (completed.hash_seed == 0) completed.hash_seed = RandomNumber();
  try {
    switch (completed.type) {
      case TableType::kSet:
        return std::make_shared<SetTable>(completed);
      case TableType::kOrderedSet:
        return std::make_shared<OrderedTable>(completed);
      case TableType::kBag:
      case TableType::kDuplicateBag:
        return std::make_shared<BagTable>(completed);
    }
    return InvalidArgumentError("no such type of table");
  } catch (const std::bad_alloc&) {
    return ResourceExhaustedError("no memory for a table");
  }
}

}  // namespace partita
