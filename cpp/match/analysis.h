// What a clause of a match specification says of rows before one is looked at: how to find them, which columns to read,
// which comparisons narrow them down.
//
// Everything here is necessary for a match; only `complete` says that the comparisons suffice. It is found in the head
// and in the guards that must all be true: those of the list, and the arguments of `and` and `andalso` among them.

#ifndef PARTITA_MATCH_ANALYSIS_H_
#define PARTITA_MATCH_ANALYSIS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "column/row_store.h"
#include "match/filter.h"
#include "match/spec.h"
#include "term/value.h"

namespace partita {

inline constexpr uint32_t kAnyArity = 0xFFFFFFFF;
inline constexpr uint32_t kNoKey = 0xFFFFFFFF;

// The keys that can match, as a range in term order (numeric, as ordered_set keys are). A key that is a tuple may have
// a bound prefix; the limits are then of the element that follows it. Views of the specification's constants.
struct KeyBounds {
  struct Limit {
    Value value;
    bool inclusive;
  };
  static constexpr uint32_t kNoTuple = 0xFFFFFFFF;

  uint32_t tuple_size = kNoTuple;  // keys are tuples of this size
  std::vector<Value> prefix;       // their first elements, equal in term order
  std::optional<Limit> lower;
  std::optional<Limit> upper;
  bool empty = false;  // the limits contradict each other: no key is inside

  // Whether the range leaves out any key at all.
  bool IsBounded() const { return empty || tuple_size != kNoTuple || lower || upper; }
  // -1: `key` lies before all keys inside, 0: it is inside, 1: behind. Never falls as keys grow; with `empty` it says 0
  // of no key.
  int Position(const Value& key) const;
};

struct ClauseAnalysis {
  // What the first body is, where that can be answered without running it.
  enum class Result : uint8_t {
    kRow,   // ROW, or the variable that is the head
    kVars,  // VARS
    kTrue,
    kOther,
  };

  uint32_t arity = kAnyArity;  // of the rows that can match
  ColumnSet columns = 0;       // what head, guards and bodies read, by position
  // Comparisons of an element with a constant that all hold in rows that match.
  std::vector<Comparison> comparisons;
  bool complete = false;           // a row of that arity of which they all hold does match
  std::optional<Value> bound_key;  // the one key that can match, exactly; absent too without a key position
  KeyBounds key_bounds;
  Result result = Result::kOther;
  bool keeps_key = false;  // the result is a row with the same key, whatever the row: for select_replace
};

// `keypos`: position of the key, or kNoKey.
ClauseAnalysis Analyze(const Spec& spec, size_t clause, uint32_t keypos);

// Whether `id` is ("element", i, ROW), and which i; then no row has to be made for it.
bool IsElementOfRow(const Spec& spec, Spec::NodeId id, uint32_t* position);
// Whether the term is a map or holds one outside of sets and keys.
bool HoldsMap(const Value& v);

}  // namespace partita

#endif  // PARTITA_MATCH_ANALYSIS_H_
