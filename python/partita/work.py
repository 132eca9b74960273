"""A batch on its way through the processor: what of it is still to be done, and its items, made anew for each call."""

from __future__ import annotations

from partita import _core
from partita._table import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from partita._core import Batch

_MAP_FIELDS = ("key", "value", "version", "updates")


class Work:
    """A batch of which not all is settled. Items go by their numbers in the batch, from 0."""

    __slots__ = ("_keys", "_snapshot", "_whole", "batch", "dead", "error", "groups", "halving", "kind", "tries")

    def __init__(self, batch: Batch, kind: str, whole: bool) -> None:
        self.batch = batch
        self.kind = kind
        self.groups: list[Sequence[int]] = [range(batch.size)]  # the processor is called with one after the other
        self.tries = 0
        self.halving = False
        self.error: BaseException | None = None  # the last one
        self.dead: list[tuple[int, BaseException]] = []  # what failed alone, and how
        self._whole = whole and kind == "map"  # its rows are in a table of the engine
        self._snapshot: Any = None  # of that, before the processor got it
        self._keys: list[Any] = []

    def untouched_table(self) -> Table | None:
        """For the first call: the table of the whole batch, of which nothing needs to be read."""
        if self.tries or len(self.groups[0]) < self.batch.size:
            return None
        if self.kind == "queue":
            table = Table()
            self.batch.fill(table)
            return table
        return self._open_table() if self._whole and self._snapshot is None else None

    def _open_table(self) -> Table:
        """The engine's own. Once: what the processor does to it is done to the batch."""
        table = _core.Table.__new__(Table)
        _core.Table.__init__(table, self.batch, _MAP_FIELDS)
        table._bond = None
        self._snapshot = table.snapshot()
        self._keys = list(self._snapshot.keys())
        return table

    def table_of(self, items: list[Any]) -> Table:
        """Of the present group, which has these items."""
        if self.kind == "map":
            table = Table(fields=_MAP_FIELDS)
            table.insert_many(items)
        else:
            table = Table()
            first = self.batch.first
            table.insert_many((first + n, item) for n, item in zip(self.groups[0], items, strict=True))
        return table

    def items(self, broken: list[int]) -> list[Any]:
        """All of the batch. Those that cannot be made any more are told in `broken`; errors stand in their place."""
        return self._rows(broken) if self._whole else self.batch.items(broken)

    def _rows(self, broken: list[int]) -> list[Any]:
        if self._snapshot is None:
            self._open_table()
        try:
            return [rows[0] for rows in self._snapshot.lookup_many(self._keys)]
        except MemoryError:
            raise
        except BaseException:
            return [self._row(number, broken) for number in range(len(self._keys))]

    def _row(self, number: int, broken: list[int]) -> Any:
        try:
            return self._snapshot.lookup(self._keys[number])[0]
        except MemoryError:
            raise
        except BaseException as error:
            broken.append(number)
            return error.with_traceback(None)

    def still_to_do(self, items: list[Any] | None, wanted: list[Any]) -> list[int]:
        """Of the present group those that a Retry names, by what the processor got: `items`, or None: a table.

        Raises whatever if one is none of them.
        """
        group = self.groups[0]
        if items is not None:
            return [group[place] for place in _places(items, wanted)]
        keys = self._keys_of_rows()
        index = Table()  # which knows what keys are equal
        index.insert_many((keys[number], number) for number in group)
        return sorted({index.lookup_element(row[0], 1) for row in wanted})

    def _keys_of_rows(self) -> Sequence[Any]:
        if self.kind == "queue":
            return range(self.batch.first, self.batch.first + self.batch.size)
        if self._whole:
            return self._keys
        return [row[0] if isinstance(row, tuple) else None for row in self.batch.items([])]

    def close(self) -> None:
        if self._snapshot is not None:
            self._snapshot.close()


def _places(items: list[Any], wanted: list[Any]) -> list[int]:
    """Where in `items` the wanted ones are: those very objects, else equal ones; each place once."""
    by_id: dict[int, list[int]] = {}
    for place in reversed(range(len(items))):
        by_id.setdefault(id(items[place]), []).append(place)
    left = dict.fromkeys(range(len(items)))
    for one in wanted:
        same = by_id.get(id(one), [])
        while same and same[-1] not in left:
            same.pop()
        found = same.pop() if same else next((place for place in left if _equal(items[place], one)), None)
        if found is None:
            raise LookupError("it names what is no item of the batch")
        del left[found]
    return [place for place in range(len(items)) if place not in left]


def _equal(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except Exception:  # an array, say
        return False
