#include "bindings/select_methods.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "bindings/match_spec.h"
#include "bindings/pacer.h"
#include "column/chunk.h"
#include "match/share.h"

namespace partita {
namespace {

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
      const Selected& found = workers[i]->found;
      if (!AppendResults(found, 0, found.rows.size(), list.get(), &pacer)) return nullptr;
      workers[i]->Clear();
    }
    if (PyErr_CheckSignals() != 0) return nullptr;
  }
  return list.release();
}

// In the order in which the table has its rows.
PyObject* SelectInOrder(const Snapshot& snapshot, const Program& program, Direction direction) {
  constexpr size_t kRowsPerSlice = 4096;
  Ref list = Ref::Steal(PyList_New(0));
  if (!list) return nullptr;
  Worker worker(program);
  Pacer pacer;
  std::vector<RowPlace> places(kRowsPerSlice);
  const std::unique_ptr<SnapshotScan> scan = snapshot.NewScan(direction);
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
    if (!AppendResults(worker.found, 0, worker.found.rows.size(), list.get(), &pacer) || PyErr_CheckSignals() != 0)
      return nullptr;
    worker.Clear();
  }
  return list.release();
}

}  // namespace

std::shared_ptr<const Selected> SelectFromRows(const RowBuffer& rows, const Program& program,
                                               const AnswerOptions& options) {
  Selector selector(program, options.limit > 0 ? Selector::Results::kCopied : Selector::Results::kInPlace);
  auto found = std::make_shared<Selected>();
  const bool forward = options.direction == Direction::kForward;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (selector.SelectRow(rows.row(forward ? i : rows.size() - 1 - i), found.get())) continue;
    RaiseFailure(selector, kAllColumns);
    return nullptr;
  }
  return found;
}

PyObject* SelectFromSnapshot(const Snapshot& snapshot, const Program& program, const AnswerOptions& options) {
  if (snapshot.options().type == TableType::kSet) return SelectFromChunks(snapshot.chunks(), program, options.threads);
  return SelectInOrder(snapshot, program, options.direction);
}

bool ParseOptions(PyObject* limit, PyObject* threads, AnswerOptions* options) {
  options->threads = static_cast<int>(PyLong_AsLong(threads));
  return !PyErr_Occurred() && ParseLimit(limit, &options->limit);
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
