"""A view of a table for those who shall not change it."""

from __future__ import annotations

from partita import _core
from partita._table import Table
from partita.errors import ReadOnlyError, short_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

# The methods of a Table that change it, its rows, its name or its owner, or how its memory is used.
WRITING = (
    *("clear", "compact", "compare_and_swap", "delete", "delete_many", "delete_object", "drop", "give_away", "insert"),
    *("insert_many", "insert_new", "match_delete", "rename", "select_delete", "select_replace", "take", "update"),
    *("update_counter", "update_element"),
)


class ReadOnlyTable(Table):
    """A read-only view of a table, made by `Table.readonly()`.

    It shows the rows that the table has now and keeps the table alive. Every reading method works, `snapshot()`,
    `mapping()` and `fix()` included; those that write raise ReadOnlyError. It is an instance of Table.
    """

    __slots__ = ("_table",)

    _table: Table
    _class, _note = "ReadOnlyTable", ", read-only"

    def __new__(cls, table: Table) -> ReadOnlyTable:
        if not isinstance(table, Table):
            raise TypeError(
                f"a ReadOnlyTable is a view of a Table, by table.readonly(), and not of {short_repr(table)}"
            )
        view = _core.Table.__new__(cls)
        _core.Table.__init__(view, table)
        view._table = table
        view._bond = None
        return view

    def readonly(self) -> ReadOnlyTable:
        return self

    def _fix_by_hand(self, on: bool) -> bool:
        return self._table._fix_by_hand(on)  # the table outlives this view, and knows how to end it

    @classmethod
    def from_records(cls, *_: object, **__: object) -> NoReturn:
        """Raises ReadOnlyError: records make a Table."""
        raise ReadOnlyError("from_records(): a ReadOnlyTable is a view of a Table; call Table.from_records()")

    def info(self) -> dict[str, Any]:
        """What `Table.info()` tells of the table, with `readonly` true."""
        return {**self._table.info(), "readonly": True}


def _refusal(method: str) -> Callable[..., NoReturn]:
    def refuse(self: ReadOnlyTable, *_: object, **__: object) -> NoReturn:
        raise ReadOnlyError(f"{method}(): {self!r} is a view that only reads; write to the table itself")

    refuse.__name__ = method
    refuse.__qualname__ = f"ReadOnlyTable.{method}"
    refuse.__doc__ = f"Raises ReadOnlyError, where Table.{method} writes."
    return refuse


for _method in WRITING:
    setattr(ReadOnlyTable, _method, _refusal(_method))
