// Terms and rows that own their bytes, for tests: easy to write down, to keep in containers and to print.

#ifndef PARTITA_TESTING_TERM_H_
#define PARTITA_TESTING_TERM_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "table/table.h"
#include "term/value.h"

namespace partita::testing {

class Term {
 public:
  Term() = default;  // None
  // NOLINTBEGIN(google-explicit-constructor): so that a row is written {1, "a", 2.5}
  Term(int i) : Term(int64_t{i}) {}
  Term(int64_t i) : kind_(Value::Kind::kInt), int_(i) {}
  Term(double f) : kind_(Value::Kind::kFloat), float_(f) {}
  Term(const char* text) : Term(std::string(text)) {}
  Term(std::string text);
  // NOLINTEND(google-explicit-constructor)
  static Term None() { return Term(); }
  static Term Bool(bool b) { return FromValue(BoolValue(b)); }
  static Term Int128(__int128 i);
  static Term Bytes(absl::string_view bytes);
  static Term Atom(absl::string_view text);
  static Term Tuple(absl::Span<const Term> elements);
  static Term List(absl::Span<const Term> elements);
  static Term FromValue(const Value& v);
  static Term FromWire(absl::string_view wire) { return FromValue(ValueFromWire(wire)); }

  // Points into this term.
  Value view() const;
  // Equal for terms of which no user could tell one from the other: the sign of a zero is told, for example.
  std::string wire() const;
  // False if it is no int, or one of more than 127 bits.
  bool ToInt128(__int128* out) const;

  friend bool operator==(const Term& a, const Term& b) { return a.wire() == b.wire(); }

 private:
  Value::Kind kind_ = Value::Kind::kNone;
  uint8_t flags_ = 0;
  int64_t int_ = 0;
  double float_ = 0;
  std::string bytes_;
};

std::ostream& operator<<(std::ostream& out, const Term& term);

// The order and the equality of keys in a set.
struct ExactLess {
  bool operator()(const Term& a, const Term& b) const { return CompareExact(a.view(), b.view()) < 0; }
};

// Those of a table of any type.
struct KeyLess {
  bool numeric = false;  // as in an ordered_set

  bool operator()(const Term& a, const Term& b) const {
    return (numeric ? CompareNumeric(a.view(), b.view()) : CompareExact(a.view(), b.view())) < 0;
  }
};

using Row = std::vector<Term>;

Row RowFromValues(absl::Span<const Value> values);
// Exactly equal, as delete_object and compare_and_swap see rows.
bool RowsExactlyEqual(const Row& a, const Row& b);

// A row as a table takes it; `row` must outlive it.
class RowArgument {
 public:
  RowArgument(const Table& table, const Row& row);

  const RowView& view() const { return view_; }

 private:
  std::vector<Value> values_;
  RowView view_;
};

// Several rows at once, as spans of views.
class RowArguments {
 public:
  RowArguments(const Table& table, absl::Span<const Row> rows);

  absl::Span<const RowView> views() const { return views_; }

 private:
  std::vector<RowArgument> rows_;
  std::vector<RowView> views_;
};

inline KeyView KeyArgument(const Table& table, const Term& key) {
  return KeyView{key.view(), table.HashKey(key.view())};
}
std::vector<KeyView> KeyArguments(const Table& table, absl::Span<const Term> keys);

// The rows of a buffer from `first` on.
std::vector<Row> RowsOf(const RowBuffer& buffer, size_t first = 0);

}  // namespace partita::testing

#endif  // PARTITA_TESTING_TERM_H_
