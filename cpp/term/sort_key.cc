#include "term/sort_key.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "term/number.h"
#include "term/rank.h"
#include "term/wire.h"

namespace partita {
namespace {

using wire::Container;
using wire::DecimalParts;
using wire::Moment;

constexpr int kPayloadBits = 60;
constexpr uint64_t kMaxPayload = (uint64_t{1} << kPayloadBits) - 1;

uint64_t MomentPayload(const Moment& m) {
  constexpr int64_t kBias = 2 * wire::kDayUs;  // an offset moves an instant by less than a day
  return static_cast<uint64_t>(m.aware()) << (kPayloadBits - 1) | static_cast<uint64_t>(m.instant_us() + kBias);
}

uint64_t DecimalPayload(const DecimalParts& d) {
  constexpr int64_t kExponentLimit = 4096;
  constexpr uint32_t kDigits = 11;
  constexpr uint64_t kZero = uint64_t{1} << (kPayloadBits - 1);
  const int klass = DecimalClass(d);
  if (klass == 0) return kZero;
  if (klass == 3) return kMaxPayload;
  uint64_t magnitude = kZero - 2;  // infinity; a NaN is more
  if (klass == 1 || klass == -1) {
    const int64_t exponent = std::clamp(AdjustedExponent(d), -kExponentLimit, kExponentLimit - 1);
    magnitude = static_cast<uint64_t>(exponent + kExponentLimit) << (4 * kDigits);
    if (exponent == AdjustedExponent(d)) {
      for (uint32_t i = 0; i < kDigits && i < d.digit_count; ++i) {
        magnitude |= static_cast<uint64_t>(d.digit(i)) << (4 * (kDigits - 1 - i));
      }
    } else if (exponent > 0) {
      magnitude |= (uint64_t{1} << (4 * kDigits)) - 1;
    }
  }
  return klass > 0 ? kZero + magnitude : kZero - magnitude;
}

// A double nearest to a number: rounding changes no order.
double NearestDouble(const Value& v) {
  if (v.kind == Value::Kind::kFloat) return v.f;
  if (v.kind == Value::Kind::kInt) return static_cast<double>(v.i);
  const wire::BigView big = wire::ReadBig(v.data);
  // Down to 64 bits by cutting, then to the nearest double: neither step changes an order.
  uint64_t top = 0;
  for (uint32_t i = 1; i <= 8; ++i) top = top << 8 | big.magnitude[big.size - i];
  const double f =
      big.size > 128 ? HUGE_VAL : std::ldexp(static_cast<double>(top), static_cast<int>(8 * (big.size - 8)));
  return big.negative ? -f : f;
}

uint64_t DoubleBits(double f) {
  if (std::isnan(f)) return ~uint64_t{0};
  if (f == 0) f = 0.0;  // -0.0 is 0.0
  constexpr uint64_t kSign = uint64_t{1} << 63;
  const uint64_t bits = std::bit_cast<uint64_t>(f);
  return (bits & kSign) ? ~bits : bits | kSign;
}

// Writes what there is room for. The functions that return bool say whether the term is all told, to the last bit: only
// then may another follow it. They decide by what they have written, so that they decide the same for all terms that
// begin like that.
class Writer {
 public:
  Writer(char* begin, char* end) : next_(begin), end_(end) {}

  bool Write(const Value& v) {
    const Rank rank = RankOf(v);
    Put(static_cast<uint64_t>(rank), 1);
    switch (rank) {
      case Rank::kNumber:
        return WriteNumber(v);
      case Rank::kAtom:
        return WriteText(AtomTextOf(v));
      case Rank::kDatetime:
      case Rank::kTime:
        return Put(MomentPayload(wire::ReadMoment(v.data)), 8);
      case Rank::kDate:
        return Put(wire::Load<uint32_t>(v.data + 1), 4);
      case Rank::kTimedelta:
        Put(static_cast<uint64_t>(int64_t{wire::Load<int32_t>(v.data + 1)} + wire::kMaxTimedeltaDays), 4);
        Put(wire::Load<uint32_t>(v.data + 5), 4);
        return Put(wire::Load<uint32_t>(v.data + 9), 4);
      case Rank::kDecimal:
        Put(DecimalPayload(wire::ReadDecimal(v.data)), 8);
        return false;
      case Rank::kUuid:
        PutBytes(absl::string_view(v.data + 1, 16));
        return !full();
      case Rank::kTuple:
        return WriteTuple(wire::ReadContainer(v.data));
      case Rank::kList:
        return WriteList(wire::ReadContainer(v.data));
      case Rank::kMap:
      case Rank::kSet:
        Put(wire::ReadContainer(v.data).count, 4);
        return false;
      case Rank::kStr:
        return WriteText(v.bytes());
      case Rank::kBytes:
        return WriteText(wire::BytesContent(v.data));
      case Rank::kOpaque:
        return WriteText(wire::OpaqueContent(v.data));
    }
    return false;
  }

 private:
  bool full() const { return next_ == end_; }

  void PutBytes(absl::string_view bytes) {
    const size_t size = std::min(bytes.size(), static_cast<size_t>(end_ - next_));
    if (size > 0) std::memcpy(next_, bytes.data(), size);
    next_ += size;
  }

  // The last `size` bytes of a number, the highest first. False: there is no room for what comes next.
  bool Put(uint64_t number, size_t size) {
    const uint64_t swapped = __builtin_bswap64(number);
    PutBytes(absl::string_view(reinterpret_cast<const char*>(&swapped) + sizeof(swapped) - size, size));
    return !full();
  }

  bool WriteNumber(const Value& v) {
    constexpr double kExactBelow = 9007199254740992.0;  // 2**53: from here on ints round to the same double
    const double f = NearestDouble(v);
    const bool room = Put(DoubleBits(f), 8);
    return room && (std::isnan(f) || std::fabs(f) < kExactBelow);
  }

  // A zero byte ends it, so one within it is followed by one that is greater than any end.
  bool WriteText(absl::string_view text) {
    text = text.substr(0, static_cast<size_t>(end_ - next_));
    for (size_t zero; (zero = text.find('\0')) != absl::string_view::npos;) {
      PutBytes(text.substr(0, zero));
      PutBytes(absl::string_view("\0\xFF", 2));
      text.remove_prefix(zero + 1);
    }
    PutBytes(text);
    PutBytes(absl::string_view("\0\0", 2));
    return !full();
  }

  bool WriteTuple(const Container& c) {
    if (!Put(c.count, 4)) return false;
    return WriteElements(c);
  }

  // No rank is zero, so that a list that ends comes before one that goes on.
  bool WriteList(const Container& c) {
    if (!WriteElements(c)) return false;
    return Put(0, 1);
  }

  bool WriteElements(const Container& c) {
    const char* p = c.body;
    for (uint32_t i = 0; i < c.count; ++i) {
      Value element;
      p = wire::ReadTerm(p, &element);
      if (!Write(element)) return false;
    }
    return !full();
  }

  char* next_;
  char* const end_;
};

}  // namespace

SortKey::SortKey(const Value& v) {
  if (v.kind == Value::Kind::kInt) {  // the usual key
    bytes_[0] = static_cast<char>(Rank::kNumber);
    const uint64_t bits = __builtin_bswap64(DoubleBits(static_cast<double>(v.i)));
    std::memcpy(bytes_ + 1, &bits, sizeof(bits));
    return;
  }
  Writer(bytes_, bytes_ + kSize).Write(v);
}

}  // namespace partita
