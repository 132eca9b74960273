// Terms that the machine makes: tuples, lists and maps of values, parts of strings.

#include <algorithm>
#include <cstring>

#include "match/machine.h"
#include "match/map_keys.h"
#include "term/ascii.h"

namespace partita {
namespace {

using wire::ContainerKind;

bool DepthIsAtMost(const Value& v, int limit) {
  if (v.kind != Value::Kind::kWire || !wire::IsContainer(wire::TagAt(v.data))) return true;
  // Each level takes a header.
  if (v.size <= static_cast<uint32_t>(std::max(limit, 0)) * wire::kShortHeader) return true;
  if (limit <= 0) return false;
  const wire::Container c = wire::ReadContainer(v.data);
  const uint64_t terms = uint64_t{c.count} * (c.kind == ContainerKind::kMap ? 2 : 1);
  const char* p = c.body;
  for (uint64_t i = 0; i < terms; ++i) {
    Value element;
    p = wire::ReadTerm(p, &element);
    if (!DepthIsAtMost(element, limit - 1)) return false;
  }
  return true;
}

bool IsLong(uint64_t body, uint64_t count) { return body > wire::kMaxShort || count > wire::kMaxShort; }

uint64_t SizeWithHeader(uint64_t body, uint64_t count) {
  return body + (IsLong(body, count) ? wire::kLongHeader : wire::kShortHeader);
}

// The end of what it wrote.
char* WriteHeader(ContainerKind kind, uint8_t flags, uint64_t body, uint64_t count, char* p) {
  const bool is_long = IsLong(body, count);
  *p++ = static_cast<char>(wire::kContainer | static_cast<uint8_t>(kind) << 4 | (is_long ? wire::kFlagLong : 0) |
                           flags >> 1);
  if (is_long) return wire::Store(wire::Store(p, static_cast<uint32_t>(body)), static_cast<uint32_t>(count));
  return wire::Store(wire::Store(p, static_cast<uint8_t>(body)), static_cast<uint8_t>(count));
}

}  // namespace

bool Machine::MakeSequence(ContainerKind kind, const Value* elements, size_t count, bool nested, Value* out) {
  uint64_t body = 0;
  uint8_t flags = 0;
  for (size_t i = 0; i < count; ++i) {
    body += WireSize(elements[i]);
    flags |= wire::InheritedFlags(elements[i]);
    if (nested && !DepthIsAtMost(elements[i], kMaxTermDepth - 1)) return false;
  }
  const uint64_t size = SizeWithHeader(body, count);
  if (!HasRoom(size)) return false;
  char* const start = Allocate(size);
  char* p = WriteHeader(kind, flags, body, count, start);
  for (size_t i = 0; i < count; ++i) p = WriteWire(WithAsciiFlag(elements[i]), p);
  *out = Value::Wire(start, static_cast<uint32_t>(size), flags);
  return true;
}

// Keys that are one for Python (1, 1.0 and True; the same one twice) leave no say in which value stays: it fails.
bool Machine::MakeMap(const Value* pairs, size_t count, Value* out) {
  uint64_t size = 0;
  for (size_t i = 0; i < 2 * count; ++i) {
    size += WireSize(pairs[i]) + 4;
    if (!DepthIsAtMost(pairs[i], kMaxTermDepth - 1)) return false;
  }
  if (!HasRoom(size + wire::kLongHeader)) return false;
  std::vector<Value> keys(count);
  for (size_t i = 0; i < count; ++i) keys[i] = pairs[2 * i];
  if (!CanBeKeysOfDict(keys)) return false;
  map_writer_.Clear();
  const WireWriter::Mark mark = map_writer_.Begin();
  for (size_t i = 0; i < 2 * count; ++i) map_writer_.AddValue(WithAsciiFlag(pairs[i]));
  if (!map_writer_.EndMap(mark, count).ok) return false;
  const absl::string_view bytes = map_writer_.bytes();
  char* copy = Allocate(bytes.size());
  std::memcpy(copy, bytes.data(), bytes.size());
  *out = ValueFromWire(absl::string_view(copy, bytes.size()));
  return true;
}

bool Machine::MakeBytes(absl::string_view bytes, Value* out) {
  const bool is_long = bytes.size() > wire::kMaxShort;
  const size_t size = bytes.size() + (is_long ? 5 : 2);
  if (!HasRoom(size)) return false;
  char* const start = Allocate(size);
  *start = static_cast<char>(is_long ? wire::kBytesLong : wire::kBytesShort);
  char* p = is_long ? wire::Store(start + 1, static_cast<uint32_t>(bytes.size()))
                    : wire::Store(start + 1, static_cast<uint8_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(p, bytes.data(), bytes.size());
  *out = Value::Wire(start, static_cast<uint32_t>(size), 0);
  return true;
}

// `list` without its first element, of which there is one.
bool Machine::Tail(const Value& list, Value* out) {
  const wire::Container c = wire::ReadContainer(list.data);
  const char* const rest = wire::SkipTerm(c.body);
  uint8_t flags = 0;
  Value element;
  for (const char* p = rest; p < c.end();) {
    p = wire::ReadTerm(p, &element);
    flags |= wire::InheritedFlags(element);
  }
  const size_t body = static_cast<size_t>(c.end() - rest);
  const uint64_t size = SizeWithHeader(body, c.count - 1);
  if (!HasRoom(size)) return false;
  char* const start = Allocate(size);
  char* p = WriteHeader(ContainerKind::kList, flags, body, c.count - 1, start);
  if (body != 0) std::memcpy(p, rest, body);
  *out = Value::Wire(start, static_cast<uint32_t>(size), flags);
  return true;
}

// ("binary_part", x, start, length) or ("binary_part", x, ((start, length),)): as in Erlang a negative length counts
// from start to the left. Of a str it gives a str, and fails where that would cut a character.
bool Machine::BinaryPart(const Value* arguments, uint32_t count, Value* out) {
  const Value& subject = arguments[0];
  Value start, length;
  if (count == 3) {
    start = arguments[1];
    length = arguments[2];
  } else {
    if (arguments[1].kind != Value::Kind::kWire || !wire::IsContainer(wire::TagAt(arguments[1].data))) return false;
    const wire::Container c = wire::ReadContainer(arguments[1].data);
    if (c.kind != ContainerKind::kTuple || c.count != 2) return false;
    wire::ReadTerm(wire::ReadTerm(c.body, &start), &length);
  }
  if (start.kind != Value::Kind::kInt || length.kind != Value::Kind::kInt) return false;
  const bool is_str = subject.kind == Value::Kind::kStr;
  const uint8_t tag = subject.kind == Value::Kind::kWire ? wire::TagAt(subject.data) : 0;
  if (!is_str && tag != wire::kBytesShort && tag != wire::kBytesLong) return false;
  const absl::string_view bytes = is_str ? subject.bytes() : wire::BytesContent(subject.data);
  const int64_t size = static_cast<int64_t>(bytes.size());
  if (start.i < 0 || start.i > size || length.i < -start.i || length.i > size - start.i) return false;
  const int64_t first = std::min(start.i, start.i + length.i);
  const absl::string_view part =
      bytes.substr(static_cast<size_t>(first), static_cast<size_t>(std::max(length.i, -length.i)));
  if (!is_str) return MakeBytes(part, out);
  const auto cuts = [&bytes](size_t at) {
    return at < bytes.size() && (static_cast<uint8_t>(bytes[at]) & 0xC0) == 0x80;
  };
  if (cuts(static_cast<size_t>(first)) || cuts(static_cast<size_t>(first) + part.size())) return false;
  *out = Value::Str(part.data(), static_cast<uint32_t>(part.size()), IsAscii(part));
  return true;
}

}  // namespace partita
