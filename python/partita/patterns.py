"""Variables and placeholders of patterns and match specifications.

`V[1]` and `V.name` are variables, `ANY` matches anything ('_' in ETS), `ROW` is the whole row ('$_') and `VARS` the
list of all bindings ('$$'). `Atom("$1")`, `Atom("_")`, `Atom("$_")` and `Atom("$$")` may stand for them; a `str` never
does.
"""

from __future__ import annotations

from partita._core import Atom
from partita.errors import short_repr


class Variable:
    """A variable of a pattern: numbered, or named. Equal to every variable of the same number or name."""

    __slots__ = ("name",)

    name: int | str

    def __init__(self, name: int | str) -> None:
        object.__setattr__(self, "name", name)

    def __setattr__(self, attribute: str, value: object) -> None:
        raise AttributeError(f"a variable cannot be changed: {self!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Variable) and other.name == self.name and type(other.name) is type(self.name)

    def __hash__(self) -> int:
        return hash((Variable, self.name))

    def __repr__(self) -> str:
        if isinstance(self.name, int):
            return f"V[{self.name}]"
        return f"V.{self.name}"

    def __reduce__(self) -> tuple[type[Variable], tuple[int | str]]:
        return (Variable, (self.name,))


class Variables:
    """`V`: gives the variable of a number (`V[1]`, from 0) or of a name (`V.age`)."""

    __slots__ = ()

    def __getitem__(self, number: int) -> Variable:
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"V[...] takes an int from 0, not {type(number).__name__}; a named variable is V.name")
        if number < 0:
            raise ValueError(f"V[{short_repr(number)}]: variables are numbered from 0")
        return Variable(number)

    def __getattr__(self, name: str) -> Variable:
        if name.startswith("__"):  # asked for by copy, pickle and notebooks
            raise AttributeError(name)
        return Variable(name)

    def __repr__(self) -> str:
        return "V"


class Placeholder:
    """`ANY`, `ROW` or `VARS`."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def __reduce__(self) -> str:
        return self._name  # unpickled as the module's object of that name


V = Variables()
ANY = Placeholder("ANY")
ROW = Placeholder("ROW")
VARS = Placeholder("VARS")

_PLACEHOLDER_ATOMS = {"_": ANY, "$_": ROW, "$$": VARS}


def special(term: object) -> Variable | Placeholder | None:
    """The variable or placeholder that `term` is, or that it names as an atom; None for data."""
    if isinstance(term, (Variable, Placeholder)):
        return term
    if not isinstance(term, Atom):
        return None
    name = str(term)
    number = name[1:]
    if name.startswith("$") and number.isascii() and number.isdigit() and (number == "0" or number[0] != "0"):
        return Variable(int(number))
    return _PLACEHOLDER_ATOMS.get(name)
