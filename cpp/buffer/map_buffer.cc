#include "buffer/map_buffer.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>
#include <vector>

#include "term/ascii.h"
#include "term/number.h"

namespace partita {
namespace {

constexpr uint32_t kKey = 0;
constexpr uint32_t kValue = 1;
constexpr uint32_t kVersion = 2;
constexpr uint32_t kUpdates = 3;
constexpr uint32_t kFields = 4;
constexpr size_t kRowsOfAStep = 256;
constexpr uint64_t kFew = 64;

// Nobody else knows a segment's table, and a fork waits for the buffer's lock before it takes the table's.
constexpr Wait kAlone = Wait::kTry;

uint64_t EntryBytes(const Value& key, const Value& value, const Value* version) {
  const bool free = version == nullptr || version->kind == Value::Kind::kInt;
  return uint64_t{WireSize(key)} + WireSize(value) + (ABSL_PREDICT_TRUE(free) ? 0 : WireSize(*version));
}
uint64_t EntryBytes(absl::Span<const Value> row) { return EntryBytes(row[kKey], row[kValue], &row[kVersion]); }

std::shared_ptr<Table> NewTable(uint64_t hash_seed) {
  auto table = Table::Create(TableOptions{.type = TableType::kSet, .hash_seed = hash_seed});
  if (!table.ok()) throw std::bad_alloc();
  return std::move(*table);
}

// Of a table that nobody else knows.
template <typename Visit>
void ForEachRow(Table* table, Visit&& visit) {
  const std::unique_ptr<Walk> walk = table->NewWalk();
  for (RowBuffer rows;; rows.Clear()) {
    if (walk->Next(kRowsOfAStep, kAlone, &rows) != Outcome::kOk) throw std::bad_alloc();
    if (rows.empty()) return;
    for (size_t i = 0; i < rows.size(); ++i) visit(rows.row(i));
  }
}

Outcome LogRow(BufferLog* log, ItemNumber number, const MapEntry& entry, const RowView& row) {
  Value values[1 + kFields + 1];
  std::copy(row.values, row.values + kFields, values + 1);
  if (entry.partition_key == nullptr) return log->Put(number, absl::MakeSpan(values, 1 + kFields));
  values[1 + kFields] = *entry.partition_key;
  return log->Put(number, absl::MakeSpan(values));
}

}  // namespace

MapBuffer::MapBuffer(uint32_t partitions, uint64_t hash_seed) ABSL_NO_THREAD_SAFETY_ANALYSIS
    : Buffer(partitions, hash_seed) {
  for (Shard& shard : shards_) shard.open = MapBuffer::NewSegment();
}

MapBuffer::~MapBuffer() = default;

Buffer::Segment MapBuffer::NewSegment() {
  Segment segment;
  segment.table = NewTable(hash_seed());
  return segment;
}

uint64_t MapBuffer::BytesOf(const MapEntry& entry) { return EntryBytes(entry.key.key, entry.value, entry.version); }

Outcome MapBuffer::SetNumber(Segment* segment, const KeyView& key, ItemNumber number) {
  if (segment->key_numbers == nullptr) segment->key_numbers = NewTable(segment->table->options().hash_seed);
  const Value values[] = {key.key, Value::Int(number)};
  return segment->key_numbers->Insert(RowView{values, 2, key.hash}, kAlone);
}

ItemNumber MapBuffer::NumberOf(const Segment& segment, const KeyView& key) {
  RowBuffer found;
  const Outcome outcome = segment.key_numbers->LookupElement(key, 1, kAlone, &found);
  assert(outcome == Outcome::kOk && found.size() == 1);
  static_cast<void>(outcome);
  return found.row(0)[0].i;
}

// Without memory it stays there; it is not asked for until the key comes again, with another number.
void MapBuffer::ForgetNumber(Segment* segment, const KeyView& key) {
  uint64_t removed = 0;
  static_cast<void>(segment->key_numbers->Delete(key, kAlone, &removed));
}

// If memory runs out behind the first step the log may keep what the call has not done.
Outcome MapBuffer::InsertLogged(Shard* shard, const MapEntry& entry, const RowView& row) {
  Segment* const open = &shard->open;
  const ItemNumber number = log()->NewNumber();
  Outcome outcome = SetNumber(open, entry.key, number);
  if (outcome == Outcome::kOk) outcome = LogRow(log(), number, entry, row);
  if (outcome != Outcome::kOk) return outcome;
  outcome = open->table->Insert(row, kAlone);
  if (outcome != Outcome::kOk) Acknowledge(shard, absl::MakeConstSpan(&number, 1));
  return outcome;
}

bool MapBuffer::TakeBack(Shard* shard, const KeyView& key, uint64_t bytes) {
  uint64_t removed = 0;
  if (shard->open.table->Delete(key, kAlone, &removed) == Outcome::kOk) return true;
  Overrun(shard, bytes);
  return false;
}

template <bool kLogged>
Outcome MapBuffer::PutLocked(Shard* shard, const MapEntry& entry, bool own, bool drop_newest, PushResult* result,
                             bool* elsewhere) {
  result->verdict = PushVerdict::kTaken;
  if (ABSL_PREDICT_FALSE(!accepts(own))) {
    result->verdict = PushVerdict::kStopped;
    return Outcome::kOk;
  }
  Segment& open = shard->open;
  const uint64_t bytes = BytesOf(entry);
  Value values[] = {entry.key.key, entry.value, entry.version == nullptr ? Value::Int(0) : *entry.version,
                    Value::Int(0)};
  const RowView row{values, kFields, entry.key.hash};
  if (!kLogged && !keeps_order() && HasRoom(bytes)) {  // the usual case, with one search: the key is new
    bool inserted = false;
    const Outcome outcome = open.table->InsertNew(row, kAlone, &inserted);
    if (outcome != Outcome::kOk) return outcome;
    if (inserted && (ABSL_PREDICT_TRUE(Reserve(bytes)) || !TakeBack(shard, entry.key, bytes))) {
      NoteTaken(shard, bytes, result);
      return outcome;
    }
  }
  uint64_t old_bytes = 0;
  {
    RowBuffer found;
    const Outcome outcome = open.table->Lookup(entry.key, kAlone, &found);
    if (outcome != Outcome::kOk) return outcome;
    if (!found.empty()) {
      const absl::Span<const Value> old = found.row(0);
      old_bytes = EntryBytes(old);
      if (entry.version != nullptr && CompareNumeric(*entry.version, old[kVersion]) <= 0) {
        ++shard->counts.stale;
        result->verdict = PushVerdict::kStale;
        return Outcome::kOk;
      }
      if (entry.version != nullptr) values[kUpdates] = Value::Int(old[kUpdates].i + 1);
    }
  }
  if (old_bytes != 0) {
    if (is_too_large(bytes)) {
      result->verdict = PushVerdict::kTooLarge;
      return Outcome::kOk;
    }
    Outcome outcome = Outcome::kOk;
    if constexpr (kLogged) outcome = LogRow(log(), NumberOf(open, entry.key), entry, row);
    if (outcome == Outcome::kOk) outcome = open.table->Insert(row, kAlone);
    if (outcome == Outcome::kOk) NoteReplaced(shard, old_bytes, bytes);
    return outcome;
  }
  if (ABSL_PREDICT_FALSE(drop_newest)) {
    DropNewest(shard, result);
    return Outcome::kOk;
  }
  const Admission admission = Admit(shard, bytes, own, result);
  *elsewhere = admission == Admission::kMakeRoomElsewhere;
  if (ABSL_PREDICT_FALSE(admission != Admission::kYes)) return Outcome::kOk;
  Outcome outcome;
  try {
    if (keeps_order()) {
      if (open.items.items() > 2 * open.left + kFew) TidyOrder(&open);
      open.items.Append(entry.key.key, WireSize(entry.key.key));
    }
    outcome = kLogged ? InsertLogged(shard, entry, row) : open.table->Insert(row, kAlone);
  } catch (const std::bad_alloc&) {
    outcome = Outcome::kNoMemory;
  }
  if (ABSL_PREDICT_TRUE(outcome == Outcome::kOk)) {
    NoteTaken(shard, bytes, result);
  } else {
    GiveBack(1, bytes);
  }
  return outcome;
}

Outcome MapBuffer::Put(const MapEntry& entry, bool own, Wait wait, PushResult* result) {
  if (ABSL_PREDICT_TRUE(!is_durable())) return PutEntry<false>(entry, own, wait, result);
  if (wait == Wait::kTry) return Outcome::kWouldBlock;
  if (log()->refuses()) return Outcome::kDegraded;
  const Outcome outcome = PutEntry<true>(entry, own, wait, result);
  return outcome == Outcome::kOk && result->verdict == PushVerdict::kTaken ? log()->Write() : outcome;
}

template <bool kLogged>
Outcome MapBuffer::PutEntry(const MapEntry& entry, bool own, Wait wait, PushResult* result) {
  try {
    for (bool drop_newest = false;;) {
      bool elsewhere = false;
      {
        Shard& shard = shards_[entry.partition];
        const Locked locked(&shard, wait);
        if (ABSL_PREDICT_FALSE(!locked.got())) return Outcome::kWouldBlock;
        const Outcome outcome = PutLocked<kLogged>(&shard, entry, own, drop_newest, result, &elsewhere);
        if (ABSL_PREDICT_TRUE(!elsewhere)) return outcome;
      }
      bool dropped = false;
      const Outcome outcome = DropElsewhere(entry.partition, wait, result, &dropped);
      if (outcome != Outcome::kOk) return outcome;
      drop_newest = !dropped;
    }
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

Outcome MapBuffer::Get(const KeyView& key, uint32_t partition, Wait wait, std::shared_ptr<Table>* table,
                       RowBuffer* out) {
  Shard& shard = shards_[partition];
  const Locked locked(&shard, wait);
  if (!locked.got()) return Outcome::kWouldBlock;
  *table = shard.open.table;
  return shard.open.table->Lookup(key, kAlone, out);
}

Outcome MapBuffer::Delete(const KeyView& key, uint32_t partition, Wait wait, bool* deleted) {
  *deleted = false;
  if (is_durable() && wait == Wait::kTry) return Outcome::kWouldBlock;
  if (is_durable() && log()->refuses()) return Outcome::kDegraded;
  try {
    Shard& shard = shards_[partition];
    const Locked locked(&shard, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    const Outcome outcome = DeleteLocked(&shard, key, deleted);
    if (outcome != Outcome::kOk || !*deleted) return outcome;
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  NotifyRoom();
  return is_durable() ? log()->Write() : Outcome::kOk;
}

Outcome MapBuffer::DeleteLocked(Shard* shard, const KeyView& key, bool* deleted) {
  Segment& open = shard->open;
  uint64_t bytes = 0;
  {
    RowBuffer found;
    const Outcome outcome = open.table->Lookup(key, kAlone, &found);
    if (outcome != Outcome::kOk || found.empty()) return outcome;
    bytes = EntryBytes(found.row(0));
  }
  const bool last = open.left == 1;
  if (open.deleted.size() > open.items.items() + kFew) TidyOrder(&open);  // keys that came when no order was asked for
  if (!open.items.empty() && !last) ++open.deleted[key.hash];
  uint64_t removed = 0;
  const Outcome outcome = open.table->Delete(key, kAlone, &removed);
  if (outcome != Outcome::kOk) return outcome;
  if (last) {
    open.items.Clear();
    open.deleted.clear();
  }
  NoteDeleted(shard, bytes);
  if (is_durable()) {
    const ItemNumber number = NumberOf(open, key);
    Acknowledge(shard, absl::MakeConstSpan(&number, 1));
    ForgetNumber(&open, key);
  }
  *deleted = true;
  return Outcome::kOk;
}

// Of a key that came several times all but the last one were deleted.
void MapBuffer::TidyOrder(Segment* segment) const {
  ItemList kept;
  std::map<uint64_t, uint64_t> deleted = segment->deleted;
  segment->items.ForEach([&](const Value& key) {
    const auto found = deleted.find(HashKey(key));
    if (found == deleted.end()) {
      kept.Append(key, WireSize(key));
    } else if (--found->second == 0) {
      deleted.erase(found);
    }
    return true;
  });
  segment->items = std::move(kept);
  segment->deleted.clear();
}

// A segment of which batches were taken, without these: the first ones in the order of a walk, since none was dropped.
std::shared_ptr<Table> MapBuffer::RestOf(const Segment& segment) {
  uint64_t rows = 0;
  if (segment.table->Size(kAlone, &rows) != Outcome::kOk) throw std::bad_alloc();
  std::shared_ptr<Table> rest = NewTable(segment.table->options().hash_seed);
  uint64_t taken = rows - segment.left;
  ForEachRow(segment.table.get(), [&](absl::Span<const Value> row) {
    if (taken > 0) {
      --taken;
      return;
    }
    const RowView view{row.data(), kFields, rest->HashKey(row[kKey])};
    if (rest->Insert(view, kAlone) != Outcome::kOk) throw std::bad_alloc();
  });
  return rest;
}

Outcome MapBuffer::TakeFrom(Segment* segment, uint64_t most, bool whole, Batch* batch) {
  batch->table_ = segment->table;
  if (is_durable()) batch->numbers_.reserve(std::min(whole ? kNoLimit : most, segment->left));
  const auto add_number = [&](const Value& key) {
    batch->numbers_.push_back(NumberOf(*segment, KeyView{key, HashKey(key)}));
  };
  if (whole) {
    if (segment->walk != nullptr) batch->table_ = RestOf(*segment);
    if (is_durable()) {
      ForEachRow(batch->table_.get(), [&](absl::Span<const Value> row) { add_number(row[kKey]); });
    }
    batch->size_ = segment->left;
    batch->bytes_ = segment->bytes;
    return Outcome::kOk;
  }
  if (segment->walk == nullptr) segment->walk = segment->table->NewWalk();
  most = std::min(most, segment->left);
  while (batch->rows_.size() < most) {
    const size_t before = batch->rows_.size();
    const Outcome outcome = segment->walk->Next(most - before, kAlone, &batch->rows_);
    if (outcome != Outcome::kOk && before == 0) return outcome;
    if (outcome != Outcome::kOk || batch->rows_.size() == before) break;
  }
  batch->size_ = batch->rows_.size();
  for (size_t i = 0; i < batch->rows_.size(); ++i) {
    const absl::Span<const Value> row = batch->rows_.row(i);
    batch->bytes_ += EntryBytes(row);
    if (is_durable()) add_number(row[kKey]);
  }
  return Outcome::kOk;
}

bool MapBuffer::DropFrom(Segment* segment, uint64_t* bytes, ItemNumber* number) {
  if (segment->walk != nullptr) return false;  // a batch was taken of it, and we do not know which rows are left
  RowBuffer found;
  KeyView key;
  while (found.empty() && !segment->items.empty()) {
    key.key = segment->items.Front();
    key.hash = HashKey(key.key);
    const auto deleted = segment->deleted.find(key.hash);
    if (deleted == segment->deleted.end()) {
      if (segment->table->Lookup(key, kAlone, &found) != Outcome::kOk) throw std::bad_alloc();
    } else if (--deleted->second == 0) {
      segment->deleted.erase(deleted);
    }
    segment->items.DropFront();
  }
  if (found.empty()) {  // nobody asked for the order when these came
    if (segment->table->NewWalk()->Next(1, kAlone, &found) != Outcome::kOk) throw std::bad_alloc();
    if (found.empty()) return false;
  }
  key.key = found.row(0)[kKey];
  key.hash = HashKey(key.key);
  *bytes = EntryBytes(found.row(0));
  if (is_durable()) *number = NumberOf(*segment, key);
  uint64_t removed = 0;
  if (segment->table->Delete(key, kAlone, &removed) != Outcome::kOk) throw std::bad_alloc();
  if (is_durable()) ForgetNumber(segment, key);
  return true;
}

void MapBuffer::EmptySegment(Segment* segment) {
  segment->items.Clear();
  segment->deleted.clear();
  segment->left = segment->bytes = 0;
  segment->key_numbers.reset();
  static_cast<void>(segment->table->Clear(Wait::kTry));
}

// In the order of their numbers: a key that is there already was put into a later segment.
bool MapBuffer::Restore(ItemNumber number, absl::Span<const Value> row) {
  if (row.size() != 1 + kFields && row.size() != 1 + kFields + 1) return false;
  Value values[kFields];
  std::transform(row.begin() + 1, row.begin() + 1 + kFields, values, WithAsciiFlag);
  if (values[kKey].has_opaque() || !IsInt(values[kVersion]) || values[kUpdates].kind != Value::Kind::kInt) return false;
  const KeyView key{values[kKey], HashKey(values[kKey])};
  Shard& shard = shards_[row.size() == 1 + kFields ? PartitionOfHash(key.hash) : PartitionOf(row.back())];
  const Locked locked(&shard, Wait::kBlock);
  bool found = false;
  Outcome outcome = shard.open.table->Member(key, kAlone, &found);
  if (found) FreezeOpen(&shard, NewSegment());
  if (outcome == Outcome::kOk) outcome = SetNumber(&shard.open, key, number);
  if (outcome == Outcome::kOk) outcome = shard.open.table->Insert(RowView{values, kFields, key.hash}, kAlone);
  if (outcome != Outcome::kOk) throw std::bad_alloc();
  NoteRestored(&shard, EntryBytes(values));
  return true;
}

}  // namespace partita
