"""Match specifications on their own: compiled once, or run on rows that are in no table.

`matchspec` is partita's name; the others are those of ETS, and `partita.ets` gives them too.
"""

from __future__ import annotations

from partita._core import MatchSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Spec = MatchSpec | list[tuple[Any, list[Any], list[Any]]]


def matchspec(spec: Spec) -> MatchSpec:
    """Reads and compiles a match specification, for many runs. What is compiled already comes back as it is.

    Raises MatchSpecError, which says where, for one that is malformed.
    """
    return spec if isinstance(spec, MatchSpec) else MatchSpec(spec)


match_spec_compile = matchspec


def is_compiled_ms(term: object) -> bool:
    """Whether `term` is what `match_spec_compile` gives."""
    return isinstance(term, MatchSpec)


def test_ms(row: tuple[Any, ...], spec: Spec) -> Any:
    """What a match specification makes of one row: its result, or False if the row does not match.

    Raises MatchError if the body of the clause that matches fails on the row.
    """
    return matchspec(spec).test(row)


def match_spec_run(rows: Iterable[tuple[Any, ...]], compiled: MatchSpec) -> list[Any]:
    """The results of a compiled match specification for those rows that match, in their order."""
    if not isinstance(compiled, MatchSpec):
        raise TypeError(f"what runs is compiled by match_spec_compile, not {type(compiled).__name__}")
    return compiled.run(rows)
