// `table.fix()`: an object that keeps a table fixed while a `with` block, or several, have entered it.

#ifndef PARTITA_BINDINGS_FIX_H_
#define PARTITA_BINDINGS_FIX_H_

#include <Python.h>

namespace partita {

// The method: a new object, which has not fixed anything yet.
PyObject* NewFix(PyObject* self, PyObject*);

// Fixes by a call and not by an object, for partita.ets.safe_fixtable. True: once more. False: once less, if there is
// such a fix; returns whether there was.
PyObject* FixByHand(PyObject* self, PyObject* on);

// Adds the type to the extension module; false with an exception set.
bool RegisterFix(PyObject* module);

}  // namespace partita

#endif  // PARTITA_BINDINGS_FIX_H_
