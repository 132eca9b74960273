#include "bindings/file_steps.h"

#include <pybind11/stl.h>

namespace py = pybind11;

namespace partita {

void RaiseFileError(const FileError& error) {
  static constexpr const char* kKinds[] = {"system", "corrupt", "foreign", "pickled", "too large",
                                           "memory", "dropped", "locked",  "state"};
  const py::object offset = error.offset == FileError::kNoOffset ? py::object(py::none()) : py::int_(error.offset);
  const py::object path = py::reinterpret_steal<py::object>(
      PyUnicode_DecodeFSDefaultAndSize(error.path.data(), static_cast<Py_ssize_t>(error.path.size())));
  if (!path) throw py::error_already_set();
  const py::object raised =
      py::module_::import("partita.errors")
          .attr("file_error")(kKinds[static_cast<int>(error.kind)], error.error_number, path, offset, error.what);
  PyErr_SetObject(py::type::handle_of(raised).ptr(), raised.ptr());
  throw py::error_already_set();
}

std::optional<std::vector<std::string>> FieldNames(const Shape& shape) {
  const py::object names = py::reinterpret_borrow<py::object>(shape.fields.get());
  if (names.is_none()) return std::nullopt;
  return names.cast<std::vector<std::string>>();
}

py::object FieldsOf(const FileHeader& header) {
  if (!header.fields.has_value()) return py::none();
  return py::tuple(py::cast(*header.fields));
}

}  // namespace partita
