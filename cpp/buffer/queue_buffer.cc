#include "buffer/queue_buffer.h"

#include <algorithm>
#include <new>
#include <vector>

namespace partita {

QueueBuffer::~QueueBuffer() = default;

Outcome QueueBuffer::PushLocked(Shard* shard, const QueueItem& item, bool own, bool drop_newest, PushResult* result,
                                bool* elsewhere) {
  result->verdict = PushVerdict::kTaken;
  if (ABSL_PREDICT_FALSE(drop_newest)) {
    DropNewest(shard, result);
    return Outcome::kOk;
  }
  const Admission admission = Admit(shard, item.size, own, result);
  *elsewhere = admission == Admission::kMakeRoomElsewhere;
  if (ABSL_PREDICT_FALSE(admission != Admission::kYes)) return Outcome::kOk;
  try {
    shard->open.items.Append(item.value, item.size);
  } catch (const std::bad_alloc&) {
    GiveBack(1, item.size);
    return Outcome::kNoMemory;
  }
  NoteTaken(shard, item.size, result);
  return Outcome::kOk;
}

Outcome QueueBuffer::Push(const QueueItem& item, bool own, Wait wait, PushResult* result) {
  uint64_t done = 0;
  return PushMany(absl::MakeConstSpan(&item, 1), own, wait, &done, result);
}

Outcome QueueBuffer::PushMany(absl::Span<const QueueItem> items, bool own, Wait wait, uint64_t* done,
                              PushResult* result) {
  *done = 0;
  bool drop_newest = false;  // the next item, for which no room is to be had
  while (*done < items.size()) {
    const uint32_t partition = items[*done].partition;
    bool elsewhere = false;
    {
      constexpr uint64_t kMostPerHold = 256;
      const uint64_t end = std::min<uint64_t>(items.size(), *done + kMostPerHold);
      Shard& shard = shards_[partition];
      const Locked locked(&shard, wait);
      if (ABSL_PREDICT_FALSE(!locked.got())) return Outcome::kWouldBlock;
      while (*done < end && items[*done].partition == partition) {
        const Outcome outcome = PushLocked(&shard, items[*done], own, drop_newest, result, &elsewhere);
        if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) return outcome;
        if (ABSL_PREDICT_FALSE(elsewhere)) break;
        if (result->verdict > PushVerdict::kDropped) return Outcome::kOk;
        drop_newest = false;
        ++*done;
        if (ABSL_PREDICT_FALSE(result->reached_flush_at)) return Outcome::kOk;
      }
    }
    if (ABSL_PREDICT_FALSE(elsewhere)) {
      bool dropped = false;
      const Outcome outcome = DropElsewhere(partition, wait, result, &dropped);
      if (outcome != Outcome::kOk) return outcome;
      drop_newest = !dropped;
    }
  }
  return Outcome::kOk;
}

Outcome QueueBuffer::TakeFrom(Segment* segment, uint64_t most, bool whole, Batch* batch) {
  batch->items_ = segment->items.TakeFront(whole ? kNoLimit : most);
  batch->size_ = batch->items_.items();
  batch->bytes_ = batch->items_.bytes();
  return Outcome::kOk;
}

bool QueueBuffer::DropFrom(Segment* segment, uint64_t* bytes) {
  *bytes = segment->items.DropFront();
  return true;
}

Outcome QueueBuffer::FillTable(const Batch& batch, Table* table) {
  constexpr size_t kMost = 1024;
  try {
    std::vector<Value> values;
    std::vector<RowView> rows;
    values.reserve(2 * kMost);  // rows point into it
    rows.reserve(kMost);
    auto number = static_cast<int64_t>(batch.first());
    Outcome outcome = Outcome::kOk;
    const auto insert = [&] {
      uint64_t done = 0;
      outcome = table->InsertBatch(rows, Wait::kBlock, &done);
      values.clear();
      rows.clear();
      return outcome == Outcome::kOk;
    };
    batch.items().ForEach([&](const Value& item) {
      rows.push_back(RowView{values.data() + values.size(), 2, table->HashKey(Value::Int(number))});
      values.push_back(Value::Int(number++));
      values.push_back(item);
      return rows.size() < kMost || insert();
    });
    if (outcome == Outcome::kOk && !rows.empty()) insert();
    return outcome;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

}  // namespace partita
