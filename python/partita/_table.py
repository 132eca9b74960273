"""The table. (The module has an underscore because `partita.table` is a function.)"""

from __future__ import annotations

from partita import _core, names, owners, reading
from partita import records as _records
from partita._options import check_int, check_word
from partita.errors import TableDroppedError, short_repr
from partita.mapping import TableMapping
from partita.progress import import_tqdm
from partita.selecting import Selecting
from partita.snapshot import Snapshot
from partita.threads import available_cpus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Literal, NoReturn

    from partita._path import Path
    from partita.reading import Accumulator, Row
    from partita.readonly import ReadOnlyTable

_TYPES = ("set", "ordered_set", "bag", "duplicate_bag")
_BAGS = ("bag", "duplicate_bag")
_IF_EXISTS = ("raise", "get", "replace")


def _check_type(type: object) -> Any:  # noqa: A002
    return check_word("type", type, _TYPES)


def _check_fields(fields: object, keypos: int) -> tuple[str, ...] | None:
    if fields is None:
        return None
    if isinstance(fields, str) or not hasattr(fields, "__iter__"):
        raise TypeError(f"fields is a sequence of names, not {short_repr(fields)}")
    checked = tuple(fields)
    for name in checked:
        if not isinstance(name, str):
            raise TypeError(f"the name of a field is a str, not {short_repr(name)}")
    if len(checked) > _core.MAX_ARITY:
        raise ValueError(f"fields names {len(checked)} positions: a row has at most {_core.MAX_ARITY}")
    if len(set(checked)) < len(checked):
        twice = next(name for i, name in enumerate(checked) if name in checked[:i])
        raise ValueError(f"the field {twice!r} is named twice in fields={checked!r}")
    if len(checked) <= keypos:
        raise ValueError(f"fields={checked!r} names no field at the key's position {keypos}")
    return tuple(str.__str__(name) for name in checked)  # no subclass


def _check_keypos(keypos: object, fields: object) -> int:
    """A position, or the name of one of the fields."""
    if isinstance(keypos, str):
        if isinstance(fields, str) or not hasattr(fields, "__iter__"):
            raise ValueError(f"keypos is {short_repr(keypos)}, but there are no fields=... of that name")
        listed = list(fields)
        if keypos not in listed:
            raise ValueError(f"keypos is {short_repr(keypos)}, which is not one of the fields {listed!r}")
        return listed.index(keypos)
    return check_int("keypos", keypos, 0, _core.MAX_ARITY - 1)


class Table(_core.Table, Selecting):
    """A table of rows, shared by all threads of the process.

    A row is a tuple with at least `keypos + 1` elements; the element at `keypos` is its key. What goes in is copied,
    what comes out is a fresh copy: changing a list that was read changes nothing in the table. Positions count from 0,
    and a field's name may stand for its position.

    Any thread may call any method. Calls on one key, and `insert`/`insert_new` of a list, are atomic and isolated;
    `tolist`, `select`, `match`, counts and snapshots see one moment of the whole table. No lock is held while Python
    code runs.

    `len(table)` counts rows, `key in table` tests a key, `iter(table)` gives rows; `bool(table)` is always true, also
    of an empty table, since it tells that the table exists.

    Args:
        name: a str, by which `partita.table(name)` finds the table until it is dropped; None for a table that lives
            until its last reference.
        type: "set": one row for each key; keys are equal if type and value are (1, 1.0 and True are three keys).
            "ordered_set": one row for each key, in the order of keys; numbers are equal by value (1 and 1.0 are one
            key, and the row that comes last brings its own). "bag" and "duplicate_bag": any number of rows for each
            key, in the order they come in; a bag does not take a row that is exactly equal to one it has.
        keypos: position of the key in a row, or its field's name.
        partitions: how many parts with a lock of their own the rows are spread over; by default the number of CPUs this
            process may use.
        fields: names of the positions, from 0 on.
        owner: an object that can be weakly referenced. When it dies the table passes to `heir`, or is dropped without
            one.
        heir: a callable that takes the table. With an heir the table lives at least as long as its owner.
        if_exists: what to do if a table of this name lives: "raise" TableExistsError, "get" that table, or "replace"
            it, which drops the old one.

    Raises:
        TypeError, ValueError: an argument is wrong; the message says which.
        TableExistsError: the name is taken.
    """

    __slots__ = ("_bond",)

    _bond: owners.Bond | None  # changed by owners.py alone
    _class, _note = "Table", ""  # what repr() calls it, and the end of what it tells

    def __new__(
        cls,
        name: str | None = None,
        *,
        type: Literal["set", "ordered_set", "bag", "duplicate_bag"] = "set",  # noqa: A002
        keypos: int | str = 0,
        partitions: int | None = None,
        fields: Iterable[str] | None = None,
        owner: object = None,
        heir: Callable[[Table], object] | None = None,
        if_exists: Literal["raise", "get", "replace"] = "raise",
    ) -> Table:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"the name of a table is a str or None, not {short_repr(name)}")
        type = _check_type(type)  # noqa: A001
        if_exists = check_word("if_exists", if_exists, _IF_EXISTS)
        if fields is not None and not isinstance(fields, (str, tuple)) and hasattr(fields, "__iter__"):
            fields = tuple(fields)  # it may be an iterator
        keypos = _check_keypos(keypos, fields)
        fields = _check_fields(fields, keypos)
        partitions = (
            available_cpus() if partitions is None else check_int("partitions", partitions, 1, _core.MAX_PARTITIONS)
        )
        if heir is not None and not callable(heir):
            raise TypeError(f"heir is a callable that takes the table, not {short_repr(heir)}")
        if heir is not None and owner is None:
            raise ValueError("heir is for a table with an owner: pass owner=... too")

        if name is not None:
            name = str.__str__(name)  # a subclass could have a hash of its own
            holder = names.find(name)
            if holder is not None and if_exists == "get":
                return holder
            if holder is not None and if_exists == "raise":
                names.raise_exists(name)

        table = super().__new__(cls)
        _core.Table.__init__(table, name, type, keypos, partitions, fields)
        table._bond = None
        bond = None if owner is None else owners.bond_to(table, owner, heir)
        if name is not None:
            holder = table._claim_name(name, if_exists)
            if holder is not table:
                return holder
        if bond is not None:
            owners.replace(table, None, bond)
        return table

    def __init__(self, *args: object, **kwargs: object) -> None:
        """All is done in __new__, which may return a table that lives already."""

    def _claim_name(self, name: str, if_exists: str) -> Table:
        while True:
            holder = names.claim(name, self)
            if holder is self or if_exists == "get":
                return holder
            if if_exists == "raise":
                names.raise_exists(name)
            holder._end()

    # --- Writing.

    def insert_many(self, rows: Iterable[Row | dict[str, Any]], *, progress: bool = False) -> int:
        """Puts in the rows of any iterable, chunk by chunk, and returns their number.

        Much faster than a loop over `insert`. Not atomic: others see the rows come. If the iterable or a row raises, or
        Ctrl-C is pressed, the rows before that point stay in; after a MemoryError, or where a partition is full, some
        of the last few thousand may be missing. `progress=True` shows a bar, which needs the package tqdm.
        """
        if progress:
            rows = import_tqdm()(rows, unit=" rows")
        return super().insert_many(rows)

    def drop(self) -> None:
        """Ends the table: its rows are freed, its name is free again, and later calls raise TableDroppedError.

        Snapshots taken before stay readable.
        """
        super().drop()
        names.release(self)
        owners.release(self)

    def rename(self, name: str) -> None:
        """Gives the table another name, or an unnamed one its first, in one step.

        TableExistsError if a table of this name lives already.
        """
        names.rename(self, name)

    def give_away(self, new_owner: object) -> None:
        """Makes `new_owner`, which can be weakly referenced, the owner of the table. An heir stays the heir."""
        owners.give_away(self, new_owner)

    def _end(self) -> None:
        """Drops the table unless another thread did so first."""
        try:
            self.drop()
        except TableDroppedError:
            pass

    # --- Reading.

    def keys(self) -> reading.Keys:
        """The keys, each once, as an iterable with `len()` and `in`."""
        return reading.Keys(self)

    def foldl(self, fn: Callable[[Row, Accumulator], Accumulator], acc: Accumulator) -> Accumulator:
        """Calls `acc = fn(row, acc)` for every row and returns the last `acc`.

        Walks as `iter(table)` does: without copying the table, and each row that is there from start to end is met
        exactly once. The rows of one key in a bag come one after the other, the oldest first. `fn` may call the table.
        """
        return reading.fold(self, fn, acc)

    def foldr(self, fn: Callable[[Row, Accumulator], Accumulator], acc: Accumulator) -> Accumulator:
        """Like foldl(), from the other end of what has an order: not of a set."""
        return reading.fold(reversed(self), fn, acc)

    def records(self, rows: Iterable[Row] | None = None) -> list[Any]:
        """All rows of one moment as named tuples, whose names are the table's fields; or the given rows of it.

        `table.records(table.lookup(key))` names what was looked up. A row that is shorter than the fields is filled up
        with None; one that is longer is a ValueError. Fields that are no Python names are called `_0`, `_1`, ...
        """
        return _records.named(self, rows)

    @classmethod
    def from_records(
        cls,
        records: Iterable[dict[str, Any]],
        name: str | None = None,
        *,
        fields: Iterable[str] | None = None,
        **options: Any,
    ) -> Table:
        """A new table of dicts, all with the same keys: its fields, in the order of the first dict's or as given.

        Other options are those of the class. The table gets its name once all records are in it. ValueError names the
        record and the field that is missing or unknown; then there is no new table, and an old one stays.
        """
        return _records.load(cls, records, name, fields, options)

    def snapshot(self) -> Snapshot:
        """A read-only view of this moment, with every reading method; a context manager."""
        return Snapshot(self)

    def save(self, path: Path, *, progress: bool = False) -> int:
        """Writes the rows of this moment into a file, for `partita.load()`; see `partita.save`."""
        from partita import files  # loaded with the package

        return files.save(self, path, progress=progress)

    def readonly(self) -> ReadOnlyTable:
        """A view of this table with every reading method; those that write raise ReadOnlyError. It is a Table too."""
        from partita.readonly import ReadOnlyTable  # loaded with the package

        return ReadOnlyTable(self)

    def mapping(self) -> TableMapping:
        """A `MutableMapping` over rows (key, value), for code that wants a dict. The key must stand at position 0."""
        if self.type in _BAGS:
            raise TypeError("mapping() needs a set or an ordered_set: a key of a bag may have many rows")
        if self.keypos != 0:
            raise ValueError(f"mapping() is for rows (key, value), but this table's key is at position {self.keypos}")
        return TableMapping(self)

    def info(self) -> dict[str, Any]:
        """What the table is and holds, as a dict.

        name, type, size (rows), memory (bytes, all in), keypos, fields, partitions (their number), partition_sizes
        (rows of each), owner, heir, fixed, readonly, snapshots (how many live) and snapshot_memory (bytes kept for them
        alone).
        """
        stats = self._stats()
        return {
            "name": self.name,
            "type": self.type,
            "size": stats["size"],
            "memory": stats["memory"],
            "keypos": self.keypos,
            "fields": self.fields,
            "partitions": len(stats["partition_sizes"]),
            "partition_sizes": stats["partition_sizes"],
            "owner": owners.owner_of(self),
            "heir": owners.heir_of(self),
            "fixed": stats["fixes"] > 0,
            "readonly": False,
            "snapshots": stats["snapshots"],
            "snapshot_memory": stats["snapshot_memory"],
        }

    # --- What every object has.

    def __getitem__(self, key: object) -> NoReturn:
        """Not there: says what is."""
        raise TypeError(
            "a Table is no mapping: table.get(key) reads a row, {row[0]: row for row in table} makes a dict of rows, "
            "and table.mapping() is a dict over rows (key, value)"
        )

    def __repr__(self) -> str:
        try:
            name = "" if self.name is None else f" {self.name!r}"
        except TypeError:  # __new__ alone made it
            return f"<partita.{self._class}, not initialized>"
        try:
            state = f"{self.type}, {len(self)} rows{self._note}"
        except TableDroppedError:
            state = "dropped"
        return f"<partita.{self._class}{name}, {state}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            "a Table cannot be pickled or copied: it belongs to this process. Send its rows, t.tolist(), and insert "
            "them into another Table; for a second view of the same rows take t.snapshot()"
        )
