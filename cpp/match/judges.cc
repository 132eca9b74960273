#include "match/judges.h"

#include "term/wire.h"

namespace partita {

RowJudge::Verdict PageJudge::Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>*) {
  if (!failed() && !selector_.SelectAt(chunk, place, &found_)) Fail(selector_.failure());
  return Verdict::kKeep;
}

RowJudge::Verdict FewJudge::Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>*) {
  if (!failed() && !selector_.SelectAt(chunk, place, &found_)) Fail(selector_.failure());
  return Verdict::kKeep;
}

RowJudge::Verdict CountingJudge::Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>*) {
  count_ += selector_.CountAt(chunk, place);
  return Verdict::kKeep;
}

RowJudge::Verdict DeletingJudge::Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>*) {
  if (!selector_.CountAt(chunk, place)) return Verdict::kKeep;
  ++deleted_;
  return Verdict::kDelete;
}

RowJudge::Verdict ReplacingJudge::Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>* row) {
  const size_t clause = failed() ? Machine::kNoClause : selector_.MatchAt(chunk, place);
  if (clause == Machine::kNoClause) return Verdict::kKeep;
  if (program_.analysis(clause).result == ClauseAnalysis::Result::kRow) {
    ++replaced_;  // by itself
    return Verdict::kKeep;
  }
  Value result;
  if (!selector_.Evaluate(clause, &result)) {
    Fail(selector_.failure());
    return Verdict::kKeep;
  }
  const wire::Container tuple = wire::ReadContainer(result.data);
  if (tuple.count > kMaxArity) {
    Fail(Machine::Failure{clause, 0, {}, false, Instruction::Op::kMakeTuple});
    return Verdict::kKeep;
  }
  row_.resize(tuple.count);
  const char* p = tuple.body;
  for (Value& value : row_) p = wire::ReadTerm(p, &value);
  *row = row_;
  ++replaced_;
  return Verdict::kReplace;
}

}  // namespace partita
