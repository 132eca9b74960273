// Arguments of table methods as the engine wants them: rows, keys and positions, with errors that say what was wrong
// and where.
//
// Encoding may run Python code, so all of this happens before any engine call, and nothing parsed is shared between
// calls.

#ifndef PARTITA_BINDINGS_ROW_PARSE_H_
#define PARTITA_BINDINGS_ROW_PARSE_H_

#include <Python.h>

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "bindings/handles.h"
#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "table/table.h"

namespace partita {

// Room for one row's values on the stack. The values may also point into the row object, which the caller keeps alive.
class RowScratch {
 public:
  RowScratch() {}
  RowScratch(const RowScratch&) = delete;
  RowScratch& operator=(const RowScratch&) = delete;

  Value* Reserve(size_t count) {
    if (ABSL_PREDICT_TRUE(count <= kInlineValues)) return reinterpret_cast<Value*>(inline_values_);
    more_values_.resize(count);
    return more_values_.data();
  }
  EncodeArena arena;
  Ref tuple;  // of a row that came as a dict

 private:
  static constexpr size_t kInlineValues = 16;
  alignas(
      Value) char inline_values_[kInlineValues * sizeof(Value)];  // not constructed: a hot call fills only what it uses
  std::vector<Value> more_values_;
};

// Encodes `object`, a tuple or a dict of the table's fields, as a row into scratch. `key` (may be null) takes the place
// of the element at the key position. `index` is the row's place in a list, for the error message; kSingleRow if it
// came alone. False: an exception is set.
inline constexpr Py_ssize_t kSingleRow = -1;
// "7 " or "": how a message goes on after "row ".
struct RowName {
  explicit RowName(Py_ssize_t index) {
    if (index == kSingleRow) {
      text[0] = '\0';
    } else {
      PyOS_snprintf(text, sizeof(text), "%zd ", index);
    }
  }
  char text[32];
};
bool ParseRow(const Shape& shape, PyObject* object, const KeyView* key, Py_ssize_t index, RowScratch* scratch,
              RowView* row);
inline bool ParseRow(const Shape& shape, PyObject* object, RowScratch* scratch, RowView* row) {
  return ParseRow(shape, object, nullptr, kSingleRow, scratch, row);
}

// A key that is encoded without running any code and cannot be refused, unless it is too long.
inline bool IsPlainKey(PyObject* object) { return PyLong_CheckExact(object) || PyUnicode_CheckExact(object); }

// An ordered_set asks for none.
inline uint64_t HashOfKey(const Shape& shape, const Value& key) {
  return shape.options.type == TableType::kOrderedSet ? 0 : HashValue(key, shape.options.hash_seed);
}

// Encodes `object` as a key; the value may point into it.
inline bool ParseKey(const Shape& shape, PyObject* object, EncodeArena* arena, KeyView* key) {
  if (!(IsPlainKey(object) ? EncodeValue(object, arena, &key->key) : EncodeKey(object, arena, &key->key))) return false;
  key->hash = HashOfKey(shape, key->key);
  return true;
}

// A position: an int from 0, or the name of a field.
bool ParsePositionSlow(const Shape& shape, PyObject* object, uint32_t* position);
inline bool ParsePosition(const Shape& shape, PyObject* object, uint32_t* position) {
  int64_t i;
  if (ABSL_PREDICT_FALSE(!PyLong_CheckExact(object) || !ReadInt64(object, &i) || i < 0 || i >= kMaxArity)) {
    return ParsePositionSlow(shape, object, position);
  }
  *position = static_cast<uint32_t>(i);
  return true;
}

// Python's objects may lie anywhere in memory. Asks for those of rows that come after objects[i], which is encoded
// meanwhile: a list of rows that are scattered goes in in two thirds of the time.
void PrefetchRows(absl::Span<PyObject* const> objects, size_t i);

// Many rows on their way in, with strong references to the objects their values point into.
class RowBatch {
 public:
  RowBatch() = default;

  size_t size() const { return rows_.size(); }
  // False: an exception is set, and the batch is as before.
  bool Add(const Shape& shape, Ref object, Py_ssize_t index);
  // The rows added; valid until the next Add or Clear.
  absl::Span<const RowView> rows();
  void Clear();

 private:
  std::vector<Value> values_;
  std::vector<RowView> rows_;  // RowView::values is set by rows(), once values_ has stopped moving
  std::vector<Ref> objects_;
  EncodeArena arena_;
};

// The same for keys.
class KeyBatch {
 public:
  KeyBatch() = default;

  // Encodes `keys`, which stay alive and unchanged as long as the batch is used.
  bool Parse(const Shape& shape, absl::Span<PyObject* const> keys, Py_ssize_t first_index);
  absl::Span<const KeyView> keys() const { return keys_; }

 private:
  std::vector<KeyView> keys_;
  EncodeArena arena_;
};

}  // namespace partita

#endif  // PARTITA_BINDINGS_ROW_PARSE_H_
