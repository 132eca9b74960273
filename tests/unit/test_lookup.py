"""lookup, get, lookup_element, member, `in`, len, and the deleting calls."""

import numpy as np
import pytest

import partita

FIELDS = ("id", "name", "age")


@pytest.fixture(params=["table", "snapshot"])
def readable(request):
    """The reading calls are the same on a table and on a snapshot of it."""
    t = partita.Table(partitions=3, fields=FIELDS)
    t.insert([(1, "Ada", 36), (2, "Grace", 45), (3,), ("tuple", (1, [2]), None)])
    return t if request.param == "table" else t.snapshot()


@pytest.fixture
def t():
    t = partita.Table(partitions=3)
    t.insert([(i, f"name-{i}") for i in range(100)])
    return t


def test_lookup(readable):
    assert readable.lookup(1) == [(1, "Ada", 36)]
    assert readable.lookup(99) == []


def test_get(readable):
    assert readable.get(2) == (2, "Grace", 45)
    assert readable.get(99) is None
    assert readable.get(99, "none") == "none"
    assert readable.get(99, default=0) == 0
    assert readable.get(key=1, default=0) == (1, "Ada", 36)


def test_lookup_element(readable):
    assert readable.lookup_element(1, 1) == "Ada"
    assert readable.lookup_element(1, "age") == 36
    assert readable.lookup_element(1, np.int64(2)) == 36
    assert readable.lookup_element("tuple", "name") == (1, [2])
    assert readable.lookup_element(99, 1, "default") == "default"
    assert readable.lookup_element(99, 1, default=None) is None
    with pytest.raises(KeyError) as caught:
        readable.lookup_element(99, 1)
    assert caught.value.args == (99,)


def test_key_error_of_a_tuple(readable):
    with pytest.raises(KeyError) as caught:
        readable.lookup_element((1, 2), 1)
    assert caught.value.args == ((1, 2),)


@pytest.mark.parametrize("position", [1, "age", 60_000])
def test_lookup_element_past_the_end(readable, position):
    with pytest.raises(ValueError, match=f"position {position!r} is past the end of the row with key 3"):
        readable.lookup_element(3, position)
    with pytest.raises(ValueError, match="past the end"):
        readable.lookup_element(3, position, "a default is for an absent key")


def test_membership(readable):
    assert readable.member(1) is True
    assert readable.member(99) is False
    assert 1 in readable
    assert 1.0 not in readable
    assert "tuple" in readable


def test_length_and_truth(readable):
    assert len(readable) == 4
    assert bool(readable) is True
    assert bool(partita.Table().snapshot()) is True


def test_delete(t):
    assert t.delete(1) is None
    assert t.delete("never there") is None
    assert 1 not in t
    assert len(t) == 99


def test_delete_object(t):
    assert t.delete_object((1, "other name")) is None
    assert t.delete_object((2.0, "name-2")) is None
    assert len(t) == 100
    t.delete_object((1, "name-1"))
    assert 1 not in t
    assert len(t) == 99


def test_take(t):
    assert t.take(5) == [(5, "name-5")]
    assert t.take(5) == []
    assert 5 not in t


class Sealed:
    """Pickles, and comes back only when it is allowed to."""

    opened = False

    def __reduce__(self):
        return open_sealed, ()


def open_sealed():
    if not Sealed.opened:
        raise RuntimeError("sealed")
    return "opened"


@pytest.mark.parametrize("kind", ["set", "ordered_set", "bag", "duplicate_bag"])
def test_what_cannot_be_decoded_is_not_taken(kind, monkeypatch):
    t = partita.Table(type=kind)
    rows = [(1, "a"), (1, Sealed()), (1, "b")] if kind.endswith("bag") else [(1, Sealed())]
    t.insert(rows)
    for call in (t.take, t.mapping().pop) if kind == "set" else (t.take,):
        with pytest.raises(RuntimeError, match="sealed"):
            call(1)
        assert len(t) == len(rows)
    monkeypatch.setattr(Sealed, "opened", True)
    assert [row[1] for row in t.take(1)] == (["a", "opened", "b"] if kind.endswith("bag") else ["opened"])
    assert len(t) == 0


def test_delete_many(t):
    assert t.delete_many([1, 2, 2, 1000]) == 2
    assert t.delete_many(key for key in range(10)) == 8
    assert t.delete_many([]) == 0
    assert len(t) == 90
    t.insert_many((i,) for i in range(10_000))
    assert t.delete_many(range(10_000)) == 10_000
    assert len(t) == 0
    t._check()


def test_delete_many_deletes_nothing_if_a_key_is_bad(t):
    with pytest.raises(TypeError, match="key 2 of the batch"):
        t.delete_many([1, 2, object()])
    assert len(t) == 100
