// What a match specification makes of the rows of a live table, under its locks (table/sweep.h): a page of results,
// deletions, replacements. None of it points into the table afterwards.

#ifndef PARTITA_MATCH_JUDGES_H_
#define PARTITA_MATCH_JUDGES_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "match/program.h"
#include "match/select.h"
#include "table/row_buffer.h"
#include "table/sweep.h"

namespace partita {

// A judge whose specification's body may err on a row. Then the row stays as it was, and no more are judged.
class MatchJudge : public RowJudge {
 public:
  bool writes() const override { return false; }
  void Narrow(const Chunk& chunk, uint64_t* bits) override { selector_.Narrow(chunk, bits); }

  // For a program that computes: calls of Sweep::Next end soon after this, also between two rows of a hold.
  using Clock = std::chrono::steady_clock;
  void set_deadline(Clock::time_point deadline) { deadline_ = deadline; }
  bool wants_more() const final { return !has_enough() && (program_.is_light() || Clock::now() < deadline_); }
  // Whether it wants no more rows at all.
  virtual bool has_enough() const { return failed(); }

  bool failed() const { return failed_; }
  const Machine::Failure& failure() const { return failure_; }
  // Selector::CopyFailedRow of it.
  absl::Span<const Value> failed_row() const { return failed_row_.row(0); }

 protected:
  explicit MatchJudge(const Program& program) : program_(program), selector_(program, Selector::Results::kCopied) {}

  void Fail(const Machine::Failure& failure) {
    failed_ = true;
    failure_ = failure;
    selector_.CopyFailedRow(&failed_row_);
  }

  const Program& program_;
  Selector selector_;

 private:
  Clock::time_point deadline_ = Clock::time_point::max();
  bool failed_ = false;
  Machine::Failure failure_{};
  RowBuffer failed_row_;
};

// Results, until there are `limit` of them; in bags those of one key come together, also beyond.
class PageJudge final : public MatchJudge {
 public:
  PageJudge(const Program& program, size_t limit) : MatchJudge(program), limit_(limit) {}

  Verdict Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>* row) override;
  bool has_enough() const override { return failed() || found_.rows.size() >= limit_; }

  Selected* found() { return &found_; }

 private:
  const size_t limit_;
  Selected found_;
};

// All results of a span that is read under one lock, unless they are so large that this would take long.
class FewJudge final : public MatchJudge {
 public:
  explicit FewJudge(const Program& program) : MatchJudge(program) {}

  Verdict Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>* row) override;
  bool has_enough() const override { return failed() || found_.rows.heap_bytes() > kMostBytes; }

  Selected* found() { return &found_; }

 private:
  static constexpr size_t kMostBytes = size_t{1} << 20;

  Selected found_;
};

// Counts the rows for which the body gives true.
class CountingJudge final : public MatchJudge {
 public:
  explicit CountingJudge(const Program& program) : MatchJudge(program) {}

  Verdict Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>* row) override;

  uint64_t count() const { return count_; }

 private:
  uint64_t count_ = 0;
};

// Deletes the rows for which the body gives true.
class DeletingJudge final : public MatchJudge {
 public:
  explicit DeletingJudge(const Program& program) : MatchJudge(program) {}

  bool writes() const override { return true; }
  Verdict Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>* row) override;

  uint64_t deleted() const { return deleted_; }

 private:
  uint64_t deleted_ = 0;
};

// Replaces rows by the results of clauses that all keep the key (ClauseAnalysis::keeps_key).
class ReplacingJudge final : public MatchJudge {
 public:
  explicit ReplacingJudge(const Program& program) : MatchJudge(program) {}

  bool writes() const override { return true; }
  Verdict Judge(const Chunk& chunk, uint32_t place, absl::Span<const Value>* row) override;

  uint64_t replaced() const { return replaced_; }

 private:
  uint64_t replaced_ = 0;
  std::vector<Value> row_;
};

}  // namespace partita

#endif  // PARTITA_MATCH_JUDGES_H_
