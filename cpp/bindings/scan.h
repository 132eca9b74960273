// All rows of a snapshot as Python tuples.

#ifndef PARTITA_BINDINGS_SCAN_H_
#define PARTITA_BINDINGS_SCAN_H_

#include <Python.h>

#include "table/snapshot.h"

namespace partita {

// A list of tuples. The GIL is shared with other threads on the way; Ctrl-C abandons it.
PyObject* DecodeSnapshot(const Snapshot& snapshot);

}  // namespace partita

#endif  // PARTITA_BINDINGS_SCAN_H_
