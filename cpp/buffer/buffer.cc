#include "buffer/buffer.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "buffer/buffer_list.h"

namespace partita {
namespace {

int64_t SteadyNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Unless the sum would be more than `most`.
bool AddUpTo(uint64_t most, uint64_t amount, std::atomic<uint64_t>* sum) {
  if (most == kNoLimit) {
    sum->fetch_add(amount, std::memory_order_relaxed);
    return true;
  }
  uint64_t before = sum->load(std::memory_order_relaxed);
  do {
    if (amount > most || before > most - amount) return false;
  } while (!sum->compare_exchange_weak(before, before + amount, std::memory_order_relaxed));
  return true;
}

}  // namespace

Buffer::Buffer(uint32_t partitions, uint64_t hash_seed) : shards_(partitions), hash_seed_(hash_seed) {
  BufferList::Add(this);
}

Buffer::~Buffer() { BufferList::Remove(this); }

// --- The log.

Outcome Buffer::SetLog(std::unique_ptr<BufferLog> log, const char** wrong) {
  constexpr size_t kMost = 256;
  std::vector<ItemNumber> numbers;
  if (const Outcome outcome = log->Begin(&numbers, wrong); outcome != Outcome::kOk || *wrong != nullptr) return outcome;
  log_ = std::move(log);
  try {
    absl::Span<const ItemNumber> rest = numbers;
    RowBuffer rows;
    std::vector<RowRange> ranges;
    while (!rest.empty()) {
      const absl::Span<const ItemNumber> some = rest.subspan(0, kMost);
      rows.Clear();
      if (const Outcome outcome = log_->Read(some, &rows, &ranges); outcome != Outcome::kOk) return outcome;
      for (size_t i = 0; i < some.size(); ++i) {
        if (ranges[i].count == 1 && Restore(some[i], rows.row(ranges[i].first))) continue;
        *wrong = "a row is no item of such a buffer";
        return Outcome::kOk;
      }
      rest.remove_prefix(some.size());
    }
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  return Outcome::kOk;
}

void Buffer::NoteRestored(Shard* shard, uint64_t bytes) {
  PushResult result;
  NoteTaken(shard, bytes, &result);
  --shard->counts.pushed;
  ++shard->counts.restored;
  held_items_.fetch_add(1, std::memory_order_relaxed);
  held_bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void Buffer::Acknowledge(Shard* shard, absl::Span<const ItemNumber> numbers) {
  if (log_->Remove(numbers) == Outcome::kOk) return;
  try {
    shard->unacknowledged.insert(shard->unacknowledged.end(), numbers.begin(), numbers.end());
  } catch (const std::bad_alloc&) {  // they will be processed once more after a restart
  }
}

void Buffer::AcknowledgeBatch(Batch* batch) {
  Shard& shard = shards_[batch->partition_];
  std::vector<ItemNumber> late;
  {
    const Locked locked(&shard, Wait::kBlock);
    late.swap(shard.unacknowledged);
  }
  std::vector<ItemNumber>& numbers = batch->numbers_;
  numbers.erase(std::remove(numbers.begin(), numbers.end(), 0), numbers.end());
  const bool all = log_->Remove(numbers) == Outcome::kOk && log_->Remove(late) == Outcome::kOk;
  if (!all) {
    const Locked locked(&shard, Wait::kBlock);
    Acknowledge(&shard, numbers);
    Acknowledge(&shard, late);
  }
  numbers.clear();
  static_cast<void>(log_->Write());  // if it is not, the log is known to be degraded
}

// --- Putting in.

bool Buffer::Reserve(uint64_t bytes) {
  if (held_items_.load(std::memory_order_relaxed) >= limits_.max_items) return false;  // before bytes are taken for it
  if (ABSL_PREDICT_FALSE(!AddUpTo(limits_.max_bytes, bytes, &held_bytes_))) return false;
  if (ABSL_PREDICT_TRUE(AddUpTo(limits_.max_items, 1, &held_items_))) return true;
  held_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

void Buffer::GiveBack(uint64_t items, uint64_t bytes) {
  held_items_.fetch_sub(items, std::memory_order_relaxed);
  held_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

Buffer::Admission Buffer::Admit(Shard* shard, uint64_t bytes, bool own, PushResult* result) {
  if (ABSL_PREDICT_FALSE(!accepts(own))) {
    result->verdict = PushVerdict::kStopped;
    return Admission::kNo;
  }
  if (ABSL_PREDICT_TRUE(Reserve(bytes))) return Admission::kYes;
  if (is_too_large(bytes)) {
    result->verdict = PushVerdict::kTooLarge;
    return Admission::kNo;
  }
  switch (limits_.overflow) {
    case Overflow::kBlock:
      if (own) {
        Overrun(shard, bytes);
        return Admission::kYes;
      }
      result->verdict = PushVerdict::kFull;
      return Admission::kNo;
    case Overflow::kRaise:
      ++shard->counts.refused;
      result->verdict = PushVerdict::kFull;
      return Admission::kNo;
    case Overflow::kDropOldest:
      if (!CanMakeRoom(bytes)) break;
      while (DropOldest(shard, result)) {
        if (Reserve(bytes)) return Admission::kYes;
      }
      return Admission::kMakeRoomElsewhere;
    case Overflow::kDropNewest:
      break;
  }
  DropNewest(shard, result);
  return Admission::kNo;
}

bool Buffer::CanMakeRoom(uint64_t bytes) const {
  return stuck_items_.load(std::memory_order_relaxed) < limits_.max_items &&
         stuck_bytes_.load(std::memory_order_relaxed) + bytes <= limits_.max_bytes;
}

void Buffer::Overrun(Shard* shard, uint64_t bytes) {
  held_items_.fetch_add(1, std::memory_order_relaxed);
  held_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  ++shard->counts.overruns;
}

void Buffer::DropNewest(Shard* shard, PushResult* result) {
  ++shard->counts.pushed;
  ++shard->counts.dropped;
  ++result->dropped;
  result->verdict = PushVerdict::kDropped;
}

void Buffer::NoteTaken(Shard* shard, uint64_t bytes, PushResult* result) {
  Segment& open = shard->open;
  if (ABSL_PREDICT_FALSE(open.left == 0)) open.opened_ns = SteadyNow();
  ++open.left;
  open.bytes += bytes;
  ++shard->counts.pushed;
  ++shard->counts.buffered;
  if (ABSL_PREDICT_FALSE(open.left >= limits_.flush_at) && !shard->flush_at_told) {
    shard->flush_at_told = true;
    result->reached_flush_at = true;
  }
}

void Buffer::NoteDeleted(Shard* shard, uint64_t bytes) {
  --shard->open.left;
  shard->open.bytes -= bytes;
  --shard->counts.buffered;
  ++shard->counts.deleted;
  GiveBack(1, bytes);
}

void Buffer::NoteReplaced(Shard* shard, uint64_t old_bytes, uint64_t new_bytes) {
  ++shard->counts.pushed;
  ++shard->counts.replaced;
  shard->open.bytes += new_bytes - old_bytes;
  held_bytes_.fetch_add(new_bytes - old_bytes, std::memory_order_relaxed);
}

bool Buffer::DropOldest(Shard* shard, PushResult* result) {
  const auto drop_from = [&](Segment* segment) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->lock) {
    uint64_t bytes = 0;
    ItemNumber number = 0;
    if (segment->left == 0 || !DropFrom(segment, &bytes, &number)) return false;
    if (number != 0) Acknowledge(shard, absl::MakeConstSpan(&number, 1));
    --segment->left;
    segment->bytes -= bytes;
    --shard->counts.buffered;
    ++shard->counts.dropped;
    ++shard->gone;
    ++result->dropped;
    GiveBack(1, bytes);
    return true;
  };
  for (Segment& segment : shard->frozen) {
    if (drop_from(&segment)) return true;
  }
  return drop_from(&shard->open);
}

Outcome Buffer::DropElsewhere(uint32_t except, Wait wait, PushResult* result, bool* dropped) {
  *dropped = false;
  for (uint32_t p = 0; p < partitions() && !*dropped; ++p) {
    if (p == except) continue;
    Shard& shard = shards_[p];
    const Locked locked(&shard, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    *dropped = DropOldest(&shard, result);
  }
  return Outcome::kOk;
}

bool Buffer::FitNow(uint64_t items, uint64_t bytes) {
  const Locked locked(&shards_[0], Wait::kTry);
  if (!locked.got()) return false;
  const uint64_t held_items = held_items_.load(std::memory_order_relaxed);
  const uint64_t held_bytes = held_bytes_.load(std::memory_order_relaxed);
  return held_items + items <= limits_.max_items && held_bytes + bytes <= limits_.max_bytes;
}

void Buffer::WaitForRoom(uint64_t bytes, std::chrono::nanoseconds at_most) {
  const uint32_t seen = room_.Now();
  bool wait;
  {
    const Locked locked(&shards_[0], Wait::kBlock);
    wait = state_ == BufferState::kOpen && limits_.overflow == Overflow::kBlock && !HasRoom(bytes);
  }
  if (wait) room_.Wait(seen, std::chrono::duration<double>(at_most).count());
}

// --- Taking out.

Outcome Buffer::Freeze(uint32_t partition, const std::shared_ptr<FlushWatch>& watch, Wait wait, bool* waiting) {
  Shard& shard = shards_[partition];
  try {
    std::vector<Segment> fresh;  // made without the lock, once it is known to be needed
    for (;;) {
      {
        const Locked locked(&shard, wait);
        if (!locked.got()) return Outcome::kWouldBlock;
        if (shard.open.left == 0 || !fresh.empty()) {
          if (watch != nullptr) shard.watches.reserve(shard.watches.size() + 1);
          if (shard.open.left != 0) {
            FreezeOpen(&shard, std::move(fresh.back()));
          }
          if (watch != nullptr) {
            FlushWatch::Part& part = watch->parts_[partition];
            part.segments = shard.segments_frozen;
            part.begin = shard.counts;
            shard.watches.push_back(watch);
          }
          Tidy(&shard, partition);
          *waiting = !shard.frozen.empty();
          return Outcome::kOk;
        }
      }
      fresh.push_back(NewSegment());
    }
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
}

void Buffer::FreezeOpen(Shard* shard, Segment fresh) {
  shard->frozen.push_back(std::move(shard->open));
  shard->open = std::move(fresh);
  ++shard->segments_frozen;
  shard->flush_at_told = false;
}

bool Buffer::Tidy(Shard* shard, uint32_t partition) {
  while (!shard->in_hand && !shard->frozen.empty() && shard->frozen.front().left == 0) {
    shard->frozen.pop_front();
    ++shard->segments_resolved;
  }
  bool done = false;
  for (size_t i = 0; i < shard->watches.size();) {
    FlushWatch& watch = *shard->watches[i];
    FlushWatch::Part& part = watch.parts_[partition];
    if (part.segments > shard->segments_resolved) {
      ++i;
      continue;
    }
    part.end = shard->counts;
    part.reached = true;
    if (watch.pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) done = true;
    shard->watches.erase(shard->watches.begin() + static_cast<ptrdiff_t>(i));
  }
  return done;
}

Outcome Buffer::TakeBatch(uint32_t partition, uint64_t most, bool whole, Wait wait, std::unique_ptr<Batch>* batch) {
  if (is_durable() && wait == Wait::kTry) return Outcome::kWouldBlock;
  Shard& shard = shards_[partition];
  try {
    auto taken = std::make_unique<Batch>();
    const Locked locked(&shard, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    assert(!shard.in_hand);
    Tidy(&shard, partition);
    if (shard.frozen.empty()) return Outcome::kOk;
    Segment& segment = shard.frozen.front();
    const Outcome outcome = TakeFrom(&segment, std::max<uint64_t>(most, 1), whole, taken.get());
    if (outcome != Outcome::kOk) return outcome;
    assert(taken->size_ != 0 && taken->size_ <= segment.left);
    if (taken->size_ == 0 || taken->size_ > segment.left) return Outcome::kOk;  // better than wrong books
    taken->partition_ = partition;
    taken->first_ = shard.gone;
    taken->generation_ = generation_;
    taken->unresolved_ = taken->size_;
    if (segment.left == taken->size_) taken->bytes_ = segment.bytes;
    if (!segment.stuck) {
      segment.stuck = segment.walk != nullptr;
      stuck_items_.fetch_add(segment.stuck ? segment.left : taken->size_, std::memory_order_relaxed);
      stuck_bytes_.fetch_add(segment.stuck ? segment.bytes : taken->bytes_, std::memory_order_relaxed);
    }
    segment.left -= taken->size_;
    segment.bytes -= taken->bytes_;
    shard.gone += taken->size_;
    shard.counts.buffered -= taken->size_;
    shard.counts.in_flight += taken->size_;
    shard.in_hand = true;
    *batch = std::move(taken);
  } catch (const std::bad_alloc&) {
    return Outcome::kNoMemory;
  }
  // The call that put an item in may not have come to write it yet. Were it processed and then forgotten by a crash, an
  // older value of its key would come back behind it.
  if (is_durable()) static_cast<void>(log_->Write());
  return Outcome::kOk;
}

Outcome Buffer::Resolve(Batch* batch, uint64_t processed, uint64_t dead, absl::Span<const uint64_t> failed, Wait wait,
                        bool* watch_done) {
  *watch_done = false;
  if (batch->generation_ != generation_) return Outcome::kOk;
  processed = std::min(processed, batch->unresolved_);
  dead = std::min(dead, batch->unresolved_ - processed);
  failed = failed.subspan(0, batch->unresolved_ - processed - dead);
  const uint64_t items = processed + dead + failed.size();
  if (is_durable()) {
    if (wait == Wait::kTry) return Outcome::kWouldBlock;
    for (const uint64_t number : failed) batch->numbers_[number] = 0;
    if (items == batch->unresolved_) AcknowledgeBatch(batch);
  }
  Shard& shard = shards_[batch->partition_];
  {
    const Locked locked(&shard, wait);
    if (!locked.got()) return Outcome::kWouldBlock;
    batch->unresolved_ -= items;
    (batch->in_doubt_ ? shard.counts.in_doubt : shard.counts.in_flight) -= items;
    shard.counts.processed += processed;
    shard.counts.dead += dead;
    shard.counts.failed += failed.size();
    const bool all = batch->unresolved_ == 0;
    const uint64_t bytes = all ? batch->bytes_ : 0;
    stuck_items_.fetch_sub(items, std::memory_order_relaxed);
    stuck_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    GiveBack(items, bytes);
    if (all) {
      shard.in_hand = false;
      *watch_done = Tidy(&shard, batch->partition_);
    }
  }
  room_.Notify();
  return Outcome::kOk;
}

Outcome Buffer::SetInDoubt(Batch* batch, bool in_doubt, Wait wait) {
  if (batch->generation_ != generation_) return Outcome::kOk;
  Shard& shard = shards_[batch->partition_];
  const Locked locked(&shard, wait);
  if (!locked.got()) return Outcome::kWouldBlock;
  if (batch->in_doubt_ == in_doubt) return Outcome::kOk;
  batch->in_doubt_ = in_doubt;
  (in_doubt ? shard.counts.in_flight : shard.counts.in_doubt) -= batch->unresolved_;
  (in_doubt ? shard.counts.in_doubt : shard.counts.in_flight) += batch->unresolved_;
  return Outcome::kOk;
}

// --- Looking.

Outcome Buffer::ReadWatch(const FlushWatch& watch, Wait wait, FlushReport* report) {
  return UnderAllLocks(wait, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    *report = FlushReport();
    for (uint32_t p = 0; p < partitions(); ++p) {
      const FlushWatch::Part& part = watch.parts_[p];
      const BufferCounts& now = part.reached ? part.end : shards_[p].counts;
      FlushReport here;
      here.processed = now.processed - part.begin.processed;
      here.dead = now.dead - part.begin.dead;
      here.failed = now.failed - part.begin.failed;
      // An item that came in later may be dropped too, but not before the older ones.
      const uint64_t resolved = here.processed + here.dead + here.failed;
      const uint64_t rest = part.begin.unresolved() - resolved;
      here.dropped = std::min(rest, now.dropped - part.begin.dropped);
      report->processed += here.processed;
      report->dead += here.dead;
      report->failed += here.failed;
      report->dropped += part.reached ? rest : here.dropped;
      report->left += part.reached ? 0 : rest - here.dropped;
    }
  });
}

Outcome Buffer::Forget(const std::shared_ptr<FlushWatch>& watch, Wait wait) {
  return UnderAllLocks(wait, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (Shard& shard : shards_) {
      shard.watches.erase(std::remove(shard.watches.begin(), shard.watches.end(), watch), shard.watches.end());
    }
  });
}

Outcome Buffer::SetLimits(const BufferLimits& limits, Wait wait) {
  const Outcome outcome = UnderAllLocks(wait, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    limits_ = limits;
    for (Shard& shard : shards_) shard.flush_at_told = false;
  });
  room_.Notify();
  return outcome;
}

Outcome Buffer::SetState(BufferState state, Wait wait) {
  const Outcome outcome = UnderAllLocks(wait, [&] { state_ = state; });
  room_.Notify();
  return outcome;
}

Outcome Buffer::Stats(Wait wait, BufferStats* stats) {
  return UnderAllLocks(wait, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    *stats = BufferStats();
    for (const Shard& shard : shards_) {
      stats->counts += shard.counts;
      stats->open += shard.open.left;
      stats->partition_items.push_back(shard.counts.buffered);
      const Segment* oldest = &shard.open;
      for (auto it = shard.frozen.rbegin(); it != shard.frozen.rend(); ++it) {
        if (it->left != 0 || shard.in_hand) oldest = &*it;
      }
      if (oldest == &shard.open && oldest->left == 0) continue;
      if (stats->oldest_ns == 0 || oldest->opened_ns < stats->oldest_ns) stats->oldest_ns = oldest->opened_ns;
    }
    stats->bytes = held_bytes_.load(std::memory_order_relaxed);
  });
}

template <typename Work>
Outcome Buffer::UnderAllLocks(Wait wait, Work&& work) {
  Outcome outcome = Outcome::kOk;
  uint32_t taken = 0;
  for (; taken < partitions(); ++taken) {
    if (wait == Wait::kBlock) {
      shards_[taken].lock.Lock();
    } else if (!shards_[taken].lock.TryLock()) {
      outcome = Outcome::kWouldBlock;
      break;
    }
  }
  if (outcome == Outcome::kOk) {
    try {
      work();
    } catch (const std::bad_alloc&) {
      outcome = Outcome::kNoMemory;
    }
  }
  while (taken > 0) shards_[--taken].lock.Unlock();
  return outcome;
}

void Buffer::EmptyAfterFork() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (Shard& shard : shards_) {
    shard.frozen.clear();
    shard.watches.clear();
    shard.unacknowledged.clear();
    shard.counts = BufferCounts();
    shard.in_hand = shard.flush_at_told = false;
    shard.gone = shard.segments_frozen = shard.segments_resolved = 0;
    EmptySegment(&shard.open);
  }
  log_.reset();
  ++generation_;
  held_items_.store(0, std::memory_order_relaxed);
  held_bytes_.store(0, std::memory_order_relaxed);
  stuck_items_.store(0, std::memory_order_relaxed);
  stuck_bytes_.store(0, std::memory_order_relaxed);
}

}  // namespace partita
