"""os.fork: the child has a working copy of every table, with no lock left held, whatever the parent's threads did.

A child reports by its exit status; one that hangs is ended by an alarm and so reported too.
"""

import os
import signal
import threading
import warnings

import pytest

import partita
from helpers.ranges import splitting_at
from helpers.together import run_together
from partita import ANY

CHILD_SECONDS = 60


def fork_and_check(check):
    """Runs check() in a child of a fork; False if it failed there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12+ warns of threads, which are the point here
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(CHILD_SECONDS)
            check()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) == 0


def use_all(t):
    """Every part of a table works: reading, writing, snapshots, walks, scans, dropping."""
    t._check()
    before = len(t)
    assert len(t.tolist()) == len(list(t)) == before
    t.insert(("in the child", 1))
    t.insert([("in the child", i) for i in range(3)])
    t.insert_many((("child", i), i) for i in range(5000))
    assert t.update_counter("in the child", 5) == 7
    with t.snapshot() as s:
        assert s.select_count([(ANY, [], [True])]) == before + 5001
        t.clear()
        assert len(s) == before + 5001
    assert len(t) == 0
    t._check()
    t.drop()
    partita.Table().insert((1,))


@pytest.fixture(params=["set", "ordered_set"])
def t(request):
    with splitting_at(64):
        t = partita.Table(type=request.param, partitions=4)
    t.insert([(i, f"row {i}", i / 2) for i in range(1000)])
    return t


def test_child_has_a_copy(t):
    assert fork_and_check(lambda: use_all(t))
    assert len(t) == 1000
    t._check()


def test_named_tables_are_found_in_the_child():
    t = partita.Table("forked", partitions=2, if_exists="replace")
    t.insert((1, "a"))

    def check():
        assert partita.table("forked").get(1) == (1, "a")
        use_all(partita.table("forked"))
        assert partita.tables() == []

    assert fork_and_check(check)
    t.drop()


def test_snapshots_and_walks_go_on_in_the_child(t):
    s = t.snapshot()
    walk = iter(t)
    first = next(walk)

    def check():
        t.clear()
        assert len(s.tolist()) == 1000
        assert s.get(1) == (1, "row 1", 0.5)
        s.close()
        assert len([first, *walk]) <= 1000
        t.insert((1,))
        t._check()

    assert fork_and_check(check)
    assert len([first, *walk]) == 1000
    assert len(s) == 1000


def test_fork_in_the_child_of_a_fork(t):
    def check():
        t.insert(("first", 1))
        assert fork_and_check(lambda: use_all(t))
        assert t.get("first") == ("first", 1)
        use_all(t)

    assert fork_and_check(check)


@pytest.mark.parametrize("kind", ["set", "ordered_set", "bag", "duplicate_bag"])
def test_a_fix_of_another_thread_lasts_in_the_child(kind):
    t = partita.Table(type=kind, partitions=3)
    t.insert([(key, "old") for key in range(300)])
    fixed, forked = threading.Event(), threading.Event()

    def walk():
        """Stands in the middle of a walk while the main thread forks."""
        with t.fix():
            for key in range(0, 300, 2):
                t.delete(key)
            fixed.set()
            assert forked.wait(CHILD_SECONDS)

    def check():
        assert t.info()["fixed"]
        for change in (lambda: None, t.clear):  # a clear() ends walks, and is no end of the fix
            change()
            t.insert([(key, "new") for key in range(100, 200)])
            met = []
            key = t.first()
            while key is not partita.END:
                met.append(key)
                t.delete(key)
                key = t.next(key)
            assert len(met) == len(set(met)) == (100 if change == t.clear else 200)
            t._check()
        with t.fix():
            t.insert((1, "again"))
        with pytest.raises(ValueError, match="fixed"):
            t.compact()
        t.drop()

    thread = threading.Thread(target=walk)
    thread.start()
    assert fixed.wait(CHILD_SECONDS)
    works = fork_and_check(check)
    forked.set()
    thread.join()
    assert works
    assert not t.info()["fixed"]
    assert sorted(t.keys()) == list(range(1, 300, 2))
    t.compact()
    t._check()


@pytest.mark.parametrize("kind", ["bag", "duplicate_bag"])
def test_bags_in_the_child(kind):
    t = partita.Table(type=kind, partitions=3)
    t.insert([(key, n) for n in range(100) for key in range(20)])
    s = t.snapshot()

    def check():
        t._check()
        for n in range(0, 100, 2):
            t.delete_object((3, n))
        t.insert([(3, "in the child"), ("in the child", 1)])
        assert t.lookup(3) == [*((3, n) for n in range(1, 100, 2)), (3, "in the child")]
        assert s.lookup(3) == [(3, n) for n in range(100)]
        t.clear()
        assert len(list(s)) == 2000
        s.close()
        t.insert((1, 1))
        t._check()

    assert fork_and_check(check)
    assert len(t) == 2000
    t._check()


@pytest.mark.parametrize("forks", [40])
def test_fork_while_others_write_and_scan(t, forks):
    done = threading.Event()

    def write(number):
        step = 0
        while not done.is_set():
            step += 1
            t.insert([((number, i), step) for i in range(10)])
            t.update_counter("count", 1, (0, 0))
            t.delete((number, step % 10))
            t.insert_many(((number, i), "text " * (i % 10)) for i in range(100))

    def scan():
        while not done.is_set():
            t.tolist()
            with t.snapshot() as s:
                s.select_count([(ANY, [], [True])])
            list(t)

    def fork():
        try:
            return [fork_and_check(lambda: use_all(t)) for _ in range(forks)]
        finally:
            done.set()

    results, *_ = run_together(fork, lambda: write(1), lambda: write(2), scan)
    assert results == [True] * forks
    t._check()


def test_a_list_insert_is_whole_in_the_child(t):
    t.clear()
    done = threading.Event()

    def write():
        stamp = 0
        while not done.is_set():
            stamp += 1
            t.insert([(i, stamp) for i in range(20)])

    def check():
        assert len({stamp for _, stamp in t.tolist()}) <= 1
        assert len(t) in (0, 20)

    def fork():
        try:
            return [fork_and_check(check) for _ in range(40)]
        finally:
            done.set()

    results, *_ = run_together(fork, write, write)
    assert all(results)


@pytest.mark.parametrize("durability", ["snapshot", "interval", "always"])
def test_fork_while_others_write_to_a_file(tmp_path, durability):
    """The child's table is in memory alone, with whole lists of rows; the file gets the parent's rows and no others."""
    path = tmp_path / "table.pt"
    t = partita.open(path, partitions=3, durability=durability, sync_every=0.001, persist_every=0.001)
    done = threading.Event()

    def write(number):
        step = 0
        while not done.is_set():
            step += 1
            t.insert([((number, step % 50, i), step) for i in range(3)])

    def save():
        while not done.is_set():
            t._place.save()

    def check():
        assert t.info()["detached"]
        lists = {}
        for (number, place, _), step in t.tolist():
            lists.setdefault((number, place), []).append(step)
        assert all(len(steps) == 3 and len(set(steps)) == 1 for steps in lists.values())
        t.insert((("child", 0, 0), 1))
        t.delete((0, 1, 0))
        with pytest.raises(partita.DurabilityError):
            t.flush()
        t._check()
        t.close()
        with pytest.raises(partita.FileLockedError):
            partita.open(path)
        with partita.open(f"{path}.{os.getpid()}") as own:
            own.insert((1,))

    def fork():
        try:
            return [fork_and_check(check) for _ in range(8)]
        finally:
            done.set()

    results, *_ = run_together(fork, lambda: write(0), lambda: write(1), save)
    assert results == [True] * 8
    rows = sorted(t)
    t.close()
    with partita.open(path, mode="r") as found:
        assert sorted(found) == rows


def test_several_threads_fork_at_once(t):
    def fork():
        return [fork_and_check(lambda: use_all(t)) for _ in range(10)]

    def write():
        for i in range(2000):
            t.insert([(i, "x"), (i + 1, "y")])

    *results, _ = run_together(fork, fork, fork, write)
    assert all(all(result) for result in results)


class Forking:
    """Forks in the middle of an insert, and while it is read."""

    def __reduce__(self):
        outcome.append(fork_and_check(lambda: use_all(tables[0])))
        return (fork_again, ())


tables = []
outcome = []


def fork_again():
    outcome.append(fork_and_check(lambda: use_all(tables[0])) if not outcome[1:] else True)
    return "forked"


def test_fork_in_a_callback(t):
    tables.append(t)
    t.insert([("forking", Forking())])
    tables[0] = partita.Table()  # the child uses all rows, and would fork for ever
    assert t.get("forking") == ("forking", "forked")
    assert t.foldl(lambda row, acc: acc + fork_and_check(lambda: None) if row[0] == 1 else acc, 0) == 1
    assert outcome == [True, True, *outcome[2:]]
    assert all(outcome)
    tables.clear()
    outcome.clear()
    t._check()


class ForkedWhileRead:
    """Forks while its row is read. The child goes on with the read."""

    def __reduce__(self):
        return (fork_once, ())


def fork_once():
    """In the child everything that is left of the table is overwritten before the read goes on."""
    if children:
        return "read again"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        children.append(os.fork())
    if children[0] == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(CHILD_SECONDS)
        tables[0].clear()
        tables[0].insert_many((i, "overwritten", -1.0) for i in range(3000))
    return "read"


children = []


@pytest.mark.parametrize("read", [lambda t: t.tolist(), lambda t: t.snapshot().tolist()], ids=["tolist", "snapshot"])
def test_a_scan_goes_on_in_the_child(t, read):
    tables.append(t)
    t.insert(("forking", ForkedWhileRead()))
    try:
        rows = {row[0]: row for row in read(t)}
        whole = len(rows) == 1001 and all(rows[i] == (i, f"row {i}", i / 2) for i in range(1000))
        again = len(t.tolist()) == (3000 if children[0] == 0 else 1001)
        t._check()
    except BaseException:
        if children[0] == 0:
            os._exit(1)
        raise
    if children[0] == 0:
        os._exit(0 if whole and again else 1)
    _, status = os.waitpid(children[0], 0)
    tables.clear()
    children.clear()
    assert whole
    assert again
    assert os.waitstatus_to_exitcode(status) == 0


def test_what_another_thread_read_is_not_kept_in_the_child():
    """Long values are not copied for lookups but pinned, by a thread that the child does not have."""
    t = partita.Table(partitions=1)
    t.insert([(i, bytes(100_000)) for i in range(20)])
    inside, go_on = threading.Event(), threading.Event()

    def update(row):
        inside.set()
        go_on.wait()
        return row

    thread = threading.Thread(target=t.update, args=(3, update))
    thread.start()
    inside.wait()
    child = os.fork()
    if child == 0:
        t.clear()
        os._exit(0 if t.info()["snapshot_memory"] == 0 else 1)
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
