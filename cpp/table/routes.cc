#include "table/routes.h"

#include <algorithm>
#include <utility>

#include "base/sync_point.h"

namespace partita {
namespace {

constexpr uint32_t kStripes = 32;

struct alignas(64) Stripe {
  std::atomic<uint32_t> readers{0};
};
constinit Stripe stripes[kStripes];

std::atomic<uint32_t>* OwnStripe() {
  static std::atomic<uint32_t> threads{0};
  static thread_local const uint32_t own = threads.fetch_add(1, std::memory_order_relaxed) % kStripes;
  return &stripes[own].readers;
}

// Every reader that may have found a table that is no longer current has left.
bool NobodyReads() {
  return std::all_of(std::begin(stripes), std::end(stripes),
                     [](const Stripe& stripe) { return stripe.readers.load(std::memory_order_seq_cst) == 0; });
}

}  // namespace

size_t RouteTable::Find(const Probe& key, bool before) const {
  size_t low = 1;
  size_t high = entries.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const int order = CompareKeys(key, *entries[middle].lower);
    if (before ? order > 0 : order >= 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

Routes::Routes() {
  auto table = std::make_unique<RouteTable>();
  table->entries.push_back(RouteTable::Entry{});
  current_.store(table.release(), std::memory_order_relaxed);
}

Routes::~Routes() { delete current_.load(std::memory_order_relaxed); }

void Routes::Reserve() {
  if (!retired_.empty() && NobodyReads()) retired_.clear();
  MaybeFailAllocation();
  retired_.reserve(retired_.size() + 1);
}

void Routes::Publish(std::unique_ptr<const RouteTable> table) {
  divided_.store(true, std::memory_order_relaxed);
  retired_.emplace_back(current_.exchange(table.release(), std::memory_order_seq_cst));
  SyncPoint();
}

void Routes::ResetAfterFork() {
  for (Stripe& stripe : stripes) stripe.readers.store(0, std::memory_order_relaxed);
}

Routes::Reading::Reading() : counter_(OwnStripe()) { counter_->fetch_add(1, std::memory_order_seq_cst); }
Routes::Reading::~Reading() { counter_->fetch_sub(1, std::memory_order_seq_cst); }

}  // namespace partita
