"""What keeps tables in their files: periodic saves, and the last ones when a table or the interpreter ends.

Each table that is open for writing has a `Place`. A place outlives its table by a moment: when the table's last
reference goes, the place ends what it has open. Saves every so often are made by one thread for all tables, begun when
the first table that wants any is opened, and ended with the last one. A fork's child begins without places: what is
open belongs to its parent.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import weakref

from partita.errors import DurabilityError, TableDroppedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from partita import _core
    from partita._table import Table


class Place:
    """Where a table lives: its files, open for writing."""

    __slots__ = (
        "__weakref__",
        "_savings",
        "detached",
        "durability",
        "ended",
        "file",
        "next_save",
        "path",
        "persist_every",
        "report",
    )

    def __init__(
        self,
        file: _core.DurableFile,
        path: str,
        durability: str,
        persist_every: float | None,
        report: dict[str, Any],
    ) -> None:
        self.file = file
        self.path = path
        self.durability = durability
        self.persist_every = persist_every if durability == "snapshot" else None
        self.report = report
        self.detached = False
        self.ended = False
        self._savings: dict[int, _core.FileSaving] = {}  # under way, by thread
        self.next_save = float("inf") if self.persist_every is None else time.monotonic() + self.persist_every

    def flush(self) -> None:
        if self.detached:
            raise DurabilityError(
                "this process inherited the table by a fork, and its file belongs to the parent", self.path
            )
        try:
            if self.durability == "snapshot":
                self.save()
                if self.persist_every is not None:
                    self.next_save = time.monotonic() + self.persist_every
            else:
                self.file.flush()
        except DurabilityError:
            raise
        except OSError as error:
            raise DurabilityError(error.strerror or str(error), self.path, error.errno or 0) from error

    def save(self, *, stop: threading.Event | None = None) -> None:
        self._save(last=False, stop=stop)

    def end(self, *, save: bool) -> None:
        """Ends what is open, with a save or without. If the save fails the table is open as before.

        A log that could not be written does not hold what is to be kept: then there is a save in any case.
        """
        if self.detached or self.ended:
            return
        if not save and self.file.info()["state"] != "degraded":
            self.leave(remove=False)
            return
        try:
            self._save(last=True)
        except DurabilityError:
            if self.file.info()["state"] != "closed":  # by another thread
                raise
        self._forget()

    def _save(self, *, last: bool, stop: threading.Event | None = None) -> None:
        thread = threading.get_ident()
        while not self.ended:
            self._give_up_outer_save()
            saving = self.file.begin_save(last)
            self._savings[thread] = saving
            try:
                while self._savings.get(thread) is saving:
                    if (stop is not None and stop.is_set()) or saving.step():
                        return
            finally:
                if self._savings.get(thread) is saving:
                    del self._savings[thread]
                saving.close()

    def _give_up_outer_save(self) -> None:
        # Where a signal handler or a finalizer saves or ends the table while the very thread that it interrupted saves
        # it: to wait for that save would be to wait for ever. It begins anew afterwards, unless the table has ended.
        outer = self._savings.pop(threading.get_ident(), None)
        if outer is not None:
            outer.close()

    def leave(self, *, remove: bool) -> None:
        if self.detached:
            if remove:
                raise DurabilityError(
                    "this process inherited the table by a fork, and its file belongs to the parent", self.path
                )
            return
        if not self.ended:
            self._give_up_outer_save()
            self.file.leave(remove)
            self._forget()

    def _forget(self) -> None:
        self.ended = True
        with _changed:
            _places.pop(id(self), None)
            _changed.notify_all()

    def info(self) -> dict[str, Any]:
        told = self.file.info()
        try:
            last_save = os.stat(self.path).st_mtime
        except OSError:
            last_save = None
        return {
            "path": self.path,
            "durability": self.durability,
            "detached": self.detached,
            "degraded": told["state"] == "degraded",
            "last_save": last_save,
            **told,
            "recovery": self.report,
        }


# Open places by id, with a reference to their tables; and the thread that saves. Guarded by _changed.
_places: dict[int, tuple[Place, weakref.ref[Table]]] = {}
_changed = threading.Condition()
_thread: threading.Thread | None = None
_stop = threading.Event()


def keep(table: Table, place: Place) -> None:
    """From here on the place ends with its table or the interpreter, and is saved every so often."""

    def ended(_: weakref.ref[Table]) -> None:
        try:
            place.end(save=place.durability == "snapshot")
        except Exception:
            # Nobody can try again. What a log holds is kept, and the path is free for whoever opens it next.
            place.leave(remove=False)
            raise

    global _thread
    with _changed:
        if place.persist_every is not None and _thread is None:
            _stop.clear()
            thread = threading.Thread(target=_save_all_in_time, name="partita-save", daemon=True)
            thread.start()  # may fail; then nothing was begun
            _thread = thread
        if not _places:
            atexit.unregister(_end_all)  # one registration, after all that was registered before
            atexit.register(_end_all)
        _places[id(place)] = (place, weakref.ref(table, ended))
        _changed.notify_all()


def _save_all_in_time() -> None:
    global _thread
    while True:
        with _changed:
            # A list, since what the collector does meanwhile may end a table, and its place with it.
            waiting = [place for place, _ in list(_places.values()) if place.persist_every is not None]
            if not waiting or _stop.is_set():
                _thread = None
                return
            place = min(waiting, key=lambda place: place.next_save)
            rest = place.next_save - time.monotonic()
            if rest > 0:
                _changed.wait(rest)
                continue
        try:
            place.save(stop=_stop)
        except TableDroppedError:
            pass
        except Exception as error:
            if not place.ended:
                _warn(place.path, error)
        place.next_save = time.monotonic() + (place.persist_every or 0.0)


def _warn(path: str, error: Exception) -> None:
    import logging  # takes longer to import than the package, and is seldom needed

    logging.getLogger("partita").warning("the table at %s could not be saved, which is tried again: %s", path, error)


def _end_all() -> None:
    """At the interpreter's exit."""
    _stop.set()
    with _changed:
        places = list(_places.values())
        thread = _thread
        _changed.notify_all()
    if thread is not None:
        thread.join()
    for place, reference in places:
        table = reference()  # so that it does not end meanwhile
        try:
            place.end(save=place.durability == "snapshot")
        except BaseException as error:  # Ctrl-C gives up one save; the others are made
            print(f"partita: the table at {place.path} could not be saved at exit: {error}", file=sys.stderr)
        del table


def _begin_anew_in_child() -> None:
    global _places, _changed, _thread, _stop
    for place, _ in list(_places.values()):
        place.detached = True
    _places, _changed, _thread, _stop = {}, threading.Condition(), None, threading.Event()


os.register_at_fork(after_in_child=_begin_anew_in_child)
