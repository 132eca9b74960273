"""kill -9 at random instants: a table opens again and holds a state that it had, with all that was acknowledged.

CRASH_RUNS=n kills n writers for each durability (`make crash`: a thousand).
"""

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from crash.steps import do_on_dict, step

import partita

RUNS = int(os.environ.get("CRASH_RUNS", "48"))
ROUNDS = 4  # writers that go on with the same files, one after the other
TYPES = ("set", "ordered_set", "bag", "duplicate_bag")


def run_and_kill(arguments, delay, while_opening, program="writer.py"):
    """What the writer told before it was killed, `delay` seconds after it was started, or after it had opened."""
    writer = [sys.executable, Path(__file__).with_name(program), *map(str, arguments)]
    with subprocess.Popen(writer, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        killer = threading.Timer(delay, process.kill)
        lines = []
        if while_opening:
            killer.start()
        for line in process.stdout:
            if line == "open\n" and not while_opening:
                killer.start()
            lines.append(line.split())
        killer.cancel()
        errors = process.stderr.read()
    assert process.returncode in (-9, 0), errors
    assert not errors
    return lines


def read(path, durability, draw):
    """All rows by key. The files stay as they are, or are opened for writing as the next writer would."""
    if draw.random() < 0.5 and path.exists():
        table = partita.open(path, mode="r")
    else:
        table = partita.open(path, durability=durability)
    with table:
        table._check()
        rows = {}
        for row in table.tolist():
            rows.setdefault(row[0], []).append(row)
        assert {key: table.lookup(key) for key in rows} == rows
    return rows


def check(rows, before, kind, seed, thread, least, most):
    """The rows of one thread's keys are those after some number of its steps."""
    state = {key: list(of_key) for key, of_key in before.items() if key[0] == thread}
    found = {key: of_key for key, of_key in rows.items() if key[0] == thread}
    for number in range(most + 1):
        if number >= least and state == found:
            return
        do_on_dict(state, kind, step(kind, seed, thread, number))
    raise AssertionError(f"thread {thread}: after none of {least} to {most} steps the rows were {found}")


@pytest.mark.parametrize("part", range(RUNS // ROUNDS))
@pytest.mark.parametrize("durability", ["snapshot", "interval", "always"])
def test_a_killed_writer(tmp_path, durability, part):
    draw = random.Random(f"{os.environ.get('PARTITA_SEED', 0)}/{durability}/{part}")
    path = tmp_path / "table.pt"
    kind = TYPES[part % 4]
    rows = {}
    for _ in range(ROUNDS):
        seed, threads, saves = draw.randrange(2**32), draw.choice([1, 1, 2, 3]), draw.randrange(2)
        while_opening = draw.random() < 0.2
        delay = draw.random() * 0.2
        lines = run_and_kill((path, kind, durability, seed, threads, saves), delay, while_opening)
        before, rows = rows, (read(path, durability, draw) if path.exists() else {})
        done = dict.fromkeys(range(3), 0)
        kept = dict.fromkeys(range(3), 0)
        for what, *numbers in lines:
            if what != "open":
                thread, count = map(int, numbers)
                (done if what == "done" else kept)[thread] = count
        for thread in range(3):
            least = done[thread] if durability == "always" else kept[thread]
            most = done[thread] + (1 if ["open"] in lines else 0)  # the call under way is in it, or not
            check(rows, before, kind, seed, thread, least, most)
