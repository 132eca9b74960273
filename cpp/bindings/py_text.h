// The text of a str as UTF-8, read from its code points: nothing is cached in the str, which is the user's.

#ifndef PARTITA_BINDINGS_PY_TEXT_H_
#define PARTITA_BINDINGS_PY_TEXT_H_

#include <Python.h>

namespace partita {

// Size in UTF-8 of `text`, a str or an instance of a subclass. -1 if it holds a lone surrogate, whose index goes to
// *surrogate.
Py_ssize_t Utf8Size(PyObject* text, Py_ssize_t* surrogate);
// Writes these bytes.
void WriteUtf8(PyObject* text, char* out);

}  // namespace partita

#endif  // PARTITA_BINDINGS_PY_TEXT_H_
