// `_core.Table`: the methods by name, with what Python shows as their documentation. python/partita/_table.py derives
// the public class from it.

#include <pybind11/pybind11.h>

#include <string>
#include <utility>

#include "bindings/buffer_handles.h"
#include "bindings/container_type.h"
#include "bindings/entry.h"
#include "bindings/errors.h"
#include "bindings/fix.h"
#include "bindings/gil.h"
#include "bindings/instance.h"
#include "bindings/match_writes.h"
#include "bindings/read_methods.h"
#include "bindings/register.h"
#include "bindings/select_methods.h"
#include "bindings/step_methods.h"
#include "bindings/write_methods.h"

namespace py = pybind11;

namespace partita {
namespace {

TableType ParseType(const std::string& name) {
  for (TableType type : {TableType::kSet, TableType::kOrderedSet, TableType::kBag, TableType::kDuplicateBag}) {
    if (name == TypeName(type)) return type;
  }
  throw py::value_error("unknown table type '" + name + "'");
}

// Arguments were checked by the Python class.
std::unique_ptr<TableHandle> NewTable(py::object name, const std::string& type, uint32_t keypos, uint32_t partitions,
                                      py::object fields) {
  TableOptions options;
  options.type = ParseType(type);
  options.keypos = keypos;
  options.partitions = partitions;
  auto table = Table::Create(options);
  if (!table.ok()) {
    if (table.status().code() == StatusCode::kResourceExhausted) throw std::bad_alloc();
    throw py::value_error(table.status().message());
  }
  auto handle = std::make_unique<TableHandle>();
  handle->table = std::move(*table);
  handle->options = handle->table->options();
  handle->name = std::make_shared<Ref>(Ref::Steal(name.release().ptr()));
  handle->fields = Ref::Steal(fields.release().ptr());
  return handle;
}

// A second object for the table of `table`.
std::unique_ptr<TableHandle> NewView(const TableHandle& table) {
  auto handle = std::make_unique<TableHandle>();
  handle->table = table.table;
  handle->options = table.options;
  handle->name = table.name;
  handle->fields = Ref::Borrow(table.fields.get());
  handle->file = table.file;
  return handle;
}

// An object for the table that a batch of a MapBuffer is.
std::unique_ptr<TableHandle> NewOfBatch(const BatchHandle& batch, py::object fields) {
  auto handle = std::make_unique<TableHandle>();
  handle->table = batch.batch->table();
  handle->options = handle->table->options();
  handle->name = std::make_shared<Ref>(Ref::Borrow(Py_None));
  handle->fields = Ref::Steal(fields.release().ptr());
  return handle;
}

// What the engine knows of itself, for info().
PyObject* Stats(PyObject* self, PyObject*) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  if (handle == nullptr) return nullptr;
  TableStats stats;
  const Outcome outcome = CallEngine([&](Wait wait) { return handle->table->Stats(wait, &stats); });
  if (outcome != Outcome::kOk) return RaiseOutcome(*handle, outcome);
  Ref sizes = Ref::Steal(PyList_New(static_cast<Py_ssize_t>(stats.partition_rows.size())));
  if (!sizes) return nullptr;
  for (size_t i = 0; i < stats.partition_rows.size(); ++i) {
    PyObject* rows = PyLong_FromUnsignedLongLong(stats.partition_rows[i]);
    if (rows == nullptr) return nullptr;
    PyList_SET_ITEM(sizes.get(), static_cast<Py_ssize_t>(i), rows);
  }
  return Py_BuildValue("{sKsKsNsKsKsK}", "size", static_cast<unsigned long long>(stats.rows), "memory",
                       static_cast<unsigned long long>(stats.memory_bytes), "partition_sizes", sizes.release(),
                       "snapshots", static_cast<unsigned long long>(stats.snapshots), "snapshot_memory",
                       static_cast<unsigned long long>(stats.snapshot_retained_bytes), "fixes",
                       static_cast<unsigned long long>(stats.fixes));
}

PyObject* CheckInvariants(PyObject* self, PyObject*) {
  TableHandle* handle = HandleOf<TableHandle>(self);
  if (handle == nullptr) return nullptr;
  Status status;
  const Outcome outcome = WithoutGil([&] {
    status = handle->table->CheckInvariants();
    return Outcome::kOk;
  });
  if (outcome != Outcome::kOk) return RaiseOutcome(*handle, outcome);
  if (status.ok()) Py_RETURN_NONE;
  return PyErr_Format(PyExc_AssertionError, "%s", status.message().c_str());
}

PyMethodDef table_methods[] = {
    Method<&Insert>(
        "insert",
        "insert($self, rows, /)\n--\n\n"
        "Puts in one row (a tuple) or, in one atomic step, a list of rows.\n\n"
        "In a set a row replaces the one with an equal key, and of equal keys in a list the last wins. In a bag rows\n"
        "of one key stay in the order they come in; of exactly equal rows it keeps the first, a duplicate_bag all. No\n"
        "reader sees a part of a list. Raises TypeError for what is no tuple and ValueError for a row that is too "
        "short, naming the row;\n"
        "nothing is stored then."),
    Method<&InsertNew>("insert_new",
                       "insert_new($self, rows, /)\n--\n\n"
                       "Like insert(), but only if no key is there yet: True if all rows went in, False if none did."),
    Method<&InsertMany>("insert_many", "insert_many($self, rows, /)\n--\n\nSee Table.insert_many."),
    Method<&Lookup<TableReader>>("lookup",
                                 "lookup($self, key, /)\n--\n\n"
                                 "The rows of a key, a list of tuples: empty if there is none."),
    Method<&Get<TableReader>>("get",
                              "get($self, key, default=None)\n--\n\n"
                              "The row of a key, or `default`. TypeError on bags, whose keys may have many rows."),
    Method<&LookupMany<TableReader>>(
        "lookup_many",
        "lookup_many($self, keys, /)\n--\n\n"
        "lookup() for each of many keys: a list of lists of tuples, in the order of the keys.\n\n"
        "Much faster than a loop; each key is read atomically, the batch is not."),
    Method<&GetMany<TableReader>>("get_many",
                                  "get_many($self, keys, default=None)\n--\n\n"
                                  "get() for each of many keys: a list of rows, with `default` where there is none."),
    Method<&LookupElement<TableReader>>(
        "lookup_element",
        "lookup_element($self, key, pos, default=...)\n--\n\n"
        "One element of the row of a key; in bags a list of elements.\n\n"
        "`pos` is a position from 0 or a field's name. KeyError for an absent key without a\n"
        "default, ValueError for a position past the end of the row."),
    Method<&Member<TableReader>>("member",
                                 "member($self, key, /)\n--\n\nWhether the key is there; the same as `key in table`."),
    Method<&Delete>("delete", "delete($self, key, /)\n--\n\nDeletes the rows of a key. An absent key is no error."),
    Method<&DeleteMany>(
        "delete_many",
        "delete_many($self, keys, /)\n--\n\n"
        "Deletes the rows of many keys and returns the number of rows removed. Each key goes atomically, the\n"
        "batch does not."),
    Method<&DeleteObject>(
        "delete_object",
        "delete_object($self, row, /)\n--\n\n"
        "Deletes the rows exactly equal to `row` (1, 1.0 and True are three values). None there is no error."),
    Method<&Take>("take", "take($self, key, /)\n--\n\nDeletes the rows of a key and returns them, in one atomic step."),
    MethodNoArguments<&Clear>("clear", "clear($self, /)\n--\n\nDeletes all rows."),
    MethodNoArguments<&Drop>("drop", "drop($self, /)\n--\n\nSee Table.drop."),
    MethodNoArguments<&Compact>(
        "compact",
        "compact($self, /)\n--\n\n"
        "Gives back memory that deleted rows and replaced values left unused. TableFixedError while the\n"
        "table is fixed."),
    Method<&UpdateCounter>(
        "update_counter",
        "update_counter($self, key, op, default=None)\n--\n\n"
        "Adds to numbers in the row of a key, atomically, and returns the new value.\n\n"
        "`op` is an increment (for the element after the key), `(pos, increment)`, `(pos, increment,\n"
        "threshold, setvalue)` (the result becomes `setvalue` once it passes the threshold in the\n"
        "increment's direction), or a list of these, which gives a list of results. Ints of any size, and\n"
        "floats. `default` is the row to start from if the key is absent; it takes the given key and must\n"
        "reach every position named. Without it an absent key is a KeyError. An operation that fails\n"
        "(ValueError, TypeError, OverflowError) changes nothing."),
    Method<&UpdateElement>(
        "update_element",
        "update_element($self, key, updates, default=None)\n--\n\n"
        "Sets elements in the row of a key: `(pos, value)` or a list of such pairs, all or none.\n\n"
        "True if there was a row, or a `default` to start from; else False. ValueError for the key's own\n"
        "position and for one past the end of the row."),
    Method<&Update>("update",
                    "update($self, key, fn, default=None)\n--\n\n"
                    "Replaces the row of a key by `fn(row)` and returns the new row.\n\n"
                    "`fn` is called without any lock, and called again if the row was changed meanwhile: one that\n"
                    "writes to the row itself is called for ever. `default` is the row to start from if the key is\n"
                    "absent; it takes the given key. Without it an absent key is a KeyError. ValueError if `fn`\n"
                    "changes the key."),
    Method<&CompareAndSwap>(
        "compare_and_swap",
        "compare_and_swap($self, old_row, new_row)\n--\n\n"
        "Replaces a row exactly equal to `old_row` by `new_row`, which has the same key: True if it did."),
    MethodNoArguments<&ToList<TableReader>>("tolist",
                                            "tolist($self, /)\n--\n\nAll rows of one moment, a list of tuples."),
    MethodNoArguments<&StepTo<TableReader, Step::kFirst, false>>("first",
                                                                 "first($self, /)\n--\n\n"
                                                                 "The first key, or END if there is none."),
    MethodNoArguments<&StepTo<TableReader, Step::kLast, false>>("last",
                                                                "last($self, /)\n--\n\n"
                                                                "The last key, or END if there is none."),
    Method<&StepTo<TableReader, Step::kNext, false>>(
        "next",
        "next($self, key, /)\n--\n\n"
        "The key after `key`, or END.\n\n"
        "An ordered_set is in order and any key may be given. The other types have some order, the same for\n"
        "prev(), and a key that is not there is a KeyError, unless it was deleted while the table is\n"
        "fixed."),
    Method<&StepTo<TableReader, Step::kPrev, false>>(
        "prev", "prev($self, key, /)\n--\n\nThe key before `key`, or END; see next()."),
    MethodNoArguments<&StepTo<TableReader, Step::kFirst, true>>(
        "first_lookup", "first_lookup($self, /)\n--\n\n`(key, rows)` of the first key, or END."),
    MethodNoArguments<&StepTo<TableReader, Step::kLast, true>>(
        "last_lookup", "last_lookup($self, /)\n--\n\n`(key, rows)` of the last key, or END."),
    Method<&StepTo<TableReader, Step::kNext, true>>(
        "next_lookup", "next_lookup($self, key, /)\n--\n\n`(key, rows)` of the key after `key`, or END; see next()."),
    Method<&StepTo<TableReader, Step::kPrev, true>>(
        "prev_lookup", "prev_lookup($self, key, /)\n--\n\n`(key, rows)` of the key before `key`, or END; see next()."),
    Method<&RowsAtSlot<TableReader>>(
        "slot",
        "slot($self, number, /)\n--\n\n"
        "The rows at one of the numbered places that the table consists of, a list that may be empty; END past the\n"
        "last one. Over all numbers from 0 on comes every row once; in an ordered_set one by one in order."),
    MethodNoArguments<&NewFix>(
        "fix",
        "fix($self, /)\n--\n\n"
        "A context manager: inside of `with table.fix():` a walk by next() and prev() meets each key that stays\n"
        "exactly once and goes on from keys that were deleted. May be nested and entered again."),
    Method<&FixByHand>("_fix_by_hand", nullptr),
    MethodNoArguments<&IterateBackward<TableReader>>("__reversed__",
                                                     "__reversed__($self, /)\n--\n\nIterates from the last row to the "
                                                     "first; in a table without an order like iter()."),
    MethodNoArguments<&IterateKeys<TableReader>>("_iter_keys", nullptr),
    MethodNoArguments<&CountKeys<TableReader>>("_count_keys", nullptr),
    MethodNoArguments<&Stats>("_stats", nullptr),
    Method<&Select<TableReader, Direction::kForward>>("_select", nullptr),
    Method<&Select<TableReader, Direction::kBackward>>("_select_reverse", nullptr),
    Method<&SelectCount<TableReader>>("_select_count", nullptr),
    Method<&Explain<TableReader>>(
        "explain",
        "explain($self, spec, /)\n--\n\n"
        "How select(spec) would be answered: a dict.\n\n"
        "way: 'lookup' of the keys that the specification names, 'range' of the keys of an ordered_set that it\n"
        "bounds, or 'scan' of the whole table. rows: how many rows are looked at. keys: those that are looked up.\n"
        "columns: positions or names of the elements that are read, None for whole rows. comparisons: for each\n"
        "clause the comparisons (element, operator, constant) by which a scan narrows the rows, column by column.\n"
        "interpreted: whether what is left is decided by running the specification on each row."),
    Method<&SelectDelete>(
        "select_delete",
        "select_delete($self, spec, /)\n--\n\n"
        "Deletes the rows for which a match specification gives True, and returns their number.\n\n"
        "Each row goes atomically: it is matched and deleted in one step. The whole is no single step,\n"
        "and Ctrl-C leaves what was deleted by then. A row on which the body fails stays."),
    Method<&SelectReplace>(
        "select_replace",
        "select_replace($self, spec, /)\n--\n\n"
        "Replaces the rows that a match specification matches by its results, and returns their number.\n\n"
        "Each clause's body must give a row with the same key, which is seen from the specification alone: ROW, or a\n"
        "tuple `((...),)` that has at the key's position the same variable or constant as the head, or\n"
        "('element', keypos, ROW). Else ValueError, also on an empty table. Each row is matched and replaced in one\n"
        "atomic step; the whole is no single step. A body that fails raises MatchError and leaves its row as it was;\n"
        "rows replaced by then stay so, also after Ctrl-C. Bags raise TypeError."),
    Method<&MatchDelete>("match_delete",
                         "match_delete($self, pattern, /)\n--\n\n"
                         "Deletes the rows that a pattern matches, and returns their number; see select_delete()."),
    Method<&MatchPattern<TableReader, Spec::Kind::kVars>>("_match", nullptr),
    Method<&MatchPattern<TableReader, Spec::Kind::kRow>>("_match_object", nullptr),
    MethodNoArguments<&CheckInvariants>("_check", nullptr),
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void RegisterTable(py::module_& module) {
  auto type =
      DefineClass<TableHandle>(module, "Table", nullptr, ContainerSetup<TableHandle, TableReader>(table_methods));
  DefineInit(&type, &NewTable);
  DefineInit(&type, &NewView);
  DefineInit(&type, &NewOfBatch);
  type.def_property_readonly("name", [](const TableHandle& table) { return py::handle(table.name_object()); })
      .def_property_readonly("fields", [](const TableHandle& table) { return py::handle(table.fields.get()); })
      .def_property_readonly("type", [](const TableHandle& table) { return TypeName(table.options.type); })
      .def_property_readonly("keypos", [](const TableHandle& table) { return table.options.keypos; })
      .def_property_readonly("_partitions", [](const TableHandle& table) { return table.options.partitions; })
      .def_property_readonly("_dropped", [](const TableHandle& table) { return table.table->dropped(); });
  CheckLayout<TableHandle>();
}

}  // namespace partita
