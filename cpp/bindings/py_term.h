// Python objects to values and back. Everything here needs the GIL, may run Python code (pickle, tzinfo, the collector)
// and must not be called while an engine lock is held (debug builds assert it).
//
// What an object is stored as is decided by what it is in C, never by what its methods say: of a subclass of int, str,
// tuple, dict ... the built-in contents are read, so that an object that lies about itself harms nobody. Python code
// does run where an object is pickled, where a time zone or a NumPy scalar is asked, and where memory is allocated (the
// collector); it may re-enter all of this and change the object that is being encoded. Hence mutable containers are
// copied before their elements are looked at, every object is held by a reference while it is read, and nothing here is
// shared between two calls.

#ifndef PARTITA_BINDINGS_PY_TERM_H_
#define PARTITA_BINDINGS_PY_TERM_H_

#include <Python.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/base/optimization.h"
#include "absl/types/span.h"
#include "term/value.h"
#include "term/wire.h"

namespace partita {

// Bytes that encoded values point to. Addresses stay valid until Clear(). One per call depth: encoding may re-enter, so
// an arena is never shared between calls, let alone kept per table or thread. Lives on the stack; small values need no
// allocation.
class EncodeArena {
 public:
  EncodeArena() = default;
  EncodeArena(const EncodeArena&) = delete;
  EncodeArena& operator=(const EncodeArena&) = delete;

  // Throws std::bad_alloc.
  char* Allocate(size_t size) {
    if (ABSL_PREDICT_FALSE(size > static_cast<size_t>(end_ - next_))) return AllocateSlow(size);
    char* p = next_;
    next_ += size;
    return p;
  }
  // Keeps a block that was filled elsewhere.
  void Adopt(std::unique_ptr<char[]> block) { blocks_.push_back(std::move(block)); }
  void Clear() {
    next_ = inline_bytes_;
    end_ = inline_bytes_ + sizeof(inline_bytes_);
    blocks_.clear();
  }

 private:
  char* AllocateSlow(size_t size);

  char* next_ = inline_bytes_;
  char* end_ = inline_bytes_ + sizeof(inline_bytes_);
  std::vector<std::unique_ptr<char[]>> blocks_;
  char inline_bytes_[256];
};

// An exact int (not a subclass, not a bool) that fits 64 bits.
inline bool ReadInt64(PyObject* exact_int, int64_t* out) {
#if PY_VERSION_HEX >= 0x030C0000
  if (ABSL_PREDICT_TRUE(PyUnstable_Long_IsCompact(reinterpret_cast<PyLongObject*>(exact_int)))) {
    *out = PyUnstable_Long_CompactValue(reinterpret_cast<PyLongObject*>(exact_int));
    return true;
  }
#else
  const Py_ssize_t signed_digits = Py_SIZE(exact_int);
  if (ABSL_PREDICT_TRUE(signed_digits >= -1 && signed_digits <= 1)) {
    *out = signed_digits * static_cast<int64_t>(reinterpret_cast<PyLongObject*>(exact_int)->ob_digit[0]);
    return true;
  }
#endif
  int overflow;
  *out = PyLong_AsLongLongAndOverflow(exact_int, &overflow);
  return overflow == 0;
}

// `obj` as a value. The value may point into `arena`, or into `obj` itself (an ASCII str), which must therefore stay
// alive as long as the value is used. False: a Python exception is set (ValueError, TypeError, MemoryError,
// RecursionError, or what pickling raised).
bool EncodeValueSlow(PyObject* obj, EncodeArena* arena, Value* out);
inline bool EncodeValue(PyObject* obj, EncodeArena* arena, Value* out) {
  PyTypeObject* type = Py_TYPE(obj);
  if (type == &PyUnicode_Type) {
    if (ABSL_PREDICT_TRUE(PyUnicode_IS_COMPACT_ASCII(obj) && PyUnicode_GET_LENGTH(obj) < kMaxTermSize - 5)) {
      const auto* text = reinterpret_cast<const char*>(reinterpret_cast<PyASCIIObject*>(obj) + 1);
      *out = Value::Str(text, static_cast<uint32_t>(PyUnicode_GET_LENGTH(obj)), /*ascii=*/true);
      return true;
    }
  } else if (type == &PyLong_Type) {
    int64_t i;
    if (ABSL_PREDICT_TRUE(ReadInt64(obj, &i))) {
      *out = Value::Int(i);
      return true;
    }
  } else if (type == &PyFloat_Type) {
    *out = Value::Float(PyFloat_AS_DOUBLE(obj));
    return true;
  } else if (obj == Py_None) {
    *out = Value::None();
    return true;
  } else if (type == &PyBool_Type) {
    *out = BoolValue(obj == Py_True);
    return true;
  }
  return EncodeValueSlow(obj, arena, out);
}

// The same for a key: refuses opaque terms, also nested ones, with a TypeError that names the key.
bool EncodeKey(PyObject* obj, EncodeArena* arena, Value* out);

// A new reference, or null with an exception set.
PyObject* DecodeValue(const Value& v);
// A tuple of the values, untracked by the collector when it holds atomic values only.
PyObject* DecodeRow(absl::Span<const Value> values);

// Registers Atom and what encoding needs (datetime C API, cached modules) on the extension module; false with an
// exception set.
bool InitTerms(PyObject* module);

// Adds _term_encode, _term_decode, _term_compare ... to the module: what the tests of the laws of terms call.
bool RegisterTermTestHooks(PyObject* module);

}  // namespace partita

#endif  // PARTITA_BINDINGS_PY_TERM_H_
