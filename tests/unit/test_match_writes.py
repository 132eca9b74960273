"""select_delete, match_delete and select_replace: what goes, what comes, what is refused, and what others see."""

import threading

import pytest

import partita
from partita import ANY, ROW, VARS, V, ets

TYPES = ("set", "ordered_set", "bag", "duplicate_bag")
SETS = ("set", "ordered_set")


@pytest.fixture(params=TYPES)
def people(request):
    t = partita.Table(type=request.param, partitions=3)
    t.insert([(i, f"name {i}", i % 50) for i in range(5000)])
    if request.param not in SETS:
        t.insert([(7, f"other {i}", i) for i in range(100)])
    return t


def in_key_order(t):
    return sorted(t.tolist(), key=lambda row: row[0])


def test_select_delete(people):
    rows = people.tolist()
    doomed = [row for row in rows if row[2] > 40 and row[0] != 7]
    kept = [row for row in rows if not (row[2] > 40 and row[0] != 7)]
    spec = [((V.id, ANY, V.n), [(">", V.n, 40), ("=/=", V.id, 7)], [True])]
    assert people.select_delete(spec) == len(doomed)
    people._check()
    assert people.tolist() == kept
    assert people.select_delete(partita.matchspec(spec)) == 0
    assert people.select_delete([(ANY, [], [True])]) == len(kept)
    people._check()
    assert len(people) == 0


def test_what_gives_anything_else_stays(people):
    size = len(people)
    for body in (False, 1, ROW, "True", ("hd", ROW), ("element", 9, ROW), VARS):
        assert people.select_delete([(ANY, [], [body])]) == 0
    assert len(people) == size


def test_some_rows_of_a_key(people):
    before = people.lookup(7)
    gone = people.select_delete([((7, ANY, V.n), [(">=", V.n, 50)], [True])])
    assert gone == (0 if people.type in SETS else 50)
    assert people.lookup(7) == [row for row in before if row[2] < 50]
    people._check()
    assert people.match_delete((7, ANY, ANY)) == len(before) - gone
    assert 7 not in people
    people._check()


def test_match_delete(people):
    assert people.match_delete((ANY, "name 8", ANY)) == 1
    assert people.match_delete((8, ANY, ANY)) == 0
    assert people.match_delete((V[1], ANY, V[1])) == 49 + (people.type not in SETS)
    assert people.match_delete((ANY, ANY)) == 0
    size = len(people)
    assert people.match_delete(V.row) == size
    assert ets.match_delete(people, ANY) is True
    with pytest.raises(TypeError, match="pattern: a pattern is a tuple"):
        people.match_delete(7)


@pytest.mark.parametrize("kind", SETS)
def test_select_replace(kind):
    t = partita.Table(type=kind, partitions=3)
    t.insert([(i, f"name {i}", i % 50) for i in range(5000)])
    spec = [
        ((V.id, V.name, 0), [], [((V.id, "zero"),)]),
        ((V.id, V.name, V.n), [("<", V.n, 25)], [((("element", 0, ROW), V.n, V.name, ("*", V.n, 2)),)]),
        ((3, V.name, ANY), [], [((3, "is not reached"),)]),
        ((33, V.name, ANY), [], [((33, V.name, V.name),)]),
        (V.row, [("==", ("element", 2, V.row), 49)], [V.row]),
    ]
    expected = {}
    for i in range(5000):
        name, n = f"name {i}", i % 50
        if n == 0:
            expected[i] = (i, "zero")
        elif n < 25:
            expected[i] = (i, n, name, n * 2)
        else:
            expected[i] = (33, name, name) if i == 33 else (i, name, n)
    assert t.select_replace(spec) == 25 * 100 + 1 + 100
    assert {row[0]: row for row in t} == expected
    t._check()
    assert t.select_replace([((33, V.a, V.b), [], [((33, V.b, ((V.a, [V.b]),)),)])]) == 1
    assert t.get(33) == (33, "name 33", ("name 33", ["name 33"]))
    assert ets.select_replace(t, [((-1, ANY), [], [ROW])]) == 0


def test_replaced_by_its_own_parts():
    """What a row becomes may be read from the places that it is written to."""
    t = partita.Table(partitions=1)
    rows = [(i, "short" * (i % 4), "a longer string " * (i % 3), i, [i]) for i in range(2000)]
    t.insert(rows)
    rotate = [((V.id, V.a, V.b, V.c, V.d), [], [((V.id, V.d, V.a, V.b, V.c),)])]
    with t.snapshot() as before:
        for _ in range(4):
            assert t.select_replace(rotate) == 2000
            t._check()
        assert sorted(before.tolist()) == rows
    assert sorted(t.tolist()) == rows


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ((V.k, V.x), ((V.x, V.k),)),
        ((V.k, V.x), V.k),
        ((V.k, V.x), VARS),
        ((V.k, V.x), [V.k, V.x]),
        ((V.k, V.x), ((("+", V.k, 0), V.x),)),
        ((V.k, V.x), ((("element", 1, ROW), V.x),)),
        ((V.k, V.x), ((),)),
        ((1, V.x), ((1.0, V.x),)),
        ((1, V.x), ((True, V.x),)),
        ((ANY, V.x), ((1, V.x),)),
        (((V.a, V.b), V.x), ((((V.b, V.a),), V.x),)),
        (((V.a, 2), V.x), ((((V.a, 3),), V.x),)),
        (((V.a, ANY), V.x), ((((V.a, 1),), V.x),)),
        (({"a": V.x}, V.x), (({"a": V.x}, V.x),)),
        (((V.a, {"a": 2}), V.x), ((((V.a, {"a": 2}),), V.x),)),
        (ANY, 1),
    ],
)
def test_what_may_change_the_key_is_refused(head, body):
    t = partita.Table()
    with pytest.raises(ValueError, match=r"clause 1: the body must give a row with the same key"):
        t.select_replace([(ANY, [], [ROW]), (head, [], [body])])
    with pytest.raises(ValueError, match="clause 0"):
        t.select_replace([((V.k, V.x), [], [((V.k, 1),), ((V.k, 2),)])])


@pytest.mark.parametrize(
    ("key", "in_head", "in_body"),
    [
        (1, V.k, V.k),
        (1, 1, 1),
        ("a", "a", ("const", "a")),
        ((1, 2), (V.a, V.b), ((V.a, V.b),)),
        ((1, (2, "x")), (V.a, (2, V.b)), ((V.a, ((2, V.b),)),)),
        ((1, 2), (1, 2), ((1, 2),)),
        ((1, 2), (1, 2), ("const", (1, 2))),
        ({"a": 1}, {"a": 1}, {"a": 1}),
        ((), (), ((),)),
        (7, ANY, ("element", 1, ROW)),
    ],
)
def test_what_keeps_the_key(key, in_head, in_body):
    t = partita.Table(keypos=1)
    t.insert([("x", key), ("y", "another")])
    assert t.select_replace([((V.x, in_head), [("==", V.x, "x")], [((V.x, in_body, "more"),)])]) == 1
    assert t.get(key) == ("x", key, "more")
    assert t.get("another") == ("y", "another")


def test_bags_are_not_replaced():
    for kind in ("bag", "duplicate_bag"):
        with pytest.raises(TypeError, match="needs a set or an ordered_set"):
            partita.Table(type=kind).select_replace([(ANY, [], [ROW])])


def test_a_body_that_fails_leaves_its_row():
    t = partita.Table(partitions=1)
    t.insert([(i, i) for i in range(100)])
    t.insert((50, "no number"))
    spec = [((V.k, V.n), [], [((V.k, ("+", V.n, 1000)),)])]
    with pytest.raises(partita.MatchError, match=r"clause 0, body 0: '\+' fails on the row \(50, 'no number'\)"):
        t.select_replace(spec)
    assert t.get(50) == (50, "no number")
    assert all(row[1] in (row[0], row[0] + 1000) for row in t if row[0] != 50)
    with pytest.raises(partita.MatchError):
        t.select_replace([((50, V.n), [], [((50, ("+", V.n, 1000)),)])])
    assert t.select_delete([((V.k, V.n), [], [("is_integer", ("+", V.n, 1))])]) == 99
    assert t.tolist() == [(50, "no number")]


def test_a_row_of_too_many_elements():
    t = partita.Table()
    t.insert((1, 2))
    with pytest.raises(partita.MatchError, match="too large"):
        t.select_replace([((V.k, ANY), [], [((V.k, *[0] * 65535),)])])
    assert t.select_replace([((V.k, ANY), [], [((V.k, *[0] * 65534),)])]) == 1
    assert len(t.get(1)) == 65535


def test_malformed():
    t = partita.Table()
    for method in (t.select_delete, t.select_replace):
        with pytest.raises(partita.MatchSpecError, match="clause 0, guard 0"):
            method([((V.k,), [("no such", 1)], [ROW])])
        with pytest.raises(TypeError):
            method()
    t.drop()
    for method in (t.select_delete, t.select_replace):
        for head in (ANY, (1,)):
            with pytest.raises(partita.TableDroppedError):
                method([(head, [], [ROW])])


def test_snapshots_stay_and_fixed_tables_keep_places():
    t = partita.Table(partitions=2)
    t.insert([(i, "x" * 50) for i in range(3000)])
    with t.fix(), t.snapshot() as before:
        key = next(key for key in list(t.keys()) if key % 3)
        assert t.select_delete([((V.k, ANY), [("=/=", ("rem", V.k, 3), 0)], [True])]) == 2000
        while (key := t.next(key)) is not partita.END:
            assert key % 3 == 0
        assert len(before) == 3000 == len(set(before.tolist()))
        assert before.lookup(1) == [(1, "x" * 50)]
    t._check()
    assert len(t) == 1000


@pytest.mark.parametrize("kind", SETS)
def test_each_row_in_one_step(kind):
    """Threads add to the same rows, one by updates and two by replacing: nothing is lost."""
    t = partita.Table(type=kind, partitions=2)
    t.insert([(i, 0) for i in range(500)])
    rounds = 40
    started = threading.Barrier(3)

    def replace():
        started.wait()
        for _ in range(rounds):
            assert t.select_replace([((V.k, V.n), [], [((V.k, ("+", V.n, 1)),)])]) == 500

    def update():
        started.wait()
        for _ in range(rounds):
            for key in range(500):
                t.update_counter(key, 1)

    threads = [threading.Thread(target=work) for work in (replace, replace, update)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {row[1] for row in t} == {3 * rounds}


@pytest.mark.parametrize("kind", TYPES)
def test_deleting_beside_inserting(kind):
    """What was there from the start and matches goes; what does not match stays, whoever inserts meanwhile."""
    t = partita.Table(type=kind, partitions=2)
    t.insert([(i, i % 2) for i in range(20000)])
    stop = threading.Event()

    def insert():
        i = 20000
        while not stop.is_set():
            t.insert((i, i % 2))
            i += 1

    writer = threading.Thread(target=insert)
    writer.start()
    try:
        deleted = t.select_delete([((ANY, 1), [], [True])])
    finally:
        stop.set()
        writer.join()
    assert deleted >= 10000
    assert not [row for row in t if row[0] < 20000 and row[1] == 1]
    assert all(i in t for i in range(0, 20000, 2))
    t._check()
