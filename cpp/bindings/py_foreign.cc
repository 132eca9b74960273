#include "bindings/py_foreign.h"

#include "bindings/py_ref.h"

namespace partita {
namespace {

// One protocol for ever, whatever the Python: opaque terms are compared by their pickles, and a file may be read by
// another version. 5 is known to every Python we run on, and copies arrays once less than 4.
constexpr int kPickleProtocol = 5;

// What a loaded module calls `name`; null, without an exception, if it is not loaded or not that far.
Ref LoadedAttribute(const char* module_name, const char* name) {
  Ref key = Ref::Steal(PyUnicode_FromString(module_name));
  Ref module = key ? Ref::Steal(PyImport_GetModule(key.get())) : Ref();
  Ref attribute = module ? Ref::Steal(PyObject_GetAttrString(module.get(), name)) : Ref();
  if (!attribute) PyErr_Clear();
  return attribute;
}

PyObject* PickleFunction(PyObject** cached, const char* name) {
  if (*cached == nullptr) {
    Ref module = Ref::Steal(PyImport_ImportModule("pickle"));
    if (module) *cached = PyObject_GetAttrString(module.get(), name);
  }
  return *cached;
}

}  // namespace

ForeignType decimal_type("decimal", "Decimal");
ForeignType uuid_type("uuid", "UUID");
ForeignType zoneinfo_type("zoneinfo", "ZoneInfo");

PyTypeObject* ForeignType::IfLoaded() {
  if (type_ == nullptr) {
    Ref type = LoadedAttribute(module_, name_);
    if (type && PyType_Check(type.get())) type_ = reinterpret_cast<PyTypeObject*>(type.release());
  }
  return type_;
}

PyTypeObject* ForeignType::Get() {
  if (IfLoaded() == nullptr) {
    Ref module = Ref::Steal(PyImport_ImportModule(module_));
    if (!module) return nullptr;
    if (IfLoaded() == nullptr) PyErr_Format(PyExc_ImportError, "%s.%s is missing", module_, name_);
  }
  return type_;
}

bool IsInstanceIfLoaded(PyObject* obj, const char* module, const char* name) {
  Ref type = LoadedAttribute(module, name);
  return type && PyType_Check(type.get()) && PyObject_TypeCheck(obj, reinterpret_cast<PyTypeObject*>(type.get()));
}

bool IsObjectIfLoaded(PyObject* obj, const char* module, const char* name) {
  return LoadedAttribute(module, name).get() == obj;
}

PyObject* Pickle(PyObject* obj) {
  static PyObject* dumps = nullptr;
  if (PickleFunction(&dumps, "dumps") == nullptr) return nullptr;
  Ref bytes = Ref::Steal(PyObject_CallFunction(dumps, "Oi", obj, kPickleProtocol));
  if (bytes && !PyBytes_CheckExact(bytes.get())) {
    PyErr_SetString(PyExc_TypeError, "pickle.dumps gave no bytes");
    return nullptr;
  }
  return bytes.release();
}

PyObject* Unpickle(PyObject* bytes) {
  static PyObject* loads = nullptr;
  return PickleFunction(&loads, "loads") == nullptr ? nullptr : PyObject_CallOneArg(loads, bytes);
}

}  // namespace partita
