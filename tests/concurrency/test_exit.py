"""The interpreter ends while daemon threads are inside calls: quietly, and every time."""

import subprocess
import sys

import pytest

SCRIPT = """
import threading
import partita

class Opaque:
    def __init__(self, value=0):
        self.value = value
    def __reduce__(self):
        return (Opaque, (self.value,))

t = partita.Table("lives until the end", partitions=2)
t.insert_many((i, Opaque(), "text") for i in range(2000))
started = threading.Barrier(5)

def forever(call):
    call()
    started.wait()
    while True:
        call()

calls = [
    lambda: t.insert([(i, Opaque(i)) for i in range(100)]),
    lambda: t.insert_many((i, Opaque(i)) for i in range(3000)),
    lambda: (t.tolist(), list(t), t.get_many(range(2000))),
    lambda: (t.snapshot().tolist(), partita.Table().insert((1,)), t.select_count([(partita.ANY, [], [True])])),
]
for call in calls:
    threading.Thread(target=forever, args=(call,), daemon=True).start()
started.wait()
walk = iter(t)
next(walk)
snapshot = t.snapshot()
"""


@pytest.mark.parametrize("attempt", range(15))
def test_exit_with_live_daemon_threads(attempt):
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
