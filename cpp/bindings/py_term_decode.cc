// DecodeValue and DecodeRow: a fresh object for every read.

#include <cassert>
#include <cstring>

#include "base/lock.h"
#include "bindings/py_atom.h"
#include "bindings/py_foreign.h"
#include "bindings/py_moment.h"
#include "bindings/py_ref.h"
#include "bindings/py_scalar.h"
#include "bindings/py_term.h"

namespace partita {
namespace {

PyObject* DecodeStr(const Value& v) {
  const Py_ssize_t size = v.size;
  if (ABSL_PREDICT_FALSE((v.flags & Value::kAscii) == 0)) return PyUnicode_DecodeUTF8(v.data, size, nullptr);
  if (ABSL_PREDICT_FALSE(size <= 1)) return PyUnicode_FromStringAndSize(v.data, size);  // the interpreter keeps these
  PyObject* text = PyUnicode_New(size, 127);
  if (ABSL_PREDICT_TRUE(text != nullptr)) std::memcpy(reinterpret_cast<PyASCIIObject*>(text) + 1, v.data, v.size);
  return text;
}

PyObject* DecodeWire(const Value& v);

inline PyObject* Decode(const Value& v) {
  switch (v.kind) {
    case Value::Kind::kInt:
      return PyLong_FromLongLong(v.i);
    case Value::Kind::kStr:
      return DecodeStr(v);
    case Value::Kind::kFloat:
      return PyFloat_FromDouble(v.f);
    case Value::Kind::kNone:
      return Py_NewRef(Py_None);
    case Value::Kind::kWire:
      break;
  }
  return DecodeWire(v);
}

// Whether a tuple that holds `obj`, decoded from the wire form at `p`, must be known to the collector. A tuple that is
// not can never be part of a cycle, nor can scalars, whatever their types' flags say.
bool NeedsCollector(const char* p, PyObject* obj) {
  const uint8_t tag = wire::TagAt(p);
  if (tag == wire::kOpaque) return PyObject_IS_GC(obj);
  if (!wire::IsContainer(tag)) return false;
  return wire::KindOf(tag) != wire::ContainerKind::kTuple || PyObject_GC_IsTracked(obj);
}

// A tuple of `count` values that next() gives one after the other.
template <typename Next>
inline PyObject* MakeTuple(Py_ssize_t count, Next next) {
  PyObject* tuple = PyTuple_New(count);
  if (ABSL_PREDICT_FALSE(tuple == nullptr)) return nullptr;
  if (count != 0) PyObject_GC_UnTrack(tuple);  // elements may run code, to which the collector must not show holes
  bool tracked = false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    const Value& v = next();
    PyObject* element = Decode(v);
    if (ABSL_PREDICT_FALSE(element == nullptr)) {
      Py_DECREF(tuple);
      return nullptr;
    }
    PyTuple_SET_ITEM(tuple, i, element);
    if (v.kind == Value::Kind::kWire && !tracked) tracked = NeedsCollector(v.data, element);
  }
  if (tracked) PyObject_GC_Track(tuple);
  return tuple;
}

PyObject* DecodeTuple(const wire::Container& c) {
  const char* p = c.body;
  Value v;
  return MakeTuple(c.count, [&p, &v]() -> const Value& {
    p = wire::ReadTerm(p, &v);
    return v;
  });
}

PyObject* DecodeNext(const char** p) {
  Value v;
  *p = wire::ReadTerm(*p, &v);
  return Decode(v);
}

PyObject* DecodeList(const wire::Container& c) {
  Ref list = Ref::Steal(PyList_New(c.count));
  if (!list) return nullptr;
  PyObject_GC_UnTrack(list.get());  // as above
  const char* p = c.body;
  for (uint32_t i = 0; i < c.count; ++i) {
    PyObject* element = DecodeNext(&p);
    if (element == nullptr) return nullptr;
    PyList_SET_ITEM(list.get(), i, element);
  }
  PyObject_GC_Track(list.get());
  return list.release();
}

PyObject* DecodeDict(const wire::Container& c) {
  Ref dict = Ref::Steal(PyDict_New());
  const char* p = c.body;
  for (uint32_t i = 0; dict && i < c.count; ++i) {
    Ref key = Ref::Steal(DecodeNext(&p));
    if (!key) return nullptr;
    Ref value = Ref::Steal(DecodeNext(&p));
    if (!value || PyDict_SetItem(dict.get(), key.get(), value.get()) != 0) return nullptr;
  }
  return dict.release();
}

PyObject* DecodeSet(const wire::Container& c) {
  Ref set = Ref::Steal(c.kind == wire::ContainerKind::kSet ? PySet_New(nullptr) : PyFrozenSet_New(nullptr));
  const char* p = c.body;
  for (uint32_t i = 0; set && i < c.count; ++i) {
    Ref element = Ref::Steal(DecodeNext(&p));
    if (!element || PySet_Add(set.get(), element.get()) != 0) return nullptr;
  }
  return set.release();
}

PyObject* DecodeContainer(const char* p) {
  if (Py_EnterRecursiveCall(" while reading a term") != 0) return nullptr;
  const wire::Container c = wire::ReadContainer(p);
  PyObject* object = nullptr;
  switch (c.kind) {
    case wire::ContainerKind::kTuple:
      object = DecodeTuple(c);
      break;
    case wire::ContainerKind::kList:
      object = DecodeList(c);
      break;
    case wire::ContainerKind::kMap:
      object = DecodeDict(c);
      break;
    case wire::ContainerKind::kSet:
    case wire::ContainerKind::kFrozenset:
      object = DecodeSet(c);
      break;
  }
  Py_LeaveRecursiveCall();
  return object;
}

PyObject* DecodeBytes(absl::string_view bytes) {
  return PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()));
}

PyObject* DecodeOpaque(const char* p) {
  Ref pickle = Ref::Steal(DecodeBytes(wire::OpaqueContent(p)));
  return pickle ? Unpickle(pickle.get()) : nullptr;
}

PyObject* DecodeWire(const Value& v) {
  const char* p = v.data;
  const uint8_t tag = wire::TagAt(p);
  if (wire::IsContainer(tag)) return DecodeContainer(p);
  switch (tag) {
    case wire::kFalse:
      return Py_NewRef(Py_False);
    case wire::kTrue:
      return Py_NewRef(Py_True);
    case wire::kBigPositive:
    case wire::kBigNegative:
      return DecodeBigInt(p);
    case wire::kAtom:
      return NewAtom(wire::AtomText(p));
    case wire::kDecimal:
      return DecodeDecimal(p);
    case wire::kUuid:
      return DecodeUuid(p);
    case wire::kBytesShort:
    case wire::kBytesLong:
      return DecodeBytes(wire::BytesContent(p));
    case wire::kOpaque:
      return DecodeOpaque(p);
    default:
      return DecodeMoment(p);
  }
}

}  // namespace

PyObject* DecodeValue(const Value& v) {
  assert(LocksHeldByThisThread() == 0);
  return Decode(v);
}

PyObject* DecodeRow(absl::Span<const Value> values) {
  assert(LocksHeldByThisThread() == 0);
  const Value* next = values.data();
  return MakeTuple(static_cast<Py_ssize_t>(values.size()), [&next]() -> const Value& { return *next++; });
}

}  // namespace partita
