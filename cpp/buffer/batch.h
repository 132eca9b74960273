// Items in the hands of a processor.

#ifndef PARTITA_BUFFER_BATCH_H_
#define PARTITA_BUFFER_BATCH_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "buffer/item_list.h"
#include "table/row_buffer.h"
#include "table/table.h"

namespace partita {

// Made by Buffer::TakeBatch. The contents do not change and may be read by any thread, as often as it is tried; the
// books belong to the buffer, which tells by Buffer::Resolve what became of the items. One that is let go of before
// leaves its items in flight. In a fork's child a batch of the parent may be read on, but is none of the buffer's.
class Batch {
 public:
  uint32_t partition() const { return partition_; }
  uint64_t size() const { return size_; }
  // Number of the first item in its partition, from 0; the others follow.
  uint64_t first() const { return first_; }

  // Of a queue: the items. Of a map: rows (key, value, version, updates) and the table they are of, or the table alone
  // if it was asked for.
  const ItemList& items() const { return items_; }
  const RowBuffer& rows() const { return rows_; }
  const std::shared_ptr<Table>& table() const { return table_; }

 private:
  friend class Buffer;
  friend class QueueBuffer;
  friend class MapBuffer;

  uint32_t partition_ = 0;
  uint64_t size_ = 0;
  uint64_t first_ = 0;
  uint64_t generation_ = 0;       // that of the buffer it was taken from
  std::shared_ptr<Table> table_;  // before rows_, which may point into it
  ItemList items_;
  RowBuffer rows_;
  // With a log, the numbers in it, of those that leave it with the batch: of each item, 0 for one that stays. For the
  // caller of Resolve().
  std::vector<int64_t> numbers_;

  // Written under the partition's lock.
  uint64_t unresolved_ = 0;  // by Resolve() alone
  uint64_t bytes_ = 0;
  bool in_doubt_ = false;
};

}  // namespace partita

#endif  // PARTITA_BUFFER_BATCH_H_
