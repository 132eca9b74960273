#include "term/value.h"

#include <cmath>

#include "term/wire.h"

namespace partita {

namespace {

constexpr char kTrueWire[] = {wire::kTrue};
constexpr char kFalseWire[] = {wire::kFalse};

uint32_t IntWidth(int64_t i) {
  if (i == static_cast<int8_t>(i)) return 1;
  if (i == static_cast<int16_t>(i)) return 2;
  if (i == static_cast<int32_t>(i)) return 4;
  return 8;
}

char* WriteInt(int64_t i, char* out) {
  switch (IntWidth(i)) {
    case 1:
      *out++ = wire::kInt8;
      *out++ = static_cast<char>(i);
      return out;
    case 2:
      *out++ = wire::kInt16;
      return wire::Store(out, static_cast<int16_t>(i));
    case 4:
      *out++ = wire::kInt32;
      return wire::Store(out, static_cast<int32_t>(i));
    default:
      *out++ = wire::kInt64;
      return wire::Store(out, i);
  }
}

}  // namespace

Value BoolValue(bool b) { return Value::Wire(b ? kTrueWire : kFalseWire, 1, 0); }

bool IsBool(const Value& v, bool* out) {
  if (v.kind != Value::Kind::kWire) return false;
  const uint8_t tag = wire::TagAt(v.data);
  if (tag != wire::kTrue && tag != wire::kFalse) return false;
  *out = tag == wire::kTrue;
  return true;
}

Value ValueFromWire(absl::string_view wire) {
  Value v;
  wire::ReadTerm(wire.data(), &v);
  return v;
}

uint32_t WireSize(const Value& v) {
  switch (v.kind) {
    case Value::Kind::kNone:
      return 1;
    case Value::Kind::kInt:
      return 1 + IntWidth(v.i);
    case Value::Kind::kFloat:
      return 9;
    case Value::Kind::kStr:
      return (v.size <= wire::kMaxShortStr ? 1 : 5) + v.size;
    case Value::Kind::kWire:
      return v.size;
  }
  return 0;
}

char* WriteWire(const Value& v, char* out) {
  switch (v.kind) {
    case Value::Kind::kNone:
      *out++ = wire::kNil;
      return out;
    case Value::Kind::kInt:
      return WriteInt(v.i, out);
    case Value::Kind::kFloat:
      *out++ = wire::kFloat;
      return wire::Store(out, v.f);
    case Value::Kind::kStr: {
      const bool ascii = (v.flags & Value::kAscii) != 0;
      if (v.size <= wire::kMaxShortStr) {
        *out++ = static_cast<char>((ascii ? wire::kStrShortAscii : wire::kStrShort) + v.size);
      } else {
        *out++ = ascii ? wire::kStrLongAscii : wire::kStrLong;
        out = wire::Store(out, v.size);
      }
      break;
    }
    case Value::Kind::kWire:
      break;
  }
  if (v.size != 0) std::memcpy(out, v.data, v.size);
  return out + v.size;
}

void AppendWire(const Value& v, std::string* out) {
  const size_t start = out->size();
  out->resize(start + WireSize(v));
  WriteWire(v, out->data() + start);
}

bool ExactlyEqualSlow(const Value& a, const Value& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Value::Kind::kNone:
      return true;
    case Value::Kind::kInt:
      return a.i == b.i;
    case Value::Kind::kFloat:
      return a.f == b.f || (std::isnan(a.f) && std::isnan(b.f));
    case Value::Kind::kStr:
      return a.bytes() == b.bytes();
    case Value::Kind::kWire:
      if (((a.flags | b.flags) & Value::kNonCanonical) == 0) return a.bytes() == b.bytes();
      return CompareExact(a, b) == 0;
  }
  return false;
}

}  // namespace partita
