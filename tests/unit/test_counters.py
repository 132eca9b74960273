"""update_counter in all its forms."""

import enum
import math

import numpy as np
import pytest

import partita


@pytest.fixture(params=[1, 4], ids=["1 partition", "4 partitions"])
def t(request):
    t = partita.Table(partitions=request.param, fields=("key", "count", "total", "text"))
    t.insert([("a", 1, 10, "x"), ("float", 1.5, 0, "x"), ("short",)])
    return t


def test_increment_alone_goes_to_the_element_after_the_key(t):
    assert t.update_counter("a", 5) == 6
    assert t.update_counter("a", -7) == -1
    assert t.update_counter("a", 0) == -1
    assert t.get("a") == ("a", -1, 10, "x")
    second = partita.Table(keypos=1)
    second.insert((9, "k", 1))
    assert second.update_counter("k", 1) == 2


def test_position_by_number_and_by_name(t):
    assert t.update_counter("a", (2, 5)) == 15
    assert t.update_counter("a", ("total", 5)) == 20
    assert t.update_counter("a", (np.int64(2), np.int64(5))) == 25


@pytest.mark.parametrize(
    ("start", "op", "result"),
    [
        (1, (1, 1, 5, 0), 2),
        (5, (1, 1, 5, 0), 0),  # past the threshold upwards
        (4, (1, 1, 5, 0), 5),  # the threshold itself is not past it
        (1, (1, -2, 0, 100), 100),  # downwards
        (2, (1, -2, 0, 100), 0),
        (9, (1, 0, 5, -1), -1),
        (0, (1, 10**30, 10**29, 7), 7),
        (0, (1, 1, 0, 10**30), 10**30),
    ],
)
def test_threshold(t, start, op, result):
    t.insert(("a", start))
    assert t.update_counter("a", op) == result
    assert t.get("a") == ("a", result)


def test_list_of_operations(t):
    assert t.update_counter("a", [1, (1, 1), ("total", -1), (1, 10, 5, 0)]) == [2, 3, 9, 0]
    assert t.get("a") == ("a", 0, 9, "x")
    assert t.update_counter("a", [5]) == [5]
    assert t.update_counter("a", []) == []


def test_default(t):
    assert t.update_counter("new", 3, ("any key", 10, 0)) == 13
    assert t.get("new") == ("new", 13, 0)
    assert t.update_counter("new", 3, ("any key", 100, 0)) == 16
    assert t.update_counter("new2", [(1, 1), (2, 2)], default=(None, 0, 0, "text")) == [1, 2]
    assert t.get("new2") == ("new2", 1, 2, "text")
    assert t.update_counter("new3", [], (0, 1)) == []
    assert t.get("new3") == ("new3", 1)


def test_absent_key_without_default(t):
    with pytest.raises(KeyError) as caught:
        t.update_counter(("no", "such"), 1)
    assert caught.value.args == (("no", "such"),)
    assert ("no", "such") not in t
    with pytest.raises(KeyError):
        t.update_counter("nobody", [])


def test_a_default_that_is_no_row(t):
    with pytest.raises(TypeError, match=r"update_counter\(\): default: row is \[1, 2\]"):
        t.update_counter("new", 1, [1, 2])
    with pytest.raises(TypeError, match=r"update_element\(\): default: row is \[1, 2\]"):
        t.update_element("new", (1, 1), [1, 2])


def test_a_default_that_is_too_short(t):
    with pytest.raises(ValueError, match=r"position 2 .*'new'"):
        t.update_counter("new", [(1, 1), (2, 1)], ("new", 0))
    assert "new" not in t


@pytest.mark.parametrize("start", [2**63 - 1, -(2**63), 2**64, 10**100, 0])
@pytest.mark.parametrize("increment", [1, -1, 2**63, -(2**64), 10**100])
def test_ints_of_any_size(t, start, increment):
    t.insert(("a", start))
    assert t.update_counter("a", increment) == start + increment
    assert t.get("a") == ("a", start + increment)
    assert t.update_counter("a", -increment) == start
    assert t.get("a") == ("a", start)
    t._check()


def test_floats(t):
    assert t.update_counter("float", 1) == 2.5
    assert t.update_counter("float", 0.25) == 2.75
    result = t.update_counter("a", 0.5)
    assert result == 1.5
    assert isinstance(result, float)
    assert t.update_counter("a", np.float64(1)) == 2.5


@pytest.mark.parametrize(("start", "increment"), [(1.7e308, 1.7e308), (10**400, 0.5), (0.5, 10**400)])
def test_a_float_out_of_range_changes_nothing(t, start, increment):
    t.insert(("a", start, 0))
    with pytest.raises(OverflowError, match=r"element 1 .*'a'.*nothing was changed"):
        t.update_counter("a", [(2, 1), (1, increment)])
    assert t.get("a") == ("a", start, 0)


class Level(enum.IntEnum):
    HIGH = 3


def test_int_subclasses(t):
    assert t.update_counter("a", Level.HIGH) == 4


class Text(str):
    __slots__ = ()


class Pair(tuple):
    __slots__ = ()


@pytest.mark.parametrize(
    "op", [1, Level.HIGH, (1, 1), Pair((1, 1)), ("count", 1), [1], (1, 2.0), (1, 10**30), 2**63 - 1]
)
@pytest.mark.parametrize("key", [1, Level.HIGH, True, 1.0, -0.0, 2**70, "é", Text("key"), (1, 2), None])
def test_every_way_to_say_it_counts_alike(key, op):
    t = partita.Table(partitions=2, fields=("key", "count"))
    others = [(other, 0) for other in (1, 3, True, 1.0, 0.0, 0, "key") if not same_key(other, key)]
    t.insert([*others, (key, 5)])
    pair = op[0] if isinstance(op, list) else op
    added = pair[1] if isinstance(pair, tuple) else pair
    for call in (
        lambda: t.update_counter(key, op),
        lambda: t.update_counter(key, op=op),
        lambda: t.update_counter(op=op, key=key),
        lambda: t.update_counter(key, op, None),
        lambda: t.update_counter(key, op, default=(key, 0)),
    ):
        t.insert((key, 5))
        expected = 5 + added
        assert call() == ([expected] if isinstance(op, list) else expected)
        assert t.lookup_element(key, 1) == expected
    assert sorted(t.tolist(), key=repr) == sorted([*others, t.get(key)], key=repr)


def same_key(a, b):
    return a == b and isinstance(a, bool) == isinstance(b, bool) and isinstance(a, float) == isinstance(b, float)


def test_counting_under_a_snapshot(t):
    with t.snapshot() as snapshot:
        assert t.update_counter("a", 1) == 2
        assert t.update_counter("a", 1) == 3
        assert snapshot.get("a") == ("a", 1, 10, "x")
    assert t.get("a") == ("a", 3, 10, "x")


def test_a_sum_beyond_64_bits_and_back(t):
    t.insert(("a", 2**63 - 1))
    assert t.update_counter("a", 1) == 2**63
    assert t.update_counter("a", -1) == 2**63 - 1
    assert t.update_counter("a", -1) == 2**63 - 2


def test_a_field_without_a_value(t):
    t.insert(("a", None, 1))
    with pytest.raises(TypeError, match="no number"):
        t.update_counter("a", 1)
    with pytest.raises(ValueError, match="past the end"):
        t.update_counter("short", 1)


@pytest.mark.parametrize("increment", [True, None, "1", 1j, np.bool_(True), [1], {}, object()])
def test_increments_that_are_no_numbers(t, increment):
    op = increment if not isinstance(increment, list) else (1, increment)
    with pytest.raises(TypeError, match="increment"):
        t.update_counter("a", op)
    with pytest.raises(TypeError, match="increment"):
        t.update_counter("a", [(2, 1), (1, increment)])
    assert t.get("a") == ("a", 1, 10, "x")


@pytest.mark.parametrize(
    ("op", "error", "words"),
    [
        ((1, 1, 5), ValueError, "(1, 1, 5) is no operation"),
        ((), ValueError, "() is no operation"),
        ((1, 1, 1.5, 0), TypeError, "threshold is 1.5"),
        ((1, 1, 5, "x"), TypeError, "set value is 'x'"),
        ((1, 1, True, 0), TypeError, "threshold is True"),
        ((0, 1), ValueError, "position 0 is the key's own"),
        (("key", 1), ValueError, "position 'key' is the key's own"),
        ((-1, 1), ValueError, "position -1"),
        ((1.0, 1), TypeError, "float"),
        ((True, 1), TypeError, "bool"),
        (("nope", 1), ValueError, "'nope'"),
        ((99, 1), ValueError, "position 99 is past the end of the row with key 'a'"),
        (("text", 1), TypeError, "element 3 of the row with key 'a' is no number"),
    ],
)
def test_a_wrong_operation_is_explained_and_changes_nothing(t, op, error, words):
    for ops in (op, [(1, 1), op]):
        with pytest.raises(error) as caught:
            t.update_counter("a", ops)
        assert words in str(caught.value)
    assert t.get("a") == ("a", 1, 10, "x")


def test_nan_stays_nan(t):
    t.insert(("nan", math.nan))
    assert math.isnan(t.update_counter("nan", 1))


@pytest.mark.parametrize("number", [np.int8(-5), np.uint64(2**63 + 5), enum.IntEnum("Big", {"one": 2**70}).one])
def test_any_kind_of_int_is_an_increment(t, number):
    assert t.update_counter("a", number) == 1 + int(number)
    assert t.update_counter("a", (2, 0, number, number)) == (10 if number > 10 else int(number))
    assert t.get("a") == ("a", 1 + int(number), 10 if number > 10 else int(number), "x")
