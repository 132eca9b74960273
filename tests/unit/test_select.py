"""select, match, match_object and select_count of tables and snapshots: on what rows, in what way, seen by whom."""

import random
import threading

import pytest

import partita
from helpers.ranges import splitting_at
from partita import ANY, ROW, VARS, Atom, V, ets

TYPES = ("set", "ordered_set", "bag", "duplicate_bag")


def any_order(results):
    return sorted(results, key=repr)


@pytest.fixture(params=TYPES)
def people(request):
    t = partita.Table(type=request.param, partitions=3)
    t.insert([(i, f"name {i}", 20 + i % 50, {"city": ("Oslo", "Bergen")[i % 2]}) for i in range(5000)])
    t.insert([(5000 + i, None) for i in range(10)])
    return t


def test_select(people):
    rows = people.tolist()
    spec = [((V.id, ANY, V.age, {"city": "Oslo"}), [(">", V.age, 60)], [((V.id, ("+", V.age, 1)),)])]
    expected = [(r[0], r[2] + 1) for r in rows if len(r) == 4 and r[2] > 60 and r[3]["city"] == "Oslo"]
    assert any_order(people.select(spec)) == any_order(expected)
    assert people.select_count(spec) == 0  # nothing gives True
    assert people.select_count([(*spec[0][:2], [True])]) == len(expected)
    assert any_order(people.select([(ANY, [], [ROW])])) == any_order(rows)
    assert people.select([((), [], [1])]) == []
    assert any_order(people.select(partita.matchspec(spec))) == any_order(expected)
    assert people.snapshot().select_count(spec) == 0


def test_an_ordered_set_gives_its_results_by_key():
    with splitting_at(64):
        t = partita.Table(type="ordered_set", partitions=5)
    keys = [i / 2 for i in range(3000)]
    random.Random(4).shuffle(keys)
    t.insert_many((key, key % 7, "x") for key in keys)
    expected = [key for key in sorted(keys) if key % 7 < 2]
    spec = [((V.key, V.n, ANY), [("<", V.n, 2)], [V.key])]
    snapshot = t.snapshot()
    assert t.select(spec) == snapshot.select(spec) == expected
    t.delete_many(keys[::3])
    assert t.match((V.key, 0.5, ANY)) == [[key] for key, n, _ in t.tolist() if n == 0.5]
    assert t.match_object((ANY, ANY, ANY)) == t.tolist()
    assert t.select(spec) == [key for key in expected if key in t]
    assert snapshot.select(spec) == expected


def test_a_bound_key_of_an_ordered_set():
    """It is found as a number, and then compared exactly."""
    t = partita.Table(type="ordered_set")
    t.insert([(1.0, "float"), (2, "int"), ((3, 4.0), "tuple")])
    assert t.match((1, V[1])) == t.match((2.0, V[1])) == t.match(((3, 4), V[1])) == []
    assert t.match((1.0, V[1])) == [["float"]]
    heads = [(2, V[1]), (2.0, V[1]), ((3, 4.0), V[1]), (1.0, V[1])]
    assert t.select([(head, [], [V[1]]) for head in heads]) == ["float", "int", "tuple"]


@pytest.mark.parametrize("table_type", ["bag", "duplicate_bag"])
def test_rows_of_a_key_in_a_bag_come_in_their_order(table_type):
    t = partita.Table(type=table_type, partitions=2)
    t.insert([(key, n) for n in range(100) for key in range(5)])
    for n in range(0, 100, 3):
        t.delete_object((2, n))
    t.insert([(2, 100 + n) for n in range(50)])  # where rows have gone
    in_order = [n for n in range(150) if n >= 100 or n % 3]
    assert t.select([((V.key, V.n), [("==", V.key, 2)], [V.n])]) == in_order
    assert t.match((V.key, V.n)) == [[*row] for row in t.tolist()]


def test_match(people):
    assert people.match((7, V.name, V[1], ANY)) == [[27, "name 7"]]
    assert any_order(people.match((V.id, None))) == [[5000 + i] for i in range(10)]
    assert len(people.match(V[1])) == len(people)
    assert people.match(ANY) == [[]] * len(people)
    assert people.match_object((7, ANY, ANY, ANY)) == people.lookup(7)
    assert any_order(people.match_object((ANY, None))) == [(5000 + i, None) for i in range(10)]
    assert people.snapshot().match_object((V[1], "name 3", ANY, ANY)) == people.lookup(3)


@pytest.mark.parametrize("pattern", [7, "row", [V[1]], {}, None, Atom("row")])
def test_what_is_no_pattern(pattern):
    with pytest.raises(TypeError, match="pattern: a pattern is a tuple, a variable or ANY, not"):
        partita.Table().match(pattern)


def test_patterns_tell_their_place():
    with pytest.raises(partita.MatchSpecError, match=r"^pattern, element 1: ROW has no meaning"):
        partita.Table().match_object((1, ROW))
    for what in (VARS, ROW, partita.Atom("$_"), [1], 5):
        with pytest.raises(TypeError, match=r"^pattern: a pattern is a tuple, a variable or ANY"):
            partita.Table().match(what)


def test_bound_keys_are_looked_up_exactly():
    t = partita.Table(partitions=4)
    t.insert([(i, i % 3) for i in range(100)])
    t.insert([("a", 1), ((1, "x"), 2), (2.0, 5), ({"k": 1, "l": 2}, 6)])
    assert t.match((2, V[1])) == [[2]]
    assert t.match((2.0, V[1])) == [[5]]
    assert t.match(((1, "x"), V[1])) == [[2]]
    assert any_order(t.match(((1, V[0]), V[1]))) == [["x", 2]]
    assert t.match(({"l": 2, "k": 1}, V[1])) == [[6]]  # the whole key
    assert t.match(({"k": 1}, V[1])) == []
    assert t.match(({"k": V[0]}, V[1])) == [[1, 6]]
    assert t.match((V[0], V[0], V[1])) == []
    assert t.match((object, ANY)) == []
    clauses = [((7, V.x), [], [V.x]), (("a", V.x), [], ["a"]), ((7, ANY), [], ["never"]), ((-1, ANY), [], ["none"])]
    assert any_order(t.select(clauses)) == any_order([1, "a"])
    assert t.select([((V.k, V.x), [("=:=", V.k, 7)], [V.x])]) == [1]
    assert t.select([((V.k, V.x), [("==", "a", V.k)], [V.x])]) == [1]
    assert any_order(t.select([((V.k, V.x), [("==", 2, V.k)], [V.x])])) == [2, 5]
    assert t.select_count([((7, 1), [], [True]), (("a", 2), [], [True])]) == 1


def test_a_body_that_errs_stops_the_select_and_is_not_counted():
    t = partita.Table()
    t.insert([(i, "x" if i == 1500 else i, "unread") for i in range(3000)])
    spec = [((ANY, V.x, ANY), [], [("+", V.x, 1)])]
    with pytest.raises(partita.MatchError, match=r"clause 0, body 0: '\+' fails on the row \(1500, 'x', Ellipsis\)"):
        t.select(spec)
    with pytest.raises(partita.MatchError, match=r"'hd' fails on the row \(1, 1, 'unread'\)"):
        t.select([((1, V.x, ANY), [], [("hd", V.x)])])
    assert t.select_count([((ANY, V.x, ANY), [], [("is_integer", ("+", V.x, 1))])]) == 2999


def test_columns_of_every_kind():
    t = partita.Table(partitions=1)
    values = [1, 1.0, None, True, "s", "x" * 100, b"b", 2**70, (1,), [1, "y"], {"k": 1}, float("nan"), Atom("a"), -0.0]
    t.insert([(i, values[i % len(values)], i) for i in range(2000)])
    for i in range(0, 2000, 3):
        t.delete(i)
    rows = t.tolist()
    for value in values[:10]:
        expected = [r for r in rows if type(r[1]) is type(value) and r[1] == value]
        assert any_order(t.match_object((ANY, value, ANY))) == any_order(expected)
    assert any_order(t.select([((ANY, [1, V.y], V.n), [("<", V.n, 100)], [((V.y, V.n),)])])) == any_order(
        ("y", r[2]) for r in rows if r[1] == [1, "y"] and r[2] < 100
    )


def test_rows_wider_than_columns():
    t = partita.Table()
    t.insert([(i, *range(i, i + 80)) for i in range(50)])
    head = (ANY,) * 70 + (V.x,) + (ANY,) * 10
    assert any_order(t.select([(head, [(">", V.x, 110)], [V.x])])) == list(range(111, 119))
    assert any_order(t.select([(ANY, [("<", ("element", 75, ROW), 80)], [("element", 64, ROW)])])) == list(
        range(63, 69)
    )


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_and_slices_change_nothing(threads):
    t = partita.Table(partitions=2000)  # a chunk or more each, so that there are enough to share
    t.insert_many((i, i % 100) for i in range(20_000))
    partita.set_num_threads(threads)
    try:
        assert sorted(t.select([((V.k, V.n), [("<", V.n, 3)], [V.k])])) == [i for i in range(20_000) if i % 100 < 3]
        assert t.select_count([((ANY, V.n), [("or", ("<", V.n, 3), False)], [True])]) == 600
        with pytest.raises(partita.MatchError):
            t.select([((V.k, ANY), [(">", V.k, 9000)], [("hd", V.k)])])
    finally:
        partita.set_num_threads(None)


def test_one_moment_of_the_table():
    """Two rows that change together, in one list insert, are never seen apart."""
    t = partita.Table(partitions=8)
    t.insert([(i, 0) for i in range(2000)])
    stop = threading.Event()

    def write():
        n = 0
        while not stop.is_set():
            n += 1
            t.insert([(0, n), (1999, n)])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        spec = [((V.k, V.n), [("orelse", ("=:=", V.k, 0), ("=:=", V.k, 1999))], [V.n])]
        keyed = [((0, V.n), [], [V.n]), ((1999, V.n), [], [V.n])]
        for _ in range(50):
            for asked in (spec, keyed):
                first, second = t.select(asked)
                assert first == second
    finally:
        stop.set()
        writer.join()


def test_results_are_fresh_values():
    t = partita.Table()
    t.insert((1, [1]))
    t.match_object((1, ANY))[0][1].append(2)
    t.select([(ANY, [], [("element", 1, ROW)])])[0].append(2)
    assert t.get(1) == (1, [1])


def test_dropped_and_closed():
    t = partita.Table()
    t.insert((1, 2))
    snapshot = t.snapshot()
    t.drop()
    assert snapshot.match((1, V[0])) == [[2]]
    assert snapshot.match((V[1], V[0])) == [[2, 1]]
    snapshot.close()
    for ask in (t.match, t.match_object):
        with pytest.raises(partita.TableDroppedError):
            ask((1, ANY))
        with pytest.raises(partita.TableDroppedError):
            ask((ANY, ANY))
    with pytest.raises(partita.SnapshotClosedError):
        snapshot.select([(ANY, [], [1])])


def test_a_view_and_the_module_form_match_too():
    t = partita.Table()
    t.insert([(1, "a"), (2, "b")])
    assert t.readonly().match((2, V[0])) == [["b"]]
    assert ets.match(t, (2, V[0])) == [["b"]]
    assert ets.match_object(t, (2, ANY)) == [(2, "b")]
    assert ets.select(t, [((2, V.x), [], [V.x])]) == ["b"]
    assert ets.test_ms((2, "b"), [((2, V.x), [], [V.x])]) == "b"
    assert ets.is_compiled_ms(ets.match_spec_compile([(ANY, [], [1])]))
    assert ets.match_spec_run([(1,)], ets.match_spec_compile([(ANY, [], [1])])) == [1]
