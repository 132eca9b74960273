"""select_count and tolist: whole-table reads of one moment."""

import datetime
import decimal
import random

import pytest

import partita
from helpers.terms import compare
from partita import ANY, ROW, VARS, Atom, V


def count(t, guard, head=(ANY, V[1])):
    return t.select_count([(head, [guard], [True])])


VALUES = [
    *range(-5, 6),
    2**62,
    2**63,
    -(2**70),
    1.0,
    -0.0,
    2.5,
    float("nan"),
    float("inf"),
    None,
    True,
    False,
    Atom("x"),
    "",
    "a",
    "aa",
    "x" * 40,
    "x" * 40 + "y",
    "ä",
    b"",
    b"a" * 30,
    (1, 2),
    (1.0, 2),
    [1],
    {"a": 1},
    {1},
    datetime.date(2020, 1, 1),
    decimal.Decimal("1.5"),
]
OPERATORS = {
    "<": lambda c: c < 0,
    "=<": lambda c: c <= 0,
    "<=": lambda c: c <= 0,
    ">": lambda c: c > 0,
    ">=": lambda c: c >= 0,
    "==": lambda c: c == 0,
    "/=": lambda c: c != 0,
    "!=": lambda c: c != 0,
}


@pytest.mark.parametrize("column", ["ints", "floats", "strings", "mixed"])
@pytest.mark.parametrize("operator", OPERATORS)
def test_every_comparison_with_every_constant(column, operator):
    """Counts by the engine against term order in plain Python, for columns of each kind and constants of all kinds."""
    rng = random.Random(f"{column} {operator}")
    kinds = {
        "ints": [rng.randrange(-6, 7) for _ in range(1500)],
        "floats": [rng.choice([-1.5, -0.0, 0.0, 1.0, 2.5, 1e300, float("nan")]) for _ in range(1500)],
        "strings": [rng.choice(["", "a", "aa", "b", "x" * 40, "x" * 40 + "y", "ä"]) for _ in range(1500)],
        "mixed": [rng.choice(VALUES) for _ in range(1500)],
    }
    values = kinds[column]
    t = partita.Table(partitions=2)
    t.insert(list(enumerate(values)))
    t.insert([(i, None) for i in range(0, 1500, 10)])  # holes
    t.insert([(i,) for i in range(5, 1500, 100)])  # rows without the field
    stored = [row[1] for row in t.tolist() if len(row) == 2]
    for constant in VALUES:
        term = ("const", constant) if isinstance(constant, (tuple, list, dict)) else constant
        expected = sum(OPERATORS[operator](compare(value, constant)) for value in stored)
        assert count(t, (operator, V[1], term)) == expected
        assert t.snapshot().select_count([((ANY, V[1]), [(operator, V[1], term)], [True])]) == expected


def test_exact_comparisons():
    t = partita.Table()
    t.insert([(1, 1), (2, 1.0), (3, True), (4, "1"), (5, 2), (6, -0.0), (7, 0.0), (8, 0)])
    assert count(t, ("=:=", V[1], 1)) == 1
    assert count(t, ("==", V[1], 1)) == 2
    assert count(t, ("=/=", V[1], 1)) == 7
    assert count(t, ("=:=", V[1], 0.0)) == 2
    assert count(t, ("==", V[1], 0.0)) == 3


def test_constant_on_the_left():
    t = partita.Table()
    t.insert([(i, i) for i in range(10)])
    assert count(t, (">", 3, V[1])) == count(t, ("<", V[1], 3)) == 3
    assert count(t, ("=<", 3, V[1])) == 7
    assert count(t, ("=:=", 3, V[1])) == 1


def test_guards_are_joined_and_head_constants_are_exact():
    t = partita.Table(partitions=3)
    t.insert([(i, i % 7, f"name {i % 3}") for i in range(1000)])
    t.insert([(1000 + i, i % 7) for i in range(10)])
    rows = t.tolist()
    spec = [((V.id, V.n, "name 1"), [(">", V.n, 2), ("<", V.id, 500)], [True])]
    assert t.select_count(spec) == sum(len(r) == 3 and r[1] > 2 and r[0] < 500 and r[2] == "name 1" for r in rows)
    assert t.select_count([((5, ANY, ANY), [], [True])]) == 1
    assert t.select_count([((5.0, ANY, ANY), [], [True])]) == 0
    assert t.select_count([((ANY, ANY), [], [True])]) == 10
    assert t.select_count([(ANY, [], [True])]) == t.select_count([(V.row, [], [True])]) == 1010
    assert t.select_count([((), [], [True])]) == 0


def test_atoms_stand_for_variables():
    t = partita.Table()
    t.insert([(i, i) for i in range(10)])
    assert t.select_count([((Atom("_"), Atom("$1")), [("<", Atom("$1"), 3)], [True])]) == 3
    t.insert((11, "$1"))
    assert t.select_count([((ANY, "$1"), [], [True])]) == 1  # a str in a head is data


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_number_of_threads_changes_nothing(threads):
    t = partita.Table(partitions=5)
    t.insert([(i, i % 100) for i in range(20_000)])
    partita.set_num_threads(threads)
    try:
        assert count(t, ("<", V[1], 1)) == 200
    finally:
        partita.set_num_threads(None)


def test_constants_that_cannot_be_stored():
    with pytest.raises(ValueError, match="surrogate"):
        count(partita.Table(), ("<", V[1], "\ud800"))


def test_tolist():
    t = partita.Table(partitions=4)
    assert t.tolist() == []
    rows = [(i, f"name {i}", i / 3, None, [i]) for i in range(10_000)]
    t.insert(rows)
    assert sorted(t.tolist()) == rows
    t.insert(tuple(range(100)))
    assert (0, *range(1, 100)) in t.tolist()


def test_variables():
    assert repr(V[0]) == "V[0]"
    assert repr(V.age) == "V.age"
    assert (repr(ANY), repr(ROW), repr(VARS), repr(V)) == ("ANY", "ROW", "VARS", "V")
    assert V[1] == V[1]
    assert V.x != V[1]
    assert len({V[1], V[1], V.a, V.a}) == 2
    with pytest.raises(ValueError, match="numbered from 0"):
        V[-1]
    for wrong in ("1", 1.0, True, None):
        with pytest.raises(TypeError, match="int from 0"):
            V[wrong]
    with pytest.raises(AttributeError):
        V[1].name = 2


def test_atoms_that_only_look_like_variables():
    t = partita.Table()
    t.insert([(1, partita.Atom("$01")), (2, partita.Atom("$1x")), (3, partita.Atom("$"))])
    for key, name in (1, "$01"), (2, "$1x"), (3, "$"):
        assert t.select_count([((ANY, partita.Atom(name)), [], [True])]) == 1
        assert t.select_count([((key, partita.Atom(name)), [], [True])]) == 1
    for name in "$0", "$1", "$10", "_":
        assert t.select_count([((ANY, partita.Atom(name)), [], [True])]) == 3
