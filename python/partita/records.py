"""Rows by the names of their fields: named tuples out, dicts in."""

from __future__ import annotations

from partita import names
from partita.errors import short_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Protocol

    from partita._table import Table
    from partita.reading import Row

    class Named(Protocol):
        """What naming rows needs of a table or snapshot."""

        @property
        def fields(self) -> tuple[str, ...] | None: ...
        def tolist(self) -> list[Row]: ...


_types: dict[tuple[str, ...], Any] = {}


def _type_of(fields: tuple[str, ...]) -> Any:
    """The class of named tuples for these fields, the same each time."""
    found = _types.get(fields)
    if found is None:
        from collections import namedtuple

        make: Any = namedtuple
        made = make("Record", fields, rename=True)
        made.__module__ = __name__
        made.__reduce__ = lambda self: (restore, (fields, tuple(self)))
        found = _types.setdefault(fields, made)
    return found


def restore(fields: tuple[str, ...], row: Row) -> Any:
    """A named tuple that was pickled."""
    return _type_of(fields)._make(row)


def named(source: Named, rows: Iterable[Row] | None) -> list[Any]:
    fields = source.fields
    if fields is None:
        raise ValueError("records() names the elements of rows, and this table was made without fields=...")
    make = _type_of(fields)._make
    count = len(fields)
    result = []
    for row in source.tolist() if rows is None else rows:
        if len(row) != count:
            if len(row) > count:
                raise ValueError(
                    f"row {short_repr(row)} has {len(row)} elements, but the table names {count}: {fields!r}"
                )
            row = (*row, *[None] * (count - len(row)))
        result.append(make(row))
    return result


def load(
    table_type: type[Table],
    records: Iterable[dict[str, Any]],
    name: str | None,
    fields: Iterable[str] | None,
    options: dict[str, Any],
) -> Table:
    records = list(records)
    if fields is None:
        if not records:
            raise ValueError("there is no record to take the fields from: pass fields=...")
        if not isinstance(records[0], dict):
            raise TypeError(f"a record is a dict, not {short_repr(records[0])}")
        fields = tuple(records[0])
    if_exists = options.get("if_exists", "raise")
    table = table_type(fields=fields, **options)
    try:
        if name is None:
            table.insert_many(records)
            return table
        name = names.check(name)
        holder = None if if_exists == "replace" else names.find(name)
        if holder is not None and if_exists == "raise":
            names.raise_exists(name)
        if holder is None:
            table.insert_many(records)
            # Only now, so that nobody finds a part of it, and none is replaced by one.
            if if_exists == "get":
                holder = names.claim(name, table)
            else:
                names.rename(table, name, replace=if_exists == "replace")
                holder = table
    except BaseException:
        table._end()
        raise
    if holder is not table:
        table._end()
        holder.insert_many(records)
    return holder
