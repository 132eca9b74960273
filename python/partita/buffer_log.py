"""The file of a durable buffer: a table of what was put in and is not dealt with (cpp/buffer/buffer_log.h).

What was in it when the buffer is made comes in as `restored`. When the buffer is stopped the file is closed, with what
is left in it for the next one.
"""

from __future__ import annotations

import os

from partita import _core, durable, keeper, scheduling
from partita._options import check_seconds
from partita._path import real_path
from partita._table import Table
from partita.errors import CorruptFileError, DurabilityError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# That a file is a buffer's, and of which kind, is told by the names of its fields.
_FIELDS = {
    "queue": ("queue number", "item", "partition key"),
    "map": ("map number", "key", "value", "version", "updates", "partition key"),
}
_LOG_BYTES = 8 << 20  # a longer log, beyond twice what waits, is replaced by a new one


class Log:
    """The file of a buffer, open for writing."""

    def __init__(self, place: keeper.Place) -> None:
        self._place = place
        self._ended = False

    def info(self) -> dict[str, Any]:
        """As `stats()` tells it."""
        told = self._place.info()
        return {key: told[key] for key in ("path", "state", "log_bytes", "failures", "last_error", "recovery")}

    def not_durable(self, unknown: bool) -> DurabilityError:
        """The exception for a call whose item could not be written."""
        reason = self.info()["last_error"]
        told = f" ({reason})" if reason else ""
        if unknown:
            return DurabilityError(f"the change is made, but may not be in the buffer's file{told}", self._place.path)
        return DurabilityError(
            f"nothing was changed, since the buffer's file could not be written and no new one has been{told}",
            self._place.path,
        )

    def close(self, name: str) -> None:
        """Writes what is left, and gives the file back. Any thread may, and more than once."""
        if self._ended:
            return
        try:
            self._place.end(save=True)
        except Exception:
            scheduling.log().exception("the file of buffer %r could not be written anew: its log is kept", name)
            try:
                self._place.leave(remove=False)
            except Exception:
                scheduling.log().exception("what is left in buffer %r may not be in its file", name)
        self._ended = True

    def forget(self) -> None:
        """In a fork's child: the file is the parent's."""
        self._place.detached = self._ended = True


def begin(
    control: _core.BufferControl, kind: str, path: object, *, sync_every: object, repair: object, allow_pickle: object
) -> Log:
    """Takes in what waits in the file at a path, and has the buffer keep its items there."""
    place = real_path(path)
    seconds = check_seconds("sync_every", sync_every)
    file = _core.DurableFile(place, "interval", seconds, False, bool(repair), bool(allow_pickle), 1, _LOG_BYTES)
    try:
        return Log(_open(control, kind, file, os.fsdecode(place), bool(repair)))
    except BaseException:
        file.leave(False)
        raise


def _open(control: _core.BufferControl, kind: str, file: _core.DurableFile, path: str, repair: bool) -> keeper.Place:
    asked = {"type": "set", "keypos": 0, "fields": _FIELDS[kind]}
    table = durable.load_into(file, path, Table, asked, control.partitions, False)
    report = file.report()
    durable.tell(report, repair, stacklevel=6)
    wrong = control.set_log(table)
    if wrong is not None:
        raise CorruptFileError(wrong, path)
    return keeper.Place(file, path, "interval", None, report)
