// `_core.QueueBuffer` and `_core.MapBuffer`, from which python/partita/buffers.py derives, and for what runs their
// processors `_core.BufferControl`, `_core.Batch` and `_core.FlushWatch`.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "bindings/buffer_handles.h"
#include "bindings/entry.h"
#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/handles.h"
#include "bindings/instance.h"
#include "bindings/map_methods.h"
#include "bindings/pacer.h"
#include "bindings/py_term.h"
#include "bindings/queue_methods.h"
#include "bindings/register.h"

namespace py = pybind11;

namespace partita {
namespace {

PyMethodDef queue_methods[] = {
    Method<&QueuePush>("push",
                       "push($self, item, *, partition_key=None, timeout=None)\n--\n\n"
                       "Puts in one item, any value that a table can hold.\n\n"
                       "`partition_key` chooses the partition: None (the item's hash), a callable that takes the\n"
                       "item, or any term; equal terms choose the same. If the buffer is full and overflow is\n"
                       "'block', the call waits for room, `timeout` seconds at most (None: for ever)."),
    Method<&QueuePushMany>("push_many",
                           "push_many($self, items, *, partition_key=None, timeout=None)\n--\n\n"
                           "Puts in each item of any iterable, and returns how many; much faster than a loop.\n\n"
                           "Items of one partition keep their order. Not atomic: if an item is refused or the\n"
                           "iterable raises, the items before it stay in; where other threads fill the buffer at that\n"
                           "moment, or stop it, some of those behind it may be in instead."),
    {nullptr, nullptr, 0, nullptr},
};

PyMethodDef map_methods[] = {
    Method<&MapPut>("put",
                    "put($self, key, value, *, partition_key=None, timeout=None)\n--\n\n"
                    "Sets the value of a key; version and updates become 0.\n\n"
                    "`partition_key` and `timeout` as in QueueBuffer.push; a callable takes the key. A key that is in\n"
                    "the write table needs no room."),
    Method<&MapPutNewer>("put_newer",
                         "put_newer($self, key, value, version, *, partition_key=None, timeout=None)\n--\n\n"
                         "Sets the value of a key unless the write table has one of the same or a greater version,\n"
                         "an int; whether it did."),
    Method<&MapGet>("get",
                    "get($self, key, default=None, *, partition_key=None)\n--\n\n"
                    "The value of a key in the write table, or `default`."),
    Method<&MapDelete>("delete",
                       "delete($self, key, *, partition_key=None)\n--\n\n"
                       "Deletes a key from the write table. An absent key is no error."),
    {nullptr, nullptr, 0, nullptr},
};

auto WithMethods(PyMethodDef* methods) {
  return [methods](PyTypeObject* type) { type->tp_methods = methods; };
}

void Check(Outcome outcome) {
  if (outcome == Outcome::kOk) return;
  RaiseOutcome(Shape(), outcome);
  throw py::error_already_set();
}

bool Freeze(const BufferControl& control, uint32_t partition, const WatchHandle* watch) {
  bool waiting = false;
  const std::shared_ptr<FlushWatch> followed = watch == nullptr ? nullptr : watch->watch;
  Check(CallEngine([&](Wait wait) { return control.buffer->Freeze(partition, followed, wait, &waiting); }));
  return waiting;
}

std::unique_ptr<BatchHandle> Take(const BufferControl& control, uint32_t partition, uint64_t most, bool whole) {
  auto handle = std::make_unique<BatchHandle>();
  handle->buffer = control.buffer;
  Check(CallEngine([&](Wait wait) { return control.buffer->TakeBatch(partition, most, whole, wait, &handle->batch); }));
  return handle->batch == nullptr ? nullptr : std::move(handle);
}

bool Resolve(const BatchHandle& handle, uint64_t processed, uint64_t dead, const std::vector<uint64_t>& failed) {
  bool done = false;
  Check(CallEngine(
      [&](Wait wait) { return handle.buffer->Resolve(handle.batch.get(), processed, dead, failed, wait, &done); }));
  return done;
}

void SetInDoubt(const BatchHandle& handle, bool in_doubt) {
  Check(CallEngine([&](Wait wait) { return handle.buffer->SetInDoubt(handle.batch.get(), in_doubt, wait); }));
}

// What was raised instead of an item, which then is not what the item's own code made of it.
PyObject* TakeError() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return value;
}

// The items as a list. One that cannot be made any more (its class is gone, say) is an error, or with `broken`, a list
// to which its number is added, that error stands in its place; but for want of memory.
py::object Items(const BatchHandle& handle, const py::object& broken) {
  const Batch& batch = *handle.batch;
  const bool of_map = !batch.rows().empty();
  Ref list = Ref::Steal(PyList_New(static_cast<Py_ssize_t>(batch.size())));
  if (!list) throw py::error_already_set();
  PyObject_GC_UnTrack(list.get());  // the collector must not show a list with holes to anybody
  Py_ssize_t next = 0;
  const auto add = [&](PyObject* item) {
    if (ABSL_PREDICT_FALSE(item == nullptr)) {
      if (broken.is_none() || PyErr_ExceptionMatches(PyExc_MemoryError)) return false;
      item = TakeError();
      const Ref number = Ref::Steal(PyLong_FromSsize_t(next));
      if (!number || PyList_Append(broken.ptr(), number.get()) != 0) {
        Py_XDECREF(item);
        return false;
      }
    }
    PyList_SET_ITEM(list.get(), next++, item);
    return true;
  };
  bool good = true;
  if (of_map) {
    for (size_t i = 0; i < batch.rows().size() && good; ++i) good = add(DecodeRow(batch.rows().row(i)));
  } else {
    batch.items().ForEach([&](const Value& value) { return good = add(DecodeValue(value)); });
  }
  if (!good) throw py::error_already_set();
  PyObject_GC_Track(list.get());
  return py::reinterpret_steal<py::object>(list.release());
}

void Fill(const BatchHandle& handle, py::handle table) {
  TableHandle* target = HandleOf<TableHandle>(table.ptr());
  if (target == nullptr) throw py::error_already_set();
  Check(WithoutGil([&] { return QueueBuffer::FillTable(*handle.batch, target->table.get()); }));
}

uint64_t Limit(const py::object& number) { return number.is_none() ? kNoLimit : number.cast<uint64_t>(); }

void SetLimits(const BufferControl& control, const py::object& max_items, const py::object& max_bytes,
               const py::object& flush_at, const std::string& overflow) {
  BufferLimits limits;
  limits.max_items = Limit(max_items);
  limits.max_bytes = Limit(max_bytes);
  limits.flush_at = Limit(flush_at);
  limits.overflow = overflow == "block"         ? Overflow::kBlock
                    : overflow == "raise"       ? Overflow::kRaise
                    : overflow == "drop_oldest" ? Overflow::kDropOldest
                                                : Overflow::kDropNewest;
  Check(CallEngine([&](Wait wait) { return control.buffer->SetLimits(limits, wait); }));
}

void SetState(const BufferControl& control, BufferState state) {
  Check(CallEngine([&](Wait wait) { return control.buffer->SetState(state, wait); }));
}

py::dict Stats(const BufferControl& control) {
  BufferStats stats;
  Check(CallEngine([&](Wait wait) { return control.buffer->Stats(wait, &stats); }));
  const BufferCounts& counts = stats.counts;
  py::dict dict;
  dict["pushed"] = counts.pushed;
  dict["restored"] = counts.restored;
  dict["processed"] = counts.processed;
  dict["buffered"] = counts.buffered;
  dict["in_flight"] = counts.in_flight;
  dict["in_doubt"] = counts.in_doubt;
  dict["dead"] = counts.dead;
  dict["failed"] = counts.failed;
  dict["dropped"] = counts.dropped;
  dict["replaced"] = counts.replaced;
  dict["deleted"] = counts.deleted;
  dict["refused"] = counts.refused;
  dict["overruns"] = counts.overruns;
  dict["stale"] = counts.stale;
  dict["open"] = stats.open;
  dict["bytes"] = stats.bytes;
  dict["oldest"] =
      stats.oldest_ns == 0 ? py::object(py::none()) : py::float_(static_cast<double>(stats.oldest_ns) / 1e9);
  py::list sizes;
  for (const uint64_t items : stats.partition_items) sizes.append(items);
  dict["partition_sizes"] = sizes;
  return dict;
}

std::unique_ptr<QueueHandle> NewQueue(uint32_t partitions) {
  return std::make_unique<QueueHandle>(QueueHandle{std::make_shared<QueueBuffer>(partitions, RandomNumber())});
}

std::unique_ptr<MapHandle> NewMap(uint32_t partitions) {
  return std::make_unique<MapHandle>(MapHandle{std::make_shared<MapBuffer>(partitions, RandomNumber())});
}

std::unique_ptr<BufferControl> NewQueueControl(const QueueHandle& queue) {
  return std::make_unique<BufferControl>(BufferControl{queue.buffer});
}

std::unique_ptr<BufferControl> NewMapControl(const MapHandle& map) {
  return std::make_unique<BufferControl>(BufferControl{map.buffer});
}

// From here on the buffer's items are in the file of `table` too. What is wrong with a row of it, or None.
py::object SetLog(const BufferControl& control, const TableHandle& table) {
  const char* wrong = nullptr;
  Check(WithoutGil([&] {
    auto log = std::make_unique<BufferLog>(table.table, table.file->durable);
    return control.buffer->SetLog(std::move(log), &wrong);
  }));
  return wrong == nullptr ? py::object(py::none()) : py::str(wrong);
}

py::dict ReadWatch(const BufferControl& control, const WatchHandle& watch) {
  FlushReport report;
  Check(CallEngine([&](Wait wait) { return control.buffer->ReadWatch(*watch.watch, wait, &report); }));
  py::dict dict;
  dict["processed"] = report.processed;
  dict["dead"] = report.dead;
  dict["failed"] = report.failed;
  dict["dropped"] = report.dropped;
  dict["left"] = report.left;
  return dict;
}

}  // namespace

void RegisterBuffer(py::module_& module) {
  InstallBufferForkHandlers();
  auto queue = DefineClass<QueueHandle>(module, "QueueBuffer", nullptr, WithMethods(queue_methods));
  DefineInit(&queue, &NewQueue);
  auto map = DefineClass<MapHandle>(module, "MapBuffer", nullptr, WithMethods(map_methods));
  DefineInit(&map, &NewMap);
  CheckLayout<QueueHandle>();
  CheckLayout<MapHandle>();
  DefineClass<WatchHandle>(module, "FlushWatch", nullptr).def_property_readonly("done", [](const WatchHandle& watch) {
    return watch.watch->done();
  });
  DefineClass<BatchHandle>(module, "Batch", nullptr)
      .def_property_readonly("size", [](const BatchHandle& handle) { return handle.batch->size(); })
      .def_property_readonly("first", [](const BatchHandle& handle) { return handle.batch->first(); })
      .def_property_readonly("partition", [](const BatchHandle& handle) { return handle.batch->partition(); })
      .def("items", &Items, py::arg("broken") = py::none())
      .def("fill", &Fill)
      .def("resolve", &Resolve)
      .def("set_in_doubt", &SetInDoubt);
  auto control = DefineClass<BufferControl>(module, "BufferControl", nullptr);
  DefineInit(&control, &NewQueueControl);
  DefineInit(&control, &NewMapControl);
  control.def_property_readonly("partitions", [](const BufferControl& control) { return control.buffer->partitions(); })
      .def("set_log", &SetLog)
      .def("freeze", &Freeze, py::arg("partition"), py::arg("watch") = nullptr)
      .def("take", &Take)
      .def("set_limits", &SetLimits)
      .def("drain", [](const BufferControl& control) { SetState(control, BufferState::kDraining); })
      .def("end", [](const BufferControl& control) { SetState(control, BufferState::kStopped); })
      .def("stats", &Stats)
      .def("new_watch",
           [](const BufferControl& control) {
             return WatchHandle{std::make_shared<FlushWatch>(control.buffer->partitions())};
           })
      .def("read_watch", &ReadWatch)
      .def("forget_watch",
           [](const BufferControl& control, const WatchHandle& watch) {
             Check(CallEngine([&](Wait wait) { return control.buffer->Forget(watch.watch, wait); }));
           })
      .def("empty_after_fork", [](const BufferControl& control) { control.buffer->EmptyAfterFork(); });
}

}  // namespace partita
