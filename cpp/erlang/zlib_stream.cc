#include "erlang/zlib_stream.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

namespace partita::erlang {
namespace {

constexpr size_t kFirstRoom = 4096;
constexpr size_t kMostAtOnce = std::numeric_limits<uInt>::max();

// An inflating stream, ended with its scope.
class Inflater {
 public:
  Inflater() {
    if (inflateInit(&stream_) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream* operator->() { return &stream_; }
  int Step() { return inflate(&stream_, Z_NO_FLUSH); }

 private:
  z_stream stream_{};
};

}  // namespace

const char* Inflate(absl::string_view compressed, size_t size, std::string* out) {
  if (size / kMaxInflation > compressed.size()) return "more than such a compressed term can hold";
  Inflater stream;
  out->clear();
  size_t taken = 0;
  for (int state = Z_OK; state != Z_STREAM_END;) {
    if (stream->avail_in == 0) {
      const size_t part = std::min(compressed.size() - taken, kMostAtOnce);
      stream->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data() + taken));
      stream->avail_in = static_cast<uInt>(part);
      taken += part;
    }
    const size_t done = out->size();
    // One byte more than there should be, to notice what is too long.
    out->resize(std::min(std::max(2 * done, kFirstRoom), size + 1));
    const size_t room = std::min(out->size() - done, kMostAtOnce);
    stream->next_out = reinterpret_cast<Bytef*>(out->data() + done);
    stream->avail_out = static_cast<uInt>(room);
    state = stream.Step();
    out->resize(done + room - stream->avail_out);
    if (state == Z_MEM_ERROR) throw std::bad_alloc();
    if (state != Z_OK && state != Z_STREAM_END) return "what is compressed is damaged or cut off";
    if (out->size() > size) return "what is compressed is longer than it says";
  }
  if (out->size() != size) return "what is compressed is shorter than it says";
  if (stream->avail_in != 0 || taken != compressed.size()) return "bytes after what is compressed";
  return nullptr;
}

void Deflate(absl::string_view bytes, int level, std::string* out) {
  uLongf size = compressBound(bytes.size());
  out->resize(size);
  const int state = compress2(reinterpret_cast<Bytef*>(out->data()), &size,
                              reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), level);
  if (state != Z_OK) throw std::bad_alloc();
  out->resize(size);
}

}  // namespace partita::erlang
