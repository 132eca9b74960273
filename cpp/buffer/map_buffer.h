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
  const Value* partition_key = nullptr;  // for the log: what chose the partition, if not the key
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

  // What counts of an entry: the wire size of key and value, and of a version that takes more than 64 bits.
  static uint64_t BytesOf(const MapEntry& entry);
  // A plain put replaces what is there, and the version and the updates become 0. One with a version replaces only a
  // smaller one (else: kStale), and adds one to the updates. A replacement is not refused for want of room,
  // unless it is too large by itself. `own`, `result` and outcomes as in QueueBuffer; the log has one row for a key of
  // a segment, so that no value comes back that was replaced.
  Outcome Put(const MapEntry& entry, bool own, Wait wait, PushResult* result);
  // Appends the row of the key in the open segment to `out`, if there is one. *table is what that is of, which the row
  // may point into: it must outlive `out`, and the segment may be done with at any time.
  Outcome Get(const KeyView& key, uint32_t partition, Wait wait, std::shared_ptr<Table>* table, RowBuffer* out);
  Outcome Delete(const KeyView& key, uint32_t partition, Wait wait, bool* deleted);

 private:
  template <bool kLogged>
  Outcome PutLocked(Shard* shard, const MapEntry& entry, bool own, bool drop_newest, PushResult* result,
                    bool* elsewhere) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  // Of a key that was inserted, and then there was no room: others were faster. False: it stays, memory has run out.
  bool TakeBack(Shard* shard, const KeyView& key, uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  template <bool kLogged>
  Outcome PutEntry(const MapEntry& entry, bool own, Wait wait, PushResult* result);
  // Of a key that is new in the segment: its row in the log, and in the segment.
  Outcome InsertLogged(Shard* shard, const MapEntry& entry, const RowView& row)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  Outcome DeleteLocked(Shard* shard, const KeyView& key, bool* deleted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);

  Segment NewSegment() override;
  Outcome TakeFrom(Segment* segment, uint64_t most, bool whole, Batch* batch) override;
  bool DropFrom(Segment* segment, uint64_t* bytes, ItemNumber* number) override;
  void EmptySegment(Segment* segment) override;
  bool Restore(ItemNumber number, absl::Span<const Value> row) override;
  static std::shared_ptr<Table> RestOf(const Segment& segment);
  // Has the order hold the keys that are there, without those that were deleted. Throws std::bad_alloc, and changes
  // nothing then.
  void TidyOrder(Segment* segment) const;
  static Outcome SetNumber(Segment* segment, const KeyView& key, ItemNumber number);
  // Of a key that is in the segment.
  static ItemNumber NumberOf(const Segment& segment, const KeyView& key);
  // Of a key that is no longer in the segment.
  static void ForgetNumber(Segment* segment, const KeyView& key);
};

}  // namespace partita

#endif  // PARTITA_BUFFER_MAP_BUFFER_H_
