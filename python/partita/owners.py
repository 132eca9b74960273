"""Owners of tables, and their heirs.

A table's bond to its owner is replaced in one atomic step (`replace_attribute`), by whoever comes first: the owner's
death, a change of owner or heir, or the table's own end. Who comes second sees that the bond is no longer the one it
knew. So nothing is locked, and a weak reference's callback may run at any place of any thread.
"""

from __future__ import annotations

import weakref

from partita._core import replace_attribute
from partita.errors import short_repr
from partita.names import check_not_dropped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from partita._table import Table

    Heir = Callable[[Table], object]


class Bond:
    """What ties a table to its owner. Never changed."""

    __slots__ = ("heir", "reference")

    def __init__(self, reference: weakref.ref[Any] | None, heir: Heir | None) -> None:
        self.reference = reference
        self.heir = heir


_ENDED = Bond(None, None)  # of a table that was dropped, or is about to be since its owner died

# Tables with an heir, which live at least as long as their owner, by the id of the weak reference to it. One atomic
# dict operation at a time, as in names.py.
_inheritances: dict[int, Table] = {}


def bond_to(table: Table, owner: object, heir: Heir | None) -> Bond:
    """A bond that holds once it is the table's. TypeError if `owner` cannot be weakly referenced."""
    table_reference = weakref.ref(table)

    def owner_died(reference: weakref.ref[Any]) -> None:
        table = _inheritances.pop(id(reference), None) or table_reference()
        if table is None:
            return
        while (bond := table._bond) is not None and bond.reference is reference:
            if bond.heir is None:
                if replace(table, bond, _ENDED):
                    table._end()
            elif replace(table, bond, None) and not table._dropped:
                bond.heir(table)

    try:
        return Bond(weakref.ref(owner, owner_died), heir)
    except TypeError:
        raise TypeError(f"owner is of type {type(owner).__name__}, which cannot be weakly referenced") from None


def replace(table: Table, old: Bond | None, new: Bond | None) -> bool:
    """Makes `new` the table's bond if `old` is; whether it was."""
    if new is not None and new.heir is not None:
        _inheritances[id(new.reference)] = table
    done = replace_attribute(table, "_bond", old, new)
    gone = old if done else new
    kept = new if done else table._bond
    if gone is not None and (kept is None or kept.reference is not gone.reference or kept.heir is None):
        _inheritances.pop(id(gone.reference), None)
    return done


def give_away(table: Table, new_owner: object) -> None:
    while True:
        old = table._bond
        if old is _ENDED or table._dropped:
            table._end()  # if its owner's death has not done so yet
            check_not_dropped(table)  # raises
        if replace(table, old, bond_to(table, new_owner, None if old is None else old.heir)):
            break
    if table._dropped:  # meanwhile, by another thread
        release(table)
        check_not_dropped(table)


def set_heir(table: Table, heir: Heir | None) -> None:
    """Makes `heir` the heir of a table that has an owner, or takes the heir away."""
    if heir is not None and not callable(heir):
        raise TypeError(f"heir is a callable that takes the table, not {short_repr(heir)}")
    while True:
        check_not_dropped(table)
        old = table._bond
        if old is None or old.reference is None:
            raise ValueError("heir is for a table with an owner: give_away() it to one first")
        if replace(table, old, Bond(old.reference, heir)):
            return


def release(table: Table) -> None:
    """Ends the bond of a dropped table."""
    while (bond := table._bond) is not _ENDED and not replace(table, bond, _ENDED):
        pass


def owner_of(table: Table) -> object:
    bond = table._bond
    return None if bond is None or bond.reference is None else bond.reference()


def heir_of(table: Table) -> Heir | None:
    bond = table._bond
    return None if bond is None else bond.heir
