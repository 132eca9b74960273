// Writing records. Reading them: record_replay.cc.

#include "table/record.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "column/block.h"
#include "term/ascii.h"
#include "term/wire.h"

namespace partita {
namespace {

static_assert(kMaxArity <= std::numeric_limits<uint16_t>::max());

char* StoreTag(char* p, RecordEntry entry) { return wire::Store(p, static_cast<uint8_t>(entry)); }
char* StoreTerm(char* p, const Value& v) { return WriteWire(WithAsciiFlag(v), p); }

}  // namespace

char* StepRecord::Room(size_t size) {
  if (ABSL_PREDICT_TRUE(size <= capacity_ - size_)) return bytes_ + size_;
  const size_t capacity = std::max(size_ + size, 2 * capacity_);
  MaybeFailAllocation();
  auto grown = std::make_unique_for_overwrite<char[]>(capacity);
  std::memcpy(grown.get(), bytes_, size_);
  heap_ = std::move(grown);
  bytes_ = heap_.get();
  capacity_ = capacity;
  return bytes_ + size_;
}

void StepRecord::AddRow(RecordEntry entry, absl::Span<const Value> row) {
  if (!wanted_) return;
  size_t size = 1 + sizeof(uint16_t);
  for (const Value& v : row) size += WireSize(v);
  char* p = StoreTag(Room(size), entry);
  p = wire::Store(p, static_cast<uint16_t>(row.size()));
  for (const Value& v : row) p = StoreTerm(p, v);
  size_ += size;
}

void StepRecord::Delete(const Value& key) {
  if (!wanted_) return;
  const size_t size = 1 + size_t{WireSize(key)};
  StoreTerm(StoreTag(Room(size), RecordEntry::kDelete), key);
  size_ += size;
}

void StepRecord::SetElements(const Value& key, absl::Span<const ElementUpdate> updates) {
  if (!wanted_ || updates.empty()) return;
  size_t size = 1 + size_t{WireSize(key)} + sizeof(uint16_t);
  for (const ElementUpdate& update : updates) size += sizeof(uint16_t) + WireSize(update.value);
  char* p = StoreTerm(StoreTag(Room(size), RecordEntry::kSetElements), key);
  p = wire::Store(p, static_cast<uint16_t>(updates.size()));
  for (const ElementUpdate& update : updates) {
    p = StoreTerm(wire::Store(p, static_cast<uint16_t>(update.position)), update.value);
  }
  size_ += size;
}

void StepRecord::Clear() {
  if (!wanted_) return;
  StoreTag(Room(1), RecordEntry::kClear);
  ++size_;
}

void StepRecord::DeleteSome(const Value& key, absl::Span<const uint32_t> numbers) {
  if (!wanted_) return;
  const size_t size = 1 + size_t{WireSize(key)} + (1 + numbers.size()) * sizeof(uint32_t);
  char* p = StoreTerm(StoreTag(Room(size), RecordEntry::kDeleteSome), key);
  p = wire::Store(p, static_cast<uint32_t>(numbers.size()));
  for (const uint32_t number : numbers) p = wire::Store(p, number);
  size_ += size;
}

// A record that grows while a lock is held asks for more and more at a time.
Outcome StepRecord::Reserve() {
  if (size_ > kMaxRecordSize) return Outcome::kRecordTooLarge;
  if (size_ <= reserved_ && size_ > 0) return Outcome::kOk;
  const size_t more = reserved_ == 0 ? size_ : std::max(size_ - reserved_, reserved_);
  const Outcome outcome = journal_->Reserve(more);
  if (outcome == Outcome::kOk) reserved_ += more;
  return outcome;
}

void StepRecord::Append() {
  if (stored_ > 0) {
    lsn_ = journal_->Append(absl::string_view(bytes_, stored_), reserved_);
  } else if (reserved_ > 0) {
    journal_->Release(reserved_);
  }
  reserved_ = 0;
  stored_ = 0;
  size_ = 0;
}

Outcome StepRecord::Await(Outcome outcome) {
  if (lsn_ == 0) return outcome;
  const Outcome durable = journal_->AwaitDurable(lsn_);
  return durable == Outcome::kOk ? outcome : durable;
}

}  // namespace partita
