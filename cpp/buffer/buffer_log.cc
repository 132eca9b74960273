#include "buffer/buffer_log.h"

#include <algorithm>
#include <limits>
#include <new>

namespace partita {
namespace {

constexpr size_t kRowsOfAStep = 1024;

}  // namespace

Outcome BufferLog::Begin(std::vector<ItemNumber>* numbers, const char** wrong) {
  *wrong = nullptr;
  try {
    const std::unique_ptr<Walk> walk = table_->NewKeyWalk();
    for (RowBuffer keys;; keys.Clear()) {
      const Outcome outcome = walk->Next(kRowsOfAStep, Wait::kBlock, &keys);
      if (outcome != Outcome::kOk) return outcome;
      if (keys.empty()) break;
      for (size_t i = 0; i < keys.size(); ++i) {
        const Value& key = keys.row(i)[0];
        if (key.kind != Value::Kind::kInt || key.i < 1 || key.i == std::numeric_limits<ItemNumber>::max()) {
          *wrong = "a row has no number of an item";
          return Outcome::kOk;
        }
        numbers->push_back(key.i);
      }
    }
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  std::sort(numbers->begin(), numbers->end());
  if (!numbers->empty()) next_.store(numbers->back() + 1, std::memory_order_relaxed);
  return Outcome::kOk;
}

Outcome BufferLog::Read(absl::Span<const ItemNumber> numbers, RowBuffer* out, std::vector<RowRange>* ranges) {
  std::vector<KeyView> keys;
  keys.reserve(numbers.size());
  for (const ItemNumber number : numbers) keys.push_back(KeyOf(number));
  return table_->LookupBatch(keys, Wait::kBlock, out, ranges);
}

Outcome BufferLog::Put(ItemNumber number, absl::Span<Value> values) {
  const KeyView key = KeyOf(number);
  values[0] = key.key;
  return table_->Insert(RowView{values.data(), static_cast<uint32_t>(values.size()), key.hash}, Wait::kBlock);
}

Outcome BufferLog::Remove(absl::Span<const ItemNumber> numbers) {
  try {
    std::vector<KeyView> keys;
    while (!numbers.empty()) {
      const absl::Span<const ItemNumber> some = numbers.subspan(0, kRowsOfAStep);
      keys.clear();
      for (const ItemNumber number : some) keys.push_back(KeyOf(number));
      uint64_t removed = 0;
      const Outcome outcome = table_->DeleteBatch(keys, Wait::kBlock, &removed);
      if (outcome != Outcome::kOk) return outcome;
      numbers.remove_prefix(some.size());
    }
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  return Outcome::kOk;
}

Outcome BufferLog::Write() {
  const std::shared_ptr<DurableTable> durable = durable_.lock();
  try {
    if (durable == nullptr || durable->Write().ok()) return Outcome::kOk;
  } catch (const std::bad_alloc&) {  // in telling of an error
    return Outcome::kOutcomeUnknown;
  }
  // A file that was closed meanwhile holds all, and in a fork's child nothing is to be written.
  const DurableState state = durable->info().state;
  const bool fine = state == DurableState::kClosed || state == DurableState::kDetached;
  return fine ? Outcome::kOk : Outcome::kOutcomeUnknown;
}

}  // namespace partita
