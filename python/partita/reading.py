"""What tables and snapshots offer for reading beside the methods of the engine: keys, folds."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Protocol, TypeVar

    Row = tuple[Any, ...]
    Accumulator = TypeVar("Accumulator")

    class Readable(Protocol):
        """What the functions below need of a table or snapshot."""

        @property
        def keypos(self) -> int: ...
        def __reversed__(self) -> Iterator[Row]: ...
        def _iter_keys(self) -> Iterator[Any]: ...
        def _count_keys(self) -> int: ...
        def __iter__(self) -> Iterator[Row]: ...
        def __contains__(self, key: object, /) -> bool: ...


class End:
    """`END`, what walks answer past the last key. It stands for no key: no table holds it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "END"

    def __reduce__(self) -> str:
        return "END"


END = End()


class Keys:
    """The keys of a table or snapshot: iterable any number of times, with `len()` and `in`."""

    __slots__ = ("_source",)

    def __init__(self, source: Readable) -> None:
        self._source = source

    def __iter__(self) -> Iterator[Any]:
        return self._source._iter_keys()

    def __len__(self) -> int:
        return self._source._count_keys()

    def __contains__(self, key: object) -> bool:
        return key in self._source

    def __repr__(self) -> str:
        return f"<keys of {self._source!r}>"


def fold(rows: Iterable[Row], fn: Callable[[Row, Accumulator], Accumulator], acc: Accumulator) -> Accumulator:
    for row in rows:
        acc = fn(row, acc)
    return acc
