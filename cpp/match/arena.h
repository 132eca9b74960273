// Memory for what is made while one row is looked at: handed out piece by piece, taken back all at once.
//
// Keeps its memory over Clear(), so that the usual row needs no allocation, but for what an unusually large row asked
// for. Addresses stay valid until Clear(). Not thread-safe. Throws std::bad_alloc.

#ifndef PARTITA_MATCH_ARENA_H_
#define PARTITA_MATCH_ARENA_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "absl/base/optimization.h"

namespace partita {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  char* Allocate(size_t size) {
    if (ABSL_PREDICT_FALSE(size > static_cast<size_t>(end_ - next_))) return AllocateSlow(size);
    char* p = next_;
    next_ += size;
    return p;
  }
  // Bytes in blocks: what was handed out, or a little more.
  size_t size() const { return size_; }
  void Clear() {
    if (ABSL_PREDICT_FALSE(blocks_.size() > 1)) {
      blocks_.resize(1);
      size_ = first_size_;
    }
    next_ = blocks_.empty() ? nullptr : blocks_.front().get();
    end_ = next_ + (blocks_.empty() ? 0 : first_size_);
  }

 private:
  char* AllocateSlow(size_t size) {
    constexpr size_t kMinBlock = 4096;
    constexpr size_t kMaxBlock = size_t{1} << 20;
    // The first block stays: it is small, whatever is asked for first.
    if (blocks_.empty()) {
      AddBlock(kMinBlock);
      first_size_ = kMinBlock;
      if (size <= kMinBlock) return Allocate(size);
    }
    const size_t block = std::max(size, std::clamp(size_, kMinBlock, kMaxBlock));
    if (size > block / 2) {  // a block of its own; the present one goes on
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
      size_ += size;
      return blocks_.back().get();
    }
    AddBlock(block);
    return Allocate(size);
  }

  void AddBlock(size_t size) {
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    next_ = blocks_.back().get();
    end_ = next_ + size;
    size_ += size;
  }

  char* next_ = nullptr;
  char* end_ = nullptr;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t size_ = 0;
  size_t first_size_ = 0;
};

}  // namespace partita

#endif  // PARTITA_MATCH_ARENA_H_
