// Bytes on their way into a log: appended at one end and written from the other.
//
// Room is reserved first, which may fail; what is appended within it cannot. One lock of the caller's guards all calls;
// the bytes that Front() shows may be read without it until they are consumed, while others are appended behind them.

#ifndef PARTITA_FILE_LOG_BUFFER_H_
#define PARTITA_FILE_LOG_BUFFER_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace partita {

class LogBuffer {
 public:
  LogBuffer() = default;
  ~LogBuffer();
  LogBuffer(const LogBuffer&) = delete;
  LogBuffer& operator=(const LogBuffer&) = delete;

  // Room for `bytes` more than are reserved already, and besides room for `spare` that nobody has reserved. Throws
  // std::bad_alloc and reserves nothing then.
  void Reserve(size_t bytes, size_t spare);
  void Release(size_t bytes) { reserved_ -= bytes; }
  // Takes free room: what was reserved for these bytes is to be released in the same hold of the lock.
  void Append(absl::string_view bytes);

  // The first bytes, as far as they lie together, at most `most`; none if all are consumed.
  absl::string_view Front(uint64_t most) const;
  void Consume(size_t bytes);
  // All that was appended is gone.
  void Clear();

  uint64_t appended() const { return appended_; }  // bytes so far
  uint64_t consumed() const { return consumed_; }

 private:
  struct Segment {
    Segment* next;
    size_t capacity;
    size_t end;  // bytes appended
    char* data() { return reinterpret_cast<char*>(this + 1); }
    const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  };
  static constexpr size_t kSegmentSize = size_t{64} << 10;

  // The first segment is all read.
  void DropFirst();

  Segment* first_ = nullptr;  // with bytes to be consumed, from `begin_` on
  Segment* fill_ = nullptr;   // to which is appended
  Segment* last_ = nullptr;
  size_t begin_ = 0;
  size_t free_ = 0;      // room from fill_ on
  size_t reserved_ = 0;  // of it
  uint64_t appended_ = 0;
  uint64_t consumed_ = 0;
};

}  // namespace partita

#endif  // PARTITA_FILE_LOG_BUFFER_H_
