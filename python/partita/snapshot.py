"""A read-only view of one moment of a table."""

from __future__ import annotations

from partita import _core, reading, records
from partita.selecting import Selecting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

    from partita._path import Path
    from partita.reading import Accumulator, Row


class Snapshot(_core.Snapshot, Selecting):
    """One moment of a table, with the table's reading methods. Made by `Table.snapshot()`.

    Taking one costs microseconds and stops nobody. While it lives, the table keeps old versions of what is changed
    since (`info()["snapshot_memory"]` of the table, in bytes), so close it when it is no longer needed: with `close()`,
    by a `with` block, or by dropping the last reference. It stays readable after the table was dropped.

    Any thread may read it. Iteration gives all rows; `key in snapshot` asks for a key; an empty snapshot is true.
    """

    __slots__ = ()

    def __enter__(self) -> Snapshot:
        len(self)  # raises if it was closed
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def keys(self) -> reading.Keys:
        """The keys, as an iterable with `len()` and `in`."""
        return reading.Keys(self)

    def foldl(self, fn: Callable[[Row, Accumulator], Accumulator], acc: Accumulator) -> Accumulator:
        """Calls `acc = fn(row, acc)` for every row and returns the last `acc`."""
        return reading.fold(self, fn, acc)

    def foldr(self, fn: Callable[[Row, Accumulator], Accumulator], acc: Accumulator) -> Accumulator:
        """Like foldl(), from the other end of what has an order: not of a set."""
        return reading.fold(reversed(self), fn, acc)

    def records(self, rows: Iterable[Row] | None = None) -> list[Any]:
        """The rows as named tuples; see `Table.records`."""
        return records.named(self, rows)

    def save(self, path: Path, *, progress: bool = False) -> int:
        """Writes the rows into a file, for `partita.load()`; see `partita.save`."""
        from partita import files  # loaded with the package

        return files.save(self, path, progress=progress)

    def info(self) -> dict[str, Any]:
        """A dict of name, size, keypos and fields, as they were when the snapshot was taken."""
        return {"name": self.name, "size": len(self), "keypos": self.keypos, "fields": self.fields}

    def __repr__(self) -> str:
        try:
            of = f"of {self.name!r}" if self.name is not None else "of an unnamed table"
        except TypeError:  # __init__ was not called yet
            return "<partita.Snapshot, not initialized>"
        state = "closed" if self.closed else f"{len(self)} rows"
        return f"<partita.Snapshot {of}, {state}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Snapshot cannot be pickled or copied: take the rows with tolist()")
