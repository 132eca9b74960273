"""Erlang's external term format."""

from __future__ import annotations

from partita import _core
from partita.errors import short_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    Binaries = Literal["auto", "str", "bytes"]
    Maps = Literal["dict", "pairs"]

_BINARIES = ("auto", "str", "bytes")
_MAPS = ("dict", "pairs")
_USUAL_LEVEL = 6  # as term_to_binary(Term, [compressed])


def reading_options(binaries: str, maps: str) -> tuple[int, int]:
    """Two options, checked, as the engine takes them."""
    if binaries not in _BINARIES:
        raise ValueError(f"binaries is {short_repr(binaries)}: it must be 'auto', 'str' or 'bytes'")
    if maps not in _MAPS:
        raise ValueError(f"maps is {short_repr(maps)}: it must be 'dict' or 'pairs'")
    return _BINARIES.index(binaries), _MAPS.index(maps)


def dumps(term: object, *, compressed: bool | int = False) -> bytes:
    """The term as `term_to_binary` writes it.

    Args:
        term: None, True, False, an int, a finite float, str, bytes, Atom, or a tuple, list or dict of these; also what
            a table would store as one of them, such as a NumPy number or a bytearray.
        compressed: True, or a level from 1 to 9, to compress the term if that makes it shorter.

    Raises:
        ValueError: a part of the term has no Erlang form, such as a set, a date or an infinite float. It is named.
    """
    if not isinstance(compressed, int):
        raise TypeError(f"compressed is a bool or a level from 0 to 9, not {short_repr(compressed)}")
    level = _USUAL_LEVEL if compressed is True else int(compressed)
    if not 0 <= level <= 9:
        raise ValueError(f"compressed is {level}: it must be a bool or a level from 0 to 9")
    return _core.erlang_dumps(term, level)


def loads(data: bytes | bytearray | memoryview, *, binaries: Binaries = "auto", maps: Maps = "dict") -> Any:
    """The term that `term_to_binary` wrote, with any of its options.

    Args:
        data: bytes, or something like it.
        binaries: what a binary becomes: "str", "bytes", or "auto", which is a str if it is UTF-8, else bytes.
        maps: what a map becomes: "dict", or "pairs", a list of tuples (key, value).

    Raises:
        ValueError: the bytes are no term, or one that has no counterpart in Python: a pid, a fun, an improper list, a
            map with keys that a dict cannot hold or cannot tell apart. The message says what, and at which byte.
    """
    return _core.erlang_loads(data, *reading_options(binaries, maps), False)
