"""Checks of options that several classes take, with the same words for the same mistake."""

from __future__ import annotations

import operator

from partita.errors import short_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_SECONDS = 1e9  # thirty years; what waits for locks and events takes no more than some hundred


def check_word(what: str, value: object, words: tuple[str, ...]) -> Any:
    """One of the words, as a str proper."""
    if not isinstance(value, str) or str.__str__(value) not in words:
        *others, last = map(repr, words)
        raise ValueError(f"{what} is {short_repr(value)}: it must be {', '.join(others)} or {last}")
    return str.__str__(value)


def check_int(what: str, value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} is an int, not {type(value).__name__}")
    number = int.__index__(operator.index(value))  # no subclass, which may compare as it likes
    if not least <= number <= most:
        raise ValueError(f"{what} is {short_repr(number)}: it must be from {least} to {most}")
    return number


def check_seconds(what: str, value: object, *, zero: bool = False) -> float:
    """A number of seconds above 0, or with `zero` from 0 on."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{what} is a number of seconds, not {type(value).__name__}")
    if not (0 < value <= _MOST_SECONDS or (zero and value == 0)):
        least = "from 0" if zero else "above 0"
        raise ValueError(f"{what} is {short_repr(value)}: it must be a number of seconds {least} and at most 1e9")
    return float(value)
