// The judge of histories must accept what can be explained and nothing else.

#include "testing/linearizability.h"

#include <gtest/gtest.h>

#include <vector>

namespace partita::testing {
namespace {

// A register of one number.
struct Access {
  bool write = false;
  int value = 0;
};
using History = std::vector<Event<Access>>;

bool Explained(const History& history) {
  return IsLinearizable(history, 0, [](const Access& access, int* state) {
    if (!access.write) return access.value == *state;
    *state = access.value;
    return true;
  });
}

Event<Access> Write(uint64_t called, uint64_t answered, int value) { return {called, answered, {true, value}}; }
Event<Access> Read(uint64_t called, uint64_t answered, int value) { return {called, answered, {false, value}}; }

TEST(LinearizabilityTest, OneAfterTheOther) {
  EXPECT_TRUE(Explained({}));
  EXPECT_TRUE(Explained({Read(1, 2, 0), Write(3, 4, 7), Read(5, 6, 7)}));
  EXPECT_FALSE(Explained({Read(1, 2, 0), Write(3, 4, 7), Read(5, 6, 0)}));
  EXPECT_FALSE(Explained({Read(1, 2, 7), Write(3, 4, 7)}));
}

TEST(LinearizabilityTest, AtTheSameTime) {
  EXPECT_TRUE(Explained({Write(1, 10, 7), Read(2, 3, 0), Read(4, 5, 7)}));
  EXPECT_TRUE(Explained({Write(1, 10, 7), Read(2, 3, 7), Read(4, 5, 7)}));
  EXPECT_FALSE(Explained({Write(1, 10, 7), Read(2, 3, 7), Read(4, 5, 0)}));  // seen, and then not
  EXPECT_TRUE(Explained({Write(1, 10, 7), Write(2, 9, 8), Read(11, 12, 7)}));
  EXPECT_TRUE(Explained({Write(1, 10, 7), Write(2, 9, 8), Read(11, 12, 8)}));
  EXPECT_FALSE(Explained({Write(1, 10, 7), Write(2, 9, 8), Read(11, 12, 7), Read(13, 14, 8)}));
}

// Without memory of failed states this takes longer than anybody waits.
TEST(LinearizabilityTest, ManyAtOnce) {
  History history;
  for (int i = 0; i < 10; ++i) history.push_back(Write(1, 100, 1));
  for (int i = 0; i < 5; ++i) history.push_back(Read(1, 100, 1));
  history.push_back(Read(101, 102, 2));
  EXPECT_FALSE(Explained(history));
  history.back() = Read(101, 102, 1);
  EXPECT_TRUE(Explained(history));
}

}  // namespace
}  // namespace partita::testing
