"""mapping(): a table of rows (key, value) as a MutableMapping."""

import collections.abc
import itertools
import threading

import pytest

import partita


@pytest.fixture
def m():
    m = partita.Table(partitions=3).mapping()
    m.update({"a": 1, "b": [2], ("c",): None})
    return m


def test_is_a_mutable_mapping(m):
    assert isinstance(m, collections.abc.MutableMapping)
    assert m["a"] == 1
    assert m[("c",)] is None
    assert len(m) == 3
    assert "a" in m
    assert "z" not in m
    assert m == {"a": 1, "b": [2], ("c",): None}
    assert dict(m) == {"a": 1, "b": [2], ("c",): None}
    assert "mapping" in repr(m)


def test_absent_keys(m):
    for call in (lambda: m["z"], lambda: m.pop("z"), lambda: m.__delitem__("z")):
        with pytest.raises(KeyError) as caught:
            call()
        assert caught.value.args == ("z",)
    assert m.get("z") is None
    assert m.get("z", 5) == 5
    assert m.get(("c",), 5) is None
    assert m.pop("z", None) is None


def test_changes(m):
    m["a"] = 2
    m["d"] = {"x": 1}
    del m["b"]
    assert m == {"a": 2, "d": {"x": 1}, ("c",): None}
    assert m.pop("a") == 2
    assert m.setdefault("d", 0) == {"x": 1}
    assert m.setdefault("e") is None
    assert m.setdefault("f", [1]) == [1]
    m.update([("g", 1)], h=2)
    assert sorted(m.keys(), key=repr) == sorted(["d", ("c",), "e", "f", "g", "h"], key=repr)
    m.clear()
    assert m == {}
    assert len(m) == 0


def test_popitem(m):
    taken = dict(m.popitem() for _ in range(3))
    assert taken == {"a": 1, "b": [2], ("c",): None}
    with pytest.raises(KeyError, match="empty"):
        m.popitem()


def test_what_is_no_pair_is_not_popped(m):
    m.clear()
    m._table.insert((1,))
    for pop in (lambda: m.pop(1), lambda: m.pop(1, None), m.popitem):
        with pytest.raises(IndexError, match=r"row \(1,\) has no value"):
            pop()
        assert m._table.tolist() == [(1,)]


def test_views(m):
    assert sorted(m.values(), key=repr) == [1, None, [2]]
    assert sorted(m.items(), key=repr) == [("a", 1), ("b", [2]), (("c",), None)]
    assert ("a", 1) in m.items()
    assert [2] in m.values()
    assert len(m.items()) == len(m.values()) == len(m.keys()) == 3


def test_views_bear_deletion_while_they_are_read(m):
    m.update((i, i) for i in range(1000))
    for key, _ in m.items():
        m.pop(key)
    assert len(m) == 0


def test_values_are_copies(m):
    m["b"].append(3)
    assert m["b"] == [2]


def test_key_must_stand_first():
    with pytest.raises(ValueError, match="position 1"):
        partita.Table(keypos=1).mapping()


def test_each_item_is_popped_by_one_thread_only(m):
    m.clear()
    m.update((i, i) for i in range(2000))
    barrier = threading.Barrier(4)
    taken = [[] for _ in range(4)]

    def pop_all(mine):
        barrier.wait()
        try:
            while True:
                mine.append(m.popitem()[0])
        except KeyError:
            pass

    threads = [threading.Thread(target=pop_all, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(itertools.chain.from_iterable(taken)) == list(range(2000))


def test_setdefault_gives_all_threads_the_same(m):
    barrier = threading.Barrier(4)
    got = [None] * 4

    def ask(number):
        barrier.wait()
        got[number] = [m.setdefault(("key", i), number) for i in range(500)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got[0] == got[1] == got[2] == got[3]
