"""Pages and cursors: what select, match and match_object give with a limit."""

import copy
import gc
import pickle
import threading
import weakref

import pytest

import partita
from partita import ANY, END, ROW, V, ets

TYPES = ("set", "ordered_set", "bag", "duplicate_bag")
SETS = ("set", "ordered_set")


@pytest.fixture(params=TYPES)
def t(request):
    table = partita.Table(type=request.param, partitions=3)
    table.insert([(i, i % 7, "x" * (i % 40)) for i in range(3000)])
    if request.param not in SETS:
        table.insert([(5, i, "more") for i in range(100)])
    return table


def pages(page):
    while True:
        results, cursor = page
        yield results
        if cursor is None:
            return
        page = cursor.next()


@pytest.mark.parametrize("limit", [1, 7, 100, 2999, 3000, 3001, 2**80])
def test_all_pages_are_all_results(t, limit):
    every = t.tolist()
    if limit == 1:
        t.select_delete([((V.k, ANY, ANY), [(">", V.k, 50)], [True])])
        every = t.tolist()
    for source in (t, t.readonly(), t.snapshot()):
        for question in (
            lambda s=source: s.select([(ANY, [], [ROW])], limit),
            lambda s=source: s.select_reverse([(ANY, [], [ROW])], limit=limit),
            lambda s=source: s.match_object(ANY, limit=limit),
        ):
            found = list(pages(question()))
            assert all(len(page) == min(limit, len(every)) for page in found[:-1])
            assert len(found[-1]) <= limit
            assert sorted(row for page in found for row in page) == sorted(every)
    assert sorted(k for page in pages(t.match((V.k, 3, ANY), limit)) for k in page) == sorted(t.match((V.k, 3, ANY)))


def test_rows_of_a_key_stay_in_order():
    t = partita.Table(type="bag", partitions=1)
    t.insert([(i % 3, i) for i in range(100)])
    t.delete_object((1, 1))
    t.insert((1, 1))
    for source in (t, t.snapshot()):
        rows = [row for page in pages(source.match_object(ANY, 4)) for row in page]
        for key in range(3):
            assert [row for row in rows if row[0] == key] == t.lookup(key)


def test_nothing_to_find(t):
    assert t.match_object((ANY, "no", ANY), 5) == ([], None)
    assert t.select([((1, 2), [], [1])], 5) == ([], None)
    assert t.match((-1, ANY, ANY), 5) == ([], None)
    assert partita.Table().select([(ANY, [], [ROW])], 1)[0] == []


def test_bound_keys(t):
    rows = t.lookup(5)
    assert t.match_object((5, ANY, ANY), 1000) == (rows, None)
    assert [row for page in pages(t.match_object((5, ANY, ANY), 30)) for row in page] == rows
    assert list(map(len, pages(t.match((5, V.n, ANY), 101)))) == [len(rows)]


@pytest.mark.parametrize("limit", [0, -1, -(2**80)])
def test_limits_below_one(limit):
    with pytest.raises(ValueError, match=r"limit is -?\d+.*: it must be at least 1"):
        partita.Table().match(ANY, limit)


@pytest.mark.parametrize("limit", [True, 1.0, "1", [1], object()])
def test_limits_that_are_no_ints(limit):
    for call in (partita.Table().match, partita.Table().match_object):
        with pytest.raises(TypeError, match="limit is an int or None, not"):
            call(ANY, limit=limit)


def test_a_cursor_stays_where_it_is(t):
    first, cursor = t.match_object(ANY, 10)
    second, after = cursor.next()
    assert cursor.next()[0] == second
    assert after.next()[0] == after.next()[0] != second
    assert len({*first, *second, *after.next()[0]}) == 30
    assert repr(cursor) == f"<partita.Cursor of {t!r}, limit 10>"


def test_while_the_table_changes(t):
    """Rows that stay come once, others may."""
    stay = [row for row in t.tolist() if row[0] % 3 == 0]
    page = t.match_object(ANY, 50)
    seen = list(page[0])
    new = 10000
    while page[1] is not None:
        t.delete_many([row[0] for row in page[0] if row[0] % 3 == 1])
        t.insert([(new + i, 0, "new") for i in range(200)])
        if t.type in SETS:
            t.insert([(row[0], "changed", "") for row in page[0] if row[0] % 3 == 2])
        new += 200
        page = page[1].next()
        seen += page[0]
        assert len(seen) < 40000, "a walk that inserts does not end"
    met = sorted(row for row in seen if row[0] % 3 == 0 and row[0] < 10000)
    assert met == sorted(stay)
    if t.type in SETS:
        assert len({row[0] for row in seen if row[0] < 3000}) == len([row for row in seen if row[0] < 3000])


def test_beside_writers(t):
    stop = threading.Event()

    def write():
        i = 0
        while not stop.is_set():
            t.insert((10000 + i % 5000, i, ""))
            t.delete(10000 + (i * 7) % 5000)
            i += 1

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        every = sorted(row for row in t.tolist() if row[0] < 3000)
        for _ in range(20):
            seen = [row for page in pages(t.match_object(ANY, 97)) for row in page if row[0] < 3000]
            assert sorted(seen) == every
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    t._check()


def test_clear_and_drop(t):
    _, cursor = t.match(ANY, 10)
    snapshot = t.snapshot()
    _, of_snapshot = snapshot.match(ANY, 10)
    t.clear()
    t.insert((1, 2, 3))
    assert cursor.next() == ([], None)
    _, again = t.match_object((V.k, ANY, ANY), 1)
    _, of_one_key = t.match_object((1, ANY, ANY), 1)
    t.drop()
    assert of_one_key is None
    for gone in (cursor, again):
        if gone is not None:
            with pytest.raises(partita.TableDroppedError):
                gone.next()
    assert len(of_snapshot.next()[0]) == 10


def test_of_a_closed_snapshot(t):
    """A cursor keeps the moment that it reads, as an iterator does."""
    snapshot = t.snapshot()
    _, cursor = snapshot.match(ANY, 10)
    size = len(snapshot)
    snapshot.close()
    assert 10 + sum(len(page) for page in pages(cursor.next())) == size
    with pytest.raises(partita.SnapshotClosedError):
        snapshot.match(ANY, 10)
    del cursor
    gc.collect()
    assert t.info()["snapshots"] == 0


def test_not_pickled_and_not_made_by_hand(t):
    _, cursor = t.match(ANY, 1)
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="a cursor cannot be pickled or copied"):
            way(cursor)
    with pytest.raises(TypeError):
        type(cursor)()
    with pytest.raises(TypeError):
        cursor.next(1)


def test_a_cursor_keeps_its_table():
    class Named(partita.Table):
        pass

    t = Named()
    t.insert([(i,) for i in range(10)])
    _, cursor = t.match((V[1],), 4)
    alive = weakref.ref(t) if hasattr(t, "__weakref__") else None
    del t
    gc.collect()
    assert sorted(k for page in pages(cursor.next()) for [k] in page) != []
    before = partita.live_counts()["tables"]
    del cursor
    gc.collect()
    assert partita.live_counts()["tables"] == before - 1
    assert alive is None or alive() is None


def test_a_body_that_fails():
    t = partita.Table(partitions=1)
    for i in range(100):
        t.insert((i, i))
    t.insert((70, "x"))
    spec = [((ANY, V.n), [], [("+", V.n, 1)])]
    results, cursor = t.select(spec, 50)
    assert len(results) == 50
    with pytest.raises(partita.MatchError, match=r"'\+' fails on the row"):
        cursor.next()
    t.insert((70, 70))
    assert sorted(results + cursor.next()[0]) == list(range(1, 101))


def test_results_outlive_what_they_came_from():
    """What a bag gave beyond a page belongs to the cursor."""
    t = partita.Table(type="bag", partitions=1)
    t.insert([(1, i, "a string that is too long to lie in its column") for i in range(500)])
    _, cursor = t.match_object((V.k, ANY, ANY), 10)
    t.delete(1)
    t.compact()
    t.insert([(2, i, "another string, which may lie in the same place") for i in range(500)])
    page, cursor = cursor.next()
    assert page == [(1, i, "a string that is too long to lie in its column") for i in range(10, 20)]
    t.drop()
    with pytest.raises(partita.TableDroppedError):
        cursor.next()


def test_module_form(t):
    answer = ets.select(t, [((V.k, ANY, ANY), [], [V.k])], 1000)
    keys = []
    while answer is not END:
        keys += answer[0]
        answer = ets.select(answer[1])
    assert sorted(keys) == sorted(row[0] for row in t)
    assert ets.match(t, ("no", V[1], ANY), 3) is END
    assert ets.match_object(END) is END
    assert ets.select_reverse(t, [((V.k, 1, ANY), [], [1])], 1)[0] == [1]
    assert len(ets.match_object(t, ANY)) == len(t)
    for call in (ets.select, ets.match, ets.match_object, ets.select_reverse):
        with pytest.raises(TypeError, match="a continuation is what a call with a limit gave"):
            call(t)
        with pytest.raises(TypeError, match="what goes on from a continuation takes nothing else"):
            call(t.match(ANY, 1)[1], ANY)


def test_pages_of_an_ordered_set():
    t = partita.Table(type="ordered_set", partitions=4)
    keys = [*range(300), "a", "b", (1, 2), None, 2.5, -1]
    t.insert([(key, str(key)) for key in keys])
    rows = t.tolist()
    for source in (t, t.snapshot()):
        for limit in (1, 7, 1000):
            assert [row for page in pages(source.match_object(ANY, limit)) for row in page] == rows
            assert [row for page in pages(source.select([(ANY, [], [ROW])], limit)) for row in page] == rows
            backward = [row for page in pages(source.select_reverse([(ANY, [], [ROW])], limit)) for row in page]
            assert backward == rows[::-1]
        assert source.select_reverse([(ANY, [], [ROW])]) == rows[::-1]
    named = [((2, ANY), [], [ROW]), (("a", ANY), [], [ROW]), ((-1, ANY), [], [ROW])]
    assert t.select(named) == [(-1, "-1"), (2, "2"), ("a", "a")]
    assert t.select_reverse(named) == [("a", "a"), (2, "2"), (-1, "-1")]
    assert t.select_reverse(named, 2)[0] == [("a", "a"), (2, "2")]
    page, cursor = t.match_object(ANY, 5)
    t.insert([(page[-1][0] + 0.5, "after"), (page[-1][0] - 0.5, "before")])
    assert cursor.next()[0][0] == (page[-1][0] + 0.5, "after")
