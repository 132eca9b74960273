#include "erlang/term_writer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "erlang/big_endian.h"
#include "erlang/tags.h"
#include "erlang/zlib_stream.h"
#include "term/wire.h"

namespace partita::erlang {
namespace {

class Writer {
 public:
  Writer(std::string* out, NoForm* why) : out_(out), why_(why) {}

  void Version() { Tag(kVersion); }

  // Values are nested no deeper than kMaxTermDepth, so this may recurse.
  bool Add(const Value& v) {
    switch (v.kind) {
      case Value::Kind::kNone:
        Atom("nil");
        return true;
      case Value::Kind::kInt:
        Int(v.i);
        return true;
      case Value::Kind::kFloat:
        if (!std::isfinite(v.f)) return Refuse(v);
        Tag(kNewFloat);
        AppendBig(std::bit_cast<uint64_t>(v.f), out_);
        return true;
      case Value::Kind::kStr:
        ++texts_;
        Binary(v.bytes());
        return true;
      case Value::Kind::kWire:
        return AddWire(v);
    }
    return Refuse(v);
  }

  void TupleHeader(size_t count) {
    if (count <= std::numeric_limits<uint8_t>::max()) {
      Tag(kSmallTuple);
      AppendBig(static_cast<uint8_t>(count), out_);
    } else {
      Tag(kLargeTuple);
      AppendBig(static_cast<uint32_t>(count), out_);
    }
  }

 private:
  void Tag(uint8_t tag) { out_->push_back(static_cast<char>(tag)); }

  bool Refuse(const Value& v, const char* reason = nullptr) {
    *why_ = NoForm{v, reason};
    return false;
  }

  void Atom(absl::string_view text) {
    if (text.size() <= std::numeric_limits<uint8_t>::max()) {
      Tag(kSmallAtomUtf8);
      AppendBig(static_cast<uint8_t>(text.size()), out_);
    } else {
      Tag(kAtomUtf8);
      AppendBig(static_cast<uint16_t>(text.size()), out_);
    }
    out_->append(text.data(), text.size());
  }

  void Binary(absl::string_view bytes) {
    Tag(kBinary);
    AppendBig(static_cast<uint32_t>(bytes.size()), out_);
    out_->append(bytes.data(), bytes.size());
  }

  void Int(int64_t i) {
    if (i >= 0 && i <= std::numeric_limits<uint8_t>::max()) {
      Tag(kSmallInteger);
      AppendBig(static_cast<uint8_t>(i), out_);
    } else if (i == static_cast<int32_t>(i)) {
      Tag(kInteger);
      AppendBig(static_cast<uint32_t>(i), out_);
    } else {
      const uint64_t magnitude = i < 0 ? 0 - static_cast<uint64_t>(i) : static_cast<uint64_t>(i);
      const int size = (std::bit_width(magnitude) + 7) / 8;
      char bytes[sizeof(magnitude)];
      wire::Store(bytes, magnitude);
      Big(i < 0, absl::string_view(bytes, static_cast<size_t>(size)));
    }
  }

  void Big(bool negative, absl::string_view magnitude) {
    if (magnitude.size() <= std::numeric_limits<uint8_t>::max()) {
      Tag(kSmallBig);
      AppendBig(static_cast<uint8_t>(magnitude.size()), out_);
    } else {
      Tag(kLargeBig);
      AppendBig(static_cast<uint32_t>(magnitude.size()), out_);
    }
    Tag(negative ? 1 : 0);
    out_->append(magnitude.data(), magnitude.size());
  }

  bool AddWire(const Value& v) {
    const uint8_t tag = wire::TagAt(v.data);
    if (wire::IsContainer(tag)) return AddContainer(v);
    switch (tag) {
      case wire::kFalse:
      case wire::kTrue:
      case wire::kAtom:
        Atom(wire::AtomText(v.data));
        return true;
      case wire::kBytesShort:
      case wire::kBytesLong:
        ++byte_strings_;
        Binary(wire::BytesContent(v.data));
        return true;
      case wire::kBigPositive:
      case wire::kBigNegative: {
        const wire::BigView big = wire::ReadBig(v.data);
        Big(big.negative, absl::string_view(reinterpret_cast<const char*>(big.magnitude), big.size));
        return true;
      }
      default:
        return Refuse(v);
    }
  }

  bool AddContainer(const Value& v) {
    const wire::Container c = wire::ReadContainer(v.data);
    switch (c.kind) {
      case wire::ContainerKind::kTuple:
        if (c.count > kMaxErlangArity) return Refuse(v, "a tuple has at most 16,777,215 elements there");
        TupleHeader(c.count);
        return AddAll(c.body, c.count);
      case wire::ContainerKind::kList:
        return AddList(c);
      case wire::ContainerKind::kMap:
        return AddMap(v, c);
      case wire::ContainerKind::kSet:
      case wire::ContainerKind::kFrozenset:
        break;
    }
    return Refuse(v);
  }

  bool AddAll(const char* p, size_t count) {
    Value v;
    for (size_t i = 0; i < count; ++i) {
      p = wire::ReadTerm(p, &v);
      if (!Add(v)) return false;
    }
    return true;
  }

  bool AddList(const wire::Container& c) {
    if (c.count > 0 && !AddString(c)) {
      Tag(kList);
      AppendBig(c.count, out_);
      if (!AddAll(c.body, c.count)) return false;
    } else if (c.count > 0) {
      return true;
    }
    Tag(kNil);
    return true;
  }

  // Whether the list was one of ints below 256, and not too long.
  bool AddString(const wire::Container& c) {
    if (c.count > kMaxStringCount) return false;
    const size_t before = out_->size();
    Tag(kString);
    AppendBig(static_cast<uint16_t>(c.count), out_);
    const char* p = c.body;
    Value v;
    for (uint32_t i = 0; i < c.count; ++i) {
      p = wire::ReadTerm(p, &v);
      if (v.kind != Value::Kind::kInt || v.i < 0 || v.i > std::numeric_limits<uint8_t>::max()) {
        out_->resize(before);
        return false;
      }
      out_->push_back(static_cast<char>(v.i));
    }
    return true;
  }

  bool AddMap(const Value& map, const wire::Container& c) {
    Tag(kMap);
    AppendBig(c.count, out_);
    const uint64_t texts = texts_, byte_strings = byte_strings_;
    std::vector<std::pair<size_t, size_t>> keys;
    keys.reserve(c.count);
    const char* p = c.body;
    uint64_t texts_in_keys = 0, byte_strings_in_keys = 0;
    for (uint32_t i = 0; i < c.count; ++i) {
      Value v;
      p = wire::ReadTerm(p, &v);
      const size_t start = out_->size();
      texts_ = byte_strings_ = 0;
      if (!Add(v)) return false;
      texts_in_keys += texts_;
      byte_strings_in_keys += byte_strings_;
      keys.emplace_back(start, out_->size() - start);
      p = wire::ReadTerm(p, &v);
      if (!Add(v)) return false;
    }
    texts_ = texts + texts_in_keys;
    byte_strings_ = byte_strings + byte_strings_in_keys;
    if (texts_in_keys == 0 || byte_strings_in_keys == 0) return true;
    return !KeysMeet(&keys) || Refuse(map, "a str and a bytes of the same content are one key there");
  }

  bool KeysMeet(std::vector<std::pair<size_t, size_t>>* keys) const {
    const auto text = [this](const std::pair<size_t, size_t>& key) {
      return absl::string_view(*out_).substr(key.first, key.second);
    };
    std::sort(keys->begin(), keys->end(), [&](const auto& a, const auto& b) { return text(a) < text(b); });
    return std::adjacent_find(keys->begin(), keys->end(),
                              [&](const auto& a, const auto& b) { return text(a) == text(b); }) != keys->end();
  }

  std::string* const out_;
  NoForm* const why_;
  // Written since they were set to 0.
  uint64_t texts_ = 0;
  uint64_t byte_strings_ = 0;
};

}  // namespace

bool AppendTerm(const Value& v, std::string* out, NoForm* why) {
  Writer writer(out, why);
  writer.Version();
  return writer.Add(v);
}

bool AppendRow(absl::Span<const Value> row, std::string* out, NoForm* why) {
  Writer writer(out, why);
  writer.Version();
  writer.TupleHeader(row.size());
  for (const Value& v : row) {
    if (!writer.Add(v)) return false;
  }
  return true;
}

std::string CompressTerm(std::string term, int level) {
  constexpr size_t kHeader = 1 + 1 + sizeof(uint32_t);
  const absl::string_view body = absl::string_view(term).substr(1);
  if (body.size() > std::numeric_limits<uint32_t>::max()) return term;
  std::string deflated;
  Deflate(body, level, &deflated);
  if (kHeader + deflated.size() >= term.size()) return term;
  std::string out;
  out.reserve(kHeader + deflated.size());
  out.push_back(static_cast<char>(kVersion));
  out.push_back(static_cast<char>(kCompressed));
  AppendBig(static_cast<uint32_t>(body.size()), &out);
  return out += deflated;
}

}  // namespace partita::erlang
