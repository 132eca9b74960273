// Match specifications and patterns as Python writes them: lists and tuples with the objects of
// python/partita/patterns.py in them.
//
// What an object is, is decided by what it is in C (as in py_term.h): a list that lies about its length is read for
// what it holds, and one that changes while it is read is read from a copy. Constants may be pickled, which runs Python
// code.

#ifndef PARTITA_BINDINGS_SPEC_PARSE_H_
#define PARTITA_BINDINGS_SPEC_PARSE_H_

#include <Python.h>

#include "base/status.h"
#include "match/spec.h"

namespace partita {

// Reads a list of clauses (head, [guard, ...], [body, ...]) into an empty Spec. False: an exception is set. That is a
// MatchSpecError that says where, but a TypeError for a head that is no pattern at all, and what Python code raised.
bool ParseSpec(PyObject* object, Spec* spec);

// Reads a pattern as the one clause (pattern, [], [result]), `result` being kRow, kVars, or kConstant for True. False
// as above.
bool ParsePattern(PyObject* object, Spec::Kind result, Spec* spec);

// Sets a MatchSpecError with the message of `status`, or MemoryError.
void RaiseSpecError(const Status& status);

}  // namespace partita

#endif  // PARTITA_BINDINGS_SPEC_PARSE_H_
