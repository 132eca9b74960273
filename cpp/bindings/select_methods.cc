#include "bindings/select_methods.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <new>
#include <optional>
#include <utility>

#include "bindings/match_spec.h"
#include "bindings/pacer.h"
#include "bindings/py_term.h"
#include "bindings/spec_parse.h"
#include "column/chunk.h"
#include "match/compile.h"
#include "match/share.h"

namespace partita {
namespace {

constexpr size_t kRowsPerTick = 256;

// Chunks in pieces that take long enough to be worth a turn of the GIL, and end well before anybody gets impatient or
// results take much memory.
class Slices {
 public:
  Slices(absl::Span<const Chunk* const> chunks, size_t first_size) : rest_(chunks), size_(first_size) {}

  bool Next(absl::Span<const Chunk* const>* slice) {
    *slice = rest_.subspan(0, size_);
    rest_ = rest_.subspan(slice->size());
    start_ = Clock::now();
    return !slice->empty();
  }
  // After each slice: how large its results are.
  void Done(size_t results) {
    constexpr std::chrono::milliseconds kShort{10};
    constexpr std::chrono::milliseconds kLong{40};
    constexpr size_t kMany = size_t{1} << 17;
    constexpr size_t kLeast = 16;
    const Clock::duration took = Clock::now() - start_;
    if (took > kLong || results > kMany) {
      size_ = std::max(size_ / 2, kLeast);
    } else if (took < kShort && results < kMany / 4) {
      size_ *= 2;
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  absl::Span<const Chunk* const> rest_;
  size_t size_;
  Clock::time_point start_;
};

PyObject* RaiseFailure(const Selector& selector, ColumnSet columns) {
  RaiseMatchError(selector.failure(), selector.failed_row(), columns);
  return nullptr;
}

bool AppendResults(const Selected& selected, PyObject* list, Pacer* pacer) {
  assert(LocksHeldByThisThread() == 0);
  for (size_t i = 0; i < selected.rows.size(); ++i) {
    const absl::Span<const Value> row = selected.rows.row(i);
    Ref result = Ref::Steal(selected.is_row[i] ? DecodeRow(row) : DecodeValue(row[0]));
    if (!result || PyList_Append(list, result.get()) != 0) return false;
    if (i % kRowsPerTick == kRowsPerTick - 1 && !pacer->Tick()) return false;
  }
  return true;
}

// One of the threads that share a slice.
struct Worker {
  explicit Worker(const Program& program) : selector(program) {}

  void Clear() {
    found.rows.Clear();
    found.is_row.clear();
  }

  Selector selector;
  Selected found;
  bool failed = false;
  bool no_memory = false;
};

// In the order of chunks, which is none of keys.
PyObject* SelectFromChunks(absl::Span<const Chunk* const> chunks, const Program& program, int threads) {
  constexpr size_t kFirstSlice = 128;
  Ref list = Ref::Steal(PyList_New(0));
  if (!list) return nullptr;
  std::vector<std::unique_ptr<Worker>> workers;
  Slices slices(chunks, kFirstSlice);
  absl::Span<const Chunk* const> slice;
  Pacer pacer;
  while (slices.Next(&slice)) {
    const size_t count = WorkersFor(slice.size(), threads);
    while (workers.size() < count) workers.push_back(std::make_unique<Worker>(program));
    const Outcome outcome = WithoutGil([&] {
      ShareChunks(slice, count, [&](size_t number, absl::Span<const Chunk* const> share) {
        Worker& worker = *workers[number];
        try {
          for (const Chunk* chunk : share) {
            if (worker.selector.Select(*chunk, &worker.found)) continue;
            worker.failed = true;
            return;
          }
        } catch (const std::bad_alloc&) {
          worker.no_memory = true;
        }
      });
      return Outcome::kOk;
    });
    size_t results = 0;
    for (size_t i = 0; i < count; ++i) {
      if (outcome != Outcome::kOk || workers[i]->no_memory) return PyErr_NoMemory();
      if (workers[i]->failed) return RaiseFailure(workers[i]->selector, program.columns());
      results += workers[i]->found.rows.size();
    }
    slices.Done(results);
    for (size_t i = 0; i < count; ++i) {
      if (!AppendResults(workers[i]->found, list.get(), &pacer)) return nullptr;
      workers[i]->Clear();
    }
    if (PyErr_CheckSignals() != 0) return nullptr;
  }
  return list.release();
}

// In the order in which the table has its rows.
PyObject* SelectInOrder(const Snapshot& snapshot, const Program& program) {
  constexpr size_t kRowsPerSlice = 4096;
  Ref list = Ref::Steal(PyList_New(0));
  if (!list) return nullptr;
  Worker worker(program);
  Pacer pacer;
  std::vector<RowPlace> places(kRowsPerSlice);
  const std::unique_ptr<SnapshotScan> scan = snapshot.NewScan(Direction::kForward);
  for (size_t found = 1; found != 0;) {
    const Outcome outcome = WithoutGil([&] {
      found = scan->Next(places.data(), kRowsPerSlice);
      for (size_t i = 0; i < found && !worker.failed; ++i) {
        worker.failed = !worker.selector.SelectAt(*places[i].chunk, places[i].place, &worker.found);
      }
      return Outcome::kOk;
    });
    if (outcome != Outcome::kOk) return PyErr_NoMemory();
    if (worker.failed) return RaiseFailure(worker.selector, program.columns());
    if (!AppendResults(worker.found, list.get(), &pacer) || PyErr_CheckSignals() != 0) return nullptr;
    worker.Clear();
  }
  return list.release();
}

}  // namespace

bool Question::ReadSpec(const Shape& shape, PyObject* spec) {
  if (MatchSpecHandle* compiled = MatchSpecOf(spec)) {
    program_ = compiled->ProgramFor(shape.options.keypos);
  } else {
    auto read = std::make_shared<Spec>();
    if (!ParseSpec(spec, read.get())) return false;
    program_ = CompileOrRaise(std::move(read), shape.options.keypos);
  }
  if (program_ == nullptr) return false;
  FindKeys(shape);
  return true;
}

bool Question::ReadPattern(const Shape& shape, PyObject* pattern, Spec::Kind result) {
  auto read = std::make_shared<Spec>();
  if (!ParsePattern(pattern, result, read.get())) return false;
  program_ = CompileOrRaise(std::move(read), shape.options.keypos);
  if (program_ == nullptr) return false;
  FindKeys(shape);
  return true;
}

void Question::FindKeys(const Shape& shape) {
  const bool ordered = shape.options.type == TableType::kOrderedSet;
  std::vector<Value> keys;
  for (const ClauseAnalysis& clause : program_->analyses()) {
    if (!clause.bound_key) return;
    if (!clause.bound_key->has_opaque()) keys.push_back(*clause.bound_key);  // else no row has it
  }
  names_keys_ = true;
  const auto compare = ordered ? CompareNumeric : CompareExact;
  std::sort(keys.begin(), keys.end(), [compare](const Value& a, const Value& b) { return compare(a, b) < 0; });
  const auto same = [compare](const Value& a, const Value& b) { return compare(a, b) == 0; };
  keys.erase(std::unique(keys.begin(), keys.end(), same), keys.end());
  for (const Value& key : keys) keys_.push_back(KeyView{key, HashValue(key, shape.options.hash_seed)});
}

PyObject* SelectFromRows(const RowBuffer& rows, const Program& program) {
  Ref list = Ref::Steal(PyList_New(0));
  if (!list) return nullptr;
  Selector selector(program);
  Selected found;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!selector.SelectRow(rows.row(i), &found)) return RaiseFailure(selector, kAllColumns);
  }
  Pacer pacer;
  return AppendResults(found, list.get(), &pacer) ? list.release() : nullptr;
}

PyObject* SelectFromSnapshot(const Snapshot& snapshot, const Program& program, int threads) {
  if (snapshot.options().type == TableType::kSet) return SelectFromChunks(snapshot.chunks(), program, threads);
  return SelectInOrder(snapshot, program);
}

PyObject* CountInRows(const RowBuffer& rows, const Program& program) {
  Selector selector(program);
  size_t count = 0;
  for (size_t i = 0; i < rows.size(); ++i) count += selector.CountRow(rows.row(i));
  return PyLong_FromSize_t(count);
}

PyObject* CountInSnapshot(const Snapshot& snapshot, const Program& program, int threads) {
  constexpr size_t kFirstSlice = 1024;
  Slices slices(snapshot.chunks(), kFirstSlice);
  absl::Span<const Chunk* const> slice;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<uint64_t> counts;
  uint64_t total = 0;
  while (slices.Next(&slice)) {
    const size_t count = WorkersFor(slice.size(), threads);
    while (workers.size() < count) workers.push_back(std::make_unique<Worker>(program));
    counts.assign(count, 0);
    WithoutGil([&] {
      ShareChunks(slice, count, [&](size_t number, absl::Span<const Chunk* const> share) {
        try {
          for (const Chunk* chunk : share) counts[number] += workers[number]->selector.Count(*chunk);
        } catch (const std::bad_alloc&) {
          workers[number]->no_memory = true;
        }
      });
      return Outcome::kOk;
    });
    for (size_t i = 0; i < count; ++i) {
      if (workers[i]->no_memory) return PyErr_NoMemory();
      total += counts[i];
    }
    slices.Done(0);
    if (PyErr_CheckSignals() != 0) return nullptr;
  }
  return PyLong_FromUnsignedLongLong(total);
}

}  // namespace partita
