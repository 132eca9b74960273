"""Calls in whose course an allocation fails, each of them in turn: MemoryError, and nothing worse.

What the engine itself allocates is tested by cpp/table/allocation_failure_test.cc; here it is what Python and pybind11
allocate around it. In a process of its own, which begins with a malloc that can be told to fail.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import partita

SOURCE = Path(__file__).parent.parent / "helpers" / "failing_malloc.c"
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="the failing malloc is written in C, and there is no compiler"),
    pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a sanitizer brings a malloc of its own"),
]

PROGRAM = """
import ctypes
import gc
import sys

import partita

fail_malloc = ctypes.CDLL(None).fail_malloc
fail_malloc.argtypes = [ctypes.c_long]
fail_malloc.restype = ctypes.c_long

table = partita.Table("named", partitions=2)
table.insert((1, [2, (3,)]))


class Derived(partita.Table):
    __slots__ = ()


calls = {
    "Table": partita.Table,
    "Derived": Derived,
    "snapshot": table.snapshot,
    "readonly": table.readonly,
    "get": lambda: table.get(1),
    "lookup": lambda: table.lookup(1),
    "tolist": table.tolist,
}
call = calls[sys.argv[1]]
if sys.argv[1] != "Derived":  # whose first instance is one that cannot be made
    call()
before = partita.live_counts()
failed = 0
for n in range(1, 1000):
    result = None
    fail_malloc(n)
    try:
        result = call()
    except MemoryError:
        failed += 1
    try:
        over = fail_malloc(0) > 0  # the call needed less
    except (MemoryError, ctypes.ArgumentError):  # so much less that telling it so met the failure
        over = True
    if over:
        break
assert over and failed >= int(sys.argv[2]), (n, failed)
result = None
gc.collect()
after = partita.live_counts()
assert after == before, (before, after)
assert table.get(1) == (1, [2, (3,)])
"""


@pytest.fixture(scope="module")
def failing_malloc(tmp_path_factory):
    library = tmp_path_factory.mktemp("malloc") / "failing_malloc.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)
    return library


@pytest.mark.parametrize(
    ("call", "failures"),
    [
        ("Table", 3),
        ("Derived", 4),
        ("snapshot", 3),
        ("readonly", 3),
        ("get", 0),
        ("lookup", 0),
        ("tolist", 1),
    ],
)
def test_each_allocation_fails_in_turn(failing_malloc, call, failures):
    package = Path(partita.__file__).parent.parent
    environment = {**os.environ, "LD_PRELOAD": str(failing_malloc), "PYTHONMALLOC": "malloc"}
    environment["PYTHONPATH"] = f"{package}{os.pathsep}{environment.get('PYTHONPATH', '')}"
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, call, str(failures)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
