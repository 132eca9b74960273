"""Where a buffer's items go that its processor failed on, again and again and alone."""

from __future__ import annotations

import os
import time

from partita import scheduling
from partita._table import Table
from partita.errors import short_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from partita._path import Path

    DeadLetter = Callable[[Any], object] | Table | Path

_FIELDS = ("id", "item", "error", "time")


class Letter:
    """An item that was given up, and why."""

    __slots__ = ("error", "identity", "item")

    def __init__(self, item: Any, error: BaseException | None, identity: tuple[Any, ...]) -> None:
        self.item = item
        self.error = error
        self.identity = identity

    def row(self) -> tuple[Any, ...]:
        """As it stands in a table: fields "id", "item", "error", "time"."""
        return ((*self.identity, time.time_ns()), self.item, short_repr(self.error), time.time())


def check(dead_letter: object) -> None:
    if dead_letter is None or callable(dead_letter) or isinstance(dead_letter, (Table, str, bytes, os.PathLike)):
        return
    raise TypeError(f"dead_letter is a callable, a Table or a path, not {short_repr(dead_letter)}")


def deliver(dead_letter: DeadLetter | None, letters: list[Letter]) -> list[Letter]:
    """Passes letters on, and returns those that nobody took."""
    if dead_letter is None:
        return letters
    if not callable(dead_letter):
        try:
            if isinstance(dead_letter, Table):
                dead_letter.insert([letter.row() for letter in letters])
            else:
                _append(dead_letter, [letter.row() for letter in letters])
        except Exception:
            scheduling.log().exception("dead_letter did not take %d items: they are kept in `failed`", len(letters))
            return letters
        return []
    refused = []
    for letter in letters:
        try:
            dead_letter(letter.item)
        except BaseException:
            scheduling.log().exception("dead_letter raised: the item is kept in `failed`")
            refused.append(letter)
    return refused


def _append(path: Path, rows: list[tuple[Any, ...]]) -> None:
    """Adds rows to the table in a file, which takes the place of the old one as a whole."""
    from partita import files

    table = files.load(path, allow_pickle=True) if os.path.exists(path) else Table(fields=_FIELDS)
    table.insert(rows)
    table.save(path)
