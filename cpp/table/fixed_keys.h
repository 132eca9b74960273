// What a partition remembers of keys that go while its table is fixed, so that a walk from key to key goes on where it
// stood: the slot that each key had. The slot is held for it (row_store.h), and a key that comes back gets it again; so
// while a table is fixed no key changes its place.
//
// Guarded by the partition's lock.

#ifndef PARTITA_TABLE_FIXED_KEYS_H_
#define PARTITA_TABLE_FIXED_KEYS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "column/row_store.h"
#include "term/value.h"

namespace partita {

// What a node of a std::map takes beside its value.
inline constexpr uint64_t kMapNodeBytes = 40;

class FixedKeys {
 public:
  // The rows that went with a clear(), as they were; pinned as long as the table is fixed.
  struct Cleared {
    Cleared(uint64_t pin_epoch, std::shared_ptr<PinToken> pin, absl::Span<Chunk* const> row_chunks,
            absl::Span<Chunk* const> key_chunks)
        : epoch(pin_epoch),
          token(std::move(pin)),
          rows(row_chunks.begin(), row_chunks.end()),
          keys(key_chunks.begin(), key_chunks.end()) {}
    Cleared(Cleared&&) = default;
    Cleared& operator=(Cleared&&) = default;
    ~Cleared() {
      if (token != nullptr) token->released.store(true, std::memory_order_release);
    }

    uint64_t epoch;
    std::shared_ptr<PinToken> token;
    std::vector<const Chunk*> rows;  // chunks by number; some are null
    std::vector<const Chunk*> keys;  // the same of Partition::keys()
  };

  explicit FixedKeys(uint32_t keypos) : keypos_(keypos) {}

  uint32_t keypos() const { return keypos_; }
  // Whether the key was erased since the table was fixed. *slot: where it stood; kNoSlot: the row went with all others.
  bool Find(uint64_t hash, const Value& key, Slot* slot) const;
  // Before the row of `key` at a held slot is erased. Throws std::bad_alloc.
  void Remember(uint64_t hash, const Value& key, Slot slot);
  // All rows are about to go: what Remember() noted has no slots any more.
  void ForgetSlots();

  std::vector<Cleared>& cleared() { return cleared_; }
  const std::vector<Cleared>& cleared() const { return cleared_; }
  uint64_t bytes() const;

  std::unique_ptr<FixedKeys> next;  // in a list of those that are no longer needed

 private:
  struct Erased {
    Value key;
    std::unique_ptr<char[]> bytes;  // where the key points to
    Slot slot;
  };

  const uint32_t keypos_;
  std::map<uint64_t, absl::InlinedVector<Erased, 1>> erased_;  // by hash; stays whole where memory runs out
  uint64_t key_bytes_ = 0;
  std::vector<Cleared> cleared_;
};

}  // namespace partita

#endif  // PARTITA_TABLE_FIXED_KEYS_H_
