"""Paths of files, as every call takes them."""

from __future__ import annotations

import os

from partita.errors import short_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def real_path(path: object) -> bytes:
    """The file that a path leads to, so that a symbolic link stays one when what it leads to is replaced."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"path is a str, bytes or os.PathLike, not {short_repr(path)}")
    name = os.fsencode(path)
    if not name or b"\0" in name:
        raise ValueError(f"path is {short_repr(path)}, which names no file")
    return os.path.realpath(name)
