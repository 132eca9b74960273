// START of storage: a chunk holds up to 1024 rows as columns.
//
//   Chunk      header: live bitmap, arities, one Column per field
//   Column     one array of a single kind, and a validity bitmap (1: a value, 0: None or no such field)
//
//     kInt     int64_t
//     kFloat   double
//     kStr     StrRef, 16 bytes: strings of up to 12 bytes inline, longer ones in the chunk's heap (heap.h)
//     kCell    Cell, 16 bytes: any term; wire forms of up to 15 bytes inline, longer ones in the heap
//     kEmpty   no array: no live row has a value here
//
// A row keeps its slot (chunk number * 1024 + place) for life. Kinds never mix: a column takes the kind of its first
// value, and becomes kCell when a value of another kind arrives. While all rows of a chunk have the same number of
// elements the header says it once; else `arities` says it per slot, which tells (1, None) from (1,). Columns beyond
// kMaxColumns are kept together as one raw value, the concatenated wire forms, in column kRestColumn.
//
// A chunk that a snapshot can see never changes (row_store.h). Everything in this header only reads.

#ifndef PARTITA_COLUMN_CHUNK_H_
#define PARTITA_COLUMN_CHUNK_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/optimization.h"
#include "absl/container/inlined_vector.h"
#include "absl/numeric/bits.h"
#include "term/value.h"

namespace partita {

inline constexpr uint32_t kChunkSlots = 1024;
inline constexpr uint32_t kChunkShift = 10;
inline constexpr uint32_t kChunkMask = kChunkSlots - 1;
inline constexpr uint32_t kBitmapWords = kChunkSlots / 64;
inline constexpr uint32_t kMaxColumns = 64;
inline constexpr uint32_t kRestColumn = kMaxColumns;
inline constexpr uint32_t kMaxRestBytes = 0xFFFFFFF0;  // of one row in column kRestColumn
inline constexpr uint16_t kMixedArity = 0;             // in Chunk::arity: see `arities` (null: there are no rows yet)

enum class ColumnKind : uint8_t { kEmpty, kInt, kFloat, kStr, kCell };

// Where a long value lies in its chunk's heap.
struct HeapRef {
  uint32_t extent;
  uint32_t offset;
};

struct StrRef {
  static constexpr uint32_t kInlineBytes = 12;

  uint32_t size;
  char prefix[4];  // the first bytes; together with `rest` the whole of a short string
  union {
    char rest[8];
    HeapRef ref;
  };

  bool is_long() const { return size > kInlineBytes; }
  // All of the inline bytes, prefix and rest.
  char* inline_data() { return reinterpret_cast<char*>(this) + offsetof(StrRef, prefix); }
  const char* inline_data() const { return const_cast<StrRef*>(this)->inline_data(); }
};
static_assert(sizeof(StrRef) == 16);

struct Cell {
  static constexpr uint32_t kInlineBytes = 15;
  // `head` of the long forms; smaller heads are the size of an inline wire form.
  static constexpr uint8_t kLongWire = 0xF0;
  static constexpr uint8_t kLongStr = 0xF1;
  static constexpr uint8_t kLongAsciiStr = 0xF2;
  static constexpr uint8_t kRaw = 0xF3;  // column kRestColumn

  uint8_t head;
  char bytes[3];
  union {
    char more[12];
    struct {
      uint32_t size;
      HeapRef ref;
    };
  };

  bool is_long() const { return head > kInlineBytes; }
  // All of the inline bytes.
  char* inline_data() { return reinterpret_cast<char*>(this) + offsetof(Cell, bytes); }
  const char* inline_data() const { return const_cast<Cell*>(this)->inline_data(); }
};
static_assert(sizeof(Cell) == 16);

// A piece of a chunk's heap: bytes are appended and never changed. `used` and `dead` belong to the writer; readers of a
// snapshot do not look at them.
struct Extent {
  uint32_t capacity;
  uint32_t used;
  uint32_t dead;
  uint32_t unused_;
  char bytes[];
};

// The extents of a chunk by number. Shared by a chunk and the snapshots of it as long as only new extents are added.
struct HeapDirectory {
  uint32_t count;
  uint32_t capacity;
  Extent* extents[];
};

struct Column {
  void* data;       // an array of Chunk::capacity elements; null for kEmpty
  uint64_t* valid;  // a bit per slot; null: every live slot holds a value (kEmpty: none does)
  uint64_t birth;   // of the older of both
  ColumnKind kind;
  bool all_ascii;  // kStr: no string of the array has a byte above 0x7F

  int64_t* ints() const { return static_cast<int64_t*>(data); }
  double* floats() const { return static_cast<double*>(data); }
  StrRef* strs() const { return static_cast<StrRef*>(data); }
  Cell* cells() const { return static_cast<Cell*>(data); }
};

// Slots beside a row in the chain that it is part of, where rows are chained (table/bag_chains.h).
struct Link {
  uint32_t prev;
  uint32_t next;
};

// What a point read touches stands together at the end, beside the first columns.
struct Chunk {
  uint64_t live[kBitmapWords];
  uint64_t live_at_pin[kBitmapWords];  // rows that a pin may see and that were not erased since; the writer's
  uint64_t birth;
  uint64_t heap_used;  // bytes in all extents; the rest of this group belongs to the writer
  uint64_t heap_dead;
  uint32_t open_extent;  // values are appended here; kNoExtent: none
  uint32_t free_extent;  // head of the list of unused numbers in `heap`
  uint32_t free_hint;    // no word of `live` before this one has a free slot
  bool in_open_list;
  uint32_t number;      // of the chunk in its partition
  uint32_t capacity;    // slots: 8, doubling, to 1024
  uint32_t live_count;  // bits set in `live`
  HeapDirectory* heap;
  Link* links;  // null: none was stored
  uint16_t* arities;
  uint16_t arity;  // of every live row, or kMixedArity
  uint16_t column_count;
  Column columns[];
};
inline constexpr uint32_t kNoExtent = 0xFFFFFFFF;

inline bool TestBit(const uint64_t* bitmap, uint32_t i) { return (bitmap[i >> 6] >> (i & 63)) & 1; }
inline void SetBit(uint64_t* bitmap, uint32_t i) { bitmap[i >> 6] |= uint64_t{1} << (i & 63); }
inline void ClearBit(uint64_t* bitmap, uint32_t i) { bitmap[i >> 6] &= ~(uint64_t{1} << (i & 63)); }

inline uint32_t RowArity(const Chunk& chunk, uint32_t place) {
  return ABSL_PREDICT_TRUE(chunk.arity != kMixedArity) ? chunk.arity : chunk.arities[place];
}

inline const char* HeapBytes(const Chunk& chunk, HeapRef ref) {
  return chunk.heap->extents[ref.extent]->bytes + ref.offset;
}

// Whether the column holds a value for a live row (kEmpty: never; a row too short: no).
inline bool HasValue(const Column& column, uint32_t place) {
  return column.kind != ColumnKind::kEmpty && (column.valid == nullptr || TestBit(column.valid, place));
}

inline Value ReadStr(const Chunk& chunk, const Column& column, uint32_t place) {
  const StrRef& s = column.strs()[place];
  return Value::Str(ABSL_PREDICT_TRUE(!s.is_long()) ? s.inline_data() : HeapBytes(chunk, s.ref), s.size,
                    column.all_ascii);
}

// A value that is there, of any kind. With a column that is not all ASCII, kAscii may be missing on strings that are.
Value ReadCell(const Chunk& chunk, const Cell& cell);

// The value at `place` of column `index` < column_count; points into the chunk.
inline Value ReadColumn(const Chunk& chunk, uint32_t index, uint32_t place) {
  const Column& column = chunk.columns[index];
  if (column.valid != nullptr && !TestBit(column.valid, place)) return Value::None();
  switch (column.kind) {
    case ColumnKind::kInt:
      return Value::Int(column.ints()[place]);
    case ColumnKind::kFloat:
      return Value::Float(column.floats()[place]);
    case ColumnKind::kStr:
      return ReadStr(chunk, column, place);
    case ColumnKind::kCell:
      return ReadCell(chunk, column.cells()[place]);
    case ColumnKind::kEmpty:
      break;
  }
  return Value::None();
}

// Element `position` of a live row; position < RowArity.
Value ReadElementBeyondColumns(const Chunk& chunk, uint32_t position, uint32_t place);
inline Value ReadElement(const Chunk& chunk, uint32_t position, uint32_t place) {
  if (ABSL_PREDICT_FALSE(position >= kMaxColumns)) return ReadElementBeyondColumns(chunk, position, place);
  return ReadColumn(chunk, position, place);
}

// Calls add(Value) for each element of a live row, in order. The values point into the chunk.
void ReadRest(const Chunk& chunk, uint32_t place, uint32_t count, absl::InlinedVector<Value, 8>* out);
template <typename Add>
inline void ForEachElement(const Chunk& chunk, uint32_t place, Add&& add) {
  const uint32_t arity = RowArity(chunk, place);
  const uint32_t in_columns = arity < kMaxColumns ? arity : kMaxColumns;
  for (uint32_t c = 0; c < in_columns; ++c) add(ReadColumn(chunk, c, place));
  if (ABSL_PREDICT_FALSE(arity > kMaxColumns)) {
    absl::InlinedVector<Value, 8> rest;
    ReadRest(chunk, place, arity - kMaxColumns, &rest);
    for (const Value& v : rest) add(v);
  }
}

// The whole row; `out` is replaced.
void ReadRow(const Chunk& chunk, uint32_t place, absl::InlinedVector<Value, 24>* out);

// Calls fn(place) for every live slot, ascending.
template <typename Fn>
inline void ForEachLive(const Chunk& chunk, Fn&& fn) {
  const uint32_t words = (chunk.capacity + 63) / 64;
  for (uint32_t w = 0; w < words; ++w) {
    for (uint64_t bits = chunk.live[w]; bits != 0; bits &= bits - 1) {
      fn(w * 64 + static_cast<uint32_t>(absl::countr_zero(bits)));
    }
  }
}

}  // namespace partita

#endif  // PARTITA_COLUMN_CHUNK_H_
