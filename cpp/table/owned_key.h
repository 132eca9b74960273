// A key that owns its bytes: where a walk stands, and where a range begins.

#ifndef PARTITA_TABLE_OWNED_KEY_H_
#define PARTITA_TABLE_OWNED_KEY_H_

#include <cstring>
#include <memory>

#include "column/block.h"
#include "table/leaf.h"
#include "term/sort_key.h"
#include "term/value.h"

namespace partita {

class OwnedKey {
 public:
  // Throws std::bad_alloc.
  explicit OwnedKey(const Value& key) : value_(key), sort_key_(key) {
    MaybeFailAllocation();
    if (key.kind != Value::Kind::kStr && key.kind != Value::Kind::kWire) return;
    bytes_ = std::make_unique_for_overwrite<char[]>(key.size);
    std::memcpy(bytes_.get(), key.data, key.size);
    value_.data = bytes_.get();
  }
  OwnedKey(const OwnedKey&) = delete;
  OwnedKey& operator=(const OwnedKey&) = delete;

  const Value& value() const { return value_; }
  const SortKey& sort_key() const { return sort_key_; }
  Probe probe() const { return Probe{value_, sort_key_}; }

 private:
  Value value_;
  const SortKey sort_key_;
  std::unique_ptr<char[]> bytes_;
};

// Order of a probe and a key, as memcmp.
inline int CompareKeys(const Probe& probe, const OwnedKey& key) {
  const int order = probe.sort_key.Compare(key.sort_key());
  return order != 0 ? order : CompareNumeric(probe.key, key.value());
}

// A place between two keys: before or after a key, or (null) before the first or after the last one.
struct Cut {
  std::shared_ptr<const OwnedKey> key;
  bool after = false;
};

// The keys between two places.
struct KeySpan {
  Cut lower;
  Cut upper;
};

}  // namespace partita

#endif  // PARTITA_TABLE_OWNED_KEY_H_
