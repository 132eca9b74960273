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


@pytest.mark.parametrize("kind", ["set", "ordered_set", "bag", "duplicate_bag"])
@pytest.mark.parametrize("walk", ["rows", "keys", "foldl", "pages"])
def test_whoever_feeds_a_walk_comes_to_its_end(kind, walk):
    """In an ordered_set there is always room before the last key."""
    t = partita.Table(type=kind, partitions=2)
    last = float("inf")
    t.insert([*((i,) for i in range(2000)), (last,)])
    numbers = itertools.count(2000)
    met = []

    def meet(key):
        met.append(key)
        t.insert((next(numbers),))

    if walk == "rows":
        for row in t:
            meet(row[0])
    elif walk == "keys":
        for key in t.keys():  # noqa: SIM118, as it is keys() that is tried
            meet(key)
    elif walk == "foldl":
        t.foldl(lambda row, _: meet(row[0]), None)
    else:
        for row in pages(t):
            meet(row[0])
    assert set(met) >= {*range(2000), last}
    assert len(set(met)) == len(met)
    if kind == "ordered_set":
        assert met == sorted(met)


def test_ends_backwards_although_the_walker_inserts():
    t = partita.Table(type="ordered_set")
    t.insert([*((-i,) for i in range(2000)), (float("-inf"),)])
    numbers = itertools.count(2000)
    met = []
    for row in reversed(t):
        met.append(row[0])
        t.insert((-next(numbers),))
    assert set(met) >= {*(-i for i in range(2000)), float("-inf")}
    assert met == sorted(met, reverse=True)
    assert len(set(met)) == len(met)


def pages(t):
    rows, cursor = t.match_object((partita.ANY,), 100)
    while True:
        yield from rows
        if cursor is None:
            return
        rows, cursor = cursor.next()


def test_what_was_fed_ends_with_the_table():
    for end in (partita.Table.clear, partita.Table.drop):
        t = partita.Table(type="ordered_set")
        t.insert([*((i,) for i in range(2000)), (float("inf"),)])
        numbers = itertools.count(2000)
        rows = iter(t)
        for _ in range(6000):
            next(rows)
            t.insert((next(numbers),))
        end(t)
        if end is partita.Table.clear:
            assert len(list(rows)) < 1000  # what it had read already
        else:
            with pytest.raises(partita.TableDroppedError):
                list(rows)


@pytest.mark.parametrize("kind", ["set", "ordered_set", "bag"])
def test_a_paused_iterator_holds_no_memory_of_the_table(kind):
    """Not even where values are so long that lookups do not copy them."""
    t = partita.Table(type=kind, partitions=1)
    t.insert([(i, bytes(100_000)) for i in range(50)])
    rows = iter(t)
    next(rows)
    t.clear()
    t.insert([(i, 0) for i in range(50)])
    assert t.info()["snapshot_memory"] == 0
    assert all(row[1] == bytes(100_000) for row in itertools.islice(rows, 1))
