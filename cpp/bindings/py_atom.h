// partita.Atom: a name that stands for itself, as Erlang's atoms do.
//
// Immutable; holds nothing but an exact str, so the collector need not know its instances. Atom("nil"), Atom("false")
// and Atom("true") are None, False and True.

#ifndef PARTITA_BINDINGS_PY_ATOM_H_
#define PARTITA_BINDINGS_PY_ATOM_H_

#include <Python.h>

#include "absl/strings/string_view.h"

namespace partita {

bool IsAtom(PyObject* obj);
// The name, an exact str without surrogates of at most kMaxAtomLength code points. Borrowed.
PyObject* AtomName(PyObject* atom);
// A new reference; `text` must be valid UTF-8 and none of nil, false and true.
PyObject* NewAtom(absl::string_view text);

bool InitAtom(PyObject* module);

}  // namespace partita

#endif  // PARTITA_BINDINGS_PY_ATOM_H_
