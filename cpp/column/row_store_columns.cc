// Columns of a chunk: kinds, validity, and the two steps of a write.

#include <algorithm>
#include <cassert>
#include <new>

#include "column/row_store.h"
#include "term/ascii.h"
#include "term/wire.h"

namespace partita {
namespace {

inline ColumnKind NativeKind(const Value& v) {
  static constexpr ColumnKind kKinds[] = {ColumnKind::kCell, ColumnKind::kInt, ColumnKind::kFloat, ColumnKind::kStr,
                                          ColumnKind::kCell};  // in the order of Value::Kind
  return kKinds[static_cast<size_t>(v.kind)];
}

// The longest string whose wire form fits in a cell: one byte of tag.
constexpr uint32_t kMaxInlineStrInCell = Cell::kInlineBytes - 1;

// Whether `v` needs bytes in the heap when stored in a column of `kind`.
bool IsLong(ColumnKind kind, const Value& v) {
  if (v.kind == Value::Kind::kStr) {
    return v.size > (kind == ColumnKind::kStr ? StrRef::kInlineBytes : kMaxInlineStrInCell);
  }
  return v.kind == Value::Kind::kWire && v.size > Cell::kInlineBytes;
}

Cell InlineCell(const Value& v) {
  Cell cell{};
  cell.head = static_cast<uint8_t>(WriteWire(WithAsciiFlag(v), cell.inline_data()) - cell.inline_data());
  assert(cell.head <= Cell::kInlineBytes);
  return cell;
}

Cell LongCell(uint8_t head, uint32_t size, HeapRef ref) {
  Cell cell{};
  cell.head = head;
  cell.size = size;
  cell.ref = ref;
  return cell;
}

// The prepared bytes of a column; there are only a few.
const PendingRef& RefOf(const PendingRefs& refs, uint32_t column) {
  for (const PendingRef& ref : refs) {
    if (ref.column == column) return ref;
  }
  assert(false);
  return refs.front();
}

StrRef LongStr(uint32_t size, const char* bytes, HeapRef ref) {
  StrRef s;
  s.size = size;
  std::memcpy(s.prefix, bytes, sizeof(s.prefix));
  s.ref = ref;
  return s;
}

StrRef InlineStr(uint32_t size, const char* bytes) {
  StrRef s{};
  s.size = size;
  char* out = s.inline_data();
  if (size >= 8) {  // two overlapping moves instead of a call
    std::memcpy(out, bytes, 8);
    std::memcpy(out + size - 8, bytes + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(out, bytes, 4);
    std::memcpy(out + size - 4, bytes + size - 4, 4);
  } else {
    for (uint32_t i = 0; i < size; ++i) out[i] = bytes[i];
  }
  return s;
}

}  // namespace

uint64_t* RowStore::NewBitmap(uint32_t bits) {
  const size_t bytes = (bits + 63) / 64 * sizeof(uint64_t);
  void* bitmap = NewBlock(bytes);
  std::memset(bitmap, 0, bytes);
  return static_cast<uint64_t*>(bitmap);
}

// --- Kinds.

void RowStore::MakeArray(Chunk* chunk, uint32_t index, ColumnKind kind, bool fresh) {
  Column& column = chunk->columns[index];
  // A slot just claimed is live already; if other rows are, they have no value here.
  const bool others = !fresh || chunk->live_count > 1;
  uint64_t* valid = others ? NewBitmap(chunk->capacity) : nullptr;
  try {
    column.data = NewArray(kind, chunk->capacity);
  } catch (...) {
    Retire(valid);
    throw;
  }
  column.valid = valid;
  column.birth = epoch_;
  column.kind = kind;
  column.all_ascii = true;
}

void RowStore::MakeValidity(Chunk* chunk, uint32_t index) {
  Column& column = chunk->columns[index];
  column.valid = NewBitmap(chunk->capacity);
  std::memset(column.valid, 0xFF, (chunk->capacity + 63) / 64 * sizeof(uint64_t));
}

void RowStore::CopyArray(Chunk* chunk, uint32_t index) {
  Column& column = chunk->columns[index];
  const size_t bytes = ElementBytes(column.kind) * chunk->capacity;
  uint64_t* valid = nullptr;
  if (column.valid != nullptr) {
    valid = NewBitmap(chunk->capacity);
    std::memcpy(valid, column.valid, (chunk->capacity + 63) / 64 * sizeof(uint64_t));
  }
  void* data;
  try {
    data = NewArray(column.kind, chunk->capacity);
  } catch (...) {
    Retire(valid);
    throw;
  }
  std::memcpy(data, column.data, bytes);
  Retire(column.data);
  Retire(column.valid);
  column.data = data;
  column.valid = valid;
  column.birth = epoch_;
}

void RowStore::ConvertToCells(Chunk* chunk, uint32_t index, uint32_t skip) {
  Column& column = chunk->columns[index];
  Cell* cells = static_cast<Cell*>(NewArray(ColumnKind::kCell, chunk->capacity));
  std::memset(static_cast<void*>(cells), 0, chunk->capacity * sizeof(Cell));
  uint64_t* valid = nullptr;
  if (column.valid != nullptr) {
    try {
      valid = NewBitmap(chunk->capacity);
    } catch (...) {
      Retire(cells);
      throw;
    }
    std::memcpy(valid, column.valid, (chunk->capacity + 63) / 64 * sizeof(uint64_t));
  }
  ForEachLive(*chunk, [&](uint32_t place) {
    if (place == skip || !HasValue(column, place)) return;
    const Value v = ReadColumn(*chunk, index, place);
    if (column.kind != ColumnKind::kStr || v.size <= kMaxInlineStrInCell) {
      cells[place] = InlineCell(v);
      if (column.kind == ColumnKind::kStr) NoteDeadAt(chunk, column, place);
    } else {
      cells[place] = LongCell(AllAscii(v) ? Cell::kLongAsciiStr : Cell::kLongStr, v.size, column.strs()[place].ref);
    }
  });
  Retire(column.data);
  Retire(column.valid);
  column.data = cells;
  column.valid = valid;
  column.birth = epoch_;
  column.kind = ColumnKind::kCell;
}

// Gives the column an array that can hold `needed` and that no pin can see. A fresh row has nothing at its place yet.
void RowStore::MakeColumnFit(Chunk* chunk, uint32_t index, uint32_t place, ColumnKind needed, bool fresh) {
  Column& column = chunk->columns[index];
  if (column.kind == ColumnKind::kEmpty) {
    MakeArray(chunk, index, needed, fresh);
  } else if (column.kind != needed && column.kind != ColumnKind::kCell) {
    ConvertToCells(chunk, index, fresh ? place : kChunkSlots);
  } else if (ColumnPinned(column, index)) {
    CopyArray(chunk, index);
  }
}

bool RowStore::HoldsAlready(const Chunk& chunk, uint32_t index, uint32_t place, const Value& value) const {
  const Column& column = chunk.columns[index];
  if (!HasValue(column, place)) return value.kind == Value::Kind::kNone;
  // A long value must have prepared bytes: it is stored after all if the pin has gone, or the array was copied, by
  // then.
  if (value.kind == Value::Kind::kNone || IsLong(column.kind, value)) return false;
  switch (column.kind) {
    case ColumnKind::kInt:
      return value.kind == Value::Kind::kInt && column.ints()[place] == value.i;
    case ColumnKind::kFloat:
      return value.kind == Value::Kind::kFloat && column.ints()[place] == value.i;  // the bits
    case ColumnKind::kStr:
      return value.kind == Value::Kind::kStr && ReadStr(chunk, column, place).bytes() == value.bytes();
    case ColumnKind::kCell: {
      const Cell cell = InlineCell(value);
      return std::memcmp(&cell, &column.cells()[place], sizeof(Cell)) == 0;
    }
    case ColumnKind::kEmpty:
      break;
  }
  return false;
}

// --- Prepare.

void RowStore::PrepareArity(Chunk* chunk, uint32_t place, uint32_t arity) {
  if (ABSL_PREDICT_TRUE(chunk->arity == arity)) return;
  const size_t bytes = chunk->capacity * sizeof(uint16_t);
  if (chunk->arity != kMixedArity) {
    uint16_t* arities = static_cast<uint16_t*>(NewBlock(bytes));
    std::fill_n(arities, chunk->capacity, chunk->arity);
    chunk->arities = arities;
    chunk->arity = kMixedArity;
  } else if (chunk->arities == nullptr) {
    chunk->arity = static_cast<uint16_t>(arity);  // the first row of the chunk
  } else if (Pinned(BlockOf(chunk->arities)->birth) && chunk->arities[place] != arity) {
    void* arities = NewBlock(bytes);
    std::memcpy(arities, chunk->arities, bytes);
    Retire(chunk->arities);
    chunk->arities = static_cast<uint16_t*>(arities);
  }
}

void RowStore::PrepareNone(Chunk* chunk, uint32_t index, uint32_t place, bool fresh) {
  Column& column = chunk->columns[index];
  if (column.kind == ColumnKind::kEmpty) return;
  if (ColumnPinned(column, index)) {
    if (!fresh && !HasValue(column, place)) return;
    CopyArray(chunk, index);
  }
  if (column.valid == nullptr) MakeValidity(chunk, index);
  if (fresh) ClearBit(column.valid, place);
}

void RowStore::PrepareValue(Chunk* chunk, uint32_t index, uint32_t place, const Value& value, bool fresh,
                            PendingRefs* refs) {
  if (value.kind == Value::Kind::kNone) {
    PrepareNone(chunk, index, place, fresh);
    return;
  }
  Column& column = chunk->columns[index];
  const ColumnKind needed = NativeKind(value);
  if (ABSL_PREDICT_FALSE(column.kind != needed || ColumnPinned(column, index))) {
    if (!fresh && ColumnPinned(column, index) && HoldsAlready(*chunk, index, place, value)) return;
    MakeColumnFit(chunk, index, place, needed, fresh);
  }
  if (fresh && ElementBytes(column.kind) == 16) {
    // What an earlier row left here means nothing; an empty string or cell can be read until the row is stored.
    std::memset(static_cast<char*>(column.data) + place * size_t{16}, 0, 16);
  }
  if (ABSL_PREDICT_FALSE(IsLong(column.kind, value))) {
    refs->reserve(refs->size() + 1);
    refs->push_back(PendingRef{index, value.size, AppendToHeap(chunk, value.data, value.size)});
  }
}

void RowStore::PrepareRest(Chunk* chunk, uint32_t place, absl::Span<const Value> values, bool fresh,
                           PendingRefs* refs) {
  MakeColumnFit(chunk, kRestColumn, place, ColumnKind::kCell, fresh);
  if (fresh) std::memset(static_cast<void*>(chunk->columns[kRestColumn].cells() + place), 0, sizeof(Cell));
  uint64_t size = 0;
  for (const Value& v : values) size += WireSize(v);
  if (size > kMaxRestBytes) throw std::bad_alloc();  // whoever takes rows from outside has said so in words
  refs->reserve(refs->size() + 1);
  HeapRef ref;
  char* out = ReserveInHeap(chunk, static_cast<uint32_t>(size), &ref);
  for (const Value& v : values) out = WriteWire(WithAsciiFlag(v), out);
  refs->push_back(PendingRef{kRestColumn, static_cast<uint32_t>(size), ref});
}

void RowStore::PrepareRow(Slot slot, absl::Span<const Value> values, bool fresh, PendingRefs* refs) {
  const uint32_t number = slot >> kChunkShift;
  const uint32_t place = slot & kChunkMask;
  const uint32_t arity = static_cast<uint32_t>(values.size());
  const uint32_t in_columns = std::min(arity, kMaxColumns);
  const uint32_t needed = arity > kMaxColumns ? kRestColumn + 1 : arity;
  Chunk* chunk = WritableChunk(number);
  if (ABSL_PREDICT_FALSE(chunk->column_count < needed)) chunk = CopyHeader(number, needed);
  PrepareArity(chunk, place, arity);
  for (uint32_t c = 0; c < in_columns; ++c) PrepareValue(chunk, c, place, values[c], fresh, refs);
  for (uint32_t c = in_columns; c < chunk->column_count && c < kRestColumn; ++c) PrepareNone(chunk, c, place, fresh);
  if (ABSL_PREDICT_FALSE(chunk->column_count > kRestColumn)) {
    if (arity > kMaxColumns) {
      PrepareRest(chunk, place, values.subspan(kMaxColumns), fresh, refs);
    } else {
      PrepareNone(chunk, kRestColumn, place, fresh);
    }
  }
}

void RowStore::PrepareElement(Slot slot, uint32_t position, const Value& value, PendingRefs* refs) {
  PrepareValue(WritableChunk(slot >> kChunkShift), position, slot & kChunkMask, value, /*fresh=*/false, refs);
}

void RowStore::AbandonRefs(Slot slot, const PendingRefs& refs) {
  Chunk* chunk = chunks_[slot >> kChunkShift];
  for (const PendingRef& ref : refs) NoteDead(chunk, ref.ref, ref.size);
}

// --- Store.

void RowStore::StoreNone(Chunk* chunk, uint32_t index, uint32_t place, bool fresh) {
  Column& column = chunk->columns[index];
  if (column.kind == ColumnKind::kEmpty || ColumnPinned(column, index)) return;  // pinned: it has none already
  if (!fresh) NoteDeadAt(chunk, column, place);
  ClearBit(column.valid, place);
}

void RowStore::StoreValue(Chunk* chunk, uint32_t index, uint32_t place, const Value& value, const PendingRefs& refs,
                          bool fresh) {
  if (value.kind == Value::Kind::kNone) {
    StoreNone(chunk, index, place, fresh);
    return;
  }
  Column& column = chunk->columns[index];
  if (ColumnPinned(column, index)) return;  // Prepare found that it holds the value already
  switch (column.kind) {
    case ColumnKind::kInt:
      column.ints()[place] = value.i;
      break;
    case ColumnKind::kFloat:
      column.floats()[place] = value.f;
      break;
    case ColumnKind::kStr:
      if (!fresh) NoteDeadAt(chunk, column, place);
      if (ABSL_PREDICT_TRUE(value.size <= StrRef::kInlineBytes)) {
        column.strs()[place] = InlineStr(value.size, value.data);
      } else {
        column.strs()[place] = LongStr(value.size, value.data, RefOf(refs, index).ref);
      }
      if (ABSL_PREDICT_FALSE(!(value.flags & Value::kAscii))) column.all_ascii = false;
      break;
    case ColumnKind::kCell: {
      if (!fresh) NoteDeadAt(chunk, column, place);
      Cell& cell = column.cells()[place];
      if (IsLong(ColumnKind::kCell, value)) {
        const uint8_t head = value.kind != Value::Kind::kStr ? Cell::kLongWire
                             : AllAscii(value)               ? Cell::kLongAsciiStr
                                                             : Cell::kLongStr;
        cell = LongCell(head, value.size, RefOf(refs, index).ref);
      } else {
        cell = InlineCell(value);
        // The column was one of strings when this was prepared, and a string of 13 or 14 bytes was long there.
        if (value.kind == Value::Kind::kStr && value.size > StrRef::kInlineBytes) {
          for (const PendingRef& ref : refs) {
            if (ref.column == index) NoteDead(chunk, ref.ref, ref.size);
          }
        }
      }
      break;
    }
    case ColumnKind::kEmpty:
      assert(false);
      break;
  }
  if (column.valid != nullptr) SetBit(column.valid, place);
}

void RowStore::StoreRow(Slot slot, absl::Span<const Value> values, const PendingRefs& refs, bool fresh) {
  Chunk* chunk = chunks_[slot >> kChunkShift];
  const uint32_t place = slot & kChunkMask;
  const uint32_t arity = static_cast<uint32_t>(values.size());
  const uint32_t in_columns = std::min(arity, kMaxColumns);
  if (ABSL_PREDICT_FALSE(chunk->arity == kMixedArity) && chunk->arities[place] != arity) {
    chunk->arities[place] = static_cast<uint16_t>(arity);
  }
  for (uint32_t c = 0; c < in_columns; ++c) StoreValue(chunk, c, place, values[c], refs, fresh);
  for (uint32_t c = in_columns; c < chunk->column_count && c < kRestColumn; ++c) StoreNone(chunk, c, place, fresh);
  if (ABSL_PREDICT_FALSE(chunk->column_count > kRestColumn)) {
    if (arity > kMaxColumns) {
      Column& column = chunk->columns[kRestColumn];
      if (!fresh) NoteDeadAt(chunk, column, place);
      const PendingRef& ref = RefOf(refs, kRestColumn);
      column.cells()[place] = LongCell(Cell::kRaw, ref.size, ref.ref);
      if (column.valid != nullptr) SetBit(column.valid, place);
    } else {
      StoreNone(chunk, kRestColumn, place, fresh);
    }
  }
}

bool RowStore::StoreRowInPlace(Slot slot, absl::Span<const Value> values, bool fresh) {
  Chunk* chunk = chunks_[slot >> kChunkShift];
  const uint32_t place = slot & kChunkMask;
  const uint32_t arity = static_cast<uint32_t>(values.size());
  if (Pinned(chunk->birth) || chunk->arity != arity || chunk->column_count != arity) return false;
  const Value* const row = values.data();
  for (uint32_t c = 0; c < arity; ++c) {
    const Column& column = chunk->columns[c];
    const Value& v = row[c];
    if (column.kind != NativeKind(v)) return false;
    if (ColumnPinned(column, c)) {
      if (fresh || !HoldsAlready(*chunk, c, place, v)) return false;
    } else if (column.kind >= ColumnKind::kStr) {
      if (column.kind == ColumnKind::kCell || v.size > StrRef::kInlineBytes) return false;
      if (!fresh && column.strs()[place].is_long()) return false;
    }
  }
  for (uint32_t c = 0; c < arity; ++c) {
    Column& column = chunk->columns[c];
    const Value& v = row[c];
    if (ColumnPinned(column, c)) continue;
    if (column.kind == ColumnKind::kStr) {
      column.strs()[place] = InlineStr(v.size, v.data);
      if (ABSL_PREDICT_FALSE(!(v.flags & Value::kAscii))) column.all_ascii = false;
    } else {
      column.ints()[place] = v.i;  // a float's bits as well
    }
    if (column.valid != nullptr) SetBit(column.valid, place);
  }
  return true;
}

void RowStore::StoreElement(Slot slot, uint32_t position, const Value& value, const PendingRefs& refs) {
  StoreValue(chunks_[slot >> kChunkShift], position, slot & kChunkMask, value, refs, /*fresh=*/false);
}

}  // namespace partita
