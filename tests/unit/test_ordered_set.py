"""Tables of type ordered_set: numeric keys, one order over all ranges."""

import datetime as dt
import itertools
import math
import random
import uuid
from decimal import Decimal

import pytest

import partita
from partita import END

MANY = 100_000  # rows, so that there is more than one range


@pytest.fixture(params=[1, 4])
def t(request):
    return partita.Table(type="ordered_set", partitions=request.param)


def test_numbers_are_equal_by_value(t):
    t.insert([(1, "int"), (2, "two")])
    t.insert((1.0, "float"))
    assert t.lookup(1) == [(1.0, "float")]
    assert type(t.get(1)[0]) is float  # the row that came last brought its key
    assert t.get(True) is None
    assert not t.insert_new((2.0, "again"))
    t.insert((2**53, "exact"))
    assert 2.0**53 in t
    assert 2**53 + 1 not in t
    t.insert([((1, [2.0], {"a": 3}), "nested")])
    assert (1.0, [2], {"a": 3.0}) in t
    t.insert([({1: "a"}, "map")])
    assert {1.0: "a"} not in t  # never in the keys of a map


def test_whole_rows_are_compared_exactly(t):
    t.insert((1, "a"))
    t.delete_object((1.0, "a"))
    assert not t.compare_and_swap((1.0, "a"), (1.0, "b"))
    assert t.tolist() == [(1, "a")]
    assert t.compare_and_swap((1, "a"), (1, "b"))
    t.delete_object((1, "b"))
    assert len(t) == 0


def test_keys_of_every_type_in_term_order(t):
    in_order = [
        *(-math.inf, -(2**70), -1.5, 0, 0.5, 1, 2**70, 1e300, math.inf),
        *(partita.Atom("a"), False, None, True),
        *(dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2), dt.date(2023, 1, 1), dt.time(12), dt.timedelta(1)),
        *(Decimal("1.5"), uuid.UUID(int=1)),
        *((), (2,), ("a",), (1, 1)),
        *({}, {1: 2}),
        *(frozenset(), frozenset([1])),
        *([], [1], [1, 2], [2]),
        *("", "a", "a\0", "ab", "b", "\U0001f600"),
        *(b"", b"a", b"b"),
    ]
    shuffled = list(in_order)
    random.Random(1).shuffle(shuffled)
    t.insert([(key, i) for i, key in enumerate(shuffled)])
    assert [key for key, _ in t] == in_order
    assert [t.next(key) for key in in_order] == [*in_order[1:], END]
    assert [t.prev(key) for key in in_order] == [END, *in_order[:-1]]
    t._check()


def test_one_order_over_all_ranges(t):
    keys = list(range(MANY))
    random.Random(2).shuffle(keys)
    t.insert_many((key, f"row {key}") for key in keys)
    t._check()
    sizes = t.info()["partition_sizes"]
    assert sum(sizes) == MANY
    assert max(sizes) < 2 * MANY / len(sizes) + MANY / 10
    expected = [(key, f"row {key}") for key in range(MANY)]
    assert t.tolist() == expected
    assert list(t) == expected
    assert list(reversed(t)) == expected[::-1]
    assert t.foldl(lambda row, acc: acc if row[0] != acc else acc + 1, 0) == MANY
    assert t.foldr(lambda row, acc: acc if row[0] != acc else acc - 1, MANY - 1) == -1
    assert list(t.keys()) == list(range(MANY))
    for key in range(0, MANY, 997):
        assert t.slot(key) == [expected[key]]
        assert t.next(key - 0.5) == key
        assert t.prev_lookup(key + 0.5) == (key, [expected[key]])
    assert t.slot(MANY) is END
    assert (t.first(), t.last()) == (0, MANY - 1)


def test_steps_go_on_from_keys_that_are_gone(t):
    t.insert([(i, i) for i in range(10)])
    t.delete(5)
    assert (t.next(5), t.prev(5)) == (6, 4)
    assert t.next_lookup(5) == (6, [(6, 6)])
    t.clear()
    assert [t.next(5), t.prev(5), t.first(), t.last_lookup()] == [END] * 4


def test_a_walk_goes_by_key(t):
    t.insert([(i, "old") for i in range(5000)])
    met = []
    for row in t:
        met.append(row[0])
        t.insert((5000 + len(met), "new"))  # past the last key there was at the start
        t.delete(row[0])
    assert met == list(range(5000))


def test_snapshots_are_read_in_order(t):
    t.insert_many((i, "old") for i in range(0, MANY, 2))
    with t.snapshot() as snapshot:
        t.insert_many((i, "new") for i in range(MANY))
        t.delete_many(range(0, MANY, 3))
        t._check()
        expected = [(i, "old") for i in range(0, MANY, 2)]
        assert snapshot.tolist() == expected
        assert list(snapshot) == expected
        assert list(reversed(snapshot)) == expected[::-1]
        assert snapshot.foldr(lambda row, acc: [*acc, row] if len(acc) < 3 else acc, []) == expected[:-4:-1]
        assert snapshot.lookup_many([0, 1, 2.0, MANY]) == [[(0, "old")], [], [(2, "old")], []]
    assert len(t) == MANY - len(range(0, MANY, 3))


def test_the_calls_of_a_set(t):
    assert t.insert_many((i, i, "x") for i in range(1000)) == 1000
    assert t.update_counter(7.0, 5) == 12
    assert t.update_counter(2000, (1, 1), default=(None, 41)) == 42
    assert t.lookup(2000) == [(2000, 42)]
    assert t.update_element(8.0, (2, "y"))
    assert t.get_many([8, 8.0, 3000], default="none") == [(8, 8, "y"), (8, 8, "y"), "none"]
    assert t.take(8.0) == [(8, 8, "y")]
    assert t.delete_many([1.0, 2, 2, 5000]) == 2
    assert t.update(3.0, lambda row: (*row, "more")) == (3, 3, "x", "more")
    assert t.lookup_element(3, 3) == "more"
    assert t.mapping()[3.0] == 3
    assert len(t) == 998
    t.compact()
    t._check()


def test_key_at_another_position():
    t = partita.Table(type="ordered_set", keypos="b", fields=("a", "b"), partitions=3)
    t.insert([("x", i % 100, i) for i in range(1000)])
    assert [row[1] for row in t] == list(range(100))
    assert t.next(98) == 99


@pytest.mark.parametrize(
    "key",
    [
        lambda i: f"user:{i:06}",
        lambda i: "a long beginning that all of the keys have in common, and more of it, and more " + str(i),
        lambda i: (f"group {i % 3}", i),
        lambda i: [i % 7, {"n": i}],
        lambda i: 2**62 + i,
    ],
)
def test_keys_that_begin_alike(t, key):
    keys = [key(i) for i in range(3000)]
    order = list(range(3000))
    random.Random(3).shuffle(order)
    t.insert_many((keys[i], i) for i in order)
    t._check()
    assert [t.get(key)[1] for key in keys] == list(range(3000))
    assert all(partita._core._term_compare(a[0], b[0], True) < 0 for a, b in itertools.pairwise(t))
    for i in order[:2000]:
        t.delete(keys[i])
    t._check()
    assert sorted(row[1] for row in t) == sorted(order[2000:])
