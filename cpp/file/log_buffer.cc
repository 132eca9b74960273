#include "file/log_buffer.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

namespace partita {

LogBuffer::~LogBuffer() {
  while (first_ != nullptr) {
    Segment* const next = first_->next;
    ::operator delete(first_);
    first_ = next;
  }
}

void LogBuffer::Reserve(size_t bytes, size_t spare) {
  const size_t needed = reserved_ + bytes + spare;
  if (free_ < needed) {
    const size_t capacity = std::max(kSegmentSize, needed - free_);
    Segment* const segment = new (::operator new(sizeof(Segment) + capacity)) Segment{nullptr, capacity, 0};
    (last_ == nullptr ? first_ : last_->next) = segment;
    last_ = segment;
    if (fill_ == nullptr) fill_ = segment;
    free_ += capacity;
  }
  reserved_ += bytes;
}

void LogBuffer::Append(absl::string_view bytes) {
  assert(bytes.size() <= free_);
  appended_ += bytes.size();
  free_ -= bytes.size();
  while (!bytes.empty()) {
    if (fill_->end == fill_->capacity) {
      fill_ = fill_->next;
      if (begin_ == first_->end && first_->next == fill_) DropFirst();
    }
    const size_t fits = std::min(bytes.size(), fill_->capacity - fill_->end);
    std::memcpy(fill_->data() + fill_->end, bytes.data(), fits);
    fill_->end += fits;
    bytes.remove_prefix(fits);
  }
}

absl::string_view LogBuffer::Front(uint64_t most) const {
  if (consumed_ == appended_) return absl::string_view();
  return absl::string_view(first_->data() + begin_,
                           static_cast<size_t>(std::min<uint64_t>(most, first_->end - begin_)));
}

void LogBuffer::Consume(size_t bytes) {
  consumed_ += bytes;
  begin_ += bytes;
  if (begin_ < first_->end) return;
  if (first_ != fill_) {
    DropFirst();
  } else if (first_->capacity == kSegmentSize) {  // used from its start again
    free_ += first_->end;
    first_->end = 0;
    begin_ = 0;
  }
}

void LogBuffer::DropFirst() {
  Segment* const segment = first_;
  first_ = segment->next;
  begin_ = 0;
  ::operator delete(segment);
}

void LogBuffer::Clear() {
  while (first_ != fill_) DropFirst();
  if (fill_ != nullptr) {
    free_ += fill_->end;
    fill_->end = 0;
    begin_ = 0;
  }
  consumed_ = appended_;
}

}  // namespace partita
