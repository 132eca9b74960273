// Moving rows between ranges (range_balance.h), a piece after a write: who finds that a range has grown moves what one
// leaf holds from one range to its neighbour, under the locks of both, and publishes the boundary.
//
// A row that moves is copied to a new slot and erased at its old one, as any row is erased: snapshots taken before
// still see it there. A piece is done whole or not at all.

#include <algorithm>
#include <new>

#include "absl/container/inlined_vector.h"
#include "table/ordered_table.h"

namespace partita {
namespace {

// A piece is no more than this, so that no call takes long for it.
constexpr uint64_t kPieceBytes = uint64_t{256} * 1024;

std::atomic<uint64_t> split_rows{BalanceOptions{}.split_rows};

uint64_t BytesBeside(const absl::InlinedVector<Value, 24>& values) {
  uint64_t bytes = 0;
  for (const Value& v : values) bytes += v.kind >= Value::Kind::kStr ? v.size : 0;
  return bytes;
}

}  // namespace

void TEST_SetSplitRows(uint64_t rows) { split_rows.store(rows == 0 ? BalanceOptions{}.split_rows : rows); }

BalanceOptions OrderedTable::NewBalanceOptions(uint32_t partitions) {
  const uint64_t split = split_rows.load();
  return BalanceOptions{partitions, split, std::clamp<uint64_t>(split / 32, 4, Leaf::kMaxEntries)};
}

void OrderedTable::Balance(Wait wait, uint64_t rows) {
  // So many pieces that rows move some times faster than they come.
  uint64_t pieces = 1 + rows * 8 / balance_options_.piece_rows;
  if (!topology_.TryLock()) return;  // somebody else does it
  try {
    while (pieces > 0 && MovePiece(wait)) --pieces;
  } catch (const std::bad_alloc&) {
    // A later write tries again.
  }
  topology_.Unlock();
}

// Only with the topology lock, so that boundaries stay as they are.
std::optional<OrderedTable::Move> OrderedTable::PlanMove() const {
  const std::vector<RouteTable::Entry>& entries = routes_.current().entries;
  std::vector<uint64_t> rows(entries.size());
  std::transform(entries.begin(), entries.end(), rows.begin(), [this](const RouteTable::Entry& entry) {
    return ranges_[entry.route.range]->row_count.load(std::memory_order_relaxed);
  });
  const bool at_end = ranges_[entries.back().route.range]->grows_at_end.load(std::memory_order_relaxed);
  const RangeMove plan = PlanBalance(rows, at_end, balance_options_);
  if (plan.kind == RangeMove::Kind::kNone) return std::nullopt;
  Move move;
  move.kind = plan.kind;
  move.from = entries[plan.from].route.range;
  move.right = plan.right;
  if (plan.kind == RangeMove::Kind::kEven || plan.kind == RangeMove::Kind::kJoin) {
    move.to = entries[plan.right ? plan.from + 1 : plan.from - 1].route.range;
  } else {
    std::vector<bool> used(ranges_.size());
    for (const RouteTable::Entry& entry : entries) used[entry.route.range] = true;
    move.to = static_cast<uint32_t>(std::find(used.begin(), used.end(), false) - used.begin());
  }
  return move;
}

// False: there is nothing to do, or no lock to be had.
bool OrderedTable::MovePiece(Wait wait) {
  if (!move_.has_value()) move_ = PlanMove();
  if (!move_.has_value()) {
    unbalanced_.store(false, std::memory_order_relaxed);
    return false;
  }
  const Move move = *move_;
  KeyRange& from = *ranges_[move.from];
  KeyRange& to = *ranges_[move.to];
  Shard* const both[] = {&*ranges_[std::min(move.from, move.to)], &*ranges_[std::max(move.from, move.to)]};
  LockedMany locked;
  if (!locked.Take(both, wait)) return false;
  if (dropped()) return false;
  const bool join = move.kind == RangeMove::Kind::kJoin;
  const auto left_to_move = [&] {
    const uint64_t here = from.row_count.load(std::memory_order_relaxed);
    const uint64_t there = to.row_count.load(std::memory_order_relaxed);
    if (join) return here;
    if (move.kind == RangeMove::Kind::kEndNew) return uint64_t{here > 1 && there == 0 ? 1u : 0u};
    return here > there ? (here - there) / 2 : 0;
  };
  const uint64_t rows = left_to_move();
  if (rows > 0) MoveRows(&from, &to, move, std::min(rows, balance_options_.piece_rows));
  if (left_to_move() == 0) {
    if (join && rows == 0) GiveUp(&from, move);
    move_.reset();
  }
  return true;
}

// The routes with what a move changes: `to` after `from` if it is new, their boundary, and without `from` if it is
// `given_up`.
std::unique_ptr<RouteTable> OrderedTable::RoutesAfter(const Move& move, std::shared_ptr<const OwnedKey> boundary,
                                                      bool given_up) const {
  MaybeFailAllocation();
  auto table = std::make_unique<RouteTable>(routes_.current());
  std::vector<RouteTable::Entry>& entries = table->entries;
  const auto find = [&entries](uint32_t range) {
    return std::find_if(entries.begin(), entries.end(),
                        [range](const RouteTable::Entry& entry) { return entry.route.range == range; });
  };
  auto from = find(move.from);
  if (find(move.to) == entries.end()) {
    const Route added{move.to, ranges_[move.to]->version};
    const auto at = entries.insert(from + 1, RouteTable::Entry{nullptr, added});
    from = at - 1;
  }
  const auto to = move.right ? from + 1 : from - 1;
  ++from->route.version;
  ++to->route.version;
  if (given_up) {
    if (move.right) to->lower = from->lower;
    entries.erase(from);
  } else {
    (move.right ? to : from)->lower = std::move(boundary);
  }
  return table;
}

void OrderedTable::GiveUp(KeyRange* from, const Move& move) {
  routes_.Reserve();
  std::unique_ptr<RouteTable> table = RoutesAfter(move, nullptr, /*given_up=*/true);
  ++from->version;
  ++ranges_[move.to]->version;
  routes_.Publish(std::move(table));
}

void OrderedTable::MoveRows(KeyRange* from, KeyRange* to, const Move& move, uint64_t most) {
  const uint32_t keypos = options_.keypos;
  const Leaf& leaf = *(move.right ? from->index.leaves().back() : from->index.leaves().front());
  absl::InlinedVector<Slot, 16> slots;  // from the edge of the leaf inwards; in `to` the same
  absl::InlinedVector<Slot, 16> copies;
  slots.reserve(std::min<uint64_t>(most, leaf.count));
  copies.reserve(slots.capacity());
  Leaf* added = nullptr;
  std::unique_ptr<RouteTable> table;
  uint32_t begin = 0;
  uint32_t end = 0;
  try {
    routes_.Reserve();
    absl::InlinedVector<Value, 24> values;
    uint64_t bytes = 0;
    while (copies.size() < most && copies.size() < leaf.count && bytes < kPieceBytes) {
      const uint32_t done = static_cast<uint32_t>(copies.size());
      const Slot slot = leaf.slots()[move.right ? leaf.count - 1 - done : done];
      ReadRow(from->rows.chunk_of(slot), slot & kChunkMask, &values);
      const Slot copy = to->PutLooseRow(values);
      if (copy == kNoSlot) break;
      copies.push_back(copy);
      slots.push_back(slot);
      bytes += BytesBeside(values);
      from->rows.PrepareErase(slot);
    }
    const uint32_t count = static_cast<uint32_t>(copies.size());
    if (count == 0) {
      move_.reset();  // `to` is full
      return;
    }
    begin = move.right ? leaf.count - count : 0;
    end = begin + count;
    from->index.PrepareErase(move.right ? from->index.Before(from->index.end()) : from->index.begin());
    const Leaf& writable = *(move.right ? from->index.leaves().back() : from->index.leaves().front());
    added = to->index.PrepareLeaf(writable, begin, end);
    const bool given_up = from->index.leaves().size() == 1 && count == writable.count;
    std::shared_ptr<const OwnedKey> boundary;
    if (!given_up) {
      const Slot first = move.right             ? writable.slots()[begin]
                         : end < writable.count ? writable.slots()[end]
                                                : from->index.leaves()[1]->slots()[0];
      boundary = std::make_shared<const OwnedKey>(ReadElement(from->rows.chunk_of(first), keypos, first & kChunkMask));
    }
    table = RoutesAfter(move, std::move(boundary), given_up);
  } catch (...) {
    if (added != nullptr) to->index.DropLeaf(added);
    for (const Slot slot : copies) to->rows.Erase(slot);
    throw;
  }
  const uint32_t count = end - begin;
  for (uint32_t i = 0; i < count; ++i) added->slots()[i] = copies[move.right ? count - 1 - i : i];
  const ListStep step(this);
  to->index.AddLeaf(added, /*first=*/move.right);
  from->index.EraseEdge(/*first=*/!move.right, count);
  for (const Slot slot : slots) {
    from->rows.Erase(slot);
    from->rows.TidyHeap(slot);
  }
  to->AddRows(count);
  from->AddRows(-static_cast<int64_t>(count));
  ++from->version;
  ++to->version;
  routes_.Publish(std::move(table));
}

}  // namespace partita
