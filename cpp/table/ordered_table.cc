// Calls on one key, and on the whole table. Batches and lists: ordered_table_batch.cc; from key to key:
// ordered_walk.cc.

#include "table/ordered_table.h"

#include <algorithm>
#include <new>

#include "absl/numeric/bits.h"
#include "absl/strings/str_cat.h"
#include "table/counter.h"
#include "table/ordered_snapshot.h"
#include "table/record.h"
#include "table/sweep.h"

namespace partita {
namespace {

constexpr uint64_t kLookEvery = 256;  // rows added between two looks at whether the ranges are balanced

}  // namespace

OrderedTable::OrderedTable(const TableOptions& options)
    : ShardedTable(options, sizeof(OrderedTable) + options.partitions * (sizeof(KeyRange) + sizeof(void*))),
      balance_options_(NewBalanceOptions(options.partitions)),
      look_every_(
          std::min<uint64_t>(kLookEvery, absl::bit_floor(std::max<uint64_t>(balance_options_.split_rows / 4, 1))) - 1) {
  ranges_.reserve(options.partitions);
  shards_.reserve(options.partitions);
  for (uint32_t number = 0; number < options.partitions; ++number) {
    ranges_.push_back(std::make_unique<KeyRange>(options.keypos));
    shards_.push_back(ranges_.back().get());
  }
  registration_.emplace(this);
}

OrderedTable::~OrderedTable() = default;

template <typename Work>
inline Outcome OrderedTable::OnKey(const Value& key, Wait wait, Work&& work) {
  const SortKey sort_key(key);
  const Probe probe{key, sort_key};
  for (;;) {
    const Route route = routes_.Of(probe);
    KeyRange& range = *ranges_[route.range];
    const Locked locked(&range, wait);
    if (ABSL_PREDICT_FALSE(!locked.got())) return Outcome::kWouldBlock;
    if (ABSL_PREDICT_FALSE(range.version != route.version)) continue;
    if (ABSL_PREDICT_FALSE(dropped())) return Outcome::kDropped;
    try {
      bool found;
      const OrderedIndex::Position at = range.index.Find(probe, &found);
      return work(range, at, found, sort_key);
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
  }
}

Outcome OrderedTable::Insert(const RowView& row, Wait wait) {
  const Outcome outcome = Journaled(journal(), wait, [&](auto& record) {
    record.Put(row);
    return OnKey(KeyOf(row), wait,
                 [&](KeyRange& range, OrderedIndex::Position at, bool found, const SortKey& key)
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
                       if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                       if (!found) return record.Done(AddRow(&range, row, at, key));
                       range.ReplaceRow(range.index.SlotAt(at), absl::MakeConstSpan(row.values, row.arity));
                       return record.Done(Outcome::kOk);
                     });
  });
  return Balanced(outcome, wait);
}

Outcome OrderedTable::InsertNew(const RowView& row, Wait wait, bool* inserted) {
  const Outcome outcome = Journaled(journal(), wait, [&](auto& record) {
    record.Put(row);
    return OnKey(KeyOf(row), wait,
                 [&](KeyRange& range, OrderedIndex::Position at, bool found, const SortKey& key)
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
                       *inserted = !found;
                       if (found) return Outcome::kOk;
                       if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                       return record.Done(AddRow(&range, row, at, key));
                     });
  });
  return Balanced(outcome, wait);
}

Outcome OrderedTable::Delete(const KeyView& key, Wait wait, uint64_t* removed) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Delete(key.key);
    return OnKey(key.key, wait,
                 [&](KeyRange& range, OrderedIndex::Position at, bool found, const SortKey&)
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
                       *removed = found ? 1 : 0;
                       if (!found) return Outcome::kOk;
                       if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                       range.RemoveRow(at);
                       return record.Done(Outcome::kOk);
                     });
  });
}

Outcome OrderedTable::DeleteObject(const RowView& row, Wait wait, uint64_t* removed) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Delete(KeyOf(row));
    return OnKey(KeyOf(row), wait,
                 [&](KeyRange& range, OrderedIndex::Position at, bool found, const SortKey&)
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
                       *removed = found && range.RowEquals(range.index.SlotAt(at), row) ? 1 : 0;
                       if (*removed == 0) return Outcome::kOk;
                       if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                       range.RemoveRow(at);
                       return record.Done(Outcome::kOk);
                     });
  });
}

Outcome OrderedTable::Take(const KeyView& key, Wait wait, RowBuffer* out) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Delete(key.key);
    return OnKey(key.key, wait,
                 [&](KeyRange& range, OrderedIndex::Position at, bool found, const SortKey&)
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
                       if (!found) return Outcome::kOk;
                       if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                       range.CopyRow(range.index.SlotAt(at), out);
                       range.RemoveRow(at);
                       return record.Done(Outcome::kOk);
                     });
  });
}

Outcome OrderedTable::CompareAndSwap(const RowView& old_row, const RowView& new_row, Wait wait, bool* swapped) {
  return Journaled(journal(), wait, [&](auto& record) {
    record.Put(new_row);
    return OnKey(KeyOf(old_row), wait,
                 [&](KeyRange& range, OrderedIndex::Position at, bool found, const SortKey&)
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
                       *swapped = found && range.RowEquals(range.index.SlotAt(at), old_row);
                       if (!*swapped) return Outcome::kOk;
                       if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                       range.ReplaceRow(range.index.SlotAt(at), absl::MakeConstSpan(new_row.values, new_row.arity));
                       return record.Done(Outcome::kOk);
                     });
  });
}

Outcome OrderedTable::Lookup(const KeyView& key, Wait wait, RowBuffer* out) {
  return OnKey(key.key, wait,
               [&](KeyRange& range, OrderedIndex::Position at, bool found, const SortKey&)
                   ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
                     if (found) range.CopyRow(range.index.SlotAt(at), out);
                     return Outcome::kOk;
                   });
}

Outcome OrderedTable::JudgeKey(const KeyView& key, RowJudge* judge, Wait wait) {
  return Journaled(judge->writes() ? journal() : nullptr, wait, [&](auto& record) {
    return OnKey(key.key, wait,
                 [&](KeyRange& range, OrderedIndex::Position at, bool found, const SortKey&)
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
                       if (!found) return Outcome::kOk;
                       const RecordHold hold(record.pointer());
                       std::shared_ptr<const OwnedKey> deleted;
                       return JudgeRow(&range, range.index.SlotAt(at), judge, record.pointer(), &deleted);
                     });
  });
}

Outcome OrderedTable::LookupElement(const KeyView& key, uint32_t position, Wait wait, RowBuffer* out) {
  return OnKey(key.key, wait,
               [&](KeyRange& range, OrderedIndex::Position at, bool found, const SortKey&)
                   ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
                     if (!found) return Outcome::kOk;
                     const Slot slot = range.index.SlotAt(at);
                     const Chunk& chunk = range.rows.chunk_of(slot);
                     if (position >= RowArity(chunk, slot & kChunkMask)) return Outcome::kBadPosition;
                     out->AddCopy(ReadElement(chunk, position, slot & kChunkMask));
                     out->EndRow();
                     return Outcome::kOk;
                   });
}

Outcome OrderedTable::Member(const KeyView& key, Wait wait, bool* found) {
  return OnKey(key.key, wait, [found](KeyRange&, OrderedIndex::Position, bool is_there, const SortKey&) {
    *found = is_there;
    return Outcome::kOk;
  });
}

Outcome OrderedTable::UpdateCounter(const KeyView& key, absl::Span<const CounterOp> ops, const RowView* default_row,
                                    Wait wait, bool* found, RowBuffer* out, size_t* failed_op) {
  const Outcome outcome = Journaled(journal(), wait, [&](auto& record) {
    return OnKey(
        key.key, wait,
        [&](KeyRange& range, OrderedIndex::Position at, bool is_there,
            const SortKey& sort_key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
          *found = is_there || default_row != nullptr;
          if (!*found) return Outcome::kOk;
          if (is_there) {
            return CountInRow(&range, range.index.SlotAt(at), key.key, ops, options_.keypos, &record, out, failed_op);
          }
          RowValues values;
          const Outcome counted = CountFromDefault(*default_row, ops, options_.keypos, out, failed_op, &values);
          if (counted != Outcome::kOk) return counted;
          record.Put(values);
          if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
          return record.Done(AddRow(&range, RowView{values.data(), default_row->arity, 0}, at, sort_key));
        });
  });
  return Balanced(outcome, wait);
}

Outcome OrderedTable::AddToInt(const KeyView& key, uint32_t position, int64_t increment, Wait wait, bool* done,
                               int64_t* sum) {
  return Journaled(journal(), wait, [&](auto& record) {
    return OnKey(key.key, wait,
                 [&](KeyRange& range, OrderedIndex::Position at, bool found, const SortKey&)
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
                       int64_t* counter = found && position != options_.keypos
                                              ? range.rows.WritableInt(range.index.SlotAt(at), position)
                                              : nullptr;
                       *done = counter != nullptr && !__builtin_add_overflow(*counter, increment, sum);
                       if (!*done) return Outcome::kOk;
                       record.SetElement(key.key, position, Value::Int(*sum));
                       if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                       *counter = *sum;
                       return record.Done(Outcome::kOk);
                     });
  });
}

Outcome OrderedTable::UpdateElement(const KeyView& key, absl::Span<const ElementUpdate> updates,
                                    const RowView* default_row, Wait wait, bool* found, size_t* failed_op) {
  const Outcome outcome = Journaled(journal(), wait, [&](auto& record) {
    return OnKey(key.key, wait,
                 [&](KeyRange& range, OrderedIndex::Position at, bool is_there, const SortKey& sort_key)
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(range.lock) {
                       *found = is_there || default_row != nullptr;
                       if (!*found) return Outcome::kOk;
                       const Slot slot = is_there ? range.index.SlotAt(at) : kNoSlot;
                       const uint32_t arity =
                           is_there ? RowArity(range.rows.chunk_of(slot), slot & kChunkMask) : default_row->arity;
                       const Outcome checked = CheckElements(updates, arity, options_.keypos, failed_op);
                       if (checked != Outcome::kOk) return checked;
                       if (is_there) {
                         record.SetElements(key.key, updates);
                         if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                         SetElements(&range, slot, updates);
                         return record.Done(Outcome::kOk);
                       }
                       RowValues values;
                       SetInDefault(*default_row, updates, &values);
                       record.Put(values);
                       if (const Outcome ready = record.Reserve(); ready != Outcome::kOk) return ready;
                       return record.Done(AddRow(&range, RowView{values.data(), arity, 0}, at, sort_key));
                     });
  });
  return Balanced(outcome, wait);
}

// --- The whole table.

Outcome OrderedTable::RemoveAll(Wait wait, bool drop, StepRecord* record) {
  LockedMany locked;
  if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  if (const Outcome ready = ReserveClear(record); ready != Outcome::kOk) return ready;
  const ListStep step(this);
  BeginRemoveAll(drop);
  for (const std::unique_ptr<KeyRange>& range : ranges_) range->RemoveAll();
  return record == nullptr ? Outcome::kOk : record->Done(Outcome::kOk);
}

std::shared_ptr<ShardedSnapshot> OrderedTable::NewSnapshot() {
  return std::make_shared<OrderedSnapshot>(std::static_pointer_cast<OrderedTable>(shared_from_this()));
}

// A walk goes by key, which needs no fixing; it is counted for those who ask.
Outcome OrderedTable::Fix(Wait wait) {
  LockedMany locked;
  if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  ++fixes_;
  return Outcome::kOk;
}

Outcome OrderedTable::Unfix(Wait wait) {
  LockedMany locked;
  if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
  if (dropped()) return Outcome::kDropped;
  if (fixes_ > 0) --fixes_;
  return Outcome::kOk;
}

Outcome OrderedTable::Compact(Wait wait) {
  for (const std::unique_ptr<KeyRange>& range : ranges_) {
    const Locked locked(range.get(), wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    if (fixes_ > 0) return Outcome::kFixed;
    try {
      range->rows.Compact();
      range->index.Compact();
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
  }
  return Outcome::kOk;
}

Status OrderedTable::CheckInvariants() {
  LockedMany locked;
  locked.Take(shards_, Wait::kBlock);
  const std::vector<RouteTable::Entry>& entries = routes_.current().entries;
  std::vector<bool> routed(ranges_.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const uint32_t number = entries[i].route.range;
    const KeyRange& range = *ranges_[number];
    const auto broken = [number](const auto&... what) {
      return InternalError(absl::StrCat("range ", number, ": ", what...));
    };
    if (routed[number]) return broken("has two routes");
    routed[number] = true;
    if (range.version != entries[i].route.version) return broken("version ", range.version, " has no route");
    if ((entries[i].lower == nullptr) != (i == 0)) return broken("boundary");
    if (const Status status = range.CheckInvariants(); !status.ok()) return broken(status.message());
    const auto key_at = [&](OrderedIndex::Position at) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      const Slot slot = range.index.SlotAt(at);
      return ReadElement(range.rows.chunk_of(slot), options_.keypos, slot & kChunkMask);
    };
    if (range.index.AtEnd(range.index.begin())) continue;
    if (i > 0 && CompareNumeric(entries[i].lower->value(), key_at(range.index.begin())) > 0) {
      return broken("has a key below its boundary");
    }
    if (i + 1 < entries.size() &&
        CompareNumeric(key_at(range.index.Before(range.index.end())), entries[i + 1].lower->value()) >= 0) {
      return broken("has a key above its boundary");
    }
  }
  for (uint32_t number = 0; number < ranges_.size(); ++number) {
    if (!routed[number] && ranges_[number]->row_count.load(std::memory_order_relaxed) != 0) {
      return InternalError(absl::StrCat("range ", number, " has rows and no route"));
    }
  }
  return OkStatus();
}

}  // namespace partita
