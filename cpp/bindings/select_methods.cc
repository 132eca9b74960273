#include "bindings/select_methods.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "bindings/match_spec.h"
#include "bindings/pacer.h"
#include "column/chunk.h"
#include "match/share.h"
#include "table/prefetch_rows.h"

namespace partita {
namespace {

// Chunks in pieces that take long enough to be worth a turn of the GIL, and end well before anybody gets impatient or
// results take much memory.
class Slices {
 public:
  // Of a program that computes, nobody knows how long a chunk takes: it begins with one.
  Slices(absl::Span<const Chunk* const> chunks, size_t first_size, const Program& program)
      : rest_(chunks), least_(program.is_light() ? 16 : 1), size_(program.is_light() ? first_size : 1) {}

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
    const Clock::duration took = Clock::now() - start_;
    if (took > kLong || results > kMany) {
      size_ = std::max(size_ / 2, least_);
    } else if (took < kShort && results < kMany / 4) {
      size_ *= 2;
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  absl::Span<const Chunk* const> rest_;
  const size_t least_;
  size_t size_;
  Clock::time_point start_;
};

// Ends a piece of work on rows, done without the GIL, when it has taken long enough.
class RowClock {
 public:
  explicit RowClock(const Program& program) : every_(program.is_light() ? 64 : 1) {}

  void Start() { end_ = Clock::now() + std::chrono::milliseconds(20); }
  // After each row.
  bool IsOver() { return ++rows_ % every_ == 0 && Clock::now() >= end_; }

 private:
  using Clock = std::chrono::steady_clock;

  const size_t every_;
  size_t rows_ = 0;
  Clock::time_point end_;
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
  Slices slices(chunks, kFirstSlice, program);
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

// Results for rows in the order in which next(places, most) tells them, as SnapshotScan::Next does.
template <typename Next>
PyObject* SelectPlaces(const Program& program, Next&& next) {
  constexpr size_t kRowsPerSlice = 4096;
  Ref list = Ref::Steal(PyList_New(0));
  if (!list) return nullptr;
  Worker worker(program);
  Pacer pacer;
  RowClock clock(program);
  std::vector<RowPlace> places(kRowsPerSlice);
  absl::Span<const RowPlace> slice;
  size_t at = 0;
  bool more = true;
  while (more) {
    const Outcome outcome = WithoutGil([&] {
      clock.Start();
      if (at == slice.size()) {
        slice = absl::MakeConstSpan(places).subspan(0, next(places.data(), kRowsPerSlice));
        at = 0;
        more = !slice.empty();
      }
      while (at < slice.size() && !worker.failed) {
        PrefetchAhead(slice, at);
        worker.failed = !worker.selector.SelectAt(*slice[at].chunk, slice[at].place, &worker.found);
        ++at;
        if (clock.IsOver()) break;
      }
      return Outcome::kOk;
    });
    if (outcome != Outcome::kOk) return PyErr_NoMemory();
    if (worker.failed) return RaiseFailure(worker.selector, program.columns());
    if (!AppendResults(worker.found, 0, worker.found.rows.size(), list.get(), &pacer)) return nullptr;
    if (PyErr_CheckSignals() != 0) return nullptr;
    worker.Clear();
  }
  return list.release();
}

// Finds rows that can match in some of the chunks.
struct Finder {
  explicit Finder(const Program& program) : selector(program) {}

  Selector selector;
  std::vector<RowPlace> hits;
  bool no_memory = false;
};

// Rows of an ordered_set that can match, found chunk by chunk and then put in the order of their keys. *few: false if
// they are so many that it is quicker to go through all rows in their order. False: an exception is set.
bool FindFew(const Snapshot& snapshot, const Program& program, const AnswerOptions& options,
             std::vector<RowPlace>* hits, bool* few) {
  constexpr size_t kFirstSlice = 1024;
  const size_t most = snapshot.rows() / 32;
  *few = Selector(program).narrows();
  std::vector<std::unique_ptr<Finder>> finders;
  Slices slices(snapshot.chunks(), kFirstSlice, program);
  absl::Span<const Chunk* const> slice;
  while (*few && slices.Next(&slice)) {
    const size_t count = WorkersFor(slice.size(), options.threads);
    while (finders.size() < count) finders.push_back(std::make_unique<Finder>(program));
    const Outcome outcome = WithoutGil([&] {
      ShareChunks(slice, count, [&](size_t number, absl::Span<const Chunk* const> share) {
        Finder& finder = *finders[number];
        try {
          for (const Chunk* chunk : share) {
            if (finder.hits.size() <= most) finder.selector.FindIn(*chunk, &finder.hits);
          }
        } catch (const std::bad_alloc&) {
          finder.no_memory = true;
        }
      });
      return Outcome::kOk;
    });
    size_t total = 0;
    for (const std::unique_ptr<Finder>& finder : finders) {
      if (outcome != Outcome::kOk || finder->no_memory) return PyErr_NoMemory() != nullptr;
      total += finder->hits.size();
    }
    *few = total <= most;
    slices.Done(0);
    if (PyErr_CheckSignals() != 0) return false;
  }
  if (!*few) return true;
  const Outcome outcome = WithoutGil([&] {
    for (const std::unique_ptr<Finder>& finder : finders) {
      hits->insert(hits->end(), finder->hits.begin(), finder->hits.end());
    }
    const uint32_t keypos = snapshot.options().keypos;
    const bool forward = options.direction == Direction::kForward;
    std::sort(hits->begin(), hits->end(), [keypos, forward](const RowPlace& a, const RowPlace& b) {
      const int order = CompareNumeric(ReadElement(*a.chunk, keypos, a.place), ReadElement(*b.chunk, keypos, b.place));
      return forward ? order < 0 : order > 0;
    });
    return Outcome::kOk;
  });
  if (outcome != Outcome::kOk) PyErr_NoMemory();
  return outcome == Outcome::kOk;
}

PyObject* SelectInOrder(const Snapshot& snapshot, const Question& question, const AnswerOptions& options) {
  const Program& program = question.program();
  std::unique_ptr<SnapshotScan> scan;
  if (question.span() != nullptr) {
    scan = snapshot.NewSpanScan(*question.span(), options.direction);
  } else {
    std::vector<RowPlace> hits;
    bool few = false;
    if (snapshot.options().type == TableType::kOrderedSet && !FindFew(snapshot, program, options, &hits, &few)) {
      return nullptr;
    }
    if (few) {
      absl::Span<const RowPlace> rest = hits;
      return SelectPlaces(program, [&rest](RowPlace* places, size_t most) {
        const absl::Span<const RowPlace> some = rest.subspan(0, most);
        std::copy(some.begin(), some.end(), places);
        rest.remove_prefix(some.size());
        return some.size();
      });
    }
    scan = snapshot.NewScan(options.direction);
  }
  return SelectPlaces(program, [&scan](RowPlace* places, size_t most) { return scan->Next(places, most); });
}

PyObject* CountInSpan(const Snapshot& snapshot, const Program& program, const KeySpan& span) {
  constexpr size_t kRowsPerSlice = 4096;
  Selector selector(program);
  std::vector<RowPlace> places(kRowsPerSlice);
  const std::unique_ptr<SnapshotScan> scan = snapshot.NewSpanScan(span, Direction::kForward);
  RowClock clock(program);
  absl::Span<const RowPlace> slice;
  size_t at = 0;
  bool more = true;
  uint64_t count = 0;
  while (more) {
    const Outcome outcome = WithoutGil([&] {
      clock.Start();
      if (at == slice.size()) {
        slice = absl::MakeConstSpan(places).subspan(0, scan->Next(places.data(), kRowsPerSlice));
        at = 0;
        more = !slice.empty();
      }
      while (at < slice.size()) {
        PrefetchAhead(slice, at);
        count += selector.CountAt(*slice[at].chunk, slice[at].place);
        ++at;
        if (clock.IsOver()) break;
      }
      return Outcome::kOk;
    });
    if (outcome != Outcome::kOk) return PyErr_NoMemory();
    if (PyErr_CheckSignals() != 0) return nullptr;
  }
  return PyLong_FromUnsignedLongLong(count);
}

// Calls work(i) for rows that lie in no table: with the GIL if they are few and nothing is computed. False: work gave
// false, or an exception is set.
template <typename Work>
bool ForEachRow(size_t count, const Program& program, Work&& work) {
  constexpr size_t kFew = 64;
  size_t i = 0;
  bool goes_on = true;
  if (program.is_light() && count <= kFew) {
    while (i < count && goes_on) goes_on = work(i++);
    return goes_on;
  }
  RowClock clock(program);
  while (i < count && goes_on) {
    const Outcome outcome = WithoutGil([&] {
      clock.Start();
      while (i < count && goes_on) {
        goes_on = work(i++);
        if (clock.IsOver()) break;
      }
      return Outcome::kOk;
    });
    if (outcome != Outcome::kOk) return PyErr_NoMemory() != nullptr;
    if (PyErr_CheckSignals() != 0) return false;
  }
  return goes_on;
}

}  // namespace

std::shared_ptr<const Selected> SelectFromRows(const RowBuffer& rows, const Program& program,
                                               const AnswerOptions& options) {
  Selector selector(program, options.limit > 0 ? Selector::Results::kCopied : Selector::Results::kInPlace);
  auto found = std::make_shared<Selected>();
  const bool forward = options.direction == Direction::kForward;
  const bool ok = ForEachRow(rows.size(), program, [&](size_t i) {
    return selector.SelectRow(rows.row(forward ? i : rows.size() - 1 - i), found.get());
  });
  if (ok) return found;
  if (!PyErr_Occurred()) RaiseFailure(selector, kAllColumns);
  return nullptr;
}

PyObject* SelectFromSnapshot(const Snapshot& snapshot, const Question& question, const AnswerOptions& options) {
  if (snapshot.is_in_slot_order()) return SelectFromChunks(snapshot.chunks(), question.program(), options.threads);
  return SelectInOrder(snapshot, question, options);
}

uint64_t RowsInSpan(const Snapshot& snapshot, const KeySpan& span) {
  constexpr size_t kMostPlaces = 4096;
  std::vector<RowPlace> places(kMostPlaces);
  const std::unique_ptr<SnapshotScan> scan = snapshot.NewSpanScan(span, Direction::kForward);
  uint64_t rows = 0;
  while (const size_t found = scan->Next(places.data(), places.size())) rows += found;
  return rows;
}

PyObject* ListOf(const Selected& found) {
  Ref list = Ref::Steal(PyList_New(0));
  Pacer pacer;
  return list && AppendResults(found, 0, found.rows.size(), list.get(), &pacer) ? list.release() : nullptr;
}

bool ParseOptions(PyObject* limit, PyObject* threads, AnswerOptions* options) {
  options->threads = static_cast<int>(PyLong_AsLong(threads));
  return !PyErr_Occurred() && ParseLimit(limit, &options->limit);
}

PyObject* CountInRows(const RowBuffer& rows, const Program& program) {
  Selector selector(program);
  size_t count = 0;
  const bool ok = ForEachRow(rows.size(), program, [&](size_t i) {
    count += selector.CountRow(rows.row(i));
    return true;
  });
  return ok ? PyLong_FromSize_t(count) : nullptr;
}

PyObject* CountInSnapshot(const Snapshot& snapshot, const Question& question, int threads) {
  constexpr size_t kFirstSlice = 1024;
  const Program& program = question.program();
  if (question.span() != nullptr) return CountInSpan(snapshot, program, *question.span());
  Slices slices(snapshot.chunks(), kFirstSlice, program);
  absl::Span<const Chunk* const> slice;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<uint64_t> counts;
  uint64_t total = 0;
  while (slices.Next(&slice)) {
    const size_t count = WorkersFor(slice.size(), threads);
    while (workers.size() < count) workers.push_back(std::make_unique<Worker>(program));
    counts.assign(count, 0);
    const Outcome outcome = WithoutGil([&] {
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
      if (outcome != Outcome::kOk || workers[i]->no_memory) return PyErr_NoMemory();
      total += counts[i];
    }
    slices.Done(0);
    if (PyErr_CheckSignals() != 0) return nullptr;
  }
  return PyLong_FromUnsignedLongLong(total);
}

}  // namespace partita
