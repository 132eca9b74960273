// `_core.DurableFile` and `_core.FileSaving`: the files of a table that lives at a path, and a save of it step by step.
// python/partita/durable.py makes open() of them.
//
// Relies on the GIL as bind_file.cc does. Both are let go of without it, since ending what is open waits for the disk.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/container_type.h"
#include "bindings/file_steps.h"
#include "bindings/handles.h"
#include "bindings/instance.h"
#include "bindings/register.h"
#include "file/durable_table.h"

namespace py = pybind11;

namespace partita {
namespace {

struct DurableFile {
  std::string path;
  std::shared_ptr<DurableTable> durable;
  bool busy = false;
};

struct FileSaving {
  struct Parts {
    std::shared_ptr<DurableTable> durable;
    std::unique_ptr<DurableTable::Saving> saving;  // ends first
  };
  std::shared_ptr<Parts> parts;
  bool busy = false;
};

std::shared_ptr<DurableTable> TakeEngineObject(DurableFile* file) { return std::move(file->durable); }
std::shared_ptr<FileSaving::Parts> TakeEngineObject(FileSaving* saving) { return std::move(saving->parts); }

template <typename Handle>
void EndWithoutGil(PyTypeObject* type) {
  type->tp_dealloc = &DeallocContainer<Handle>;
}

Durability ParseDurability(const std::string& name) {
  if (name == "snapshot") return Durability::kSnapshot;
  return name == "always" ? Durability::kAlways : Durability::kInterval;
}

// Arguments were checked in Python.
std::unique_ptr<DurableFile> NewDurableFile(const py::bytes& path, const std::string& durability, double sync_every,
                                            bool read_only, bool repair, bool allow_pickle, int threads,
                                            uint64_t log_bytes) {
  auto file = std::make_unique<DurableFile>();
  file->path = std::string(path);
  DurableOptions options;
  options.durability = ParseDurability(durability);
  options.sync_every_s = sync_every;
  options.read_only = read_only;
  options.repair = repair;
  options.allow_opaque = allow_pickle;
  options.threads = threads;
  options.log_bytes = log_bytes;
  file->durable = std::make_shared<DurableTable>(Env::Posix(), file->path, options);
  return file;
}

bool Open(DurableFile& file) {
  const Busy busy(&file.busy);
  bool exists = false;
  RunStep([&] { return file.durable->Open(&exists); });
  return exists;
}

void Describe(DurableFile& file, const TableHandle& table) {
  const Busy busy(&file.busy);
  file.durable->Describe(table.options.type, table.options.keypos, FieldNames(table));
}

bool LoadStep(DurableFile& file, TableHandle& table) {
  const Busy busy(&file.busy);
  bool done = false;
  RunStep([&] { return file.durable->LoadStep(table.table, &done); });
  if (done) table.file = std::make_shared<FileOfTable>(FileOfTable{file.path, file.durable});
  return done;
}

py::dict Report(const DurableFile& file) {
  const RecoveryReport& report = file.durable->report();
  py::list notes;
  for (const RecoveryNote& note : report.notes) {
    py::dict told;
    told["path"] = py::reinterpret_steal<py::object>(
        PyUnicode_DecodeFSDefaultAndSize(note.path.data(), static_cast<Py_ssize_t>(note.path.size())));
    told["offset"] = note.offset;
    told["bytes"] = note.bytes;
    told["damage"] = note.damage;
    told["what"] = note.what;
    notes.append(told);
  }
  py::dict dict;
  dict["logs"] = report.logs;
  dict["records"] = report.records;
  dict["notes"] = notes;
  return dict;
}

std::unique_ptr<FileSaving> BeginSaving(const DurableFile& file, bool close) {
  auto saving = std::make_unique<FileSaving>();
  saving->parts = std::make_shared<FileSaving::Parts>();
  saving->parts->durable = file.durable;
  RunStep([&] {
    saving->parts->saving = close ? file.durable->BeginClose() : file.durable->BeginSave();
    return FileStatus();
  });
  return saving;
}

bool SaveStep(FileSaving& saving) {
  const Busy busy(&saving.busy);
  bool done = false;
  // It may have been given up: by a signal handler, say, that came just before the step and saved the table itself.
  if (saving.parts->saving != nullptr) RunStep([&] { return saving.parts->saving->Step(&done); });
  return done;
}

void EndSaving(FileSaving& saving) {
  const Busy busy(&saving.busy);
  RunStep([&] {
    saving.parts->saving.reset();
    return FileStatus();
  });
}

py::dict Info(const DurableFile& file) {
  static constexpr const char* kStates[] = {"loading", "read-only", "open", "degraded", "closed", "detached"};
  DurableInfo info;
  RunStep([&] {
    info = file.durable->info();
    return FileStatus();
  });
  py::dict dict;
  dict["state"] = kStates[static_cast<int>(info.state)];
  dict["generation"] = info.generation;
  dict["log_bytes"] = info.log_bytes;
  dict["unwritten_bytes"] = info.buffered_bytes;
  dict["syncs"] = info.syncs;
  dict["saves"] = info.saves;
  dict["saving"] = info.saving;
  dict["failures"] = info.failures;
  dict["last_error"] = py::reinterpret_steal<py::object>(
      PyUnicode_DecodeFSDefaultAndSize(info.last_error.data(), static_cast<Py_ssize_t>(info.last_error.size())));
  return dict;
}

}  // namespace

void RegisterDurable(py::module_& module) {
  auto file = DefineClass<DurableFile>(
      module, "DurableFile", "The files of a table that lives at a path. See durable.py.", &EndWithoutGil<DurableFile>);
  DefineInit(&file, &NewDurableFile, py::arg("path"), py::arg("durability"), py::arg("sync_every"),
             py::arg("read_only"), py::arg("repair"), py::arg("allow_pickle"), py::arg("threads"),
             py::arg("log_bytes") = DurableOptions().log_bytes);
  file.def("open", &Open, "Locks the files; whether there are any.")
      .def("describe", &Describe, py::arg("table"), "Where there are none: those to be made are for such a table.")
      .def("load_step", &LoadStep, py::arg("table"),
           "Puts the next rows into `table`; True once all are in and changes of it go into the files.")
      .def("report", &Report, "What was found at opening.")
      .def(
          "flush", [](const DurableFile& file) { RunStep([&] { return file.durable->Flush(); }); }, "Syncs the log.")
      .def("begin_save", &BeginSaving, py::arg("close"), "A save; with `close` the last one.")
      .def(
          "leave", [](const DurableFile& file, bool remove) { RunStep([&] { return file.durable->Leave(remove); }); },
          py::arg("remove"), "Ends without a save; with `remove` the files go.")
      .def("info", &Info)
      .def_property_readonly("bytes_read", [](const DurableFile& file) { return file.durable->bytes_read(); })
      .def_property_readonly("size", [](const DurableFile& file) { return file.durable->bytes_to_read(); })
      .def_property_readonly("type", [](const DurableFile& file) { return TypeName(file.durable->header().type); })
      .def_property_readonly("keypos", [](const DurableFile& file) { return file.durable->header().keypos; })
      .def_property_readonly("fields", [](const DurableFile& file) { return FieldsOf(file.durable->header()); });
  DefineClass<FileSaving>(module, "FileSaving", "A save of a table that lives at a path.", &EndWithoutGil<FileSaving>)
      .def("step", &SaveStep, "Writes the next rows; True once the file is complete and in its place.")
      .def("close", &EndSaving, "Gives it up unless it is complete.");
}

}  // namespace partita
