#include "bindings/fix.h"

#include <cstdint>

#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/handles.h"

namespace partita {
namespace {

// `entered` relies on the GIL. It is changed right beside the engine's call, with no Python code in between: neither a
// signal handler nor another thread leaves a fix that nobody counts.
struct FixObject {
  PyObject_HEAD PyObject* table;
  uint64_t entered;
};

PyTypeObject* fix_type = nullptr;

FixObject* Self(PyObject* self) { return reinterpret_cast<FixObject*>(self); }

Table* EngineOf(FixObject* fix) { return HandleOf<TableHandle>(fix->table)->table.get(); }

void EndOne(Table* table) {
  // All it may say is that the table was dropped: then nothing is left to end.
  static_cast<void>(CallEngine([table](Wait wait) { return table->Unfix(wait); }));
}

PyObject* Enter(PyObject* self, PyObject*) {
  FixObject* fix = Self(self);
  Table* table = EngineOf(fix);
  const Outcome outcome = CallEngine([table](Wait wait) { return table->Fix(wait); });
  if (outcome != Outcome::kOk) return RaiseOutcome(*HandleOf<TableHandle>(fix->table), outcome);
  ++fix->entered;
  return Py_NewRef(self);
}

PyObject* Exit(PyObject* self, PyObject*) {
  FixObject* fix = Self(self);
  if (fix->entered == 0) {
    PyErr_SetString(PyExc_RuntimeError, "this fix was not entered: use it as `with table.fix():`");
    return nullptr;
  }
  --fix->entered;
  EndOne(EngineOf(fix));
  Py_RETURN_NONE;
}

int Traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Self(self)->table);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

// No tp_clear: a cycle through `table` is broken at the table's own attributes.
void Dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  FixObject* fix = Self(self);
  for (; fix->entered > 0; --fix->entered) EndOne(EngineOf(fix));
  PyObject* table = fix->table;
  PyObject_GC_Del(self);
  Py_DECREF(table);
  Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"__enter__", Enter, METH_NOARGS, "Fixes the table, once more each time."},
    {"__exit__", Exit, METH_VARARGS, "Ends what the last __enter__ began."},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_methods, methods},
    {Py_tp_traverse, reinterpret_cast<void*>(Traverse)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
    {Py_tp_doc, const_cast<char*>("Keeps a table fixed inside of `with` blocks; see Table.fix.")},
    {0, nullptr},
};

PyType_Spec spec = {
    "partita._core.Fix",
    sizeof(FixObject),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    slots,
};

}  // namespace

PyObject* NewFix(PyObject* self, PyObject*) {
  if (HandleOf<TableHandle>(self) == nullptr) return nullptr;
  FixObject* fix = PyObject_GC_New(FixObject, fix_type);
  if (fix == nullptr) return nullptr;
  fix->table = Py_NewRef(self);
  fix->entered = 0;
  PyObject_GC_Track(reinterpret_cast<PyObject*>(fix));
  return reinterpret_cast<PyObject*>(fix);
}

PyObject* FixByHand(PyObject* self, PyObject* on) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  if (handle == nullptr) return nullptr;
  Table* table = handle->table.get();
  if (on == Py_True) {
    const Outcome outcome = CallEngine([table](Wait wait) { return table->Fix(wait); });
    if (outcome != Outcome::kOk) return RaiseOutcome(*handle, outcome);
    ++handle->fixes_by_hand;
    Py_RETURN_TRUE;
  }
  if (handle->fixes_by_hand == 0) Py_RETURN_FALSE;
  --handle->fixes_by_hand;
  EndOne(table);
  Py_RETURN_TRUE;
}

bool RegisterFix(PyObject* module) {
  fix_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  return fix_type != nullptr && PyModule_AddType(module, fix_type) == 0;
}

}  // namespace partita
