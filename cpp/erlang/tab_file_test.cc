#include "erlang/tab_file.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "testing/term.h"

namespace partita::erlang {
namespace {

using partita::testing::KeyArgument;
using partita::testing::Row;
using partita::testing::RowArgument;
using partita::testing::RowsOf;
using partita::testing::Term;

std::shared_ptr<Table> NewTable(TableType type, uint32_t keypos) {
  TableOptions options;
  options.type = type;
  options.keypos = keypos;
  options.partitions = 2;
  return *Table::Create(options);
}

void Insert(Table* table, const Row& row) {
  const RowArgument argument(*table, row);
  ASSERT_EQ(table->Insert(argument.view(), Wait::kBlock), Outcome::kOk);
}

uint64_t SizeOf(Table* table) {
  uint64_t rows = 0;
  EXPECT_EQ(table->Size(Wait::kBlock, &rows), Outcome::kOk);
  return rows;
}

// All records of the table as it is.
std::string Dump(Table* table, std::string* terms, std::vector<SizeDigest>* holes) {
  std::shared_ptr<Snapshot> snapshot;
  EXPECT_EQ(table->TakeSnapshot(Wait::kBlock, &snapshot), Outcome::kOk);
  TabDumper dumper(snapshot);
  std::string file, records, some_terms;
  std::vector<SizeDigest> some_holes;
  NoForm why;
  do {
    EXPECT_TRUE(dumper.Next(&records, &some_terms, &some_holes, &why));
    for (SizeDigest hole : some_holes) {
      hole.offset += file.size();
      holes->push_back(hole);
    }
    file += records;
    *terms += some_terms;
  } while (!records.empty());
  EXPECT_EQ(dumper.rows(), SizeOf(table));
  return file;
}

TEST(TabFileTest, RowsComeBackInPiecesOfAnySize) {
  const auto table = NewTable(TableType::kDuplicateBag, 1);
  for (int i = 0; i < 200; ++i) {
    Insert(table.get(), {Term(i), Term(i % 7), Term::List({Term("x"), Term(i)}), Term(0.5 * i)});
  }
  Insert(table.get(), {Term(std::string(70'000, 'y')), Term("large")});
  std::string terms;
  std::vector<SizeDigest> holes;
  const std::string file = Dump(table.get(), &terms, &holes);
  ASSERT_EQ(holes.size(), 1U);

  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1000}, file.size()}) {
    const auto loaded = NewTable(TableType::kDuplicateBag, 1);
    TabLoader loader(loaded, ReadOptions(), 100);
    std::string read_terms;
    std::vector<SizeDigest> digests;
    ReadProblem problem;
    for (size_t start = 0; start < file.size(); start += piece) {
      ASSERT_EQ(loader.Feed(absl::string_view(file).substr(start, piece), &read_terms, &digests, &problem),
                Outcome::kOk);
      ASSERT_EQ(problem.message, "");
    }
    EXPECT_EQ(loader.rows(), 201U);
    EXPECT_EQ(loader.unfinished(), 0U);
    EXPECT_EQ(loader.offset(), 100 + file.size());
    EXPECT_EQ(read_terms, terms);
    ASSERT_EQ(digests.size(), 1U);
    EXPECT_EQ(digests[0].offset, 100 + holes[0].offset - 8);
    EXPECT_EQ(digests[0].size, holes[0].size);
    for (int key = 0; key < 7; ++key) {
      RowBuffer before, after;
      const Term term(key);
      ASSERT_EQ(table->Lookup(KeyArgument(*table, term), Wait::kBlock, &before), Outcome::kOk);
      ASSERT_EQ(loaded->Lookup(KeyArgument(*loaded, term), Wait::kBlock, &after), Outcome::kOk);
      EXPECT_EQ(RowsOf(before), RowsOf(after));
    }
    EXPECT_TRUE(loaded->CheckInvariants().ok());
  }
}

TEST(TabFileTest, ADroppedTableTakesNoRows) {
  const auto table = NewTable(TableType::kSet, 0);
  Insert(table.get(), {Term(1)});
  std::string terms;
  std::vector<SizeDigest> digests;
  const std::string file = Dump(table.get(), &terms, &digests);
  ASSERT_EQ(table->Drop(Wait::kBlock), Outcome::kOk);
  TabLoader loader(table, ReadOptions(), 0);
  ReadProblem problem;
  EXPECT_EQ(loader.Feed(file, nullptr, &digests, &problem), Outcome::kDropped);
}

TEST(TabFileTest, ARowWithoutFormIsToldWithItsKey) {
  const auto table = NewTable(TableType::kSet, 0);
  Insert(table.get(), {Term("key"), Term(std::numeric_limits<double>::infinity())});
  std::shared_ptr<Snapshot> snapshot;
  ASSERT_EQ(table->TakeSnapshot(Wait::kBlock, &snapshot), Outcome::kOk);
  TabDumper dumper(snapshot);
  std::string records;
  std::vector<SizeDigest> holes;
  NoForm why;
  ASSERT_FALSE(dumper.Next(&records, nullptr, &holes, &why));
  EXPECT_EQ(Term::FromValue(dumper.key()), Term("key"));
  EXPECT_EQ(why.value.kind, Value::Kind::kFloat);
}

}  // namespace
}  // namespace partita::erlang
