"""The exceptions of partita.

Each derives from `Error` and from the built-in exception that a Python user would catch::

    Exception
    └── Error
        ├── TableDroppedError   (ValueError)  the table of this object was dropped
        ├── TableExistsError    (ValueError)  a table of this name lives already
        ├── TableFixedError     (ValueError)  the call has to wait until the table is no longer fixed
        ├── ReadOnlyError       (TypeError)   a writing call on a read-only view
        ├── SnapshotClosedError (ValueError)  the snapshot was closed
        ├── MatchSpecError      (ValueError)  a match specification is malformed; says where
        ├── MatchError          (ValueError)  the body of a match specification fails on a row
        ├── BufferFullError     (RuntimeError) a buffer has no room for what was to be put in
        ├── BufferStoppedError  (RuntimeError) the buffer was stopped and takes nothing
        ├── Retry               (RuntimeError) raised by a buffer's processor: these items again
        ├── CorruptFileError    (OSError)     a file is damaged, or not what it is taken for; says where
        ├── DurabilityError     (OSError)     what was done may not be on the disk, or was not done for that reason
        ├── FileLockedError     (OSError)     a table in a file is open for writing already
        ├── OptionsMismatchError (ValueError) a file holds a table of another kind than was asked for
        └── PickleRefusedError  (ValueError)  a file holds pickled objects, and the call did not allow them

Plain built-in exceptions are used where they say it all: `TypeError` for a wrong type, `ValueError` for a value or
position out of range, `KeyError` for an absent key where one is needed, `MemoryError`.
"""

import errno
import os
import reprlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class _Short(reprlib.Repr):
    def repr_int(self, number: int, level: int) -> str:
        try:
            return super().repr_int(number, level)
        except ValueError:  # more digits than Python likes to print
            return f"<int of {number.bit_length()} bits>"


_short = _Short()
_short.maxstring = _short.maxother = _short.maxlong = 100


def short_repr(value: object) -> str:
    """repr(value) for a message, in time and size that do not depend on how large the value is."""
    return _short.repr(value)


class Error(Exception):
    """Base class of all exceptions that partita defines."""


class TableDroppedError(Error, ValueError):
    """The table was dropped: by `drop()`, by its owner's end, or by a newer table that took its name."""


class TableExistsError(Error, ValueError):
    """A table of this name lives already."""


class TableFixedError(Error, ValueError):
    """The table is fixed, by `with table.fix():`, and the call would move what a walk relies on."""


class ReadOnlyError(Error, TypeError):
    """The table is a view by `readonly()`, and the call would change it."""


class SnapshotClosedError(Error, ValueError):
    """The snapshot was closed and can no longer be read."""


class MatchSpecError(Error, ValueError):
    """A match specification is malformed. The message says in which clause and where in it."""


class MatchError(Error, ValueError):
    """The body of a match specification fails on a row. The message says where, and on which row."""


class BufferFullError(Error, RuntimeError):
    """A buffer has no room for what was to be put in, and its options, or the time given, say not to wait for it."""


class BufferStoppedError(Error, RuntimeError):
    """The buffer was stopped and takes nothing any more."""


class Retry(Error, RuntimeError):  # noqa: N818
    """Raised by a buffer's processor that did a part of its batch: the items given are to be processed again.

    Attributes:
        items: some of the items that the processor was called with. The others count as processed.
    """

    def __init__(self, items: "Iterable[Any]") -> None:
        self.items = list(items)
        super().__init__(f"{len(self.items)} items are to be processed again")


class CorruptFileError(Error, OSError):
    """A file is damaged, or no file of the kind it is taken for.

    Attributes:
        path: of the file, as a str.
        offset: of the byte in it where what cannot be read begins.
    """

    def __init__(
        self, message: str, path: "str | bytes | os.PathLike[str] | os.PathLike[bytes]" = "", offset: int = 0
    ) -> None:
        self.path = os.fsdecode(path)
        self.offset = offset
        super().__init__(f"{self.path}, byte {offset}: {message}" if self.path else message)


class DurabilityError(Error, OSError):
    """A table's file could not be written.

    Raised by the call whose change may not be on the disk: it is in the table, and whether it will be there after a
    crash is not known. Raised too by later calls, before they change anything, until a save has succeeded.

    Attributes:
        path: of the file, as a str.
        offset: None.
    """

    def __init__(self, message: str, path: str = "", number: int = errno.EIO) -> None:
        self.path = path
        self.offset = None
        super().__init__(number, message, path)


class FileLockedError(Error, OSError):
    """The table in a file is open for writing, in this process or in another one; or its file is being replaced.

    Attributes:
        path: of the file, as a str.
        offset: None.
    """

    def __init__(self, path: str = "", message: str = "somebody writes to this file already") -> None:
        self.path = path
        self.offset = None
        super().__init__(errno.EWOULDBLOCK, message, path)


class OptionsMismatchError(Error, ValueError):
    """What was asked for is not what the file holds.

    Attributes:
        path: of the file, as a str.
    """

    def __init__(self, message: str, path: str = "") -> None:
        self.path = path
        super().__init__(f"{path}: {message}" if path else message)


class PickleRefusedError(Error, ValueError):
    """A file holds pickled objects, and the call did not allow them.

    Attributes:
        path: of the file, as a str.
        offset: of the block in it that holds one.
    """

    def __init__(self, message: str, path: str = "", offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        super().__init__(f"{path}, byte {offset}: {message}" if path else message)


def file_error(kind: str, error_number: int, path: str, offset: int, what: str) -> Exception:
    """The exception for what the engine says of a file."""
    if kind == "system":
        return OSError(error_number, f"{os.strerror(error_number)} ({what})", path)
    if kind == "corrupt":
        return CorruptFileError(what, path, offset)
    if kind == "foreign":
        return CorruptFileError(f"this is no file of a table, or of another version: {what}", path, offset)
    if kind == "pickled":
        return PickleRefusedError(
            "a row holds a pickled object, which can run any code when it is read: pass allow_pickle=True if you trust "
            "whoever wrote the file",
            path,
            offset,
        )
    if kind == "too large":
        return OverflowError(f"{path!r} has more rows than the table has room for: load it with more partitions")
    if kind == "dropped":
        return TableDroppedError("the table was dropped while its file was read or written")
    if kind == "locked":
        return FileLockedError(path)
    if kind == "state":
        return DurabilityError(what, path, errno.EBADF)
    return MemoryError()


def not_durable(path: str, reason: str, unknown: bool) -> DurabilityError:
    """The exception for a change of a table whose log cannot be written."""
    told = f" ({reason})" if reason else ""
    if unknown:
        return DurabilityError(f"the change is made, but may not be on the disk{told}", path)
    return DurabilityError(
        f"nothing was changed, since the log could not be written and no save has succeeded{told}", path
    )
