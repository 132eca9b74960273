"""The names of tables.

One dict from name to table, which keeps a named table alive until it is dropped. Every step on it is a single atomic
operation (`get`, `claim_name`, which gives a free name to a table in place of the one it had, and `forget_name`, which
removes a name only while it stands for one certain table), so threads need no lock and an exception between two steps
leaves nothing worse than the name of a dropped table. Whoever meets such a name removes it.
"""

from __future__ import annotations

from partita import _core
from partita._core import claim_name, forget_name
from partita.errors import TableExistsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from partita._table import Table

_named: dict[str, Table] = {}


def find(name: str) -> Table | None:
    """The live table of this name, or None."""
    table = _named.get(name)
    if table is not None and table._dropped:
        forget_name(_named, name, table)
        return None
    return table


def claim(name: str, table: Table) -> Table:
    """Gives `name` to `table`, for the one it had, if no other live table has it. Returns the table that has it."""
    while True:
        holder: Table = claim_name(_named, name, table)
        if holder is table or not holder._dropped:
            return holder
        forget_name(_named, name, holder)


def release(table: Table) -> None:
    """Takes the name of a dropped table away from it."""
    if table.name is not None:
        forget_name(_named, table.name, table)


def check_not_dropped(table: Table) -> None:
    """Raises TableDroppedError if it was."""
    _core.Table.__len__(table)  # a subclass may count in a way of its own


def check(name: object) -> str:
    """The name as a str. TypeError if it is none."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a table is a str, not {type(name).__name__}")
    return str.__str__(name)  # a subclass of str may hash and compare as it likes


def rename(table: Table, name: object, *, replace: bool = False) -> None:
    """Gives the table another name, or its first; `replace` drops a table that has it."""
    name = check(name)
    check_not_dropped(table)
    while (holder := claim(name, table)) is not table:
        if not replace:
            raise TableExistsError(f"a table named {name!r} lives already: {table!r} cannot be renamed to it")
        holder._end()
    if table._dropped:  # meanwhile, by another thread
        release(table)
        check_not_dropped(table)


def raise_exists(name: str) -> None:
    raise TableExistsError(
        f"a table named {name!r} lives already: get it with partita.table({name!r}), or pass if_exists='get' or "
        "'replace'"
    )


def table(name: str) -> Table:
    """The table of this name. KeyError if there is none."""
    found = find(check(name))
    if found is None:
        raise KeyError(name)
    return found


def tables() -> list[Table]:
    """All named tables that live."""
    return [table for table in list(_named.values()) if not table._dropped]
