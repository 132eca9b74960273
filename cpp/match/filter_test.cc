// Filters against reading every row and comparing value by value, on tables whose columns are of every kind, with None,
// elements that are missing, and holes.

#include "match/filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "absl/numeric/bits.h"
#include "match/share.h"
#include "testing/dump.h"
#include "testing/random_terms.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

using Op = Comparison::Op;
constexpr int kOps = static_cast<int>(Op::kExactlyNotEqual) + 1;

bool Holds(const Comparison& c, const Row& row) {
  if (c.position >= row.size()) return false;
  const Value v = row[c.position].view();
  const int order = CompareNumeric(v, c.constant);
  switch (c.op) {
    case Op::kLess:
      return order < 0;
    case Op::kLessEqual:
      return order <= 0;
    case Op::kGreater:
      return order > 0;
    case Op::kGreaterEqual:
      return order >= 0;
    case Op::kEqual:
      return order == 0;
    case Op::kNotEqual:
      return order != 0;
    case Op::kExactlyEqual:
      return ExactlyEqual(v, c.constant);
    case Op::kExactlyNotEqual:
      return !ExactlyEqual(v, c.constant);
  }
  return false;
}

uint64_t CountNaively(const std::vector<Row>& rows, const Filter& filter) {
  return static_cast<uint64_t>(std::count_if(rows.begin(), rows.end(), [&](const Row& row) {
    return (filter.arity == 0 || row.size() == filter.arity) &&
           std::all_of(filter.comparisons.begin(), filter.comparisons.end(),
                       [&](const Comparison& c) { return Holds(c, row); });
  }));
}

uint64_t CountByKernels(absl::Span<const Chunk* const> chunks, const Filter& filter) {
  uint64_t count = 0;
  for (const Chunk* chunk : chunks) {
    uint64_t bits[kBitmapWords];
    std::copy(std::begin(chunk->live), std::end(chunk->live), bits);
    NarrowToFilter(*chunk, filter, bits);
    for (const uint64_t word : bits) count += static_cast<uint64_t>(absl::popcount(word));
  }
  return count;
}

// What a column of a table holds: of one kind all through, or of several.
enum class Content { kInts, kFloats, kNumbers, kStrs, kAnything, kNone };
constexpr Content kContents[] = {Content::kInts, Content::kFloats,   Content::kNumbers,
                                 Content::kStrs, Content::kAnything, Content::kNone};

Term Draw(Random* random, Content content) {
  switch (content) {
    case Content::kInts:
      for (;;) {
        const Term term = RandomNumber(random);
        if (term.view().kind == Value::Kind::kInt) return term;
      }
    case Content::kFloats:
      for (;;) {
        const Term term = RandomNumber(random);
        if (term.view().kind == Value::Kind::kFloat) return term;
      }
    case Content::kNumbers:
      return RandomNumber(random);
    case Content::kStrs:
      // Few lengths and few letters, so that strings share prefixes and are equal often.
      return Term(std::string(random->Below(4), 'x') + std::string(random->Pick<size_t>({0, 1, 9, 12, 13, 40}), 'a'));
    case Content::kAnything:
      return RandomTerm(random);
    case Content::kNone:
      return Term::None();
  }
  return Term::None();
}

class FilterTest : public ::testing::TestWithParam<int> {};

TEST_P(FilterTest, CountsWhatReadingRowsCounts) {
  const uint64_t seed = TestSeed() * 1000 + static_cast<uint64_t>(GetParam());
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 3, .hash_seed = seed});
  constexpr uint32_t kColumns = 6;
  Content contents[kColumns];
  for (Content& content : contents) content = kContents[random.Below(std::size(kContents))];
  const bool nones = random.OneIn(2);
  const bool ragged = random.OneIn(2);
  const bool wide = random.OneIn(4);
  const auto draw_row = [&](const Term& key) {
    Row row = {key};
    for (const Content content : contents) {
      row.push_back(nones && random.OneIn(5) ? Term::None() : Draw(&random, content));
    }
    if (wide) row.resize(70, Term(random.Between(0, 3)));
    if (ragged) row.resize(1 + random.Below(row.size()));
    return row;
  };
  const int64_t count = random.Pick<int64_t>({0, 1, 5, 100, 5000});
  for (int64_t i = 0; i < count; ++i) {
    ASSERT_EQ(table->Insert(RowArgument(*table, draw_row(Term(i))).view(), Wait::kBlock), Outcome::kOk);
  }
  // Holes, and rows of other contents in reused slots.
  for (int64_t i = 0; i < count; ++i) {
    if (!random.OneIn(4)) continue;
    uint64_t removed;
    const Term key(i);
    ASSERT_EQ(table->Delete(KeyArgument(*table, key), Wait::kBlock, &removed), Outcome::kOk);
    if (random.OneIn(2)) continue;
    ASSERT_EQ(table->Insert(RowArgument(*table, draw_row(Term(i + count))).view(), Wait::kBlock), Outcome::kOk);
  }
  const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table.get());
  const std::vector<Row> rows = RowsOf(*snapshot);
  ASSERT_EQ(rows.size(), snapshot->rows());
  for (int i = 0; i < 300; ++i) {
    Filter filter;
    std::vector<Term> constants;
    constants.reserve(3);
    if (random.OneIn(3)) filter.arity = static_cast<uint32_t>(random.Pick<uint64_t>({1, 3, kColumns + 1, 70}));
    for (uint64_t n = random.Below(4); n > 0; --n) {
      Comparison c;
      const uint32_t positions = filter.arity != 0 ? std::min(filter.arity, kColumns + 2) : kColumns + 2;
      c.position = static_cast<uint32_t>(random.Below(positions));
      if (filter.arity == 70 || (filter.arity == 0 && random.OneIn(10))) {
        c.position = random.Pick<uint32_t>({1, 63, 64, 69});
      }
      c.op = static_cast<Op>(random.Below(kOps));
      // Mostly of the kind that the column holds; sometimes the value of some row.
      constants.push_back(c.position < kColumns + 1 && random.OneIn(2) ? Draw(&random, contents[(c.position + 5) % 6])
                                                                       : RandomTerm(&random));
      if (!rows.empty() && random.OneIn(3)) {
        const Row& row = rows[random.Below(rows.size())];
        if (c.position < row.size()) constants.back() = row[c.position];
      }
      c.constant = constants.back().view();
      filter.comparisons.push_back(c);
    }
    const uint64_t expected = CountNaively(rows, filter);
    ASSERT_EQ(CountByKernels(snapshot->chunks(), filter), expected) << "filter " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FilterTest, ::testing::Range(0, 60));

TEST(ShareTest, ThreadsShareTheChunks) {
  // A chunk or more in each partition, so that there are enough for several threads.
  const std::shared_ptr<Table> table = *Table::Create(TableOptions{.partitions = 2000, .hash_seed = 3});
  for (int i = 0; i < 20000; ++i) {
    ASSERT_EQ(table->Insert(RowArgument(*table, {i, i % 10}).view(), Wait::kBlock), Outcome::kOk);
  }
  const std::shared_ptr<Snapshot> snapshot = SnapshotOf(table.get());
  Filter filter;
  filter.comparisons.push_back(Comparison{1, Op::kLess, Value::Int(3)});
  for (const int threads : {-1, 0, 1, 2, 3, 4, 100}) {
    std::vector<uint64_t> counts(WorkersFor(snapshot->chunks().size(), threads));
    EXPECT_EQ(counts.size(), static_cast<size_t>(std::clamp(threads, 1, 3)));
    ShareChunks(snapshot->chunks(), counts.size(), [&](size_t worker, absl::Span<const Chunk* const> share) {
      counts[worker] = CountByKernels(share, filter);
    });
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), uint64_t{0}), 6000u);
  }
}

}  // namespace
}  // namespace partita::testing
