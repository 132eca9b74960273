// Writes terms in wire form, containers as their elements come, without knowing their sizes beforehand.
//
//   WireWriter w;
//   auto mark = w.Begin();
//   w.AddInt(1);
//   w.AddStr("a");
//   w.EndTuple(mark, 2);   // w.bytes() is now the term (1, "a")
//
// What it writes is the smallest form, sorted where that is asked for, with the flags that the contents give:
// ValidateWire holds. Except: the caller vouches for text being UTF-8 and told ASCII if it is, for the ranges of dates
// and decimals, for depth, and that map keys and set elements are different (EndMap and EndSet tell if they are not).
// Pointers handed out hold until the next call. Throws std::bad_alloc, and std::length_error once a term passes
// kMaxTermSize. Not thread-safe.

#ifndef PARTITA_TERM_WIRE_WRITER_H_
#define PARTITA_TERM_WIRE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"
#include "term/value.h"
#include "term/wire.h"

namespace partita {

class WireWriter {
 public:
  // Where a container under construction starts, and what its surroundings had gathered before.
  struct Mark {
    size_t start;
    uint8_t outer_flags;
  };
  // What EndMap and EndSet found. On a duplicate the container is not finished: the writer's contents are of no further
  // use.
  struct Sorted {
    bool ok = true;
    uint32_t duplicate = 0;  // the position (as added) of one that equals an earlier one
  };

  WireWriter() = default;
  WireWriter(const WireWriter&) = delete;
  WireWriter& operator=(const WireWriter&) = delete;

  absl::string_view bytes() const { return absl::string_view(begin_, size()); }
  size_t size() const { return static_cast<size_t>(next_ - begin_); }
  void Clear() {
    next_ = begin_;
    flags_ = 0;
  }
  // Gives away the memory that bytes() lies in, where it is not a part of this object; then nothing is written any
  // more.
  std::unique_ptr<char[]> ReleaseHeap() { return std::move(heap_); }

  void AddValue(const Value& v);
  void AddNone() { AddValue(Value::None()); }
  void AddBool(bool b) { AddValue(BoolValue(b)); }
  void AddInt(int64_t i) { AddValue(Value::Int(i)); }
  void AddFloat(double f) { AddValue(Value::Float(f)); }
  void AddStr(absl::string_view text, bool ascii) {
    AddValue(Value::Str(text.data(), static_cast<uint32_t>(text.size()), ascii));
  }
  // Room for the text, to be filled in.
  char* AddStrRoom(size_t size, bool ascii);
  char* AddBytesRoom(size_t size);
  char* AddOpaqueRoom(size_t size);
  // `size` bytes of magnitude, of which the last must not be 0; the int must be beyond 64 bits.
  char* AddBigRoom(bool negative, size_t size);
  // nil, false and true become those. At most kMaxAtomLength code points.
  void AddAtom(absl::string_view text);
  void AddUuid(const char* big_endian);  // 16 bytes
  void AddDate(uint32_t days);
  void AddTimedelta(int32_t days, uint32_t seconds, uint32_t microseconds);
  // m.form is chosen by whoever calls; the name at most 65,535 bytes.
  void AddDatetime(const wire::Moment& m) { AddMoment(wire::kDatetime, m); }
  void AddTime(const wire::Moment& m) { AddMoment(wire::kTime, m); }
  // `digits`: as text, '0' to '9', without leading zeros (d.digits and d.digit_count are not read).
  void AddDecimal(const wire::DecimalParts& d, absl::string_view digits);

  Mark Begin() {
    const Mark mark{size(), flags_};
    flags_ = 0;
    Room(wire::kShortHeader);
    return mark;
  }
  void EndTuple(const Mark& mark, size_t count) { End(mark, wire::ContainerKind::kTuple, count); }
  void EndList(const Mark& mark, size_t count) { End(mark, wire::ContainerKind::kList, count); }
  // `count` pairs were added, key and value in turn.
  Sorted EndMap(const Mark& mark, size_t count);
  Sorted EndSet(const Mark& mark, size_t count, bool frozen);

 private:
  // Moves the end on by `size` bytes, to be written at the returned place.
  char* Room(size_t size) {
    if (ABSL_PREDICT_FALSE(size > static_cast<size_t>(end_ - next_))) Grow(size);
    char* p = next_;
    next_ += size;
    return p;
  }
  void Grow(size_t size);
  void AddMoment(uint8_t tag, const wire::Moment& m);
  void End(const Mark& mark, wire::ContainerKind kind, size_t count);
  // Gathers the flags of the scalar just written at `start`.
  void NoteScalar(const char* start);

  char* begin_ = inline_bytes_;
  char* next_ = inline_bytes_;
  char* end_ = inline_bytes_ + sizeof(inline_bytes_);
  uint8_t flags_ = 0;  // Value flags of what the innermost open container holds
  std::unique_ptr<char[]> heap_;
  char inline_bytes_[512];
};

}  // namespace partita

#endif  // PARTITA_TERM_WIRE_WRITER_H_
