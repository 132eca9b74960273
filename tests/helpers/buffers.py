"""What tests of buffers share."""

import contextlib
import logging
import threading

import pytest

from partita import scheduling
from partita.buffers import MapBuffer, QueueBuffer

TERMS = ("processed", "buffered", "in_flight", "in_doubt", "dead", "failed", "dropped", "replaced", "deleted")


def check_balance(stats):
    assert stats["pushed"] + stats["restored"] == sum(stats[term] for term in TERMS), stats
    return stats


def queue(processor, **options):
    """A queue that does nothing by itself within a test."""
    defaults = {"partitions": 1, "processing_interval": 3600, "retry_delay": 0.001, "stop_timeout": 30}
    return QueueBuffer("test", processor, **(defaults | options))


def mapped(processor, **options):
    defaults = {"partitions": 1, "processing_interval": 3600, "retry_delay": 0.001, "stop_timeout": 30}
    return MapBuffer("test", processor, **(defaults | options))


class Gate:
    """A processor that keeps its batches, and waits in each call until it is opened."""

    def __init__(self):
        self.batches = []
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, batch):
        self.batches.append(batch)
        self.entered.release()
        assert self.opened.wait(60)


class PlayedScheduler(scheduling.Scheduler):
    """With a clock that the test moves, and without threads: what would run on workers is in `tasks`."""

    def __init__(self):
        self.now = 1000.0
        super().__init__(lambda: self.now)
        self.tasks = []
        self.workers = self

    def start(self):
        pass

    def submit(self, call):
        self.tasks.append(call)

    def pass_time(self, seconds, play=True):
        """`play`: and all is done that is to be done."""
        self.run_pending()
        self.now += seconds
        self.run_pending()
        if play:
            self.play()

    def play(self):
        while self.tasks:
            self.tasks.pop(0)()
            self.run_pending()


@contextlib.contextmanager
def played_scheduler():
    """The scheduler of all buffers that are made inside of it."""
    before = dict(scheduling._current)
    scheduler = scheduling._current["scheduler"] = PlayedScheduler()
    try:
        yield scheduler
    finally:
        scheduling._current.clear()
        scheduling._current.update(before)


@pytest.fixture(autouse=True)
def logged():
    """What buffers log, as text. The records are kept for the report, and shall not keep what a traceback holds."""

    def filter_record(record):
        record.exc_info = None
        lines.append(record.getMessage())
        return True

    lines = []
    loggers = [logging.getLogger(name) for name in ("partita.buffers", "partita.telemetry")]
    for logger in loggers:
        logger.addFilter(filter_record)
    yield lines
    for logger in loggers:
        logger.removeFilter(filter_record)
