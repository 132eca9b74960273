"""open(): tables that live in files, with every option and error; their ends; two processes; forks."""

import contextlib
import errno
import gc
import inspect
import os
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from pathlib import Path

import pytest

import partita
from partita import files, keeper, progress

TYPES = ("set", "ordered_set", "bag", "duplicate_bag")
DURABILITIES = ("snapshot", "interval", "always")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.pt"


@pytest.fixture(autouse=True)
def nothing_stays_open():
    yield
    gc.collect()
    assert not keeper._places


def python(code, *arguments, check=True):
    """Runs a program of its own and gives what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done.stdout + ("" if check else done.stderr)


def stored(path, **options):
    with partita.open(path, mode="r", **options) as t:
        return t.tolist() if t.type == "ordered_set" else sorted(t.tolist(), key=repr)


def leave_as_killed(path, code, *arguments):
    """A program that is killed while it has `t` open at the path."""
    program = f"""
        import os, sys, partita
        t = partita.open({str(path)!r}, durability=sys.argv[1])
        {code}
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == -9, done.stderr


# --- What comes back.


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize("kind", TYPES)
def test_all_that_was_done_comes_back(path, kind, durability):
    with partita.open(path, type=kind, fields=("key", "value"), partitions=3, durability=durability) as t:
        assert isinstance(t, partita.Table)
        assert len(t) == 0
        t.insert([(i, f"value {i}") for i in range(100)])
        t.insert_many((i, i / 2) for i in range(50, 200))
        t.delete(7)
        t.delete_many([8, 9])
        t.take(10)
        t.delete_object((11, "value 11"))
        t.insert_new((1000, [1, (2, {"a": None})]))
        if "bag" not in kind:
            t.insert(("n", 1))
            t.update_counter("n", 41)
            t.update_element(12, ("value", "changed"))
            t.compare_and_swap((13, "value 13"), (13, "swapped"))
            t.update(14, lambda row: (row[0], row[1] + "!"))
            t.select_replace([((partita.V[0], "value 20"), [], [((partita.V[0], "replaced"),)])])
        t.select_delete([((partita.V[0], partita.ANY), [("==", partita.V[0], 15)], [True])])
        t.match_delete((16, partita.ANY))
        rows = t.tolist()
        lookups = {key: t.lookup(key) for key in (1, 60, 150)}
    with pytest.raises(partita.TableDroppedError, match="closed or dropped: open its file again"):
        len(t)
    with partita.open(path, partitions=2, durability=durability) as u:
        assert (u.type, u.keypos, u.fields, u.info()["partitions"]) == (kind, 0, ("key", "value"), 2)
        assert sorted(u.tolist(), key=repr) == sorted(rows, key=repr)
        assert {key: u.lookup(key) for key in lookups} == lookups
        u._check()
        u.clear()
        u.insert((1, 2))
    assert stored(path) == [(1, 2)]
    assert sorted(os.listdir(path.parent)) == ["table.pt", "table.pt.lock"]


@pytest.mark.parametrize("durability", ["interval", "always"])
@pytest.mark.parametrize("kind", TYPES)
def test_a_log_is_done_again(path, kind, durability):
    with partita.open(path, type=kind):
        pass
    leave_as_killed(
        path,
        """
        t.insert([(i, i) for i in range(100)])
        t.delete(5)
        t.insert((6, "again"))
        t.flush()
        """,
        durability,
    )
    rows = [(i, i) for i in range(100) if i != 5 and (i != 6 or "bag" in kind)] + [(6, "again")]
    assert stored(path) == sorted(rows, key=(lambda row: row[0]) if kind == "ordered_set" else repr)
    with partita.open(path) as t:
        assert t.info()["recovery"]["records"] == 3
        assert t.lookup(6) == ([(6, 6), (6, "again")] if "bag" in kind else [(6, "again")])


def test_always_is_on_the_disk_when_a_call_returns(path):
    leave_as_killed(path, "for i in range(20): t.insert((i,))", "always")
    assert stored(path) == sorted([(i,) for i in range(20)], key=repr)


def test_snapshot_keeps_what_was_saved(path):
    leave_as_killed(path, "t.insert((1,)); t.flush(); t.insert((2,))", "snapshot")
    assert stored(path) == [(1,)]


def test_flush_without_end(path):
    with partita.open(path, sync_every=3600.0) as t:
        t.insert((1,))
        t.flush()
        assert t.info()["unwritten_bytes"] == 0
        assert stored(path) == [(1,)]  # while it is open


# --- Options.


def test_the_signature():
    assert list(inspect.signature(partita.open).parameters) == [
        *("path", "name", "type", "keypos", "partitions", "fields", "owner", "heir", "if_exists", "durability"),
        *("sync_every", "persist_every", "mode", "repair", "allow_pickle", "progress"),
    ]
    assert "open" not in partita.__all__  # so that `import *` leaves Python's own
    with pytest.raises(TypeError, match=r"partita\.open"):
        partita.DurableTable(name="x")


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"type": "heap"}, ValueError, "type is 'heap'"),
        ({"keypos": -1}, ValueError, "keypos"),
        ({"keypos": "id"}, ValueError, "no fields"),
        ({"partitions": 0}, ValueError, "partitions"),
        ({"fields": ("a", "a")}, ValueError, "named twice"),
        ({"name": 1}, TypeError, "name of a table"),
        ({"heir": print}, ValueError, "owner"),
        ({"heir": 1, "owner": object}, TypeError, "callable"),
        ({"owner": 1}, TypeError, "weakly"),
        ({"if_exists": "maybe"}, ValueError, "if_exists is 'maybe'"),
        ({"durability": "perhaps"}, ValueError, "durability is 'perhaps'"),
        ({"sync_every": 0}, ValueError, "sync_every"),
        ({"sync_every": "1"}, TypeError, "sync_every"),
        ({"sync_every": True}, TypeError, "sync_every"),
        ({"persist_every": -1}, ValueError, "persist_every"),
        ({"persist_every": float("nan")}, ValueError, "persist_every"),
        ({"mode": "w"}, ValueError, "mode is 'w'"),
        ({"mode": "r", "repair": True}, ValueError, "repair"),
    ],
)
def test_wrong_options(path, options, error, match):
    with pytest.raises(error, match=match):
        partita.open(path, **options)
    with partita.open(path) as t:  # nothing stayed locked
        assert len(t) == 0


def test_paths(path, tmp_path, monkeypatch):
    for wrong in (None, 1, 2.5):
        with pytest.raises(TypeError, match="path is a str"):
            partita.open(wrong)
    with pytest.raises(ValueError, match="names no file"):
        partita.open("")
    with pytest.raises(FileNotFoundError):
        partita.open(tmp_path / "no" / "table.pt")
    with pytest.raises(FileNotFoundError):
        partita.open(path, mode="r")
    assert os.listdir(tmp_path) == []
    monkeypatch.chdir(tmp_path)
    with partita.open("table.pt") as t:
        t.insert((1,))
        assert t.info()["path"] == os.path.realpath(path)
    link = tmp_path / "link.pt"
    link.symlink_to(path)
    with partita.open(os.fsencode(link)) as t:
        t.insert((2,))
        with pytest.raises(partita.FileLockedError):
            partita.open(path)
    assert link.is_symlink()
    assert stored(path) == [(1,), (2,)]


def test_options_that_differ(path):
    with partita.open(path, type="ordered_set", keypos=1, fields=("a", "b")) as t:
        t.insert((1, 2))
    for options in ({"type": "set"}, {"keypos": 0}, {"fields": ("a", "c")}, {"keypos": "a"}):
        with pytest.raises(partita.OptionsMismatchError, match=r"table\.pt: the table in this file has") as caught:
            partita.open(path, **options)
        assert isinstance(caught.value, ValueError)
        assert caught.value.path == str(path)
        with pytest.raises(partita.OptionsMismatchError):
            partita.open(path, mode="r", **options)
    with partita.open(path, type="ordered_set", keypos="b", fields=iter(("a", "b"))) as t:
        assert t.tolist() == [(1, 2)]
    with partita.open(path) as t:
        assert (t.type, t.keypos, t.fields) == ("ordered_set", 1, ("a", "b"))


def test_names(path, tmp_path):
    with partita.open(path, name="durable") as t:
        assert partita.table("durable") is t
        with pytest.raises(partita.TableExistsError):
            partita.open(tmp_path / "other.pt", name="durable")
        assert partita.open(path, name="durable", if_exists="get") is t
        t.insert((1,))
        u = partita.open(path, name="durable", if_exists="replace")
        assert u.tolist() == [(1,)]
        with pytest.raises(partita.TableDroppedError):
            len(t)
        u.rename("other")
        u.close()
    with pytest.raises(KeyError):
        partita.table("other")
    assert not (tmp_path / "other.pt.lock").exists()


def test_pickled_objects(path):
    with partita.open(path, durability="interval") as t:
        t.insert((1, Path("x")))
    with pytest.raises(partita.PickleRefusedError):
        partita.open(path)
    with pytest.raises(partita.PickleRefusedError):
        partita.open(path, mode="r")
    with partita.open(path, allow_pickle=True) as t:
        assert t.get(1) == (1, Path("x"))


def test_pickled_objects_in_a_log(path):
    leave_as_killed(path, "import fractions; t.insert((1, fractions.Fraction(1, 3)))", "always")
    with pytest.raises(partita.PickleRefusedError):
        partita.open(path)
    with partita.open(path, allow_pickle=True) as t:
        assert float(t.get(1)[1]) == 1 / 3


def test_progress(path, monkeypatch):
    """As a bar by tqdm sees it."""
    bars = []

    class FakeBar:
        def __init__(self, total, unit, unit_scale):
            self.total, self.unit, self.n = total, unit, 0
            bars.append(self)

        def update(self, more):
            self.n += more

        def close(self):
            self.closed = True

    monkeypatch.setattr(progress, "import_tqdm", lambda: FakeBar)
    with partita.open(path, progress=True) as t:
        t.insert_many((i,) for i in range(1000))
    with partita.open(path, progress=True) as t:
        assert len(t) == 1000
    assert [(bar.n, bar.unit, bar.closed) for bar in bars] == [(bars[0].total, "B", True)]


# --- Reading alone.


def test_mode_r(path):
    with partita.open(path, name="written", fields=("a",)) as t:
        t.insert([(1,), (2,)])
        t.flush()
        r = partita.open(path, mode="r", name="read")
        t.insert((3,))
        assert sorted(r) == [(1,), (2,)]
        assert r.fields == ("a",)
        assert partita.table("read") is r
        with pytest.raises(partita.ReadOnlyError):
            r.insert((4,))
        with pytest.raises(partita.ReadOnlyError):
            r.drop()
        r.flush()
        info = r.info()
        assert (info["state"], info["durability"], info["readonly"], info["path"]) == (
            *("read-only", None, True),
            str(path),
        )
        r.close()
        r.close()
        with pytest.raises(partita.TableDroppedError):
            r.get(1)
        with pytest.raises(KeyError):
            partita.table("read")
    assert stored(path) == [(1,), (2,), (3,)]


def test_mode_r_changes_nothing(path):
    leave_as_killed(path, "t.insert((1,)); t.flush()", "interval")
    before = {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)}
    os.chmod(path.parent, 0o500)
    try:
        assert stored(path) == [(1,)]
    finally:
        os.chmod(path.parent, 0o700)
    assert before == {name: (path.parent / name).read_bytes() for name in os.listdir(path.parent)}


def test_the_owner_of_a_table_that_is_read(path):
    with partita.open(path):
        pass
    owner = threading.Event()
    r = partita.open(path, mode="r", owner=owner)
    assert r.info()["owner"] is owner
    del owner
    with pytest.raises(partita.TableDroppedError):
        len(r)


# --- Ends.


def test_close_and_drop(path):
    t = partita.open(path)
    t.insert((1,))
    t.close()
    t.close()
    with pytest.raises(partita.TableDroppedError):
        t.insert((2,))
    with pytest.raises(partita.TableDroppedError):
        t.flush()
    with pytest.raises(partita.TableDroppedError), t:
        pass
    t = partita.open(path)
    t.insert((2,))
    t.drop()
    t.close()
    with pytest.raises(partita.TableDroppedError):
        t.drop()
    assert stored(path) == [(1,), (2,)]  # from the log
    t = partita.open(path, durability="snapshot")
    t.insert((3,))
    t.drop()
    assert stored(path) == [(1,), (2,)]  # as last saved
    t = partita.open(path)
    t.drop(delete_file=True)
    assert os.listdir(path.parent) == ["table.pt.lock"]
    with partita.open(path) as t:
        assert len(t) == 0


def test_an_error_in_a_with_block_closes(path):
    with pytest.raises(ZeroDivisionError), partita.open(path, durability="snapshot") as t:  # noqa: PT012
        t.insert((1,))
        raise ZeroDivisionError
    assert stored(path) == [(1,)]


@pytest.mark.parametrize("durability", DURABILITIES)
def test_the_last_reference(path, durability):
    t = partita.open(path, durability=durability)
    t.insert((1,))
    view = t.readonly()
    del t
    assert len(view) == 1
    with pytest.raises(partita.FileLockedError):
        partita.open(path)
    del view
    assert stored(path) == [(1,)]
    with partita.open(path) as t:
        assert t.tolist() == [(1,)]


@pytest.mark.parametrize("durability", DURABILITIES)
def test_the_owners_end(path, durability):
    owner = threading.Event()
    t = partita.open(path, durability=durability, owner=owner)
    t.insert((1,))
    del owner
    with pytest.raises(partita.TableDroppedError):
        len(t)
    assert stored(path) == [(1,)]
    heirs = []
    owner = threading.Event()
    t = partita.open(path, durability=durability, owner=owner, heir=heirs.append)
    del owner
    assert heirs == [t]
    t.give_away(heirs_owner := threading.Event())
    t.insert((2,))
    assert t.info()["owner"] is heirs_owner
    t.close()
    assert stored(path) == [(1,), (2,)]
    heirs.clear()


@pytest.mark.parametrize("durability", DURABILITIES)
@pytest.mark.parametrize(
    "end",
    ["", "sys.exit(3)", "raise RuntimeError", "threading.Thread(target=t.insert, args=((2,),)).start()", "del t"],
)
def test_the_interpreters_exit(path, durability, end):
    program = f"""
        import sys, threading, partita
        t = partita.open({str(path)!r}, durability={durability!r})
        t.insert((1,))
        {end}
    """
    python(program, check=False)
    assert stored(path)[:1] == [(1,)]


def test_a_save_that_fails_at_exit_is_told(path):
    program = f"""
        import os, partita
        t = partita.open({str(path)!r}, durability="snapshot")
        t.insert((1,))
        os.rename({str(path.parent)!r}, {str(path.parent) + "-moved"!r})
    """
    told = python(program, check=False)
    os.rename(f"{path.parent}-moved", path.parent)
    assert "could not be saved at exit" in told
    assert str(path) in told


def test_persist_every(path):
    with partita.open(path, durability="snapshot", persist_every=0.05) as t:
        t.insert((1,))
        deadline = time.monotonic() + 60
        while stored(path) != [(1,)]:
            assert time.monotonic() < deadline
        assert [thread.name for thread in threading.enumerate()].count("partita-save") == 1
    with partita.open(path, durability="snapshot", persist_every=None):
        pass


def test_flush_begins_the_interval_anew(path):
    with partita.open(path, durability="snapshot", persist_every=1000.0) as t:
        due = t._place.next_save
        t.flush()
        assert due < t._place.next_save <= time.monotonic() + 1000


def test_a_save_that_fails_leaves_the_table_open(path):
    t = partita.open(path, durability="snapshot")
    t.insert((1,))
    moved = path.parent.with_name("moved")
    os.rename(path.parent, moved)
    with pytest.raises(OSError, match="table") as caught:
        t.close()
    assert caught.value.errno == errno.ENOENT
    with pytest.raises(partita.DurabilityError) as caught:
        t.flush()
    assert (caught.value.errno, caught.value.path) == (errno.ENOENT, str(path))
    t.insert((2,))
    assert t.info()["last_error"]
    os.rename(moved, path.parent)
    t.close()
    assert stored(path) == [(1,), (2,)]


def test_what_is_not_closed_is_not_refused_by_others(path):
    """Writers that come while the table is closed either are in the file or are told."""
    t = partita.open(path, durability="snapshot")
    done = []

    def write():
        with contextlib.suppress(partita.TableDroppedError):
            for i in range(10**9):
                t.insert((i,))
                done.append(i)

    threads = [threading.Thread(target=write)]
    threads[0].start()
    while len(done) < 1000:
        pass
    t.close()
    threads[0].join()
    assert sorted(row[0] for row in stored(path)) == done


# --- What info() tells.


@pytest.mark.parametrize("durability", DURABILITIES)
def test_info(path, durability):
    with partita.open(path, durability=durability) as t:
        info = t.info()
        assert (info["path"], info["durability"], info["state"]) == (str(path), durability, "open")
        assert (info["detached"], info["degraded"], info["last_error"], info["saving"]) == (False, False, "", False)
        assert info["last_save"] == pytest.approx(os.stat(path).st_mtime)
        saves = info["saves"]
        log_bytes = info["log_bytes"]
        t.insert((1,))
        assert (t.info()["log_bytes"] > log_bytes) == (durability != "snapshot")
        t.flush()
        assert t.info()["saves"] == saves + (durability == "snapshot")
        assert repr(t) == "<partita.DurableTable, set, 1 rows>"


# --- Other files, other processes.


def test_a_second_writer(path):
    program = f"""
        import partita
        try:
            partita.open({str(path)!r})
        except partita.FileLockedError as error:
            print(error.path, error.errno, isinstance(error, OSError))
        print(sorted(partita.open({str(path)!r}, mode="r")))
    """
    with partita.open(path) as t:
        t.insert((1,))
        t.flush()
        with pytest.raises(partita.FileLockedError) as caught:
            partita.open(path)
        assert caught.value.path == str(path)
        with pytest.raises(partita.FileLockedError):
            partita.save(t, path)
        with pytest.raises(partita.FileLockedError):
            partita.Table().save(path)
        with pytest.raises(partita.FileLockedError):
            partita.erlang.tab2file(partita.Table(), path)
        assert python(program) == f"{path} {errno.EWOULDBLOCK} True\n[(1,)]\n"
        t.save(path.with_name("backup.pt"))
    with partita.open(path.with_name("backup.pt")) as t:  # what save() wrote can be opened
        assert t.tolist() == [(1,)]
    assert partita.load(path).tolist() == [(1,)]  # and what was closed be loaded


def test_load_reads_what_was_saved(path):
    leave_as_killed(path, "t.insert((1,))", "always")
    assert partita.load(path).tolist() == []
    assert stored(path) == [(1,)]


def test_a_file_that_save_wrote_replaces_an_older_table(path):
    leave_as_killed(path, "t.insert((1, 'old')); t.flush()", "always")
    t = partita.Table(type="ordered_set")
    t.insert((2, "new"))
    t.save(path)
    with partita.open(path) as u:
        assert u.tolist() == [(2, "new")]


class Meanwhile(progress.Bar):
    """Calls `do` between the steps of a save, where the bar of its progress is shown."""

    def show(self, done):
        type(self).do()


def test_open_while_a_save_is_under_way(path, monkeypatch):
    """The file is about to be replaced, so nobody may begin to write to it; another save may."""
    monkeypatch.setattr(files, "Bar", Meanwhile)
    with partita.open(path):
        pass  # from now on there is a lock
    told = []

    def do():
        with pytest.raises(partita.FileLockedError):
            partita.open(path)
        assert stored(path) == []
        with monkeypatch.context() as inner:
            inner.setattr(files, "Bar", progress.Bar)
            told.append(partita.Table().save(path))

    Meanwhile.do = do
    t = partita.Table()
    t.insert((1,))
    t.save(path)
    assert set(told) == {0}
    with partita.open(path) as t:
        assert t.tolist() == [(1,)]


def test_a_table_that_is_opened_while_a_save_is_under_way(path, monkeypatch):
    """Where no lock was: the save gives up, and the table stays what it is."""
    monkeypatch.setattr(files, "Bar", Meanwhile)
    opened = []

    def do():
        if not opened:
            opened.append(partita.open(path, durability="always"))
            opened[0].insert((2,))

    Meanwhile.do = do
    t = partita.Table()
    t.insert((1,))
    with pytest.raises(partita.FileLockedError):
        t.save(path)
    opened.pop().close()
    assert stored(path) == [(2,)]
    assert sorted(os.listdir(path.parent)) == ["table.pt", "table.pt.lock"]


def test_what_is_no_file_is_refused_at_once(path):
    os.mkfifo(path)
    for call in (partita.load, partita.open, lambda p: partita.open(p, mode="r"), lambda p: partita.Table().save(p)):
        with pytest.raises(OSError, match="Invalid argument"):
            call(path)


def test_what_saves_have_left_is_in_nobodys_way(path):
    partita.Table().save(path)
    own, other = path.with_name("table.pt.tmp.mine"), path.with_name("table.pt.tmp.1.x")
    left = [path.with_name(f"table.pt.tmp.{os.getpid()}.{number}") for number in range(10_000)]
    for file in (own, other, *left):
        file.touch()
    t = partita.Table()
    t.insert((1,))
    t.save(path)
    with partita.open(path) as opened:
        assert opened.tolist() == [(1,)]
    assert own.exists()
    assert other.exists()
    assert not any(file.exists() for file in left)


def test_a_reader_notices_that_another_table_has_taken_the_place(path):
    wide = partita.Table(keypos=5)
    wide.insert(tuple(range(6)))
    wide.save(path)
    file = partita._core.DurableFile(os.fsencode(path), "interval", 1.0, True, False, False, 2)
    assert file.open()
    t = partita.Table(keypos=file.keypos)
    partita.Table().save(path)
    with pytest.raises(OSError, match="another kind"):
        any(iter(lambda: file.load_step(t), True))
    file.leave(False)


def test_two_processes(path):
    program = """
        import sys, partita
        t = partita.open(sys.argv[1], durability="always")
        t.insert((int(sys.argv[2]),))
        print("open", flush=True)
        sys.stdin.read()
        t.insert((int(sys.argv[2]) + 1,))
        t.close()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(path), "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(partita.FileLockedError):
            partita.open(path)
        assert stored(path) == [(1,)]
        other.communicate("")
        assert other.returncode == 0
    with partita.open(path) as t:
        assert sorted(t) == [(1,), (2,)]
    leave_as_killed(path, "t.insert((3,))", "always")
    with partita.open(path) as t:  # locks go with their process
        assert sorted(t) == [(1,), (2,), (3,)]


@pytest.mark.parametrize("durability", DURABILITIES)
def test_fork(path, durability):
    program = f"""
        import os, sys, partita
        t = partita.open({str(path)!r}, durability={durability!r}, persist_every=0.01)
        t.insert((1,))
        pid = os.fork()
        if pid == 0:
            info = t.info()
            t.insert((2,))
            told = []
            for call in (t.flush, lambda: t.drop(delete_file=True)):
                try:
                    call()
                except partita.DurabilityError as error:
                    told.append("inherited" in str(error))
            rows = sorted(t)
            with partita.open({str(path) + ".child"!r}) as own:
                own.insert((5,))
            t.close()
            print(info["detached"], info["state"], told, rows, flush=True)
            sys.exit()
        assert os.waitpid(pid, 0)[1] == 0
        t.insert((3,))
        t.flush()
        print(t.info()["detached"], sorted(t), flush=True)
        t.close()
    """
    assert python(program) == "True detached [True, True] [(1,), (2,)]\nFalse [(1,), (3,)]\n"
    assert stored(path) == [(1,), (3,)]
    assert stored(f"{path}.child") == [(5,)]


# --- A disk that is full.


@pytest.mark.parametrize("durability", ["interval", "always"])
def test_a_log_that_cannot_be_written(path, durability):
    program = f"""
        import errno, os, resource, partita

        def limit(size):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        t = partita.open({str(path)!r}, durability={durability!r}, sync_every=0.001)
        t.insert(("before", 1))
        t.flush()
        limit(10)
        told = []
        for number in range(10**9):  # "always": the first one is told, else one that comes after the log was synced
            try:
                t.insert((number,))
            except partita.DurabilityError as error:
                told.append(error)
                break
        assert told[0].errno == errno.EIO and told[0].path == {str(path)!r}
        rows = len(t)
        if {durability!r} == "always":
            assert "may not be on the disk" in str(told[0]), told[0]
        else:
            assert "nothing was changed" in str(told[0]), told[0]
        for call in (lambda: t.insert(("x",)), lambda: t.insert([("x",), ("y",)]), t.clear, lambda: t.delete("before"),
                     lambda: t.update_counter("before", (1, 1)), lambda: t.insert_many([("x",)] * 1000),
                     lambda: t.match_delete(partita.ANY)):
            try:
                call()
            except partita.DurabilityError as error:
                assert "nothing was changed" in str(error), error
            else:
                raise AssertionError(call)
        info = t.info()
        assert info["degraded"] and info["state"] == "degraded" and info["last_error"], info
        assert len(t) == rows and t.get("before") == ("before", 1)
        limit(resource.RLIM_INFINITY)
        while t.info()["degraded"]:  # it is saved to new files
            pass
        t.insert(("after",))
        t.flush()
        print(len(t), flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=300)
    assert done.returncode == -9, done.stderr
    with partita.open(path) as t:
        assert len(t) == int(done.stdout)
        assert ("before", 1) in t.tolist()
        assert ("after",) in t.tolist()


# --- Damage.


def test_a_torn_tail_is_cut_and_reported(path):
    leave_as_killed(path, "t.insert((1,)); t.flush(); t.insert((2,)); t.flush()", "interval")
    [log] = path.parent.glob("table.pt.wal.*")
    content = log.read_bytes().rstrip(b"\0")
    log.write_bytes(content[:-1] + bytes([content[-1] ^ 0xFF]))
    with partita.open(path) as t:
        assert (1,) in t.tolist()
        [note] = t.info()["recovery"]["notes"]
        assert note["path"] == str(log)
        assert not note["damage"]


def test_damage_and_repair(path):
    leave_as_killed(path, "for i in range(200): t.insert((i, 'x' * 100))", "always")
    [log] = path.parent.glob("table.pt.wal.*")
    content = log.read_bytes()
    place = content.index(b"x" * 100, len(content.rstrip(b"\0")) // 2)
    with open(log, "r+b") as file:
        file.seek(place)
        file.write(b"?!")
    with pytest.raises(partita.CorruptFileError) as caught:
        partita.open(path)
    assert caught.value.path == str(log)
    assert 0 < caught.value.offset <= place
    with pytest.raises(partita.CorruptFileError):
        partita.open(path, mode="r")
    with pytest.warns(UserWarning, match=r"table\.pt\.wal\.\d+, byte \d+"):
        t = partita.open(path, repair=True)
    with t:
        rows = sorted(t)
        assert 0 < len(rows) < 200
        assert rows == [(i, "x" * 100) for i in range(len(rows))] or len(rows) == 199
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with partita.open(path) as t:
            assert sorted(t) == rows


def test_damage_of_a_snapshot_and_repair(path):
    with partita.open(path) as t:
        t.insert([(i, "x" * 100) for i in range(20_000)])
    with open(path, "r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"?!?!")
    with pytest.raises(partita.CorruptFileError) as caught:
        partita.open(path)
    assert caught.value.path == str(path)
    with pytest.warns(UserWarning, match=r"table\.pt, byte \d+"):
        t = partita.open(path, repair=True)
    with t:
        assert 0 < len(t) < 20_000
        rows = sorted(t)
    assert sorted(stored(path)) == rows


def test_what_is_no_table(path):
    path.write_bytes(b"hello\n" * 100)
    with pytest.raises(partita.CorruptFileError):
        partita.open(path)
    assert path.read_bytes() == b"hello\n" * 100
    os.remove(path)
    os.mkdir(path)
    with pytest.raises(OSError, match=r"table\.pt"):
        partita.open(path)
