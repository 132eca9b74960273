// Many keys at once. Rows are grouped by partition, so that each lock is taken once for many.

#include <algorithm>
#include <new>
#include <utility>

#include "table/bag_table.h"
#include "table/record.h"

namespace partita {
namespace {

// How many keys ahead of the present one their index entries are asked for, and then what these lead to.
constexpr size_t kAhead = 8;
constexpr size_t kAheadOfRows = 4;

}  // namespace

Outcome BagTable::InsertBatch(absl::Span<const RowView> rows, Wait wait, uint64_t* done) {
  *done = 0;
  return Journaled(journal(), wait, [&](auto& record) {
    return InPartitions(
        rows.size(), [rows](size_t i) { return rows[i].key_hash; }, wait,
        [&](Partition& partition, absl::Span<const uint32_t> part) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
          const RecordHold hold(&record);
          for (size_t i = 0; i < part.size(); ++i) {
            if (i + kAhead < part.size()) partition.index.Prefetch(IndexHash(rows[part[i + kAhead]].key_hash));
            if (i + kAheadOfRows < part.size())
              partition.chains->PrefetchKey(partition.index, rows[part[i + kAheadOfRows]].key_hash);
            const RowView& row = rows[part[i]];
            const Slot key = partition.chains->FindKey(partition.index, row.key_hash, KeyOf(row));
            const Outcome outcome = AddRow(&partition, key, row, &record);
            if (outcome != Outcome::kOk) return outcome;
            ++*done;
          }
          return Outcome::kOk;
        });
  });
}

Outcome BagTable::DeleteBatch(absl::Span<const KeyView> keys, Wait wait, uint64_t* removed) {
  return Journaled(journal(), wait, [&](auto& record) {
    return InPartitions(
        keys.size(), [keys](size_t i) { return keys[i].hash; }, wait,
        [&](Partition& partition, absl::Span<const uint32_t> part) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
          const RecordHold hold(&record);
          for (size_t i = 0; i < part.size(); ++i) {
            if (i + kAhead < part.size()) partition.index.Prefetch(IndexHash(keys[part[i + kAhead]].hash));
            if (i + kAheadOfRows < part.size())
              partition.chains->PrefetchKey(partition.index, keys[part[i + kAheadOfRows]].hash);
            const KeyView& key = keys[part[i]];
            const Slot number = partition.chains->FindKey(partition.index, key.hash, key.key);
            if (number == kNoSlot) continue;
            record.Delete(key.key);
            if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
            *removed += partition.RemoveKey(number, key.hash);
            record.Stored();
          }
          return Outcome::kOk;
        });
  });
}

Outcome BagTable::LookupBatch(absl::Span<const KeyView> keys, Wait wait, RowBuffer* out,
                              std::vector<RowRange>* ranges) {
  try {
    ranges->assign(keys.size(), RowRange{});
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  return InPartitions(
      keys.size(), [keys](size_t i) { return keys[i].hash; }, wait,
      [&](Partition& partition, absl::Span<const uint32_t> part) ABSL_EXCLUSIVE_LOCKS_REQUIRED(partition.lock) {
        for (size_t i = 0; i < part.size(); ++i) {
          if (i + kAhead < part.size()) partition.index.Prefetch(IndexHash(keys[part[i + kAhead]].hash));
          if (i + kAheadOfRows < part.size())
            partition.chains->PrefetchKey(partition.index, keys[part[i + kAheadOfRows]].hash);
          const KeyView& key = keys[part[i]];
          const Slot number = partition.chains->FindKey(partition.index, key.hash, key.key);
          if (number == kNoSlot) continue;
          const size_t first = out->size();
          partition.CopyRowsOf(number, Direction::kForward, LongValues::kPinned, out);
          (*ranges)[part[i]] = RowRange{static_cast<uint32_t>(first), static_cast<uint32_t>(out->size() - first)};
        }
        return Outcome::kOk;
      });
}

// --- A list of rows.

struct BagTable::ListRow {
  uint32_t index = 0;         // in the list
  bool first_of_key = false;  // of those of the list
  Slot key = kNoSlot;         // of the first one of a key
  BagChains::Addition addition;
};

// Takes rows out that are equal to an earlier one of the list; `order` is left as it was otherwise.
void BagTable::DropRepeated(absl::Span<const RowView> rows, std::vector<uint32_t>* order) const {
  std::vector<std::pair<uint64_t, uint32_t>> hashes(rows.size());
  for (uint32_t i = 0; i < rows.size(); ++i) {
    hashes[i] = {HashRow(absl::MakeConstSpan(rows[i].values, rows[i].arity), options_.hash_seed), i};
  }
  std::sort(hashes.begin(), hashes.end());
  std::vector<bool> repeated(rows.size());
  for (size_t begin = 0; begin < hashes.size();) {
    size_t end = begin + 1;
    for (; end < hashes.size() && hashes[end].first == hashes[begin].first; ++end) {
      const RowView& row = rows[hashes[end].second];
      for (size_t k = begin; k < end && !repeated[hashes[end].second]; ++k) {
        if (repeated[hashes[k].second]) continue;
        const RowView& earlier = rows[hashes[k].second];
        repeated[hashes[end].second] = std::equal(row.values, row.values + row.arity, earlier.values,
                                                  earlier.values + earlier.arity, ExactlyEqual);
      }
    }
    begin = end;
  }
  order->erase(std::remove_if(order->begin(), order->end(), [&](uint32_t i) { return repeated[i]; }), order->end());
}

std::vector<BagTable::ListRow> BagTable::OrderForList(absl::Span<const RowView> rows) const {
  std::vector<uint32_t> order(rows.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  if (distinct_ && rows.size() > 1) DropRepeated(rows, &order);
  // By hash is by partition too.
  std::sort(order.begin(), order.end(), [rows](uint32_t a, uint32_t b) {
    return rows[a].key_hash != rows[b].key_hash ? rows[a].key_hash < rows[b].key_hash : a < b;
  });
  std::vector<ListRow> list(order.size());
  for (size_t begin = 0; begin < order.size();) {
    // Those of the first key. Another one rarely has the same hash.
    const RowView& first = rows[order[begin]];
    size_t end = begin;
    while (end < order.size() && rows[order[end]].key_hash == first.key_hash) ++end;
    const auto of_hash = order.begin() + static_cast<ptrdiff_t>(begin);
    const auto of_next = order.begin() + static_cast<ptrdiff_t>(end);
    const auto others =
        std::partition(of_hash, of_next, [&](uint32_t i) { return ExactlyEqual(KeyOf(rows[i]), KeyOf(first)); });
    std::sort(of_hash, others);
    std::sort(others, of_next);
    end = static_cast<size_t>(others - order.begin());
    list[begin].first_of_key = true;
    for (; begin < end; ++begin) list[begin].index = order[begin];
  }
  return list;
}

Outcome BagTable::InsertList(absl::Span<const RowView> rows, bool only_new, Wait wait, bool* inserted) {
  return Journaled(journal(), wait, [&](auto& record) {
    try {
      return InsertListAtOnce(rows, only_new, wait, &record, inserted);
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
  });
}

template <typename Record>
Outcome BagTable::InsertListAtOnce(absl::Span<const RowView> rows, bool only_new, Wait wait, Record* record,
                                   bool* inserted) {
  *inserted = true;
  std::vector<ListRow> list = OrderForList(rows);
  std::vector<Shard*> shards;
  for (const ListRow& row : list) {
    Shard* shard = &PartitionOf(rows[row.index].key_hash);
    if (shards.empty() || shards.back() != shard) shards.push_back(shard);
  }
  LockedMany locked;
  if (!locked.Take(shards, wait)) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  // All keys are looked up before a slot is claimed: a claimed slot has no content to compare with.
  for (ListRow& row : list) {
    if (!row.first_of_key) continue;
    const RowView& view = rows[row.index];
    const Partition& partition = PartitionOf(view.key_hash);
    row.key = partition.chains->FindKey(partition.index, view.key_hash, KeyOf(view));
    if (only_new && row.key != kNoSlot) {
      *inserted = false;
      return Outcome::kOk;
    }
  }
  if (distinct_) DropPresent(rows, &list);
  for (const ListRow& row : list) record->Put(rows[row.index]);
  if (const Outcome ready = record->Reserve(); ready != Outcome::kOk) return ready;
  return record->Done(InsertListLocked(rows, &list));
}

// Takes rows out that the bag has.
void BagTable::DropPresent(absl::Span<const RowView> rows, std::vector<ListRow>* list) {
  size_t kept = 0;
  Slot key = kNoSlot;
  bool first_of_key = false;
  for (ListRow& row : *list) {
    if (row.first_of_key) {
      key = row.key;
      first_of_key = true;
    }
    const RowView& view = rows[row.index];
    if (key != kNoSlot && PartitionOf(view.key_hash).chains->FindRow(key, view) != kNoSlot) continue;
    ListRow& to = (*list)[kept++];
    to.index = row.index;
    to.first_of_key = first_of_key;
    to.key = key;
    first_of_key = false;
  }
  list->resize(kept);
}

// Prepares all rows, which may fail and is undone then, and stores all, which cannot.
Outcome BagTable::InsertListLocked(absl::Span<const RowView> rows, std::vector<ListRow>* list) {
  size_t begun = 0;
  const auto undo = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (size_t k = begun; k-- > 0;) {
      const RowView& row = rows[(*list)[k].index];
      AbandonAdd(&PartitionOf(row.key_hash), row, (*list)[k].addition);
    }
  };
  try {
    Slot key = kNoSlot;
    bool key_stored = false;
    while (begun < list->size()) {
      ListRow& row = (*list)[begun++];
      const RowView& view = rows[row.index];
      if (row.first_of_key) {
        key = row.key;
        key_stored = key != kNoSlot;
      }
      if (!PrepareAdd(&PartitionOf(view.key_hash), view, key, key_stored, &row.addition)) {
        undo();
        return Outcome::kTooManyRows;
      }
      key = row.addition.key;
    }
  } catch (...) {
    undo();
    throw;
  }
  const ListStep step(this);
  for (const ListRow& row : *list) {
    const RowView& view = rows[row.index];
    Partition& partition = PartitionOf(view.key_hash);
    partition.chains->StoreAdd(view, row.addition);
    partition.AddRows(1);
  }
  for (const ListRow& row : *list) {
    if (row.first_of_key) PartitionOf(rows[row.index].key_hash).chains->TidyHashes(row.addition.key);
  }
  return Outcome::kOk;
}

}  // namespace partita
