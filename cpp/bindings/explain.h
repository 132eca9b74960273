// explain(): the way in which a table would answer a match specification, and what it would read for that.

#ifndef PARTITA_BINDINGS_EXPLAIN_H_
#define PARTITA_BINDINGS_EXPLAIN_H_

#include <Python.h>

#include "bindings/handles.h"
#include "bindings/question.h"

namespace partita {

// A dict with the keys that docs/matching.md names. `rows`: how many would be looked at. Null: an exception is set.
PyObject* DescribeWay(const Shape& shape, const Question& question, uint64_t rows);

}  // namespace partita

#endif  // PARTITA_BINDINGS_EXPLAIN_H_
