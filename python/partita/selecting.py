"""Matching, for tables and snapshots alike: select, match and their like."""

from __future__ import annotations

from partita.threads import num_threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from partita.matching import Spec


class Selecting:
    """What `Table` and `Snapshot` have for reading by patterns and match specifications."""

    __slots__ = ()

    def select(self: Any, spec: Spec, limit: int | None = None) -> Any:
        """The results of a match specification for the rows of one moment that match: a list.

        `spec` is a list of clauses `(head, [guard, ...], [body, ...])`, or what `partita.matchspec` made of one. Where
        every clause binds the key, it is looked up; else the table is scanned, on all cores and without stopping
        writers. MatchSpecError says where a specification is malformed, MatchError where a body fails on a row.

        With `limit`, at least 1, a page: `(list, cursor)` with at most so many results. `cursor.next()` gives the next
        page; the cursor is None when nothing follows, and the last page may be empty. Pages do not see one moment: a
        row that is there from the first page to the last is seen exactly once, in one of the states it had. A cursor
        keeps no copy of the table and stops nobody; it ends early if the table is cleared, and raises
        TableDroppedError once it is dropped.
        """
        return self._select(spec, limit, num_threads())

    def select_reverse(self: Any, spec: Spec, limit: int | None = None) -> Any:
        """Like select(), of an ordered_set from the last key to the first. Elsewhere it is the same as select()."""
        return self._select_reverse(spec, limit, num_threads())

    def select_count(self: Any, spec: Spec) -> int:
        """The number of rows of one moment for which a match specification gives True; see `select`.

        A row on which the body fails, or gives anything else, is not counted.
        """
        return self._select_count(spec, num_threads())

    def match(self: Any, pattern: object, limit: int | None = None) -> Any:
        """What the variables of a pattern are bound to, for each row of one moment that it matches.

        Numbered variables come first, by their numbers, then named ones as they stand in the pattern. `pattern` is a
        tuple with variables (`V[1]`, `V.name`) and `ANY` anywhere in it, or a variable or `ANY` for every row. With
        `limit` a page and a cursor, as from `select`.
        """
        return self._match(pattern, limit, num_threads())

    def match_object(self: Any, pattern: object, limit: int | None = None) -> Any:
        """The rows of one moment that a pattern matches; see `match`."""
        return self._match_object(pattern, limit, num_threads())
