"""Walks from key to key, numbered places, and fixing a table for them."""

import copy
import gc
import pickle
import threading

import pytest

import partita
from partita import END

ROWS = [(i, f"row {i}") for i in range(200)]
STEPS = ("next", "prev", "next_lookup", "prev_lookup")


@pytest.fixture(params=[1, 3])
def t(request):
    table = partita.Table(partitions=request.param)
    table.insert(ROWS)
    return table


def walk(t, first="first", step="next"):
    keys = []
    key = getattr(t, first)()
    while key is not END:
        keys.append(key)
        key = getattr(t, step)(key)
    return keys


def test_an_empty_table():
    t = partita.Table()
    assert [t.first(), t.last(), t.first_lookup(), t.last_lookup(), t.slot(0)] == [END] * 5
    for step in STEPS:
        with pytest.raises(KeyError):
            getattr(t, step)(1)


def test_each_key_once_and_back_the_same_way(t):
    forward = walk(t)
    assert sorted(forward) == [key for key, _ in ROWS]
    assert walk(t, "last", "prev") == forward[::-1]


def test_lookups_give_key_and_rows(t):
    pairs = []
    pair = t.first_lookup()
    while pair is not END:
        pairs.append(pair)
        pair = t.next_lookup(pair[0])
    assert pairs == [(key, t.lookup(key)) for key in walk(t)]
    assert t.last_lookup() == pairs[-1]
    assert t.prev_lookup(pairs[-1][0]) == pairs[-2]
    assert t.prev_lookup(pairs[0][0]) is END


def test_key_at_another_position():
    t = partita.Table(keypos=1)
    t.insert(("a", 1, "b"))
    assert t.first() == 1
    assert t.first_lookup() == (1, [("a", 1, "b")])


@pytest.mark.parametrize("key", ["absent", 1.0, (1, 2), None])
@pytest.mark.parametrize("step", STEPS)
def test_an_absent_key(t, step, key):
    with pytest.raises(KeyError) as caught:
        getattr(t, step)(key)
    assert caught.value.args == (key,)


@pytest.mark.parametrize("step", STEPS)
def test_what_is_no_key(t, step):
    with pytest.raises(TypeError):
        getattr(t, step)(END)
    with pytest.raises(TypeError):
        getattr(t, step)()


def test_keys_of_every_type():
    keys = [1, 1.0, True, None, "a", b"a", (1, [2]), [1], frozenset([1]), 2**100, "x" * 100_000, partita.Atom("a")]
    t = partita.Table()
    t.insert([(key,) for key in keys])
    found = walk(t)
    assert len(found) == len(keys)
    assert all(any(type(key) is type(other) and key == other for other in found) for key in keys)


def test_slots_hold_every_row_once(t):
    rows = []
    number = 0
    while (some := t.slot(number)) is not END:
        assert isinstance(some, list)
        rows += some
        number += 1
    assert sorted(rows) == ROWS
    assert t.slot(number + 1) is END
    assert t.slot(2**63) is t.slot(10**30) is END


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (-1, ValueError),
        (-(10**30), ValueError),
        pytest.param(-(10**5000), ValueError, id="huge"),
        (True, TypeError),
        (1.0, TypeError),
        ("1", TypeError),
    ],
)
def test_a_wrong_slot(t, number, error):
    with pytest.raises(error, match=r"slot\("):
        t.slot(number)


def test_a_dropped_table(t):
    with t.fix():
        t.drop()  # the end of the block then has nothing to end
    for name in ("first", "last", "first_lookup", "last_lookup"):
        with pytest.raises(partita.TableDroppedError):
            getattr(t, name)()
    for call in (lambda: t.next(1), lambda: t.slot(0), lambda: t.fix().__enter__()):
        with pytest.raises(partita.TableDroppedError):
            call()


# --- Fixing.


def test_walk_that_deletes_every_key(t):
    met = []
    with t.fix():
        key = t.first()
        while key is not END:
            met.append(key)
            t.delete(key)
            key = t.next(key)
    assert sorted(met) == [key for key, _ in ROWS]
    assert len(t) == 0


def test_deleted_keys_are_forgotten_afterwards(t):
    a, b, c, *_ = walk(t)
    with t.fix():
        t.delete(b)
        assert t.next(a) == c
        assert t.next(b) == c
        assert t.prev(b) == a
        assert t.prev_lookup(b) == (a, t.lookup(a))
        assert b not in t
        with pytest.raises(KeyError):
            t.next("never there")
    for step in STEPS:
        with pytest.raises(KeyError):
            getattr(t, step)(b)


def test_a_key_that_comes_back_keeps_its_place(t):
    order = walk(t)
    with t.fix():
        for key in order[::3]:
            t.delete(key)
        t.insert([(key, "new") for key in range(1000, 1500)])
        for key in order[::-3]:
            t.take(key)
        t.insert([(key, "back") for key in order])
        assert [key for key in walk(t) if key < 1000] == order


def test_clear_ends_the_walks_of_a_fixed_table(t):
    order = walk(t)
    with t.fix():
        t.clear()
        assert all(t.next(key) is END and t.prev(key) is END for key in order)
        with pytest.raises(KeyError):
            t.next("never there")
        t.insert(ROWS)
        assert sorted(walk(t)) == sorted(order)
    assert t.info()["snapshot_memory"] == 0


def test_fixes_nest(t):
    fix = t.fix()
    assert not t.info()["fixed"]
    with fix, fix, t.fix():
        assert t.info()["fixed"]
        t.delete(5)
    assert not t.info()["fixed"]
    with fix as entered:
        assert entered is fix
        with fix:
            pass
        assert t.info()["fixed"]
        assert partita.live_counts()["tables"] > 0
    assert not t.info()["fixed"]
    with pytest.raises(RuntimeError, match="not entered"):
        fix.__exit__(None, None, None)


def test_a_fix_ends_with_an_exception(t):
    with pytest.raises(ZeroDivisionError), t.fix():
        1 / 0  # noqa: B018
    assert not t.info()["fixed"]


def test_a_fix_that_is_collected_ends(t):
    fix = t.fix()
    fix.__enter__()
    fix.__enter__()
    assert t.info()["fixed"]
    del fix
    gc.collect()
    assert not t.info()["fixed"]


def test_a_fix_keeps_its_table():
    before = partita.live_counts()
    fix = partita.Table().fix()
    with fix:
        assert partita.live_counts()["tables"] == before["tables"] + 1
    del fix
    assert partita.live_counts() == before


def test_compact_is_refused(t):
    with t.fix(), pytest.raises(partita.TableFixedError, match="fixed"):
        t.compact()
    t.compact()


def test_fixing_takes_no_memory_for_good():
    t = partita.Table(partitions=2)
    t.insert([(i, "x" * 100) for i in range(5000)])
    before = t.info()["memory"]
    for _ in range(3):
        with t.fix():
            t.delete_many(range(5000))
            t.insert([(i, "x" * 100) for i in range(5000, 10_000)])
        t.delete_many(range(10_000))
        t.insert([(i, "x" * 100) for i in range(5000)])
    assert t.info()["memory"] < 1.5 * before


def test_fix_under_writers(t):
    """A walk of a fixed table meets what stays once, while others delete and insert around it."""
    stop = threading.Event()

    def write(first):
        while not stop.is_set():
            t.insert([(i, "passing") for i in range(first, first + 50)])
            for key in range(first, first + 50):
                t.delete(key)

    threads = [threading.Thread(target=write, args=(first,)) for first in (1000, 2000)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            with t.fix():
                met = walk(t)
            assert sorted(key for key in met if key < 1000) == [key for key, _ in ROWS]
            assert len(met) == len(set(met))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_cannot_be_copied(t, duplicate):
    with pytest.raises(TypeError, match="Fix"):
        duplicate(t.fix())
    with pytest.raises(TypeError, match="Fix"):
        type(t.fix())()
