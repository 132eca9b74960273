// Checking bytes that nobody vouches for. Everything the readers rely on, and that there is one form for each value.

#include <algorithm>
#include <vector>

#include "term/wire.h"

namespace partita {
namespace wire {

bool ValidateUtf8(absl::string_view text, uint32_t* code_points, bool* ascii) {
  *code_points = 0;
  *ascii = true;
  const auto* p = reinterpret_cast<const uint8_t*>(text.data());
  const auto* end = p + text.size();
  while (p < end) {
    ++*code_points;
    const uint8_t lead = *p++;
    if (lead < 0x80) continue;
    *ascii = false;
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || end - p < more) return false;
    for (int i = 0; i < more; ++i) {
      if ((p[i] & 0xC0) != 0x80) return false;
    }
    if (lead == 0xE0 && p[0] < 0xA0) return false;  // could be shorter
    if (lead == 0xED && p[0] > 0x9F) return false;  // surrogates
    if (lead == 0xF0 && p[0] < 0x90) return false;  // could be shorter
    if (lead == 0xF4 && p[0] > 0x8F) return false;  // beyond U+10FFFF
    p += more;
  }
  return true;
}

namespace {

// Walks the bytes with every length checked before it is used.
class Validator {
 public:
  Validator(const char* p, const char* end) : p_(p), end_(end) {}

  const char* position() const { return p_; }

  // One term, `depth` containers around it. *flags: as InheritedFlags of the term.
  bool Term(int depth, uint8_t* flags) {
    if (left() < 1) return false;
    const char* start = p_;
    const uint8_t tag = TagAt(p_);
    *flags = 0;
    bool ok;
    if (IsContainer(tag)) {
      ok = CheckContainer(depth + 1, flags);
    } else if (tag >= kStrShortAscii) {
      ++p_;
      ok = Text(tag & kMaxShortStr, tag < kStrShort);
    } else {
      ok = Scalar(tag);
    }
    if (!ok || p_ - start > static_cast<ptrdiff_t>(kMaxTermSize)) return false;
    if (!IsContainer(tag)) {
      Value v;
      ReadTerm(start, &v);
      *flags = InheritedFlags(v);
    }
    return true;
  }

 private:
  size_t left() const { return static_cast<size_t>(end_ - p_); }

  bool Take(size_t size) {
    if (left() < size) return false;
    p_ += size;
    return true;
  }

  template <typename T>
  bool Take(T* value) {
    if (left() < sizeof(T)) return false;
    *value = Load<T>(p_);
    p_ += sizeof(T);
    return true;
  }

  bool TakeSized(uint32_t size, absl::string_view* bytes) {
    *bytes = absl::string_view(p_, size);
    return Take(size);
  }

  bool Text(uint32_t size, bool told_ascii) {
    absl::string_view text;
    uint32_t code_points;
    bool ascii;
    return TakeSized(size, &text) && ValidateUtf8(text, &code_points, &ascii) && ascii == told_ascii;
  }

  bool LongBytes(uint32_t min_size, absl::string_view* bytes) {
    uint32_t size;
    return Take(&size) && size >= min_size && TakeSized(size, bytes);
  }

  template <typename Wide, typename Narrow>
  bool WideInt() {
    Wide i;
    return Take(&i) && i != static_cast<Narrow>(i);
  }

  bool Scalar(uint8_t tag) {
    ++p_;
    if (tag >= kDatetime && tag < kBytesShort) return CheckMoment(tag >= kTime, static_cast<ZoneForm>(tag & 7));
    absl::string_view bytes;
    uint32_t code_points;
    bool ascii;
    switch (tag) {
      case kNil:
      case kFalse:
      case kTrue:
        return true;
      case kInt8:
        return Take(1);
      case kInt16:
        return WideInt<int16_t, int8_t>();
      case kInt32:
        return WideInt<int32_t, int16_t>();
      case kInt64:
        return WideInt<int64_t, int32_t>();
      case kFloat:
        return Take(8);
      case kBigPositive:
      case kBigNegative:
        return CheckBig(tag == kBigNegative);
      case kAtom: {
        uint16_t size;
        return Take(&size) && TakeSized(size, &bytes) && ValidateUtf8(bytes, &code_points, &ascii) &&
               code_points <= kMaxAtomLength && bytes != "nil" && bytes != "false" && bytes != "true";
      }
      case kDate: {
        uint32_t days;
        return Take(&days) && days >= 1 && days <= kMaxDateDays;
      }
      case kTimedelta: {
        int32_t days;
        uint32_t seconds, micros;
        return Take(&days) && Take(&seconds) && Take(&micros) && days >= -kMaxTimedeltaDays &&
               days <= kMaxTimedeltaDays && seconds < 86400 && micros < 1000000;
      }
      case kDecimal:
        return CheckDecimal();
      case kUuid:
        return Take(16);
      case kBytesShort: {
        uint8_t size;
        return Take(&size) && Take(size_t{size});
      }
      case kBytesLong:
        return LongBytes(kMaxShort + 1, &bytes);
      case kOpaque:
        return LongBytes(0, &bytes);
      case kStrLongAscii:
      case kStrLong:
        return LongBytes(kMaxShortStr + 1, &bytes) && ValidateUtf8(bytes, &code_points, &ascii) &&
               ascii == (tag == kStrLongAscii);
      default:
        return false;
    }
  }

  bool CheckBig(bool negative) {
    absl::string_view magnitude;
    if (!LongBytes(8, &magnitude) || magnitude.back() == 0) return false;
    if (magnitude.size() > 8) return true;
    const uint64_t value = Load<uint64_t>(magnitude.data());
    constexpr uint64_t kMinMagnitude = uint64_t{1} << 63;
    return negative ? value > kMinMagnitude : value >= kMinMagnitude;
  }

  bool CheckMoment(bool is_time, ZoneForm form) {
    uint64_t clock;
    if (!Take(&clock)) return false;
    const uint64_t clock_limit = is_time ? kDayUs : uint64_t{kMaxDateDays} * kDayUs;
    if (clock >> 1 >= clock_limit) return false;
    int64_t offset_us = 0;
    absl::string_view name;
    uint16_t name_size = 0;
    int32_t seconds = 0;
    uint32_t code_points;
    bool ascii;
    switch (form) {
      case ZoneForm::kNaive:
        return true;
      case ZoneForm::kSeconds:
        if (!Take(&seconds)) return false;
        break;
      case ZoneForm::kMicros:
        if (!Take(&offset_us) || offset_us % 1000000 == 0) return false;
        break;
      case ZoneForm::kNamed:
        if (!Take(&offset_us) || !Take(&name_size) || !TakeSized(name_size, &name)) return false;
        break;
      case ZoneForm::kZone:
        if (!Take(&seconds) || !Take(&name_size) || !TakeSized(name_size, &name)) return false;
        break;
      case ZoneForm::kZoneNoOffset:
        if (!is_time || !Take(&name_size) || !TakeSized(name_size, &name)) return false;
        break;
      default:
        return false;
    }
    return seconds > -86400 && seconds < 86400 && offset_us > -kDayUs && offset_us < kDayUs &&
           ValidateUtf8(name, &code_points, &ascii);
  }

  bool CheckDecimal() {
    uint8_t head;
    if (!Take(&head) || head >= 64) return false;
    const int width_code = head >> 3 & 3;
    const uint32_t width = 1u << width_code;
    if (left() < width) return false;
    int64_t exponent = 0;
    switch (width_code) {
      case 0:
        exponent = SignExtended(Load<uint8_t>(p_));
        break;
      case 1:
        exponent = Load<int16_t>(p_);
        break;
      case 2:
        exponent = Load<int32_t>(p_);
        break;
      case 3:
        exponent = Load<int64_t>(p_);
        break;
    }
    p_ += width;
    if (WireSize(Value::Int(exponent)) != 1 + width) return false;
    uint32_t count;
    if (head & 32) {
      if (!Take(&count) || count <= kMaxShort) return false;
    } else {
      uint8_t short_count;
      if (!Take(&short_count)) return false;
      count = short_count;
    }
    DecimalParts d;
    d.klass = static_cast<DecimalParts::Class>(head >> 1 & 3);
    d.digit_count = count;
    d.digits = p_;
    if (!Take(size_t{d.packed_size()})) return false;
    for (uint32_t i = 0; i < count; ++i) {
      if (d.digit(i) > 9) return false;
    }
    if (count % 2 == 1 && (d.digits[count / 2] & 15) != 0) return false;
    if (count != 0 && d.digit(0) == 0) return false;
    if (d.klass == DecimalParts::Class::kFinite) {
      return exponent >= kMinDecimalExponent && exponent <= kMaxDecimalExponent - std::max<int64_t>(count, 1) + 1;
    }
    return exponent == 0 && (d.klass != DecimalParts::Class::kInfinity || count == 0);
  }

  bool CheckContainer(int depth, uint8_t* flags) {
    if (depth > kMaxTermDepth) return false;
    const uint8_t tag = TagAt(p_);
    const bool is_long = (tag & kFlagLong) != 0;
    if ((tag & kFlagReserved) || KindOf(tag) > ContainerKind::kFrozenset) return false;
    if (left() < (is_long ? kLongHeader : kShortHeader)) return false;
    const Container c = ReadContainer(p_);
    p_ = c.body;
    if (left() < c.body_size) return false;
    if (is_long != (c.body_size > kMaxShort || c.count > kMaxShort)) return false;
    if (c.count > c.body_size) return false;  // a term has at least one byte

    Validator body(c.body, c.end());
    bool ok = false;
    switch (c.kind) {
      case ContainerKind::kTuple:
      case ContainerKind::kList:
        ok = body.CheckElements(c, depth, false, flags);
        break;
      case ContainerKind::kMap:
        ok = body.CheckPairs(c, depth, flags);
        break;
      case ContainerKind::kSet:
        ok = body.CheckElements(c, depth, true, flags);
        *flags |= Value::kNonCanonical;
        break;
      case ContainerKind::kFrozenset:
        ok = body.CheckElements(c, depth, true, flags);
        break;
    }
    p_ = c.end();
    return ok && *flags == (tag & (kFlagNonCanonical | kFlagOpaque)) << 1;
  }

  bool CheckElements(const Container& c, int depth, bool sorted, uint8_t* flags) {
    const char* previous = nullptr;
    for (uint32_t i = 0; i < c.count; ++i) {
      const char* start = p_;
      uint8_t element_flags;
      if (!Term(depth, &element_flags)) return false;
      *flags |= element_flags;
      if (sorted && previous != nullptr && !Less(previous, start)) return false;
      previous = start;
    }
    return p_ == end_;
  }

  bool CheckPairs(const Container& c, int depth, uint8_t* flags) {
    const size_t table_size = size_t{c.count} * (c.is_long ? 4 : 1);
    if (c.body_size < table_size) return false;
    const size_t pairs_size = c.body_size - table_size;
    if (c.is_long && c.count <= kMaxShort && pairs_size + c.count <= kMaxShort)
      return false;  // would do as a short one
    end_ -= table_size;
    // Where the table says that pairs start, against where they do.
    std::vector<uint32_t> starts(c.count);
    for (uint32_t i = 0; i < c.count; ++i) {
      starts[i] = c.is_long ? Load<uint32_t>(end_ + 4 * size_t{i}) : static_cast<uint8_t>(end_[i]);
    }
    const bool in_order = std::is_sorted(starts.begin(), starts.end());
    if (!in_order) std::sort(starts.begin(), starts.end());
    for (uint32_t i = 0; i < c.count; ++i) {
      if (starts[i] != static_cast<size_t>(p_ - c.body)) return false;
      uint8_t key_flags, value_flags;
      if (!Term(depth, &key_flags) || !Term(depth, &value_flags)) return false;
      *flags |= key_flags | value_flags;
    }
    if (p_ != end_) return false;
    for (uint32_t i = 1; i < c.count; ++i) {
      if (!Less(c.SortedPair(i - 1), c.SortedPair(i))) return false;
    }
    if (!in_order) *flags |= Value::kNonCanonical;
    return true;
  }

  static bool Less(const char* a, const char* b) {
    Value x, y;
    ReadTerm(a, &x);
    ReadTerm(b, &y);
    return CompareExact(x, y) < 0;
  }

  const char* p_;
  const char* end_;
};

}  // namespace

const char* ValidateTerm(const char* p, const char* end, uint8_t* flags) {
  Validator validator(p, end);
  return validator.Term(0, flags) ? validator.position() : nullptr;
}

}  // namespace wire

bool ValidateWire(absl::string_view bytes) {
  uint8_t flags;
  const char* end = bytes.data() + bytes.size();
  return wire::ValidateTerm(bytes.data(), end, &flags) == end && !bytes.empty();
}

}  // namespace partita
