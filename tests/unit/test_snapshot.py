"""Snapshots: one moment of a table, whatever happens to it afterwards."""

import contextlib
import gc
import itertools

import pytest

import partita
from partita import ANY, END, V


@pytest.fixture
def t():
    t = partita.Table("snapshot test", partitions=3, fields=("id", "text", "number"), if_exists="replace")
    t.insert([(i, f"text {i}", i / 2) for i in range(3000)])
    yield t
    with contextlib.suppress(partita.TableDroppedError):
        t.drop()


def change_everything(t):
    t.insert([(i, b"other kind", None) for i in range(0, 3000, 3)])
    t.delete_many(range(1, 3000, 3))
    for i in range(2, 3000, 3):
        t.update_counter(i, ("number", 1))
    t.insert_many((i,) for i in range(3000, 6000))


@pytest.mark.parametrize("end", [change_everything, partita.Table.clear, partita.Table.drop])
def test_never_changes(t, end):
    rows = sorted(t.tolist())
    s = t.snapshot()
    end(t)
    assert sorted(s.tolist()) == rows
    assert sorted(s) == rows
    assert len(s) == 3000
    assert s.get(1) == (1, "text 1", 0.5)
    assert s.get(5000) is None
    assert s.get_many([0, 1, 2, 5000]) == [rows[0], rows[1], rows[2], None]
    assert s.lookup_many([1, 5000]) == [[rows[1]], []]
    assert s.lookup_element(2, "number") == 1.0
    assert 2999 in s
    assert 3000 not in s
    assert sorted(s.keys()) == list(range(3000))
    assert s.select_count([((ANY, ANY, V.n), [("<", V.n, 10)], [True])]) == 20
    assert s.foldl(lambda row, acc: acc + row[0], 0) == s.foldr(lambda row, acc: acc + row[0], 0) == sum(range(3000))


def keys_and_rows(source):
    pairs = []
    pair = source.first_lookup()
    while pair is not END:
        pairs.append(pair)
        pair = source.next_lookup(pair[0])
    return pairs


def slots(source):
    return list(itertools.takewhile(lambda rows: rows is not END, map(source.slot, itertools.count())))


@pytest.mark.parametrize("table_type", ["set", "ordered_set", "bag", "duplicate_bag"])
@pytest.mark.parametrize("end", [partita.Table.clear, partita.Table.drop])
def test_from_key_to_key(table_type, end):
    t = partita.Table(type=table_type, partitions=3, keypos=1)
    t.insert_many((i, f"key {i * 7 % 500}", "x" * (i % 40)) for i in range(1500))
    t.delete_many(f"key {i}" for i in range(0, 500, 5))
    pairs, places = keys_and_rows(t), slots(t)
    s = t.snapshot()
    t.delete_many(f"key {i}" for i in range(300))
    t.insert_many((i, f"key {i}", "late") for i in range(200, 700))
    end(t)
    assert keys_and_rows(s) == pairs
    assert slots(s) == places
    assert (s.first(), s.last()) == (pairs[0][0], pairs[-1][0])
    assert s.last_lookup() == pairs[-1]
    for before, (key, rows), after in zip(pairs, pairs[1:], pairs[2:], strict=False):
        assert (s.prev(key), s.next(key)) == (before[0], after[0])
        assert (s.prev_lookup(after[0]), s.next_lookup(before[0])) == ((key, rows), (key, rows))
    assert s.prev(pairs[0][0]) is s.next(pairs[-1][0]) is s.slot(2**40) is s.slot(2**70) is END
    if table_type == "ordered_set":
        assert (s.next("key 0"), s.prev("key 10")) == ("key 1", "key 1")
        assert s.next("z") is s.prev("") is END
    else:
        for call in (s.next, s.prev, s.next_lookup, s.prev_lookup):
            with pytest.raises(KeyError):
                call("key 0")
    for call in (s.next, s.prev):
        with pytest.raises(TypeError):
            call(END)
    with pytest.raises(ValueError, match="slot"):
        s.slot(-1)
    s.close()
    for call in (s.first, s.last_lookup, lambda: s.next("key 1"), lambda: s.slot(0)):
        with pytest.raises(partita.SnapshotClosedError):
            call()


def test_from_key_to_key_of_nothing():
    s = partita.Table(type="ordered_set").snapshot()
    assert [s.first(), s.last(), s.first_lookup(), s.next(1), s.prev_lookup(1), s.slot(0)] == [END] * 6


def test_of_changing_moments(t):
    snapshots = []
    for i in range(20):
        t.insert((i, "moment", i))
        t.delete(2999 - i)
        snapshots.append(t.snapshot())
    for i, s in enumerate(snapshots):
        assert len(s) == 3000 - i - 1
        assert s.get(i) == (i, "moment", i)
        assert s.get(i + 1) == (i + 1, f"text {i + 1}", (i + 1) / 2)
        assert s.get(2999 - i) is None
    for s in snapshots[::2]:  # let go of out of order
        s.close()
    assert snapshots[5].get(5) == (5, "moment", 5)
    t._check()


def test_what_it_knows_of_its_table(t):
    s = t.snapshot()
    assert (s.name, s.fields, s.keypos) == ("snapshot test", ("id", "text", "number"), 0)
    assert s.info() == {"name": "snapshot test", "size": 3000, "keypos": 0, "fields": ("id", "text", "number")}
    assert repr(s) == "<partita.Snapshot of 'snapshot test', 3000 rows>"


def test_info_of_the_table_counts_snapshots_and_what_they_hold(t):
    assert t.info()["snapshots"] == 0
    with t.snapshot(), t.snapshot():
        assert t.info()["snapshots"] == 2
        change_everything(t)
        assert t.info()["snapshot_memory"] > 0
    t.insert((1,))
    info = t.info()
    assert (info["snapshots"], info["snapshot_memory"]) == (0, 0)


def test_close(t):
    with t.snapshot() as s:
        assert not s.closed
    assert s.closed
    s.close()
    assert "closed" in repr(s)
    with pytest.raises(partita.SnapshotClosedError), s:
        pass
    for read in (
        lambda: s.get(1),
        lambda: s.lookup(1),
        lambda: s.lookup_many([1]),
        lambda: s.get_many([1]),
        lambda: s.lookup_element(1, 1),
        lambda: s.member(1),
        lambda: 1 in s,
        lambda: len(s),
        lambda: list(s),
        lambda: list(s.keys()),
        lambda: s.tolist(),
        lambda: s.foldl(max, 0),
        lambda: s.foldr(max, 0),
        lambda: s.select_count([(ANY, [], [True])]),
        lambda: s.info(),
    ):
        with pytest.raises(partita.SnapshotClosedError, match=r"Table\.snapshot\(\)"):
            read()


def test_a_walk_outlives_the_closing_of_its_snapshot(t):
    s = t.snapshot()
    walk = iter(s)
    first = next(walk)
    s.close()
    t.clear()
    assert len([first, *walk]) == 3000


def test_close_while_a_call_reads_it(t):
    def keys():
        yield 1
        s.close()
        yield 2

    s = t.snapshot()
    assert s.get_many(keys()) == [(1, "text 1", 0.5), (2, "text 2", 1.0)]
    with pytest.raises(partita.SnapshotClosedError):
        s.get(1)


def test_has_no_writing_methods(t):
    with t.snapshot() as s:
        for method in ("insert", "insert_new", "insert_many", "delete", "clear", "update_counter", "take", "drop"):
            assert not hasattr(s, method)


def test_frees_itself(t):
    before = partita.live_counts()
    s = t.snapshot()
    assert partita.live_counts()["snapshots"] == before["snapshots"] + 1
    del s
    gc.collect()
    assert partita.live_counts()["snapshots"] == before["snapshots"]


def test_of_a_dropped_table(t):
    t.drop()
    with pytest.raises(partita.TableDroppedError, match="'snapshot test' was dropped"):
        t.snapshot()


def test_what_a_snapshot_needs_does_not_grow_with_every_delete():
    """A key that goes and comes back to the same place is remembered once, whatever short snapshots come and go."""
    t = partita.Table(partitions=1)
    t.insert([(i, i) for i in range(100)])
    with t.snapshot() as kept:
        for i in range(2000):
            with t.snapshot():
                t.delete(77)
            t.insert((77, i))
        assert kept.lookup(77) == [(77, 77)]
        with t.snapshot() as now:
            t.delete(77)
            assert now.get(77) == (77, 1999)
            assert kept.get(77) == (77, 77)
        assert t.get(77) is None
