// Rows given as dicts, for tables whose fields have names.

#ifndef PARTITA_BINDINGS_DICT_ROW_H_
#define PARTITA_BINDINGS_DICT_ROW_H_

#include <Python.h>

#include "bindings/handles.h"
#include "bindings/py_ref.h"

namespace partita {

// The row that `object` is, a dict with exactly the fields of the table, as a tuple. What is no dict is refused as no
// row. `index` as for ParseRow. Null with an exception set.
Ref TupleOfDict(const Shape& shape, PyObject* object, Py_ssize_t index);

}  // namespace partita

#endif  // PARTITA_BINDINGS_DICT_ROW_H_
