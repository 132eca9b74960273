// A list of items against a deque of terms: whatever is appended, taken and dropped, both hold the same.

#include "buffer/item_list.h"

#include <gtest/gtest.h>

#include <deque>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "column/block.h"
#include "testing/random.h"
#include "testing/random_terms.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

std::vector<Term> TermsOf(const ItemList& list) {
  std::vector<Term> terms;
  list.ForEach([&](const Value& item) {
    terms.push_back(Term::FromValue(item));
    return true;
  });
  return terms;
}

uint64_t BytesOf(const std::deque<Term>& terms) {
  uint64_t bytes = 0;
  for (const Term& term : terms) bytes += WireSize(term.view());
  return bytes;
}

void ExpectSame(const ItemList& list, const std::deque<Term>& model) {
  EXPECT_EQ(TermsOf(list), std::vector<Term>(model.begin(), model.end()));
  EXPECT_EQ(list.items(), model.size());
  EXPECT_EQ(list.bytes(), BytesOf(model));
}

Term RandomItem(Random* random) {
  if (random->OneIn(40)) return Term(std::string(random->Below(100'000), 'x'));
  return random->OneIn(2) ? Term(random->Between(-1000, 1000)) : Term(std::string(random->Below(60), 'y'));
}

TEST(ItemListTest, IsADequeOfTerms) {
  const int64_t before = g_live_bytes.load();
  {
    Random random(TestSeed());
    ItemList list;
    std::deque<Term> model;
    std::vector<std::pair<ItemList, std::deque<Term>>> taken;  // share blocks with the list
    for (int step = 0; step < Steps(20'000); ++step) {
      const uint64_t action = random.Below(10);
      if (action < 6) {
        const Term item = RandomItem(&random);
        list.Append(item.view(), WireSize(item.view()));
        model.push_back(item);
      } else if (action < 8 && !model.empty()) {
        EXPECT_EQ(Term::FromValue(list.Front()), model.front());
        EXPECT_EQ(list.DropFront(), WireSize(model.front().view()));
        model.pop_front();
      } else if (action == 8) {
        const uint64_t most = random.Pick<uint64_t>({0, 1, 7, 50, 1000});
        ItemList part = list.TakeFront(most);
        const auto count = static_cast<ptrdiff_t>(std::min<uint64_t>(most, model.size()));
        std::deque<Term> part_model(model.begin(), model.begin() + count);
        model.erase(model.begin(), model.begin() + count);
        if (random.OneIn(2)) {
          taken.emplace_back(std::move(part), std::move(part_model));
        } else {
          ExpectSame(part, part_model);
        }
      }
      if (step % 100 == 0) ExpectSame(list, model);
      if (taken.size() > 20) taken.erase(taken.begin());
    }
    ExpectSame(list, model);
    for (const auto& [part, part_model] : taken) ExpectSame(part, part_model);
  }
  EXPECT_EQ(g_live_bytes.load(), before);
}

TEST(ItemListTest, ForEachEndsWhereItIsTold) {
  ItemList list;
  for (int i = 0; i < 10; ++i) list.Append(Value::Int(i), WireSize(Value::Int(i)));
  int met = 0;
  list.ForEach([&](const Value&) { return ++met < 3; });
  EXPECT_EQ(met, 3);
}

TEST(ItemListTest, ChangesNothingWithoutMemory) {
  ItemList list;
  std::deque<Term> model;
  const Term item(std::string(500, 'x'));
  for (int i = 0; i < 1000; ++i) {
    TEST_FailAllocation(1);
    try {
      list.Append(item.view(), WireSize(item.view()));
      model.push_back(item);
    } catch (const std::bad_alloc&) {
      ExpectSame(list, model);
      list.Append(item.view(), WireSize(item.view()));  // fails once
      model.push_back(item);
    }
    TEST_FailAllocation(0);
  }
  TEST_FailAllocation(1);
  EXPECT_THROW(list.TakeFront(10), std::bad_alloc);
  TEST_FailAllocation(0);
  ExpectSame(list, model);
}

}  // namespace
}  // namespace partita::testing
