"""What keeps tables in their files, where something comes in between: signal handlers, finalizers, failures, exit."""

import gc
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

import partita
from partita import keeper


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.pt"


def stored(path):
    return sorted(partita.load(path).tolist())


class Files:
    """The files of a table, whose saves begin with a call of `before`."""

    def __init__(self, files, before):
        self.files = files
        self.before = before

    def __getattr__(self, name):
        return getattr(self.files, name)

    def begin_save(self, last):
        return Saving(self.files.begin_save(last), self)


class Saving:
    def __init__(self, saving, files):
        self.saving = saving
        self.files = files
        self.close = saving.close

    def step(self):
        before, self.files.before = self.files.before, None
        if before is not None:
            before()
        return self.saving.step()


def come_before_the_first_step(table, call):
    table._place.file = Files(table._place.file, call)


@pytest.mark.parametrize("inner", ["close", "flush", "drop"])
@pytest.mark.parametrize(
    ("outer", "durability"), [("close", "snapshot"), ("close", "interval"), ("close", "always"), ("flush", "snapshot")]
)
def test_a_signal_handler_may_use_the_table_that_is_being_saved(path, outer, durability, inner):
    t = partita.open(path, durability=durability)
    t.insert((1,))
    t.flush()
    t.insert((2,))
    before = signal.signal(signal.SIGUSR1, lambda *_: getattr(t, inner)())
    try:
        come_before_the_first_step(t, lambda: signal.raise_signal(signal.SIGUSR1))
        getattr(t, outer)()
    finally:
        signal.signal(signal.SIGUSR1, before)
    if inner == "flush" and outer == "flush":
        assert sorted(t) == [(1,), (2,)]
        t.close()
    if inner != "drop":
        assert stored(path) == [(1,), (2,)]
    with partita.open(path) as t:
        assert (1,) in t.tolist()


def test_without_a_thread_for_saves_nothing_is_opened(path, monkeypatch):
    def start(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError):
            partita.open(path, durability="snapshot")
    with partita.open(path, durability="snapshot", persist_every=0.001) as t:
        t.insert((1,))
        while t.info()["saves"] < 3:
            pass
    assert not keeper._places


def test_a_path_is_free_although_the_last_save_failed(path, monkeypatch):
    def fail():
        raise OSError("no")

    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(str(unraisable.exc_value)))
    t = partita.open(path, durability="snapshot")
    t.insert((1,))
    t.flush()
    t.insert((2,))
    come_before_the_first_step(t, fail)
    del t
    gc.collect()
    assert told == ["no"]
    with partita.open(path) as t:
        assert t.tolist() == [(1,)]


def test_a_save_interrupted_at_exit_is_told_and_the_others_are_made(path):
    program = f"""
        import partita

        class Interrupted:
            def __init__(self, files):
                self.info, self.leave = files.info, files.leave

            def begin_save(self, last):
                raise KeyboardInterrupt

        first, second = (partita.open({str(path)!r} + end, durability="snapshot") for end in "ab")
        second.insert((1,))
        first._place.file = Interrupted(first._place.file)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert f"the table at {path}a could not be saved at exit" in done.stderr
    assert stored(f"{path}b") == [(1,)]


def test_a_log_that_could_not_be_written_is_made_good_at_exit(path):
    program = f"""
        import resource, signal, partita

        def limit(size):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        t = partita.open({str(path)!r}, sync_every=3600)
        t.insert((1,))
        limit(10)
        try:
            t.flush()
        except partita.DurabilityError:
            pass
        assert t.info()["degraded"]
        limit(resource.RLIM_INFINITY)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    with partita.open(path) as t:
        assert t.tolist() == [(1,)]


def test_a_table_is_not_replaced_by_one_that_cannot_be_opened(path):
    path.write_bytes(b"no table")
    t = partita.Table("held")
    t.insert((1,))
    with pytest.raises(partita.CorruptFileError):
        partita.open(path, name="held", if_exists="replace")
    assert partita.table("held") is t
    assert t.tolist() == [(1,)]
    path.unlink()
    with partita.open(path, name="held", if_exists="replace") as u:
        assert partita.table("held") is u
        with partita.open(path, name="held", if_exists="replace") as v:  # it lives at this very path
            assert partita.table("held") is v
    with pytest.raises(partita.TableDroppedError):
        len(t)
