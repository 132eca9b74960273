#include <algorithm>
#include <cstring>

#include "column/chunk.h"
#include "file/bytes.h"
#include "file/row_group.h"
#include "term/ascii.h"
#include "term/wire.h"

namespace partita {
namespace {

uint64_t BytesOf(const Value& v) {
  return v.kind == Value::Kind::kStr || v.kind == Value::Kind::kWire ? v.size : sizeof(uint64_t);
}

// The elements of a row that are beyond its columns, as they lie there: wire forms one after the other.
absl::string_view RestOf(const RowPlace& place) {
  const Cell& cell = place.chunk->columns[kRestColumn].cells()[place.place];
  return absl::string_view(HeapBytes(*place.chunk, cell.ref), cell.size);
}

uint32_t ArityOf(const RowPlace& place) { return RowArity(*place.chunk, place.place); }

uint64_t BytesOfRow(const RowPlace& place) {
  const uint32_t arity = ArityOf(place);
  uint64_t bytes = arity > kMaxColumns ? RestOf(place).size() : 0;
  for (uint32_t c = 0; c < std::min(arity, kMaxColumns); ++c)
    bytes += BytesOf(ReadColumn(*place.chunk, c, place.place));
  return bytes;
}

GroupColumn KindFor(absl::Span<const Value> values) {
  GroupColumn kind = GroupColumn::kNone;
  for (const Value& v : values) {
    GroupColumn own = GroupColumn::kTerm;
    switch (v.kind) {
      case Value::Kind::kNone:
        continue;
      case Value::Kind::kInt:
        own = GroupColumn::kInt;
        break;
      case Value::Kind::kFloat:
        own = GroupColumn::kFloat;
        break;
      case Value::Kind::kStr:
        own = (v.flags & Value::kAscii) != 0 ? GroupColumn::kAsciiStr : GroupColumn::kStr;
        break;
      case Value::Kind::kWire:
        break;
    }
    const bool strings = (kind == GroupColumn::kAsciiStr || kind == GroupColumn::kStr) &&
                         (own == GroupColumn::kAsciiStr || own == GroupColumn::kStr);
    if (kind == GroupColumn::kNone || kind == own) {
      kind = own;
    } else if (strings) {
      kind = GroupColumn::kStr;
    } else {
      return GroupColumn::kTerm;
    }
  }
  return kind;
}

// Room for `size` bytes more.
char* Grow(size_t size, std::string* out) {
  const size_t end = out->size();
  out->resize(end + size);
  return out->data() + end;
}

}  // namespace

void RowGroupEncoder::FindRuns(absl::Span<const RowPlace> places) {
  runs_.clear();
  for (size_t begin = 0, end = 0; begin < places.size(); begin = end) {
    const auto [chunk, first] = places[begin];
    bool dense = true;
    for (; end < places.size() && places[end].chunk == chunk; ++end) dense &= places[end].place - first == end - begin;
    runs_.push_back(Run{chunk, places.subspan(begin, end - begin), dense});
  }
}

uint64_t RowGroupEncoder::BytesOfRun(const Run& run) {
  const Chunk& chunk = *run.chunk;
  uint64_t bytes = 0;
  if (chunk.arity == kMixedArity || chunk.arity > kMaxColumns) {
    for (const RowPlace& place : run.places) bytes += BytesOfRow(place);
    return bytes;
  }
  for (uint32_t c = 0; c < chunk.arity; ++c) {
    const Column& column = chunk.columns[c];
    if (column.kind == ColumnKind::kStr && column.valid == nullptr) {
      for (const RowPlace& place : run.places) bytes += column.strs()[place.place].size;
    } else if (column.kind == ColumnKind::kStr || column.kind == ColumnKind::kCell) {
      for (const RowPlace& place : run.places) bytes += BytesOf(ReadColumn(chunk, c, place.place));
    } else {
      bytes += run.places.size() * sizeof(uint64_t);
    }
  }
  return bytes;
}

// How many of the first rows go into a group.
size_t RowGroupEncoder::FindRowsOfGroup(absl::Span<const RowPlace> places) {
  FindRuns(places);
  uint64_t bytes = 0;
  for (const Run& run : runs_) bytes += BytesOfRun(run);
  if (bytes <= kGroupBytes) return places.size();
  size_t rows = 0;
  bytes = 0;
  while (rows < places.size() && (bytes += BytesOfRow(places[rows])) <= kGroupBytes) ++rows;
  rows = std::max<size_t>(rows, 1);
  FindRuns(places.subspan(0, rows));
  return rows;
}

size_t RowGroupEncoder::Encode(absl::Span<const RowPlace> places, std::string* out) {
  places = places.subspan(0, kMaxGroupRows);
  places = places.subspan(0, FindRowsOfGroup(places));
  const uint32_t arity = ArityOf(places[0]);
  bool uniform = true;
  uint32_t most = 0;
  for (const Run& run : runs_) {
    // Where a chunk's rows are as long as each other, one tells for all.
    const absl::Span<const RowPlace> told = run.chunk->arity == kMixedArity ? run.places : run.places.subspan(0, 1);
    for (const RowPlace& place : told) {
      uniform &= ArityOf(place) == arity;
      most = std::max(most, ArityOf(place));
    }
  }
  PutNumber(static_cast<uint32_t>(places.size()), out);
  PutNumber(uniform ? arity : uint32_t{0}, out);
  PutNumber(std::min(most, kMaxGroupColumns), out);
  if (!uniform) {
    for (const RowPlace& place : places) PutNumber(static_cast<uint16_t>(ArityOf(place)), out);
  }
  for (uint32_t c = 0; c < std::min(most, kMaxColumns); ++c) {
    const GroupColumn kind = NativeKind(c);
    if (kind == GroupColumn::kTerm) {
      EncodeValues(places, c, out);
    } else {
      EncodeNative(places.size(), c, kind, out);
    }
  }
  if (most > kMaxColumns) EncodeRest(places, out);
  return places.size();
}

// The kind of a column that lies in all chunks as it is written, with a value in every row. kTerm: it does not, or has
// to be looked at.
GroupColumn RowGroupEncoder::NativeKind(uint32_t c) const {
  GroupColumn kind = GroupColumn::kNone;
  for (const Run& run : runs_) {
    if (run.chunk->arity <= c || run.chunk->columns[c].valid != nullptr) return GroupColumn::kTerm;
    const Column& column = run.chunk->columns[c];
    GroupColumn own = GroupColumn::kTerm;
    if (column.kind == ColumnKind::kInt) own = GroupColumn::kInt;
    if (column.kind == ColumnKind::kFloat) own = GroupColumn::kFloat;
    if (column.kind == ColumnKind::kStr) own = column.all_ascii ? GroupColumn::kAsciiStr : GroupColumn::kStr;
    if (own == GroupColumn::kTerm || (kind != GroupColumn::kNone && kind != own)) return GroupColumn::kTerm;
    kind = own;
  }
  return kind;
}

void RowGroupEncoder::EncodeNative(size_t rows, uint32_t c, GroupColumn kind, std::string* out) const {
  PutNumber(static_cast<uint8_t>(kind), out);
  PutNumber(uint8_t{0}, out);  // no bitmap
  if (kind == GroupColumn::kInt || kind == GroupColumn::kFloat) {
    char* to = Grow(rows * sizeof(uint64_t), out);
    for (const Run& run : runs_) {
      const char* const from = static_cast<const char*>(run.chunk->columns[c].data);
      if (run.dense) {
        std::memcpy(to, from + run.places[0].place * sizeof(uint64_t), run.places.size() * sizeof(uint64_t));
        to += run.places.size() * sizeof(uint64_t);
        continue;
      }
      for (const RowPlace& place : run.places) {
        std::memcpy(to, from + place.place * sizeof(uint64_t), sizeof(uint64_t));
        to += sizeof(uint64_t);
      }
    }
    return;
  }
  char* to = Grow(rows * sizeof(uint32_t), out);
  size_t bytes = 0;
  for (const Run& run : runs_) {
    const StrRef* const strs = run.chunk->columns[c].strs();
    for (const RowPlace& place : run.places) {
      std::memcpy(to, &strs[place.place].size, sizeof(uint32_t));
      to += sizeof(uint32_t);
      bytes += strs[place.place].size;
    }
  }
  // Short strings are copied at their full width; the next one goes over what was too much.
  to = Grow(bytes + StrRef::kInlineBytes, out);
  for (const Run& run : runs_) {
    const StrRef* const strs = run.chunk->columns[c].strs();
    for (const RowPlace& place : run.places) {
      const StrRef& s = strs[place.place];
      if (s.is_long()) {
        std::memcpy(to, HeapBytes(*run.chunk, s.ref), s.size);
      } else {
        std::memcpy(to, s.inline_data(), StrRef::kInlineBytes);
      }
      to += s.size;
    }
  }
  out->resize(out->size() - StrRef::kInlineBytes);
}

// Of any kind.
void RowGroupEncoder::EncodeValues(absl::Span<const RowPlace> places, uint32_t c, std::string* out) {
  values_.clear();
  for (const RowPlace& place : places) {
    values_.push_back(c < ArityOf(place) ? ReadColumn(*place.chunk, c, place.place) : Value::None());
  }
  const absl::Span<const Value> values = values_;
  const GroupColumn kind = KindFor(values);
  PutNumber(static_cast<uint8_t>(kind), out);
  if (kind == GroupColumn::kNone) return;
  const bool holes =
      std::any_of(values.begin(), values.end(), [](const Value& v) { return v.kind == Value::Kind::kNone; });
  PutNumber(static_cast<uint8_t>(holes), out);
  if (holes) {
    const size_t begin = out->size();
    out->resize(begin + (values.size() + 7) / 8);
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i].kind != Value::Kind::kNone) (*out)[begin + i / 8] |= static_cast<char>(1 << (i % 8));
    }
  }
  switch (kind) {
    case GroupColumn::kNone:
      break;
    case GroupColumn::kInt:
    case GroupColumn::kFloat:  // a float's bits are where an int's are
      for (const Value& v : values) {
        if (v.kind != Value::Kind::kNone) PutNumber(v.i, out);
      }
      break;
    case GroupColumn::kAsciiStr:
    case GroupColumn::kStr:
      for (const Value& v : values) {
        if (v.kind != Value::Kind::kNone) PutNumber(v.size, out);
      }
      for (const Value& v : values) {
        if (v.kind != Value::Kind::kNone) out->append(v.data, v.size);
      }
      break;
    case GroupColumn::kTerm:
      for (const Value& v : values) {
        if (v.kind != Value::Kind::kNone) PutNumber(WireSize(v), out);
      }
      for (const Value& v : values) {
        if (v.kind != Value::Kind::kNone) AppendWire(WithAsciiFlag(v), out);
      }
      break;
  }
}

void RowGroupEncoder::EncodeRest(absl::Span<const RowPlace> places, std::string* out) {
  for (const RowPlace& place : places) {
    if (ArityOf(place) > kMaxColumns) PutNumber(static_cast<uint32_t>(RestOf(place).size()), out);
  }
  for (const RowPlace& place : places) {
    if (ArityOf(place) > kMaxColumns) out->append(RestOf(place).data(), RestOf(place).size());
  }
}

}  // namespace partita
