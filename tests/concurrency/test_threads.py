"""Many threads on one table: what a call promises holds whatever the others do.

All threads are released by one barrier and switch every microsecond (helpers/together.py).
"""

import itertools
import random
import threading

import pytest

import partita
from helpers.together import run_together
from partita import ANY, V

THREADS = 4


@pytest.fixture(params=[1, 7], ids=["1 partition", "7 partitions"])
def t(request):
    return partita.Table(partitions=request.param)


def test_counters_add_up(t):
    def count():
        for i in range(3000):
            t.update_counter(i % 3, [(1, 1), (2, -1)], (None, 0, 0))

    run_together(*[count] * THREADS)
    assert sorted(t.tolist()) == [(i, 1000 * THREADS, -1000 * THREADS) for i in range(3)]


def test_swaps_add_up(t):
    t.insert((1, 0))

    def count():
        done = 0
        while done < 500:
            row = t.get(1)
            done += t.compare_and_swap(row, (1, row[1] + 1))

    run_together(*[count] * THREADS)
    assert t.get(1) == (1, 500 * THREADS)


def test_insert_new_has_one_winner(t):
    def claim(number):
        return [i for i in range(1000) if t.insert_new([(i, number), (("twin", i), number)])]

    won = run_together(*[lambda number=number: claim(number) for number in range(THREADS)])
    assert sorted(itertools.chain.from_iterable(won)) == list(range(1000))
    for number, keys in enumerate(won):
        assert all(t.get(i) == (i, number) and t.get(("twin", i)) == (("twin", i), number) for i in keys)


def test_each_row_is_taken_once(t):
    t.insert([(i,) for i in range(4000)])

    def take():
        return [row for i in range(4000) for row in t.take(i)]

    taken = run_together(*[take] * THREADS)
    assert sorted(itertools.chain.from_iterable(taken)) == [(i,) for i in range(4000)]
    assert len(t) == 0


def test_list_inserts_are_seen_whole(t):
    """A writer stamps 20 rows at once; no count, list, scan or snapshot shows two stamps, and len() never a part."""
    done = threading.Event()

    def write():
        try:
            for stamp in range(1500):
                t.insert([((stamp % 3, i), stamp) for i in range(20)])
        finally:
            done.set()

    def read():
        while not done.is_set():
            assert len(t) in (0, 20, 40, 60)
            for rows in (t.tolist(), t.snapshot()):
                by_group = {}
                for (group, _), stamp in rows:
                    by_group.setdefault(group, []).append(stamp)
                assert all(len(stamps) == 20 and len(set(stamps)) == 1 for stamps in by_group.values())
            assert t.select_count([((ANY, V[1]), [(">=", V[1], 700)], [True])]) % 20 == 0

    run_together(write, write, read, read)
    t._check()


def test_money_is_neither_made_nor_lost(t):
    """Transfers as atomic lists; every moment has the same sum."""
    accounts = 50
    t.insert([(i, 100) for i in range(accounts)])
    done = threading.Event()
    turn = threading.Lock()

    def transfer(seed):
        rng = random.Random(seed)
        for _ in range(1000):
            a, b = rng.sample(range(accounts), 2)
            with turn:  # reading both and writing both is two calls
                (_, of_a), (_, of_b) = t.get_many([a, b])
                t.insert([(a, of_a - 1), (b, of_b + 1)])

    def transfer_all():
        try:
            run_together(lambda: transfer(1), lambda: transfer(2))
        finally:
            done.set()

    def audit():
        while not done.is_set():
            assert sum(row[1] for row in t.tolist()) == 100 * accounts
            with t.snapshot() as s:
                assert sum(row[1] for row in s) == 100 * accounts
                assert s.foldl(lambda row, acc: acc + row[1], 0) == 100 * accounts

    run_together(transfer_all, audit, audit)
    t._check()


def test_each_thread_finds_what_it_wrote(t):
    """Keys of one thread alone behave as a dict does, whatever happens to the other keys beside them."""

    def work(number):
        rng = random.Random(number)
        mine = {}
        for step in range(2000):
            key = (number, rng.randrange(40))
            action = rng.randrange(6)
            if action <= 1:
                mine[key] = (key, rng.choice([step, step / 2, f"value {step}" * rng.randrange(4), None, [step]]))
                t.insert(mine[key])
            elif action == 2:
                t.delete(key)
                mine.pop(key, None)
            elif action == 3:
                assert t.take(key) == ([mine.pop(key)] if key in mine else [])
            elif action == 4:
                keys = [(number, i) for i in range(40)]
                assert t.get_many(keys) == [mine.get(key) for key in keys]
            else:
                assert t.get(key) == mine.get(key)
        return mine

    models = run_together(*[lambda number=number: work(number) for number in range(THREADS)])
    assert {row[0]: row for row in t} == {key: row for mine in models for key, row in mine.items()}
    t._check()


def test_snapshots_never_change_while_others_write(t):
    t.insert([(i, f"start {i}", i / 2) for i in range(2000)])
    done = threading.Event()

    def write(seed):
        rng = random.Random(seed)
        try:
            for step in range(3000):
                key = rng.randrange(2500)
                match rng.randrange(4):
                    case 0:
                        t.insert((key, rng.choice([step, "text", "long " * 20, None]), step))
                    case 1:
                        t.delete(key)
                    case 2:
                        t.insert([(key + i, step) for i in range(5)])
                    case 3 if key in t:
                        t.update_element(key, (1, step), default=(0, 0))
        finally:
            done.set()

    def read():
        while not done.is_set():
            with t.snapshot() as s:
                first = sorted(s.tolist(), key=repr)
                assert len(first) == len(s)
                assert sorted(s, key=repr) == first
                assert sorted(s.get_many([row[0] for row in first]), key=repr) == first
                assert s.select_count([(ANY, [], [True])]) == len(first)

    run_together(lambda: write(1), lambda: write(2), read, read)
    t._check()
    assert t.info()["snapshots"] == 0


def test_walks_meet_every_permanent_row_once(t):
    t.insert([(("permanent", i), 0) for i in range(1000)])
    done = threading.Event()

    def write(seed):
        rng = random.Random(seed)
        try:
            for step in range(3000):
                t.insert((rng.randrange(500), step))
                t.delete(rng.randrange(500))
                t.update_counter(("permanent", rng.randrange(1000)), 1)
        finally:
            done.set()

    def walk():
        while not done.is_set():
            keys = [row[0] for row in t if isinstance(row[0], tuple)]
            assert len(keys) == len(set(keys)) == 1000

    run_together(lambda: write(1), lambda: write(2), walk, walk)


def test_loads_side_by_side(t):
    def load(number):
        assert t.insert_many(((number, i), f"row {i}") for i in range(5000)) == 5000

    run_together(*[lambda number=number: load(number) for number in range(THREADS)])
    assert len(t) == 5000 * THREADS
    assert t.select_count([(ANY, [], [True])]) == 5000 * THREADS
    t._check()


def test_clear_beside_everything(t):
    def write():
        for step in range(1000):
            t.insert([(i, step) for i in range(10)])
            t.update_counter(step % 10, 1, (0, 0))

    def clear():
        for _ in range(300):
            t.clear()

    def read():
        for _ in range(300):
            assert len(t.tolist()) <= 10
            assert len(list(t)) <= 20  # a walk may meet a key again that was cleared and inserted
            t.get_many(range(10))

    run_together(write, clear, read, read)
    t._check()


def test_drop_beside_everything():
    """Whoever comes too late is told so by TableDroppedError and nothing else."""
    for round_number in range(30):
        t = partita.Table(partitions=3)
        t.insert([(i, 0) for i in range(100)])

        def use(call, t=t):
            try:
                while True:
                    call(t)
            except partita.TableDroppedError:
                return True

        calls = [
            lambda t: t.insert([(1, 2), (3, 4)]),
            lambda t: t.update_counter(1, 1, (0, 0)),
            lambda t: list(t),
            lambda t: t.snapshot().tolist(),
            lambda t: t.info(),
        ]

        def drop(t=t, turns=round_number * 10):
            for _ in range(turns):
                t.get(1)
            t.drop()
            return True

        assert all(run_together(drop, *[lambda call=call: use(call) for call in calls]))


def test_names_have_one_holder():
    for _ in range(50):
        tables = run_together(*[lambda: partita.Table("raced for", if_exists="get")] * THREADS)
        assert all(t is tables[0] for t in tables)
        tables[0].drop()


def test_names_are_given_to_one_creator():
    def create():
        try:
            return partita.Table("raced for")
        except partita.TableExistsError:
            return None

    for _ in range(50):
        (winner,) = [t for t in run_together(*[create] * THREADS) if t is not None]
        assert partita.table("raced for") is winner
        winner.drop()


def test_replacing_leaves_one_table():
    for _ in range(50):
        tables = run_together(*[lambda: partita.Table("raced for", if_exists="replace")] * THREADS)
        (alive,) = [t for t in tables if not t._dropped]
        assert partita.table("raced for") is alive
        alive.drop()
    assert [t for t in partita.tables() if t.name == "raced for"] == []


def test_closing_a_snapshot_beside_its_readers():
    t = partita.Table(partitions=3)
    t.insert([(i, f"row {i}") for i in range(500)])
    for _ in range(50):
        s = t.snapshot()

        def read(s=s):
            try:
                while True:
                    assert len(s.tolist()) == 500
                    assert len(s.get_many(range(500))) == 500
            except partita.SnapshotClosedError:
                return

        run_together(read, read, s.close)
    assert t.info()["snapshots"] == 0


def test_a_table_that_is_renamed_by_two_is_found_by_its_name():
    for _ in range(300):
        table = partita.Table("first name")
        run_together(lambda: table.rename("first name"), lambda: table.rename("second name"))  # noqa: B023
        assert partita.table(table.name) is table
        assert [other for other in partita.tables() if other is table] == [table]
        table.drop()
        assert partita.tables() == []
