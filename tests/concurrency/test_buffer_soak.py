"""Bounded buffers under producers in threads, swapped every millisecond, with an exporter that fails one batch in ten
and hangs in one of a thousand. The books balance all the while, and to the last item in the end.

PARTITA_SOAK_SECONDS says for how long (`make soak`: a minute).
"""

import collections
import os
import random
import threading
import time

import pytest

import partita
from helpers.buffers import check_balance, logged  # noqa: F401

SECONDS = float(os.environ.get("PARTITA_SOAK_SECONDS", "2"))
PRODUCERS = 3


class Exporter:
    """Counts the items it took, of each once."""

    def __init__(self):
        self.seen = collections.Counter()
        self.late = threading.Event()  # somebody is past their time
        self.lock = threading.Lock()
        self.random = random.Random(random.randrange(2**32))

    def __call__(self, batch):
        with self.lock:
            draw = self.random.randrange(1000)
        if draw == 0:
            self.late.clear()
            self.late.wait(30)
        if draw < 100:
            raise OSError("the exporter is down")
        with self.lock:
            self.seen.update(batch)

    def note(self, event, measurements, metadata):
        if metadata.get("reason") == "timeout":
            self.late.set()


@pytest.mark.parametrize("overflow", ["block", "drop_oldest", "drop_newest"])
def test_soak(overflow):
    exporter = Exporter()
    dead = []
    over = threading.Event()
    pushed = [0] * PRODUCERS

    def produce(number):
        while not over.is_set():
            q.push_many([(number, pushed[number] + i) for i in range(50)])
            pushed[number] += 50

    detach = partita.telemetry.attach(exporter.note, "partita.buffer.processing_failed")
    q = partita.QueueBuffer(
        "soak",
        exporter,
        partitions=2,
        processing_interval=0.001,
        processing_timeout=0.05,
        processing_batch_size=200,
        max_items=2000,
        overflow=overflow,
        max_retries=2,
        retry_delay=0.001,
        retry_delay_max=0.01,
        dead_letter=dead.append,
        stop_timeout=120,
    )
    threads = [threading.Thread(target=produce, args=(number,)) for number in range(PRODUCERS)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + SECONDS
    most_bytes = 0
    while time.monotonic() < end:
        stats = check_balance(q.stats())
        assert stats["buffered"] + stats["in_flight"] + stats["in_doubt"] <= 2000
        most_bytes = max(most_bytes, partita.live_counts()["bytes"])
        over.wait(0.001)
    over.set()
    for thread in threads:
        thread.join()
    assert q.stop()["left"] == 0
    detach()
    stats = check_balance(q.stats())
    assert stats["pushed"] == sum(pushed) == stats["processed"] + stats["dead"] + stats["dropped"]
    assert stats["processed"] == sum(exporter.seen.values()) > 0
    assert stats["dead"] == len(dead)
    assert max(exporter.seen.values()) == 1
    assert not exporter.seen.keys() & set(dead)
    assert (stats["dropped"] == 0) == (overflow == "block") or SECONDS < 1
    assert most_bytes < 10_000_000
