// Reading an ordered_set in order: walks, steps from key to key, and the n-th row.

#include "table/ordered_walk.h"

#include <new>
#include <utility>

namespace partita {
namespace {

// A batch ends early once it holds as much, so that rows of long values do not pile up.
constexpr size_t kMaxBatchBytes = size_t{256} * 1024;

}  // namespace

OrderedTable::Stretch OrderedTable::StretchFrom(const Cut& from, Direction direction) const {
  return routes_.Read([&](const RouteTable& table) {
    const bool forward = direction == Direction::kForward;
    const std::vector<RouteTable::Entry>& entries = table.entries;
    size_t at = forward ? 0 : entries.size() - 1;
    if (from.key != nullptr) at = table.Find(from.key->probe(), /*before=*/!forward && !from.after);
    Stretch stretch;
    stretch.route = entries[at].route;
    stretch.has_next = forward ? at + 1 < entries.size() : at > 0;
    if (stretch.has_next) stretch.boundary = entries[forward ? at + 1 : at].lower;
    return stretch;
  });
}

// The other cut is in this range unless the index ends here and does not reach it.
bool OrderedTable::IsLast(const Stretch& stretch, bool at_edge, const Cut& to, Direction direction) {
  if (!stretch.has_next || !at_edge) return true;
  if (to.key == nullptr) return false;
  const int order = CompareKeys(to.key->probe(), *stretch.boundary);
  return direction == Direction::kForward ? order < 0 || (order == 0 && !to.after) : order >= 0;
}

Outcome OrderedTable::ReadRows(Cut* from, const Cut& to, Direction direction, size_t max_rows, Wait wait,
                               RowBuffer* out, bool* done) {
  const bool forward = direction == Direction::kForward;
  for (;;) {
    Stretch stretch = StretchFrom(*from, direction);
    KeyRange& range = *ranges_[stretch.route.range];
    const Locked locked(&range, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    if (range.version != stretch.route.version) continue;
    if (dropped()) return Outcome::kDropped;
    const OrderedIndex& index = range.index;
    OrderedIndex::Position at = PositionOf(index, *from, direction);
    // Where the other cut stands here; with none it is an end of the index.
    const OrderedIndex::Position stop =
        to.key == nullptr ? (forward ? index.end() : index.begin()) : PositionOf(index, to, direction);
    try {
      const size_t limit = out->size() + max_rows;
      Slot last = kNoSlot;
      while (!HasReached(at, stop, direction)) {
        if (out->size() == limit || out->heap_bytes() > kMaxBatchBytes) {
          if (last == kNoSlot) return Outcome::kOk;
          const Value key = ReadElement(range.rows.chunk_of(last), options_.keypos, last & kChunkMask);
          *from = Cut{std::make_shared<const OwnedKey>(key), forward};
          return Outcome::kOk;
        }
        if (!forward) at = index.Before(at);
        last = index.SlotAt(at);
        CopyRowOut(range.rows.chunk_of(last), last & kChunkMask, out, nullptr);  // an iterator may be kept: no pins
        if (forward) at = index.Next(at);
      }
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
    *done = IsLast(stretch, stop == (forward ? index.end() : index.begin()), to, direction);
    *from = Cut{std::move(stretch.boundary), false};
    return Outcome::kOk;
  }
}

// --- Walks.

std::unique_ptr<Walk> OrderedTable::NewWalk(Direction direction) {
  return std::make_unique<OrderedWalk>(std::static_pointer_cast<OrderedTable>(shared_from_this()), direction);
}

OrderedWalk::OrderedWalk(std::shared_ptr<OrderedTable> table, Direction direction)
    : pass_(std::move(table), nullptr, direction) {
  g_live_walks.fetch_add(1, std::memory_order_relaxed);
}

OrderedWalk::~OrderedWalk() { g_live_walks.fetch_sub(1, std::memory_order_relaxed); }

namespace {

// Copies rows out until they are enough.
class CopyingJudge final : public RowJudge {
 public:
  CopyingJudge(RowBuffer* out, size_t limit) : out_(out), limit_(limit) {}

  bool writes() const override { return false; }
  void Narrow(const Chunk&, uint64_t*) override {}
  Verdict Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>*) override {
    CopyRowOut(chunk, place, out_, nullptr);
    return Verdict::kKeep;
  }
  bool wants_more() const override { return out_->size() < limit_ && out_->heap_bytes() <= kMaxBatchBytes; }

 private:
  RowBuffer* const out_;
  const size_t limit_;
};

}  // namespace

Outcome OrderedWalk::Next(size_t max_rows, Wait wait, RowBuffer* out) {
  const size_t had = out->size();
  if (pass_.outgrown()) {
    if (max_rows == 0) return Outcome::kOk;
    try {
      if (rest_ == nullptr) {
        if (const Outcome outcome = pass_.TakeRest(wait, &rest_); outcome != Outcome::kOk) return outcome;
      }
      CopyingJudge judge(out, had + max_rows);
      return pass_.RunRest(rest_.get(), &judge, wait);
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
  }
  const Outcome outcome = pass_.Run(
      wait, [&] { return out->size() != had || max_rows == 0; },
      [&](OrderedTable* table, Cut* from, const Cut& to, Direction direction, bool* done) {
        return table->ReadRows(from, to, direction, max_rows, wait, out, done);
      });
  pass_.Met(out->size() - had);
  return outcome;
}

// --- Steps.

void OrderedTable::CopyEntry(KeyRange* range, OrderedIndex::Position at, bool whole, RowBuffer* out) const {
  const Slot slot = range->index.SlotAt(at);
  if (whole) {
    range->CopyRow(slot, out);
  } else {
    out->AddCopy(ReadElement(range->rows.chunk_of(slot), options_.keypos, slot & kChunkMask));
    out->EndRow();
  }
}

namespace {

// The entry beside the key, in the direction; false: there is none in this index.
bool StepIn(const OrderedIndex& index, const Probe* from, bool forward, OrderedIndex::Position* at) {
  *at = forward ? index.begin() : index.end();
  if (from != nullptr) {
    bool equal;
    *at = index.Find(*from, &equal);
    if (forward && equal) ++at->entry;
    *at = index.Normalized(*at);
  }
  if (forward) return !index.AtEnd(*at);
  if (*at == index.begin()) return false;
  *at = index.Before(*at);
  return true;
}

}  // namespace

Outcome OrderedTable::StepKey(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out) {
  const bool forward = IsForward(step);
  const Value key = from == nullptr ? Value::None() : from->key;
  const SortKey sort_key(key);
  const Probe probe{key, sort_key};
  for (;;) {
    bool more_ranges;
    const Route route = routes_.Read([&](const RouteTable& table) {
      size_t at = forward ? 0 : table.entries.size() - 1;
      if (from != nullptr) at = table.Find(probe, /*before=*/!forward);
      more_ranges = forward ? at + 1 < table.entries.size() : at > 0;
      return table.entries[at].route;
    });
    KeyRange& range = *ranges_[route.range];
    const Locked locked(&range, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    if (range.version != route.version) continue;
    if (dropped()) return Outcome::kDropped;
    try {
      OrderedIndex::Position at;
      if (StepIn(range.index, from == nullptr ? nullptr : &probe, forward, &at)) {
        CopyEntry(&range, at, whole, out);
        return Outcome::kOk;
      }
    } catch (const std::bad_alloc&) {
      return Outcome::kNoMemory;
    }
    if (!more_ranges) return Outcome::kOk;
    break;
  }
  return StepOverRanges(step, from, whole, wait, out);
}

// What comes first in the ranges from there on is known at one moment only under the locks of all.
Outcome OrderedTable::StepOverRanges(Step step, const KeyView* from, bool whole, Wait wait, RowBuffer* out) {
  const bool forward = IsForward(step);
  const Value key = from == nullptr ? Value::None() : from->key;
  const SortKey sort_key(key);
  const Probe probe{key, sort_key};
  try {
    LockedMany locked;
    if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    const std::vector<RouteTable::Entry>& entries = routes_.current().entries;
    for (size_t i = 0; i < entries.size(); ++i) {
      KeyRange& range = *ranges_[entries[forward ? i : entries.size() - 1 - i].route.range];
      OrderedIndex::Position at;
      if (StepIn(range.index, from == nullptr ? nullptr : &probe, forward, &at)) {
        CopyEntry(&range, at, whole, out);
        break;
      }
    }
    return Outcome::kOk;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome OrderedTable::ReadSlot(uint64_t number, Wait wait, bool* past_end, RowBuffer* out) {
  try {
    *past_end = false;
    LockedMany locked;
    if (!locked.Take(shards_, wait)) return Outcome::kWouldBlock;
    if (dropped()) return Outcome::kDropped;
    for (const RouteTable::Entry& entry : routes_.current().entries) {
      KeyRange& range = *ranges_[entry.route.range];
      const uint64_t rows = range.row_count.load(std::memory_order_relaxed);
      if (number < rows) {
        CopyEntry(&range, range.index.At(number), /*whole=*/true, out);
        return Outcome::kOk;
      }
      number -= rows;
    }
    *past_end = true;
    return Outcome::kOk;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

}  // namespace partita
