#include "table/bag_chains.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace partita {
namespace {

// A key is a row of two integers.
constexpr uint32_t kEndsColumn = 0;   // first, and last in the high half
constexpr uint32_t kCountColumn = 1;  // rows, and in the high half the number of the hashes and a bit: not ascending

int64_t Pack(uint32_t low, uint32_t high) { return static_cast<int64_t>(uint64_t{high} << 32 | low); }
uint32_t Low(int64_t packed) { return static_cast<uint32_t>(packed); }
uint32_t High(int64_t packed) { return static_cast<uint32_t>(static_cast<uint64_t>(packed) >> 32); }

int64_t EndsOf(const Chain& chain) { return Pack(chain.first, chain.last); }
int64_t CountOf(const Chain& chain) { return Pack(chain.rows, chain.hashes << 1 | (chain.ascends ? 0 : 1)); }

}  // namespace

Chain ReadChain(const Chunk& chunk, uint32_t place) {
  const int64_t ends = chunk.columns[kEndsColumn].ints()[place];
  const int64_t count = chunk.columns[kCountColumn].ints()[place];
  return Chain{Low(ends), High(ends), Low(count), High(count) >> 1, (High(count) & 1) == 0};
}

// --- Reading.

Slot BagChains::FindKey(const HashIndex& index, uint64_t hash, const Value& key) const {
  return index.Find(static_cast<uint32_t>(hash), [&](Slot number) {
    const Slot first = Low(keys_.chunk_of(number).columns[kEndsColumn].ints()[number & kChunkMask]);
    const Chunk& chunk = rows_->chunk_of(first);
    PrefetchRow(chunk, first & kChunkMask);
    return partita::KeyIs(chunk, first & kChunkMask, key, keypos_);
  });
}

void BagChains::PrefetchKey(const HashIndex& index, uint64_t hash) const {
  index.Find(static_cast<uint32_t>(hash), [&](Slot number) {
    Prefetch(keys_.chunk_of(number).columns[kEndsColumn].ints() + (number & kChunkMask));
    return true;
  });
}

bool BagChains::RowIsAt(Slot slot, const RowView& row) const {
  return RowIs(rows_->chunk_of(slot), slot & kChunkMask, absl::MakeConstSpan(row.values, row.arity));
}

Slot BagChains::FindRow(Slot key, const RowView& row) const {
  const Chain chain = this->chain(key);
  Slot found = kNoSlot;
  if (chain.hashes != Chain::kNoHashes) {
    hashes_[chain.hashes]->Find(HashRow(absl::MakeConstSpan(row.values, row.arity), seed_), [&](Slot slot) {
      if (!RowIsAt(slot, row)) return false;
      found = slot;
      return true;
    });
    return found;
  }
  for (Slot slot = chain.first; slot != kNoSlot && found == kNoSlot;) {
    const Slot next = rows_->link(slot).next;
    PrefetchChained(next);
    if (RowIsAt(slot, row)) found = slot;
    slot = next;
  }
  return found;
}

void BagChains::FindRows(Slot key, const RowView& row, Slots* found) const {
  const Chain chain = this->chain(key);
  if (chain.hashes != Chain::kNoHashes) {
    hashes_[chain.hashes]->Find(HashRow(absl::MakeConstSpan(row.values, row.arity), seed_), [&](Slot slot) {
      if (RowIsAt(slot, row)) found->push_back(slot);
      return false;
    });
    return;
  }
  ForEachRow(key, Direction::kForward, [&](Slot slot) {
    if (RowIsAt(slot, row)) found->push_back(slot);
  });
}

// --- Adding rows.

bool BagChains::PrepareAdd(const RowView& row, KeyIs key_is, Addition* addition) {
  const Slot key = addition->key;
  if (key_is == KeyIs::kNew) {
    const Value zeros[2] = {Value::Int(0), Value::Int(0)};
    PendingRefs none;
    keys_.PrepareRow(key, zeros, /*fresh=*/true, &none);
  } else if (key_is == KeyIs::kStored) {
    keys_.PrepareInt(key, kEndsColumn);
    keys_.PrepareInt(key, kCountColumn);
    rows_->PrepareLink(chain(key).last);
  }
  addition->row = rows_->ClaimSlot();
  if (addition->row == kNoSlot) return false;
  const absl::Span<const Value> values(row.values, row.arity);
  addition->in_place = rows_->StoreRowInPlace(addition->row, values, /*fresh=*/true);
  if (!addition->in_place) rows_->PrepareRow(addition->row, values, /*fresh=*/true, &addition->refs);
  rows_->PrepareLink(addition->row);
  return true;
}

void BagChains::AbandonAdd(const Addition& addition) {
  if (addition.row != kNoSlot) {
    rows_->AbandonRefs(addition.row, addition.refs);
    rows_->UnclaimSlot(addition.row);
  }
  if (addition.new_key) keys_.UnclaimSlot(addition.key);
}

void BagChains::StoreAdd(const RowView& row, const Addition& addition) {
  const absl::Span<const Value> values(row.values, row.arity);
  const Slot slot = addition.row;
  if (!addition.in_place) rows_->StoreRow(slot, values, addition.refs, /*fresh=*/true);
  Chain chain;
  if (!addition.new_key) chain = this->chain(addition.key);
  rows_->StoreLink(slot, Link{chain.last, kNoSlot});
  if (chain.last == kNoSlot) {
    chain.first = slot;
  } else {
    rows_->StoreLink(chain.last, Link{rows_->link(chain.last).prev, slot});
    if (slot < chain.last && chain.ascends) {
      chain.ascends = false;
      ++descending_;
    }
  }
  chain.last = slot;
  ++chain.rows;
  if (chain.hashes != Chain::kNoHashes) AddHash(&chain, HashRow(values, seed_), slot);
  if (addition.new_key) {
    const Value stored[2] = {Value::Int(EndsOf(chain)), Value::Int(CountOf(chain))};
    keys_.StoreRow(addition.key, stored, PendingRefs(), /*fresh=*/true);
  } else {
    StoreChain(addition.key, chain);
  }
}

void BagChains::StoreChain(Slot key, const Chain& chain) {
  *keys_.WritableInt(key, kEndsColumn) = EndsOf(chain);
  *keys_.WritableInt(key, kCountColumn) = CountOf(chain);
}

// --- Hashes.

void BagChains::AddHash(Chain* chain, uint64_t hash, Slot slot) {
  try {
    hashes_[chain->hashes]->Add(hash, slot);
  } catch (const std::bad_alloc&) {
    DropHashes(chain);
  }
}

void BagChains::DropHashes(Chain* chain) {
  hashes_[chain->hashes] = nullptr;
  free_hashes_.push_back(chain->hashes);
  chain->hashes = Chain::kNoHashes;
}

void BagChains::TidyHashes(Slot key) {
  Chain chain = this->chain(key);
  if (ABSL_PREDICT_TRUE(chain.rows <= kMostWithoutHashes) || chain.hashes != Chain::kNoHashes) return;
  try {
    MaybeFailAllocation();
    auto made = std::make_unique<RowHashes>(&hash_bytes_);
    ForEachRow(key, Direction::kForward,
               [&](Slot slot) { made->Add(HashRowAt(rows_->chunk_of(slot), slot & kChunkMask, seed_), slot); });
    if (free_hashes_.empty()) {
      if (hashes_.size() == hashes_.capacity()) hashes_.reserve(std::max<size_t>(4, hashes_.size() * 2));
      free_hashes_.reserve(hashes_.capacity());
      hashes_.push_back(nullptr);
      free_hashes_.push_back(static_cast<uint32_t>(hashes_.size() - 1));
    }
    chain.hashes = free_hashes_.back();
    free_hashes_.pop_back();
    hashes_[chain.hashes] = std::move(made);
    StoreChain(key, chain);
  } catch (const std::bad_alloc&) {
    // Tried again at the next row.
  }
}

// --- Removing rows.

void BagChains::PrepareRemove(Slot key, absl::Span<const Slot> rows) {
  keys_.PrepareInt(key, kEndsColumn);
  keys_.PrepareInt(key, kCountColumn);
  for (const Slot slot : rows) {
    rows_->PrepareErase(slot);
    const Link link = rows_->link(slot);
    if (link.prev != kNoSlot) rows_->PrepareLink(link.prev);
    if (link.next != kNoSlot) rows_->PrepareLink(link.next);
  }
}

void BagChains::StoreRemove(Slot key, absl::Span<const Slot> rows) {
  Chain chain = this->chain(key);
  assert(rows.size() < chain.rows);
  for (const Slot slot : rows) {
    if (chain.hashes != Chain::kNoHashes) {
      hashes_[chain.hashes]->Remove(HashRowAt(rows_->chunk_of(slot), slot & kChunkMask, seed_), slot);
    }
    const Link link = rows_->link(slot);
    if (link.prev == kNoSlot) {
      chain.first = link.next;
    } else {
      rows_->StoreLink(link.prev, Link{rows_->link(link.prev).prev, link.next});
    }
    if (link.next == kNoSlot) {
      chain.last = link.prev;
    } else {
      rows_->StoreLink(link.next, Link{link.prev, rows_->link(link.next).next});
    }
    rows_->Erase(slot);
    rows_->TidyHeap(slot);
  }
  chain.rows -= static_cast<uint32_t>(rows.size());
  if (chain.hashes != Chain::kNoHashes && chain.rows < kFewestWithHashes) DropHashes(&chain);
  StoreChain(key, chain);
}

void BagChains::PrepareRemoveKey(Slot key) {
  keys_.PrepareErase(key);
  ForEachRow(key, Direction::kForward, [&](Slot slot) { rows_->PrepareErase(slot); });
}

void BagChains::StoreRemoveKey(Slot key) {
  Chain chain = this->chain(key);
  if (!chain.ascends) --descending_;
  if (chain.hashes != Chain::kNoHashes) DropHashes(&chain);
  ForEachRow(key, Direction::kForward, [&](Slot slot) {
    rows_->Erase(slot);
    rows_->TidyHeap(slot);
  });
  keys_.Erase(key);
}

void BagChains::RemoveAll() {
  keys_.ReleaseAll();
  descending_ = 0;
  hashes_.clear();
  free_hashes_.clear();
}

// --- Self-check.

uint64_t BagChains::bytes() const {
  uint64_t sets = 0;
  for (const auto& set : hashes_) sets += set == nullptr ? 0 : sizeof(RowHashes);
  return sizeof(BagChains) + keys_.bytes() + hash_bytes_ + sets + hashes_.capacity() * sizeof(hashes_[0]) +
         free_hashes_.capacity() * sizeof(uint32_t);
}

Status BagChains::CheckInvariants(const HashIndex& index) const {
  Status status = keys_.CheckInvariants();
  if (!status.ok()) return status;
  const auto broken = [&status](Slot key, const auto&... what) {
    status = InternalError(absl::StrCat("key ", key, ": ", what...));
  };
  uint64_t descending = 0;
  uint64_t sets = 0;
  uint64_t rows_of_keys = 0;
  uint64_t live = 0;
  for (const Chunk* chunk : rows_->chunks()) live += chunk == nullptr ? 0 : chunk->live_count;
  for (const Chunk* chunk : keys_.chunks()) {
    if (chunk == nullptr) continue;
    ForEachLive(*chunk, [&](uint32_t place) {
      const Slot key = chunk->number << kChunkShift | place;
      const Chain chain = ReadChain(*chunk, place);
      if (!chain.ascends) ++descending;
      rows_of_keys += chain.rows;
      const RowHashes* hashes = nullptr;
      if (chain.hashes != Chain::kNoHashes) {
        ++sets;
        if (chain.hashes >= hashes_.size() || hashes_[chain.hashes] == nullptr) return broken(key, "hashes lost");
        hashes = hashes_[chain.hashes].get();
        if (hashes->size() != chain.rows) return broken(key, hashes->size(), " hashes of ", chain.rows, " rows");
      }
      uint32_t rows = 0;
      Slot previous = kNoSlot;
      for (Slot slot = chain.first; slot != kNoSlot && rows <= chain.rows; slot = rows_->link(slot).next) {
        if (slot >> kChunkShift >= rows_->chunk_count() || rows_->chunk(slot >> kChunkShift) == nullptr ||
            !TestBit(rows_->chunk_of(slot).live, slot & kChunkMask)) {
          return broken(key, "no row at slot ", slot);
        }
        if (rows_->link(slot).prev != previous) return broken(key, "the way back from slot ", slot, " is wrong");
        if (chain.ascends && previous != kNoSlot && slot < previous) return broken(key, "does not ascend at ", slot);
        const Value value = ReadElement(rows_->chunk_of(slot), keypos_, slot & kChunkMask);
        if (FindKey(index, HashValue(value, seed_), value) != key)
          return broken(key, "has the row of another at ", slot);
        if (hashes != nullptr && !hashes->Has(HashRowAt(rows_->chunk_of(slot), slot & kChunkMask, seed_), slot)) {
          return broken(key, "no hash of the row at ", slot);
        }
        previous = slot;
        ++rows;
      }
      if (rows == 0 || rows != chain.rows || previous != chain.last) {
        broken(key, "a chain of ", rows, " rows to ", previous, ", noted ", chain.rows, " to ", chain.last);
      }
    });
    if (!status.ok()) return status;
  }
  if (rows_of_keys != live) return InternalError(absl::StrCat("keys have ", rows_of_keys, " rows of ", live));
  if (descending != descending_) return InternalError("wrong number of chains that do not ascend");
  if (sets + free_hashes_.size() != hashes_.size()) return InternalError("a set of hashes belongs to no key");
  return OkStatus();
}

}  // namespace partita
