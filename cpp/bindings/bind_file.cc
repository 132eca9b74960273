// `_core.FileWriter` and `_core.FileReader`: a file written or read step by step, so that Python can answer Ctrl-C and
// show progress in between. python/partita/files.py makes save() and load() of them. `_core.FileReplacement`: a file of
// any content that takes the place of another in one step.
//
// Relies on the GIL: that one thread at a time works with one of these is seen to by `busy`, which is read and set
// under it.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "bindings/errors.h"
#include "bindings/file_steps.h"
#include "bindings/handles.h"
#include "bindings/instance.h"
#include "bindings/register.h"
#include "file/replacement.h"
#include "file/snapshot_file.h"

namespace py = pybind11;

namespace partita {
namespace {

struct Writer {
  std::unique_ptr<SnapshotFileWriter> writer;
  bool busy = false;
};

std::unique_ptr<Writer> NewWriter(const py::object& snapshot, const py::bytes& path, int threads) {
  auto* handle = snapshot.cast<SnapshotHandle*>();
  if (handle->snapshot == nullptr) {
    RaiseSnapshotClosed();
    throw py::error_already_set();
  }
  FileHeader header;
  header.type = handle->options.type;
  header.keypos = handle->options.keypos;
  header.fields = FieldNames(*handle);
  for (uint64_t& half : header.id) half = RandomNumber();
  header.salt = RandomNumber();
  auto writer = std::make_unique<Writer>();
  writer->writer = std::make_unique<SnapshotFileWriter>(Env::Posix(), std::string(path), std::move(header),
                                                        handle->snapshot, threads, PathLock::kShared);
  return writer;
}

bool WriteStep(Writer& writer) {
  const Busy busy(&writer.busy);
  bool done = false;
  RunStep([&] { return writer.writer->Step(&done); });
  return done;
}

void AbandonWriter(Writer& writer) {
  const Busy busy(&writer.busy);
  RunStep([&] {
    writer.writer->Abandon();
    return FileStatus();
  });
}

struct ReplacementInPython {
  explicit ReplacementInPython(std::string path) : file(Env::Posix(), std::move(path), PathLock::kShared) {}
  Replacement file;
  bool busy = false;
};

std::unique_ptr<ReplacementInPython> NewReplacement(const py::bytes& path) {
  auto replacement = std::make_unique<ReplacementInPython>(std::string(path));
  RunStep([&] { return replacement->file.Begin(); });
  return replacement;
}

void Append(ReplacementInPython& replacement, const py::bytes& bytes) {
  const Busy busy(&replacement.busy);
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(bytes.ptr(), &data, &size) != 0) throw py::error_already_set();
  RunStep([&] { return replacement.file.Append(absl::string_view(data, static_cast<size_t>(size))); });
}

void Commit(ReplacementInPython& replacement, bool sync) {
  const Busy busy(&replacement.busy);
  RunStep([&] { return replacement.file.Commit(sync); });
}

void AbandonReplacement(ReplacementInPython& replacement) {
  const Busy busy(&replacement.busy);
  RunStep([&] {
    replacement.file.Abandon();
    return FileStatus();
  });
}

struct Reader {
  std::unique_ptr<SnapshotFileReader> reader;
  bool busy = false;
};

std::unique_ptr<Reader> NewReader(const py::bytes& path, int threads) {
  auto reader = std::make_unique<Reader>();
  reader->reader = std::make_unique<SnapshotFileReader>(Env::Posix(), std::string(path), threads);
  RunStep([&] { return reader->reader->Open(); });
  return reader;
}

bool ReadStep(Reader& reader, const TableHandle& table, bool allow_pickle) {
  const Busy busy(&reader.busy);
  bool done = false;
  RunStep([&] { return reader.reader->Step(table.table.get(), allow_pickle, &done); });
  return done;
}

uint64_t CountRows(Reader& reader) {
  const Busy busy(&reader.busy);
  uint64_t rows = 0;
  RunStep([&] { return reader.reader->ReadRowCount(&rows); });
  return rows;
}

}  // namespace

void RegisterFile(py::module_& module) {
  auto writer = DefineClass<Writer>(module, "FileWriter", "A snapshot on its way into a file. See files.py.");
  DefineInit(&writer, &NewWriter, py::arg("snapshot"), py::arg("path"), py::arg("threads"));
  writer.def("step", &WriteStep, "Writes the next rows; True once the file is complete and under its name.")
      .def("close", &AbandonWriter, "Removes what was written unless it is complete.")
      .def_property_readonly("rows", [](const Writer& writer) { return writer.writer->rows_written(); });
  auto replacement = DefineClass<ReplacementInPython>(module, "FileReplacement",
                                                      "A new file that takes the place of the one at `path`.");
  DefineInit(&replacement, &NewReplacement, py::arg("path"));
  replacement.def("write", &Append, py::arg("data"), "Appends to it.")
      .def("commit", &Commit, py::arg("sync"), "Puts it in its place; with `sync` it is on the disk then.")
      .def("close", &AbandonReplacement, "Removes it unless it was committed.");
  auto reader = DefineClass<Reader>(module, "FileReader", "A file on its way into a table. See files.py.");
  DefineInit(&reader, &NewReader, py::arg("path"), py::arg("threads"));
  reader
      .def("step", &ReadStep, py::arg("table"), py::arg("allow_pickle"),
           "Puts the next rows into `table`; True once all are in and the file checks out to its end.")
      .def("row_count", &CountRows, "The number of rows, by what the file says at its end.")
      .def_property_readonly("bytes_read", [](const Reader& reader) { return reader.reader->bytes_read(); })
      .def_property_readonly("size", [](const Reader& reader) { return reader.reader->file_size(); })
      .def_property_readonly("type", [](const Reader& reader) { return TypeName(reader.reader->header().type); })
      .def_property_readonly("keypos", [](const Reader& reader) { return reader.reader->header().keypos; })
      .def_property_readonly("fields", [](const Reader& reader) { return FieldsOf(reader.reader->header()); });
}

}  // namespace partita
