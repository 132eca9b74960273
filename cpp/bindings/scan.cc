#include "bindings/scan.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <memory>

#include "absl/container/inlined_vector.h"
#include "bindings/gil.h"
#include "bindings/pacer.h"
#include "column/chunk.h"

namespace partita {
namespace {

constexpr size_t kRowsPerTick = 256;

struct NamedOperator {
  const char* name;
  Comparison::Op op;
};
constexpr NamedOperator kOperators[] = {
    {"<", Comparison::Op::kLess},           {"=<", Comparison::Op::kLessEqual},
    {">", Comparison::Op::kGreater},        {">=", Comparison::Op::kGreaterEqual},
    {"==", Comparison::Op::kEqual},         {"/=", Comparison::Op::kNotEqual},
    {"=:=", Comparison::Op::kExactlyEqual}, {"=/=", Comparison::Op::kExactlyNotEqual},
};

bool ParseOperator(PyObject* name, Comparison::Op* op) {
  for (const NamedOperator& known : kOperators) {
    if (PyUnicode_CompareWithASCIIString(name, known.name) == 0) {
      *op = known.op;
      return true;
    }
  }
  PyErr_Format(PyExc_ValueError, "%R is no comparison", name);
  return false;
}

}  // namespace

bool ParsedFilter::Parse(PyObject* arity, PyObject* comparisons) {
  filter_.arity = static_cast<uint32_t>(PyLong_AsUnsignedLong(arity));
  if (PyErr_Occurred()) return false;
  comparisons_ = Ref::Steal(PySequence_Tuple(comparisons));
  if (!comparisons_) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(comparisons_.get()); ++i) {
    Comparison comparison;
    PyObject* name;
    PyObject* constant;
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(comparisons_.get(), i), "IUO", &comparison.position, &name, &constant) ||
        !ParseOperator(name, &comparison.op) || !EncodeValue(constant, &arena_, &comparison.constant)) {
      return false;
    }
    filter_.comparisons.push_back(comparison);
  }
  return true;
}

PyObject* DecodeSnapshot(const Snapshot& snapshot) {
  assert(LocksHeldByThisThread() == 0);
  const Py_ssize_t count = static_cast<Py_ssize_t>(snapshot.rows());
  Ref list = Ref::Steal(PyList_New(count));
  if (!list) return nullptr;
  PyObject_GC_UnTrack(list.get());  // the collector must not show a list with holes to anybody
  Pacer pacer;
  absl::InlinedVector<Value, 24> values;
  Py_ssize_t next = 0;
  const std::unique_ptr<SnapshotScan> scan = snapshot.NewScan(Direction::kForward);
  RowPlace places[kRowsPerTick];
  while (const size_t found = scan->Next(places, kRowsPerTick)) {
    for (size_t i = 0; i < found; ++i) {
      ReadRow(*places[i].chunk, places[i].place, &values);
      PyObject* row = DecodeRow(values);
      if (row == nullptr) return nullptr;
      assert(next < count);
      PyList_SET_ITEM(list.get(), next++, row);
    }
    if (!pacer.Tick()) return nullptr;
  }
  assert(next == count);
  PyObject_GC_Track(list.get());
  return list.release();
}

PyObject* CountInSlices(const Snapshot& snapshot, const Filter& filter, int threads) {
  using Clock = std::chrono::steady_clock;
  // A slice takes long enough to be worth a turn of the GIL, and ends well before anybody gets impatient.
  constexpr std::chrono::milliseconds kShortSlice{10};
  constexpr std::chrono::milliseconds kLongSlice{40};
  constexpr size_t kFirstSlice = 1024;  // chunks
  constexpr size_t kLeastSlice = 16;

  const size_t chunk_count = snapshot.chunks().size();
  uint64_t matches = 0;
  size_t slice_size = kFirstSlice;
  for (size_t first = 0; first < chunk_count;) {
    if (first > 0 && PyErr_CheckSignals() != 0) return nullptr;
    const absl::Span<const Chunk* const> slice = snapshot.chunks().subspan(first, slice_size);
    const Clock::time_point start = Clock::now();
    const Outcome outcome = WithoutGil([&] {
      matches += CountMatches(slice, filter, threads);
      return Outcome::kOk;
    });
    if (outcome != Outcome::kOk) return PyErr_NoMemory();
    const Clock::duration took = Clock::now() - start;
    if (took < kShortSlice) slice_size *= 2;
    if (took > kLongSlice) slice_size = std::max(slice_size / 2, kLeastSlice);
    first += slice.size();
  }
  return PyLong_FromUnsignedLongLong(matches);
}

}  // namespace partita
