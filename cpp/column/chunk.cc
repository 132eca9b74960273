#include "column/chunk.h"

#include <cassert>

#include "term/wire.h"

namespace partita {

Value ReadCell(const Chunk& chunk, const Cell& cell) {
  if (ABSL_PREDICT_TRUE(!cell.is_long())) {
    // An empty cell is one that was claimed and not stored yet.
    if (cell.head == 0) return Value::None();
    return ValueFromWire(absl::string_view(cell.inline_data(), cell.head));
  }
  const char* data = HeapBytes(chunk, cell.ref);
  if (cell.head == Cell::kLongWire) return ValueFromWire(absl::string_view(data, cell.size));
  return Value::Str(data, cell.size, cell.head == Cell::kLongAsciiStr);
}

void ReadRest(const Chunk& chunk, uint32_t place, uint32_t count, absl::InlinedVector<Value, 8>* out) {
  const Cell& cell = chunk.columns[kRestColumn].cells()[place];
  const char* data = HeapBytes(chunk, cell.ref);
  for (uint32_t i = 0; i < count; ++i) {
    Value v;
    data = wire::ReadTerm(data, &v);
    out->push_back(v);
  }
  assert(data == HeapBytes(chunk, cell.ref) + cell.size);
}

Value ReadElementBeyondColumns(const Chunk& chunk, uint32_t position, uint32_t place) {
  const char* data = HeapBytes(chunk, chunk.columns[kRestColumn].cells()[place].ref);
  Value v;
  for (uint32_t i = kMaxColumns; i <= position; ++i) data = wire::ReadTerm(data, &v);
  return v;
}

void ReadRow(const Chunk& chunk, uint32_t place, absl::InlinedVector<Value, 24>* out) {
  out->clear();
  ForEachElement(chunk, place, [out](const Value& v) { out->push_back(v); });
}

}  // namespace partita
