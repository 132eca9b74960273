// What select(..., limit=n) and its like return: a page of results, and a cursor that goes on from there.
//
// A cursor is a place and does not change: next() gives the page after it and another cursor. It keeps no lock and no
// copy of the table, only what one key of a bag gave beyond the page.

#ifndef PARTITA_BINDINGS_CURSOR_H_
#define PARTITA_BINDINGS_CURSOR_H_

#include <Python.h>

#include <cstddef>
#include <memory>

#include "bindings/handles.h"
#include "bindings/pacer.h"
#include "match/program.h"
#include "match/select.h"
#include "table/sweep.h"

namespace partita {

// Where the pages of one question come from.
struct PageSource {
  PyObject* object = nullptr;  // the table or snapshot, whose shape is `shape`
  const Shape* shape = nullptr;
  std::shared_ptr<Table> table;  // null: a snapshot
  std::shared_ptr<const Program> program;
  size_t limit = 0;
};

// What was found, and not shown yet, and the sweep that finds more.
struct PagePlace {
  std::shared_ptr<const Selected> found;  // null: nothing
  size_t next = 0;                        // of those in `found`
  std::shared_ptr<const Sweep> sweep;     // null: there is no more
};

// The first page from there, `(list, cursor)` or `(list, None)`; null with an exception set.
PyObject* NewPage(const PageSource& source, const PagePlace& place);

// None for 0, or an int from 1 on. False: an exception is set.
bool ParseLimit(PyObject* object, size_t* limit);

// Appends results [begin, end) to a list. False: an exception is set.
bool AppendResults(const Selected& selected, size_t begin, size_t end, PyObject* list, Pacer* pacer);

// Adds the type to the extension module; false with an exception set.
bool RegisterCursor(PyObject* module);

}  // namespace partita

#endif  // PARTITA_BINDINGS_CURSOR_H_
