"""insert, insert_new, insert_many, clear and drop."""

import collections
import sys

import pytest

import partita

Point = collections.namedtuple("Point", "x y")


@pytest.fixture(params=[1, 7], ids=["1 partition", "7 partitions"])
def t(request):
    return partita.Table(partitions=request.param)


def test_insert_replaces(t):
    assert t.insert((1, "a")) is None
    t.insert((1, "b", 3))
    assert t.lookup(1) == [(1, "b", 3)]
    assert len(t) == 1


def test_a_list_of_rows(t):
    t.insert([(1, "a"), (2, "b"), (1, "c")])
    assert sorted(t.tolist()) == [(1, "c"), (2, "b")]  # of equal keys the last wins
    t.insert([])
    assert len(t) == 2


def test_a_tuple_of_tuples_is_one_row(t):
    t.insert(((1, 2), (3, 4)))
    assert t.tolist() == [((1, 2), (3, 4))]


def test_named_tuples_come_back_as_tuples(t):
    t.insert(Point(1, 2))
    t.insert([Point(3, 4)])
    assert sorted(t.tolist()) == [(1, 2), (3, 4)]
    assert type(t.get(1)) is tuple


def test_the_table_holds_copies(t):
    value = [1, {"a": [2]}]
    t.insert((1, value))
    value[1]["a"].append(3)
    assert t.get(1) == (1, [1, {"a": [2]}])
    t.get(1)[1].append("changed")
    assert t.get(1) == (1, [1, {"a": [2]}])


def test_keys_are_exact(t):
    t.insert(
        [(1, "int"), (1.0, "float"), (True, "bool"), ("1", "str"), (b"1", "bytes"), ((1,), "tuple"), (None, "nil")]
    )
    assert len(t) == 7
    assert t.get(1.0) == (1.0, "float")
    assert t.get(True) == (True, "bool")
    t.insert((-0.0, "zero"))
    assert t.get(0.0) == (-0.0, "zero")


def test_rows_of_any_size(t):
    wide = tuple(range(65535))
    t.insert(wide)
    t.insert((1,))
    assert t.get(0) == wide
    assert t.get(1) == (1,)


def test_insert_new(t):
    assert t.insert_new((1, "a")) is True
    assert t.insert_new((1, "b")) is False
    assert t.get(1) == (1, "a")


def test_insert_new_of_a_list_is_all_or_none(t):
    t.insert((5, "old"))
    assert t.insert_new([(i, "new") for i in range(10)]) is False
    assert t.tolist() == [(5, "old")]
    assert t.insert_new([(6, "x"), (7, "y"), (6, "z")]) is True  # equal keys within the list are no conflict
    assert t.get(6) == (6, "z")
    assert t.insert_new([]) is True


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 4095, 4096, 4097, 10_000])
def test_insert_many(t, count):
    rows = [(i, f"name-{i}", i / 2) for i in range(count)]
    assert t.insert_many(iter(rows)) == count
    assert sorted(t.tolist()) == rows
    t._check()


def test_insert_many_takes_any_iterable(t):
    assert t.insert_many((i, i) for i in range(3)) == 3
    assert t.insert_many({("k", 1): "ignored", ("l", 2): "ignored"}) == 2
    assert t.insert_many([(9, 1), (9, 2)]) == 2  # counts rows, not keys
    assert t.get(9) == (9, 2)
    with pytest.raises(TypeError, match="not iterable"):
        t.insert_many(5)


def test_insert_many_keeps_the_rows_before_a_bad_one(t):
    rows = [(i,) for i in range(10_000)]
    rows[5000] = "five thousand"
    with pytest.raises(TypeError, match="row 5000 is 'five thousand'"):
        t.insert_many(rows)
    assert sorted(t.tolist()) == [(i,) for i in range(5000)]


def test_insert_many_keeps_the_rows_before_an_error_of_the_iterable(t):
    def rows():
        for i in range(100):
            yield (i,)
        raise RuntimeError("out of rows")

    with pytest.raises(RuntimeError, match="out of rows"):
        t.insert_many(rows())
    assert len(t) == 100


def test_insert_many_from_the_table_itself(t):
    t.insert([(i, 0) for i in range(100)])
    assert t.insert_many((key, value + 1) for key, value in t) == 100  # the walk ends although it is written behind it
    assert all(value == 1 for _, value in t)


def test_progress_without_tqdm(t, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match="tqdm"):
        t.insert_many([(1,)], progress=True)
    assert len(t) == 0


def test_progress_with_tqdm(t, monkeypatch):
    seen = []

    def tqdm(rows, unit):
        seen.append(unit)
        return rows

    module = type(partita)("tqdm.auto")
    module.tqdm = tqdm
    monkeypatch.setitem(sys.modules, "tqdm", type(partita)("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    assert t.insert_many([(1,), (2,)], progress=True) == 2
    assert seen == [" rows"]


def test_clear(t):
    t.insert([(i, "x" * i) for i in range(1000)])
    assert t.clear() is None
    assert len(t) == 0
    assert t.tolist() == []
    assert t.lookup(1) == []
    t.insert((1,))
    assert t.tolist() == [(1,)]
    t._check()


def test_compact_gives_memory_back(t):
    t.insert([(i, "x" * 100) for i in range(10_000)])
    full = t.info()["memory"]
    t.delete_many(range(10, 10_000))
    t.compact()
    assert t.info()["memory"] < full / 2
    assert sorted(t.tolist()) == [(i, "x" * 100) for i in range(10)]
    t._check()


def test_drop_frees_everything(t):
    before = partita.live_counts()
    other = partita.Table(partitions=3)
    other.insert([(i, "x" * 100) for i in range(1000)])
    other.drop()
    del other
    assert partita.live_counts() == before
