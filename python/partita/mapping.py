"""A table of rows (key, value) as a dict."""

from __future__ import annotations

from _collections_abc import ItemsView, MutableMapping, ValuesView  # collections.abc, without the cost of collections

from partita.errors import short_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from partita._table import Table
    from partita.reading import Row

    _Mapping = MutableMapping[Any, Any]
    _ItemsView = ItemsView[Any, Any]
    _ValuesView = ValuesView[Any]
else:  # importing typing takes longer than all of partita
    _Mapping, _ItemsView, _ValuesView = MutableMapping, ItemsView, ValuesView

_MISSING: Any = object()


class TableMapping(_Mapping):
    """A `MutableMapping` over the rows (key, value) of a table; made by `Table.mapping()`.

    Any thread may use it. Each single call is atomic, as far as `dict` is: `pop`, `setdefault`, `popitem`, `del` act in
    one step. Iteration over keys, values and items may run while others write: what is there from start to end is met
    exactly once. Values come as copies: changing a list that was read changes nothing in the table, so assign it again.
    """

    __slots__ = ("_table",)

    def __init__(self, table: Table) -> None:
        self._table = table

    def __getitem__(self, key: object) -> Any:
        return self._table.lookup_element(key, 1)

    def get(self, key: object, default: Any = None) -> Any:
        return self._table.lookup_element(key, 1, default)

    def __setitem__(self, key: object, value: object) -> None:
        self._table.insert((key, value))

    def __delitem__(self, key: object) -> None:
        if not self._table.take(key):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return key in self._table

    def __iter__(self) -> Iterator[Any]:
        return iter(self._table.keys())

    def __len__(self) -> int:
        return len(self._table)

    def pop(self, key: object, default: Any = _MISSING) -> Any:
        rows = self._table.take(key)
        if rows:
            return self._pair(rows[0])[1]
        if default is _MISSING:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[Any, Any]:
        """Removes some pair and returns it; KeyError if there is none."""
        for key in self:
            rows = self._table.take(key)
            if rows:  # else another thread was faster
                return self._pair(rows[0])
        raise KeyError("popitem(): the table is empty")

    def _pair(self, taken: Row) -> tuple[Any, Any]:
        """Key and value of a row that was taken out. One without a value goes back, since it could not be popped."""
        if len(taken) < 2:
            self._table.insert_new(taken)
            raise IndexError(f"row {short_repr(taken)} has no value: a mapping is over rows (key, value)")
        return taken[0], taken[1]

    def setdefault(self, key: object, default: Any = None) -> Any:
        while not self._table.insert_new((key, default)):
            value = self._table.lookup_element(key, 1, _MISSING)
            if value is not _MISSING:  # else another thread deleted it in between
                return value
        return self._table.lookup_element(key, 1, default)

    def clear(self) -> None:
        self._table.clear()

    def items(self) -> ItemsView[Any, Any]:
        return _Items(self)

    def values(self) -> ValuesView[Any]:
        return _Values(self)

    def __repr__(self) -> str:
        return f"<mapping of {self._table!r}>"


# The views of collections.abc iterate over keys and then look each one up, which fails if it was deleted meanwhile.
class _Items(_ItemsView):
    _mapping: TableMapping

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return ((row[0], row[1]) for row in self._mapping._table)


class _Values(_ValuesView):
    _mapping: TableMapping

    def __iter__(self) -> Iterator[Any]:
        return (row[1] for row in self._mapping._table)
