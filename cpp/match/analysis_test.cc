// What a clause says of rows beforehand: by example, and checked against running the clause on many rows.

#include "match/analysis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "match/machine.h"
#include "testing/random_terms.h"
#include "testing/spec.h"

namespace partita::testing {
namespace {

using Result = ClauseAnalysis::Result;

Term Pair(const Term& a, const Term& b) { return Term::Tuple({a, b}); }
Term Text(const Value& v) { return Term::FromValue(v); }

TEST(Analysis, AHeadOfVariablesReadsNothing) {
  SpecWriter w;
  w.Clause(w.Tuple({w.V(0), w.Any(), w.V("x")}), {}, {w.C(Term::Bool(true))});
  const ClauseAnalysis a = w.Analysis();
  EXPECT_EQ(a.arity, 3u);
  EXPECT_EQ(a.columns, 0u);
  EXPECT_TRUE(a.complete);
  EXPECT_FALSE(a.bound_key);
  EXPECT_FALSE(a.key_bounds.IsBounded());
  EXPECT_EQ(a.result, Result::kTrue);
  EXPECT_FALSE(a.keeps_key);
}

TEST(Analysis, ConstantsAndGuardsAreComparisons) {
  SpecWriter w;
  w.Clause(w.Tuple({w.V(0), w.C("Oslo"), w.V(1)}),
           {w.Call("and", {w.Call("<", {w.C(30), w.V(1)}), w.Call("!=", {w.V(1), w.C(7)})}),
            w.Call(">=", {w.Call("element", {w.C(0), w.Row()}), w.C(2.5)})},
           {w.V(1)});
  const ClauseAnalysis a = w.Analysis();
  EXPECT_TRUE(a.complete);
  EXPECT_EQ(a.columns, ColumnBit(0) | ColumnBit(1) | ColumnBit(2));
  ASSERT_EQ(a.comparisons.size(), 4u);
  EXPECT_EQ(a.comparisons[0].position, 1u);
  EXPECT_EQ(a.comparisons[0].op, Comparison::Op::kExactlyEqual);
  EXPECT_EQ(a.comparisons[1].position, 2u);
  EXPECT_EQ(a.comparisons[1].op, Comparison::Op::kGreater);  // turned around
  EXPECT_EQ(a.comparisons[2].op, Comparison::Op::kNotEqual);
  EXPECT_EQ(a.comparisons[3].position, 0u);
  ASSERT_TRUE(a.key_bounds.lower);
  EXPECT_EQ(Text(a.key_bounds.lower->value), Term(2.5));
  EXPECT_TRUE(a.key_bounds.lower->inclusive);
}

TEST(Analysis, WhatNeedsTheMachineIsNotComplete) {
  const auto complete = [](auto&& head_and_guards) {
    SpecWriter w;
    head_and_guards(&w);
    return w.Analysis().complete;
  };
  EXPECT_FALSE(complete([](SpecWriter* w) { w->Clause(w->Tuple({w->V(0), w->V(0)}), {}, {w->Row()}); }));
  EXPECT_FALSE(complete([](SpecWriter* w) { w->Clause(w->Tuple({w->V(0), w->Tuple({w->V(1)})}), {}, {w->Row()}); }));
  EXPECT_FALSE(complete(
      [](SpecWriter* w) { w->Clause(w->Tuple({w->V(0), w->V(1)}), {w->Call("<", {w->V(0), w->V(1)})}, {w->Row()}); }));
  EXPECT_FALSE(
      complete([](SpecWriter* w) { w->Clause(w->Tuple({w->V(0)}), {w->Call("is_atom", {w->V(0)})}, {w->Row()}); }));
  EXPECT_FALSE(complete([](SpecWriter* w) { w->Clause(w->Tuple({w->V(0)}), {w->C(Term::Bool(false))}, {w->Row()}); }));
  EXPECT_TRUE(complete([](SpecWriter* w) { w->Clause(w->V(0), {w->C(Term::Bool(true))}, {w->Row()}); }));
}

TEST(Analysis, TheKeyIsBoundByTheHeadOrByAGuard) {
  const auto bound = [](const char* op, const Term& constant) {
    SpecWriter w;
    w.Clause(w.Tuple({w.Any(), w.V(0)}), {w.Call(op, {w.V(0), w.C(constant)})}, {w.Row()});
    return w.Analysis(1).bound_key;
  };
  EXPECT_TRUE(bound("=:=", 1));
  EXPECT_TRUE(bound("==", "a"));
  EXPECT_FALSE(bound("==", 1));  // the key may be 1.0
  EXPECT_FALSE(bound("==", Pair(1, 2)));
  EXPECT_FALSE(bound(">", 1));
  SpecWriter w;
  w.Clause(w.Tuple({w.C(Pair(1, "a")), w.Any()}), {}, {w.Row()});
  const auto bound_key = w.Analysis(0).bound_key;
  EXPECT_TRUE(bound_key.has_value() && Text(*bound_key) == Pair(1, "a"));
  EXPECT_FALSE(w.Analysis(1).bound_key);
  EXPECT_FALSE(w.Analysis(kNoKey).bound_key);
}

TEST(Analysis, ResultsAndKeptKeys) {
  const auto analysis = [](auto&& body) {
    SpecWriter w;
    w.Clause(w.Tuple({w.V(0), w.V(1)}), {}, {body(&w)});
    return w.Analysis(0);
  };
  EXPECT_EQ(analysis([](SpecWriter* w) { return w->Row(); }).result, Result::kRow);
  EXPECT_EQ(analysis([](SpecWriter* w) { return w->Vars(); }).result, Result::kVars);
  EXPECT_EQ(analysis([](SpecWriter* w) { return w->V(0); }).result, Result::kOther);
  EXPECT_TRUE(analysis([](SpecWriter* w) { return w->Row(); }).keeps_key);
  EXPECT_TRUE(analysis([](SpecWriter* w) { return w->Tuple({w->V(0), w->C(1)}); }).keeps_key);
  EXPECT_TRUE(analysis([](SpecWriter* w) { return w->Tuple({w->Call("element", {w->C(0), w->Row()})}); }).keeps_key);
  EXPECT_FALSE(analysis([](SpecWriter* w) { return w->Tuple({w->V(1), w->V(0)}); }).keeps_key);
  EXPECT_FALSE(analysis([](SpecWriter* w) { return w->Tuple({}); }).keeps_key);
  EXPECT_FALSE(analysis([](SpecWriter* w) { return w->V(0); }).keeps_key);
  SpecWriter w;
  w.Clause(w.Tuple({w.C(7), w.Any()}), {}, {w.C(Pair(7, 1))});
  EXPECT_TRUE(w.Analysis(0).keeps_key);
  SpecWriter other;
  other.Clause(other.Tuple({other.C(7), other.Any()}), {}, {other.C(Pair(7.0, 1))});
  EXPECT_FALSE(other.Analysis(0).keeps_key);
}

TEST(KeyBounds, OfATupleWithABoundPrefix) {
  SpecWriter w;
  w.Clause(w.Tuple({w.Tuple({w.C("a"), w.V(0), w.V(1)})}),
           {w.Call(">=", {w.V(0), w.C(10)}), w.Call("<", {w.V(0), w.C(20)}), w.Call("<", {w.V(1), w.C(0)})}, {w.Row()});
  const KeyBounds range = w.Analysis(0).key_bounds;
  EXPECT_EQ(range.tuple_size, 3u);
  EXPECT_EQ(range.prefix.size(), 1u);
  const auto position = [&range](const Term& key) { return range.Position(key.view()); };
  const auto key = [](const Term& a, const Term& b) { return Term::Tuple({a, b, 0}); };
  EXPECT_EQ(position(5), -1);
  EXPECT_EQ(position(Pair("a", 15)), -1);
  EXPECT_EQ(position(key("A", 15)), -1);
  EXPECT_EQ(position(key("a", 9.5)), -1);
  EXPECT_EQ(position(key("a", 10.0)), 0);
  EXPECT_EQ(position(key("a", 19)), 0);
  EXPECT_EQ(position(key("a", 20)), 1);
  EXPECT_EQ(position(key("b", 15)), 1);
  EXPECT_EQ(position("text"), 1);
}

TEST(KeyBounds, LimitsThatContradictEachOther) {
  SpecWriter w;
  w.Clause(w.Tuple({w.V(0)}), {w.Call(">", {w.V(0), w.C(3)}), w.Call("<", {w.V(0), w.C(3.0)})}, {w.Row()});
  EXPECT_TRUE(w.Analysis(0).key_bounds.empty);
}

// Clauses of random comparisons on the key, or on parts of it.
void WriteRandomClause(Random* random, SpecWriter* w) {
  static constexpr const char* kOps[] = {"<", "=<", ">", ">=", "==", "/=", "=:=", "=/="};
  SpecWriter::Nodes guards;
  const auto guard = [&](SpecWriter::Node variable) {
    const SpecWriter::Node constant = w->C(PoolKey(random->Below(30)));
    const char* op = kOps[random->Below(std::size(kOps))];
    guards.push_back(random->OneIn(2) ? w->Call(op, {variable, constant}) : w->Call(op, {constant, variable}));
  };
  SpecWriter::Node key = w->V(0);
  switch (random->Below(3)) {
    case 0:
      for (uint64_t i = random->Below(4); i > 0; --i) guard(w->V(0));
      break;
    case 1:
      key = w->Tuple({w->C(PoolKey(random->Below(10))), w->V(1)});
      for (uint64_t i = random->Below(3); i > 0; --i) guard(w->V(1));
      break;
    case 2:
      key = w->C(PoolKey(random->Below(30)));
      break;
  }
  w->Clause(w->Tuple({key, w->Any()}), guards, {w->C(Term::Bool(true))});
}

TEST(KeyBounds, HoldsEveryKeyThatMatchesAndIsOnePiece) {
  Random random(TestSeed());
  std::vector<Term> keys;
  for (int i = 0; i < 60; ++i) {
    keys.push_back(PoolKey(static_cast<uint64_t>(i)));
    for (int j = 0; j < 10; ++j) keys.push_back(Pair(PoolKey(random.Below(10)), PoolKey(random.Below(30))));
  }
  std::sort(keys.begin(), keys.end(),
            [](const Term& a, const Term& b) { return CompareNumeric(a.view(), b.view()) < 0; });
  uint64_t inside = 0;
  uint64_t matches = 0;
  for (int i = 0; i < Steps(2000); ++i) {
    SpecWriter w;
    WriteRandomClause(&random, &w);
    const auto program = *w.Compile(0);
    const ClauseAnalysis& analysis = program->analysis(0);
    Machine machine(*program);
    int last = -1;
    for (const Term& key : keys) {
      const Value row[] = {key.view(), Value::Int(1)};
      const bool match = machine.MatchesTrue(row);
      const int position = analysis.key_bounds.Position(key.view());
      if (!analysis.key_bounds.empty) {
        EXPECT_GE(position, last);
        last = position;
      }
      if (match) {
        EXPECT_EQ(position, 0);
        EXPECT_TRUE(!analysis.bound_key || ExactlyEqual(*analysis.bound_key, key.view()));
      }
      inside += position == 0;
      matches += match;
    }
  }
  EXPECT_GT(matches, 1000u);
  EXPECT_GT(inside, matches);
}

}  // namespace
}  // namespace partita::testing
