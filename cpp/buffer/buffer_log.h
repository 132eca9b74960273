// What a durable buffer keeps of its items until they are dealt with: a table in a file (file/durable_table.h), whose
// rows begin with a number that says in which order they came.
//
//   of a queue: (number, item)                           or (number, item, partition key)
//   of a map:   (number, key, value, version, updates)   or with the partition key behind
//
// A row is put when its item comes in, put again when a map's value is replaced, and deleted when a batch is dealt
// with. So the log of the table is that of the buffer, its saves keep what still waits and nothing else, and what the
// files of tables bear (crashes, full disks, damage, forks) the buffer bears too. Beside the buffer's own copy of an
// item there is that of the table.
//
// A partition key stands there if the caller gave one: neither hashes nor numbers of partitions are kept, and a buffer
// that takes the items up again may have any number of partitions.

#ifndef PARTITA_BUFFER_BUFFER_LOG_H_
#define PARTITA_BUFFER_BUFFER_LOG_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "file/durable_table.h"
#include "table/table.h"

namespace partita {

// The number of an item in its log, from 1; of no other item ever, also of those before a restart that still wait.
using ItemNumber = int64_t;

// Safe from any thread. All may wait for locks of the table and for its log: no caller holds the GIL.
class BufferLog {
 public:
  // A table that is open: a set whose key is its first field, which nobody else changes. Whoever has opened it ends it.
  BufferLog(std::shared_ptr<Table> table, std::weak_ptr<DurableTable> durable)
      : table_(std::move(table)), durable_(std::move(durable)) {}

  // Before it is used: the numbers of all rows, ascending; new ones come behind. *wrong: what is wrong with a row, null
  // if nothing is.
  Outcome Begin(std::vector<ItemNumber>* numbers, const char** wrong);
  // The rows of some numbers, of which (*ranges)[i] tells.
  Outcome Read(absl::Span<const ItemNumber> numbers, RowBuffer* out, std::vector<RowRange>* ranges);

  // Whether the file could not be written, so that nothing new is taken until it can be.
  bool refuses() const {
    const std::shared_ptr<DurableTable> durable = durable_.lock();
    return durable != nullptr && durable->degraded();
  }

  ItemNumber NewNumber() { return next_.fetch_add(1, std::memory_order_relaxed); }
  // A row, in the place of that of the same number if there is one; values[0] is for the number. Nothing is changed
  // unless it returns kOk.
  Outcome Put(ItemNumber number, absl::Span<Value> values);
  // Numbers without a row do no harm. After an error some may be left.
  Outcome Remove(absl::Span<const ItemNumber> numbers);

  // With no lock held: returns when all that was put and removed is with the system, so that it outlives this process.
  // kOutcomeUnknown: it may not be.
  Outcome Write();

 private:
  KeyView KeyOf(ItemNumber number) const {
    const Value key = Value::Int(number);
    return KeyView{key, table_->HashKey(key)};
  }

  const std::shared_ptr<Table> table_;
  const std::weak_ptr<DurableTable> durable_;
  std::atomic<ItemNumber> next_{1};
};

}  // namespace partita

#endif  // PARTITA_BUFFER_BUFFER_LOG_H_
