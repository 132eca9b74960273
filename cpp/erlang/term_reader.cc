#include "erlang/term_reader.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "erlang/big_endian.h"
#include "erlang/dict_keys.h"
#include "erlang/tags.h"
#include "erlang/zlib_stream.h"
#include "term/wire.h"

namespace partita::erlang {
namespace {

const char* ForeignName(uint8_t tag) {
  switch (tag) {
    case kPid:
    case kNewPid:
      return "a pid";
    case kPort:
    case kNewPort:
    case kV4Port:
      return "a port";
    case kReference:
    case kNewReference:
    case kNewerReference:
      return "a reference";
    case kFun:
    case kNewFun:
    case kExport:
      return "a fun";
    case kLocal:
      return "a term that only the node which wrote it can read";
    default:
      return nullptr;
  }
}

// One walk over the bytes.
class Reader {
 public:
  Reader(absl::string_view bytes, const ReadOptions& options, WireWriter* out, ReadProblem* problem)
      : begin_(bytes.data()),
        p_(begin_),
        end_(begin_ + bytes.size()),
        options_(options),
        out_(out),
        problem_(problem) {}

  size_t left() const { return static_cast<size_t>(end_ - p_); }
  uint8_t Peek() const { return static_cast<uint8_t>(*p_); }

  // *compressed: whether the bytes that follow are a compressed term.
  bool Version(bool* compressed) {
    uint8_t version = 0;
    if (!Take(&version)) return false;
    if (version != kVersion) return Damaged(begin_, "no term in external form: that begins with the byte 131");
    *compressed = left() > 0 && Peek() == kCompressed;
    return true;
  }

  bool Uncompress(std::string* out) {
    const char* start = p_++;
    uint32_t size = 0;
    if (!Take(&size)) return false;
    const char* error = Inflate(absl::string_view(p_, left()), size, out);
    return error == nullptr || Damaged(start, error);
  }

  bool AtEnd() { return left() == 0 || Damaged(p_, std::to_string(left()) + " bytes after the end of the term"); }

  // The header of a tuple. *is_tuple: false, and nothing was read, if another term stands here.
  bool TupleHeader(bool* is_tuple, uint32_t* arity) {
    if (left() == 0) return Cut();
    *is_tuple = Peek() == kSmallTuple || Peek() == kLargeTuple;
    if (!*is_tuple) return true;
    return *p_++ == static_cast<char>(kSmallTuple) ? Count<uint8_t>(1, arity) : Count<uint32_t>(1, arity);
  }

  // A term that is a native value. *native: false, and nothing was read, if another one stands here.
  bool Native(Value* v, bool* native) {
    if (left() == 0) return Cut();
    *native = true;
    const char* start = p_;
    switch (static_cast<uint8_t>(*p_++)) {
      case kSmallInteger: {
        uint8_t i = 0;
        if (!Take(&i)) return false;
        *v = Value::Int(i);
        return true;
      }
      case kInteger: {
        uint32_t i = 0;
        if (!Take(&i)) return false;
        *v = Value::Int(static_cast<int32_t>(i));
        return true;
      }
      case kNewFloat: {
        uint64_t bits = 0;
        if (!Take(&bits)) return false;
        *v = Value::Float(std::bit_cast<double>(bits));
        return CheckFloat(start, v->f);
      }
      case kFloat:
        return FloatText(start, v);
      case kBinary: {
        absl::string_view bytes;
        if (!Sized<uint32_t>(&bytes)) return false;
        return Text(start, bytes, v, native);
      }
      default:
        p_ = start;
        *native = false;
        return true;
    }
  }

  // A term, `depth` containers around it.
  bool Term(int depth) {
    Value v;
    bool native = false;
    if (!Native(&v, &native)) return false;
    if (native) {
      out_->AddValue(v);
      return true;
    }
    const char* start = p_;
    const uint8_t tag = static_cast<uint8_t>(*p_++);
    switch (tag) {
      case kSmallBig:
        return Big<uint8_t>();
      case kLargeBig:
        return Big<uint32_t>();
      case kSmallAtomLatin1:
        return Atom<uint8_t>(start, /*latin1=*/true);
      case kAtomLatin1:
        return Atom<uint16_t>(start, /*latin1=*/true);
      case kSmallAtomUtf8:
        return Atom<uint8_t>(start, /*latin1=*/false);
      case kAtomUtf8:
        return Atom<uint16_t>(start, /*latin1=*/false);
      case kBinary: {  // one that is no text
        absl::string_view bytes;
        return Sized<uint32_t>(&bytes) && Bytes(start, bytes);
      }
      case kBitBinary:
        return BitBinary(start);
      case kSmallTuple:
      case kLargeTuple:
        return Tuple(start, depth);
      case kNil:
      case kString:
      case kList:
        return List(start, depth);
      case kMap:
        return Map(start, depth);
      default:
        return Foreign(start, tag);
    }
  }

 private:
  bool Damaged(const char* at, std::string message) {
    *problem_ = ReadProblem{true, static_cast<size_t>(at - begin_), std::move(message)};
    return false;
  }
  bool NoCounterpart(const char* at, std::string message) {
    *problem_ = ReadProblem{false, static_cast<size_t>(at - begin_), std::move(message)};
    return false;
  }
  bool Cut() { return Damaged(end_, "cut off: the term goes on"); }

  template <typename T>
  bool Take(T* number) {
    if (left() < sizeof(T)) return Cut();
    *number = LoadBig<T>(p_);
    p_ += sizeof(T);
    return true;
  }

  // A count of type T of things that take at least `least` bytes each.
  template <typename T>
  bool Count(size_t least, uint32_t* count) {
    const char* start = p_;
    T number = 0;
    if (!Take(&number)) return false;
    *count = number;
    return number <= left() / least || Damaged(start, "cut off: a count of more than what is left can hold");
  }

  // Bytes behind their size of type T.
  template <typename T>
  bool Sized(absl::string_view* bytes) {
    uint32_t size = 0;
    if (!Count<T>(1, &size)) return false;
    *bytes = absl::string_view(p_, size);
    p_ += size;
    return true;
  }

  bool CheckFloat(const char* start, double f) {
    risky_key_ |= in_key_;
    return std::isfinite(f) || Damaged(start, "a float that is not finite");
  }

  bool FloatText(const char* start, Value* v) {
    if (left() < kFloatTextSize) return Cut();
    const absl::string_view text(p_, kFloatTextSize);
    p_ += kFloatTextSize;
    const char* text_end = text.data() + std::min(text.find('\0'), text.size());
    double f;
    const std::from_chars_result read = std::from_chars(text.data(), text_end, f);
    if (read.ec != std::errc() || read.ptr != text_end) return Damaged(start, "a float that is no number");
    *v = Value::Float(f);
    return CheckFloat(start, f);
  }

  // What the binary that began at `start` is as text; else goes back there.
  bool Text(const char* start, absl::string_view bytes, Value* v, bool* is_text) {
    uint32_t code_points;
    bool ascii;
    *is_text = options_.binaries != Binaries::kBytes && wire::ValidateUtf8(bytes, &code_points, &ascii);
    if (*is_text) {
      if (bytes.size() > kLongest) return TooLong(start);
      *v = Value::Str(bytes.data(), static_cast<uint32_t>(bytes.size()), ascii);
      return true;
    }
    if (options_.binaries == Binaries::kStr) return NoCounterpart(start, "a binary that is not UTF-8: it is no str");
    p_ = start;
    return true;
  }

  bool Bytes(const char* start, absl::string_view bytes) {
    if (bytes.size() > kLongest) return TooLong(start);
    std::copy(bytes.begin(), bytes.end(), out_->AddBytesRoom(bytes.size()));
    return true;
  }

  bool TooLong(const char* start) { return NoCounterpart(start, "a term of more than 2 GiB"); }

  bool BitBinary(const char* start) {
    uint32_t size = 0;
    uint8_t bits = 0;
    if (!Take(&size) || !Take(&bits)) return false;
    if (size > left()) return Cut();
    if (bits > 8 || (bits == 0) != (size == 0)) return Damaged(start, "a bit string whose last byte has no such bits");
    if (bits != 8 && size != 0) return NoCounterpart(start, "a bit string that is no whole bytes");
    const absl::string_view bytes(p_, size);
    p_ += size;
    Value v;
    bool is_text;
    if (!Text(start, bytes, &v, &is_text)) return false;
    if (is_text) {
      out_->AddValue(v);
      return true;
    }
    p_ = bytes.data() + size;
    return Bytes(start, bytes);
  }

  template <typename T>
  bool Big() {
    T size = 0;
    uint8_t sign = 0;
    if (!Take(&size) || !Take(&sign)) return false;
    if (size > left()) return Cut();
    absl::string_view magnitude(p_, size);
    p_ += size;
    while (!magnitude.empty() && magnitude.back() == '\0') magnitude.remove_suffix(1);
    const bool negative = sign != 0;
    if (magnitude.size() <= sizeof(uint64_t)) {
      uint64_t number = 0;
      for (size_t i = magnitude.size(); i > 0; --i) number = number << 8 | static_cast<uint8_t>(magnitude[i - 1]);
      constexpr uint64_t kMinMagnitude = uint64_t{1} << 63;
      if (number < kMinMagnitude || (negative && number == kMinMagnitude)) {
        out_->AddInt(static_cast<int64_t>(negative ? 0 - number : number));
        return true;
      }
    }
    std::copy(magnitude.begin(), magnitude.end(), out_->AddBigRoom(negative, magnitude.size()));
    return true;
  }

  template <typename T>
  bool Atom(const char* start, bool latin1) {
    absl::string_view text;
    if (!Sized<T>(&text)) return false;
    char utf8[2 * kMaxAtomLength];
    if (latin1) {
      if (text.size() > kMaxAtomLength) return Damaged(start, "an atom of more than 255 characters");
      char* next = utf8;
      for (const char c : text) {
        const auto byte = static_cast<uint8_t>(c);
        if (byte >= 0x80) *next++ = static_cast<char>(0xC0 | byte >> 6);
        *next++ = static_cast<char>(byte < 0x80 ? byte : 0x80 | (byte & 0x3F));
      }
      text = absl::string_view(utf8, static_cast<size_t>(next - utf8));
    } else {
      uint32_t code_points;
      bool ascii;
      if (!wire::ValidateUtf8(text, &code_points, &ascii)) return Damaged(start, "an atom that is not UTF-8");
      if (code_points > kMaxAtomLength) return Damaged(start, "an atom of more than 255 characters");
    }
    risky_key_ |= in_key_ && (text == "true" || text == "false");
    out_->AddAtom(text);
    return true;
  }

  bool Deeper(const char* start, int depth) {
    return depth < kMaxTermDepth || NoCounterpart(start, "terms nested deeper than 500");
  }

  bool Terms(uint32_t count, int depth) {
    for (uint32_t i = 0; i < count; ++i) {
      if (!Term(depth)) return false;
    }
    return true;
  }

  bool Tuple(const char* start, int depth) {
    p_ = start;
    bool is_tuple = false;
    uint32_t count = 0;
    if (!Deeper(start, depth) || !TupleHeader(&is_tuple, &count)) return false;
    const WireWriter::Mark mark = out_->Begin();
    if (!Terms(count, depth + 1)) return false;
    out_->EndTuple(mark, count);
    return true;
  }

  bool NoKey(const char* start, const char* what) {
    return NoCounterpart(start, std::string(what) +
                                    " as a key of a map, or inside one, which does not hash in Python: read maps as "
                                    "pairs, with maps=\"pairs\"");
  }

  // From the tag at `start` on. A list's tail may be a list again.
  bool List(const char* start, int depth) {
    if (in_key_) return NoKey(start, "a list");
    if (!Deeper(start, depth)) return false;
    p_ = start;
    const WireWriter::Mark mark = out_->Begin();
    uint64_t total = 0;
    for (;;) {
      uint8_t tag = 0;
      const char* here = p_;
      if (!Take(&tag)) return false;
      if (tag == kNil) break;
      if (tag == kString) {
        absl::string_view bytes;
        if (!Sized<uint16_t>(&bytes)) return false;
        for (const char c : bytes) out_->AddInt(static_cast<uint8_t>(c));
        total += bytes.size();
        break;
      }
      if (tag != kList) return NoCounterpart(here, "an improper list, whose tail is no list");
      uint32_t count = 0;
      if (!Count<uint32_t>(1, &count) || !Terms(count, depth + 1)) return false;
      total += count;
    }
    out_->EndList(mark, total);
    return true;
  }

  bool Map(const char* start, int depth) {
    if (in_key_) return NoKey(start, "a map");
    if (!Deeper(start, depth)) return false;
    uint32_t count = 0;
    if (!Count<uint32_t>(2, &count)) return false;
    return options_.maps == Maps::kPairs ? Pairs(start, count, depth) : Dict(start, count, depth);
  }

  bool Pairs(const char* start, uint32_t count, int depth) {
    if (count > 0 && !Deeper(start, depth + 1)) return false;
    const WireWriter::Mark list = out_->Begin();
    for (uint32_t i = 0; i < count; ++i) {
      const WireWriter::Mark pair = out_->Begin();
      if (!Terms(2, depth + 2)) return false;
      out_->EndTuple(pair, 2);
    }
    out_->EndList(list, count);
    return true;
  }

  bool Dict(const char* start, uint32_t count, int depth) {
    const WireWriter::Mark mark = out_->Begin();
    bool risky = false;
    for (uint32_t i = 0; i < count; ++i) {
      in_key_ = true;
      risky_key_ = false;
      if (!Term(depth + 1)) return false;
      in_key_ = false;
      risky |= risky_key_;
      if (!Term(depth + 1)) return false;
    }
    const char* body = out_->bytes().data() + mark.start + wire::kShortHeader;
    if (risky && KeysMeetInDict(body, count)) {
      return NoCounterpart(start,
                           "a map with keys that are one key in Python, as 1, 1.0 and true are: read maps as pairs, "
                           "with maps=\"pairs\"");
    }
    if (!out_->EndMap(mark, count).ok) return Damaged(start, "a map that has a key twice");
    return true;
  }

  bool Foreign(const char* start, uint8_t tag) {
    const char* name = ForeignName(tag);
    if (name == nullptr) return Damaged(start, "no tag of a term: " + std::to_string(tag));
    if (!options_.skip_foreign) return NoCounterpart(start, std::string(name) + ", which has no counterpart in Python");
    return SkipForeign(start, tag);
  }

  // Past a pid, port or reference, which is read as None.
  bool SkipForeign(const char* start, uint8_t tag) {
    uint16_t words = 0;
    size_t rest;  // bytes after the node
    switch (tag) {
      case kReference:
      case kPort:
        rest = 4 + 1;
        break;
      case kNewPort:
        rest = 4 + 4;
        break;
      case kV4Port:
        rest = 8 + 4;
        break;
      case kPid:
        rest = 4 + 4 + 1;
        break;
      case kNewPid:
        rest = 4 + 4 + 4;
        break;
      case kNewReference:
      case kNewerReference:
        if (!Take(&words)) return false;
        rest = (tag == kNewReference ? 1 : 4) + size_t{4} * words;
        break;
      default:
        return NoCounterpart(start, std::string(ForeignName(tag)) + ", which has no counterpart in Python");
    }
    if (!Node()) return false;
    if (rest > left()) return Cut();
    p_ += rest;
    out_->AddNone();
    return true;
  }

  // Past the name of a node.
  bool Node() {
    const char* start = p_;
    uint8_t tag = 0;
    absl::string_view name;
    if (!Take(&tag)) return false;
    if (tag == kSmallAtomLatin1 || tag == kSmallAtomUtf8) return Sized<uint8_t>(&name);
    if (tag == kAtomLatin1 || tag == kAtomUtf8) return Sized<uint16_t>(&name);
    return Damaged(start, "a node whose name is no atom");
  }

  static constexpr size_t kLongest = kMaxTermSize - wire::kLongHeader;

  const char* const begin_;
  const char* p_;
  const char* const end_;
  const ReadOptions& options_;
  WireWriter* const out_;
  ReadProblem* const problem_;
  bool in_key_ = false;     // of a map that is to be a dict
  bool risky_key_ = false;  // the key holds a float or a boolean, which may equal another number
};

// `problem` of what was uncompressed, told of the term it came from.
void TellUncompressed(ReadProblem* problem) {
  problem->message += " (byte " + std::to_string(problem->offset) + " of what was compressed)";
  problem->offset = 1;
}

bool SetTooLong(ReadProblem* problem) {
  *problem = ReadProblem{false, 0, "a term of more than 2 GiB"};
  return false;
}

}  // namespace

bool ReadTerm(absl::string_view bytes, const ReadOptions& options, WireWriter* out, ReadProblem* problem) try {
  Reader reader(bytes, options, out, problem);
  bool compressed;
  if (!reader.Version(&compressed)) return false;
  if (!compressed) return reader.Term(0) && reader.AtEnd();
  std::string uncompressed;
  if (!reader.Uncompress(&uncompressed)) return false;
  Reader inner(uncompressed, options, out, problem);
  if (inner.Term(0) && inner.AtEnd()) return true;
  TellUncompressed(problem);
  return false;
} catch (const std::length_error&) {
  return SetTooLong(problem);
}

bool RowsRead::Add(absl::string_view bytes, const ReadOptions& options, bool* is_row, ReadProblem* problem) try {
  Reader outer(bytes, options, &wire_, problem);
  bool compressed;
  if (!outer.Version(&compressed)) return false;
  if (compressed && !outer.Uncompress(&uncompressed_.emplace_back())) return false;
  Reader inner(compressed ? absl::string_view(uncompressed_.back()) : absl::string_view(), options, &wire_, problem);
  Reader& reader = compressed ? inner : outer;

  Row row{values_.size(), 0};
  bool ok = reader.TupleHeader(is_row, &row.arity);
  if (ok && !*is_row) return true;
  for (uint32_t i = 0; ok && i < row.arity; ++i) {
    Value v;
    bool native = false;
    ok = reader.Native(&v, &native);
    if (ok && !native) {
      pending_.push_back(Pending{values_.size(), wire_.size()});
      ok = reader.Term(0);
    }
    values_.push_back(v);
  }
  ok = ok && reader.AtEnd();
  if (ok) rows_.push_back(row);
  if (!ok && compressed) TellUncompressed(problem);
  return ok;
} catch (const std::length_error&) {
  return SetTooLong(problem);
}

void RowsRead::Finish() {
  for (const Pending& pending : pending_)
    wire::ReadTerm(wire_.bytes().data() + pending.offset, &values_[pending.value]);
  pending_.clear();
}

void RowsRead::Clear() {
  values_.clear();
  rows_.clear();
  pending_.clear();
  wire_.Clear();
  uncompressed_.clear();
}

}  // namespace partita::erlang
