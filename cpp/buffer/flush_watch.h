// Follows what lay in a buffer at one moment until it is dealt with.

#ifndef PARTITA_BUFFER_FLUSH_WATCH_H_
#define PARTITA_BUFFER_FLUSH_WATCH_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "buffer/counts.h"

namespace partita {

// What became of the items a watch follows.
struct FlushReport {
  uint64_t processed = 0;
  uint64_t dead = 0;
  uint64_t failed = 0;
  uint64_t dropped = 0;
  uint64_t left = 0;  // waiting, in flight or in doubt
};

class FlushWatch {
 public:
  explicit FlushWatch(uint32_t partitions) : parts_(partitions), pending_(partitions) {}

  // Whether no partition has anything left.
  bool done() const { return pending_.load(std::memory_order_acquire) == 0; }

 private:
  friend class Buffer;

  // Each guarded by the lock of its partition.
  struct Part {
    uint64_t segments = 0;  // all up to this number are to be dealt with
    BufferCounts begin;
    BufferCounts end;
    bool reached = false;
  };

  std::vector<Part> parts_;
  std::atomic<uint32_t> pending_;  // partitions that have something left
};

}  // namespace partita

#endif  // PARTITA_BUFFER_FLUSH_WATCH_H_
