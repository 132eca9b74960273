"""Where a buffer's items go that its processor failed on, again and again and alone.

A file of dead letters is opened with the first one, and kept open: each letter is written to its log. It is saved when
a buffer that names it is flushed, and closed when one is stopped; another one that names it too opens it again.
"""

from __future__ import annotations

import os
import threading
import time

from partita import _core, scheduling
from partita._path import real_path
from partita._table import Table
from partita.errors import short_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from partita import keeper
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
    if dead_letter is None or callable(dead_letter) or _is_path(dead_letter) or isinstance(dead_letter, Table):
        return
    raise TypeError(f"dead_letter is a callable, a Table or a path, not {short_repr(dead_letter)}")


def deliver(dead_letter: DeadLetter | None, letters: list[Letter]) -> list[Letter]:
    """Passes letters on, and returns those that nobody took."""
    if dead_letter is None:
        return letters
    if not callable(dead_letter):
        try:
            rows = [letter.row() for letter in letters]
            if isinstance(dead_letter, Table):
                dead_letter.insert(rows)
            else:
                _files.insert(real_path(dead_letter), rows)
        except BaseException as error:
            scheduling.report("dead_letter did not take %d items: they are kept in `failed`", len(letters), error=error)
            return letters
        return []
    refused = []
    for letter in letters:
        try:
            result = dead_letter(letter.item)
            if hasattr(result, "__await__"):
                getattr(result, "close", str)()
                raise TypeError("dead_letter gave an awaitable, which nobody awaits")
        except BaseException as error:
            scheduling.report("dead_letter raised: the item is kept in `failed`", error=error)
            refused.append(letter)
    return refused


def save(dead_letter: DeadLetter | None) -> None:
    """Has the file of a buffer itself hold what is in its log too."""
    if _is_path(dead_letter):
        _files.save(real_path(dead_letter))


def close(dead_letter: DeadLetter | None) -> None:
    """Saves the file of a buffer that is stopped."""
    if _is_path(dead_letter):
        _files.close(real_path(dead_letter))


def forget_files() -> None:
    """In a fork's child: open files are the parent's."""
    global _files
    _files.forget()
    _files = _Files()


class _Files:
    """Those that are open, by their real paths."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may stop a buffer too
        self._open: dict[bytes, tuple[Table, keeper.Place]] = {}
        self._unsaved: set[bytes] = set()

    def insert(self, path: bytes, rows: list[tuple[Any, ...]]) -> None:
        with self._lock:
            if path not in self._open:
                self._open[path] = _open(path)
            self._open[path][0].insert(rows)
            self._unsaved.add(path)

    def save(self, path: bytes) -> None:
        with self._lock:
            if path in self._unsaved:
                self._unsaved.discard(path)
                self._open[path][1].save()

    def close(self, path: bytes) -> None:
        with self._lock:
            if path not in self._open:
                return
            table, place = self._open.pop(path)
            self._unsaved.discard(path)
            try:
                place.end(save=True)
            except Exception as error:
                scheduling.report("the dead letters in %s stay in its log", place.path, error=error)
                place.leave(remove=False)
            table.drop()

    def forget(self) -> None:
        for _, place in self._open.values():
            place.detached = True


_files = _Files()


def _open(path: bytes) -> tuple[Table, keeper.Place]:
    # Not as partita.open() does: at the interpreter's end the file shall outlive the buffers.
    from partita import durable, keeper

    name = os.fsdecode(path)
    asked = {"type": None, "keypos": None, "fields": None if os.path.exists(path) else _FIELDS}
    file = _core.DurableFile(path, "interval", 1.0, False, False, True, 1)
    try:
        table = durable.load_into(file, name, Table, asked, None, False)
    except BaseException:
        file.leave(False)
        raise
    return table, keeper.Place(file, name, "interval", None, file.report())


def _is_path(dead_letter: object) -> bool:
    return isinstance(dead_letter, (str, bytes, os.PathLike))
