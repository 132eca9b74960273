#include "absl/base/macros.h"
#include "term/wire.h"

namespace partita {
namespace wire {
namespace {

// Bytes of the zone part at `p`, and what it says.
uint32_t ReadZonePart(const char* p, Moment* m) {
  switch (m->form) {
    case ZoneForm::kNaive:
      return 0;
    case ZoneForm::kSeconds:
      m->offset_us = int64_t{Load<int32_t>(p)} * 1000000;
      return 4;
    case ZoneForm::kMicros:
      m->offset_us = Load<int64_t>(p);
      return 8;
    case ZoneForm::kNamed:
      m->offset_us = Load<int64_t>(p);
      m->name = absl::string_view(p + 10, Load<uint16_t>(p + 8));
      return 10 + static_cast<uint32_t>(m->name.size());
    case ZoneForm::kZone:
      m->offset_us = int64_t{Load<int32_t>(p)} * 1000000;
      m->name = absl::string_view(p + 6, Load<uint16_t>(p + 4));
      return 6 + static_cast<uint32_t>(m->name.size());
    case ZoneForm::kZoneNoOffset:
      m->name = absl::string_view(p + 2, Load<uint16_t>(p));
      return 2 + static_cast<uint32_t>(m->name.size());
  }
  return 0;
}

uint32_t ReadMomentAndSize(const char* p, Moment* m) {
  const uint64_t clock = Load<uint64_t>(p + 1);
  m->clock_us = static_cast<int64_t>(clock >> 1);
  m->fold = (clock & 1) != 0;
  m->form = static_cast<ZoneForm>(TagAt(p) & 7);
  return 9 + ReadZonePart(p + 9, m);
}

bool IsCanonical(const Moment& m) {
  if (m.fold) return false;
  return m.form == ZoneForm::kNaive || (m.form == ZoneForm::kSeconds && m.offset_us == 0);
}

bool IsCanonical(const DecimalParts& d) {
  if (d.is_nan()) return d.klass == DecimalParts::Class::kNan && !d.negative && d.digit_count == 0;
  if (d.klass == DecimalParts::Class::kInfinity) return true;
  if (d.digit_count == 0) return !d.negative && d.exponent == 0;
  return d.digit(d.digit_count - 1) != 0;
}

}  // namespace

Moment ReadMoment(const char* p) {
  Moment m;
  ReadMomentAndSize(p, &m);
  return m;
}

DecimalParts ReadDecimal(const char* p) {
  const uint8_t head = static_cast<uint8_t>(p[1]);
  DecimalParts d;
  d.negative = (head & 1) != 0;
  d.klass = static_cast<DecimalParts::Class>(head >> 1 & 3);
  p += 2;
  switch (head >> 3 & 3) {
    case 0:
      d.exponent = SignExtended(Load<uint8_t>(p));
      p += 1;
      break;
    case 1:
      d.exponent = Load<int16_t>(p);
      p += 2;
      break;
    case 2:
      d.exponent = Load<int32_t>(p);
      p += 4;
      break;
    case 3:
      d.exponent = Load<int64_t>(p);
      p += 8;
      break;
  }
  if (head & 32) {
    d.digit_count = Load<uint32_t>(p);
    p += 4;
  } else {
    d.digit_count = static_cast<uint8_t>(*p);
    p += 1;
  }
  d.digits = p;
  return d;
}

absl::string_view AtomText(const char* p) {
  switch (TagAt(p)) {
    case kNil:
      return "nil";
    case kFalse:
      return "false";
    case kTrue:
      return "true";
    default:
      return absl::string_view(p + 3, Load<uint16_t>(p + 1));
  }
}

// The scalars that have no native kind.
const char* ReadOther(const char* p, Value* out) {
  const uint8_t tag = TagAt(p);
  uint32_t size = 0;
  uint8_t flags = 0;
  if (tag >= kDatetime && tag < kBytesShort) {
    Moment m;
    size = ReadMomentAndSize(p, &m);
    if (!IsCanonical(m)) flags = Value::kNonCanonical;
  } else {
    switch (tag) {
      case kFalse:
      case kTrue:
        size = 1;
        break;
      case kBigPositive:
      case kBigNegative:
        size = 5 + Load<uint32_t>(p + 1);
        break;
      case kAtom:
        size = 3 + Load<uint16_t>(p + 1);
        break;
      case kDate:
        size = 5;
        break;
      case kTimedelta:
        size = 13;
        break;
      case kDecimal: {
        const DecimalParts d = ReadDecimal(p);
        size = static_cast<uint32_t>(d.digits - p) + d.packed_size();
        if (!IsCanonical(d)) flags = Value::kNonCanonical;
        break;
      }
      case kUuid:
        size = 17;
        break;
      case kBytesShort:
        size = 2 + static_cast<uint8_t>(p[1]);
        break;
      case kBytesLong:
        size = 5 + Load<uint32_t>(p + 1);
        break;
      case kOpaque:
        size = 5 + Load<uint32_t>(p + 1);
        flags = Value::kHasOpaque;
        break;
      default:
        ABSL_HARDENING_ASSERT(false && "not a valid term");
    }
  }
  *out = Value::Wire(p, size, flags);
  return p + size;
}

}  // namespace wire
}  // namespace partita
