#include "bindings/queue_methods.h"

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "bindings/arguments.h"
#include "bindings/buffer_handles.h"
#include "bindings/buffer_put.h"
#include "bindings/errors.h"
#include "bindings/handles.h"
#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "buffer/queue_buffer.h"

namespace partita {
namespace {

// Encodes what is to be pushed, and chooses its partition. The item may point into the object, and into *choice, which
// is used if there is a partition key.
inline bool EncodeItem(const QueueBuffer& queue, PyObject* object, PyObject* partition_key, EncodeArena* arena,
                       PartitionChoice* choice, QueueItem* item) {
  if (!EncodeValue(object, arena, &item->value)) return false;
  item->size = WireSize(item->value);
  if (ABSL_PREDICT_TRUE(partition_key == nullptr || partition_key == Py_None)) {
    item->partition = queue.PartitionOf(item->value);
    return true;
  }
  if (!ChoosePartition(queue, object, partition_key, arena, choice)) return false;
  item->partition = choice->partition;
  if (queue.is_durable()) item->partition_key = &choice->term;
  return true;
}

// Encoded items with what they point into.
class ItemBatch {
 public:
  static constexpr size_t kMost = 256;

  bool full() const { return items_.size() == kMost; }
  size_t size() const { return items_.size(); }
  // False: an exception is set, and the batch is as before.
  bool Add(const QueueBuffer& queue, Ref object, PyObject* partition_key) {
    QueueItem item;
    PartitionChoice choice;
    if (!EncodeItem(queue, object.get(), partition_key, &arena_, &choice, &item)) return false;
    if (item.partition_key != nullptr) item.partition_key = &choices_.emplace_back(std::move(choice)).term;
    items_.push_back(item);
    objects_.push_back(std::move(object));
    return true;
  }
  // Those of one partition together, in the order they came in. If some may find no room all are in that order, so that
  // those before the first one that is refused are in, and no other.
  absl::Span<const QueueItem> InPartitions(QueueBuffer* queue) {
    if (queue->partitions() == 1) return items_;
    uint64_t bytes = 0;
    for (const QueueItem& item : items_) bytes += item.size;
    if (!queue->FitNow(items_.size(), bytes)) return items_;
    begins_.assign(queue->partitions() + 1, 0);
    for (const QueueItem& item : items_) ++begins_[item.partition + 1];
    for (size_t p = 1; p < begins_.size(); ++p) begins_[p] += begins_[p - 1];
    sorted_.resize(items_.size());
    for (const QueueItem& item : items_) sorted_[begins_[item.partition]++] = item;
    return sorted_;
  }
  void Clear() {
    items_.clear();
    objects_.clear();
    choices_.clear();
    arena_.Clear();
  }

 private:
  std::vector<QueueItem> items_;
  std::vector<QueueItem> sorted_;
  std::vector<uint32_t> begins_;  // where the next item of a partition goes
  std::vector<Ref> objects_;
  std::deque<PartitionChoice> choices_;  // for a log
  EncodeArena arena_;
};

// Pushes what the batch holds, and adds its number to *count. False: an exception is set.
bool PushBatch(PyObject* self, QueueBuffer* queue, ItemBatch* batch, PutTimeout* timeout, uint64_t* count) {
  absl::Span<const QueueItem> rest = batch->InPartitions(queue);
  while (!rest.empty()) {
    PushResult result;
    uint64_t bytes = 0;  // of the item that is next
    uint32_t partition = 0;
    const bool pushed = PutInto(self, queue, bytes, partition, timeout, &result, [&](bool own, Wait wait, auto* told) {
      uint64_t done = 0;
      const Outcome outcome = queue->PushMany(rest, own, wait, &done, told);
      if (done != 0) partition = rest[done - 1].partition;
      rest.remove_prefix(done);
      *count += done;
      bytes = rest.empty() ? 0 : rest.front().size;
      return outcome;
    });
    if (!pushed) {
      AddContext("item %llu", static_cast<unsigned long long>(*count));
      return false;
    }
  }
  batch->Clear();
  return true;
}

}  // namespace

PyObject* QueuePush(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"item", "partition_key", "timeout"};
  PyObject* values[3];
  if (!AtMostPositional("push", nargs, 1) || !ParseArguments("push", kNames, 1, args, nargs, keywords, values)) {
    return nullptr;
  }
  auto* handle = HandleOf<QueueHandle>(self);
  PutTimeout timeout;
  if (handle == nullptr || !timeout.Parse(values[2])) return nullptr;
  QueueBuffer* queue = handle->buffer.get();
  EncodeArena arena;
  QueueItem item;
  PartitionChoice choice;
  if (!EncodeItem(*queue, values[0], values[1], &arena, &choice, &item)) return nullptr;
  PushResult result;
  const uint64_t bytes = item.size;
  if (!PutInto(self, queue, bytes, item.partition, &timeout, &result,
               [&](bool own, Wait wait, PushResult* told) { return queue->Push(item, own, wait, told); })) {
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyObject* QueuePushMany(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  static constexpr const char* kNames[] = {"items", "partition_key", "timeout"};
  PyObject* values[3];
  if (!AtMostPositional("push_many", nargs, 1) ||
      !ParseArguments("push_many", kNames, 1, args, nargs, keywords, values)) {
    return nullptr;
  }
  auto* handle = HandleOf<QueueHandle>(self);
  PutTimeout timeout;
  if (handle == nullptr || !timeout.Parse(values[2])) return nullptr;
  const Ref iterator = Ref::Steal(PyObject_GetIter(values[0]));
  if (!iterator) return nullptr;
  ItemBatch batch;
  uint64_t count = 0;
  for (Py_ssize_t index = 0;; ++index) {
    Ref object = Ref::Steal(PyIter_Next(iterator.get()));
    bool good = static_cast<bool>(object);
    if (good && !batch.Add(*handle->buffer, std::move(object), values[1])) {
      AddContext("item %zd", index);
      good = false;
    }
    if (good && !batch.full()) continue;
    // What came before an error goes in, so that what the error names is the first item that is missing.
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (!PushBatch(self, handle->buffer.get(), &batch, &timeout, &count)) {
      Py_XDECREF(type);
      Py_XDECREF(value);
      Py_XDECREF(traceback);
      return nullptr;
    }
    PyErr_Restore(type, value, traceback);
    if (type != nullptr || (good && PyErr_CheckSignals() != 0)) return nullptr;
    if (!good) return PyLong_FromUnsignedLongLong(count);
  }
}

}  // namespace partita
