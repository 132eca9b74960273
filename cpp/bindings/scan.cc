#include "bindings/scan.h"

#include <cassert>
#include <memory>

#include "absl/container/inlined_vector.h"
#include "bindings/gil.h"
#include "bindings/pacer.h"
#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "column/chunk.h"

namespace partita {
namespace {

constexpr size_t kRowsPerTick = 256;

}  // namespace

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

}  // namespace partita
