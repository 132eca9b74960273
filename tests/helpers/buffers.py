"""What tests of buffers share."""

import logging
import threading

import pytest

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
