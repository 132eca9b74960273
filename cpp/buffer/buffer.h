// START HERE. A buffer: partitions that take items from any thread and give them out in batches, to be processed.
//
//   Buffer ── held items and bytes, for the limits
//     BufferShard (a partition) ── lock, counts
//       open        the segment that calls write to
//       frozen[]    segments that wait, the oldest first; batches are taken from the first
//       in hand     the batch that is being processed, one at a time; it belongs to the first frozen segment
//
// Freeze() swaps the open segment for an empty one, in one step under the partition's lock: writers never wait for a
// processor. When, where and how often a processor runs is the affair of whoever uses this; the buffer knows its items,
// its limits and its books (counts.h), which balance at every instant.
//
// QueueBuffer and MapBuffer say what a segment holds. A durable buffer has a log (buffer_log.h), to which an item goes
// under the partition's lock when room was made for it and before it is stored; it leaves that with its batch. Calls
// that touch the log answer kTry with kWouldBlock, since they may wait for the disk, and write when the lock was let
// go.
//
// Any thread may call any method. Calls take a Wait as those of Table do, throw nothing, and call nobody back. No call
// holds the locks of two partitions, but SetLimits(), SetState(), Stats() and the fork handler, which take all in their
// order. Under a partition's lock the lock of a table is taken that nobody else knows.

#ifndef PARTITA_BUFFER_BUFFER_H_
#define PARTITA_BUFFER_BUFFER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/lock.h"
#include "base/wakeup.h"
#include "buffer/batch.h"
#include "buffer/buffer_log.h"
#include "buffer/counts.h"
#include "buffer/flush_watch.h"
#include "buffer/item_list.h"
#include "table/outcome.h"
#include "table/table.h"
#include "term/value.h"

namespace partita {

inline constexpr uint64_t kNoLimit = ~uint64_t{0};

// What happens to an item for which there is no room.
enum class Overflow : uint8_t { kBlock, kRaise, kDropOldest, kDropNewest };

struct BufferLimits {
  uint64_t max_items = kNoLimit;  // waiting, in flight and in doubt, in the whole buffer
  uint64_t max_bytes = kNoLimit;  // of the same in wire form
  uint64_t flush_at = kNoLimit;   // items in one open segment of which a call tells
  Overflow overflow = Overflow::kBlock;
};

// Of draining buffers the processor's own items are still taken.
enum class BufferState : uint8_t { kOpen, kDraining, kStopped };

// What became of an item on its way in.
enum class PushVerdict : uint8_t {
  kTaken,
  kDropped,   // the item itself, for want of room
  kStale,     // its version is not newer: nothing was done
  kFull,      // no room: nothing was done. Whoever wants to wait calls WaitForRoom()
  kTooLarge,  // no room will ever do: nothing was done
  kStopped,   // nothing was done
};

struct PushResult {
  PushVerdict verdict = PushVerdict::kTaken;
  bool reached_flush_at = false;  // told once for each segment
  uint64_t dropped = 0;           // items
};

struct BufferStats {
  BufferCounts counts;
  uint64_t bytes = 0;     // of items that wait, are in flight or in doubt, in wire form
  uint64_t open = 0;      // items in open segments
  int64_t oldest_ns = 0;  // when the oldest segment that holds anything got its first item (steady clock); 0: none
  std::vector<uint64_t> partition_items;  // that wait
};

class Buffer {
 public:
  virtual ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // From here on items are in a log too. Those that it has already come in, as `restored` and whatever the limits say,
  // in the order of their numbers. Once at most, before anybody else knows the buffer. *wrong: what is wrong with a
  // row, null if nothing is. Unless all is well give the buffer up.
  Outcome SetLog(std::unique_ptr<BufferLog> log, const char** wrong);
  bool is_durable() const { return log_ != nullptr; }

  uint32_t partitions() const { return static_cast<uint32_t>(shards_.size()); }
  uint64_t hash_seed() const { return hash_seed_; }
  uint32_t PartitionOf(const Value& value) const {
    if (shards_.size() == 1) return 0;
    return static_cast<uint32_t>(((HashValue(value, hash_seed_) >> 32) * shards_.size()) >> 32);
  }

  // Swaps the open segment, unless it is empty. `watch` (may be null) then follows all that the partition holds; one
  // watch is given to every partition once. *waiting: whether there is anything to take.
  Outcome Freeze(uint32_t partition, const std::shared_ptr<FlushWatch>& watch, Wait wait, bool* waiting);
  // The next items of the oldest frozen segment, at most `most`; with `whole` all that is left of it, of a map as a
  // table. Null if nothing waits. Called again only once the batch before is resolved.
  Outcome TakeBatch(uint32_t partition, uint64_t most, bool whole, Wait wait, std::unique_ptr<Batch>* batch);
  // What became of some items of a batch; `failed` are the numbers of those in it, from 0. What goes beyond the batch
  // does not count. *watch_done: a watch has nothing more to wait for. With its last item a batch leaves the log, but
  // for what failed: that is processed anew after a restart.
  Outcome Resolve(Batch* batch, uint64_t processed, uint64_t dead, absl::Span<const uint64_t> failed, Wait wait,
                  bool* watch_done);
  // The processor of a batch is past its time, or has ended after all. Nothing happens to one that is resolved.
  Outcome SetInDoubt(Batch* batch, bool in_doubt, Wait wait);

  // What a watch that was not forgotten saw become of its items by now.
  Outcome ReadWatch(const FlushWatch& watch, Wait wait, FlushReport* report);
  // A watch that nobody reads any more.
  Outcome Forget(const std::shared_ptr<FlushWatch>& watch, Wait wait);

  // Whether there is room for all of so many items, for all that is known without waiting.
  bool FitNow(uint64_t items, uint64_t bytes);
  // Until there may be room for an item of so many bytes, or the time is over. For callers that were turned away.
  void WaitForRoom(uint64_t bytes, std::chrono::nanoseconds at_most);

  Outcome SetLimits(const BufferLimits& limits, Wait wait);
  Outcome SetState(BufferState state, Wait wait);
  // All at one moment.
  Outcome Stats(Wait wait, BufferStats* stats);

  // In a fork's child, before it uses the buffer: what was in it is the parent's, and nothing comes of resolving it.
  void EmptyAfterFork();

 protected:
  struct Segment {
    ItemList items;  // of a queue; of a map: its keys in the order they came, if that may be asked for
    std::map<uint64_t, uint64_t> deleted;  // of a map: how many of these, by hash, were deleted again
    std::shared_ptr<Table> table;          // of a map
    std::unique_ptr<Walk> walk;            // of a map: where the next batch goes on; null before the first
    uint64_t left = 0;                     // items not taken yet
    uint64_t bytes = 0;                    // of these
    int64_t opened_ns = 0;                 // when the first came; 0: none did
    bool stuck = false;                    // nothing of it can be dropped any more
    // With a log.
    std::vector<ItemNumber> numbers;  // of a queue's items that are left, from numbers[numbers_gone] on
    size_t numbers_gone = 0;
    std::shared_ptr<Table> key_numbers;  // of a map: rows (key, number)
  };

  struct alignas(64) Shard {
    WordLock lock;
    bool flush_at_told ABSL_GUARDED_BY(lock) = false;
    bool in_hand ABSL_GUARDED_BY(lock) = false;  // a batch is not resolved
    BufferCounts counts ABSL_GUARDED_BY(lock);
    Segment open ABSL_GUARDED_BY(lock);
    std::deque<Segment> frozen ABSL_GUARDED_BY(lock);
    uint64_t gone ABSL_GUARDED_BY(lock) = 0;               // items that were taken or dropped so far
    uint64_t segments_frozen ABSL_GUARDED_BY(lock) = 0;    // so far
    uint64_t segments_resolved ABSL_GUARDED_BY(lock) = 0;  // of those
    std::vector<std::shared_ptr<FlushWatch>> watches ABSL_GUARDED_BY(lock);
    std::vector<ItemNumber> unacknowledged ABSL_GUARDED_BY(lock);  // that should have left the log, and could not
  };

  // Holds a shard's lock, if it got it.
  class ABSL_SCOPED_LOCKABLE Locked {
   public:
    Locked(Shard* shard, Wait wait) ABSL_EXCLUSIVE_LOCK_FUNCTION(shard->lock) : shard_(shard) {
      if (wait == Wait::kBlock) {
        shard->lock.Lock();
      } else if (!shard->lock.TryLock()) {
        shard_ = nullptr;
      }
    }
    ~Locked() ABSL_UNLOCK_FUNCTION() {
      if (shard_ != nullptr) shard_->lock.Unlock();
    }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    bool got() const { return shard_ != nullptr; }

   private:
    Shard* shard_;
  };

  enum class Admission : uint8_t { kYes, kNo, kMakeRoomElsewhere };

  // Throws std::bad_alloc.
  Buffer(uint32_t partitions, uint64_t hash_seed);

  // --- What a segment is. All under the shard's lock but NewSegment; all may throw std::bad_alloc, and change nothing
  // then.
  virtual Segment NewSegment() = 0;
  // Takes rows or items out of the segment into the batch, and sets its size and bytes.
  virtual Outcome TakeFrom(Segment* segment, uint64_t most, bool whole, Batch* batch) = 0;
  // Lets go of the oldest item, and tells its bytes and, with a log, its number. False: none can be.
  virtual bool DropFrom(Segment* segment, uint64_t* bytes, ItemNumber* number) = 0;
  virtual void EmptySegment(Segment* segment) = 0;
  // Takes a row of the log in. False: it is none of such a buffer. Under no lock.
  virtual bool Restore(ItemNumber number, absl::Span<const Value> row) = 0;

  // --- For calls that put something in, under the shard's lock.

  // Whether one more item of so many bytes may come in; makes room in this shard if that is what overflow asks for.
  // With kYes the room is taken. With kNo result->verdict says why.
  Admission Admit(Shard* shard, uint64_t bytes, bool own, PushResult* result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  // Takes room for an item if there is; what finds none takes none away from others meanwhile.
  bool Reserve(uint64_t bytes);
  // Whether there is room at this moment.
  bool HasRoom(uint64_t bytes) const {
    return held_items_.load(std::memory_order_relaxed) < limits_.max_items &&
           held_bytes_.load(std::memory_order_relaxed) + bytes <= limits_.max_bytes;
  }
  // Takes room for an item though there is none.
  void Overrun(Shard* shard, uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  // Whether there would be room for an item if all that can be dropped were.
  bool CanMakeRoom(uint64_t bytes) const;
  // Counts an item that came in and found no room.
  void DropNewest(Shard* shard, PushResult* result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  // After an item was stored in the open segment.
  void NoteTaken(Shard* shard, uint64_t bytes, PushResult* result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  // After an item of the log was stored in the open segment.
  void NoteRestored(Shard* shard, uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  // Swaps the open segment, which holds something.
  void FreezeOpen(Shard* shard, Segment fresh) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  // Items leave the log, now or when it can be written again.
  void Acknowledge(Shard* shard, absl::Span<const ItemNumber> numbers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  BufferLog* log() const { return log_.get(); }
  // Gives room back that was taken for an item.
  void GiveBack(uint64_t items, uint64_t bytes);
  bool accepts(bool own) const { return state_ == BufferState::kOpen || (own && state_ == BufferState::kDraining); }
  bool is_too_large(uint64_t bytes) const { return bytes > limits_.max_bytes; }
  bool keeps_order() const { return limits_.overflow == Overflow::kDropOldest; }

  // Drops the oldest item of another shard, after Admit() said kMakeRoomElsewhere and the lock was let go. *dropped:
  // false if no shard has one.
  Outcome DropElsewhere(uint32_t except, Wait wait, PushResult* result, bool* dropped);
  // After the lock was let go.
  void NotifyRoom() { room_.Notify(); }
  // An item of the open segment that the caller took back.
  void NoteDeleted(Shard* shard, uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  // An item of the open segment that took the place of another.
  void NoteReplaced(Shard* shard, uint64_t old_bytes, uint64_t new_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);

  std::vector<Shard> shards_;

 private:
  friend struct BufferList;

  bool DropOldest(Shard* shard, PushResult* result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  // The last items of a batch are dealt with.
  void AcknowledgeBatch(Batch* batch);
  // Goes on to the next frozen segment where the first one is done with. True: a watch reached its end.
  bool Tidy(Shard* shard, uint32_t partition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock);
  // Work may throw std::bad_alloc.
  template <typename Work>
  Outcome UnderAllLocks(Wait wait, Work&& work) ABSL_NO_THREAD_SAFETY_ANALYSIS;

  const uint64_t hash_seed_;
  std::unique_ptr<BufferLog>
      log_;  // null: none, or no longer. Set before others know the buffer, and in a fork's child
  std::atomic<uint64_t> held_items_{0};
  std::atomic<uint64_t> held_bytes_{0};
  // Of these, those that cannot be dropped: in hand, or of a stuck segment.
  std::atomic<uint64_t> stuck_items_{0};
  std::atomic<uint64_t> stuck_bytes_{0};
  Wakeup room_;
  // Changed under the locks of all shards, read under any.
  BufferLimits limits_;
  BufferState state_ = BufferState::kOpen;
  uint64_t generation_ = 0;  // how often it was emptied by a fork

  Buffer* previous_ = nullptr;  // in the list of all buffers
  Buffer* next_ = nullptr;
};

// Makes os.fork safe for all buffers (once, at load, after the handlers of tables: these run inside of ours).
void InstallBufferForkHandlers();

}  // namespace partita

#endif  // PARTITA_BUFFER_BUFFER_H_
