// Buffers under threads, without Python, best run under the thread sanitizer: the books balance at every moment, each
// item comes out once and in its order, a limit holds, and nobody who waits for room is forgotten. With a log, which is
// saved and synced meanwhile, nothing is left in it at the end.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "buffer/map_buffer.h"
#include "buffer/queue_buffer.h"
#include "testing/buffers.h"
#include "testing/check.h"
#include "testing/durable.h"
#include "testing/simulated_env.h"
#include "testing/stress.h"

namespace partita::testing {
namespace {

constexpr uint32_t kPartitions = 3;
constexpr uint64_t kProducers = 2;  // then one consumer for each partition, and a judge

// The file of a durable buffer, in memory.
class Place {
 public:
  // Tells how many items come in.
  uint64_t Keep(Buffer* buffer) {
    DurableOptions options;
    options.sync_every_s = 0.001;
    options.log_bytes = 50000;
    Opened opened;
    PARTITA_CHECK(OpenTable(&env_, "folder/buffer.pt", TableType::kSet, 0, options, &opened).ok());
    durable_ = std::move(opened.durable);
    const char* wrong = nullptr;
    PARTITA_CHECK(buffer->SetLog(std::make_unique<BufferLog>(opened.table, durable_), &wrong) == Outcome::kOk);
    PARTITA_CHECK(wrong == nullptr);
    return StatsOf(buffer).counts.restored;
  }
  void CheckNothingIsLeft() {
    PARTITA_CHECK(durable_->info().saves > 0);
    PARTITA_CHECK(durable_->Leave().ok());
    QueueBuffer queue(1, 1);
    PARTITA_CHECK(Keep(&queue) == 0);
  }

 private:
  SimulatedEnv env_;
  std::shared_ptr<DurableTable> durable_;
};

// Takes and resolves what waits in a partition; in doubt for a while, now and then.
template <typename Look>
uint64_t Consume(Buffer* buffer, uint32_t partition, Random* random, Look&& look) {
  uint64_t resolved = 0;
  bool waiting = false;
  PARTITA_CHECK(Ask(random, [&](Wait wait) { return buffer->Freeze(partition, nullptr, wait, &waiting); }) ==
                Outcome::kOk);
  for (;;) {
    std::unique_ptr<Batch> batch;
    PARTITA_CHECK(Ask(random, [&](Wait wait) {
                    return buffer->TakeBatch(partition, random->Pick<uint64_t>({1, 10, 100}), false, wait, &batch);
                  }) == Outcome::kOk);
    if (batch == nullptr) return resolved;
    look(*batch);
    if (random->OneIn(10)) PARTITA_CHECK(buffer->SetInDoubt(batch.get(), true, Wait::kBlock) == Outcome::kOk);
    if (random->OneIn(20)) PARTITA_CHECK(buffer->SetInDoubt(batch.get(), false, Wait::kBlock) == Outcome::kOk);
    const uint64_t processed = random->Below(batch->size() + 1);
    Resolve(buffer, batch.get(), processed);
    if (processed < batch->size()) Resolve(buffer, batch.get(), 0, batch->size() - processed);
    resolved += batch->size();
  }
}

// One follows a watch until all that was there before is dealt with; the others look at the books.
void Judge(Buffer* buffer, Random* random, uint64_t max_items) {
  const BufferStats stats = StatsOf(buffer);
  PARTITA_CHECK(stats.counts.unresolved() <= max_items);
  if (!random->OneIn(10)) return;
  const std::shared_ptr<FlushWatch> watch = std::make_shared<FlushWatch>(kPartitions);
  for (uint32_t p = 0; p < kPartitions; ++p) Freeze(buffer, p, watch);
  const FlushReport before = Report(buffer, *watch);
  const FlushReport after = Report(buffer, *watch);
  PARTITA_CHECK(after.left <= before.left && after.processed >= before.processed);
  if (random->OneIn(2)) PARTITA_CHECK(buffer->Forget(watch, Wait::kBlock) == Outcome::kOk);
}

void Queue(const StressOptions& options, Place* place) {
  constexpr uint64_t kMaxItems = 500;
  QueueBuffer queue(kPartitions, 1);
  if (place != nullptr) PARTITA_CHECK(place->Keep(&queue) == 0);
  SetLimits(&queue, {.max_items = kMaxItems, .flush_at = 50});
  const uint64_t items_each = options.operations / (place == nullptr ? 4 : 16);
  std::atomic<uint64_t> producing{kProducers};
  std::atomic<uint64_t> resolved{0};
  RunThreads(kProducers + kPartitions + 1, [&](uint64_t t) {
    Random random(options.seed + t);
    if (t < kProducers) {
      for (uint64_t i = 0; i < items_each;) {
        const Term item = Term::Tuple({Term(static_cast<int64_t>(t)), Term(static_cast<int64_t>(i))});
        const QueueItem argument{item.view(), WireSize(item.view()), queue.PartitionOf(item.view())};
        PushResult result;
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return queue.Push(argument, false, wait, &result); }) ==
                      Outcome::kOk);
        if (result.verdict == PushVerdict::kTaken) {
          ++i;
        } else {
          PARTITA_CHECK(result.verdict == PushVerdict::kFull);
          queue.WaitForRoom(argument.size, std::chrono::milliseconds(50));
        }
      }
      --producing;
      return;
    }
    if (t == kProducers + kPartitions) {
      while (producing.load() != 0) Judge(&queue, &random, kMaxItems);
      return;
    }
    const auto partition = static_cast<uint32_t>(t - kProducers);
    std::vector<int64_t> last(kProducers, -1);
    for (bool over = false; !over;) {
      over = producing.load() == 0;
      resolved += Consume(&queue, partition, &random, [&](const Batch& batch) {
        for (const Term& item : ItemsOf(batch)) {
          Value producer;
          Value number;
          wire::ReadTerm(wire::ReadTerm(wire::ReadContainer(item.view().data).body, &producer), &number);
          PARTITA_CHECK(number.i > last[static_cast<size_t>(producer.i)]);
          last[static_cast<size_t>(producer.i)] = number.i;
        }
      });
    }
  });
  PARTITA_CHECK(resolved.load() == kProducers * items_each);
  PARTITA_CHECK(StatsOf(&queue).counts.unresolved() == 0 && StatsOf(&queue).bytes == 0);
  if (place != nullptr) place->CheckNothingIsLeft();
}

// As many items at a time as there may be, while others put what is too large or replace: nobody is refused.
void Room(const StressOptions& options, Place* /*place*/) {
  const BufferLimits limits{.max_items = kPartitions, .max_bytes = 1000, .overflow = Overflow::kRaise};
  QueueBuffer queue(kPartitions, 1);
  MapBuffer map(kPartitions + 1, 1);
  SetLimits(&queue, limits);
  SetLimits(&map, {.max_items = kPartitions + 1, .overflow = Overflow::kRaise});
  const Term large(std::string(2000, 'x'));
  const auto put = [&map](uint32_t partition, const Term& key) {
    PushResult result;
    const MapEntry entry{KeyView{key.view(), map.HashKey(key.view())}, key.view(), nullptr, partition};
    PARTITA_CHECK(map.Put(entry, false, Wait::kBlock, &result) == Outcome::kOk);
    PARTITA_CHECK(result.verdict == PushVerdict::kTaken);
  };
  put(kPartitions, Term(0));
  std::atomic<uint64_t> busy{kPartitions};
  RunThreads(kPartitions + 2, [&](uint64_t t) {
    const auto partition = static_cast<uint32_t>(t);
    if (t == kPartitions) {
      while (busy.load() != 0) put(partition, Term(0));
      return;
    }
    if (t > kPartitions) {
      while (busy.load() != 0) PARTITA_CHECK(PushTo(&queue, 0, large).verdict == PushVerdict::kTooLarge);
      return;
    }
    for (uint64_t i = 0; i < options.operations / 4; ++i) {
      PARTITA_CHECK(PushTo(&queue, partition, Term(1)).verdict == PushVerdict::kTaken);
      PARTITA_CHECK(DrainQueue(&queue, partition).size() == 1);
      put(partition, Term(static_cast<int64_t>(i)));
      PARTITA_CHECK(DrainMap(&map, partition).size() == 1);
    }
    --busy;
  });
}

// Whatever is dropped is counted, and the rest comes out.
void Dropping(const StressOptions& options, Place* place) {
  QueueBuffer queue(kPartitions, 1);
  if (place != nullptr) PARTITA_CHECK(place->Keep(&queue) == 0);
  const uint64_t items_each = options.operations / (place == nullptr ? 8 : 32);
  SetLimits(&queue, {.max_items = 20, .overflow = Overflow::kDropOldest});
  std::atomic<uint64_t> producing{kProducers};
  std::atomic<uint64_t> resolved{0};
  RunThreads(kProducers + kPartitions + 1, [&](uint64_t t) {
    Random random(options.seed + t);
    if (t < kProducers) {
      for (uint64_t i = 0; i < items_each; ++i) {
        const Value item = Value::Int(static_cast<int64_t>(i));
        const QueueItem argument{item, WireSize(item), static_cast<uint32_t>(random.Below(kPartitions))};
        PushResult result;
        PARTITA_CHECK(Ask(&random, [&](Wait wait) { return queue.Push(argument, false, wait, &result); }) ==
                      Outcome::kOk);
      }
      --producing;
      return;
    }
    if (t == kProducers + kPartitions) {
      while (producing.load() != 0) Judge(&queue, &random, 20);
      return;
    }
    for (bool over = false; !over;) {
      over = producing.load() == 0;
      resolved += Consume(&queue, static_cast<uint32_t>(t - kProducers), &random, [](const Batch&) {});
    }
  });
  const BufferCounts counts = StatsOf(&queue).counts;
  PARTITA_CHECK(counts.pushed == resolved.load() + counts.dropped && counts.unresolved() == 0);
  if (place != nullptr) place->CheckNothingIsLeft();
}

// Versions of a key go up, whoever puts them, and the last one comes out.
void Map(const StressOptions& options, Place* place) {
  constexpr int64_t kKeys = 40;
  MapBuffer map(kPartitions, 1);
  if (place != nullptr) PARTITA_CHECK(place->Keep(&map) == 0);
  const uint64_t puts_each = options.operations / (place == nullptr ? 8 : 32);
  std::atomic<uint64_t> producing{kProducers};
  std::atomic<int64_t> version{0};
  std::atomic<uint64_t> resolved{0};
  RunThreads(kProducers + kPartitions + 1, [&](uint64_t t) {
    Random random(options.seed + t);
    if (t < kProducers) {
      for (uint64_t i = 0; i < puts_each; ++i) {
        const Term key = random.Between(0, kKeys - 1);
        if (random.OneIn(20)) {
          Delete(&map, key);
          continue;
        }
        const Term number = ++version;
        Put(&map, key, number, &number);
      }
      --producing;
      return;
    }
    if (t == kProducers + kPartitions) {
      while (producing.load() != 0) Judge(&map, &random, kKeys * 100000);
      return;
    }
    for (bool over = false; !over;) {
      over = producing.load() == 0;
      resolved += Consume(&map, static_cast<uint32_t>(t - kProducers), &random, [](const Batch& batch) {
        for (const Row& row : RowsOf(batch.rows())) PARTITA_CHECK(row[1] == row[2] && row[3].view().i >= 0);
      });
    }
  });
  const BufferCounts counts = StatsOf(&map).counts;
  PARTITA_CHECK(counts.pushed == resolved.load() + counts.replaced + counts.deleted && counts.unresolved() == 0);
  if (place != nullptr) place->CheckNothingIsLeft();
}

template <void (*kRun)(const StressOptions&, Place*)>
void InMemory(const StressOptions& options) {
  kRun(options, nullptr);
}
template <void (*kRun)(const StressOptions&, Place*)>
void InFile(const StressOptions& options) {
  Place place;
  kRun(options, &place);
}

constexpr Workload kWorkloads[] = {
    {"room", InMemory<Room>},     {"queue", InMemory<Queue>},       {"dropping", InMemory<Dropping>},
    {"map", InMemory<Map>},       {"durable queue", InFile<Queue>}, {"durable dropping", InFile<Dropping>},
    {"durable map", InFile<Map>},
};

}  // namespace
}  // namespace partita::testing

int main(int argc, char** argv) {
  return partita::testing::RunStress(argc, argv, /*operations=*/100000, partita::testing::kWorkloads);
}
