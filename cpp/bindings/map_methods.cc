#include "bindings/map_methods.h"

#include <cstdint>
#include <memory>

#include "bindings/arguments.h"
#include "bindings/buffer_handles.h"
#include "bindings/buffer_put.h"
#include "bindings/errors.h"
#include "bindings/handles.h"
#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "buffer/map_buffer.h"

namespace partita {
namespace {

// The key, and the partition in which it is.
inline bool ParseMapKey(const MapBuffer& map, PyObject* object, PyObject* partition_key, EncodeArena* arena,
                        KeyView* key, PartitionChoice* choice) {
  const bool plain = PyLong_CheckExact(object) || PyUnicode_CheckExact(object);
  if (!(plain ? EncodeValue(object, arena, &key->key) : EncodeKey(object, arena, &key->key))) return false;
  key->hash = map.HashKey(key->key);
  choice->partition = map.PartitionOfHash(key->hash);
  return ABSL_PREDICT_TRUE(partition_key == nullptr || partition_key == Py_None) ||
         ChoosePartition(map, object, partition_key, arena, choice);
}

bool ParseVersion(PyObject* object, EncodeArena* arena, Value* version) {
  if (PyBool_Check(object) || !PyIndex_Check(object)) {
    PyErr_Format(PyExc_TypeError, "a version is an int, not %.100s", Py_TYPE(object)->tp_name);
    return false;
  }
  const Ref number = Ref::Steal(PyNumber_Index(object));
  return number && EncodeValue(number.get(), arena, version);  // an int is copied
}

// values: key, value, partition_key, timeout. `version` may be null. False: an exception is set.
bool PutEntry(PyObject* self, PyObject* const (&values)[4], PyObject* version, PushResult* result) {
  auto* handle = HandleOf<MapHandle>(self);
  PutTimeout timeout;
  if (handle == nullptr || !timeout.Parse(values[3])) return false;
  MapBuffer* map = handle->buffer.get();
  EncodeArena arena;
  MapEntry entry;
  Value number;
  PartitionChoice choice;
  if (!ParseMapKey(*map, values[0], values[2], &arena, &entry.key, &choice) ||
      !EncodeValue(values[1], &arena, &entry.value) ||
      (version != nullptr && !ParseVersion(version, &arena, &number))) {
    return false;
  }
  if (version != nullptr) entry.version = &number;
  entry.partition = choice.partition;
  if (choice.object) entry.partition_key = &choice.term;
  const uint64_t bytes = MapBuffer::BytesOf(entry);
  return PutInto(self, map, bytes, entry.partition, &timeout, result,
                 [&](bool own, Wait wait, PushResult* told) { return map->Put(entry, own, wait, told); });
}

}  // namespace

PyObject* MapPut(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"key", "value", "partition_key", "timeout"};
  PyObject* values[4];
  PushResult result;
  if (!AtMostPositional("put", nargs, 2) || !ParseArguments("put", kNames, 2, args, nargs, keywords, values) ||
      !PutEntry(self, values, nullptr, &result)) {
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyObject* MapPutNewer(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"key", "value", "version", "partition_key", "timeout"};
  PyObject* values[5];
  PushResult result;
  if (!AtMostPositional("put_newer", nargs, 3) ||
      !ParseArguments("put_newer", kNames, 3, args, nargs, keywords, values)) {
    return nullptr;
  }
  PyObject* const rest[] = {values[0], values[1], values[3], values[4]};
  if (!PutEntry(self, rest, values[2], &result)) return nullptr;
  return PyBool_FromLong(result.verdict == PushVerdict::kTaken);
}

PyObject* MapGet(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"key", "default", "partition_key"};
  PyObject* values[3];
  if (!AtMostPositional("get", nargs, 2) || !ParseArguments("get", kNames, 1, args, nargs, keywords, values)) {
    return nullptr;
  }
  auto* handle = HandleOf<MapHandle>(self);
  EncodeArena arena;
  KeyView key;
  PartitionChoice choice;
  if (handle == nullptr || !ParseMapKey(*handle->buffer, values[0], values[2], &arena, &key, &choice)) {
    return nullptr;
  }
  std::shared_ptr<Table> table;  // before what may point into it
  RowBuffer found;
  const Outcome outcome =
      CallEngine([&](Wait wait) { return handle->buffer->Get(key, choice.partition, wait, &table, &found); });
  if (outcome != Outcome::kOk) return RaiseOutcome(Shape(), outcome);
  if (found.empty()) return Py_NewRef(values[1] == nullptr ? Py_None : values[1]);
  return DecodeValue(found.row(0)[1]);
}

PyObject* MapDelete(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"key", "partition_key"};
  PyObject* values[2];
  if (!AtMostPositional("delete", nargs, 1) || !ParseArguments("delete", kNames, 1, args, nargs, keywords, values)) {
    return nullptr;
  }
  auto* handle = HandleOf<MapHandle>(self);
  EncodeArena arena;
  KeyView key;
  PartitionChoice choice;
  if (handle == nullptr || !ParseMapKey(*handle->buffer, values[0], values[1], &arena, &key, &choice)) {
    return nullptr;
  }
  bool deleted;
  const Outcome outcome =
      CallEngine([&](Wait wait) { return handle->buffer->Delete(key, choice.partition, wait, &deleted); });
  if (outcome != Outcome::kOk) return RaiseBufferOutcome(self, outcome);
  Py_RETURN_NONE;
}

}  // namespace partita
