// Buffers as tests use them.

#ifndef PARTITA_TESTING_BUFFERS_H_
#define PARTITA_TESTING_BUFFERS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "buffer/map_buffer.h"
#include "buffer/queue_buffer.h"
#include "testing/term.h"

namespace partita::testing {

PushResult Push(QueueBuffer* queue, const Term& item, bool own = false);
PushResult PushTo(QueueBuffer* queue, uint32_t partition, const Term& item, bool own = false);
// A plain put, or with a version one that must be newer.
PushResult Put(MapBuffer* map, const Term& key, const Term& value, const Term* version = nullptr, bool own = false);
// The row in the open segment; empty if there is none.
Row Get(MapBuffer* map, const Term& key);
bool Delete(MapBuffer* map, const Term& key);

// Whether anything waits then.
bool Freeze(Buffer* buffer, uint32_t partition, const std::shared_ptr<FlushWatch>& watch = nullptr);
// Null if nothing waits.
std::unique_ptr<Batch> Take(Buffer* buffer, uint32_t partition, uint64_t most);
std::unique_ptr<Batch> TakeWhole(Buffer* buffer, uint32_t partition);
// Whether a watch is done then.
bool Resolve(Buffer* buffer, Batch* batch, uint64_t processed, uint64_t dead = 0,
             const std::vector<uint64_t>& failed = {});
void SetLimits(Buffer* buffer, const BufferLimits& limits);
// Ends the program if the balance does not hold.
BufferStats StatsOf(Buffer* buffer);
FlushReport Report(Buffer* buffer, const FlushWatch& watch);

std::vector<Term> ItemsOf(const Batch& batch);
// Freezes, takes and resolves everything, and gives it as it came out.
std::vector<Term> DrainQueue(QueueBuffer* queue, uint32_t partition, uint64_t most = 100);
std::vector<Row> DrainMap(MapBuffer* map, uint32_t partition, uint64_t most = 100);

}  // namespace partita::testing

#endif  // PARTITA_TESTING_BUFFERS_H_
