#include "testing/buffers.h"

#include "testing/check.h"

namespace partita::testing {

PushResult PushTo(QueueBuffer* queue, uint32_t partition, const Term& item, bool own) {
  PushResult result;
  const QueueItem argument{item.view(), WireSize(item.view()), partition};
  PARTITA_CHECK(queue->Push(argument, own, Wait::kBlock, &result) == Outcome::kOk);
  return result;
}

PushResult Push(QueueBuffer* queue, const Term& item, bool own) {
  return PushTo(queue, queue->PartitionOf(item.view()), item, own);
}

PushResult Put(MapBuffer* map, const Term& key, const Term& value, const Term* version, bool own) {
  PushResult result;
  Value number;
  if (version != nullptr) number = version->view();
  const uint64_t hash = map->HashKey(key.view());
  const MapEntry entry{KeyView{key.view(), hash}, value.view(), version == nullptr ? nullptr : &number,
                       map->PartitionOfHash(hash)};
  PARTITA_CHECK(map->Put(entry, own, Wait::kBlock, &result) == Outcome::kOk);
  return result;
}

Row Get(MapBuffer* map, const Term& key) {
  const uint64_t hash = map->HashKey(key.view());
  std::shared_ptr<Table> table;
  RowBuffer out;
  PARTITA_CHECK(map->Get(KeyView{key.view(), hash}, map->PartitionOfHash(hash), Wait::kBlock, &table, &out) ==
                Outcome::kOk);
  return out.empty() ? Row() : RowFromValues(out.row(0));
}

bool Delete(MapBuffer* map, const Term& key) {
  const uint64_t hash = map->HashKey(key.view());
  bool deleted;
  PARTITA_CHECK(map->Delete(KeyView{key.view(), hash}, map->PartitionOfHash(hash), Wait::kBlock, &deleted) ==
                Outcome::kOk);
  return deleted;
}

bool Freeze(Buffer* buffer, uint32_t partition, const std::shared_ptr<FlushWatch>& watch) {
  bool waiting;
  PARTITA_CHECK(buffer->Freeze(partition, watch, Wait::kBlock, &waiting) == Outcome::kOk);
  return waiting;
}

std::unique_ptr<Batch> Take(Buffer* buffer, uint32_t partition, uint64_t most) {
  std::unique_ptr<Batch> batch;
  PARTITA_CHECK(buffer->TakeBatch(partition, most, false, Wait::kBlock, &batch) == Outcome::kOk);
  return batch;
}

std::unique_ptr<Batch> TakeWhole(Buffer* buffer, uint32_t partition) {
  std::unique_ptr<Batch> batch;
  PARTITA_CHECK(buffer->TakeBatch(partition, 0, true, Wait::kBlock, &batch) == Outcome::kOk);
  return batch;
}

bool Resolve(Buffer* buffer, Batch* batch, uint64_t processed, uint64_t dead, const std::vector<uint64_t>& failed) {
  bool done;
  PARTITA_CHECK(buffer->Resolve(batch, processed, dead, failed, Wait::kBlock, &done) == Outcome::kOk);
  return done;
}

void SetLimits(Buffer* buffer, const BufferLimits& limits) {
  PARTITA_CHECK(buffer->SetLimits(limits, Wait::kBlock) == Outcome::kOk);
}

BufferStats StatsOf(Buffer* buffer) {
  BufferStats stats;
  PARTITA_CHECK(buffer->Stats(Wait::kBlock, &stats) == Outcome::kOk);
  PARTITA_CHECK(stats.counts.balanced());
  PARTITA_CHECK(stats.open <= stats.counts.buffered);
  return stats;
}

FlushReport Report(Buffer* buffer, const FlushWatch& watch) {
  FlushReport report;
  PARTITA_CHECK(buffer->ReadWatch(watch, Wait::kBlock, &report) == Outcome::kOk);
  return report;
}

std::vector<Term> ItemsOf(const Batch& batch) {
  std::vector<Term> items;
  batch.items().ForEach([&](const Value& item) {
    items.push_back(Term::FromValue(item));
    return true;
  });
  PARTITA_CHECK(items.size() == batch.size());
  return items;
}

std::vector<Term> DrainQueue(QueueBuffer* queue, uint32_t partition, uint64_t most) {
  std::vector<Term> all;
  Freeze(queue, partition);
  while (const std::unique_ptr<Batch> batch = Take(queue, partition, most)) {
    for (Term& item : ItemsOf(*batch)) all.push_back(std::move(item));
    Resolve(queue, batch.get(), batch->size());
  }
  return all;
}

std::vector<Row> DrainMap(MapBuffer* map, uint32_t partition, uint64_t most) {
  std::vector<Row> all;
  Freeze(map, partition);
  while (const std::unique_ptr<Batch> batch = Take(map, partition, most)) {
    PARTITA_CHECK(batch->rows().size() == batch->size() && batch->size() <= most);
    for (Row& row : RowsOf(batch->rows())) all.push_back(std::move(row));
    Resolve(map, batch.get(), batch->size());
  }
  return all;
}

}  // namespace partita::testing
