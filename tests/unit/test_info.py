"""info, repr, live counts and the number of threads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import partita
from partita import _core, threads


def test_info_is_complete():
    t = partita.Table("info test", partitions=3, fields=("a", "b"), keypos=1, if_exists="replace")
    t.insert([(i, i) for i in range(100)])
    info = t.info()
    memory = info.pop("memory")
    sizes = info.pop("partition_sizes")
    assert info == {
        "name": "info test",
        "type": "set",
        "size": 100,
        "keypos": 1,
        "fields": ("a", "b"),
        "partitions": 3,
        "owner": None,
        "heir": None,
        "fixed": False,
        "readonly": False,
        "snapshots": 0,
        "snapshot_memory": 0,
    }
    assert memory > 100 * 16
    assert sum(sizes) == 100
    t.drop()
    with pytest.raises(partita.TableDroppedError, match="'info test'"):
        t.info()


def test_memory_follows_what_is_stored():
    t = partita.Table()
    empty = t.info()["memory"]
    t.insert((1, "x" * 1_000_000))
    assert t.info()["memory"] > empty + 1_000_000
    t.clear()
    assert t.info()["memory"] < empty + 100_000


def test_a_table_of_100_rows_is_small():
    t = partita.Table(partitions=1)
    t.insert([(i, i, f"name-{i}", i / 2) for i in range(100)])
    assert t.info()["memory"] <= 8192


def test_repr():
    t = partita.Table("repr test", if_exists="replace")
    t.insert((1,))
    assert repr(t) == "<partita.Table 'repr test', set, 1 rows>"
    t.drop()
    assert repr(t) == "<partita.Table 'repr test', dropped>"
    assert repr(partita.Table()) == "<partita.Table, set, 0 rows>"


def test_live_counts_are_exact():
    before = partita.live_counts()
    assert sorted(before) == ["bytes", "rows", "snapshots", "tables", "walks"]
    t = partita.Table(partitions=2)
    t.insert([(i, "x" * 50) for i in range(100)])
    s = t.snapshot()
    walk = iter(t)
    next(walk)
    now = partita.live_counts()
    assert {key: now[key] - before[key] for key in ("tables", "rows", "snapshots", "walks")} == {
        "tables": 1,
        "rows": 100,
        "snapshots": 1,
        "walks": 1,
    }
    assert now["bytes"] > before["bytes"] + 5000
    del t, s, walk
    assert partita.live_counts() == before


def test_version_and_docs():
    assert partita.__version__.count(".") == 2
    public = [name for name in dir(partita.Table) if not name.startswith("_")]
    undocumented = [name for name in public if not (getattr(partita.Table, name).__doc__ or "").strip()]
    assert set(undocumented) <= {"fields", "keypos", "name", "type"}
    for name in partita.__all__:
        assert hasattr(partita, name)


def test_number_of_threads(monkeypatch):
    monkeypatch.delenv("PARTITA_NUM_THREADS", raising=False)
    assert partita.num_threads() == threads.available_cpus() >= 1
    monkeypatch.setenv("PARTITA_NUM_THREADS", "3")
    assert partita.num_threads() == 3
    partita.set_num_threads(2)
    assert partita.num_threads() == 2
    partita.set_num_threads(None)
    assert partita.num_threads() == 3


@pytest.mark.parametrize(
    ("count", "error"), [(0, ValueError), (-1, ValueError), (2**63, ValueError), (True, TypeError), ("2", TypeError)]
)
def test_a_wrong_number_of_threads(count, error):
    with pytest.raises(error, match="number of threads"):
        partita.set_num_threads(count)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "65537", "9" * 20])
def test_a_wrong_environment_variable(monkeypatch, text):
    monkeypatch.setenv("PARTITA_NUM_THREADS", text)
    with pytest.raises(ValueError, match=f"PARTITA_NUM_THREADS is '{text}'"):
        partita.num_threads()


def test_available_cpus_follow_the_affinity():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert threads.available_cpus() == 1
        assert partita.Table().info()["partitions"] == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({}, float("inf")),
        ({"/proc/self/cgroup": "0::/a/b", "/sys/fs/cgroup/a/b/cpu.max": "150000 100000"}, 1.5),
        ({"/proc/self/cgroup": "0::/a/b", "/sys/fs/cgroup/a/cpu.max": "50000 100000"}, 0.5),
        ({"/proc/self/cgroup": "0::/", "/sys/fs/cgroup/cpu.max": "max 100000"}, float("inf")),
        (
            {
                "/proc/self/cgroup": "12:cpuset:/x 11:cpu:/y",
                "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000",
                "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            2,
        ),
        (
            {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
            float("inf"),
        ),
    ],
)
def test_quota_of_the_control_group(monkeypatch, files, cpus):
    monkeypatch.setattr(threads, "_read_words", lambda path: files.get(path, "").split())
    assert threads._cgroup_quota() == cpus


@pytest.mark.parametrize(("quota", "cpus"), [(0.5, 1), (1.0, 1), (1.5, 2), (1e9, None)])
def test_quota_cuts_the_cpus(monkeypatch, quota, cpus):
    monkeypatch.setattr(threads, "_cpu_quota", quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3, 4, 5, 6, 7})
    assert threads.available_cpus() == (cpus or 8)


def test_import_without_the_extension_is_explained(tmp_path):
    package = tmp_path / "partita"
    package.mkdir()
    for source in Path(partita.__file__).parent.glob("*.py"):
        (package / source.name).write_bytes(source.read_bytes())
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import partita"
    run = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "ImportError: partita's engine, the extension module partita._core, cannot be loaded" in run.stderr


def test_limits_are_those_of_the_engine():
    assert _core.MAX_ARITY == 65535
    assert _core.MAX_PARTITIONS == 4096


def test_import_in_a_subinterpreter_is_refused():
    """In a process of its own: it must not hang, as pybind11 does there up to Python 3.11."""
    code = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import partita
interpreter = interpreters.create()
problem = None
try:
    problem = interpreters.run_string(interpreter, "import partita")
except interpreters.RunFailedError as error:
    problem = error
assert "only the main interpreter has them" in str(problem), problem
interpreters.destroy(interpreter)
assert partita.Table().tolist() == []
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
