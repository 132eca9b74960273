#include "bindings/rows_iterator.h"

#include <atomic>
#include <new>

#include "bindings/entry.h"
#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/pacer.h"
#include "bindings/py_term.h"

namespace partita {
namespace {

// Rows copied out per visit to the table: the first visit is small, for those who want but one row.
constexpr size_t kFirstRows = 16;
constexpr size_t kMostRows = 512;

// `busy` makes it safe from several threads: the second one is refused, as with a generator.
struct RowsIterator {
  PyObject_HEAD PyObject* source;
  const Shape* shape;
  std::unique_ptr<Walk> walk;  // null at the end
  IteratorGives gives;
  RowBuffer rows;
  size_t next_row;
  size_t rows_per_visit;
  Pacer pacer;  // list(table) is a loop in C
  std::atomic<bool> busy;
};

PyTypeObject* rows_iterator_type = nullptr;

RowsIterator* Self(PyObject* self) { return reinterpret_cast<RowsIterator*>(self); }

// Copies the next rows out of the table; an empty buffer means the end. False: an exception is set.
bool Refill(RowsIterator* it) {
  it->rows.Clear();
  it->next_row = 0;
  if (!it->pacer.Tick()) return false;
  const size_t count = it->rows_per_visit;
  it->rows_per_visit = kMostRows;
  const Outcome outcome = CallEngine([&](Wait wait) { return it->walk->Next(count, wait, &it->rows); });
  if (outcome == Outcome::kOk) return true;
  it->rows.Clear();
  it->walk.reset();
  RaiseOutcome(*it->shape, outcome);
  return false;
}

PyObject* NextRow(RowsIterator* it) {
  if (it->next_row == it->rows.size()) {
    if (it->walk == nullptr || !Refill(it)) return nullptr;
    if (it->rows.empty()) {
      it->walk.reset();
      return nullptr;
    }
  }
  const absl::Span<const Value> row = it->rows.row(it->next_row++);
  return it->gives == IteratorGives::kRows ? DecodeRow(row) : DecodeValue(row[0]);
}

PyObject* Next(PyObject* self) {
  RowsIterator* it = Self(self);
  if (it->busy.exchange(true, std::memory_order_acquire)) {
    PyErr_SetString(PyExc_ValueError,
                    "this iterator is in use by another thread or callback: make one iterator for each");
    return nullptr;
  }
  PyObject* row = Entry<NextRow>::Call(it);
  it->busy.store(false, std::memory_order_release);
  return row;
}

int Traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Self(self)->source);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

// No tp_clear: `source` keeps the shape alive, and a cycle through it is broken at the source's own attributes.
void Dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  RowsIterator* it = Self(self);
  PyObject* source = it->source;
  it->walk.~unique_ptr();
  it->rows.~RowBuffer();
  PyObject_GC_Del(self);
  Py_DECREF(source);
  Py_DECREF(type);
}

PyType_Slot slots[] = {
    {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
    {Py_tp_iternext, reinterpret_cast<void*>(Next)},
    {Py_tp_traverse, reinterpret_cast<void*>(Traverse)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
    {Py_tp_doc, const_cast<char*>("Iterator over the rows of a table or snapshot, or over its keys.")},
    {0, nullptr},
};

PyType_Spec spec = {
    "partita._core.RowsIterator",
    sizeof(RowsIterator),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    slots,
};

}  // namespace

PyObject* NewRowsIterator(PyObject* source, const Shape& shape, std::unique_ptr<Walk> walk, IteratorGives gives) {
  RowsIterator* it = PyObject_GC_New(RowsIterator, rows_iterator_type);
  if (it == nullptr) return nullptr;
  it->source = Py_NewRef(source);
  it->shape = &shape;
  new (&it->walk) std::unique_ptr<Walk>(std::move(walk));
  it->gives = gives;
  new (&it->rows) RowBuffer();
  it->next_row = 0;
  it->rows_per_visit = kFirstRows;
  new (&it->pacer) Pacer();
  new (&it->busy) std::atomic<bool>(false);
  PyObject_GC_Track(reinterpret_cast<PyObject*>(it));
  return reinterpret_cast<PyObject*>(it);
}

bool RegisterRowsIterator(PyObject* module) {
  rows_iterator_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  return rows_iterator_type != nullptr && PyModule_AddType(module, rows_iterator_type) == 0;
}

}  // namespace partita
