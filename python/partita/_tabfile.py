"""Files as `ets:tab2file` writes and `ets:file2tab` reads them: logs of disk_log, one record for each row.

cpp/erlang/tab_file.h describes the bytes. The engine reads and writes the records of rows, piece by piece and without
the GIL; here are the beginning and the end of a file, and its checksum.
"""

from __future__ import annotations

import os

from partita import _core
from partita._external_term import dumps, loads, reading_options
from partita._path import real_path
from partita._table import Table
from partita.errors import CorruptFileError, short_repr
from partita.progress import Bar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from hashlib import _Hash
    from typing import Any, BinaryIO

    from partita._external_term import Binaries, Maps
    from partita._path import Path

_LOG = b"\1\2\3\4"
_CLOSED, _OPENED = b"\x63\x58\x4d\x0b", b"\6\7\x08\x09"
_RECORD, _OLD_RECORD = b"bWLA", b"\x0c\x21\x2c\x37"
_MOST_IN_HEAD = 65527  # bytes; records above that look different, and no description of a table is as long
_CHUNK = 1 << 20
_VERSION = (1, 0)
_TYPES = ("set", "ordered_set", "bag", "duplicate_bag")
_EXTENDED_INFO = ("object_count", "md5sum")
_END_OF_TABLE = _core.Atom("$end_of_table")
_NAMED_ATOMS = ((None, "nil"), (True, "true"), (False, "false"))
_FROM_FILE: Any = object()
_MISSING = object()


def tab2file(
    table: Table, path: Path, *, extended_info: Iterable[str] = (), sync: bool = False, progress: bool = False
) -> None:
    """Writes the rows that the table holds at this moment to a file that `ets:file2tab` reads.

    Others may read and write the table meanwhile. The file is written under another name beside `path` and takes its
    place when it is complete, so that at any time there is the old file or the new one.

    Args:
        table: one whose rows all have an Erlang form; see `dumps`.
        path: of the file. What is there is replaced.
        extended_info: "md5sum", "object_count", or both: what a reader can verify beyond the number of rows.
        sync: whether the file is to be on the disk when the call returns.
        progress: shows a bar, which needs the package tqdm.

    Raises:
        ValueError: a row holds something without an Erlang form. The message names it and the row's key.
        OSError: the file cannot be written.
        FileLockedError: a table that is open for writing lives there.
    """
    if not isinstance(table, Table):
        raise TypeError(f"tab2file() writes a Table, not {type(table).__name__}")
    chosen = _check_extended_info(extended_info)
    name = table.name
    target = real_path(path)
    checksum = _md5() if "md5sum" in chosen else None
    with table.snapshot() as moment, Bar(progress, total=len(moment), unit=" rows") as bar:
        file = _core.FileReplacement(target)
        try:
            head = dumps(
                tuple(
                    (_core.Atom(item), value)
                    for item, value in (
                        ("name", _core.Atom("table" if name is None else name)),
                        ("size", len(moment)),
                        ("named_table", name is not None),
                        ("type", _core.Atom(table.type)),
                        ("keypos", table.keypos + 1),
                        ("protection", _core.Atom("public")),
                        ("compressed", False),
                        ("major_version", _VERSION[0]),
                        ("minor_version", _VERSION[1]),
                        ("extended_info", [_core.Atom(item) for item in chosen]),
                    )
                )
            )
            file.write(_LOG + _CLOSED + _record(head))
            if checksum is not None:
                checksum.update(head)
            count = _write_rows(_core.ErlangTabDumper(moment), file, checksum, bar)
            known: list[tuple[Any, object]] = []
            if "object_count" in chosen:
                known.append((_core.Atom("count"), count))
            if checksum is not None:
                known.append((_core.Atom("md5"), checksum.digest()))
            if known:
                file.write(_record(dumps([_END_OF_TABLE, known])))
            file.commit(sync)
        finally:
            file.close()


def file2tab(
    path: Path,
    *,
    verify: bool = True,
    binaries: Binaries = "auto",
    maps: Maps = "dict",
    name: str | None = _FROM_FILE,
    partitions: int | None = None,
    fields: Iterable[str] | None = None,
    progress: bool = False,
) -> Table:
    """A new table with type, key position, name and rows of a file that `ets:tab2file` wrote.

    Positions count from 0 here and from 1 there: the key stays the same element. A table that was named there is named
    here, once all its rows are in.

    Args:
        path: of the file.
        verify: whether to check all that the file says of itself: number of rows, checksum, proper end. Without, a file
            that was cut off after a row, or in which a value changed, is read as it is.
        binaries, maps: what binaries and maps become; see `loads`.
        name: another name, or None for none.
        partitions, fields: as for `Table`.
        progress: shows a bar, which needs the package tqdm.

    Raises:
        CorruptFileError: the file is damaged, or not one of these. It has `path` and `offset`.
        ValueError: a row holds a term that has no counterpart in Python.
        TableExistsError: a table of that name lives already.
    """
    options = reading_options(binaries, maps)
    with _open(path) as file:
        head = _read_head(file, path)
        if name is _FROM_FILE:
            name = head.name if head.named else None
        table = Table(type=head.type, keypos=head.keypos, partitions=partitions, fields=fields)
        try:
            with Bar(progress, total=os.fstat(file.fileno()).st_size, unit="B") as bar:
                _read_rows(file, path, head, table, options, verify, bar)
            if name is not None:
                table.rename(name)
        except BaseException:
            table._end()
            raise
    return table


def tabfile_info(path: Path) -> dict[str, Any]:
    """What a file of `ets:tab2file` says of its table.

    A dict of name, type, protection, named_table, keypos (from 0), size, extended_info (a list of str) and version (a
    pair). CorruptFileError if it is no such file.
    """
    with _open(path) as file:
        head = _read_head(file, path)
    return {
        "name": head.name,
        "type": head.type,
        "protection": head.protection,
        "named_table": head.named,
        "keypos": head.keypos,
        "size": head.size,
        "extended_info": head.extended_info,
        "version": head.version,
    }


# --- Writing.


def _check_extended_info(extended_info: Iterable[str]) -> list[str]:
    if isinstance(extended_info, str):
        raise TypeError(f"extended_info is a sequence of names, such as ({extended_info!r},)")
    given = [_text(item) or item for item in extended_info]  # ETS has atoms here
    for item in given:
        if item not in _EXTENDED_INFO:
            raise ValueError(f"{short_repr(item)} is no extended_info: there are 'md5sum' and 'object_count'")
    return [item for item in _EXTENDED_INFO if item in given]


def _record(term: bytes) -> bytes:
    return len(term).to_bytes(4, "big") + _RECORD + term


def _md5(data: bytes = b"") -> _Hash:
    import hashlib  # takes a third of the time that the whole package takes to import

    return hashlib.md5(data, usedforsecurity=False)


def _digest(size: int) -> bytes:
    """What stands before a large term."""
    return _md5(size.to_bytes(4, "big")).digest()


def _write_rows(dumper: _core.ErlangTabDumper, file: _core.FileReplacement, checksum: _Hash | None, bar: Bar) -> int:
    while True:
        records, terms, holes = dumper.next(checksum is not None)
        if not records:
            return dumper.rows
        if holes:
            filled = bytearray(records)
            for offset, size, hole in holes:
                filled[offset : offset + len(hole)] = _digest(size)
            records = bytes(filled)
        file.write(records)
        if checksum is not None:
            checksum.update(terms)
        bar.show(dumper.rows)


# --- Reading.


class _Head:
    """What a file says of its table before the rows: `items`, by name, of the record `term`, which ends at `end`."""

    __slots__ = ("end", "extended_info", "keypos", "name", "named", "protection", "size", "term", "type", "version")

    def __init__(self, items: dict[str | None, Any], term: bytes, end: int) -> None:
        self.term = term
        self.end = end  # offset in the file
        self.name = _text(items.get("name", _MISSING))
        self.type = _text(items.get("type", _MISSING))
        self.protection = _text(items.get("protection", _MISSING))
        self.named: object = items.get("named_table")
        self.keypos = _number(items.get("keypos")) - 1  # from 0
        self.size = _number(items.get("size"))
        extended_info = items.get("extended_info")
        self.extended_info = [_text(item) for item in extended_info] if isinstance(extended_info, list) else []
        self.version = (_number(items.get("major_version", 0)), _number(items.get("minor_version", 0)))

    def is_complete(self) -> bool:
        if self.name is None or self.protection is None or self.type not in _TYPES:
            return False
        return isinstance(self.named, bool) and self.keypos >= 0 and self.size >= 0 and min(self.version) >= 0


def _open(path: Path) -> BinaryIO:
    return open(os.fsdecode(path), "rb")


def _read_head(file: BinaryIO, path: Path) -> _Head:
    start = file.read(8)
    if start[:4] != _LOG or start[4:] not in (_CLOSED, _OPENED):
        raise CorruptFileError("not a file of ets:tab2file", path, 0)
    record = file.read(8)
    size = int.from_bytes(record[:4], "big")
    if record[4:] not in (_RECORD, _OLD_RECORD) or size > _MOST_IN_HEAD:
        raise CorruptFileError("no description of a table begins here", path, 8)
    term = file.read(size)
    if len(term) < size:
        raise CorruptFileError("cut off inside the description of the table", path, 8)
    try:
        described = _core.erlang_loads(term, *reading_options("auto", "pairs"), True)
    except ValueError as error:
        raise CorruptFileError(f"the description of the table is damaged: {error}", path, 16) from None
    items: dict[str | None, Any] = {}
    if isinstance(described, tuple):
        for pair in reversed(described):
            if isinstance(pair, tuple) and len(pair) == 2:
                items[_text(pair[0])] = pair[1]
    head = _Head(items, term, 16 + size)
    if not head.is_complete():
        raise CorruptFileError("the description of the table lacks what file2tab needs", path, 16)
    if head.version[0] > _VERSION[0]:
        raise ValueError(
            f"{os.fsdecode(path)} has version {head.version[0]}.{head.version[1]}: known are those up to 1"
        )
    return head


def _text(atom: object) -> str | None:
    """An atom's text; None for anything else."""
    if isinstance(atom, _core.Atom):
        return str(atom)
    return next((text for value, text in _NAMED_ATOMS if atom is value), None)


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _read_rows(
    file: BinaryIO, path: Path, head: _Head, table: Table, options: tuple[int, int], verify: bool, bar: Bar
) -> None:
    loader = _core.ErlangTabLoader(table, *options, head.end)
    checksum = None
    if verify and "md5sum" in head.extended_info:
        checksum = _md5(head.term)
    while chunk := file.read(_CHUNK):
        terms, digests, problem = loader.feed(chunk, checksum is not None)
        for offset, size, digest in digests:
            if digest != _digest(size):
                raise CorruptFileError("the size of the record that begins here is damaged", path, offset)
        if problem is not None:
            damaged, offset, message = problem
            if damaged:
                raise CorruptFileError(message, path, offset)
            raise ValueError(f"{os.fsdecode(path)}, byte {offset}: {message}")
        if checksum is not None:
            checksum.update(terms)
        bar.show(file.tell())
    if loader.unfinished:
        raise CorruptFileError("the record that begins here goes on past the end of the file", path, loader.offset)
    known = _read_end(loader, path)
    if verify:
        _verify(loader, path, head, table, known, checksum)


def _read_end(loader: _core.ErlangTabLoader, path: Path) -> dict[str | None, Any] | None:
    """What the file's last record says, by name; None if there is no such record."""
    term = loader.end_term
    if not term:
        return None
    offset = loader.offset - len(term)
    try:
        end = loads(term, binaries="bytes", maps="pairs")
    except ValueError as error:
        raise CorruptFileError(f"the end of the table is damaged: {error}", path, offset) from None
    if not (isinstance(end, list) and len(end) == 2 and end[0] == _END_OF_TABLE and isinstance(end[1], list)):
        raise CorruptFileError("neither a row nor the end of the table", path, offset)
    return {_text(pair[0]): pair[1] for pair in end[1] if isinstance(pair, tuple) and len(pair) == 2}


def _verify(
    loader: _core.ErlangTabLoader,
    path: Path,
    head: _Head,
    table: Table,
    known: dict[str | None, Any] | None,
    checksum: _Hash | None,
) -> None:
    if head.extended_info and known is None:
        raise CorruptFileError("cut off: what ends the table is missing", path, loader.offset)
    known = known or {}
    if checksum is not None and known.get("md5") != checksum.digest():
        raise CorruptFileError("the rows are not those that were written: their MD5 sum differs", path, head.end)
    counted = known.get("count") if "object_count" in head.extended_info else head.size
    if ("object_count" in head.extended_info or checksum is None) and counted != loader.rows:
        raise CorruptFileError(f"{loader.rows} rows, but {short_repr(counted)} were written", path, loader.offset)
    if table.type != "duplicate_bag" and len(table) != loader.rows:
        raise ValueError(
            f"{os.fsdecode(path)}: rows that were written as different ones are equal here, as those of the keys 0.0 "
            "and -0.0 are; with verify=False the last of them stays"
        )
