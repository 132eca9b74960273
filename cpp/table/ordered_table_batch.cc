// Many keys at once: batches, which take each lock once for many of them, and lists, which go in whole.

#include <algorithm>
#include <new>
#include <numeric>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "table/ordered_table.h"
#include "table/record.h"

namespace partita {
namespace {

// Rows done under one hold of a lock by calls that are not atomic as a whole.
constexpr uint32_t kRowsPerHold = 256;

}  // namespace

// Numbers of keys, those of one range together and as they came.
std::vector<uint32_t> OrderedTable::ByRange(absl::Span<const Route> routes) const {
  std::vector<uint32_t> next(ranges_.size() + 1);
  for (const Route& route : routes) ++next[route.range + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  std::vector<uint32_t> order(routes.size());
  for (uint32_t i = 0; i < routes.size(); ++i) order[next[routes[i].range]++] = i;
  return order;
}

template <bool kWrites, typename Record, typename KeyAt, typename Work>
Outcome OrderedTable::OnKeys(size_t count, Wait wait, Record* record, KeyAt&& key_at, Work&& work) {
  try {
    std::vector<SortKey> keys;
    keys.reserve(count);
    for (size_t i = 0; i < count; ++i) keys.emplace_back(key_at(i));
    std::vector<Route> routes(count);
    routes_.Read([&](const RouteTable& table) {
      for (size_t i = 0; i < count; ++i) routes[i] = table.entries[table.Find(Probe{key_at(i), keys[i]})].route;
    });
    const std::vector<uint32_t> order = ByRange(routes);
    for (size_t next = 0; next < count;) {
      const Route route = routes[order[next]];
      KeyRange& range = *ranges_[route.range];
      const Locked locked(&range, wait);
      if (!locked.got()) return Outcome::kWouldBlock;
      if (range.version != route.version) {
        routes[order[next]] = routes_.Of(Probe{key_at(order[next]), keys[order[next]]});
        continue;
      }
      if (dropped()) return Outcome::kDropped;
      const RecordHold hold(record);
      const size_t end = std::min(next + kRowsPerHold, count);
      while (next < end && routes[order[next]] == route) {
        absl::InlinedVector<Probe, OrderedIndex::kGroup> probes;
        while (probes.size() < OrderedIndex::kGroup && next + probes.size() < end) {
          const uint32_t i = order[next + probes.size()];
          if (routes[i] != route) break;
          probes.push_back(Probe{key_at(i), keys[i]});
        }
        OrderedIndex::Position at[OrderedIndex::kGroup];
        bool found[OrderedIndex::kGroup];
        range.index.FindGroup(probes, at, found);
        for (size_t k = 0; k < probes.size(); ++k, ++next) {
          // What was written for the one before may have moved it.
          if (kWrites && k > 0) at[k] = range.index.Find(probes[k], &found[k]);
          const Outcome outcome = work(order[next], range, at[k], found[k], probes[k].sort_key);
          if (outcome != Outcome::kOk) return outcome;
        }
      }
    }
    return Outcome::kOk;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome OrderedTable::InsertBatch(absl::Span<const RowView> rows, Wait wait, uint64_t* done) {
  *done = 0;
  const Outcome outcome = Journaled(journal(), wait, [&](auto& record) {
    return OnKeys</*kWrites=*/true>(
        rows.size(), wait, &record, [&](size_t i) -> const Value& { return KeyOf(rows[i]); },
        [&](uint32_t i, KeyRange& range, OrderedIndex::Position at, bool found, const SortKey& key)
            ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
              const RowView& row = rows[i];
              record.Put(row);
              if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
              if (found) {
                range.ReplaceRow(range.index.SlotAt(at), absl::MakeConstSpan(row.values, row.arity));
              } else if (const Outcome added = AddRow(&range, row, at, key); added != Outcome::kOk) {
                return added;
              }
              record.Stored();
              ++*done;
              return Outcome::kOk;
            });
  });
  return Balanced(outcome, wait, rows.size());
}

Outcome OrderedTable::DeleteBatch(absl::Span<const KeyView> keys, Wait wait, uint64_t* removed) {
  return Journaled(journal(), wait, [&](auto& record) {
    return OnKeys</*kWrites=*/true>(
        keys.size(), wait, &record, [&](size_t i) -> const Value& { return keys[i].key; },
        [&](uint32_t i, KeyRange& range, OrderedIndex::Position at, bool found, const SortKey&)
            ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
              if (!found) return Outcome::kOk;
              record.Delete(keys[i].key);
              if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
              range.RemoveRow(at);
              record.Stored();
              ++*removed;
              return Outcome::kOk;
            });
  });
}

Outcome OrderedTable::LookupBatch(absl::Span<const KeyView> keys, Wait wait, RowBuffer* out,
                                  std::vector<RowRange>* ranges) {
  try {
    ranges->assign(keys.size(), RowRange{});
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  NoRecord none;
  return OnKeys</*kWrites=*/false>(
      keys.size(), wait, &none, [&](size_t i) -> const Value& { return keys[i].key; },
      [&](uint32_t i, KeyRange& range, OrderedIndex::Position at, bool found, const SortKey&)
          ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
            if (!found) return Outcome::kOk;
            (*ranges)[i] = RowRange{static_cast<uint32_t>(out->size()), 1};
            range.CopyRow(range.index.SlotAt(at), out);
            return Outcome::kOk;
          });
}

// The rows by key, of equal keys the last only.
std::vector<uint32_t> OrderedTable::OrderForList(absl::Span<const RowView> rows, absl::Span<const SortKey> keys) const {
  const auto compare = [&](uint32_t a, uint32_t b) {
    const int order = keys[a].Compare(keys[b]);
    return order != 0 ? order : CompareNumeric(KeyOf(rows[a]), KeyOf(rows[b]));
  };
  std::vector<uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const int by_key = compare(a, b);
    return by_key != 0 ? by_key < 0 : a > b;
  });
  order.erase(std::unique(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return compare(a, b) == 0; }),
              order.end());
  return order;
}

Outcome OrderedTable::InsertList(absl::Span<const RowView> rows, bool only_new, Wait wait, bool* inserted) {
  const Outcome outcome = Journaled(journal(), wait, [&](auto& record) {
    try {
      return InsertListAtOnce(rows, only_new, wait, &record, inserted);
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
  });
  return Balanced(outcome, wait, rows.size());
}

template <typename Record>
Outcome OrderedTable::InsertListAtOnce(absl::Span<const RowView> rows, bool only_new, Wait wait, Record* record,
                                       bool* inserted) {
  *inserted = true;
  std::vector<SortKey> keys;
  keys.reserve(rows.size());
  for (const RowView& row : rows) keys.emplace_back(KeyOf(row));
  const std::vector<uint32_t> order = OrderForList(rows, keys);
  for (const uint32_t i : order) record->Put(rows[i]);
  std::vector<Route> routes(order.size());
  for (;;) {
    routes_.Read([&](const RouteTable& table) {
      for (size_t k = 0; k < order.size(); ++k) {
        routes[k] = table.entries[table.Find(Probe{KeyOf(rows[order[k]]), keys[order[k]]})].route;
      }
    });
    std::vector<uint32_t> numbers;
    for (size_t k = 0; k < order.size(); ++k) {
      if (numbers.empty() || numbers.back() != routes[k].range) numbers.push_back(routes[k].range);
    }
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    std::vector<Shard*> shards(numbers.size());
    std::transform(numbers.begin(), numbers.end(), shards.begin(), [this](uint32_t n) { return shards_[n]; });
    LockedMany locked;
    if (!locked.Take(shards, wait)) return Outcome::kWouldBlock;
    const bool moved =
        std::any_of(routes.begin(), routes.end(), [this](const Route& route) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          return ranges_[route.range]->version != route.version;
        });
    if (moved) continue;
    if (dropped()) return Outcome::kDropped;
    return InsertListLocked(rows, keys, order, routes, only_new, record->pointer(), inserted);
  }
}

// First what may fail: rows that replace others are prepared, new ones are put in, which can be taken back. Then the
// replacements are stored, which cannot fail.
Outcome OrderedTable::InsertListLocked(absl::Span<const RowView> rows, absl::Span<const SortKey> keys,
                                       absl::Span<const uint32_t> order, absl::Span<const Route> routes, bool only_new,
                                       StepRecord* record, bool* inserted) {
  struct Replaced {
    size_t k;
    Slot slot;
    PendingRefs refs;
  };
  std::vector<Replaced> replaced;
  std::vector<size_t> fresh;
  const auto range_of = [&](size_t k) -> KeyRange& { return *ranges_[routes[k].range]; };
  const auto probe_of = [&](size_t k) { return Probe{KeyOf(rows[order[k]]), keys[order[k]]}; };
  const auto values_of = [&](size_t k) { return absl::MakeConstSpan(rows[order[k]].values, rows[order[k]].arity); };
  for (size_t k = 0; k < order.size(); ++k) {
    bool found;
    const OrderedIndex::Position at = range_of(k).index.Find(probe_of(k), &found);
    if (found && only_new) {
      *inserted = false;
      return Outcome::kOk;
    }
    if (found) {
      replaced.push_back(Replaced{k, range_of(k).index.SlotAt(at), {}});
    } else {
      fresh.push_back(k);
    }
  }
  if (record != nullptr) {
    if (const Outcome ready = record->Reserve(); ready != Outcome::kOk) return ready;
  }
  size_t prepared = 0;
  size_t put = 0;
  const auto undo = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    while (put > 0) {
      KeyRange& range = range_of(fresh[--put]);
      bool found;
      range.UnputRow(range.index.Find(probe_of(fresh[put]), &found));
    }
    while (prepared > 0) {
      const Replaced& row = replaced[--prepared];
      range_of(row.k).rows.AbandonRefs(row.slot, row.refs);
    }
  };
  try {
    while (prepared < replaced.size()) {
      Replaced& row = replaced[prepared++];
      range_of(row.k).rows.PrepareRow(row.slot, values_of(row.k), /*fresh=*/false, &row.refs);
    }
    for (; put < fresh.size(); ++put) {
      KeyRange& range = range_of(fresh[put]);
      bool found;
      const OrderedIndex::Position at = range.index.Find(probe_of(fresh[put]), &found);
      const Outcome outcome = range.PutRow(rows[order[fresh[put]]], at, keys[order[fresh[put]]]);
      if (outcome != Outcome::kOk) {
        undo();
        return outcome;
      }
    }
  } catch (...) {
    undo();
    throw;
  }
  const ListStep step(this);
  for (const Replaced& row : replaced) {
    range_of(row.k).rows.StoreRow(row.slot, values_of(row.k), row.refs, /*fresh=*/false);
  }
  for (const size_t k : fresh) {
    range_of(k).AddRows(1);
    NoteGrowth(&range_of(k));
  }
  for (const Replaced& row : replaced) range_of(row.k).rows.TidyHeap(row.slot);
  return record == nullptr ? Outcome::kOk : record->Done(Outcome::kOk);
}

}  // namespace partita
