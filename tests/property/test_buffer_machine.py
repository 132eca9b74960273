"""A queue under any sequence of calls, with a clock and threads that the test plays itself.

The processor does as it is told: it succeeds, raises, asks for a part again, takes longer than it may, pushes to its
own buffer. After each step the books balance. In the end each item is processed once, dead, kept or dropped; none was
processed twice, and those whose batches never failed came out in their order.

A durable queue may crash between two steps. Then another one finds all in the file that was not processed, dead or
dropped, and goes on with it as if it had just been pushed.
"""

import logging
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import partita
from helpers.buffers import PlayedScheduler, check_balance, played_scheduler
from partita import scheduling
from partita.buffers import QueueBuffer
from partita.errors import BufferFullError, Retry

TIMEOUT = 10.0
BEHAVIOURS = ("succeed", "raise", "retry some", "hang", "hang and raise", "push")


class QueueMachine(RuleBasedStateMachine):
    @initialize(
        batch_size=st.sampled_from([1, 3, 10, "table"]),
        partitions=st.sampled_from([1, 2]),
        max_retries=st.sampled_from([0, 1, 3]),
        keeps_failed=st.booleans(),
    )
    def begin(self, batch_size, partitions, max_retries, keeps_failed):
        self.before = dict(scheduling._current)
        logging.getLogger("partita").setLevel(logging.CRITICAL + 1)
        self.scheduler = scheduling._current["scheduler"] = PlayedScheduler()
        self.table = batch_size == "table"
        self.script = []
        self.next_item = 0
        self.pushed = []
        self.processed = []
        self.troubled = set()  # items of calls that failed
        self.dead = []
        self.options = {
            "partitions": partitions,
            "processing_batch_size": batch_size,
            "processing_interval": 5.0,
            "processing_timeout": TIMEOUT,
            "max_retries": max_retries,
            "retry_delay": 1.0,
            "dead_letter": None if keeps_failed else self.bury,
        }
        self.q = self.new_queue()

    def new_queue(self):
        return QueueBuffer("machine", self.process, **self.options)

    def bury(self, item):
        self.dead.append(item)

    def process(self, batch):
        items = [row[1] for row in sorted(batch)] if self.table else list(batch)
        assert items
        assert len(set(items)) == len(items)
        for item in items:  # none comes again that did not fail
            assert item not in self.processed
        behaviour = self.script.pop() if self.script else "succeed"
        if behaviour.startswith("hang"):
            self.scheduler.now += TIMEOUT + 1
            self.scheduler.run_pending()
            assert check_balance(self.q.stats())["in_doubt"] >= len(items)
        if behaviour == "push":
            self.push_one(len(self.pushed))
        if behaviour.endswith("raise"):
            self.troubled.update(items)
            raise ValueError(behaviour)
        if behaviour == "retry some":
            self.troubled.update(items)
            again = items[::2]
            self.processed += items[1::2]
            raise Retry([row for row in sorted(batch) if row[1] in again] if self.table else again)
        self.processed += items

    def push_one(self, key):
        item = self.next_item
        self.next_item += 1
        try:
            self.q.push(item, partition_key=key % 2, timeout=0)
        except BufferFullError:
            return
        self.pushed.append((key % 2, item))

    @rule(key=st.integers(0, 1), count=st.integers(1, 12))
    def push(self, key, count):
        for _ in range(count):
            self.push_one(key)

    @rule(behaviours=st.lists(st.sampled_from(BEHAVIOURS), max_size=6))
    def tell_the_processor(self, behaviours):
        self.script = behaviours

    @rule(seconds=st.sampled_from([0.0, 0.5, 5.0, 40.0]))
    def pass_time(self, seconds):
        self.scheduler.now += seconds
        self.scheduler.run_pending()

    @rule()
    def run_a_task(self):
        self.scheduler.run_pending()
        if self.scheduler.tasks:
            self.scheduler.tasks.pop(0)()

    @rule()
    def flush(self):
        report = self.q.flush(timeout=0)
        assert report["left"] <= len(self.pushed)

    @rule(
        max_items=st.sampled_from([None, 1, 5, 20]),
        overflow=st.sampled_from(["block", "raise", "drop_oldest", "drop_newest"]),
        flush_at=st.sampled_from([None, 1, 4]),
    )
    def update_options(self, max_items, overflow, flush_at):
        self.q.update_options(max_items=max_items, overflow=overflow, flush_at=flush_at)

    @rule(batch_size=st.sampled_from([1, 2, 50]))
    def change_batch_size(self, batch_size):
        if not self.table:
            self.q.update_options(processing_batch_size=batch_size)

    @invariant()
    def books_balance(self):
        if hasattr(self, "q"):
            stats = check_balance(self.q.stats())
            assert stats["pushed"] + stats["restored"] == len(self.pushed)
            assert stats["processed"] == len(self.processed)
            assert stats["dead"] == len(self.dead)
            assert stats["failed"] == len(self.q.failed)
            assert stats["in_doubt"] == 0  # no call is under way

    def teardown(self):
        if not hasattr(self, "q"):
            return
        try:
            self.drain()
            items = [item for _, item in self.pushed]
            ends = self.processed + self.dead + self.q.failed
            assert len(set(ends)) == len(ends)
            assert set(ends) <= set(items)
            assert len(items) - len(ends) == self.q.stats()["dropped"]
            for key in range(2):
                order = [item for k, item in self.pushed if k == key and item not in self.troubled]
                places = {item: place for place, item in enumerate(order)}
                calm = [places[item] for item in self.processed if item in places]
                assert calm == sorted(calm)
        finally:
            self.end_queue()
            logging.getLogger("partita").setLevel(logging.NOTSET)
            scheduling._current.clear()
            scheduling._current.update(self.before)

    def end_queue(self):
        self.q._processing.end()

    def drain(self):
        self.script = []
        for _ in range(1000):
            self.q.flush(timeout=0)
            self.scheduler.now += 100
            self.scheduler.run_pending()
            while self.scheduler.tasks:
                self.scheduler.tasks.pop(0)()
                self.scheduler.run_pending()
            stats = self.q.stats()
            if stats["buffered"] + stats["in_flight"] + stats["in_doubt"] == 0:
                return
        raise AssertionError(stats)


class DurableQueueMachine(QueueMachine):
    def new_queue(self):
        self.path = Path(tempfile.mkdtemp()) / "queue"
        return QueueBuffer("machine", self.process, durable=self.path, **self.options)

    def end_queue(self):
        super().end_queue()
        self.q._processing.close_files()
        shutil.rmtree(self.path.parent)

    @rule(partitions=st.sampled_from([1, 2, 3]))
    def crash(self, partitions):
        stats = self.q.stats()
        copy = Path(tempfile.mkdtemp()) / "queue"
        for name in self.path.parent.iterdir():
            shutil.copy(name, copy.with_name(name.name))
        self.end_queue()
        self.path = copy
        with partita.open(copy, mode="r") as rows:
            items = [row[1] for row in sorted(rows)]
        assert len(set(items)) == len(items)
        left = set(items) - set(self.processed) - set(self.dead)
        assert len(left) == stats["buffered"] + stats["in_flight"] + stats["failed"]
        keys = {item: key for key, item in self.pushed}
        self.pushed = [(keys[item], item) for item in items]
        self.processed.clear()
        self.dead.clear()
        self.options["partitions"] = partitions
        self.q = QueueBuffer("machine", self.process, durable=copy, **self.options)


QueueMachine.TestCase.settings = settings(stateful_step_count=40)
DurableQueueMachine.TestCase.settings = settings(stateful_step_count=40)
TestQueueMachine = QueueMachine.TestCase
TestDurableQueueMachine = DurableQueueMachine.TestCase


def test_what_is_frozen_while_a_run_ends_is_not_forgotten():
    """A run finds nothing more; before it says so, a segment is frozen. It must not wait for the next interval."""

    class Control:
        def __init__(self, control):
            self.control = control
            self.late = True

        def __getattr__(self, name):
            return getattr(self.control, name)

        def take(self, *arguments):
            batch = self.control.take(*arguments)
            if batch is None and self.late:
                self.late = False
                q.push("late")
                q._processing.freeze(0)  # as the scheduler would
            return batch

    with played_scheduler() as scheduler:
        got = []
        q = QueueBuffer("test", got.extend, partitions=1)
        q._processing.control = Control(q._processing.control)
        q.push("early")
        q.flush(timeout=0)
        for _ in range(5):
            scheduler.pass_time(0)
        assert got == ["early", "late"]
        q._processing.end()
