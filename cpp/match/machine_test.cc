// The machine by example, and what bounds it. Its functions are judged in tests/property and tests/differential.

#include "match/machine.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "match/arithmetic.h"
#include "testing/spec.h"

namespace partita::testing {
namespace {

Term Pair(const Term& a, const Term& b) { return Term::Tuple({a, b}); }

// The result for a row; "no match" and "failed" where there is none.
Term ResultOf(const SpecWriter& w, const Row& row) {
  const auto program = w.Compile();
  EXPECT_TRUE(program.status().ok()) << program.status().message();
  std::vector<Value> values;
  for (const Term& term : row) values.push_back(term.view());
  Machine machine(**const_cast<StatusOr<std::shared_ptr<const Program>>&>(program));
  const size_t clause = machine.Match(values);
  if (clause == Machine::kNoClause) return "no match";
  Value result;
  return machine.Evaluate(clause, &result) ? Term::FromValue(result) : Term("failed");
}

TEST(Machine, NestedPatternsBind) {
  SpecWriter w;
  w.Clause(w.Tuple({w.V(0), w.Tuple({w.Any(), w.Any(), w.List({w.V(1), w.V(0)})})}), {}, {w.Vars()});
  const Term list = Term::List({"b", 1});
  EXPECT_EQ(ResultOf(w, {1, Term::Tuple({7, "x", list})}), Term::List({1, "b"}));
  EXPECT_EQ(ResultOf(w, {2, Term::Tuple({7, "x", list})}), Term("no match"));
  EXPECT_EQ(ResultOf(w, {1, Term::Tuple({7, list})}), Term("no match"));
  EXPECT_EQ(ResultOf(w, {1}), Term("no match"));
}

TEST(Machine, VariablesInTheirOrder) {
  SpecWriter w;
  w.Clause(w.Tuple({w.V("b"), w.V(10), w.V("a"), w.V(2)}), {}, {w.Vars()});
  EXPECT_EQ(ResultOf(w, {1, 2, 3, 4}), Term::List({4, 2, 1, 3}));
}

TEST(Machine, TheFirstClauseThatMatchesIsTaken) {
  SpecWriter w;
  w.Clause(w.Tuple({w.V(0)}), {w.Call("hd", {w.V(0)})}, {w.C("errs, and so is false")});
  w.Clause(w.Tuple({w.V(0)}), {w.Call(">", {w.V(0), w.C(5)})}, {w.C("large")});
  w.Clause(w.V("row"), {}, {w.Tuple({w.V("row"), w.C("any")})});
  EXPECT_EQ(ResultOf(w, {7}), Term("large"));
  EXPECT_EQ(ResultOf(w, {3}), Pair(Term::Tuple({3}), "any"));
}

TEST(Machine, ABodyThatErrsSaysWhere) {
  SpecWriter w;
  w.Clause(w.Tuple({w.V(0)}), {}, {w.C(1), w.Tuple({w.C(2), w.Call("+", {w.V(0), w.C(1)})})});
  const auto program = *w.Compile();
  Machine machine(*program);
  const Value row[] = {Value::None()};
  ASSERT_EQ(machine.Match(row), 0u);
  Value result;
  ASSERT_FALSE(machine.Evaluate(0, &result));
  EXPECT_EQ(machine.failure().clause, 0u);
  EXPECT_EQ(machine.failure().body, 1u);
  EXPECT_TRUE(machine.failure().in_function);
  EXPECT_EQ(NameOf(machine.failure().function), "+");
  EXPECT_FALSE(machine.MatchesTrue(row));
}

TEST(Machine, ReadsOnlyTheColumnsItNames) {
  SpecWriter w;
  w.Clause(w.Tuple({w.V(0), w.V(1), w.C(3)}), {}, {w.V(1)});
  const auto program = *w.Compile();
  EXPECT_EQ(program->columns(), ColumnBit(1) | ColumnBit(2));
  const auto columns = [](auto&& head) {
    SpecWriter w;
    w.Clause(head(&w), {}, {w.C(1)});
    return (*w.Compile())->columns();
  };
  EXPECT_EQ(columns([](SpecWriter* w) { return w->Tuple({w->V(0), w->V(1), w->V(0)}); }), ColumnBit(0) | ColumnBit(2));
  EXPECT_EQ(columns([](SpecWriter* w) { return w->Tuple({w->V(0), w->List({w->V(0)})}); }),
            ColumnBit(0) | ColumnBit(1));
  EXPECT_EQ(columns([](SpecWriter* w) { return w->Tuple({w->List({w->V(0)}), w->V(0)}); }),
            ColumnBit(0) | ColumnBit(1));
  // What lies beyond the columns of their own is read with all of the row, and so a snapshot must have all of it.
  EXPECT_EQ(columns([](SpecWriter* w) {
              SpecWriter::Nodes elements(kMaxColumns + 2, w->Any());
              elements.back() = w->C(1);
              return w->Tuple(elements);
            }),
            kAllColumns);
}

TEST(Machine, AStrWhoseFlagIsMissingIsWrittenInItsOneForm) {
  SpecWriter w;
  w.Clause(w.Tuple({w.V(0)}), {}, {w.Tuple({w.V(0)})});
  const auto program = *w.Compile();
  Machine machine(*program);
  const Value row[] = {Value::Str("abc", 3, /*ascii=*/false)};
  Value result;
  ASSERT_TRUE(machine.Match(row) == 0 && machine.Evaluate(0, &result));
  EXPECT_TRUE(ValidateWire(result.bytes()));
}

TEST(Machine, IntsAreBounded) {
  const auto shifted = [](const Term& bits) {
    SpecWriter w;
    w.Clause(w.Tuple({w.V(0)}), {}, {w.Call("bsr", {w.Call("bsl", {w.C(1), w.V(0)}), w.V(0)})});
    return ResultOf(w, {bits});
  };
  const int64_t most = static_cast<int64_t>(arithmetic::kMaxIntBits) - 1;
  EXPECT_EQ(shifted(most), Term(1));
  EXPECT_EQ(shifted(most + 1), Term("failed"));
  EXPECT_EQ(shifted(int64_t{1000000000000}), Term("failed"));
  EXPECT_EQ(shifted(Term::Int128(__int128{1} << 100)), Term("failed"));
  SpecWriter w;  // powers of powers
  SpecWriter::Node power = w.V(0);
  for (int i = 0; i < 40; ++i) power = w.Call("*", {power, w.Call("bsl", {w.C(1), w.C(int64_t{1} << 20)})});
  w.Clause(w.Tuple({w.V(0)}), {}, {power});
  EXPECT_EQ(ResultOf(w, {1}), Term("failed"));
}

TEST(Machine, ResultsAreBoundedInDepth) {
  Term deep = Term::List({});
  for (int i = 0; i < 499; ++i) deep = Term::List({deep});  // 500 lists
  SpecWriter once, twice;
  once.Clause(once.Tuple({once.V(0)}), {}, {once.Tuple({once.V(0)})});
  twice.Clause(twice.Tuple({twice.V(0)}), {}, {twice.Tuple({twice.Tuple({twice.V(0)})})});
  EXPECT_EQ(ResultOf(once, {deep}), Term::Tuple({deep}));
  EXPECT_EQ(ResultOf(twice, {deep}), Term("failed"));
}

TEST(Machine, TheRowAndItsBindingsAreAsDeepAsTheyCome) {
  Term deep = Term::List({});
  for (int i = 0; i < 499; ++i) deep = Term::List({deep});  // 500 lists
  SpecWriter row, vars, nested;
  row.Clause(row.Tuple({row.V(0)}), {}, {row.Row()});
  vars.Clause(vars.Tuple({vars.V(0)}), {}, {vars.Vars()});
  nested.Clause(nested.Tuple({nested.V(0)}), {}, {nested.List({nested.Vars()})});
  EXPECT_EQ(ResultOf(row, {deep}), Term::Tuple({deep}));
  EXPECT_EQ(ResultOf(vars, {deep}), Term::List({deep}));
  EXPECT_EQ(ResultOf(nested, {deep}), Term("failed"));
}

TEST(Machine, ResultsAreBoundedInSize) {
  const Term large(std::string(16 << 20, 'x'));
  SpecWriter w;
  SpecWriter::Nodes many(200, 0);
  for (SpecWriter::Node& node : many) node = w.V(0);
  w.Clause(w.Tuple({w.V(0)}), {}, {w.Tuple(many)});  // 3 GiB
  EXPECT_EQ(ResultOf(w, {large}), Term("failed"));
}

TEST(Machine, ManyClausesAreCompiledInTimeThatGrowsWithTheirNumber) {
  SpecWriter w;
  for (int i = 0; i < 10000; ++i) {
    w.Clause(w.Tuple({w.C(i), w.V(i)}), {w.Call(">", {w.V(i), w.C(i)})}, {w.Tuple({w.C(i), w.Vars()})});
  }
  EXPECT_EQ(ResultOf(w, {9999, 10000}), Pair(9999, Term::List({10000})));
  EXPECT_EQ(ResultOf(w, {9999, 9999}), Term("no match"));
}

TEST(Compile, SaysWhere) {
  const auto error = [](auto&& write) {
    SpecWriter w;
    write(&w);
    return w.Compile().status().message();
  };
  EXPECT_EQ(error([](SpecWriter*) {}), "a match specification has at least one clause");
  EXPECT_EQ(error([](SpecWriter* w) {
              w->Clause(w->Any(), {}, {w->C(1)});
              w->Clause(w->Tuple({w->V(0)}), {w->C(1), w->Call("and", {w->C(1), w->Call("not", {w->V("x")})})},
                        {w->C(1)});
            }),
            "clause 1, guard 1, argument 1, argument 0: V.x is not bound by the head");
  EXPECT_EQ(error([](SpecWriter* w) { w->Clause(w->Tuple({w->C(0), w->List({w->Row()})}), {}, {w->C(1)}); }),
            "clause 0, head, element 1, element 0: ROW has no meaning in a head");
  EXPECT_EQ(error([](SpecWriter* w) { w->Clause(w->Any(), {}, {w->Call("hd", {})}); }),
            "clause 0, body 0: 'hd' takes 1 argument, not 0");
  EXPECT_EQ(error([](SpecWriter* w) { w->Clause(w->Any(), {}, {w->Call("self", {})}); }),
            "clause 0, body 0: 'self' has no meaning here");
}

}  // namespace
}  // namespace partita::testing
