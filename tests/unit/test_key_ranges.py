"""Ordered sets whose keys a specification bounds: what is found, in what order, and how much of the table is read."""

import itertools
import random

import pytest

import partita
from partita import ANY, ROW, V

KEYS = [
    *range(-20, 20),
    *(x + 0.5 for x in range(-5, 5)),
    *(2**53, 2**53 + 1, -(2**70), 2**70, float("inf"), -float("inf"), float("nan")),
    *(None, True, False, "", "a", "b", "ba", b"", b"a", [1], [1, 2], {"a": 1}, {1: 2}),
    *((), (1,), (1.5,), ("a",), (None,)),
    *((a, b) for a in (1, 2, 3, "x") for b in (-1, 0, 1, 2.5, "a", "b", None, (), (1, 2), [1])),
    *((a, b, c) for a in (1, 2) for b in ("a", "b") for c in range(5)),
    *(((1, a), b) for a in range(3) for b in range(3)),
]
LIMITS = [
    0,
    1,
    1.0,
    -3.5,
    2**53,
    2**53 + 1,
    2**60,
    "a",
    "b",
    b"",
    None,
    True,
    (1,),
    (1, 0),
    (2, "a", 3),
    [1],
    float("nan"),
]
COMPARISONS = ("<", "=<", ">", ">=", "==", "=:=", "/=", "=/=")


@pytest.fixture(scope="module", params=[1, 5])
def t(request):
    table = partita.Table(type="ordered_set", partitions=request.param)
    table.insert([(key, i, "x") for i, key in enumerate(KEYS)])
    return table


def check(t, spec):
    """Every way to ask gives what the specification itself says of all rows, one by one."""
    expected = partita.matchspec(spec).run(t.tolist())
    for source in (t, t.snapshot()):
        assert repr(source.select(spec)) == repr(expected)  # nan is not itself to Python
        assert repr(source.select_reverse(spec)) == repr(expected[::-1])
        assert source.select_count([(*clause[:2], [True]) for clause in spec]) == len(expected)
        results, cursor = source.select(spec, 7)
        while cursor is not None:
            page, cursor = cursor.next()
            results += page
        assert repr(results) == repr(expected)
    assert t.explain(spec)["rows"] >= len(expected)
    return t.explain(spec)


def rows_read(t, spec):
    return check(t, spec)["rows"]


@pytest.mark.parametrize("operator", COMPARISONS)
def test_one_guard_on_the_key(t, operator):
    for limit in LIMITS:
        spec = [((V.k, ANY, ANY), [(operator, V.k, ("const", limit))], [ROW])]
        check(t, spec)
        check(t, [((V.k, V.n, ANY), [(operator, ("const", limit), V.k), (">", V.n, 10)], [V.n])])


def test_two_guards_on_the_key(t):
    for low, high in itertools.product(LIMITS, repeat=2):
        guards = [(">=", V.k, ("const", low)), ("<", V.k, ("const", high))]
        check(t, [((V.k, ANY, ANY), guards, [ROW])])


def test_a_bound_prefix(t):
    for first in (1, 1.0, 2, "x", None, 7):
        check(t, [(((first, V.b), ANY, ANY), [], [V.b])])
        check(t, [(((first, "a", V.c), ANY, ANY), [], [V.c])])
        for operator, limit in itertools.product(COMPARISONS, (0, 1, "a", None, (1, 2), 2.5)):
            check(t, [(((first, V.b), V.n, ANY), [(operator, V.b, ("const", limit))], [V.n])])
            check(t, [(((first, V.b, V.c), V.n, ANY), [(operator, V.b, ("const", limit))], [V.n])])
    check(t, [((((1, V.a), V.b), V.n, ANY), [], [V.n])])
    check(t, [(((V.a, V.b), V.n, ANY), [(">", V.a, 1)], [V.n])])
    check(t, [(((ANY, ANY, ANY), V.n, ANY), [], [V.n])])


def test_several_clauses(t):
    chance = random.Random(1)
    for _ in range(200):
        spec = []
        for _ in range(chance.randint(1, 3)):
            kind = chance.randrange(4)
            limit = ("const", chance.choice(LIMITS))
            if kind == 0:
                spec.append(((chance.choice(KEYS), V.n, ANY), [], [V.n]))
            elif kind == 1:
                spec.append(((V.k, V.n, ANY), [(chance.choice(COMPARISONS), V.k, limit)], [V.n]))
            elif kind == 2:
                spec.append((((chance.choice((1, 2, "x")), V.b), V.n, ANY), [("<", V.b, limit)], [V.n]))
            else:
                spec.append(((V.k, V.n, ANY), [(">", V.k, limit), ("<", V.k, ("const", chance.choice(LIMITS)))], [V.n]))
        check(t, spec)


def test_no_more_than_needed_is_read():
    t = partita.Table(type="ordered_set", partitions=4)
    t.insert_many((i, i % 10) for i in range(10_000))
    between = [((V.k, V.n), [(">=", V.k, 500), ("<", V.k, 600), ("=:=", V.n, 3)], [ROW])]
    assert check(t, between) == {
        "way": "range",
        "rows": 100,
        "columns": None,
        "comparisons": [[(0, ">=", 500), (0, "<", 600), (1, "=:=", 3)]],
        "interpreted": True,
    }
    assert rows_read(t, [((V.k, ANY), [(">", V.k, 9989)], [V.k])]) == 10
    assert rows_read(t, [((V.k, ANY), [("<", V.k, 10)], [V.k])]) == 10
    assert rows_read(t, [((V.k, ANY), [("<", V.k, 10), (">", V.k, 20)], [V.k])]) == 0
    assert rows_read(t, [((V.k, ANY), [("==", V.k, 77.0)], [V.k])]) == 1
    assert rows_read(t, [((V.k, ANY), [("<", V.k, 10)], [V.k]), ((V.k, ANY), [("==", V.k, 20)], [V.k])]) == 21
    assert rows_read(t, [((V.k, ANY), [("orelse", ("<", V.k, 10), (">", V.k, 99))], [V.k])]) == 10_000
    explained = t.explain([((7, ANY), [], [1]), ((5.0, ANY), [], [1])])
    assert (explained["way"], explained["keys"], explained["rows"]) == ("lookup", [5.0, 7], 2)
    pairs = partita.Table(type="ordered_set")
    pairs.insert_many(((a, b), "x") for a in range(100) for b in range(100))
    assert rows_read(pairs, [(((7, V.b), ANY), [], [V.b])]) == 100
    assert rows_read(pairs, [(((7, V.b), ANY), [(">", V.b, 89)], [V.b])]) == 10
    assert rows_read(pairs, [(((V.a, 7), ANY), [], [V.a])]) == 10_000
    assert rows_read(pairs, [(((7,), ANY), [], [1])]) == 0


def test_long_ranges_and_writers_in_them():
    t = partita.Table(type="ordered_set", partitions=3)
    t.insert_many((i, 0) for i in range(30_000))
    wanted = [((V.k, ANY), [(">=", V.k, 5000), ("<", V.k, 25_000)], [V.k])]
    assert check(t, wanted)["rows"] == 20_000
    assert t.select_replace([((V.k, V.n), wanted[0][1], [((V.k, ("+", V.n, 1)),)])]) == 20_000
    assert t.select_count([((ANY, 1), [], [True])]) == 20_000
    assert t.select_delete([((V.k, ANY), wanted[0][1], [True])]) == 20_000
    t._check()
    assert t.select(wanted) == []
    assert len(t) == 10_000


def test_few_of_many_come_in_order():
    t = partita.Table(type="ordered_set", partitions=3)
    keys = list(range(50_000))
    random.Random(2).shuffle(keys)
    t.insert_many((key, key % 1000) for key in keys)
    few = [((V.k, 7), [], [V.k])]
    assert t.select(few) == [key for key in range(50_000) if key % 1000 == 7]
    assert t.select_reverse(few) == t.select(few)[::-1]
    assert t.snapshot().match((V.k, 7)) == [[key] for key in range(7, 50_000, 1000)]
    assert t.explain(few) == {
        "way": "scan",
        "rows": 50_000,
        "columns": [0, 1],
        "comparisons": [[(1, "=:=", 7)]],
        "interpreted": True,  # to make the results
    }
    assert t.explain([((ANY, 7), [], [True])])["interpreted"] is False
    assert t.explain([((ANY, 7), [], [ROW])])["interpreted"] is True  # in order
    assert partita.Table().explain([((ANY, 7), [], [ROW])])["interpreted"] is False


def test_explain_other_types():
    t = partita.Table(fields=("id", "name", "age"))
    t.insert([(i, "x", i % 90) for i in range(100)])
    for source in (t, t.readonly(), t.snapshot()):
        assert source.explain([((V.id, V.name, V.age), [(">", V.age, 30), ("is_atom", V.name)], [True])]) == {
            "way": "scan",
            "rows": 100,
            "columns": ["name", "age"],
            "comparisons": [[("age", ">", 30)]],
            "interpreted": True,
        }
        assert source.explain(partita.matchspec([((5, ANY, ANY), [], [ROW])])) == {
            "way": "lookup",
            "rows": 1,
            "columns": None,
            "comparisons": [[("id", "=:=", 5)]],
            "interpreted": True,
            "keys": [5],
        }
    with pytest.raises(partita.MatchSpecError):
        t.explain([])
    t.drop()
    with pytest.raises(partita.TableDroppedError):
        t.explain([(ANY, [], [1])])
