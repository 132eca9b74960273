#include "term/wire_writer.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "absl/container/inlined_vector.h"

namespace partita {

using wire::ContainerKind;

void WireWriter::Grow(size_t size) {
  // Headers and the table of a map come on top of a term's parts: twice the limit leaves room to find out in End().
  if (size > kMaxTermSize || this->size() + size > 2 * size_t{kMaxTermSize}) throw std::length_error("term too large");
  const size_t capacity = std::max(2 * static_cast<size_t>(end_ - begin_), this->size() + size);
  std::unique_ptr<char[]> grown(new char[capacity]);
  std::memcpy(grown.get(), begin_, this->size());
  next_ = grown.get() + this->size();
  begin_ = grown.get();
  end_ = begin_ + capacity;
  heap_ = std::move(grown);
}

void WireWriter::NoteScalar(const char* start) {
  Value v;
  wire::ReadTerm(start, &v);
  flags_ |= wire::InheritedFlags(v);
}

void WireWriter::AddValue(const Value& v) {
  WriteWire(v, Room(WireSize(v)));
  flags_ |= wire::InheritedFlags(v);
}

char* WireWriter::AddStrRoom(size_t size, bool ascii) {
  if (size <= wire::kMaxShortStr) {
    char* p = Room(1 + size);
    p[0] = static_cast<char>((ascii ? wire::kStrShortAscii : wire::kStrShort) + size);
    return p + 1;
  }
  char* p = Room(5 + size);
  p[0] = static_cast<char>(ascii ? wire::kStrLongAscii : wire::kStrLong);
  return wire::Store(p + 1, static_cast<uint32_t>(size));
}

char* WireWriter::AddBytesRoom(size_t size) {
  if (size <= wire::kMaxShort) {
    char* p = Room(2 + size);
    p[0] = wire::kBytesShort;
    return wire::Store(p + 1, static_cast<uint8_t>(size));
  }
  char* p = Room(5 + size);
  p[0] = wire::kBytesLong;
  return wire::Store(p + 1, static_cast<uint32_t>(size));
}

char* WireWriter::AddOpaqueRoom(size_t size) {
  char* p = Room(5 + size);
  p[0] = wire::kOpaque;
  flags_ |= Value::kHasOpaque;
  return wire::Store(p + 1, static_cast<uint32_t>(size));
}

char* WireWriter::AddBigRoom(bool negative, size_t size) {
  char* p = Room(5 + size);
  p[0] = static_cast<char>(negative ? wire::kBigNegative : wire::kBigPositive);
  return wire::Store(p + 1, static_cast<uint32_t>(size));
}

void WireWriter::AddAtom(absl::string_view text) {
  if (text == "nil") return AddNone();
  if (text == "false" || text == "true") return AddBool(text == "true");
  char* p = Room(3 + text.size());
  p[0] = wire::kAtom;
  p = wire::Store(p + 1, static_cast<uint16_t>(text.size()));
  std::copy(text.begin(), text.end(), p);
}

void WireWriter::AddUuid(const char* big_endian) {
  char* p = Room(17);
  p[0] = wire::kUuid;
  std::memcpy(p + 1, big_endian, 16);
}

void WireWriter::AddDate(uint32_t days) {
  char* p = Room(5);
  p[0] = wire::kDate;
  wire::Store(p + 1, days);
}

void WireWriter::AddTimedelta(int32_t days, uint32_t seconds, uint32_t microseconds) {
  char* p = Room(13);
  p[0] = wire::kTimedelta;
  wire::Store(wire::Store(wire::Store(p + 1, days), seconds), microseconds);
}

void WireWriter::AddMoment(uint8_t tag, const wire::Moment& m) {
  const size_t start = size();
  char* p = Room(9);
  p[0] = static_cast<char>(tag + static_cast<uint8_t>(m.form));
  wire::Store(p + 1, static_cast<uint64_t>(m.clock_us) << 1 | (m.fold ? 1 : 0));
  switch (m.form) {
    case wire::ZoneForm::kNaive:
    case wire::ZoneForm::kZoneNoOffset:
      break;
    case wire::ZoneForm::kSeconds:
    case wire::ZoneForm::kZone:
      wire::Store(Room(4), static_cast<int32_t>(m.offset_us / 1000000));
      break;
    case wire::ZoneForm::kMicros:
    case wire::ZoneForm::kNamed:
      wire::Store(Room(8), m.offset_us);
      break;
  }
  if (m.form >= wire::ZoneForm::kNamed) {
    p = wire::Store(Room(2 + m.name.size()), static_cast<uint16_t>(m.name.size()));
    std::copy(m.name.begin(), m.name.end(), p);
  }
  NoteScalar(begin_ + start);
}

void WireWriter::AddDecimal(const wire::DecimalParts& d, absl::string_view digits) {
  if (digits.size() > kMaxTermSize) throw std::length_error("term too large");
  const size_t start = size();
  const uint32_t count = static_cast<uint32_t>(digits.size());
  const bool long_count = count > wire::kMaxShort;
  const Value exponent = Value::Int(d.exponent);
  const uint32_t width = WireSize(exponent) - 1;
  const uint32_t width_code = width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3;
  char* p = Room(2 + width + (long_count ? 4 : 1) + count / 2 + count % 2);
  *p++ = wire::kDecimal;
  *p++ = static_cast<char>((d.negative ? 1 : 0) | static_cast<uint32_t>(d.klass) << 1 | width_code << 3 |
                           (long_count ? 32 : 0));
  std::memcpy(p, &d.exponent, width);
  p += width;
  p = long_count ? wire::Store(p, count) : wire::Store(p, static_cast<uint8_t>(count));
  for (uint32_t i = 0; i < count; i += 2) {
    const int low = i + 1 < count ? digits[i + 1] - '0' : 0;
    *p++ = static_cast<char>((digits[i] - '0') << 4 | low);
  }
  NoteScalar(begin_ + start);
}

void WireWriter::End(const Mark& mark, ContainerKind kind, size_t count) {
  const size_t body = mark.start + wire::kShortHeader;
  const size_t body_size = size() - body;
  const bool is_long = body_size > wire::kMaxShort || count > wire::kMaxShort;
  if (is_long) {
    if (body_size > kMaxTermSize - wire::kLongHeader) throw std::length_error("term too large");
    Room(wire::kLongHeader - wire::kShortHeader);
    std::memmove(begin_ + mark.start + wire::kLongHeader, begin_ + body, body_size);
  }
  char* p = begin_ + mark.start;
  *p++ = static_cast<char>(wire::kContainer | static_cast<uint8_t>(kind) << 4 | (is_long ? wire::kFlagLong : 0) |
                           flags_ >> 1);
  if (is_long) {
    wire::Store(wire::Store(p, static_cast<uint32_t>(body_size)), static_cast<uint32_t>(count));
  } else {
    wire::Store(wire::Store(p, static_cast<uint8_t>(body_size)), static_cast<uint8_t>(count));
  }
  flags_ |= mark.outer_flags;
}

namespace {

// The terms of a container under construction, by where they start.
struct Item {
  uint32_t offset;  // into the body
  uint32_t position;
};
using Items = absl::InlinedVector<Item, 16>;

// Sorts items by the term that each starts with. False if two are equal; *duplicate is then the later one's position.
bool SortItems(const char* body, Items* items, bool* was_sorted, uint32_t* duplicate) {
  const auto compare = [body](const Item& a, const Item& b) {
    Value x, y;
    wire::ReadTerm(body + a.offset, &x);
    wire::ReadTerm(body + b.offset, &y);
    return CompareExact(x, y);
  };
  const auto less = [&](const Item& a, const Item& b) {
    const int order = compare(a, b);
    return order != 0 ? order < 0 : a.position < b.position;
  };
  *was_sorted = std::is_sorted(items->begin(), items->end(), less);
  if (!*was_sorted) std::sort(items->begin(), items->end(), less);
  for (size_t i = 1; i < items->size(); ++i) {
    if (compare((*items)[i - 1], (*items)[i]) == 0) {
      *duplicate = (*items)[i].position;
      return false;
    }
  }
  return true;
}

// The starts of `count` items of `terms` terms each.
Items ListItems(const char* body, size_t count, int terms) {
  Items items(count);
  const char* p = body;
  for (size_t i = 0; i < count; ++i) {
    items[i] = Item{static_cast<uint32_t>(p - body), static_cast<uint32_t>(i)};
    for (int t = 0; t < terms; ++t) p = wire::SkipTerm(p);
  }
  return items;
}

}  // namespace

WireWriter::Sorted WireWriter::EndMap(const Mark& mark, size_t count) {
  const size_t body = mark.start + wire::kShortHeader;
  const size_t pairs_size = size() - body;
  if (pairs_size > kMaxTermSize) throw std::length_error("term too large");
  Items items = ListItems(begin_ + body, count, 2);
  Sorted result;
  bool was_sorted;
  if (!SortItems(begin_ + body, &items, &was_sorted, &result.duplicate)) {
    result.ok = false;
    return result;
  }
  if (!was_sorted) flags_ |= Value::kNonCanonical;
  if (count <= wire::kMaxShort && pairs_size + count <= wire::kMaxShort) {
    char* table = Room(count);
    for (const Item& item : items) table = wire::Store(table, static_cast<uint8_t>(item.offset));
  } else {
    char* table = Room(4 * count);
    for (const Item& item : items) table = wire::Store(table, item.offset);
  }
  End(mark, ContainerKind::kMap, count);
  return result;
}

WireWriter::Sorted WireWriter::EndSet(const Mark& mark, size_t count, bool frozen) {
  const size_t body = mark.start + wire::kShortHeader;
  const size_t body_size = size() - body;
  if (body_size > kMaxTermSize) throw std::length_error("term too large");
  Items items = ListItems(begin_ + body, count, 1);
  Sorted result;
  bool was_sorted;
  if (!SortItems(begin_ + body, &items, &was_sorted, &result.duplicate)) {
    result.ok = false;
    return result;
  }
  if (!was_sorted) {
    std::unique_ptr<char[]> sorted(new char[body_size]);
    char* p = sorted.get();
    for (const Item& item : items) {
      const char* from = begin_ + body + item.offset;
      p = std::copy(from, wire::SkipTerm(from), p);
    }
    std::memcpy(begin_ + body, sorted.get(), body_size);
  }
  if (!frozen) flags_ |= Value::kNonCanonical;
  End(mark, frozen ? ContainerKind::kFrozenset : ContainerKind::kSet, count);
  return result;
}

}  // namespace partita
