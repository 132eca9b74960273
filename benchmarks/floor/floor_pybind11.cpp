// The same method through pybind11's own .def.
#include <pybind11/pybind11.h>

namespace py = pybind11;

struct Floor {
  py::object Same(py::object value) { return value; }
};

PYBIND11_MODULE(floor_pybind11, m) { py::class_<Floor>(m, "Floor").def(py::init<>()).def("same", &Floor::Same); }
