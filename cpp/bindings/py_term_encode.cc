// EncodeValueSlow and EncodeKey: what an object is stored as.

#include <cassert>
#include <cstdarg>
#include <cstring>
#include <stdexcept>

#include "absl/base/attributes.h"
#include "absl/container/inlined_vector.h"
#include "base/lock.h"
#include "bindings/errors.h"
#include "bindings/py_atom.h"
#include "bindings/py_foreign.h"
#include "bindings/py_moment.h"
#include "bindings/py_ref.h"
#include "bindings/py_scalar.h"
#include "bindings/py_term.h"
#include "bindings/py_text.h"
#include "term/wire_writer.h"

namespace partita {
namespace {

// The way from the object that was given to the one that is being encoded, for messages. Lives on the stack.
struct Path {
  enum class Step : uint8_t { kIndex, kValueOf, kKey, kElement };

  const Path* outer;
  Step step;
  Py_ssize_t index;  // kIndex
  PyObject* key;     // kValueOf, borrowed
};

// "[2]['name']", outermost step first. Only keys whose repr runs no foreign code are spelled out.
PyObject* PathText(const Path* path, int steps_left) {
  if (path == nullptr) return PyUnicode_FromString("");
  if (steps_left == 0) return PyUnicode_FromString("...");
  Ref outer = Ref::Steal(PathText(path->outer, steps_left - 1));
  if (!outer) return nullptr;
  switch (path->step) {
    case Path::Step::kIndex:
      return PyUnicode_FromFormat("%U[%zd]", outer.get(), path->index);
    case Path::Step::kKey:
      return PyUnicode_FromFormat("%U<key>", outer.get());
    case Path::Step::kElement:
      return PyUnicode_FromFormat("%U<element>", outer.get());
    case Path::Step::kValueOf:
      break;
  }
  if (PyUnicode_CheckExact(path->key) || PyLong_CheckExact(path->key)) {
    return PyUnicode_FromFormat("%U[%.100R]", outer.get(), path->key);
  }
  return PyUnicode_FromFormat("%U[...]", outer.get());
}

// Puts where it happened before the message.
void RaiseAt(const Path* path, PyObject* message) {
  constexpr int kMaxSteps = 8;
  Ref where = Ref::Steal(PathText(path, kMaxSteps));
  if (!where) return;
  if (path == nullptr) {
    PyErr_SetObject(PyExc_ValueError, message);
  } else {
    PyErr_Format(PyExc_ValueError, "%U: %U", where.get(), message);
  }
}

bool Refuse(const Path* path, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  Ref message = Ref::Steal(PyUnicode_FromFormatV(format, arguments));
  va_end(arguments);
  if (message) RaiseAt(path, message.get());
  return false;
}

// Up to 3.11 a str made by an old extension may not have its final form yet.
bool MakeReady([[maybe_unused]] PyObject* text) {
#if PY_VERSION_HEX < 0x030C0000
  return PyUnicode_READY(text) == 0;
#else
  return true;
#endif
}

// Objects held while Python code may run.
class Held {
 public:
  Held() = default;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (IsShuttingDown()) return;  // see Ref
    for (PyObject* object : objects_) Py_DECREF(object);
  }
  void Add(PyObject* object) {
    objects_.push_back(object);
    Py_INCREF(object);
  }
  size_t size() const { return objects_.size(); }
  PyObject* operator[](size_t i) const { return objects_[i]; }

 private:
  absl::InlinedVector<PyObject*, 16> objects_;
};

// Guards the C stack, also against objects whose pickling comes back here again and again.
class Recursion {
 public:
  Recursion() : entered_(Py_EnterRecursiveCall(" while storing a term") == 0) {}
  ~Recursion() {
    if (entered_ && !IsShuttingDown()) Py_LeaveRecursiveCall();  // see Ref
  }
  bool entered() const { return entered_; }

 private:
  const bool entered_;
};

// The items of a dict as keys and values in turn. No Python code runs while they are collected.
void HoldItems(PyObject* dict, Held* items) {
  PyObject *key, *value;
  Py_ssize_t position = 0;
  while (PyDict_Next(dict, &position, &key, &value)) {
    items->Add(key);
    items->Add(value);
  }
}

// An OrderedDict has an order of its own beside that of the dict it is.
bool HoldOrderedItems(PyObject* dict, Held* items) {
  Ref keys = Ref::Steal(PyODict_Type.tp_iter(dict));
  while (keys) {
    Ref key = Ref::Steal(PyIter_Next(keys.get()));
    if (!key) break;
    PyObject* value = PyDict_GetItemWithError(dict, key.get());  // compares keys: may run Python code
    if (value == nullptr && PyErr_Occurred()) break;
    if (value == nullptr) continue;  // taken out of the dict behind its back
    items->Add(key.get());
    items->Add(value);
  }
  return !PyErr_Occurred();
}

// Whether the term at `p`, a dict's key or an element of a set, comes back as an object that can be hashed.
bool IsHashable(const char* p) {
  if (!wire::IsContainer(wire::TagAt(p))) return true;
  const wire::Container c = wire::ReadContainer(p);
  if (c.kind == wire::ContainerKind::kFrozenset) return true;  // what it holds was checked when it was encoded
  if (c.kind != wire::ContainerKind::kTuple) return false;
  const char* element = c.body;
  for (uint32_t i = 0; i < c.count; ++i) {
    if (!IsHashable(element)) return false;
    element = wire::SkipTerm(element);
  }
  return true;
}

class Encoder {
 public:
  // `key` (may be null) is the whole object if that is to be a key: then an opaque part is refused before it is
  // pickled.
  explicit Encoder(PyObject* key) : key_(key) {}

  WireWriter& writer() { return writer_; }

  bool Encode(PyObject* obj, const Path* path, int depth) {
    if (PyUnicode_Check(obj)) return EncodeStr(obj, path);
    if (PyLong_Check(obj)) return EncodeLong(obj, path);
    if (PyFloat_Check(obj)) {
      writer_.AddFloat(PyFloat_AS_DOUBLE(obj));
      return true;
    }
    if (obj == Py_None) {
      writer_.AddNone();
      return true;
    }
    if (PyTuple_Check(obj)) return EncodeTuple(obj, path, depth);
    if (PyList_Check(obj)) return EncodeList(obj, path, depth);
    if (PyDict_Check(obj)) return EncodeDict(obj, path, depth);
    if (PyBytes_Check(obj)) return EncodeBytes(PyBytes_AS_STRING(obj), PyBytes_GET_SIZE(obj), path);
    if (PyAnySet_Check(obj)) return EncodeSet(obj, path, depth);
    if (IsAtom(obj)) return EncodeAtom(obj);
    return EncodeOther(obj, path, depth);
  }

 private:
  bool TooLarge(const Path* path, const char* what) {
    return Refuse(path, "%s of more than 2 GiB cannot be stored: split it", what);
  }

  // In any case one level of recursion more.
  bool CheckDepth(const Path* path, int depth) {
    if (depth < kMaxTermDepth) return true;
    return Refuse(
        path,
        "a value nested deeper than %d cannot be stored (does it contain itself?): flatten it, or store it as bytes",
        kMaxTermDepth);
  }

  bool EncodeStr(PyObject* text, const Path* path) {
    if (!MakeReady(text)) return false;
    Py_ssize_t surrogate = 0;
    const Py_ssize_t size = Utf8Size(text, &surrogate);
    if (size < 0) {
      return Refuse(
          path,
          "a str with a lone surrogate (U+%x at index %zd) cannot be stored, it is no valid text: replace it, or "
          "store text.encode('utf-8', 'surrogatepass')",
          static_cast<unsigned>(PyUnicode_READ_CHAR(text, surrogate)), surrogate);
    }
    if (size > static_cast<Py_ssize_t>(kMaxTermSize - 5)) return TooLarge(path, "a str");
    WriteUtf8(text, writer_.AddStrRoom(static_cast<size_t>(size), PyUnicode_IS_ASCII(text)));
    return true;
  }

  bool EncodeLong(PyObject* obj, const Path* path) {
    if (PyBool_Check(obj)) {
      writer_.AddBool(obj == Py_True);
      return true;
    }
    int overflow;
    const long long i = PyLong_AsLongLongAndOverflow(obj, &overflow);
    if (overflow == 0) {
      writer_.AddInt(i);
      return true;
    }
    BigBytes big;
    if (!ReadBigInt(obj, &big)) return false;
    if (big.size() > kMaxTermSize - 5) return TooLarge(path, "an int");
    std::memcpy(writer_.AddBigRoom(overflow < 0, big.size()), big.data(), big.size());
    return true;
  }

  bool EncodeBytes(const char* data, Py_ssize_t size, const Path* path) {
    if (size > static_cast<Py_ssize_t>(kMaxTermSize - 5)) return TooLarge(path, "bytes");
    char* room = writer_.AddBytesRoom(static_cast<size_t>(size));
    if (size != 0) std::memcpy(room, data, static_cast<size_t>(size));
    return true;
  }

  // Kept out of Encode(), as EncodeOther() is: what they put on the stack is not needed once per level.
  ABSL_ATTRIBUTE_NOINLINE bool EncodeAtom(PyObject* atom) {
    PyObject* name = AtomName(atom);
    char text[4 * kMaxAtomLength];
    Py_ssize_t surrogate;
    const Py_ssize_t size = Utf8Size(name, &surrogate);
    WriteUtf8(name, text);
    writer_.AddAtom(absl::string_view(text, static_cast<size_t>(size)));
    return true;
  }

  // `tuple` never changes.
  bool EncodeElements(PyObject* tuple, const Path* path, int depth) {
    if (!CheckDepth(path, depth)) return false;
    Recursion recursion;
    if (!recursion.entered()) return false;
    Path inner{path, Path::Step::kIndex, 0, nullptr};
    for (Py_ssize_t i = 0, count = PyTuple_GET_SIZE(tuple); i < count; ++i) {
      inner.index = i;
      if (!Encode(PyTuple_GET_ITEM(tuple, i), &inner, depth + 1)) return false;
    }
    return true;
  }

  bool EncodeTuple(PyObject* tuple, const Path* path, int depth) {
    const WireWriter::Mark mark = writer_.Begin();
    if (!EncodeElements(tuple, path, depth)) return false;
    writer_.EndTuple(mark, static_cast<size_t>(PyTuple_GET_SIZE(tuple)));
    return true;
  }

  bool EncodeList(PyObject* list, const Path* path, int depth) {
    Ref elements = Ref::Steal(PyList_AsTuple(list));
    if (!elements) return false;
    const WireWriter::Mark mark = writer_.Begin();
    if (!EncodeElements(elements.get(), path, depth)) return false;
    writer_.EndList(mark, static_cast<size_t>(PyTuple_GET_SIZE(elements.get())));
    return true;
  }

  bool EncodeHashed(PyObject* obj, const Path* path, int depth, const char* what) {
    const size_t start = writer_.size();
    if (!Encode(obj, path, depth)) return false;
    if (IsHashable(writer_.bytes().data() + start)) return true;
    return Refuse(path, "%s that would come back as something without a hash (a %.100s) cannot be stored", what,
                  Py_TYPE(obj)->tp_name);
  }

  bool EncodeDict(PyObject* dict, const Path* path, int depth) {
    if (!CheckDepth(path, depth)) return false;
    Recursion recursion;
    if (!recursion.entered()) return false;
    Held items;
    if (!PyODict_Check(dict)) {
      HoldItems(dict, &items);
    } else if (!HoldOrderedItems(dict, &items)) {
      return false;
    }
    const WireWriter::Mark mark = writer_.Begin();
    for (size_t i = 0; i < items.size(); i += 2) {
      const Path to_key{path, Path::Step::kKey, 0, nullptr};
      const Path to_value{path, Path::Step::kValueOf, 0, items[i]};
      if (!EncodeHashed(items[i], &to_key, depth + 1, "a dict key")) return false;
      if (!Encode(items[i + 1], &to_value, depth + 1)) return false;
    }
    const WireWriter::Sorted sorted = writer_.EndMap(mark, items.size() / 2);
    if (sorted.ok) return true;
    return Refuse(path,
                  "a dict with two keys that are one value once stored cannot be stored (the later one is a %.100s)",
                  Py_TYPE(items[size_t{2} * sorted.duplicate])->tp_name);
  }

  bool EncodeSet(PyObject* set, const Path* path, int depth) {
    if (!CheckDepth(path, depth)) return false;
    Recursion recursion;
    if (!recursion.entered()) return false;
    Held elements;
    Ref iterator = Ref::Steal(PySet_Type.tp_iter(set));  // of a frozenset too; never what a subclass says
    while (iterator) {
      Ref element = Ref::Steal(PyIter_Next(iterator.get()));
      if (!element) break;
      elements.Add(element.get());
    }
    if (PyErr_Occurred()) return false;
    const Path inner{path, Path::Step::kElement, 0, nullptr};
    const WireWriter::Mark mark = writer_.Begin();
    for (size_t i = 0; i < elements.size(); ++i) {
      if (!EncodeHashed(elements[i], &inner, depth + 1, "an element of a set")) return false;
    }
    const bool frozen = PyFrozenSet_Check(set);
    const WireWriter::Sorted sorted = writer_.EndSet(mark, elements.size(), frozen);
    if (sorted.ok) return true;
    return Refuse(path,
                  "a set with two elements that are one value once stored cannot be stored (the later one is a %.100s)",
                  Py_TYPE(elements[sorted.duplicate])->tp_name);
  }

  ABSL_ATTRIBUTE_NOINLINE bool EncodeOther(PyObject* obj, const Path* path, int depth) {
    if (PyByteArray_Check(obj)) return EncodeBytes(PyByteArray_AS_STRING(obj), PyByteArray_GET_SIZE(obj), path);
    if (PyMemoryView_Check(obj)) return EncodeMemoryView(obj, path);
    switch (EncodeScalar(obj, &writer_)) {
      case Encoded::kDone:
        return true;
      case Encoded::kError:
        return false;
      case Encoded::kOpaque:
        return EncodeOpaque(obj, path);
      case Encoded::kOther:
        break;
    }
    if (IsInstanceIfLoaded(obj, "numpy", "generic")) return EncodeNumpy(obj, path, depth);
    return EncodeOpaque(obj, path);
  }

  bool EncodeMemoryView(PyObject* view, const Path* path) {
    Ref bytes = Ref::Steal(PyBytes_FromObject(view));  // what is not contiguous too; a released one is refused
    return bytes && EncodeBytes(PyBytes_AS_STRING(bytes.get()), PyBytes_GET_SIZE(bytes.get()), path);
  }

  bool EncodeNumpy(PyObject* scalar, const Path* path, int depth) {
    if (IsInstanceIfLoaded(scalar, "numpy", "datetime64")) {
      return Refuse(path,
                    "a numpy.datetime64 cannot be stored: store x.astype('datetime64[us]').item(), a datetime, or "
                    "x.astype('int64').item(), an int; for NaT store None");
    }
    if (IsInstanceIfLoaded(scalar, "numpy", "timedelta64")) {
      return Refuse(path,
                    "a numpy.timedelta64 cannot be stored: store x.astype('timedelta64[us]').item(), a timedelta, or "
                    "x.astype('int64').item(), an int; for NaT store None");
    }
    Ref item = Ref::Steal(PyObject_CallMethod(scalar, "item", nullptr));
    if (!item) return false;
    // A long double has no built-in value and gives itself.
    if (IsInstanceIfLoaded(item.get(), "numpy", "generic")) return EncodeOpaque(scalar, path);
    return Encode(item.get(), path, depth);
  }

  bool RefuseOpaqueKey(PyObject* obj) {
    Ref repr = Ref::Steal(ShortRepr(key_));
    if (repr) {
      PyErr_Format(
          PyExc_TypeError,
          "%U cannot be a key: %s stored as a pickle, and equal objects may have different pickles; use a str, a "
          "number or a tuple of such",
          repr.get(), obj == key_ ? "it is" : "a part of it is");
    }
    return false;
  }

  bool EncodeOpaque(PyObject* obj, const Path* path) {
    if (key_ != nullptr) return RefuseOpaqueKey(obj);
    Ref pickle = Ref::Steal(Pickle(obj));
    if (!pickle) return false;
    const Py_ssize_t size = PyBytes_GET_SIZE(pickle.get());
    if (size > static_cast<Py_ssize_t>(kMaxTermSize - 5)) return TooLarge(path, "an object with a pickle");
    char* room = writer_.AddOpaqueRoom(static_cast<size_t>(size));
    std::memcpy(room, PyBytes_AS_STRING(pickle.get()), static_cast<size_t>(size));
    return true;
  }

  PyObject* const key_;
  WireWriter writer_;
};

// A str or a number, subclasses included, without the detour over the wire form. False if it must take that.
bool EncodeNative(PyObject* obj, Value* out) {
  if (PyUnicode_Check(obj)) {
    if (!MakeReady(obj)) {
      PyErr_Clear();  // comes up again on the detour
      return false;
    }
    if (!PyUnicode_IS_ASCII(obj) || PyUnicode_GET_LENGTH(obj) > static_cast<Py_ssize_t>(kMaxTermSize - 5)) return false;
    const auto* text = static_cast<const char*>(PyUnicode_DATA(obj));
    *out = Value::Str(text, static_cast<uint32_t>(PyUnicode_GET_LENGTH(obj)), /*ascii=*/true);
    return true;
  }
  if (PyLong_Check(obj) && !PyBool_Check(obj)) {
    int overflow;
    *out = Value::Int(PyLong_AsLongLongAndOverflow(obj, &overflow));
    return overflow == 0;
  }
  if (!PyFloat_Check(obj)) return false;
  *out = Value::Float(PyFloat_AS_DOUBLE(obj));
  return true;
}

// A value that is told without running any code and takes a few bytes in wire form.
inline bool ReadPlain(PyObject* obj, Value* out) {
  PyTypeObject* type = Py_TYPE(obj);
  if (type == &PyUnicode_Type) {
    if (!PyUnicode_IS_COMPACT_ASCII(obj) || PyUnicode_GET_LENGTH(obj) > static_cast<Py_ssize_t>(wire::kMaxShort)) {
      return false;
    }
    *out = Value::Str(reinterpret_cast<const char*>(reinterpret_cast<PyASCIIObject*>(obj) + 1),
                      static_cast<uint32_t>(PyUnicode_GET_LENGTH(obj)), /*ascii=*/true);
    return true;
  }
  if (type == &PyLong_Type) {
    int64_t i = 0;
    const bool fits = ReadInt64(obj, &i);
    *out = Value::Int(i);
    return fits;
  }
  if (type == &PyFloat_Type) {
    *out = Value::Float(PyFloat_AS_DOUBLE(obj));
    return true;
  }
  *out = Value::None();
  return obj == Py_None;
}

// The usual item of a buffer: a short tuple of such values, written without the machinery for nested ones. False if it
// is none.
bool EncodePlainTuple(PyObject* tuple, EncodeArena* arena, Value* out) {
  constexpr Py_ssize_t kMostElements = 12;
  const Py_ssize_t count = PyTuple_GET_SIZE(tuple);
  if (count > kMostElements) return false;
  Value values[kMostElements];
  uint32_t size = 0;
  uint8_t flags = 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!ReadPlain(PyTuple_GET_ITEM(tuple, i), &values[i])) return false;
    size += WireSize(values[i]);
    flags |= wire::InheritedFlags(values[i]);
  }
  if (size > wire::kMaxShort) return false;
  char* const begin = arena->Allocate(wire::kShortHeader + size);
  begin[0] = static_cast<char>(wire::kContainer | flags >> 1);  // of kind tuple, which is 0
  begin[1] = static_cast<char>(size);
  begin[2] = static_cast<char>(count);
  char* p = begin + wire::kShortHeader;
  for (Py_ssize_t i = 0; i < count; ++i) p = WriteWire(values[i], p);
  *out = Value::Wire(begin, wire::kShortHeader + size, flags);
  return true;
}

// Moves the term that was written to where it stays.
Value Keep(WireWriter* writer, EncodeArena* arena) {
  const absl::string_view bytes = writer->bytes();
  if (std::unique_ptr<char[]> block = writer->ReleaseHeap()) {
    arena->Adopt(std::move(block));
    return ValueFromWire(bytes);
  }
  char* copy = arena->Allocate(bytes.size());
  std::memcpy(copy, bytes.data(), bytes.size());
  return ValueFromWire(absl::string_view(copy, bytes.size()));
}

bool EncodeWhole(PyObject* obj, bool is_key, EncodeArena* arena, Value* out) {
  assert(LocksHeldByThisThread() == 0);
  if (EncodeNative(obj, out)) return true;
  try {
    if (PyTuple_CheckExact(obj) && EncodePlainTuple(obj, arena, out)) return true;
    Encoder encoder(is_key ? obj : nullptr);
    if (!encoder.Encode(obj, nullptr, 0)) {
      assert(PyErr_Occurred());
      return false;
    }
    *out = Keep(&encoder.writer(), arena);
    return true;
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::length_error&) {
    PyErr_SetString(PyExc_ValueError, "a value of more than 2 GiB cannot be stored: split it");
  }
  return false;
}

}  // namespace

bool EncodeValueSlow(PyObject* obj, EncodeArena* arena, Value* out) { return EncodeWhole(obj, false, arena, out); }

bool EncodeKey(PyObject* obj, EncodeArena* arena, Value* out) { return EncodeWhole(obj, true, arena, out); }

}  // namespace partita
