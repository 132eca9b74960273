#include "bindings/py_atom.h"

#include <cstddef>

#include <structmember.h>

#include "bindings/py_ref.h"
#include "term/wire.h"

namespace partita {
namespace {

struct Atom {
  PyObject_HEAD PyObject* name;
};

PyTypeObject* atom_type = nullptr;

Atom* AsAtom(PyObject* self) { return reinterpret_cast<Atom*>(self); }

// Takes over `name`.
PyObject* Allocate(Ref name) {
  if (!name) return nullptr;
  Atom* atom = PyObject_New(Atom, atom_type);
  if (atom == nullptr) return nullptr;
  atom->name = name.release();
  return reinterpret_cast<PyObject*>(atom);
}

bool CheckName(PyObject* name) {
  if (PyUnicode_GET_LENGTH(name) > static_cast<Py_ssize_t>(kMaxAtomLength)) {
    PyErr_Format(PyExc_ValueError, "an atom has at most %u characters, this name has %zd: use a str", kMaxAtomLength,
                 PyUnicode_GET_LENGTH(name));
    return false;
  }
  for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(name); ++i) {
    const Py_UCS4 c = PyUnicode_READ_CHAR(name, i);
    if (c >= 0xD800 && c <= 0xDFFF) {
      PyErr_Format(PyExc_ValueError,
                   "the name of an atom holds a lone surrogate (U+%x at index %zd): it is no valid text",
                   static_cast<unsigned>(c), i);
      return false;
    }
  }
  return true;
}

PyObject* New(PyTypeObject*, PyObject* args, PyObject* keywords) {
  static const char* kKeywords[] = {"name", nullptr};
  PyObject* given;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "U:Atom", const_cast<char**>(kKeywords), &given)) return nullptr;
  Ref name = Ref::Steal(PyUnicode_FromObject(given));  // exact, also of a subclass
  if (!name || !CheckName(name.get())) return nullptr;
  if (PyUnicode_CompareWithASCIIString(name.get(), "nil") == 0) Py_RETURN_NONE;
  if (PyUnicode_CompareWithASCIIString(name.get(), "false") == 0) Py_RETURN_FALSE;
  if (PyUnicode_CompareWithASCIIString(name.get(), "true") == 0) Py_RETURN_TRUE;
  return Allocate(std::move(name));
}

void Dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  Py_DECREF(AsAtom(self)->name);
  type->tp_free(self);
  Py_DECREF(type);  // an instance of a heap type owns its type
}

PyObject* Repr(PyObject* self) { return PyUnicode_FromFormat("Atom(%R)", AsAtom(self)->name); }

PyObject* Str(PyObject* self) { return Py_NewRef(AsAtom(self)->name); }

Py_hash_t Hash(PyObject* self) {
  // Not the hash of the str, which is another key of the same dict.
  const Py_hash_t hash = PyObject_Hash(AsAtom(self)->name) ^ 0x61746F6D;
  return hash == -1 ? -2 : hash;
}

PyObject* Compare(PyObject* a, PyObject* b, int op) {
  if (!IsAtom(a) || !IsAtom(b)) Py_RETURN_NOTIMPLEMENTED;
  return PyUnicode_RichCompare(AsAtom(a)->name, AsAtom(b)->name, op);
}

PyObject* Reduce(PyObject* self, PyObject*) {
  return Py_BuildValue("O(O)", reinterpret_cast<PyObject*>(atom_type), AsAtom(self)->name);
}

PyMethodDef methods[] = {
    {"__reduce__", Reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef members[] = {
    {"name", T_OBJECT, offsetof(Atom, name), READONLY, "The atom's text, a str."},
    {nullptr, 0, 0, 0, nullptr},
};

constexpr const char* kDoc =
    "Atom(name)\n--\n\n"
    "A name that stands for itself, like Erlang's atoms: equal to the atom of the same text and to nothing else, not "
    "even to\n"
    "the str. Atom('nil') is None, Atom('false') is False and Atom('true') is True. At most 255 characters.";

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>(kDoc)},
    {Py_tp_new, reinterpret_cast<void*>(New)},
    {Py_tp_dealloc, reinterpret_cast<void*>(Dealloc)},
    {Py_tp_repr, reinterpret_cast<void*>(Repr)},
    {Py_tp_str, reinterpret_cast<void*>(Str)},
    {Py_tp_hash, reinterpret_cast<void*>(Hash)},
    {Py_tp_richcompare, reinterpret_cast<void*>(Compare)},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {0, nullptr},
};

PyType_Spec spec = {
    "partita.Atom", sizeof(Atom), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots,
};

}  // namespace

bool IsAtom(PyObject* obj) { return Py_TYPE(obj) == atom_type; }

PyObject* AtomName(PyObject* atom) { return AsAtom(atom)->name; }

PyObject* NewAtom(absl::string_view text) {
  return Allocate(Ref::Steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr)));
}

bool InitAtom(PyObject* module) {
  if (atom_type == nullptr) {
    atom_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (atom_type == nullptr) return false;
  }
  return PyModule_AddObjectRef(module, "Atom", reinterpret_cast<PyObject*>(atom_type)) == 0;
}

}  // namespace partita
