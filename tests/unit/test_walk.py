"""iter, keys and folds: walks without a copy of the table, each permanent row exactly once."""

import gc
import itertools
import threading

import pytest

import partita


@pytest.fixture(params=[1, 5], ids=["1 partition", "5 partitions"])
def t(request):
    t = partita.Table(partitions=request.param)
    t.insert([(i, f"row {i}") for i in range(5000)])
    return t


def test_meets_every_row_once(t):
    assert sorted(t) == [(i, f"row {i}") for i in range(5000)]
    assert sorted(row[0] for row in t) == list(range(5000))
    assert list(partita.Table()) == []


def test_keys(t):
    keys = t.keys()
    assert sorted(keys) == list(range(5000))
    assert sorted(keys) == list(range(5000))  # as often as one likes
    assert len(keys) == 5000
    assert 17 in keys
    assert -1 not in keys
    assert repr(keys).startswith("<keys of <partita.Table")
    second = partita.Table(keypos=1)
    second.insert([(1, "a"), (2, "b")])
    assert sorted(second.keys()) == ["a", "b"]


def test_folds(t):
    assert t.foldl(lambda row, acc: acc + row[0], 0) == sum(range(5000))
    assert t.foldr(lambda row, acc: acc + row[0], 0) == sum(range(5000))
    assert partita.Table().foldl(lambda row, acc: acc, "start") == "start"
    with pytest.raises(ZeroDivisionError):
        t.foldl(lambda row, acc: 1 // 0, 0)
    with pytest.raises(TypeError, match="'int' object is not callable"):
        t.foldl(5, 0)


def test_meets_what_is_permanent_exactly_once_while_others_come_and_go(t):
    met = []
    for number, (key, _) in enumerate(t):
        met.append(key)
        t.insert((10_000 + number, "new"))
        t.update_element(key, (1, "changed"))  # not back in if it was deleted meanwhile
        if number % 3 == 0:
            t.delete((number * 7) % 5000)
    permanent = {key for key in range(5000) if key in t}
    assert len(met) == len(set(met))
    assert permanent <= set(met)
    t._check()


def test_ends_although_the_walker_inserts(t):
    seen = sum(1 for row in t if t.insert([(row[0] + 100_000 * n,) for n in range(1, 4)]) is None)
    assert seen < 5000 * 4


def test_fn_of_a_fold_may_use_the_table(t):
    def move(row, acc):
        t.delete(row[0])
        t.insert(("moved", row[0]))
        return acc + 1

    assert t.foldl(move, 0) >= 5000
    assert t.get("moved") is not None


def test_ends_with_its_table(t):
    walk = iter(t)
    next(walk)
    t.drop()
    with pytest.raises(partita.TableDroppedError):
        for _ in walk:
            pass
    with pytest.raises(StopIteration):
        next(walk)  # an iterator that failed stays ended


def test_of_a_table_that_is_cleared(t):
    walk = iter(t)
    next(walk)
    t.clear()
    t.insert((1,))
    assert len(list(walk)) <= 5000
    t._check()


def test_keeps_its_table_alive():
    def rows():
        t = partita.Table()
        t.insert([(i,) for i in range(100)])
        return iter(t)

    assert len(list(rows())) == 100


def test_is_counted_and_frees_itself(t):
    before = partita.live_counts()["walks"]
    walk = iter(t)
    next(walk)
    assert partita.live_counts()["walks"] == before + 1
    for _ in walk:
        pass
    assert partita.live_counts()["walks"] == before  # at the end, not when the object goes
    other = iter(t)
    del other
    assert partita.live_counts()["walks"] == before


def test_a_cycle_through_an_iterator_is_collected():
    class Users(partita.Table):
        pass

    before = partita.live_counts()
    t = Users()
    t.walk = iter(t)
    del t
    gc.collect()
    assert partita.live_counts() == before


def test_cannot_be_made_by_hand():
    with pytest.raises(TypeError, match="cannot create"):
        type(iter(partita.Table()))()


def test_one_walk_shared_by_threads_gives_each_row_to_one_of_them(t):
    """A thread that comes while another one reads is refused, by name, and may come again."""
    walk = iter(t)
    barrier = threading.Barrier(4)
    taken = [[] for _ in range(4)]
    strange = []

    def read(mine):
        barrier.wait()
        while True:
            try:
                mine.append(next(walk)[0])
            except StopIteration:
                return
            except ValueError as error:
                if "in use by another thread" not in str(error):
                    strange.append(error)

    threads = [threading.Thread(target=read, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert strange == []
    assert sorted(itertools.chain.from_iterable(taken)) == list(range(5000))
