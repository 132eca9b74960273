"""Tables that live in files: `open` gives the table at a path, and from then on the file follows the table.

docs/persistence.md tells what is kept when; docs/format.md what stands in the files.
"""

from __future__ import annotations

import os
import warnings

from partita import _core, keeper, names, owners
from partita._options import check_seconds, check_word
from partita._path import real_path
from partita._table import _IF_EXISTS, Table, _check_fields, _check_keypos, _check_type
from partita.errors import OptionsMismatchError, TableDroppedError, short_repr
from partita.progress import Bar
from partita.readonly import ReadOnlyTable
from partita.threads import num_threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any, Literal, NoReturn

    from partita._path import Path


class DurableTable(Table):
    """A table that lives in a file; made by `partita.open`. It is a Table, and a context manager that closes it."""

    __slots__ = ("_place",)

    _place: keeper.Place
    _class = "DurableTable"

    def __new__(cls, *_: object, **__: object) -> NoReturn:
        raise TypeError("a DurableTable is made by partita.open(path, ...)")

    def flush(self) -> None:
        """Returns once all that was done before the call is on the disk: syncs the log, or saves where there is none.

        Raises:
            DurabilityError: it is not; or this process inherited the table by a fork.
        """
        len(self)  # raises if it was dropped
        self._place.flush()

    def close(self) -> None:
        """Saves the table and closes its file; the table is of no more use then. Does nothing if it is closed.

        Other threads may call the table meanwhile: what they change is in the file, or their calls raise
        TableDroppedError. If the save fails the table stays open.

        Raises:
            OSError: the file cannot be written.
        """
        self._place.end(save=True)
        self._forget()

    def drop(self, *, delete_file: bool = False) -> None:
        """Ends the table, and leaves its file as it was last saved, with the log where there is one.

        With `delete_file` the file goes too.
        """
        len(self)  # raises if it was dropped
        self._place.leave(remove=bool(delete_file))
        super().drop()

    def _end(self) -> None:
        # By its owner's death, or by another table that takes its name. A log has all that is to be kept.
        self._place.end(save=self._place.durability == "snapshot")
        self._forget()

    def _forget(self) -> None:
        try:
            super().drop()
        except TableDroppedError:
            pass

    def info(self) -> dict[str, Any]:
        """What `Table.info()` tells, and of the file: path, durability, state, detached, degraded and more.

        state: "open", "degraded" (the log could not be written, and nothing can be changed until a save succeeds),
        "closed" or "detached" (this process is a child of the one that opened it, and its table lives in memory alone).
        generation of the log, log_bytes (in logs since the last save), unwritten_bytes of these, syncs, saves (since it
        was opened), last_save (when the file was last replaced, in seconds as time.time() has them), saving, failures,
        last_error, and recovery: what was found at opening.
        """
        return {**super().info(), **self._place.info()}

    def __enter__(self) -> DurableTable:
        len(self)  # raises if it was dropped
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class ReadOnlyFile(ReadOnlyTable):
    """What `partita.open(path, mode="r")` gives: the table as it was at opening."""

    __slots__ = ("_information",)

    _information: dict[str, Any]
    _class = "ReadOnlyFile"

    def flush(self) -> None:
        """Does nothing: there is nothing to be written."""

    def close(self) -> None:
        """Frees the rows. The table is of no more use then."""
        self._end()

    def _end(self) -> None:
        self._table._end()
        names.release(self)
        owners.release(self)

    def info(self) -> dict[str, Any]:
        """What `Table.info()` tells, and of the file: path, durability (None), state ("read-only") and recovery."""
        return {**super().info(), **self._information, "owner": owners.owner_of(self), "heir": owners.heir_of(self)}

    def __enter__(self) -> ReadOnlyFile:
        len(self)  # raises if it was closed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _check_stored(file: _core.DurableFile, path: str, asked: dict[str, Any]) -> None:
    """Whether the options asked for, None where there is none, are those of the file."""
    keypos = asked["keypos"]
    if isinstance(keypos, str):
        keypos = _check_keypos(keypos, asked["fields"] if asked["fields"] is not None else file.fields)
    fields = None if asked["fields"] is None else _check_fields(asked["fields"], file.keypos)
    stored = {"type": file.type, "keypos": file.keypos, "fields": file.fields}
    for what, value in {"type": asked["type"], "keypos": keypos, "fields": fields}.items():
        if value is not None and value != stored[what]:
            raise OptionsMismatchError(
                f"the table in this file has {what}={stored[what]!r}, and was to be opened with {what}={value!r}", path
            )


def load_into(
    file: _core.DurableFile, path: str, cls: type[Table], asked: dict[str, Any], partitions: int | None, progress: bool
) -> Table:
    exists = file.open()
    if exists:
        _check_stored(file, path, asked)
        options: dict[str, Any] = {"type": file.type, "keypos": file.keypos, "fields": file.fields}
    else:
        options = {"type": asked["type"] or "set", "keypos": asked["keypos"] or 0, "fields": asked["fields"]}
    table = Table.__new__(cls, partitions=partitions, **options)
    try:
        if not exists:
            file.describe(table)
        with Bar(progress and exists, total=file.size, unit="B") as bar:
            while not file.load_step(table):
                bar.show(file.bytes_read)
    except BaseException:
        Table.drop(table)
        raise
    return table


def tell(report: dict[str, Any], repair: bool, stacklevel: int = 3) -> None:
    for note in report["notes"]:
        told = f"{note['path']}, byte {note['offset']}: {note['what']} ({note['bytes']} bytes left out)"
        if repair and note["damage"]:
            warnings.warn(told, stacklevel=stacklevel)
        else:
            import logging  # takes longer to import than the package, and is seldom needed

            logging.getLogger("partita").info("%s", told)


def open(  # noqa: A001
    path: Path,
    *,
    name: str | None = None,
    type: Literal["set", "ordered_set", "bag", "duplicate_bag"] | None = None,  # noqa: A002
    keypos: int | str | None = None,
    partitions: int | None = None,
    fields: Iterable[str] | None = None,
    owner: object = None,
    heir: Callable[[Table], object] | None = None,
    if_exists: Literal["raise", "get", "replace"] = "raise",
    durability: Literal["snapshot", "interval", "always"] = "interval",
    sync_every: float = 1.0,
    persist_every: float | None = 60.0,
    mode: Literal["rw", "r"] = "rw",
    repair: bool = False,
    allow_pickle: bool = False,
    progress: bool = False,
) -> DurableTable | ReadOnlyFile:
    """Opens the table that lives at `path`, or makes it.

    From then on what is done to the table is kept in the file, as `durability` says. `with partita.open(...) as t:`
    closes it at the end; what is still open when the interpreter ends is kept too.

    Args:
        path: of the file. Beside it live `path.wal.N`, logs, and `path.lock`.
        name, partitions, owner, heir, if_exists: as for Table. With the owner's end, if there is no heir, the table is
            closed.
        type, keypos, fields: as for Table, for a file that is made. For one that is there, None, or what it holds.
        durability: "interval": each change is written to a log, which is synced every `sync_every` seconds; a crash of
            the process or the machine costs the changes of that time at most. "always": a call returns when its change
            is on the disk; callers at the same time share one sync. "snapshot": there is no log; the whole table is
            saved every `persist_every` seconds, by flush(), by close(), at the owner's end and the interpreter's exit.
        sync_every: seconds, for "interval".
        persist_every: seconds, for "snapshot"; None: never by itself.
        mode: "r" gives the table as it is in the file now, for reading; nothing is locked and no file is changed.
        repair: takes what checks out of a damaged file, and warns of what is lost, instead of CorruptFileError.
        allow_pickle: whether rows may hold objects that were pickled. Unpickling runs code of the file's choice when
            such a row is read, so allow it only for files that you trust.
        progress: shows a bar, which needs the package tqdm.

    Raises:
        FileLockedError: another process, or this one, has it open for writing.
        OptionsMismatchError: the file holds a table of another type, keypos or fields.
        CorruptFileError: the file, or a log of it, is damaged; the message says where.
        PickleRefusedError: it holds pickled objects.
        OSError: a file cannot be read or made; FileNotFoundError with mode="r".
        TableExistsError: the name is taken.
    """
    place = real_path(path)
    durability = check_word("durability", durability, ("snapshot", "interval", "always"))
    mode = check_word("mode", mode, ("rw", "r"))
    if_exists = check_word("if_exists", if_exists, _IF_EXISTS)
    sync_every = check_seconds("sync_every", sync_every)
    if persist_every is not None:
        persist_every = check_seconds("persist_every", persist_every)
    if fields is not None and not isinstance(fields, (str, tuple)) and hasattr(fields, "__iter__"):
        fields = tuple(fields)  # it may be an iterator
    if type is not None:
        type = _check_type(type)  # noqa: A001
    if heir is not None and not callable(heir):
        raise TypeError(f"heir is a callable that takes the table, not {short_repr(heir)}")
    if heir is not None and owner is None:
        raise ValueError("heir is for a table with an owner: pass owner=... too")
    if repair and mode == "r":
        raise ValueError("repair=True writes what it saves, and mode='r' changes no file")
    holder = None
    if name is not None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a table is a str or None, not {short_repr(name)}")
        holder = names.find(name)
        if holder is not None and if_exists == "get":
            return holder  # type: ignore[return-value]
        if holder is not None and if_exists == "raise":
            names.raise_exists(name)
    told_path = os.fsdecode(place)
    lives_at = getattr(holder, "_place", None)
    if holder is not None and lives_at is not None and lives_at.path == told_path:
        holder._end()  # so that its path is free; another one is replaced once this one is there
    asked = {"type": type, "keypos": keypos, "fields": fields}
    file = _core.DurableFile(
        place, durability, sync_every, mode == "r", bool(repair), bool(allow_pickle), num_threads()
    )
    try:
        cls = Table if mode == "r" else DurableTable
        table: Any = load_into(file, told_path, cls, asked, partitions, progress)
    except BaseException:
        file.leave(False)
        raise
    report = file.report()
    tell(report, repair)
    opened: DurableTable | ReadOnlyFile
    if mode == "r":
        file.leave(False)
        opened = _as_read_only(table, told_path, report)
    else:
        table._place = keeper.Place(file, told_path, durability, persist_every, report)
        opened = table
    try:
        if mode != "r":
            keeper.keep(table, table._place)
        if name is not None:
            names.rename(opened, name, replace=if_exists == "replace")
        if owner is not None:
            owners.replace(opened, None, owners.bond_to(opened, owner, heir))
    except BaseException:
        opened._end()
        raise
    return opened


def _as_read_only(table: Table, path: str, report: dict[str, Any]) -> ReadOnlyFile:
    opened = ReadOnlyFile(table)
    opened._information = {
        "path": path,
        "durability": None,
        "state": "read-only",
        "detached": False,
        "degraded": False,
        "recovery": report,
    }
    return opened
