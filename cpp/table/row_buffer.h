// Rows copied out of a table: what a reader holds after it let go of a partition's lock.
//
// Owns the bytes its values point to, but for large values, which stay in the table and are pinned there: the table
// must outlive what is read of them. Not thread-safe. Lives on the caller's stack: the first rows need no allocation.
// Clear() keeps the memory for the next use.

#ifndef PARTITA_TABLE_ROW_BUFFER_H_
#define PARTITA_TABLE_ROW_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/optimization.h"
#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "column/row_store.h"
#include "term/value.h"

namespace partita {

class RowBuffer {
 public:
  // Values above this size are not copied: their partition is pinned until the buffer is cleared (row_store.h).
  static constexpr uint32_t kMaxCopiedValue = 64 * 1024;

  RowBuffer() = default;
  ~RowBuffer() {
    if (ABSL_PREDICT_FALSE(more_ != nullptr)) ReleasePins();
  }
  RowBuffer(const RowBuffer&) = delete;
  RowBuffer& operator=(const RowBuffer&) = delete;

  size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  absl::Span<const Value> row(size_t index) const {
    const uint32_t begin = index == 0 ? 0 : ends_[index - 1];
    return absl::Span<const Value>(values_ + begin, ends_[index] - begin);
  }
  void Clear() {
    value_count_ = 0;
    ends_.clear();
    next_ = inline_bytes_;
    end_ = inline_bytes_ + sizeof(inline_bytes_);
    heap_bytes_ = 0;
    if (more_ == nullptr) return;
    ReleasePins();
    more_->blocks.clear();
  }

  // Bytes copied so far outside the inline part; lets a batch stop before it grows without bound.
  size_t heap_bytes() const { return heap_bytes_; }

  // Building. Values are added one by one, then EndRow() makes a row of those added since the last one. All may throw
  // std::bad_alloc; AbandonRow() forgets the values of the row under construction.
  void AddValue(const Value& v) { *AddValues(1) = v; }
  // `count` values at once, to be set by the caller before anything else is added.
  Value* AddValues(size_t count) {
    if (ABSL_PREDICT_FALSE(count > value_capacity_ - value_count_)) GrowValues(count);
    Value* first = values_ + value_count_;
    value_count_ += count;
    return first;
  }
  void EndRow() { ends_.push_back(static_cast<uint32_t>(value_count_)); }
  void AbandonRow() { value_count_ = ends_.empty() ? 0 : ends_.back(); }
  // Room for `size` bytes that stays where it is as long as this buffer is not cleared.
  char* Allocate(size_t size) {
    if (ABSL_PREDICT_TRUE(size <= static_cast<size_t>(end_ - next_))) {
      char* p = next_;
      next_ += size;
      return p;
    }
    return AllocateSlow(size);
  }
  // Keeps what values added since the last call may point to, until this buffer is cleared.
  void HoldPin(std::shared_ptr<PinToken> pin) { more().pins.push_back(std::move(pin)); }
  // Adds `v` and, where it points to bytes, a copy of these.
  void AddCopy(Value v) {
    if (v.kind == Value::Kind::kStr || v.kind == Value::Kind::kWire) {
      char* copy = Allocate(v.size);
      std::memcpy(copy, v.data, v.size);
      v.data = copy;
    }
    AddValue(v);
  }

 private:
  static constexpr size_t kInlineValues = 24;

  // What few calls need; a call that does not is spared making and ending it.
  struct More {
    std::unique_ptr<char[]> values;
    std::vector<std::unique_ptr<char[]>> blocks;
    std::vector<std::shared_ptr<PinToken>> pins;
  };

  More& more() {
    if (more_ == nullptr) more_ = std::make_unique<More>();
    return *more_;
  }
  void GrowValues(size_t count);
  char* AllocateSlow(size_t size);
  void ReleasePins();

  Value* values_ = reinterpret_cast<Value*>(inline_values_);
  size_t value_count_ = 0;
  size_t value_capacity_ = kInlineValues;
  absl::InlinedVector<uint32_t, 4> ends_;  // ends_[i]: index in values_ past row i
  char* next_ = inline_bytes_;
  char* end_ = inline_bytes_ + sizeof(inline_bytes_);
  std::unique_ptr<More> more_;
  size_t heap_bytes_ = 0;
  alignas(Value) char inline_values_[kInlineValues * sizeof(Value)];  // neither these are constructed
  char inline_bytes_[512];                                            // nor these cleared: a call fills what it uses
};

}  // namespace partita

#endif  // PARTITA_TABLE_ROW_BUFFER_H_
