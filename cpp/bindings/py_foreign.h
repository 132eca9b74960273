// Types of other modules that terms know, looked up without importing these modules before their first use.

#ifndef PARTITA_BINDINGS_PY_FOREIGN_H_
#define PARTITA_BINDINGS_PY_FOREIGN_H_

#include <Python.h>

namespace partita {

// A class of a module of the standard library. Once found it is kept.
class ForeignType {
 public:
  constexpr ForeignType(const char* module, const char* name) : module_(module), name_(name) {}

  // Borrowed; null, without an exception, if the module was not imported yet: then no object is of the type.
  PyTypeObject* IfLoaded();
  // Borrowed; imports the module. Null with an exception set.
  PyTypeObject* Get();

 private:
  const char* const module_;
  const char* const name_;
  PyTypeObject* type_ = nullptr;
};

extern ForeignType decimal_type;   // decimal.Decimal
extern ForeignType uuid_type;      // uuid.UUID
extern ForeignType zoneinfo_type;  // zoneinfo.ZoneInfo

// Whether `obj` is an instance, subclasses included, of the class `name` of `module`, if that is loaded. No exception
// is left.
bool IsInstanceIfLoaded(PyObject* obj, const char* module, const char* name);
// Whether `obj` is the very object that `module`, if that is loaded, calls `name`. No exception is left.
bool IsObjectIfLoaded(PyObject* obj, const char* module, const char* name);

// pickle.dumps and pickle.loads. New references, or null with an exception set.
PyObject* Pickle(PyObject* obj);
PyObject* Unpickle(PyObject* bytes);

}  // namespace partita

#endif  // PARTITA_BINDINGS_PY_FOREIGN_H_
