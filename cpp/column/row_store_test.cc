// Rows in chunks: what was stored is read back, whatever the kinds, lengths and arities; and the blocks that a pin can
// see do not change by a single byte, which is checked on the bytes themselves.

#include "column/row_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "testing/dump.h"
#include "testing/random_terms.h"
#include "testing/term.h"

namespace partita::testing {
namespace {

// The bytes of a chunk that its readers may look at, and where they lie.
class ChunkImage {
 public:
  explicit ChunkImage(const Chunk* chunk) {
    Add(chunk, sizeof(Chunk) + chunk->column_count * sizeof(Column));
    for (uint32_t c = 0; c < chunk->column_count; ++c) {
      const Column& column = chunk->columns[c];
      const size_t element = column.kind == ColumnKind::kInt || column.kind == ColumnKind::kFloat ? 8 : 16;
      if (column.data != nullptr) Add(column.data, element * chunk->capacity);
      if (column.valid != nullptr) Add(column.valid, size_t{(chunk->capacity + 63) / 64} * 8);
    }
    if (chunk->arities != nullptr) Add(chunk->arities, chunk->capacity * sizeof(uint16_t));
    if (chunk->heap == nullptr) return;
    Add(static_cast<const void*>(chunk->heap->extents), chunk->heap->count * sizeof(Extent*));
    for (uint32_t e = 0; e < chunk->heap->count; ++e) {
      const Extent* extent = chunk->heap->extents[e];
      if ((reinterpret_cast<uintptr_t>(extent) & 1) == 0) Add(extent->bytes, extent->used);
    }
  }
  bool Unchanged() const {
    return std::all_of(pieces_.begin(), pieces_.end(),
                       [](const auto& piece) { return piece.second == std::string(piece.first, piece.second.size()); });
  }

 private:
  void Add(const void* from, size_t size) {
    pieces_.emplace_back(static_cast<const char*>(from), std::string(static_cast<const char*>(from), size));
  }

  std::vector<std::pair<const char*, std::string>> pieces_;
};

class StoreAndModel {
 public:
  StoreAndModel() : bytes_before_(g_live_bytes.load()) {}
  ~StoreAndModel() {
    // Empty stores hold nothing but what pins see.
    while (!model_.empty()) Erase(model_.begin()->first);
    Check();
    pins_.clear();
    store_->ReapPins();
    EXPECT_EQ(store_->retired_bytes(), 0u);
    FreeGarbage();
    EXPECT_EQ(g_live_bytes.load(), bytes_before_);
    store_.reset();
    EXPECT_EQ(g_live_bytes.load(), bytes_before_);
  }

  Slot Add(const Row& row) {
    const Slot slot = store_->ClaimSlot();
    Put(slot, row, /*fresh=*/true);
    return slot;
  }
  void Replace(Slot slot, const Row& row) { Put(slot, row, /*fresh=*/false); }
  void SetElement(Slot slot, uint32_t position, const Term& term) {
    PendingRefs refs;
    store_->PrepareElement(slot, position, term.view(), &refs);
    store_->StoreElement(slot, position, term.view(), refs);
    store_->TidyHeap(slot);
    model_[slot][position] = term;
  }
  void Erase(Slot slot) {
    store_->PrepareErase(slot);
    store_->Erase(slot);
    store_->TidyHeap(slot);
    model_.erase(slot);
  }
  // Prepares a row and gives it up, as a list insert does that fails later.
  void Abandon(const Row& row) {
    const std::vector<Value> values = Values(row);
    PendingRefs refs;
    const Slot slot = store_->ClaimSlot();
    store_->PrepareRow(slot, values, /*fresh=*/true, &refs);
    store_->AbandonRefs(slot, refs);
    store_->UnclaimSlot(slot);
  }
  void AbandonReplace(Slot slot, const Row& row) {
    const std::vector<Value> values = Values(row);
    PendingRefs refs;
    store_->PrepareRow(slot, values, /*fresh=*/false, &refs);
    store_->AbandonRefs(slot, refs);
  }

  void Pin() {
    PinnedMoment moment;
    moment.token = std::make_unique<Unpin>();
    store_->Pin(moment.token->token);
    for (const Chunk* chunk : store_->chunks()) {
      if (chunk != nullptr) moment.images.emplace_back(chunk);
    }
    pins_.push_back(std::move(moment));
  }
  void ReleasePin(size_t i) { pins_.erase(pins_.begin() + static_cast<ptrdiff_t>(i)); }
  size_t pins() const { return pins_.size(); }

  Row Read(Slot slot) const {
    absl::InlinedVector<Value, 24> values;
    ReadRow(store_->chunk_of(slot), slot & kChunkMask, &values);
    return RowFromValues(values);
  }
  void Check() const {
    ASSERT_EQ(store_->CheckInvariants().message(), "");
    for (const auto& [slot, row] : model_) {
      ASSERT_EQ(Read(slot), row) << "slot " << slot;
      const Chunk& chunk = store_->chunk_of(slot);
      ASSERT_EQ(RowArity(chunk, slot & kChunkMask), row.size());
      for (uint32_t i = 0; i < row.size(); i += row.size() < 10 ? 1 : 9) {
        ASSERT_EQ(Term::FromValue(ReadElement(chunk, i, slot & kChunkMask)), row[i]);
      }
    }
    for (const PinnedMoment& pin : pins_) {
      for (const ChunkImage& image : pin.images) ASSERT_TRUE(image.Unchanged());
    }
  }
  void FreeGarbage() { FreeBlockChain(store_->TakeGarbage()); }

  std::map<Slot, Row> model_;
  std::unique_ptr<RowStore> store_ = std::make_unique<RowStore>();

 private:
  struct Unpin {
    ~Unpin() { token->released.store(true, std::memory_order_release); }
    const std::shared_ptr<PinToken> token = std::make_shared<PinToken>();
  };
  struct PinnedMoment {
    std::unique_ptr<Unpin> token;
    std::vector<ChunkImage> images;
  };

  static std::vector<Value> Values(const Row& row) {
    std::vector<Value> values;
    for (const Term& term : row) values.push_back(term.view());
    return values;
  }
  void Put(Slot slot, const Row& row, bool fresh) {
    const std::vector<Value> values = Values(row);
    PendingRefs refs;
    store_->PrepareRow(slot, values, fresh, &refs);
    store_->StoreRow(slot, values, refs, fresh);
    store_->TidyHeap(slot);
    model_[slot] = row;
  }

  const int64_t bytes_before_;
  std::vector<PinnedMoment> pins_;
};

const Column& ColumnOf(const StoreAndModel& both, uint32_t index) { return both.store_->chunk(0)->columns[index]; }

TEST(RowStoreTest, KindsOfColumns) {
  StoreAndModel both;
  both.Add({1, 1.5, "a", Term::Bool(true), Term::None()});
  both.Check();
  EXPECT_EQ(ColumnOf(both, 0).kind, ColumnKind::kInt);
  EXPECT_EQ(ColumnOf(both, 1).kind, ColumnKind::kFloat);
  EXPECT_EQ(ColumnOf(both, 2).kind, ColumnKind::kStr);
  EXPECT_EQ(ColumnOf(both, 3).kind, ColumnKind::kCell);
  EXPECT_EQ(ColumnOf(both, 4).kind, ColumnKind::kEmpty);
  EXPECT_EQ(ColumnOf(both, 0).valid, nullptr);
  EXPECT_TRUE(ColumnOf(both, 2).all_ascii);
  both.Add({Term::None(), 2, "\xC3\xA9", 7, 7});
  both.Check();
  EXPECT_EQ(ColumnOf(both, 0).kind, ColumnKind::kInt);  // None is no kind
  EXPECT_NE(ColumnOf(both, 0).valid, nullptr);
  EXPECT_EQ(ColumnOf(both, 1).kind, ColumnKind::kCell);
  EXPECT_FALSE(ColumnOf(both, 2).all_ascii);
  EXPECT_EQ(ColumnOf(both, 4).kind, ColumnKind::kInt);
  EXPECT_NE(ColumnOf(both, 4).valid, nullptr);  // the first row has no value there
  EXPECT_EQ(both.store_->chunk(0)->arity, 5);
  both.Add({1});
  both.Check();
  EXPECT_EQ(both.store_->chunk(0)->arity, kMixedArity);
}

// A slot just claimed has content of an earlier row, or of nobody, when its column turns into one of cells.
TEST(RowStoreTest, ColumnsTurnIntoCellsAroundAFreshSlot) {
  StoreAndModel both;
  const Slot first = both.Add({1, "a string that lies in the heap"});
  const Slot second = both.Add({2, "another that lies in the heap"});
  both.Erase(second);
  both.Add({3, 5});
  both.Check();
  EXPECT_EQ(ColumnOf(both, 1).kind, ColumnKind::kCell);
  both.Replace(first, {1, 1.5});
  both.Check();
}

TEST(RowStoreTest, LengthsOfStrings) {
  StoreAndModel both;
  Random random(TestSeed());
  std::vector<Slot> slots;
  for (const size_t size :
       {0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 16, 17, 31, 32, 255, 256, 4095, 4096, 4097, 65535, 65536, 70000}) {
    for (const bool ascii : {true, false}) {
      slots.push_back(both.Add({static_cast<int>(size), RandomStr(&random, size, ascii)}));
    }
  }
  both.Check();
  both.Add({0, 0});  // turns the column into cells: those of 13 and 14 bytes come inline again
  EXPECT_EQ(ColumnOf(both, 1).kind, ColumnKind::kCell);
  both.Check();
  for (const Slot slot : slots) both.Replace(slot, {0, RandomStr(&random, both.model_[slot][1].view().size, true)});
  both.Check();
  for (const Slot slot : slots) both.SetElement(slot, 1, Term::Bytes(both.model_[slot][1].view().bytes()));
  both.Check();
}

TEST(RowStoreTest, FromOneElementToSeventy) {
  StoreAndModel both;
  Random random(TestSeed());
  for (int round = 0; round < 3; ++round) {
    for (size_t arity = 1; arity <= 70; ++arity) {
      Row row;
      while (row.size() < arity) row.push_back(RandomTerm(&random));
      if (round < 2) {
        both.Add(row);
      } else {
        both.Replace(both.model_.lower_bound(static_cast<Slot>(random.Below(100)))->first, row);
      }
    }
    both.Check();
  }
}

TEST(RowStoreTest, SlotsAreUsedAgainAndEmptyChunksGo) {
  StoreAndModel both;
  std::vector<Slot> slots;
  for (int i = 0; i < 5000; ++i) slots.push_back(both.Add({i, "value that is long " + std::to_string(i)}));
  EXPECT_EQ(both.store_->chunk_count(), 5u);
  both.Check();
  for (size_t i = 0; i < slots.size(); ++i) {
    if (i % 3 != 0) both.Erase(slots[i]);
  }
  both.Check();
  for (int i = 0; i < 2000; ++i) both.Add({i});
  EXPECT_EQ(both.store_->chunk_count(), 5u);
  both.Check();
  while (!both.model_.empty() && both.model_.rbegin()->first >= 2 * kChunkSlots)
    both.Erase(both.model_.rbegin()->first);
  EXPECT_EQ(both.store_->chunk(2), nullptr);
  EXPECT_EQ(both.store_->chunk(4), nullptr);
  both.Check();
  for (int i = 0; i < 1100; ++i) both.Add({i, 1.5});
  EXPECT_EQ(both.store_->chunk_count(), 5u);
  both.Check();
}

TEST(RowStoreTest, HeapsDoNotGrowUnderUpdates) {
  for (const bool pinned : {false, true}) {
    StoreAndModel both;
    Random random(TestSeed());
    std::vector<Slot> slots;
    for (int i = 0; i < 200; ++i)
      slots.push_back(both.Add({i, RandomStr(&random, 100, true), RandomStr(&random, 5000, true)}));
    for (int i = 0; i < 20000; ++i) {
      both.SetElement(random.PickFrom(slots), 1, RandomStr(&random, 50 + random.Below(100), true));
      if (i % 100 == 0) both.SetElement(random.PickFrom(slots), 2, RandomStr(&random, 5000, true));
      if (pinned && i % 50 == 0) {
        if (both.pins() > 0) both.ReleasePin(0);
        both.Pin();
      }
      both.FreeGarbage();
    }
    both.Check();
    const Chunk* chunk = both.store_->chunk(0);
    EXPECT_LE(chunk->heap_dead, chunk->heap_used / 2);
    EXPECT_LT(chunk->heap_used, 2u * 200 * 5200);
  }
}

TEST(RowStoreTest, CountersAreWrittenInPlaceUnlessPinned) {
  StoreAndModel both;
  const Slot slot = both.Add({1, 5, Term::None(), 1.5});
  int64_t* counter = both.store_->WritableInt(slot, 1);
  ASSERT_NE(counter, nullptr);
  *counter += 1;
  both.model_[slot][1] = Term(6);
  both.Check();
  EXPECT_EQ(both.store_->WritableInt(slot, 2), nullptr);
  EXPECT_EQ(both.store_->WritableInt(slot, 3), nullptr);
  EXPECT_EQ(both.store_->WritableInt(slot, 4), nullptr);
  EXPECT_EQ(both.store_->WritableInt(slot, 400), nullptr);
  both.Pin();
  EXPECT_EQ(both.store_->WritableInt(slot, 1), nullptr);
  both.SetElement(slot, 1, 7);
  EXPECT_NE(both.store_->WritableInt(slot, 1), nullptr);
  EXPECT_EQ(both.store_->WritableInt(slot, 0), nullptr);  // of this one the pinned array is still in use
  both.Check();
}

TEST(RowStoreTest, NewestPinDecides) {
  StoreAndModel both;
  const Slot slot = both.Add({1, 1});
  both.Pin();
  both.SetElement(slot, 1, 2);
  both.Pin();
  both.SetElement(slot, 1, 3);
  EXPECT_GT(both.store_->retired_bytes(), 0u);
  both.Check();
  both.ReleasePin(1);  // what the first one sees stays
  both.store_->ReapPins();
  EXPECT_GT(both.store_->retired_bytes(), 0u);
  both.SetElement(slot, 1, 4);
  both.Check();
  both.ReleasePin(0);
  both.store_->ReapPins();
  EXPECT_EQ(both.store_->retired_bytes(), 0u);
}

// Memory is kept for pins that can see it, not for younger ones that happen to live.
TEST(RowStoreTest, OldestPinGivesBackWhatItAloneSaw) {
  StoreAndModel both;
  const Slot slot = both.Add({1, 1});
  both.Pin();
  both.SetElement(slot, 1, 2);
  const uint64_t seen_by_first = both.store_->retired_bytes();
  both.Pin();
  both.SetElement(slot, 1, 3);
  const uint64_t seen_by_both = both.store_->retired_bytes();
  EXPECT_GT(seen_by_both, seen_by_first);
  both.ReleasePin(0);
  both.store_->ReapPins();
  EXPECT_EQ(both.store_->retired_bytes(), seen_by_both - seen_by_first);
  both.Check();
}

struct RandomCase {
  size_t rows;         // about how many are live
  uint64_t pin_every;  // 0: never
  size_t pins;         // at most, at a time
  int steps;
  bool free_garbage;  // after each step, as a partition does; else at the end
};

class RowStoreRandomTest : public ::testing::TestWithParam<RandomCase> {};

TEST_P(RowStoreRandomTest, ReadsWhatWasWritten) {
  const RandomCase& param = GetParam();
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("PARTITA_SEED=" + std::to_string(seed));
  Random random(seed);
  StoreAndModel both;
  const auto some_slot = [&] {
    const auto it = both.model_.lower_bound(static_cast<Slot>(random.Below(both.model_.rbegin()->first + 1)));
    return it->first;
  };
  for (int step = 0; step < Steps(param.steps); ++step) {
    const Row row = RandomRow(&random, RandomTerm(&random), 0);
    const bool grow = both.model_.size() < param.rows;
    switch (both.model_.empty() ? 0 : random.Below(10)) {
      case 0:
      case 1:
      case 2:
        both.Add(row);
        break;
      case 3:
      case 4:
        both.Replace(some_slot(), row);
        break;
      case 5: {
        const Slot slot = some_slot();
        const uint32_t elements = static_cast<uint32_t>(std::min<size_t>(both.model_[slot].size(), kMaxColumns));
        both.SetElement(slot, static_cast<uint32_t>(random.Below(elements)), RandomTerm(&random));
        break;
      }
      case 6:
        both.Abandon(row);
        break;
      case 7:
        both.AbandonReplace(some_slot(), row);
        break;
      default:
        if (grow) {
          both.Add(row);
        } else {
          both.Erase(some_slot());
        }
    }
    if (random.OneIn(500)) both.store_->Compact();
    if (random.OneIn(50)) both.store_->ReapPins();
    if (param.pin_every != 0 && random.OneIn(param.pin_every)) {
      if (both.pins() == param.pins) both.ReleasePin(random.Below(both.pins()));
      both.Pin();
    }
    if (param.free_garbage) both.FreeGarbage();
    if (step % 64 == 0) {
      ASSERT_NO_FATAL_FAILURE(both.Check()) << "step " << step;
    }
  }
  both.Check();
}

INSTANTIATE_TEST_SUITE_P(All, RowStoreRandomTest,
                         ::testing::Values(RandomCase{20, 0, 0, 6000, true}, RandomCase{20, 5, 3, 6000, true},
                                           RandomCase{200, 20, 4, 6000, false}, RandomCase{1500, 100, 2, 6000, true},
                                           RandomCase{2, 3, 2, 4000, true}));

}  // namespace
}  // namespace partita::testing
