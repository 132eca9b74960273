// The ordered index against a sorted map, over keys of many shapes, with the invariants checked after each step.

#include "table/ordered_index.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "testing/random.h"
#include "testing/random_terms.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

// A store of rows of one element and the index of them.
class IndexTest : public ::testing::Test {
 protected:
  ~IndexTest() override { index_.Clear(); }

  void Insert(const Term& key) {
    const Value value = key.view();
    const SortKey sort_key(value);
    bool equal;
    const OrderedIndex::Position at = index_.Find(Probe{value, sort_key}, &equal);
    ASSERT_EQ(equal, model_.count(key) > 0);
    if (equal) return;
    const Slot slot = rows_.ClaimSlot();
    const absl::Span<const Value> values(&value, 1);
    PendingRefs refs;
    rows_.PrepareRow(slot, values, /*fresh=*/true, &refs);
    rows_.StoreRow(slot, values, refs, /*fresh=*/true);
    index_.Insert(at, sort_key, slot);
    model_.emplace(key, slot);
  }
  void Erase(const Term& key) {
    const Value value = key.view();
    const SortKey sort_key(value);
    bool equal;
    const OrderedIndex::Position at = index_.Find(Probe{value, sort_key}, &equal);
    ASSERT_EQ(equal, model_.count(key) > 0);
    if (!equal) return;
    const Slot slot = index_.SlotAt(at);
    ASSERT_EQ(slot, model_[key]);
    rows_.PrepareErase(slot);
    index_.PrepareErase(at);
    index_.Erase(at);
    rows_.Erase(slot);
    model_.erase(key);
  }
  void Check() {
    ASSERT_EQ(index_.CheckInvariants(model_.size()).message(), "");
    ASSERT_EQ(rows_.CheckInvariants(index_.LeafBytes()).message(), "");
  }
  std::vector<Slot> Slots() const {
    std::vector<Slot> slots;
    for (OrderedIndex::Position at = index_.begin(); !index_.AtEnd(at); at = index_.Next(at)) {
      slots.push_back(index_.SlotAt(at));
    }
    return slots;
  }
  void CheckOrder() {
    std::vector<Slot> expected;
    for (const auto& [key, slot] : model_) expected.push_back(slot);
    ASSERT_EQ(Slots(), expected);
    std::vector<Slot> backward;
    for (OrderedIndex::Position at = index_.end(); at != index_.begin();) {
      at = index_.Before(at);
      backward.push_back(index_.SlotAt(at));
    }
    ASSERT_EQ(backward, std::vector<Slot>(expected.rbegin(), expected.rend()));
    for (size_t i = 0; i < expected.size(); i += 97) ASSERT_EQ(index_.SlotAt(index_.At(i)), expected[i]);
    ASSERT_TRUE(index_.AtEnd(index_.At(expected.size())));
  }
  // Bytes of the leaves beside what their entries take.
  uint64_t Slack() const { return index_.LeafBytes() - model_.size() * (sizeof(SortKey::Prefix) + sizeof(Slot)); }

  RowStore rows_;
  OrderedIndex index_{&rows_, 0};
  std::map<Term, Slot, KeyLess> model_{KeyLess{true}};
};

std::string Digits(uint64_t number, int width) {
  std::string digits = std::to_string(number);
  return std::string(width - digits.size(), '0') + digits;
}

using MakeKey = std::function<Term(uint64_t)>;

struct Shape {
  const char* name;
  MakeKey key;
};

class ShapeTest : public IndexTest, public ::testing::WithParamInterface<Shape> {};

TEST_P(ShapeTest, RandomInsertsAndErases) {
  Random random(TestSeed());
  const uint64_t pool = static_cast<uint64_t>(Steps(16000));
  for (int i = 0; i < Steps(40000); ++i) {
    // Grows, shrinks, and grows again.
    const bool grow = i < Steps(18000) || i > Steps(32000);
    const Term key = GetParam().key(random.Below(pool));
    if (random.OneIn(4) == grow) {
      ASSERT_NO_FATAL_FAILURE(Erase(key));
    } else {
      ASSERT_NO_FATAL_FAILURE(Insert(key));
    }
    if (i % 256 == 0) {
      ASSERT_NO_FATAL_FAILURE(Check()) << "step " << i;
    }
    if (i % 4096 == 0) index_.Compact();
  }
  ASSERT_NO_FATAL_FAILURE(Check());
  ASSERT_NO_FATAL_FAILURE(CheckOrder());
  while (!model_.empty()) ASSERT_NO_FATAL_FAILURE(Erase(Term(model_.begin()->first)));
  ASSERT_NO_FATAL_FAILURE(Check());
  EXPECT_EQ(index_.LeafBytes(), 0u);
}

const Shape kShapes[] = {
    {"ints", [](uint64_t i) { return Term(static_cast<int64_t>(i * 7919 % 100000) - 50000); }},
    {"large_ints", [](uint64_t i) { return Term((int64_t{1} << 62) + static_cast<int64_t>(i)); }},
    {"ints_and_floats", [](uint64_t i) { return i % 2 == 0 ? Term(static_cast<int64_t>(i / 4)) : Term(i / 4.0); }},
    {"users", [](uint64_t i) { return Term("user:" + Digits(i, 6)); }},
    {"two_families",
     [](uint64_t i) { return Term((i % 2 == 0 ? "measurement/" : "message/from/") + Digits(i * 31 % 1000, 9)); }},
    {"long_strings", [](uint64_t i) { return Term(std::string(100, 'k') + std::to_string(i)); }},
    {"nested_prefixes", [](uint64_t i) { return Term(std::string(i % 200, 'a') + std::to_string(i / 200)); }},
    {"tuples",
     [](uint64_t i) {
       return Term::Tuple({Term("group" + std::to_string(i % 3)), Term(static_cast<int64_t>(i / 3))});
     }},
    {"any", [](uint64_t i) { return PoolKey(i); }},
};

INSTANTIATE_TEST_SUITE_P(All, ShapeTest, ::testing::ValuesIn(kShapes),
                         [](const auto& info) { return info.param.name; });

TEST_F(IndexTest, KeysThatComeInOrderFillLeavesToTheBrim) {
  for (int i = 0; i < 50000; ++i) Insert(i);
  ASSERT_NO_FATAL_FAILURE(Check());
  EXPECT_TRUE(index_.grows_at_end());
  EXPECT_LT(Slack(), index_.leaves().size() * (sizeof(Leaf) + sizeof(Block)) + 10000);
}

TEST_F(IndexTest, KeysThatComeBackwardsDoSoToo) {
  for (int i = 50000; i > 0; --i) Insert(i);
  ASSERT_NO_FATAL_FAILURE(Check());
  EXPECT_FALSE(index_.grows_at_end());
  EXPECT_LT(Slack(), index_.leaves().size() * (sizeof(Leaf) + sizeof(Block)) + 10000);
}

TEST_F(IndexTest, EntriesOfALeafAreToldApartByTheirPrefixes) {
  Random random(TestSeed());
  for (int i = 0; i < 20000; ++i) Insert("some/long/path/of/a/file-" + Digits(random.Below(1000000), 8));
  uint64_t alike = 0;
  for (const Leaf* leaf : index_.leaves()) {
    for (uint32_t i = 1; i < leaf->count; ++i) alike += leaf->prefixes[i] == leaf->prefixes[i - 1] ? 1 : 0;
  }
  EXPECT_LT(alike, 2000u);
}

TEST_F(IndexTest, LeavesThatAPinSeesStayAsTheyAre) {
  Random random(TestSeed());
  for (int i = 0; i < 3000; ++i) Insert(static_cast<int64_t>(random.Below(100000)));
  const std::vector<Leaf*> leaves(index_.leaves().begin(), index_.leaves().end());
  std::vector<std::vector<Slot>> slots;
  for (const Leaf* leaf : leaves) slots.emplace_back(leaf->slots(), leaf->slots() + leaf->count);
  auto token = std::make_shared<PinToken>();
  rows_.Pin(token);
  for (int i = 0; i < 5000; ++i) {
    Insert(static_cast<int64_t>(random.Below(100000)));
    Erase(static_cast<int64_t>(random.Below(100000)));
    if (i % 100 == 0) {
      ASSERT_NO_FATAL_FAILURE(Check());
    }
  }
  for (size_t i = 0; i < leaves.size(); ++i) {
    EXPECT_EQ(std::vector<Slot>(leaves[i]->slots(), leaves[i]->slots() + leaves[i]->count), slots[i]);
  }
  token->released = true;
  rows_.ReapPins();
  ASSERT_NO_FATAL_FAILURE(Check());
  ASSERT_NO_FATAL_FAILURE(CheckOrder());
  EXPECT_EQ(rows_.retired_bytes(), 0u);
  FreeBlockChain(rows_.TakeGarbage());
}

// A pin of some columns reads no keys, so that the index need not be copied for it.
TEST_F(IndexTest, APinOfSomeColumnsCopiesNoLeaf) {
  for (int i = 0; i < 100; ++i) Insert(i * 2);
  const Leaf* leaf = index_.leaves()[0];
  rows_.Pin(std::make_shared<PinToken>(), ColumnBit(0));
  Insert(31);
  EXPECT_EQ(index_.leaves()[0], leaf);
  rows_.Pin(std::make_shared<PinToken>());
  Insert(33);
  EXPECT_NE(index_.leaves()[0], leaf);
}

}  // namespace
}  // namespace partita::testing
