"""The module form: ETS's functions under ETS's names, the table or its name first.

    >>> from partita import ets
    >>> t = ets.new("users", ["set", "named_table", ("keypos", 0)])
    >>> ets.insert("users", (1, "Ada"))
    True
    >>> ets.lookup(t, 1)
    [(1, 'Ada')]
    >>> ets.delete("users")
    True

Positions count from 0, and errors are Python's: see docs/ets.md, which has a row for every function of Erlang's module.
What says nothing there but `true` returns True here; `partita.END` stands for `'$end_of_table'`.
"""

from __future__ import annotations

from partita import files, names, owners
from partita._core import Atom, Cursor
from partita._table import Table
from partita.errors import ReadOnlyError, TableDroppedError, short_repr
from partita.matching import is_compiled_ms as is_compiled_ms
from partita.matching import match_spec_compile as match_spec_compile
from partita.matching import match_spec_run as match_spec_run
from partita.matching import test_ms as test_ms
from partita.reading import END, End
from partita.readonly import ReadOnlyTable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from partita._path import Path
    from partita.matching import Spec
    from partita.reading import Accumulator, Row

    Tab = Table | str

_TYPES = ("set", "ordered_set", "bag", "duplicate_bag")
# How ETS is to guard and to tune a table. Here every thread may use every table, and `partitions` is what tunes it.
_WITHOUT_EFFECT = ("public", "protected", "private", "compressed")
_PAIRS_WITHOUT_EFFECT = ("read_concurrency", "write_concurrency", "decentralized_counters")
_MISSING: Any = object()


def _table(tab: Tab) -> Table:
    return tab if isinstance(tab, Table) else names.table(_text(tab))


def _text(name: object) -> str:
    if isinstance(name, (str, Atom)):
        return str(name)
    raise TypeError(f"a table or the name of one is expected, not {name!r}")


# --- Making and ending tables.


def new(name: str, options: Iterable[object] = (), **keywords: Any) -> Table:
    """A new table. `options` as ETS takes them, strings and pairs, or keywords as `partita.Table` takes them.

    Options: a type ("set", "ordered_set", "bag", "duplicate_bag"), "named_table", ("keypos", position from 0), and
    beyond ETS ("owner", object), ("heir", callable or None), ("partitions", n), ("fields", names). "public" and its
    like and the options on concurrency are taken and have no effect. Without "named_table" the name is not registered,
    and the table lives until its last reference. TableExistsError if a table of that name lives.
    """
    given: dict[str, Any] = {}
    named = keywords.pop("named_table", False)
    for option in options:
        if isinstance(option, (str, Atom)):
            word = str(option)
            if word in _TYPES:
                given["type"] = word
            elif word == "named_table":
                named = True
            elif word not in _WITHOUT_EFFECT:
                raise ValueError(f"{short_repr(word)} is no option of a table")
        elif isinstance(option, tuple) and len(option) == 2 and isinstance(option[0], (str, Atom)):
            word, value = str(option[0]), option[1]
            if word in ("keypos", "owner", "heir", "partitions", "fields"):
                given[word] = value
            elif word not in _PAIRS_WITHOUT_EFFECT:
                raise ValueError(f"{short_repr(option)} is no option of a table")
        else:
            raise TypeError(f"an option is a str or a pair (str, value), not {short_repr(option)}")
    return Table(_text(name) if named else None, **{**given, **keywords})


def whereis(name: str) -> Table | None:
    """The table of this name, or None."""
    return names.find(_text(name))


def all() -> list[Table]:  # noqa: A001
    """All named tables."""
    return names.tables()


def rename(tab: Tab, name: str) -> str:
    """Gives the table another name and returns that."""
    _table(tab).rename(_text(name))
    return _text(name)


def give_away(tab: Tab, new_owner: object) -> bool:
    """Makes `new_owner`, any object that can be weakly referenced, the owner."""
    _table(tab).give_away(new_owner)
    return True


def setopts(tab: Tab, options: Any) -> bool:
    """Sets the heir: `("heir", callable)`, or `("heir", None)` for none; one pair or a list of them."""
    pairs = options if isinstance(options, list) else [options]
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and pair[0] in ("heir", Atom("heir"))):
            raise ValueError(
                f"{short_repr(pair)} is no option that can be set: give ('heir', callable) or ('heir', None)"
            )
    table = _table(tab)
    if isinstance(table, ReadOnlyTable):
        raise ReadOnlyError(f"setopts(): {table!r} is a view that only reads; give the table itself an heir")
    for _, heir in pairs:
        owners.set_heir(table, heir)
    return True


def safe_fixtable(tab: Tab, fix: bool) -> bool:
    """Fixes the table once more, or ends one such fix; one that there is not ends without an error."""
    if not isinstance(fix, bool):
        raise TypeError(f"safe_fixtable() takes True or False, not {short_repr(fix)}")
    _table(tab)._fix_by_hand(fix)
    return True


# --- What a table is.


def info(tab: Tab, item: str = _MISSING) -> Any:
    """A dict of what `Table.info` tells, and of ETS's items `id`, `named_table` and `protection`; or one item.

    None if there is no such table.
    """
    table = tab if isinstance(tab, Table) else names.find(_text(tab))
    if table is None:
        return None
    try:
        known = table.info()
    except TableDroppedError:
        return None
    known["id"] = table
    known["named_table"] = known["name"] is not None
    known["protection"] = "protected" if known["readonly"] else "public"
    if item is _MISSING:
        return known
    if _text(item) not in known:
        raise ValueError(f"{short_repr(item)} is no item of info(): there are {', '.join(sorted(known))}")
    return known[_text(item)]


def i(tab: Tab = _MISSING) -> None:
    """Prints all named tables, one a line; of one table its rows, each with its number."""
    if tab is not _MISSING:
        for number, row in enumerate(_table(tab), 1):
            print(f"<{number:<3}> {row!r}")
        return
    lines: list[tuple[str, ...]] = [("name", "type", "size", "memory", "owner")]
    for table in names.tables():
        if (known := info(table)) is not None:
            lines.append((*(str(known[item]) for item in lines[0][:-1]), repr(known["owner"])))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ("-" * (sum(widths) + 8), "", "", "", ""))
    for name, type_name, size, memory, owner in lines:
        left = f"{name:<{widths[0]}}  {type_name:<{widths[1]}}"
        print(f"{left}  {size:>{widths[2]}}  {memory:>{widths[3]}}  {owner}".rstrip())


# --- Rows in and out.


def insert(tab: Tab, rows: Row | dict[str, Any] | list[Row] | list[dict[str, Any]]) -> bool:
    _table(tab).insert(rows)
    return True


def insert_new(tab: Tab, rows: Row | dict[str, Any] | list[Row] | list[dict[str, Any]]) -> bool:
    return _table(tab).insert_new(rows)


def lookup(tab: Tab, key: object) -> list[Row]:
    return _table(tab).lookup(key)


def lookup_element(tab: Tab, key: object, pos: int | str, default: object = _MISSING) -> Any:
    if default is _MISSING:
        return _table(tab).lookup_element(key, pos)
    return _table(tab).lookup_element(key, pos, default)


def member(tab: Tab, key: object) -> bool:
    return _table(tab).member(key)


def take(tab: Tab, key: object) -> list[Row]:
    return _table(tab).take(key)


def delete(tab: Tab, key: object = _MISSING) -> bool:
    """Deletes the rows of a key; without one, the whole table."""
    if key is _MISSING:
        _table(tab).drop()
    else:
        _table(tab).delete(key)
    return True


def delete_object(tab: Tab, row: Row) -> bool:
    _table(tab).delete_object(row)
    return True


def delete_all_objects(tab: Tab) -> bool:
    _table(tab).clear()
    return True


def update_counter(tab: Tab, key: object, op: Any, default: Row | None = None) -> Any:
    return _table(tab).update_counter(key, op, default)


def update_element(tab: Tab, key: object, updates: Any, default: Row | None = None) -> bool:
    return _table(tab).update_element(key, updates, default)


def init_table(tab: Tab, fn: Callable[[str], Any]) -> bool:
    """Replaces all rows by those that `fn` gives.

    `fn("read")` returns `(list of rows, the function to ask next)`, or END when there are no more. If rows cannot be
    inserted, the function that came with them is called with "close", and what it raises is ignored.
    """
    table = _table(tab)
    table.clear()
    while True:
        answer = fn("read")
        if answer is END or answer in ("end_of_input", Atom("end_of_input")):
            return True
        rows, fn = answer
        try:
            table.insert(rows)
        except BaseException:
            try:
                fn("close")
            except Exception:
                pass
            raise


# --- All rows.


def tab2list(tab: Tab) -> list[Row]:
    return _table(tab).tolist()


def foldl(tab: Tab, fn: Callable[[Row, Accumulator], Accumulator], acc: Accumulator) -> Accumulator:
    return _table(tab).foldl(fn, acc)


def foldr(tab: Tab, fn: Callable[[Row, Accumulator], Accumulator], acc: Accumulator) -> Accumulator:
    return _table(tab).foldr(fn, acc)


# --- By patterns and match specifications. With a limit: (results, continuation), or END if there are none. What goes
# on from there takes the continuation alone, which is END once nothing follows.


def select(tab: Tab | Cursor | End, spec: Spec = _MISSING, limit: int | None = None) -> Any:
    """All results, or with a limit a page of them; `select(continuation)` gives the next page."""
    return _ask("select", tab, spec, limit)


def select_reverse(tab: Tab | Cursor | End, spec: Spec = _MISSING, limit: int | None = None) -> Any:
    """Like select(), of an ordered_set from the last key to the first."""
    return _ask("select_reverse", tab, spec, limit)


def match(tab: Tab | Cursor | End, pattern: object = _MISSING, limit: int | None = None) -> Any:
    """What the variables of a pattern are bound to in each row; `match(continuation)` gives the next page."""
    return _ask("match", tab, pattern, limit)


def match_object(tab: Tab | Cursor | End, pattern: object = _MISSING, limit: int | None = None) -> Any:
    """The rows that a pattern matches; `match_object(continuation)` gives the next page."""
    return _ask("match_object", tab, pattern, limit)


def _ask(call: str, tab: Tab | Cursor | End, question: object, limit: int | None) -> Any:
    if question is _MISSING:
        return _page(tab)
    if isinstance(tab, (Cursor, End)):
        raise TypeError("what goes on from a continuation takes nothing else")
    ask = getattr(_table(tab), call)
    return ask(question) if limit is None else _results(*ask(question, limit))


def _page(continuation: object) -> Any:
    if continuation is END:
        return END
    if not isinstance(continuation, Cursor):
        raise TypeError(f"a continuation is what a call with a limit gave, not {short_repr(continuation)}")
    return _results(*continuation.next())


def _results(results: list[Any], cursor: Cursor | None) -> Any:
    if not results and cursor is None:
        return END
    return results, END if cursor is None else cursor


def select_count(tab: Tab, spec: Spec) -> int:
    return _table(tab).select_count(spec)


def select_delete(tab: Tab, spec: Spec) -> int:
    return _table(tab).select_delete(spec)


def select_replace(tab: Tab, spec: Spec) -> int:
    return _table(tab).select_replace(spec)


def match_delete(tab: Tab, pattern: object) -> bool:
    _table(tab).match_delete(pattern)
    return True


# --- Files.


def tab2file(tab: Tab, path: Path, options: Iterable[object] = (), *, progress: bool = False) -> bool:
    """Writes one moment of the table into a file in partita's own format; see `partita.save`.

    ETS's options are understood, and all that they ask for is done anyway: every file is checksummed, holds its number
    of rows, and is on the disk when this returns. For a file that Erlang reads see `partita.erlang.tab2file`.
    """
    _check_file_options("tab2file", options, ("extended_info", "sync"))
    files.save(_table(tab), path, progress=progress)
    return True


def file2tab(path: Path, options: Iterable[object] = (), *, verify: bool = True, **keywords: Any) -> Table:
    """A new table from a file that `tab2file` or `partita.save` wrote; see `partita.load`, whose keywords it takes.

    It is verified with or without ("verify", True). For a file that Erlang wrote see `partita.erlang.file2tab`.
    """
    _check_file_options("file2tab", options, ("verify",))
    return files.load(path, **keywords)


def tabfile_info(path: Path) -> dict[str, Any]:
    """What such a file says of its table: a dict of type, keypos, fields and size (rows)."""
    return files.describe(path)


def _check_file_options(function: str, options: Iterable[object], known: tuple[str, ...]) -> None:
    """A list of pairs, as ETS has it."""
    for option in options:
        if not (isinstance(option, tuple) and len(option) == 2 and isinstance(option[0], (str, Atom))):
            raise TypeError(f"an option is a pair (str, value), not {short_repr(option)}")
        if str(option[0]) not in known:
            raise ValueError(f"{short_repr(option)} is no option of {function}()")


# --- From key to key.


def first(tab: Tab) -> Any:
    return _table(tab).first()


def last(tab: Tab) -> Any:
    return _table(tab).last()


def next(tab: Tab, key: object) -> Any:  # noqa: A001
    return _table(tab).next(key)


def prev(tab: Tab, key: object) -> Any:
    return _table(tab).prev(key)


def first_lookup(tab: Tab) -> Any:
    return _table(tab).first_lookup()


def last_lookup(tab: Tab) -> Any:
    return _table(tab).last_lookup()


def next_lookup(tab: Tab, key: object) -> Any:
    return _table(tab).next_lookup(key)


def prev_lookup(tab: Tab, key: object) -> Any:
    return _table(tab).prev_lookup(key)


def slot(tab: Tab, number: int) -> Any:
    return _table(tab).slot(number)
