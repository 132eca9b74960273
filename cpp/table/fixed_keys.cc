#include "table/fixed_keys.h"

#include <cstring>

namespace partita {

bool FixedKeys::Find(uint64_t hash, const Value& key, Slot* slot) const {
  const auto found = erased_.find(hash);
  if (found == erased_.end()) return false;
  for (const Erased& e : found->second) {
    if (!ExactlyEqual(e.key, key)) continue;
    *slot = e.slot;
    return true;
  }
  return false;
}

void FixedKeys::Remember(uint64_t hash, const Value& key, Slot slot) {
  MaybeFailAllocation();
  auto& same_hash = erased_[hash];
  for (Erased& e : same_hash) {
    if (!ExactlyEqual(e.key, key)) continue;
    e.slot = slot;
    return;
  }
  Erased erased{key, nullptr, slot};
  if (key.kind >= Value::Kind::kStr) {
    erased.bytes = std::make_unique_for_overwrite<char[]>(key.size);
    std::memcpy(erased.bytes.get(), key.data, key.size);
    erased.key.data = erased.bytes.get();
    key_bytes_ += key.size;
  }
  same_hash.push_back(std::move(erased));
}

void FixedKeys::ForgetSlots() {
  for (auto& [hash, same_hash] : erased_) {
    for (Erased& e : same_hash) e.slot = kNoSlot;
  }
}

uint64_t FixedKeys::bytes() const {
  uint64_t bytes =
      sizeof(FixedKeys) + erased_.size() * (sizeof(decltype(erased_)::value_type) + kMapNodeBytes) + key_bytes_;
  for (const Cleared& cleared : cleared_) {
    bytes += sizeof(Cleared) + (cleared.rows.capacity() + cleared.keys.capacity()) * sizeof(void*);
  }
  return bytes;
}

}  // namespace partita
