// The rows of one partition: chunks, the slots in them, and the copy-on-write that keeps snapshots as they were.
//
// Not thread-safe: the partition's lock guards all of it. A snapshot's reader uses only the Chunk pointers it was
// given, without the lock.
//
// Writing is in two steps. Claim/Prepare does everything that can fail (it throws std::bad_alloc) and changes nothing a
// reader of rows could notice; Store/Erase cannot fail. Between the Prepare and the Store of a row other rows may be
// prepared, but no heap is rewritten (TidyHeap runs after stores).
//
// Rule I3. Every block carries the epoch of its birth. A pin is a moment: it remembers the epoch it was taken at, and
// all blocks born by then are visible to it. A block that the newest live pin can see is never written: the writer
// copies it, and the old block is retired until no pin is left that can see it. Otherwise writes are in place. Bytes in
// a heap extent never change once written, so extents are shared by all versions of their chunk. Two things keep a
// write from copying more than it must: a value that is there already is not written again, and a pin may say which
// columns it reads; it sees headers and these arrays as they were, and must not look at the others.

#ifndef PARTITA_COLUMN_ROW_STORE_H_
#define PARTITA_COLUMN_ROW_STORE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "column/block.h"
#include "column/chunk.h"
#include "term/value.h"

namespace partita {

using Slot = uint32_t;
inline constexpr Slot kNoSlot = 0xFFFFFFFF;
inline constexpr uint32_t kMaxChunks = (uint32_t{1} << (32 - kChunkShift)) - 1;

// A store has at most this many chunks, kMaxChunks unless a test says less. For stores that are made later, too.
void TEST_LimitChunks(uint32_t count);

// A bit per column; columns from the 64th on go with the last bit.
using ColumnSet = uint64_t;
inline constexpr ColumnSet kAllColumns = ~ColumnSet{0};
inline ColumnSet ColumnBit(uint32_t index) { return ColumnSet{1} << (index < kMaxColumns ? index : kMaxColumns - 1); }

// Ends a pin: set by whoever held it, from any thread and without a lock; the store notices when it next asks. A pin
// that lives only on the stack of a thread names that thread, since a fork's child has it only if it is the one that
// forked; the others' pins end there, or what they keep would be kept for ever.
struct PinToken {
  std::atomic<bool> released{false};
  std::atomic<const void*> thread{nullptr};  // ThisThread() of it; null: an object that the child has too
};

// A value whose bytes are in the heap already, though no row points to them yet.
struct PendingRef {
  uint32_t column;
  uint32_t size;
  HeapRef ref;
};
using PendingRefs = absl::InlinedVector<PendingRef, 4>;

class RowStore {
 public:
  RowStore() = default;
  ~RowStore();
  RowStore(const RowStore&) = delete;
  RowStore& operator=(const RowStore&) = delete;

  // --- Reading.
  const Chunk* chunk(uint32_t number) const { return chunks_[number]; }
  const Chunk& chunk_of(Slot slot) const { return *chunks_[slot >> kChunkShift]; }
  uint32_t chunk_count() const { return static_cast<uint32_t>(chunks_.size()); }  // some may be null
  absl::Span<Chunk* const> chunks() const { return absl::MakeConstSpan(chunks_); }

  // --- Writing rows.
  // A free slot, now live but without content. kNoSlot: the store is full.
  Slot ClaimSlot();
  // Gives back a slot that was claimed but not stored.
  void UnclaimSlot(Slot slot);
  // A live slot that is held is given to nobody once its row is erased, but by ClaimHeld, until ReleaseHeld ends all
  // holds. Hold and ClaimHeld throw std::bad_alloc and have changed nothing then. (row_store_hold.cc)
  void Hold(Slot slot);
  void ClaimHeld(Slot slot);
  void ReleaseHeld();
  // Makes room for `values` at a live slot. `fresh`: the slot was just claimed and holds no row yet.
  void PrepareRow(Slot slot, absl::Span<const Value> values, bool fresh, PendingRefs* refs);
  // Forgets prepared bytes that no Store will use.
  void AbandonRefs(Slot slot, const PendingRefs& refs);
  void StoreRow(Slot slot, absl::Span<const Value> values, const PendingRefs& refs, bool fresh);
  // Both steps at once for the usual row, whose values fit the columns as they are and need no heap. False: not such a
  // row, and nothing was done.
  bool StoreRowInPlace(Slot slot, absl::Span<const Value> values, bool fresh);
  // One element below min(RowArity, kMaxColumns).
  void PrepareElement(Slot slot, uint32_t position, const Value& value, PendingRefs* refs);
  void StoreElement(Slot slot, uint32_t position, const Value& value, const PendingRefs& refs);
  void PrepareErase(Slot slot);
  void Erase(Slot slot);
  // The link of a live row, kept for pins that read all columns, and copied for them like a column.
  const Link& link(Slot slot) const { return chunk_of(slot).links[slot & kChunkMask]; }
  void PrepareLink(Slot slot);
  void StoreLink(Slot slot, Link link);
  // Whether a pin may see the row as it is now. After PrepareErase.
  bool SeenByPin(Slot slot) const { return has_pins() && TestBit(chunk_of(slot).live_at_pin, slot & kChunkMask); }

  // Makes sure that no pin can see an integer: then WritableInt gives its address.
  void PrepareInt(Slot slot, uint32_t position) {
    Chunk* chunk = WritableChunk(slot >> kChunkShift);
    if (ColumnPinned(chunk->columns[position], position)) CopyArray(chunk, position);
  }
  // The address of an integer that can be changed in place, or null if the element is not in an integer column, has no
  // value, or a pin can see it. For the counter's fast path.
  int64_t* WritableInt(Slot slot, uint32_t position) {
    const Chunk& chunk = chunk_of(slot);
    if (ABSL_PREDICT_FALSE(position >= chunk.column_count)) return nullptr;
    const Column& column = chunk.columns[position];
    if (column.kind != ColumnKind::kInt || ColumnPinned(column, position) || !HasValue(column, slot & kChunkMask)) {
      return nullptr;
    }
    return column.ints() + (slot & kChunkMask);
  }

  // Rewrites the heap of the slot's chunk when more than half of it is dead. After stores; failing to allocate is no
  // error.
  void TidyHeap(Slot slot) {
    const Chunk* chunk = chunks_[slot >> kChunkShift];
    if (chunk != nullptr &&
        ABSL_PREDICT_FALSE(chunk->heap_dead * 2 > chunk->heap_used && chunk->heap_dead > kTidyBytes)) {
      RewriteHeap(slot >> kChunkShift);
    }
  }
  // Gives back what can be given back without moving rows.
  void Compact();
  // Lets go of all rows at once; what pins can see is retired. Does not fail.
  void ReleaseAll();

  // --- Pins.
  // Pins this moment, for a reader of some columns. Throws std::bad_alloc.
  uint64_t Pin(std::shared_ptr<PinToken> token, ColumnSet columns = kAllColumns);
  // Ends the pins whose tokens were released and retires what only they could see.
  void ReapPins();
  // In the child of a fork: ends the pins of threads that it does not have.
  void EndPinsAfterFork();
  bool has_pins() const { return !pins_.empty(); }
  uint64_t oldest_pin() const { return pins_.empty() ? 0 : pins_.front().epoch; }
  bool HasPinIn(uint64_t first_epoch, uint64_t end_epoch) const;
  uint64_t epoch() const { return epoch_; }
  // Blocks to be freed once the lock is released (FreeBlockChain). A store under the same lock may give its own to this
  // one, which must outlive it.
  void GiveGarbageTo(RowStore* other) { garbage_list_ = &other->garbage_; }
  Block* TakeGarbage() {
    Block* garbage = garbage_;
    garbage_ = nullptr;
    return garbage;
  }
  // --- Blocks that live as the store's own do, for an index that snapshots read. Counted by bytes().
  void* NewBlock(size_t bytes);  // throws std::bad_alloc
  void Retire(void* data);       // null is allowed
  // Whether a pin of all columns may see the block.
  bool SeenByWholePin(const void* data) const { return BlockOf(data)->birth <= newest_whole_pin_; }

  uint64_t bytes() const { return bytes_ + chunks_.capacity() * sizeof(void*) * 2 + held_.size() * sizeof(SlotSet); }
  uint64_t retired_bytes() const { return retired_bytes_; }
  // `others`: the size of live blocks that are not of rows.
  Status CheckInvariants(uint64_t others = 0) const;

 private:
  static constexpr uint64_t kTidyBytes = 4096;
  static constexpr ColumnSet kLinksBit = ColumnSet{1} << (kMaxColumns - 1);  // a pin of some columns has it or not

  struct SlotSet {
    uint64_t words[kBitmapWords] = {};
  };

  struct PinRecord {
    uint64_t epoch;
    ColumnSet columns;
    std::shared_ptr<PinToken> token;
  };

  bool Pinned(uint64_t birth) const { return birth <= newest_pin_; }
  bool ColumnPinned(const Column& column, uint32_t index) const {
    return ABSL_PREDICT_FALSE(Pinned(column.birth)) && (pinned_columns_ & ColumnBit(index)) != 0;
  }
  void NotePins();
  // Whether a row's value is there already, to the bit: then it needs no copy of a pinned array.
  bool HoldsAlready(const Chunk& chunk, uint32_t index, uint32_t place, const Value& value) const;

  uint32_t AddChunk();
  Slot ClaimSlotBesideHeld();
  // The held slots of a chunk; null: none.
  const SlotSet* HeldIn(uint32_t number) const {
    if (ABSL_PREDICT_TRUE(held_.empty())) return nullptr;
    const auto it = held_.find(number);
    return it == held_.end() ? nullptr : &it->second;
  }
  void ReleaseChunk(uint32_t number);
  void RetireContent(Chunk* chunk);
  Chunk* GrowChunk(uint32_t number);
  // The chunk's header, one that no pin can see.
  Chunk* WritableChunk(uint32_t number) {
    Chunk* chunk = chunks_[number];
    if (ABSL_PREDICT_TRUE(!Pinned(chunk->birth))) return chunk;
    return CopyPinnedHeader(number);
  }
  Chunk* CopyPinnedHeader(uint32_t number);
  Chunk* CopyHeader(uint32_t number, uint32_t column_count);
  void PrepareArity(Chunk* chunk, uint32_t place, uint32_t arity);

  void PrepareValue(Chunk* chunk, uint32_t index, uint32_t place, const Value& value, bool fresh, PendingRefs* refs);
  void PrepareNone(Chunk* chunk, uint32_t index, uint32_t place, bool fresh);
  void PrepareRest(Chunk* chunk, uint32_t place, absl::Span<const Value> values, bool fresh, PendingRefs* refs);
  void MakeColumnFit(Chunk* chunk, uint32_t index, uint32_t place, ColumnKind needed, bool fresh);
  void StoreValue(Chunk* chunk, uint32_t index, uint32_t place, const Value& value, const PendingRefs& refs,
                  bool fresh);
  void StoreNone(Chunk* chunk, uint32_t index, uint32_t place, bool fresh);

  void MakeArray(Chunk* chunk, uint32_t index, ColumnKind kind, bool fresh);
  void CopyArray(Chunk* chunk, uint32_t index);
  void ConvertToCells(Chunk* chunk, uint32_t index, uint32_t skip);  // skip: a place without content
  void MakeValidity(Chunk* chunk, uint32_t index);
  void* NewArray(ColumnKind kind, uint32_t capacity) { return NewBlock(ElementBytes(kind) * capacity); }
  uint64_t* NewBitmap(uint32_t bits);  // all zero
  static size_t ElementBytes(ColumnKind kind) {
    return kind == ColumnKind::kInt || kind == ColumnKind::kFloat ? 8 : kind == ColumnKind::kEmpty ? 0 : 16;
  }
  // Unused numbers of a heap directory are chained: an odd "pointer" holds the next one.
  static bool IsExtent(const Extent* entry) { return (reinterpret_cast<uintptr_t>(entry) & 1) == 0; }

  HeapRef AppendToHeap(Chunk* chunk, const char* data, uint32_t size);
  char* ReserveInHeap(Chunk* chunk, uint32_t size, HeapRef* ref);
  uint32_t AddExtent(Chunk* chunk, uint32_t capacity);
  void CopyDirectory(Chunk* chunk, uint32_t capacity);
  void ReleaseExtent(Chunk* chunk, uint32_t number);
  void NoteDead(Chunk* chunk, HeapRef ref, uint32_t size);
  void NoteDeadAt(Chunk* chunk, const Column& column, uint32_t place);
  void RewriteHeap(uint32_t number);

  std::vector<Chunk*> chunks_;
  // Numbers of chunks with (probably) a free slot, and of chunks that do not exist. Each holds a number at most once
  // and has room for all of them, so that adding one cannot fail.
  std::vector<uint32_t> open_;
  std::vector<uint32_t> free_numbers_;
  uint32_t live_chunks_ = 0;          // that exist
  std::map<uint32_t, SlotSet> held_;  // by chunk; stays whole where memory runs out

  uint64_t epoch_ = 1;       // birth of blocks made now
  uint64_t newest_pin_ = 0;  // 0: no pins
  uint64_t newest_whole_pin_ = 0;
  ColumnSet pinned_columns_ = 0;  // of any pin
  std::vector<PinRecord> pins_;
  Block* retired_ = nullptr;
  Block* garbage_ = nullptr;
  Block** garbage_list_ = &garbage_;
  uint64_t bytes_ = 0;
  uint64_t retired_bytes_ = 0;
};

}  // namespace partita

#endif  // PARTITA_COLUMN_ROW_STORE_H_
