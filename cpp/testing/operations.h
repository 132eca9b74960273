// Every call of a table as data: drawn at random, done on a table, and done on a model of plain C++ that says what must
// come out. Tests against the model and of failing allocations stand on these.

#ifndef PARTITA_TESTING_OPERATIONS_H_
#define PARTITA_TESTING_OPERATIONS_H_

#include <cstdint>
#include <map>
#include <ostream>
#include <vector>

#include "table/table.h"
#include "testing/random.h"
#include "testing/term.h"

namespace partita::testing {

enum class Call : uint8_t {
  kInsert,
  kInsertNew,
  kInsertList,
  kInsertNewList,
  kInsertBatch,
  kDelete,
  kDeleteBatch,
  kDeleteObject,
  kTake,
  kUpdateCounter,
  kUpdateElement,
  kCompareAndSwap,
  kClear,
  kLookup,
  kLookupBatch,
  kLookupElement,
  kMember,
  kSize,
  kWalk,
  kStats,
  kCompact,
};
inline constexpr int kCalls = static_cast<int>(Call::kCompact) + 1;
const char* NameOf(Call call);

struct Counter {
  uint32_t position = 0;
  Term increment = {};
  bool has_threshold = false;
  Term threshold = {};
  Term set_value = {};
};

struct Operation {
  Call call = Call::kSize;
  std::vector<Row> rows = {};   // of inserts; delete_object: the row; compare_and_swap: old and new one
  std::vector<Term> keys = {};  // of the other calls on keys
  uint32_t position = 0;        // lookup_element
  std::vector<Counter> counters = {};
  std::vector<std::pair<uint32_t, Term>> elements = {};
  bool has_default = false;
  Row default_row = {};
};
std::ostream& operator<<(std::ostream& out, const Operation& op);

// What a call told, in one form for all: a flag (inserted, found, swapped), a count, rows.
struct Result {
  Outcome outcome = Outcome::kOk;
  bool flag = false;
  uint64_t count = 0;
  std::vector<Row> rows = {};
  size_t failed_op = 0;  // on an error of one

  friend bool operator==(const Result&, const Result&) = default;
};
std::ostream& operator<<(std::ostream& out, const Result& result);

Result Do(Table* table, const Operation& op, Wait wait = Wait::kBlock);

// A table as a map from keys to their rows, in the order they came in.
class ModelTable {
 public:
  explicit ModelTable(uint32_t keypos, TableType type = TableType::kSet)
      : keypos_(keypos),
        type_(type),
        one_row_(type == TableType::kSet || type == TableType::kOrderedSet),
        rows_(KeyLess{type == TableType::kOrderedSet}) {}

  Result Do(const Operation& op);
  const std::map<Term, std::vector<Row>, KeyLess>& rows() const { return rows_; }
  std::vector<std::string> Dump() const;

 private:
  Result UpdateCounter(const Operation& op);
  Result UpdateElement(const Operation& op);
  void Put(const Row& row);
  // Takes the rows of a key out, or those of them that are equal to one.
  std::vector<Row> Remove(const Term& key);
  uint64_t RemoveEqual(const Row& row);

  uint32_t keypos_;
  TableType type_;
  bool one_row_;  // a key
  std::map<Term, std::vector<Row>, KeyLess> rows_;
};

// Sorted as the model gives them, where the table gives no order.
void SortRows(std::vector<Row>* rows);

// Keys are PoolKey(0) to PoolKey(pool - 1). `model` gives rows that are there, for calls that must name one.
Operation RandomOperation(Random* random, const ModelTable& model, uint64_t pool, uint32_t keypos);

}  // namespace partita::testing

#endif  // PARTITA_TESTING_OPERATIONS_H_
