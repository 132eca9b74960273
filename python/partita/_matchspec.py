"""Match specifications as far as counting needs them: one clause whose guards compare an element of the row with a
constant.

`compile_count` turns `[(head, [guard, ...], [True])]` into comparisons for the engine. What a full match specification
may hold beyond that is refused by name.
"""

from __future__ import annotations

from partita.errors import MatchSpecError, short_repr
from partita.patterns import ANY, Placeholder, Variable, special

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

    Comparison = tuple[int, str, Any]  # position, operator, constant

# Operators by the names that Erlang and Python give them.
_OPERATORS = {
    "<": "<",
    "=<": "=<",
    "<=": "=<",
    ">": ">",
    ">=": ">=",
    "==": "==",
    "/=": "/=",
    "!=": "/=",
    "=:=": "=:=",
    "=/=": "=/=",
}
_DEEPEST = 500
_NO_MORE = object()
_SWAPPED = {"<": ">", "=<": ">=", ">": "<", ">=": "=<"}  # `constant op variable` as `variable op constant`

# What a guard may call in a full match specification.
_OTHER_FUNCTIONS = frozenset(
    (
        *("abs", "binary_part", "bit_size", "byte_size", "ceil", "const", "element", "float", "floor", "hd", "length"),
        *("map_get", "map_size", "max", "min", "round", "size", "tl", "trunc", "tuple_size"),
        *("is_atom", "is_binary", "is_bitstring", "is_boolean", "is_bytes", "is_float", "is_function", "is_integer"),
        *("is_list", "is_map", "is_map_key", "is_number", "is_record", "is_str", "is_tuple"),
        *("and", "andalso", "not", "or", "orelse", "xor", "band", "bnot", "bor", "bsl", "bsr", "bxor"),
        *("+", "-", "*", "/", "div", "rem"),
    )
)


class _Clause:
    """The clause being compiled: its place, for errors, and what its head binds."""

    def __init__(self, number: int) -> None:
        self.where = f"clause {number}"
        self.arity = 0
        self.positions: dict[Variable, int] = {}
        self.comparisons: list[Comparison] = []

    def fail(self, part: str, message: str) -> NoReturn:
        raise MatchSpecError(f"{self.where}, {part}: {message}")


def _parts(term: object) -> Iterator[object]:
    if isinstance(term, dict):
        yield from term
        yield from term.values()
    elif isinstance(term, (tuple, list, set, frozenset)):
        yield from term


def _holds(clause: _Clause, part: str, term: object, wanted: Callable[[object], bool]) -> bool:
    """Whether `wanted` holds for a term or a part of it, at any depth that a table can hold."""
    walks = [iter((term,))]
    while walks:
        element = next(walks[-1], _NO_MORE)
        if element is _NO_MORE:
            walks.pop()
        elif wanted(element):
            return True
        elif len(walks) > _DEEPEST + 1:
            clause.fail(part, f"nothing nested deeper than {_DEEPEST} can be in a table")
        else:
            walks.append(_parts(element))
    return False


def _is_special(term: object) -> bool:
    return special(term) is not None


def _is_map(term: object) -> bool:
    return isinstance(term, dict)


def _compile_head(clause: _Clause, head: object, keypos: int) -> None:
    whole = special(head)
    if whole is ANY or isinstance(whole, Variable):
        return
    if not isinstance(head, tuple):
        raise TypeError(f"{clause.where}, head: a pattern is a tuple, a variable or ANY, not {short_repr(head)}")
    clause.arity = len(head)
    for position, element in enumerate(head):
        part = f"head, element {position}"
        named = special(element)
        if isinstance(named, Variable):
            if named in clause.positions:
                clause.fail(part, f"{named!r} stands there twice, which is not supported yet")
            clause.positions[named] = position
        elif isinstance(named, Placeholder):
            if named is not ANY:
                clause.fail(part, f"{named!r} has no meaning in a head")
        elif _holds(clause, part, element, _is_special):
            clause.fail(part, f"variables inside {short_repr(element)} are not supported yet")
        elif position != keypos and _holds(clause, part, element, _is_map):
            clause.fail(part, f"maps in patterns are not supported yet: {short_repr(element)}")
        else:
            clause.comparisons.append((position, "=:=", element))


def _constant(clause: _Clause, part: str, operand: object) -> object:
    if isinstance(operand, tuple) and len(operand) == 2 and operand[0] == "const":
        return operand[1]
    if isinstance(operand, (tuple, list, dict)):
        clause.fail(
            part,
            f"{short_repr(operand)} is not supported yet: compare a variable with a constant, or with ('const', x)",
        )
    if special(operand) is not None:
        clause.fail(part, f"{short_repr(operand)} is not supported yet: compare a variable of the head with a constant")
    return operand


def _compile_guard(clause: _Clause, number: int, guard: object) -> None:
    part = f"guard {number}"
    if not isinstance(guard, tuple) or not guard or not isinstance(guard[0], str):
        clause.fail(part, f"{short_repr(guard)} is no call: a guard is a tuple that starts with a function's name")
    name = guard[0]
    if name not in _OPERATORS:
        if name in _OTHER_FUNCTIONS:
            clause.fail(part, f"the function {name!r} is not supported yet, only comparisons are")
        clause.fail(part, f"{name!r} is no guard function")
    if len(guard) != 3:
        clause.fail(part, f"{name!r} compares two values, {short_repr(guard)} has {len(guard) - 1}")
    operator, (left, right) = _OPERATORS[name], guard[1:]
    variable = special(left)
    if not isinstance(variable, Variable):
        left, right = right, left
        operator = _SWAPPED.get(operator, operator)
        variable = special(left)
    constant = _constant(clause, part, right)
    if not isinstance(variable, Variable):
        clause.fail(part, f"{short_repr(guard)} is not supported yet: one of the two must be a variable of the head")
    if variable not in clause.positions:
        clause.fail(part, f"{variable!r} stands nowhere in the head as an element of its own")
    clause.comparisons.append((clause.positions[variable], operator, constant))


def compile_count(spec: object, keypos: int) -> tuple[int, list[Comparison]] | None:
    """The arity to match (0: any) and the comparisons that must all hold; None where no row can match."""
    if not isinstance(spec, list):
        raise MatchSpecError(f"a match specification is a list of (head, guards, body), not {short_repr(spec)}")
    if len(spec) != 1:
        raise MatchSpecError(f"a match specification of {len(spec)} clauses is not supported yet: give one")
    clause = _Clause(0)
    if not isinstance(spec[0], tuple) or len(spec[0]) != 3:
        raise MatchSpecError(f"{clause.where}: {short_repr(spec[0])} is no (head, guards, body)")
    head, guards, body = spec[0]
    _compile_head(clause, head, keypos)
    if not isinstance(guards, list):
        clause.fail("guards", f"{short_repr(guards)} is no list")
    for number, guard in enumerate(guards):
        _compile_guard(clause, number, guard)
    if not isinstance(body, list) or not body:
        clause.fail("body", f"{short_repr(body)} is no list of at least one expression")
    if body[-1] is not True or len(body) > 1:
        clause.fail("body", f"{short_repr(body)} is not supported yet: a count has the body [True]")
    if head == ():
        return None
    return clause.arity, clause.comparisons
