#include "bindings/cursor.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <new>
#include <utility>

#include "base/lock.h"
#include "bindings/entry.h"
#include "bindings/errors.h"
#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "bindings/run_sweep.h"
#include "match/judges.h"

namespace partita {
namespace {

struct Cursor {
  PyObject_HEAD PageSource source;
  PagePlace place;
};

PyTypeObject* cursor_type = nullptr;

Cursor* Self(PyObject* self) { return reinterpret_cast<Cursor*>(self); }

PyObject* NewCursor(const PageSource& source, PagePlace place) {
  Cursor* cursor = PyObject_GC_New(Cursor, cursor_type);
  if (cursor == nullptr) return nullptr;
  Py_INCREF(source.object);
  new (&cursor->source) PageSource(source);
  new (&cursor->place) PagePlace(std::move(place));
  PyObject_GC_Track(reinterpret_cast<PyObject*>(cursor));
  return reinterpret_cast<PyObject*>(cursor);
}

// Adds results to the page until it is full, and moves the place on. False: an exception is set.
bool FillPage(const PageSource& source, PagePlace* place, PyObject* list) {
  Pacer pacer;
  const auto take = [&] {
    const size_t room = source.limit - static_cast<size_t>(PyList_GET_SIZE(list));
    const size_t end = place->next + std::min(place->found->rows.size() - place->next, room);
    if (!AppendResults(*place->found, place->next, end, list, &pacer)) return false;
    place->next = end;
    if (end == place->found->rows.size()) place->found.reset();
    return true;
  };
  if (place->found != nullptr && !take()) return false;
  const size_t missing = source.limit - static_cast<size_t>(PyList_GET_SIZE(list));
  if (missing == 0 || place->sweep == nullptr) return true;
  std::shared_ptr<Sweep> sweep = place->sweep->Clone();
  auto judge = std::make_shared<PageJudge>(*source.program, missing);
  bool done;
  if (!RunSweep(*source.shape, *source.program, sweep.get(), judge.get(), &done)) return false;
  place->sweep = done ? nullptr : std::move(sweep);
  place->found = std::shared_ptr<const Selected>(judge, judge->found());
  place->next = 0;
  return take();
}

PyObject* NextPage(PyObject* self, PyObject*) {
  const Cursor* cursor = Self(self);
  const PageSource& source = cursor->source;
  if (source.table != nullptr && source.table->dropped()) return RaiseOutcome(*source.shape, Outcome::kDropped);
  return NewPage(source, cursor->place);
}

PyObject* Refuse(PyObject*, PyObject*) {
  PyErr_SetString(PyExc_TypeError, "a cursor cannot be pickled or copied: it is a place in a table of this process");
  return nullptr;
}

PyObject* Repr(PyObject* self) {
  const PageSource& source = Self(self)->source;
  return PyUnicode_FromFormat("<partita.Cursor of %R, limit %zu>", source.object, source.limit);
}

int Traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Self(self)->source.object);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

// No tp_clear: the table keeps its shape alive, and a cycle through it is broken at its own attributes.
void Dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Cursor* cursor = Self(self);
  PyObject* object = cursor->source.object;
  cursor->place.~PagePlace();
  cursor->source.~PageSource();
  PyObject_GC_Del(self);
  Py_DECREF(object);
  Py_DECREF(type);
}

PyMethodDef methods[] = {
    MethodNoArguments<&NextPage>("next",
                                 "next($self, /)\n--\n\n"
                                 "The next page, `(list, cursor)`; `cursor` is None when nothing follows.\n\n"
                                 "The cursor itself stays where it is: asked again, it gives this page again, of what\n"
                                 "the table holds by then."),
    MethodNoArguments<&Refuse>("__reduce__", nullptr),
    Method<&Refuse>("__reduce_ex__", nullptr),
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_methods, methods},
    {Py_tp_repr, reinterpret_cast<void*>(&Entry<&Repr>::Call)},
    {Py_tp_traverse, reinterpret_cast<void*>(Traverse)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
    {Py_tp_doc, const_cast<char*>("Where a page of results ended; made by select(), match() and their like with a\n"
                                  "limit.")},
    {0, nullptr},
};

PyType_Spec spec = {
    "partita._core.Cursor",
    sizeof(Cursor),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    slots,
};

}  // namespace

PyObject* NewPage(const PageSource& source, const PagePlace& from) {
  Ref list = Ref::Steal(PyList_New(0));
  if (!list) return nullptr;
  PagePlace place = from;
  if (!FillPage(source, &place, list.get())) return nullptr;
  const bool more = place.found != nullptr || place.sweep != nullptr;
  Ref cursor = more ? Ref::Steal(NewCursor(source, std::move(place))) : Ref::Borrow(Py_None);
  return cursor ? PyTuple_Pack(2, list.get(), cursor.get()) : nullptr;
}

bool ParseLimit(PyObject* object, size_t* limit) {
  *limit = 0;
  if (object == Py_None) return true;
  if (PyBool_Check(object) || !PyIndex_Check(object)) {
    PyErr_Format(PyExc_TypeError, "limit is an int or None, not %.100s", Py_TYPE(object)->tp_name);
    return false;
  }
  const Py_ssize_t number = PyNumber_AsSsize_t(object, nullptr);  // of a huge one the largest there is
  if (number == -1 && PyErr_Occurred()) return false;
  if (number < 1) {
    Ref repr = Ref::Steal(ShortRepr(object));
    if (repr) PyErr_Format(PyExc_ValueError, "limit is %U: it must be at least 1", repr.get());
    return false;
  }
  *limit = static_cast<size_t>(number);
  return true;
}

bool AppendResults(const Selected& selected, size_t begin, size_t end, PyObject* list, Pacer* pacer) {
  constexpr size_t kRowsPerTick = 256;
  assert(LocksHeldByThisThread() == 0);
  for (size_t i = begin; i < end; ++i) {
    const absl::Span<const Value> row = selected.rows.row(i);
    Ref result = Ref::Steal(selected.is_row[i] ? DecodeRow(row) : DecodeValue(row[0]));
    if (!result || PyList_Append(list, result.get()) != 0) return false;
    if (i % kRowsPerTick == kRowsPerTick - 1 && !pacer->Tick()) return false;
  }
  return true;
}

bool RegisterCursor(PyObject* module) {
  cursor_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  return cursor_type != nullptr && PyModule_AddType(module, cursor_type) == 0;
}

}  // namespace partita
