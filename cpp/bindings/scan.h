// Work on a whole snapshot: all rows as Python tuples, or the number of those that match.

#ifndef PARTITA_BINDINGS_SCAN_H_
#define PARTITA_BINDINGS_SCAN_H_

#include <Python.h>

#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "match/filter.h"
#include "table/snapshot.h"

namespace partita {

// A filter as python/partita/_matchspec.py hands it down: (arity, [(position, operator, constant), ...]); checked
// there.
class ParsedFilter {
 public:
  bool Parse(PyObject* arity, PyObject* comparisons);
  const Filter& filter() const { return filter_; }

 private:
  Ref comparisons_;  // the constants point into it
  EncodeArena arena_;
  Filter filter_;
};

// A list of tuples. The GIL is shared with other threads on the way; Ctrl-C abandons it.
PyObject* DecodeSnapshot(const Snapshot& snapshot);

// Runs without the GIL on `threads` threads, cut into slices so that Ctrl-C is answered.
PyObject* CountInSlices(const Snapshot& snapshot, const Filter& filter, int threads);

}  // namespace partita

#endif  // PARTITA_BINDINGS_SCAN_H_
