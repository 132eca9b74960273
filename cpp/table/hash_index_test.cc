// The index against std::unordered_multimap, with its invariants checked after each step: growth, splits, shrinking,
// equal hashes, and hashes at both ends, where the entries crowd in the tail of a table.

#include "table/hash_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "column/block.h"
#include "testing/random.h"

namespace partita::testing {
namespace {

class IndexAndModel {
 public:
  void Insert(uint32_t hash) {
    const uint32_t slot = next_slot_++;
    index_.Reserve(hash);
    index_.Insert(hash, slot);
    model_.emplace(hash, slot);
    entries_.emplace_back(hash, slot);
  }
  void EraseAt(size_t i) {
    std::swap(entries_[i], entries_.back());
    const auto [hash, slot] = entries_.back();
    entries_.pop_back();
    index_.Erase(hash, slot);
    const auto range = model_.equal_range(hash);
    model_.erase(std::find_if(range.first, range.second, [slot = slot](const auto& e) { return e.second == slot; }));
  }
  // Every slot that Find offers for `hash`.
  std::multiset<uint32_t> Offered(uint32_t hash) const {
    std::multiset<uint32_t> slots;
    const uint32_t found = index_.Find(hash, [&](uint32_t slot) {
      slots.insert(slot);
      return false;
    });
    EXPECT_EQ(found, HashIndex::kNotFound);
    return slots;
  }
  std::multiset<uint32_t> Expected(uint32_t hash) const {
    std::multiset<uint32_t> slots;
    const auto range = model_.equal_range(hash);
    for (auto it = range.first; it != range.second; ++it) slots.insert(it->second);
    return slots;
  }
  void Check() const {
    ASSERT_EQ(index_.CheckInvariants().message(), "");
    ASSERT_EQ(index_.size(), model_.size());
  }
  void CheckAll() const {
    Check();
    std::set<std::pair<uint32_t, uint32_t>> seen;
    index_.ForEach([&](uint32_t hash, uint32_t slot) { ASSERT_TRUE(seen.emplace(hash, slot).second); });
    ASSERT_EQ(seen, (std::set<std::pair<uint32_t, uint32_t>>(entries_.begin(), entries_.end())));
    for (const auto& [hash, slot] : entries_) {
      ASSERT_EQ(index_.Find(hash, [slot = slot](uint32_t s) { return s == slot; }), slot);
    }
  }

  HashIndex index_;
  std::unordered_multimap<uint32_t, uint32_t> model_;
  std::vector<std::pair<uint32_t, uint32_t>> entries_;
  uint32_t next_slot_ = 0;
};

TEST(HashIndexTest, EmptyFindsNothing) {
  const HashIndex index;
  EXPECT_EQ(index.Find(0, [](uint32_t) { return true; }), HashIndex::kNotFound);
  EXPECT_EQ(index.Find(0xFFFFFFFF, [](uint32_t) { return true; }), HashIndex::kNotFound);
  EXPECT_EQ(index.CheckInvariants().message(), "");
}

TEST(HashIndexTest, BothEnds) {
  IndexAndModel both;
  for (int i = 0; i < 3; ++i) {
    for (const uint32_t hash : {0u, 0xFFFFFFFFu, 1u, 0xFFFFFFFEu, 0x7FFFFFFFu, 0x80000000u}) {
      both.Insert(hash);
      both.CheckAll();
    }
  }
  EXPECT_EQ(both.Offered(0), both.Expected(0));
  EXPECT_EQ(both.Offered(0xFFFFFFFF), both.Expected(0xFFFFFFFF));
  while (!both.entries_.empty()) {
    both.EraseAt(both.entries_.size() / 2);
    both.CheckAll();
  }
}

// What crowds at the end of a table has only its tail to go to: the table grows until it fits.
TEST(HashIndexTest, CrowdsAtTheEnd) {
  for (const uint32_t hash : {0xFFFFFFFFu, 0xFFFFFF00u, 0u, 0x7FFFFFFFu}) {
    IndexAndModel both;
    for (int i = 0; i < 30; ++i) {
      both.Insert(hash);
      both.Check();
      EXPECT_EQ(both.Offered(hash), both.Expected(hash));
    }
  }
}

TEST(HashIndexTest, ManyEqualHashesInTheMiddle) {
  IndexAndModel both;
  for (int i = 0; i < 3000; ++i) both.Insert(0x12345678);
  for (int i = 0; i < 3000; ++i) both.Insert(static_cast<uint32_t>(i) * 1431655u);
  both.CheckAll();
  EXPECT_EQ(both.Offered(0x12345678), both.Expected(0x12345678));
}

enum class Hashes { kAnywhere, kFew, kInOneTable, kAtTheEnd };

class HashIndexRandomTest : public ::testing::TestWithParam<Hashes> {};

TEST_P(HashIndexRandomTest, LikeAMultimap) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("PARTITA_SEED=" + std::to_string(seed));
  Random random(seed);
  const auto draw = [&]() -> uint32_t {
    switch (GetParam()) {
      case Hashes::kAnywhere:
        return static_cast<uint32_t>(random.Bits());
      case Hashes::kFew:
        return static_cast<uint32_t>(random.Below(500)) * 8589934u;
      case Hashes::kInOneTable:  // splits leave one half empty
        return 0xA8000000u | static_cast<uint32_t>(random.Below(1 << 27));
      case Hashes::kAtTheEnd:
        return 0xFFFFFFFFu - static_cast<uint32_t>(random.OneIn(8) ? random.Below(1 << 27) : random.Bits());
    }
    return 0;
  };
  IndexAndModel both;
  // Up to some size, down again, and up: growing, splitting and shrinking, an invariant check each step while it is
  // small.
  for (const size_t goal : {200u, 20u, 9000u, 300u, 4000u, 0u}) {
    while (both.entries_.size() != goal) {
      const bool grow = both.entries_.size() < goal;
      if (both.entries_.empty() || random.Below(10) < (grow ? 8 : 2)) {
        both.Insert(draw());
      } else {
        both.EraseAt(random.Below(both.entries_.size()));
      }
      if (both.entries_.size() < 300 || random.OneIn(200)) {
        ASSERT_NO_FATAL_FAILURE(both.Check());
      }
      const uint32_t hash = both.entries_.empty() || random.OneIn(2) ? draw() : random.PickFrom(both.entries_).first;
      ASSERT_EQ(both.Offered(hash), both.Expected(hash));
    }
    ASSERT_NO_FATAL_FAILURE(both.CheckAll());
    if (random.OneIn(2)) {
      both.index_.Compact();
      ASSERT_NO_FATAL_FAILURE(both.CheckAll());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, HashIndexRandomTest,
                         ::testing::Values(Hashes::kAnywhere, Hashes::kFew, Hashes::kInOneTable, Hashes::kAtTheEnd));

// Growing one by one in ascending, and erasing in the same or the opposite order, moves entries in long runs.
TEST(HashIndexTest, ErasesInOrder) {
  for (const bool same : {true, false}) {
    IndexAndModel both;
    for (uint32_t i = 0; i < 6000; ++i) both.Insert(i * 715827u);
    both.CheckAll();
    for (int i = 0; i < 6000; ++i) {
      if (same) {
        std::rotate(both.entries_.begin(), both.entries_.begin() + 1,
                    both.entries_.begin() + std::min<ptrdiff_t>(2, static_cast<ptrdiff_t>(both.entries_.size())));
      }
      both.EraseAt(same ? 0 : both.entries_.size() - 1);
      if (i % 100 == 0) both.Check();
    }
    both.CheckAll();
  }
}

TEST(HashIndexTest, FailingReserveChangesNothing) {
  IndexAndModel both;
  Random random(TestSeed());
  int failures = 0;
  for (int i = 0; i < 20000; ++i) {
    const uint32_t hash = static_cast<uint32_t>(random.Bits());
    TEST_FailAllocation(1);
    try {
      both.index_.Reserve(hash);
    } catch (const std::bad_alloc&) {
      ++failures;
      ASSERT_NO_FATAL_FAILURE(both.Check());
    }
    TEST_FailAllocation(0);
    both.Insert(hash);
  }
  EXPECT_GT(failures, 20);
  both.CheckAll();
}

TEST(HashIndexTest, BytesGoBackToZero) {
  const int64_t before = g_live_bytes.load();
  {
    IndexAndModel both;
    for (uint32_t i = 0; i < 10000; ++i) both.Insert(i * 429496u);
    EXPECT_LT(both.index_.bytes(), 10000 * 20u);
    HashIndex moved = std::move(both.index_);
    EXPECT_EQ(moved.size(), 10000u);
    EXPECT_EQ(moved.CheckInvariants().message(), "");
    moved.Clear();
    EXPECT_EQ(moved.size(), 0u);
    EXPECT_EQ(g_live_bytes.load(), before);
  }
  EXPECT_EQ(g_live_bytes.load(), before);
}

}  // namespace
}  // namespace partita::testing
