// A buffer that gives items out in the order in which they came into their partition.

#ifndef PARTITA_BUFFER_QUEUE_BUFFER_H_
#define PARTITA_BUFFER_QUEUE_BUFFER_H_

#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "buffer/buffer.h"

namespace partita {

// An item on its way in; `size` is WireSize(value).
struct QueueItem {
  Value value;
  uint32_t size = 0;
  uint32_t partition = 0;
  const Value* partition_key = nullptr;  // for the log: what chose the partition, if not the item
};

class QueueBuffer final : public Buffer {
 public:
  // Throws std::bad_alloc.
  QueueBuffer(uint32_t partitions, uint64_t hash_seed) : Buffer(partitions, hash_seed) {}
  ~QueueBuffer() override;

  // `own`: by the buffer's own processor, which never waits. After kWouldBlock *result may tell of items dropped, and
  // the call is made again with the same result.
  Outcome Push(const QueueItem& item, bool own, Wait wait, PushResult* result);
  // With a log an item is in it when the call returns. kDegraded: the log cannot be written, and nothing was done;
  // kOutcomeUnknown: what *done says is in the buffer, but may not be in the log.
  //
  // Each item as by Push, in the order given, which is best that of the partitions if they FitNow(). *done: how many
  // were taken or dropped; the call may be made again with the rest. Ends at the first item of another verdict, and
  // after one that reached flush_at.
  Outcome PushMany(absl::Span<const QueueItem> items, bool own, Wait wait, uint64_t* done, PushResult* result);

  // Puts the items of a batch into a table, as rows (number in the partition, item).
  static Outcome FillTable(const Batch& batch, Table* table);

 private:
  template <bool kLogged>
  Outcome PushLocked(Shard* shard, const QueueItem& item, bool own, bool drop_newest, PushResult* result,
                     bool* elsewhere) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  Outcome AppendLogged(Shard* shard, const QueueItem& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  template <bool kLogged>
  Outcome PushItems(absl::Span<const QueueItem> items, bool own, Wait wait, uint64_t* done, PushResult* result);

  Segment NewSegment() override { return Segment(); }
  Outcome TakeFrom(Segment* segment, uint64_t most, bool whole, Batch* batch) override;
  bool DropFrom(Segment* segment, uint64_t* bytes, ItemNumber* number) override;
  void EmptySegment(Segment* segment) override { *segment = Segment(); }
  bool Restore(ItemNumber number, absl::Span<const Value> row) override;
};

}  // namespace partita

#endif  // PARTITA_BUFFER_QUEUE_BUFFER_H_
