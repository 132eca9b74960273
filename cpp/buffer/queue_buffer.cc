#include "buffer/queue_buffer.h"

#include <algorithm>
#include <new>
#include <vector>

#include "term/ascii.h"

namespace partita {

QueueBuffer::~QueueBuffer() = default;

// Of the log nothing is left if memory runs out; but that is written only by and by.
Outcome QueueBuffer::AppendLogged(Shard* shard, const QueueItem& item) {
  Segment& open = shard->open;
  const ItemNumber number = log()->NewNumber();
  open.numbers.push_back(number);
  Value values[] = {Value(), item.value, item.partition_key == nullptr ? Value() : *item.partition_key};
  const size_t count = item.partition_key == nullptr ? 2 : 3;
  Outcome outcome = log()->Put(number, absl::MakeSpan(values, count));
  if (outcome == Outcome::kOk) {
    try {
      open.items.Append(item.value, item.size);
      return outcome;
    } catch (const std::bad_alloc&) {
      Acknowledge(shard, absl::MakeConstSpan(&number, 1));
      outcome = Outcome::kNoMemory;
    }
  }
  open.numbers.pop_back();
  return outcome;
}

template <bool kLogged>
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
  Outcome outcome = Outcome::kOk;
  try {
    if constexpr (kLogged) {
      outcome = AppendLogged(shard, item);
    } else {
      shard->open.items.Append(item.value, item.size);
    }
  } catch (const std::bad_alloc&) {
    outcome = Outcome::kNoMemory;
  }
  if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) {
    GiveBack(1, item.size);
    return outcome;
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
  if (ABSL_PREDICT_TRUE(!is_durable())) return PushItems<false>(items, own, wait, done, result);
  *done = 0;
  if (wait == Wait::kTry) return Outcome::kWouldBlock;
  if (log()->refuses()) return Outcome::kDegraded;
  const Outcome outcome = PushItems<true>(items, own, wait, done, result);
  const Outcome written = *done == 0 ? Outcome::kOk : log()->Write();
  return written == Outcome::kOk ? outcome : written;
}

template <bool kLogged>
Outcome QueueBuffer::PushItems(absl::Span<const QueueItem> items, bool own, Wait wait, uint64_t* done,
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
        const Outcome outcome = PushLocked<kLogged>(&shard, items[*done], own, drop_newest, result, &elsewhere);
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
  const uint64_t count = whole ? segment->left : std::min(most, segment->left);
  if (!segment->numbers.empty()) {
    const auto first = segment->numbers.begin() + static_cast<ptrdiff_t>(segment->numbers_gone);
    batch->numbers_.assign(first, first + static_cast<ptrdiff_t>(count));
  }
  batch->items_ = segment->items.TakeFront(count);
  if (!segment->numbers.empty()) segment->numbers_gone += count;
  batch->size_ = batch->items_.items();
  batch->bytes_ = batch->items_.bytes();
  return Outcome::kOk;
}

bool QueueBuffer::DropFrom(Segment* segment, uint64_t* bytes, ItemNumber* number) {
  *bytes = segment->items.DropFront();
  if (!segment->numbers.empty()) *number = segment->numbers[segment->numbers_gone++];
  return true;
}

bool QueueBuffer::Restore(ItemNumber number, absl::Span<const Value> row) {
  if (row.size() != 2 && row.size() != 3) return false;
  const Value item = WithAsciiFlag(row[1]);
  Shard& shard = shards_[PartitionOf(row.back())];
  const Locked locked(&shard, Wait::kBlock);
  const uint32_t size = WireSize(item);
  shard.open.numbers.push_back(number);
  shard.open.items.Append(item, size);
  NoteRestored(&shard, size);
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
