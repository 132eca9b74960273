#include "match/key_span.h"

#include <limits>
#include <memory>
#include <utility>

#include "match/analysis.h"
#include "term/wire_writer.h"

namespace partita {
namespace {

using Limit = KeyBounds::Limit;

std::shared_ptr<const OwnedKey> Own(const Value& key) { return std::make_shared<const OwnedKey>(key); }

// Tuples in `bounds` begin with its prefix, and then with the limit's value. What follows is here the least there is,
// or the greatest: an opaque term, which no key holds.
std::shared_ptr<const OwnedKey> TupleAt(const KeyBounds& bounds, const std::optional<Limit>& limit, bool least) {
  WireWriter writer;
  const WireWriter::Mark mark = writer.Begin();
  size_t count = bounds.prefix.size();
  for (const Value& part : bounds.prefix) writer.AddValue(part);
  if (limit) {
    writer.AddValue(limit->value);
    ++count;
  }
  for (; count < bounds.tuple_size; ++count) {
    if (least) {
      writer.AddFloat(-std::numeric_limits<double>::infinity());
    } else {
      writer.AddOpaqueRoom(0);
    }
  }
  writer.EndTuple(mark, bounds.tuple_size);
  Value tuple;
  wire::ReadTerm(writer.bytes().data(), &tuple);
  return Own(tuple);
}

Cut LowerCut(const KeyBounds& bounds) {
  const std::optional<Limit>& limit = bounds.lower;
  const bool after = limit && !limit->inclusive;
  if (bounds.tuple_size != KeyBounds::kNoTuple) return Cut{TupleAt(bounds, limit, /*least=*/!after), after};
  return limit ? Cut{Own(limit->value), after} : Cut{};
}

Cut UpperCut(const KeyBounds& bounds) {
  const std::optional<Limit>& limit = bounds.upper;
  const bool after = !limit || limit->inclusive;
  if (bounds.tuple_size != KeyBounds::kNoTuple) return Cut{TupleAt(bounds, limit, /*least=*/!after), after};
  return limit ? Cut{Own(limit->value), after} : Cut{};
}

// Whether a cut with a key comes before another one.
bool IsBefore(const Cut& a, const Cut& b) {
  const int order = CompareKeys(a.key->probe(), *b.key);
  return order < 0 || (order == 0 && !a.after && b.after);
}

KeyBounds BoundsOf(const ClauseAnalysis& clause) {
  if (!clause.bound_key) return clause.key_bounds;
  KeyBounds bounds;
  bounds.lower = bounds.upper = Limit{*clause.bound_key, true};
  return bounds;
}

}  // namespace

std::optional<KeySpan> SpanOfKeys(const Program& program) {
  std::optional<KeySpan> hull;
  for (const ClauseAnalysis& clause : program.analyses()) {
    const KeyBounds bounds = BoundsOf(clause);
    if (!bounds.IsBounded()) return std::nullopt;
    if (bounds.empty) continue;
    KeySpan span{LowerCut(bounds), UpperCut(bounds)};
    if (!hull) {
      hull = std::move(span);
      continue;
    }
    const Cut& lower = hull->lower;
    if (lower.key != nullptr && (span.lower.key == nullptr || IsBefore(span.lower, lower))) hull->lower = span.lower;
    const Cut& upper = hull->upper;
    if (upper.key != nullptr && (span.upper.key == nullptr || IsBefore(upper, span.upper))) hull->upper = span.upper;
  }
  if (!hull) {  // no clause can match
    const std::shared_ptr<const OwnedKey> any = Own(Value::None());
    return KeySpan{Cut{any, false}, Cut{any, false}};
  }
  if (hull->lower.key == nullptr && hull->upper.key == nullptr) return std::nullopt;
  return hull;
}

}  // namespace partita
