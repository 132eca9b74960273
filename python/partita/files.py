"""Tables in files: `save` writes one moment of a table, `load` makes a table of it again.

docs/files.md tells how safe they are, docs/format.md what stands in the file.
"""

from __future__ import annotations

from partita import _core, names
from partita._path import real_path
from partita._table import Table
from partita.errors import short_repr
from partita.progress import Bar
from partita.snapshot import Snapshot
from partita.threads import num_threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from partita._path import Path


def save(source: Table | Snapshot, path: Path, *, progress: bool = False) -> int:
    """Writes one moment of a table, or a snapshot, into a file, and returns the number of rows.

    Readers and writers of the table go on meanwhile. The file that was at `path` is replaced in one step once the new
    one is complete and on the disk: whatever happens, there is the old one or the new one. `load()` reads it.
    `progress=True` shows a bar, which needs the package tqdm.

    Raises:
        OSError: the file cannot be written; the old one is still there, or, if only the folder could not be synced, the
            new one.
        FileLockedError: a table that is open for writing lives there.
        TableDroppedError, SnapshotClosedError: there is nothing to save.
    """
    target = real_path(path)
    if isinstance(source, Table):
        with source.snapshot() as snapshot:
            return save(snapshot, path, progress=progress)
    if not isinstance(source, Snapshot):
        raise TypeError(f"save() takes a Table or a Snapshot, not {short_repr(source)}")
    with Bar(progress, total=len(source), unit=" rows") as bar:
        writer = _core.FileWriter(source, target, num_threads())
        try:
            while not writer.step():
                bar.show(writer.rows)
        finally:
            writer.close()
        return writer.rows


def describe(path: Path) -> dict[str, Any]:
    """What a file says of the table in it: type, keypos, fields and size (rows). Reads its first and last bytes only.

    Raises:
        OSError: the file cannot be read.
        CorruptFileError: it is no such file, or damaged there.
    """
    reader = _core.FileReader(real_path(path), 1)
    return {"type": reader.type, "keypos": reader.keypos, "fields": reader.fields, "size": reader.row_count()}


def load(
    path: Path,
    name: str | None = None,
    *,
    partitions: int | None = None,
    owner: object = None,
    heir: Callable[[Table], object] | None = None,
    if_exists: Literal["raise", "get", "replace"] = "raise",
    allow_pickle: bool = False,
    progress: bool = False,
) -> Table:
    """A new table of what `save()` wrote: its type, keypos, fields and rows.

    Each row is checked on its way in. The table gets its name once it is complete.

    Args:
        path: of the file.
        name, partitions, owner, heir, if_exists: as for Table.
        allow_pickle: whether rows may hold objects that were pickled. Unpickling runs code of the file's choice when
            such a row is read, so allow it only for files that you trust.
        progress: shows a bar, which needs the package tqdm.

    Raises:
        FileNotFoundError, OSError: the file cannot be read.
        CorruptFileError: it is no such file, or damaged; the message says where.
        PickleRefusedError: it holds pickled objects.
        TableExistsError: the name is taken.
    """
    target = real_path(path)
    options: dict[str, Any] = {"partitions": partitions, "owner": owner, "heir": heir}
    if name is not None:
        holder = names.find(name)
        if holder is not None and if_exists == "get":
            return holder
        if holder is not None and if_exists == "raise":
            names.raise_exists(name)
    reader = _core.FileReader(target, num_threads())
    table = Table(type=reader.type, keypos=reader.keypos, fields=reader.fields, if_exists=if_exists, **options)
    try:
        with Bar(progress, total=reader.size, unit="B") as bar:
            while not reader.step(table, bool(allow_pickle)):
                bar.show(reader.bytes_read)
        if name is not None:
            names.rename(table, name, replace=if_exists == "replace")
    except BaseException:
        table._end()
        raise
    return table
