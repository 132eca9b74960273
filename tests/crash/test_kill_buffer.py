"""kill -9 at random instants: whatever was pushed into a durable buffer is processed, at least once, by this process or
one that comes after it.

CRASH_RUNS=n kills n writers for each kind of buffer (`make crash`: a thousand).
"""

import os
import random

import pytest
from crash.pusher import KEYS
from crash.test_kill import run_and_kill

import partita

RUNS = int(os.environ.get("CRASH_RUNS", "24"))
ROUNDS = 4  # writers that go on with the same file, one after the other
MOST = 100_000  # items of a thread in one round


class Books:
    """What each thread was told."""

    def __init__(self):
        self.pushed = {}  # the last number of each thread and round
        self.processed = {}  # numbers by thread, in their order

    def note(self, lines):
        for what, *numbers in lines:
            if what == "pushed":
                thread, number = map(int, numbers)
                self.pushed[thread, number // MOST] = number
            elif what == "processed":
                thread, number = map(int, numbers)
                self.processed.setdefault(thread, []).append(number)

    def check_queue(self):
        for (thread, part), last in self.pushed.items():
            missing = set(range(part * MOST, last + 1)) - set(self.processed.get(thread, ()))
            assert not missing, (thread, min(missing), len(missing))

    def check_order(self):
        """Items come again, but none is passed over: each is preceded by the one that was pushed before it."""
        for numbers in self.processed.values():
            seen = set()
            for number in numbers:
                assert number % MOST == 0 or number - 1 in seen, number
                seen.add(number)

    def check_map(self):
        """The last value of each key was processed, and what came after it, if anything, is newer."""
        for (thread, part), last in self.pushed.items():
            for newest in range(max(part * MOST, last - KEYS + 1), last + 1):
                later = [n for n in self.processed.get(thread, ()) if n % KEYS == newest % KEYS and n // MOST == part]
                assert later, (thread, newest)
                assert max(later) >= newest, (thread, newest, later[-5:])
                assert later[-1] == max(later), (thread, newest, later[-5:])


@pytest.mark.parametrize("part", range(RUNS // ROUNDS))
@pytest.mark.parametrize("kind", ["queue", "map"])
def test_a_killed_pusher(tmp_path, kind, part):
    draw = random.Random(f"{os.environ.get('PARTITA_SEED', 0)}/{kind}/{part}")
    path = tmp_path / "buffer.pt"
    books = Books()
    for number in range(ROUNDS):
        arguments = (kind, path, draw.randrange(1, 5), draw.choice([1, 2, 3]), number * MOST)
        books.note(run_and_kill(arguments, draw.random() * 0.2, draw.random() < 0.2, program="pusher.py"))
    if path.exists():
        left = []
        cls = partita.MapBuffer if kind == "map" else partita.QueueBuffer
        with cls("rest", left.extend, durable=path, partitions=draw.randrange(1, 5)):
            pass
        rows = [(key[0], value) for key, value, _, _ in left] if kind == "map" else left
        books.note(("processed", *row) for row in rows)
    if kind == "queue":
        books.check_queue()
        books.check_order()
    else:
        books.check_map()
