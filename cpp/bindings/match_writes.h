// select_delete(), select_replace() and match_delete() of tables: chunk by chunk under the locks of partitions, atomic
// for each row. Their documentation stands in bind_table.cc.

#ifndef PARTITA_BINDINGS_MATCH_WRITES_H_
#define PARTITA_BINDINGS_MATCH_WRITES_H_

#include <Python.h>

namespace partita {

PyObject* SelectDelete(PyObject* self, PyObject* spec);
PyObject* SelectReplace(PyObject* self, PyObject* spec);
PyObject* MatchDelete(PyObject* self, PyObject* pattern);

}  // namespace partita

#endif  // PARTITA_BINDINGS_MATCH_WRITES_H_
