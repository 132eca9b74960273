#include <new>
#include <vector>

#include "column/chunk.h"
#include "table/record.h"
#include "table/sweep.h"
#include "term/wire.h"

namespace partita {
namespace {

constexpr const char* kEndsEarly = "a record ends early";

bool OneRowAKey(const Table& table) {
  return table.options().type == TableType::kSet || table.options().type == TableType::kOrderedSet;
}

// Goes over the bytes with every length checked before it is used.
class Checker {
 public:
  Checker(absl::string_view entries, const Table& table)
      : p_(entries.data()), end_(p_ + entries.size()), table_(table), keypos_(table.options().keypos) {}

  bool has_opaque() const { return has_opaque_; }

  // What is wrong with the record; null: nothing.
  const char* Check() {
    const char* wrong = p_ == end_ ? "a record is empty" : nullptr;
    while (wrong == nullptr && p_ != end_) wrong = CheckEntry();
    return wrong;
  }

 private:
  size_t left() const { return static_cast<size_t>(end_ - p_); }
  template <typename T>
  bool Take(T* number) {
    if (left() < sizeof(T)) return false;
    *number = wire::Load<T>(p_);
    p_ += sizeof(T);
    return true;
  }

  const char* CheckTerm(bool is_key) {
    uint8_t flags;
    const char* next = wire::ValidateTerm(p_, end_, &flags);
    if (next == nullptr) return "a term is malformed";
    p_ = next;
    if ((flags & Value::kHasOpaque) == 0) return nullptr;
    has_opaque_ = true;
    return is_key ? "a key holds a pickled object" : nullptr;
  }

  const char* CheckRow() {
    uint16_t arity;
    if (!Take(&arity)) return kEndsEarly;
    if (arity <= keypos_) return "a row has no key";
    const char* wrong = nullptr;
    for (uint32_t i = 0; i < arity && wrong == nullptr; ++i) wrong = CheckTerm(i == keypos_);
    return wrong;
  }

  const char* CheckElements() {
    if (!OneRowAKey(table_)) return "elements are set in a bag";
    uint16_t count;
    const char* wrong = CheckTerm(/*is_key=*/true);
    if (wrong == nullptr && !Take(&count)) wrong = kEndsEarly;
    for (uint32_t i = 0; wrong == nullptr && i < count; ++i) {
      uint16_t position;
      if (!Take(&position)) return kEndsEarly;
      wrong = position == keypos_ ? "the element set is the key" : CheckTerm(/*is_key=*/false);
    }
    return wrong;
  }

  const char* CheckSome() {
    if (OneRowAKey(table_)) return "some rows of a key are deleted, where a key has one";
    uint32_t count;
    if (const char* wrong = CheckTerm(/*is_key=*/true); wrong != nullptr) return wrong;
    if (!Take(&count) || left() / sizeof(uint32_t) < count) return kEndsEarly;
    for (uint32_t i = 0, last = 0; i < count; ++i) {
      uint32_t number = 0;
      Take(&number);
      if (i > 0 && number <= last) return "the rows to delete are not in their order";
      last = number;
    }
    return nullptr;
  }

  const char* CheckEntry() {
    uint8_t tag = 0;
    Take(&tag);
    switch (static_cast<RecordEntry>(tag)) {
      case RecordEntry::kPut:
      case RecordEntry::kDeleteObject:
        return CheckRow();
      case RecordEntry::kDelete:
        return CheckTerm(/*is_key=*/true);
      case RecordEntry::kSetElements:
        return CheckElements();
      case RecordEntry::kClear:
        return nullptr;
      case RecordEntry::kDeleteSome:
        return CheckSome();
    }
    return "a record has an entry of an unknown kind";
  }

  const char* p_;
  const char* const end_;
  const Table& table_;
  const uint32_t keypos_;
  bool has_opaque_ = false;
};

// Deletes the rows of a key by their numbers.
class SomeOfKey final : public RowJudge {
 public:
  // The bytes of ascending numbers.
  explicit SomeOfKey(absl::string_view numbers) : numbers_(numbers) {}

  bool writes() const override { return true; }
  void Narrow(const Chunk&, uint64_t*) override {}
  Verdict Judge(const Chunk&, uint32_t, absl::Span<const Value>*) override {
    const bool doomed = !numbers_.empty() && wire::Load<uint32_t>(numbers_.data()) == next_;
    ++next_;
    if (doomed) numbers_.remove_prefix(sizeof(uint32_t));
    return doomed ? Verdict::kDelete : Verdict::kKeep;
  }
  bool wants_more() const override { return true; }

  bool all_met() const { return numbers_.empty(); }

 private:
  absl::string_view numbers_;
  uint32_t next_ = 0;
};

// Does what checked entries say.
class Replayer {
 public:
  Replayer(absl::string_view entries, Table* table)
      : p_(entries.data()), end_(p_ + entries.size()), table_(table), keypos_(table->options().keypos) {}

  // Throws std::bad_alloc.
  ReplayResult Run() {
    ReplayResult result;
    while (p_ != end_ && result.wrong == nullptr && result.outcome == Outcome::kOk) Do(&result);
    return result;
  }

 private:
  template <typename T>
  T Take() {
    const T number = wire::Load<T>(p_);
    p_ += sizeof(T);
    return number;
  }
  Value TakeTerm() {
    Value v;
    p_ = wire::ReadTerm(p_, &v);
    return v;
  }
  KeyView TakeKey() {
    const Value key = TakeTerm();
    return KeyView{key, table_->HashKey(key)};
  }
  // Its values are those of row_.
  RowView TakeRow() {
    row_.resize(Take<uint16_t>());
    for (Value& v : row_) v = TakeTerm();
    return RowView{row_.data(), static_cast<uint32_t>(row_.size()), table_->HashKey(row_[keypos_])};
  }

  void Do(ReplayResult* result) {
    uint64_t removed = 0;
    switch (static_cast<RecordEntry>(Take<uint8_t>())) {
      case RecordEntry::kPut:
        result->outcome = table_->Insert(TakeRow(), Wait::kBlock);
        return;
      case RecordEntry::kDelete:
        result->outcome = table_->Delete(TakeKey(), Wait::kBlock, &removed);
        if (result->outcome == Outcome::kOk && removed == 0) result->wrong = "the key to delete is not there";
        return;
      case RecordEntry::kDeleteObject:
        result->outcome = table_->DeleteObject(TakeRow(), Wait::kBlock, &removed);
        if (result->outcome == Outcome::kOk && removed == 0) result->wrong = "the row to delete is not there";
        return;
      case RecordEntry::kSetElements:
        return SetElements(result);
      case RecordEntry::kClear:
        result->outcome = table_->Clear(Wait::kBlock);
        return;
      case RecordEntry::kDeleteSome: {
        const KeyView key = TakeKey();
        const size_t size = size_t{Take<uint32_t>()} * sizeof(uint32_t);
        SomeOfKey judge(absl::string_view(p_, size));
        p_ += size;
        result->outcome = table_->JudgeKey(key, &judge, Wait::kBlock);
        if (result->outcome == Outcome::kOk && !judge.all_met()) result->wrong = "a row to delete is not there";
        return;
      }
    }
  }

  void SetElements(ReplayResult* result) {
    const KeyView key = TakeKey();
    elements_.resize(Take<uint16_t>());
    for (ElementUpdate& update : elements_) {
      update.position = Take<uint16_t>();
      update.value = TakeTerm();
    }
    bool found = false;
    size_t failed = 0;
    result->outcome = table_->UpdateElement(key, elements_, nullptr, Wait::kBlock, &found, &failed);
    if (result->outcome == Outcome::kOk && !found) result->wrong = "the row whose elements are set is not there";
    if (result->outcome == Outcome::kBadPosition) result->wrong = "the row has no element that is set";
  }

  const char* p_;
  const char* const end_;
  Table* const table_;
  const uint32_t keypos_;
  std::vector<Value> row_;
  std::vector<ElementUpdate> elements_;
};

}  // namespace

ReplayResult ReplayRecord(absl::string_view entries, bool allow_opaque, Table* table) {
  ReplayResult result;
  try {
    Checker checker(entries, *table);
    result.wrong = checker.Check();
    if (result.wrong == nullptr && checker.has_opaque() && !allow_opaque) {
      result.opaque = true;
      result.wrong = "a row holds a pickled object";
    }
    if (result.wrong != nullptr) return result;
    return Replayer(entries, table).Run();
  } catch (const std::bad_alloc&) {
    result.outcome = Outcome::kNoMemory;
    return result;
  }
}

}  // namespace partita
