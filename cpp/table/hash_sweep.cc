#include "table/hash_sweep.h"

#include <cstring>
#include <new>
#include <utility>

#include "absl/numeric/bits.h"
#include "table/record.h"

namespace partita {
namespace {

constexpr uint64_t kMostPerHold = 256;  // keys judged under one hold of a lock
constexpr int kMostChunks = 64;         // looked at in one call

}  // namespace

HashSweep::HashSweep(std::shared_ptr<HashTable> table)
    : table_(std::move(table)), generation_(table_->generation()), ends_(std::make_shared<std::vector<uint64_t>>()) {
  ends_->reserve(table_->options().partitions);
}

Outcome HashSweep::Next(RowJudge* judge, Wait wait, bool* done) {
  return Journaled(judge->writes() ? table_->journal() : nullptr, wait,
                   [&](auto& record) { return JudgeChunks(judge, wait, record.pointer(), done); });
}

Outcome HashSweep::JudgeChunks(RowJudge* judge, Wait wait, StepRecord* record, bool* done) {
  *done = false;
  while (!begun()) {
    Partition& partition = table_->partitions_[ends_->size()];
    const Locked locked(&partition, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    ends_->push_back(uint64_t{partition.keys().chunk_count()} << kChunkShift);
  }
  if (table_->dropped()) return Outcome::kDropped;
  bool judged = false;
  for (int chunks = 0; chunks < kMostChunks && !judged && partition_ < ends_->size(); ++chunks) {
    if (const Outcome outcome = JudgeChunk(judge, wait, record, &judged); outcome != Outcome::kOk) return outcome;
    if (slot_ >= (*ends_)[partition_]) {
      ++partition_;
      slot_ = 0;
    }
  }
  *done = partition_ == ends_->size();
  return Outcome::kOk;
}

Outcome HashSweep::JudgeChunk(RowJudge* judge, Wait wait, StepRecord* record, bool* judged) {
  Partition& partition = table_->partitions_[partition_];
  const Locked locked(&partition, wait);
  if (!locked.got()) return Outcome::kWouldBlock;
  if (table_->dropped()) return Outcome::kDropped;
  if (table_->generation() != generation_) {
    partition_ = static_cast<uint32_t>(ends_->size() - 1);
    slot_ = ends_->back();
    return Outcome::kOk;
  }
  uint32_t number = static_cast<uint32_t>(slot_ >> kChunkShift);
  const RowStore& keys = partition.keys();
  while (slot_ < (*ends_)[partition_] && (number >= keys.chunk_count() || keys.chunk(number) == nullptr)) {
    slot_ = uint64_t{++number} << kChunkShift;
  }
  if (slot_ >= (*ends_)[partition_]) return Outcome::kOk;
  try {
    const RecordHold hold(record);
    return JudgeKeys(&partition, number, judge, record, judged);
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome HashSweep::JudgeKeys(Partition* partition, uint32_t number, RowJudge* judge, StepRecord* record, bool* judged) {
  const Chunk& keys = *partition->keys().chunk(number);
  uint64_t bits[kBitmapWords];
  std::memcpy(bits, keys.live, sizeof(bits));
  const uint32_t first = static_cast<uint32_t>(slot_ & kChunkMask);
  for (uint32_t w = 0; w < first / 64; ++w) bits[w] = 0;
  bits[first / 64] &= ~uint64_t{0} << (first % 64);
  if (partition->chains == nullptr) judge->Narrow(keys, bits);
  uint64_t count = 0;
  for (uint32_t w = first / 64; w < kBitmapWords; ++w) {
    for (uint64_t left = bits[w]; left != 0; left &= left - 1) {
      const Slot key = number << kChunkShift | (w * 64 + static_cast<uint32_t>(absl::countr_zero(left)));
      if (count >= kMostPerHold) {
        slot_ = key;
        return Outcome::kOk;
      }
      *judged = true;
      const Outcome outcome = partition->JudgeRowsOf(key, table_->options(), judge, record, &count);
      if (outcome != Outcome::kOk) return outcome;
      if (!judge->wants_more()) {
        slot_ = uint64_t{key} + 1;
        return Outcome::kOk;
      }
    }
  }
  slot_ = uint64_t{number + 1} << kChunkShift;
  return Outcome::kOk;
}

}  // namespace partita
