// Erlang's external term format, and rows of its tables' files: what python/partita/erlang.py and _tabfile.py call.

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/entry.h"
#include "bindings/errors.h"
#include "bindings/gil.h"
#include "bindings/handles.h"
#include "bindings/instance.h"
#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "bindings/register.h"
#include "erlang/tab_file.h"
#include "erlang/term_reader.h"
#include "erlang/term_writer.h"

namespace py = pybind11;

namespace partita {
namespace {

using erlang::SizeDigest;

py::bytes ToBytes(const std::string& text) { return py::bytes(text.data(), text.size()); }

// Sets the ValueError for a term without an Erlang form; `key`, if not null, is that of the row it stands in.
void RaiseNoForm(const erlang::NoForm& why, const Value* key) {
  const Ref object = Ref::Steal(DecodeValue(why.value));
  if (!object) return;
  const Ref repr = Ref::Steal(ShortRepr(object.get()));
  if (!repr) return;
  PyErr_Format(PyExc_ValueError, "%s has no Erlang form: %U%s%s", Py_TYPE(object.get())->tp_name, repr.get(),
               why.reason == nullptr ? "" : ", for ", why.reason == nullptr ? "" : why.reason);
  if (key == nullptr) return;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  const Ref key_object = Ref::Steal(DecodeValue(*key));
  const Ref key_repr = Ref::Steal(key_object ? ShortRepr(key_object.get()) : nullptr);
  const Ref key_text = Ref::Steal(key_repr ? PyUnicode_AsUTF8String(key_repr.get()) : nullptr);
  PyErr_Restore(type, value, traceback);
  if (key_text) AddContext("the row of key %s", PyBytes_AS_STRING(key_text.get()));
}

// (object, level) -> bytes; level 0: not compressed
PyObject* Dumps(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "expected 2 arguments, got %zd", count);
  const long level = PyLong_AsLong(args[1]);
  if (level == -1 && PyErr_Occurred()) return nullptr;
  EncodeArena arena;
  Value value;
  if (!EncodeValue(args[0], &arena, &value)) return nullptr;
  std::string term;
  erlang::NoForm why;
  if (!erlang::AppendTerm(value, &term, &why)) {
    RaiseNoForm(why, nullptr);
    return nullptr;
  }
  if (level > 0) {
    const Outcome outcome = WithoutGil([&] {
      term = erlang::CompressTerm(std::move(term), static_cast<int>(level));
      return Outcome::kOk;
    });
    if (outcome != Outcome::kOk) return PyErr_NoMemory();
  }
  return ToBytes(term).release().ptr();
}

erlang::ReadOptions ParseOptions(int binaries, int maps) {
  erlang::ReadOptions options;
  options.binaries = static_cast<erlang::Binaries>(binaries);
  options.maps = static_cast<erlang::Maps>(maps);
  return options;
}

// (bytes-like, binaries, maps, skip_foreign) -> object
PyObject* Loads(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4) return PyErr_Format(PyExc_TypeError, "expected 4 arguments, got %zd", count);
  erlang::ReadOptions options =
      ParseOptions(static_cast<int>(PyLong_AsLong(args[1])), static_cast<int>(PyLong_AsLong(args[2])));
  options.skip_foreign = args[3] == Py_True;
  if (PyErr_Occurred()) return nullptr;
  WireWriter writer;
  erlang::ReadProblem problem;
  Py_buffer buffer;
  if (PyObject_GetBuffer(args[0], &buffer, PyBUF_SIMPLE) != 0) return nullptr;
  bool ok;
  try {
    const absl::string_view bytes(static_cast<const char*>(buffer.buf), static_cast<size_t>(buffer.len));
    ok = erlang::ReadTerm(bytes, options, &writer, &problem);
  } catch (const std::bad_alloc&) {
    PyBuffer_Release(&buffer);
    throw;
  }
  PyBuffer_Release(&buffer);
  if (ok) return DecodeValue(ValueFromWire(writer.bytes()));
  return PyErr_Format(PyExc_ValueError, "byte %zu: %s", problem.offset, problem.message.c_str());
}

PyMethodDef functions[] = {
    Method<&Dumps>("erlang_dumps", nullptr),
    Method<&Loads>("erlang_loads", nullptr),
    {nullptr, nullptr, 0, nullptr},
};

py::list DigestList(const std::vector<SizeDigest>& digests) {
  py::list list;
  for (const SizeDigest& d : digests) {
    list.append(py::make_tuple(d.offset, d.size, py::bytes(d.digest.data(), d.digest.size())));
  }
  return list;
}

// The loader with the shape of its table, for errors. One thread at a time.
struct LoaderHandle {
  LoaderHandle(const TableHandle& table, int binaries, int maps, uint64_t offset)
      : loader(table.table, ParseOptions(binaries, maps), offset) {
    shape.options = table.options;
    shape.name = table.name;
  }

  Shape shape;
  erlang::TabLoader loader;
};

std::unique_ptr<LoaderHandle> NewLoader(const TableHandle& table, int binaries, int maps, uint64_t offset) {
  return std::make_unique<LoaderHandle>(table, binaries, maps, offset);
}

// Puts the rows in that `bytes`, the next ones of the file, complete. Gives their terms (empty unless `with_terms`),
// the digests to be checked, and None or what is wrong as (damaged, offset in the file, message).
py::tuple Feed(LoaderHandle& self, py::bytes bytes, bool with_terms) {
  const absl::string_view view(PyBytes_AS_STRING(bytes.ptr()), static_cast<size_t>(PyBytes_GET_SIZE(bytes.ptr())));
  std::string terms;
  std::vector<SizeDigest> digests;
  erlang::ReadProblem problem;
  const Outcome outcome =
      WithoutGil([&] { return self.loader.Feed(view, with_terms ? &terms : nullptr, &digests, &problem); });
  if (outcome != Outcome::kOk) {
    RaiseOutcome(self.shape, outcome);
    throw py::error_already_set();
  }
  py::object wrong = py::none();
  if (!problem.message.empty()) wrong = py::make_tuple(problem.damaged, problem.offset, problem.message);
  return py::make_tuple(ToBytes(terms), DigestList(digests), wrong);
}

// The records of the next rows, their terms alone (empty unless `with_terms`), and where digests are missing.
py::tuple NextRecords(erlang::TabDumper& self, bool with_terms) {
  std::string records, terms;
  std::vector<SizeDigest> holes;
  erlang::NoForm why;
  bool ok = false;
  const Outcome outcome = WithoutGil([&] {
    ok = self.Next(&records, with_terms ? &terms : nullptr, &holes, &why);
    return Outcome::kOk;
  });
  if (outcome != Outcome::kOk) throw std::bad_alloc();
  if (!ok) {
    const Value key = self.key();
    RaiseNoForm(why, &key);
    throw py::error_already_set();
  }
  return py::make_tuple(ToBytes(records), ToBytes(terms), DigestList(holes));
}

std::unique_ptr<erlang::TabDumper> NewDumper(const SnapshotHandle& snapshot) {
  if (snapshot.snapshot == nullptr) {
    RaiseSnapshotClosed();
    throw py::error_already_set();
  }
  return std::make_unique<erlang::TabDumper>(snapshot.snapshot);
}

}  // namespace

void RegisterErlang(py::module_& module) {
  if (PyModule_AddFunctions(module.ptr(), functions) != 0) throw py::error_already_set();
  auto loader = DefineClass<LoaderHandle>(module, "ErlangTabLoader", nullptr);
  DefineInit(&loader, &NewLoader);
  loader.def("feed", &Feed)
      .def_property_readonly("rows", [](const LoaderHandle& self) { return self.loader.rows(); })
      .def_property_readonly("end_term", [](const LoaderHandle& self) { return ToBytes(self.loader.end_term()); })
      .def_property_readonly("offset", [](const LoaderHandle& self) { return self.loader.offset(); })
      .def_property_readonly("unfinished", [](const LoaderHandle& self) { return self.loader.unfinished(); });
  auto dumper = DefineClass<erlang::TabDumper>(module, "ErlangTabDumper", nullptr);
  DefineInit(&dumper, &NewDumper);
  dumper.def("next", &NextRecords).def_property_readonly("rows", [](const erlang::TabDumper& self) {
    return self.rows();
  });
}

}  // namespace partita
