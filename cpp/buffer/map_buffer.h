// A buffer that keeps the newest value of each key: of what is put in between two swaps, a processor gets one row a
// key.
//
// A segment is a set of rows (key, value, version, updates), in one partition. Reading and deleting see the open one.

#ifndef PARTITA_BUFFER_MAP_BUFFER_H_
#define PARTITA_BUFFER_MAP_BUFFER_H_

#include <cstdint>
#include <memory>

#include "buffer/buffer.h"

namespace partita {

// `hash` is MapBuffer::HashKey(key).
struct MapEntry {
  KeyView key;
  Value value;
  const Value* version = nullptr;  // an int of any size; null: a plain put
  uint32_t partition = 0;
};

class MapBuffer final : public Buffer {
 public:
  // Throws std::bad_alloc.
  MapBuffer(uint32_t partitions, uint64_t hash_seed);
  ~MapBuffer() override;

  uint64_t HashKey(const Value& key) const { return HashValue(key, hash_seed()); }
  uint32_t PartitionOfHash(uint64_t hash) const {
    return static_cast<uint32_t>(((hash >> 32) * uint64_t{partitions()}) >> 32);
  }

  // A plain put replaces what is there, and the version and the updates become 0. One with a version replaces only a
  // smaller one (else: kStale), and adds one to the updates. A replacement is not refused for want of room. `own` and
  // `result` as in QueueBuffer.
  Outcome Put(const MapEntry& entry, bool own, Wait wait, PushResult* result);
  // Appends the row of the key in the open segment to `out`, if there is one.
  Outcome Get(const KeyView& key, uint32_t partition, Wait wait, RowBuffer* out);
  Outcome Delete(const KeyView& key, uint32_t partition, Wait wait, bool* deleted);

 private:
  Outcome PutLocked(Shard* shard, const MapEntry& entry, bool own, bool drop_newest, PushResult* result,
                    bool* elsewhere) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);

  Segment NewSegment() override;
  Outcome TakeFrom(Segment* segment, uint64_t most, bool whole, Batch* batch) override;
  bool DropFrom(Segment* segment, uint64_t* bytes) override;
  void EmptySegment(Segment* segment) override;
};

}  // namespace partita

#endif  // PARTITA_BUFFER_MAP_BUFFER_H_
