#include "erlang/term_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "erlang/big_endian.h"
#include "erlang/tags.h"
#include "erlang/term_writer.h"
#include "testing/random.h"
#include "testing/random_terms.h"
#include "testing/term.h"

namespace partita::erlang {
namespace {

using partita::testing::Random;
using partita::testing::RandomTerm;
using partita::testing::Term;

// Bytes are read as bytes and text as text only if one of them is not there; so text alone is written.
bool ReadsAs(const std::string& bytes, const Term& term, const ReadOptions& options) {
  WireWriter out;
  ReadProblem problem;
  if (!ReadTerm(bytes, options, &out, &problem)) return false;
  EXPECT_TRUE(ValidateWire(out.bytes()));
  return ExactlyEqual(ValueFromWire(out.bytes()), term.view());
}

TEST(TermReaderTest, RandomTermsComeBackAndTheirPrefixesAreRefused) {
  Random random(20);
  ReadOptions text;
  text.binaries = Binaries::kStr;
  int read = 0;
  for (int i = 0; i < 2000; ++i) {
    const Term term = RandomTerm(&random);
    std::string bytes;
    NoForm why;
    if (!AppendTerm(term.view(), &bytes, &why)) continue;
    if (ReadsAs(bytes, term, text)) ++read;
    if (bytes.size() > 300) continue;
    for (size_t size = 0; size < bytes.size(); ++size) {
      WireWriter out;
      ReadProblem problem;
      EXPECT_FALSE(ReadTerm(absl::string_view(bytes).substr(0, size), ReadOptions(), &out, &problem));
      EXPECT_TRUE(problem.damaged);
      EXPECT_LE(problem.offset, size);
    }
  }
  EXPECT_GT(read, 500);
}

TEST(TermReaderTest, ACountIsNotBelieved) {
  for (const Tag tag : {kLargeTuple, kList, kMap, kBinary, kLargeBig, kBitBinary}) {
    std::string bytes{static_cast<char>(kVersion), static_cast<char>(tag)};
    AppendBig(uint32_t{0xFFFFFFFF}, &bytes);
    bytes.append(40, 'a');
    WireWriter out;
    ReadProblem problem;
    EXPECT_FALSE(ReadTerm(bytes, ReadOptions(), &out, &problem)) << int{tag};
    EXPECT_LT(out.size(), 100U);
  }
}

TEST(TermReaderTest, RowsAreReadOneAfterTheOther) {
  RowsRead rows;
  ReadProblem problem;
  const Term second = Term::List({Term(1), Term("x")});
  for (int i = 0; i < 100; ++i) {
    const Term first(i);
    const Term third(std::string(40, static_cast<char>('a' + i % 26)));
    std::string bytes;
    NoForm why;
    ASSERT_TRUE(AppendRow({first.view(), second.view(), third.view(), BoolValue(true)}, &bytes, &why));
    bool is_row = false;
    // Compressed rows keep what they were uncompressed to; of the others the bytes must stay.
    bytes = CompressTerm(bytes, 1);
    ASSERT_EQ(bytes[1], static_cast<char>(kCompressed));
    ASSERT_TRUE(rows.Add(bytes, ReadOptions(), &is_row, &problem)) << problem.message;
    ASSERT_TRUE(is_row);
  }
  rows.Finish();
  ASSERT_EQ(rows.size(), 100U);
  for (int i = 0; i < 100; ++i) {
    const absl::Span<const Value> row = rows.row(static_cast<size_t>(i));
    ASSERT_EQ(row.size(), 4U);
    EXPECT_EQ(Term::FromValue(row[0]), Term(i));
    EXPECT_EQ(Term::FromValue(row[1]), second);
    EXPECT_EQ(Term::FromValue(row[2]), Term(std::string(40, static_cast<char>('a' + i % 26))));
    EXPECT_EQ(Term::FromValue(row[3]), Term::Bool(true));
  }
  rows.Clear();
  EXPECT_EQ(rows.size(), 0U);
}

TEST(TermReaderTest, AnotherTermIsNoRow) {
  RowsRead rows;
  ReadProblem problem;
  bool is_row = true;
  const std::string list{static_cast<char>(kVersion), static_cast<char>(kNil)};
  EXPECT_TRUE(rows.Add(list, ReadOptions(), &is_row, &problem));
  EXPECT_FALSE(is_row);
  EXPECT_EQ(rows.size(), 0U);
}

}  // namespace
}  // namespace partita::erlang
