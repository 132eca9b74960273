// The iterator behind iter(table) and iter(snapshot), and over their keys.

#ifndef PARTITA_BINDINGS_ROWS_ITERATOR_H_
#define PARTITA_BINDINGS_ROWS_ITERATOR_H_

#include <Python.h>

#include <cstdint>
#include <memory>

#include "bindings/handles.h"
#include "table/table.h"

namespace partita {

enum class IteratorGives : uint8_t { kRows, kFirstValues };

// `source`, whose shape is `shape`, lives as long as the iterator.
PyObject* NewRowsIterator(PyObject* source, const Shape& shape, std::unique_ptr<Walk> walk, IteratorGives gives);

// Adds the type to the extension module; false with an exception set.
bool RegisterRowsIterator(PyObject* module);

}  // namespace partita

#endif  // PARTITA_BINDINGS_ROWS_ITERATOR_H_
