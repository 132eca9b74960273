"""Buffers with a file: what a process has left in one, in whatever way it ended, the next one processes."""

import ast
import gc
import os
import subprocess
import sys
import textwrap
import warnings
from fractions import Fraction

import pytest

import partita
from helpers.buffers import Gate, check_balance, logged, mapped, queue  # noqa: F401


@pytest.fixture
def path(tmp_path):
    return tmp_path / "buffer.pt"


@pytest.fixture
def got():
    return []


HEAD = """
import os, sys, threading
import partita
path = sys.argv[1]
defaults = {"durable": path, "partitions": 3, "processing_interval": 3600}
def queue(processor=print, **options):
    return partita.QueueBuffer("test", processor, **(defaults | options))
def mapped(processor=print, **options):
    return partita.MapBuffer("test", processor, **(defaults | options))
def die():
    os.kill(os.getpid(), 9)
"""


def run(path, script, *, status=-9):
    done = subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(script), str(path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == status, done.stderr
    return done.stdout


def waiting(path, **options):
    """What is in a file."""
    with partita.open(path, mode="r", **options) as t:
        return [row[1:] for row in sorted(t.tolist(), key=lambda row: row[0])]


# --- What comes back.


def test_what_was_pushed_survives_a_kill(path, got):
    run(path, "q = queue(partitions=1); q.push('a'); q.push_many(['b', ('c', 1)]); die()")
    with queue(got.extend, durable=path) as q:
        q.flush()
        stats = check_balance(q.stats())
        assert (stats["restored"], stats["pushed"], stats["processed"]) == (3, 0, 3)
        assert got == ["a", "b", ("c", 1)]
        q.push("d")
    assert got == ["a", "b", ("c", 1), "d"]
    assert waiting(path) == []


def test_what_was_there_is_processed_at_once(path):
    """Nobody waits for an interval that began before."""
    run(path, "q = queue(); q.push(1); die()")
    gate = Gate()
    gate.opened.set()
    with queue(gate, durable=path, processing_interval=3600):
        assert gate.entered.acquire(timeout=60)
    assert gate.batches == [[1]]


def test_batches_that_were_processed_do_not_come_again(path):
    out = run(
        path,
        """
        def processor(batch):
            os.write(1, repr(batch).encode())
            if 5 in batch:
                die()
        q = queue(processor, partitions=1, processing_batch_size=2)
        q.push_many(range(1, 10))
        q.flush()
        """,
    )
    assert out == "[1, 2][3, 4][5, 6]"
    assert waiting(path) == [(i,) for i in range(5, 10)]


def test_a_stop_keeps_what_is_left(path, got):
    q = queue(lambda batch: 1 / 0, durable=path, max_retries=10**6, retry_delay=0.01)
    q.push_many(range(5))
    assert q.stop(timeout=0.05)["left"] == 5
    assert q.stats()["durable"]["state"] == "closed"
    with queue(got.extend, durable=path) as q:
        assert q.flush()["left"] == 0  # and as many processed as had not been before
        assert (q.stats()["restored"], q.stats()["processed"]) == (5, 5)
    assert got == list(range(5))
    with queue(got.extend, durable=path) as q:
        assert q.stats()["restored"] == 0


def test_an_item_in_doubt_stays(path, got):
    gate = Gate()
    q = queue(gate, durable=path)
    q.push(1)
    assert q.flush(timeout=0.01)["left"] == 1
    assert gate.entered.acquire(timeout=60)
    assert q.stop(timeout=0)["left"] == 1
    with queue(got.extend, durable=path):
        pass
    assert got == [1]
    gate.opened.set()


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "del q"])
def test_the_interpreters_exit(path, end):
    """Processes what is there, or leaves it in the file."""
    out = run(path, f"q = queue(partitions=1); q.push_many(range(3)); {end}", status=0)
    assert out == "[0, 1, 2]\n"
    assert waiting(path) == []
    hang = "threading.Event().wait()"
    run(path, f"q = queue(lambda batch: {hang}, stop_timeout=0.1); q.push_many(range(3)); {end}", status=0)
    assert sorted(waiting(path)) == [(0,), (1,), (2,)]


def test_a_buffer_that_nobody_holds(path, got):
    q = queue(got.extend, durable=path)
    q.push(1)
    del q
    gc.collect()
    while True:  # it is processed and closed in the background
        try:
            q = queue(got.extend, durable=path)
        except partita.FileLockedError:
            continue
        break
    q.stop()
    assert got == [1]


# --- Partitions.


@pytest.mark.parametrize("partitions", [1, 2, 7])
def test_another_number_of_partitions(path, partitions):
    """What has equal partition keys stays in order, also behind what was there before."""
    run(
        path,
        """
        q = queue()
        q.push_many(((i % 5, i) for i in range(100)), partition_key=lambda item: item[0])
        for i in range(100, 150):
            q.push((i % 5, i), partition_key=i % 5)
        q.push(("free", 1))
        die()
        """,
    )
    batches = []
    with queue(batches.append, durable=path, partitions=partitions, processing_batch_size=1000) as q:
        q.push_many(((i % 5, i) for i in range(150, 200)), partition_key=lambda item: item[0])
    items = [item for batch in batches for item in batch]
    for key in range(5):
        assert [i for k, i in items if k == key] == list(range(key, 200, 5))
    assert ("free", 1) in items


def test_the_order_of_one_partition(path, got):
    run(path, "q = queue(partitions=1); q.push_many(range(1000)); die()")
    run(path, "q = queue(lambda batch: die(), partitions=1, processing_batch_size=7); q.flush()")
    with queue(got.extend, durable=path):
        pass
    assert got == list(range(1000))


# --- Maps.


def test_a_map(path, got):
    run(
        path,
        """
        m = mapped()
        m.put("a", 1); m.put("a", 2)
        m.put_newer("b", "x", 5); m.put_newer("b", "y", 7); m.put_newer("b", "old", 6)
        m.put_newer("c", "big", 1 << 100)
        m.put("d", 1); m.delete("d")
        m.put_all({"e": [1], -0.0: "zero"}); m.put(0.0, "zero again")
        die()
        """,
    )
    with mapped(got.extend, durable=path, partitions=2) as m:
        m.flush()
        stats = check_balance(m.stats())
        assert (stats["restored"], stats["replaced"], stats["processed"]) == (5, 0, 5)
    assert sorted(got, key=str) == sorted(
        [("a", 2, 0, 0), ("b", "y", 7, 1), ("c", "big", 1 << 100, 0), ("e", [1], 0, 0), (0.0, "zero again", 0, 0)],
        key=str,
    )


def test_a_value_that_was_replaced_does_not_come_back(path, got):
    """Neither by a newer one in the write table nor by one behind a batch under way."""
    run(
        path,
        """
        entered = threading.Event()
        def processor(batch):
            entered.set()
            threading.Event().wait()
        m = mapped(processor, partitions=1)
        m.put("a", 1); m.put("a", 2); m.put("k", "stays")
        m._processing.scheduler.call_soon(m._processing.freeze_all)
        entered.wait()
        m.put("a", 3); m.put("a", 4)
        die()
        """,
    )
    with mapped(got.extend, durable=path):
        pass
    assert [row for row in got if row[0] == "a"] == [("a", 2, 0, 0), ("a", 4, 0, 0)]
    assert ("k", "stays", 0, 0) in got


def test_tables_of_a_map(path):
    """Also where a part of one fails, and stays."""
    tables = []

    def processor(table):
        if table.member(13):
            raise ValueError("13")
        tables.append(table)

    with mapped(processor, durable=path, processing_batch_size="table", max_retries=0) as m:
        m.put_all((i, -i) for i in range(40))
        assert m.flush()["failed"] == 1
        assert m.failed == [(13, -13, 0, 0)]
    assert sorted(row[0] for table in tables for row in table) == [i for i in range(40) if i != 13]
    assert waiting(path) == [(13, -13, 0, 0)]


def test_tables_of_a_queue(path):
    tables = []
    run(path, "q = queue(); q.push_many('abc', partition_key=0); die()")
    with queue(tables.append, durable=path, processing_batch_size="table"):
        pass
    assert [sorted(table) for table in tables] == [[(0, "a"), (1, "b"), (2, "c")]]
    assert waiting(path) == []


# --- What fails.


def test_dead_letters_leave_the_file(path, got):
    dead = []

    def picky(batch):
        if 3 in batch:
            raise ValueError(3)
        got.extend(batch)

    with queue(picky, durable=path, max_retries=0, dead_letter=dead.append) as q:
        q.push_many(range(6))
    assert (sorted(got), dead) == ([0, 1, 2, 4, 5], [3])
    assert waiting(path) == []


def test_what_is_kept_as_failed_comes_again(path, got):
    """Until there is somewhere to put it."""

    def picky(batch):
        if any(item % 3 == 0 for item in batch):
            raise ValueError("three")
        got.extend(batch)

    with queue(picky, durable=path, max_retries=0) as q:
        q.push_many(range(6))
        assert q.flush()["failed"] == 2
        assert q.failed == [0, 3]
    assert waiting(path) == [(0,), (3,)]
    dead = []
    with queue(picky, durable=path, max_retries=0, dead_letter=dead.append) as q:
        q.flush()
        assert check_balance(q.stats())["dead"] == 2
    assert dead == [0, 3]
    assert waiting(path) == []
    assert sorted(got) == [1, 2, 4, 5]


def test_dropped_items_leave_the_file(path):
    gate = Gate()
    q = queue(gate, durable=path, max_items=3, overflow="drop_oldest")
    q.push_many(range(10))
    assert q.stats()["dropped"] == 7
    assert waiting(path) == [(7,), (8,), (9,)]
    gate.opened.set()
    q.stop()


def test_what_comes_back_may_be_more_than_the_limits(path, got):
    run(path, "q = queue(); q.push_many(range(10)); die()")
    with queue(got.extend, durable=path, max_items=3, overflow="block") as q:
        q.push(10)  # waits for room
    assert sorted(got) == list(range(11))


# --- The file.


def test_one_at_a_time(path):
    with queue(print, durable=path) as q:
        with pytest.raises(partita.FileLockedError):
            queue(print, durable=path)
        with pytest.raises(partita.FileLockedError):
            partita.open(path)
        q.push(1)
        assert waiting(path) == [(1,)]
        script = """
            try:
                queue()
            except partita.FileLockedError as error:
                print(error.path == path)
        """
        assert run(path, script, status=0) == "True\n"


def test_another_kind_of_file(path):
    with queue(print, durable=path):
        pass
    with pytest.raises(partita.OptionsMismatchError, match="fields"):
        mapped(print, durable=path)
    other = path.with_name("table.pt")
    with partita.open(other, type="bag") as t:
        t.insert((1, 2))
    with pytest.raises(partita.OptionsMismatchError):
        queue(print, durable=other)
    with partita.open(other) as t:  # which is as it was
        assert t.tolist() == [(1, 2)]


def test_rows_that_are_no_items(path):
    with queue(print, durable=path):
        pass
    with partita.open(path) as t:
        t.insert(("no number", 1))
    with pytest.raises(partita.CorruptFileError, match="number"):
        queue(print, durable=path)
    with partita.open(path) as t:
        assert len(t) == 1


def test_options(path):
    for options, error in (
        ({"sync_every": 0}, ValueError),
        ({"sync_every": "often"}, TypeError),
        ({"durable": 7}, TypeError),
        ({"durable": ""}, ValueError),
        ({"durable": path / "no" / "folder"}, OSError),
    ):
        with pytest.raises(error):
            queue(print, **({"durable": path} | options))
    with queue(print, durable=os.fsencode(path), sync_every=0.01) as q:
        with pytest.raises(TypeError, match="durable"):
            q.update_options(durable=None)
        assert q.stats()["durable"]["path"] == str(path)
    with queue(print) as q:
        assert q.stats()["durable"] is None


def test_pickled_items(path, got):
    run(path, "import fractions; q = queue(); q.push(fractions.Fraction(1, 3)); die()")
    with pytest.raises(partita.PickleRefusedError):
        queue(got.extend, durable=path)
    with queue(got.extend, durable=path, allow_pickle=True):
        pass
    assert got == [Fraction(1, 3)]


def test_damage(path, got):
    """What was synced and is not there any more is told; repair takes what is sound."""
    run(path, "q = queue(sync_every=0.001); q.push_many('x' * i for i in range(1, 50)); die()")
    [log] = [name for name in path.parent.iterdir() if ".wal." in name.name]
    with queue(got.extend, durable=path):
        pass
    assert len(got) == 49
    got.clear()
    run(path, "q = queue(); q.push('a'); q.push('b'); q.push('c'); die()")
    [log] = [name for name in path.parent.iterdir() if ".wal." in name.name]
    content = bytearray(log.read_bytes())
    content[56 + 20] ^= 1
    log.write_bytes(content)
    with queue(got.extend, durable=path) as q:  # nothing says that it was synced: a torn end
        q.flush()
        [note] = q.stats()["durable"]["recovery"]["notes"]
        assert not note["damage"]
    assert got == []
    run(path, "q = queue(); q.push('a'); q.push('b'); q._processing.log._place.flush(); q.push('c'); die()")
    [log] = [name for name in path.parent.iterdir() if ".wal." in name.name]
    content = bytearray(log.read_bytes())
    content[56 + 20] ^= 1
    log.write_bytes(content)
    with pytest.raises(partita.CorruptFileError) as caught:
        queue(got.extend, durable=path)
    assert (caught.value.path, caught.value.offset) == (str(log), 56)
    with pytest.warns(UserWarning, match="damaged") as warned:
        q = queue(got.extend, durable=path, repair=True)
    assert warned[0].filename.endswith("buffers.py") or warned[0].filename == __file__
    q.stop()
    assert got == ["b", "c"]
    with warnings.catch_warnings(), queue(got.extend, durable=path):
        warnings.simplefilter("error")


def test_the_log_is_kept_short(path):
    with queue(lambda batch: None, durable=path, processing_batch_size=1000, sync_every=0.001) as q:
        for _ in range(40):
            q.push_many("x" * 1000 for _ in range(1000))
            q.flush()
        while q.stats()["durable"]["log_bytes"] > 12 << 20:
            pass
    assert path.stat().st_size < 10_000
    assert sorted(name.name for name in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


def test_a_file_that_cannot_be_written(path, got):
    """The call is told, later ones change nothing, until a new file is begun; and nothing is lost."""
    out = run(
        path,
        """
        import errno, resource
        def limit(size):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        entered, leave = threading.Event(), threading.Event()
        def processor(batch):
            entered.set()
            leave.wait()
        q = queue(processor, partitions=1, processing_batch_size=1)
        q.push("before")
        q._processing.scheduler.call_soon(q._processing.freeze_all)
        entered.wait()
        limit(10)
        told = []
        for number in range(10):
            try:
                q.push(number)
            except partita.DurabilityError as error:
                told.append(error)
        assert len(told) == 10, told
        assert all(error.errno == errno.EIO and error.path == path for error in told)
        assert "may not be in the buffer's file" in str(told[0]), told[0]
        assert all("nothing was changed" in str(error) for error in told[1:]), told
        stats = q.stats()
        assert (stats["pushed"], stats["buffered"], stats["in_flight"]) == (2, 1, 1), stats
        assert stats["durable"]["state"] == "degraded" and stats["durable"]["last_error"], stats
        leave.set()
        q.flush()  # what was processed cannot leave the file now
        limit(resource.RLIM_INFINITY)
        while q.stats()["durable"]["state"] == "degraded":
            pass
        q.push("after")
        q.flush()
        q.push("last")
        die()
        """,
    )
    assert out == ""
    assert waiting(path) == [("last",)]


def test_a_map_that_cannot_be_written(path):
    run(
        path,
        """
        import resource
        m = mapped(partitions=1)
        m.put("a", 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        newer = lambda: m.put_newer("c", 1, 1)
        for call in (lambda: m.put("a", 2), lambda: m.put("b", 1), newer, lambda: m.delete("a")):
            try:
                call()
            except partita.DurabilityError:
                continue
            raise AssertionError(call)
        assert (m.get("a"), m.get("b"), m.size()) == (2, None, 1)
        die()
        """,
    )
    assert waiting(path) in ([("a", 1, 0, 0)], [("a", 2, 0, 0)])


def test_a_stop_that_cannot_write(path, logged):  # noqa: F811
    """It ends all the same, and what is in the log is there."""
    q = queue(lambda batch: 1 / 0, durable=path, max_retries=10**6, retry_delay=0.01)
    q.push(1)
    moved = path.parent.with_name("moved")
    os.rename(path.parent, moved)
    assert q.stop(timeout=0)["left"] == 1
    assert any("could not be written anew" in line for line in logged), logged
    os.rename(moved, path.parent)
    assert waiting(path) == [(1,)]


# --- Other processes.


def test_a_fork(path):
    """The child has an empty buffer in memory alone; the file stays the parent's."""
    out = run(
        path,
        """
        q = queue(lambda batch: os.write(1, repr((os.getpid() == parent, sorted(batch))).encode()), partitions=1)
        parent = os.getpid()
        q.push_many([1, 2])
        child = os.fork()
        if child == 0:
            assert (q.size(), q.stats()["durable"]) == (0, None)
            q.push(3)
            q.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        q.push(4)
        q.stop()
        """,
        status=0,
    )
    assert out == "(False, [3])(True, [1, 2, 4])"
    assert waiting(path) == []


def test_a_fork_while_others_push(path):
    run(
        path,
        """
        q = queue(lambda batch: None, processing_interval=0.001)
        def push():
            for i in range(20000):
                q.push(i)
        threads = [threading.Thread(target=push) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                q.push("child")
                q.flush()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        for thread in threads:
            thread.join()
        stats = q.stats()
        assert stats["pushed"] == 40000, stats
        q.stop()
        """,
        status=0,
    )
    assert waiting(path) == []


def test_threads(path, got):
    """Each push is in the file when it returns, whoever writes it."""
    out = run(
        path,
        """
        q = queue(lambda batch: None)
        done = []
        lock = threading.Lock()
        def push(thread):
            for i in range(1000):
                q.push((thread, i), partition_key=thread)
                with lock:
                    done.append((thread, i))
                    if len(done) > 2500:
                        os.write(1, repr(done).encode())
                        die()
        threads = [threading.Thread(target=push, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """,
    )
    with queue(got.extend, durable=path):
        pass
    for thread in range(4):
        mine = [i for t, i in got if t == thread]
        assert mine == list(range(len(mine)))
    done = ast.literal_eval(out)
    assert len(done) > 2500
    assert set(done) <= set(got)
