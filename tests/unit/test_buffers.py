"""Buffers: every call and every option, by what a processor gets and what the books say."""

import asyncio
import collections
import concurrent.futures
import functools
import gc
import pickle
import re
import threading
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import pytest

from helpers.buffers import Gate, check_balance, logged, mapped, played_scheduler, queue  # noqa: F401
from partita import telemetry
from partita.buffers import MapBuffer, QueueBuffer
from partita.errors import BufferFullError, BufferStoppedError
from partita.threads import available_cpus


@pytest.fixture
def got():
    return []


# --- What goes in comes out.


def test_a_queue_hands_items_over_in_their_order(got):
    with queue(got.append, processing_batch_size=4) as q:
        for i in range(10):
            assert q.push(i) is None
        assert q.size() == 10
        assert got == []
        assert q.flush() == {"processed": 10, "dead": 0, "failed": 0, "dropped": 0, "left": 0}
    assert got == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_items_are_any_values(got):
    items = [None, 1, 2.5, "text", b"bytes", (1, "a"), [1, {"k": {2}}], 1 << 100, complex(1, 2), "x" * 100_000]
    with queue(got.extend) as q:
        for item in items:
            q.push(item)
    assert got == items


def test_push_many_takes_any_iterable(got):
    with queue(got.extend, partitions=3) as q:
        assert q.push_many(iter(range(1000))) == 1000
        assert q.push_many([]) == 0
        assert q.push_many("ab") == 2
    assert sorted(got, key=str) == sorted([*range(1000), "a", "b"], key=str)


def test_push_many_keeps_what_came_before_an_error(got):
    def items():
        yield from range(5)
        raise OSError("no more")

    with queue(got.extend) as q:
        with pytest.raises(OSError, match="no more"):
            q.push_many(items())
        with pytest.raises(ValueError, match=r"^item 1: "):
            q.push_many(["fine", "\ud800", "never"])
    assert got == [*range(5), "fine"]


def test_push_many_keeps_what_came_before_an_item_that_is_refused(got):
    too_large = pytest.raises(ValueError, match=r"^item 300: an item of 5005 bytes is larger than max_bytes$")
    with queue(got.extend, partitions=4, max_bytes=4000) as q, too_large:
        q.push_many([*range(300), "x" * 5000, *range(20)])
    assert sorted(got) == list(range(300))
    got.clear()
    with queue(got.extend, partitions=4, max_items=50, overflow="raise") as q:
        with pytest.raises(BufferFullError):
            q.push_many(range(100))
        assert q.flush()["processed"] == 50
        q.push_many(range(50, 100))
    assert sorted(got) == list(range(100))


def test_arguments_of_push(got):
    with queue(got.extend) as q:
        with pytest.raises(TypeError, match=r"push\(\) takes 1 positional argument, 2 were given"):
            q.push(1, 2)
        with pytest.raises(TypeError):
            q.push()
        with pytest.raises(ValueError, match="timeout"):
            q.push(1, timeout=-1)
        with pytest.raises(TypeError, match="timeout"):
            q.push(1, timeout="soon")
        with pytest.raises(TypeError):
            q.push_many(1)
    assert got == []


def test_a_map_hands_over_the_newest_of_each_key(got):
    with mapped(got.append) as m:
        m.put("a", 1)
        m.put("a", 2)
        assert m.put_newer("b", 3, 10) is True
        assert m.put_newer("b", 4, 10) is False
        assert m.put_newer("b", 5, 1 << 100) is True
        m.put_all({"c": 6})
        m.put_all([("d", 7)])
        assert m.put_all_newer([("b", 0, 1), ("e", 8, 2)]) == 1
        m.delete("d")
        m.delete("absent")
        assert (m.get("a"), m.get("b"), m.get("d"), m.get("d", "none")) == (2, 5, None, "none")
        assert m.size() == 4
        m.flush()
        assert m.get("a") is None
        assert m.size() == 0
        stats = check_balance(m.stats())
        assert (stats["pushed"], stats["replaced"], stats["deleted"], stats["stale"]) == (7, 2, 1, 2)
    assert sorted(got[0]) == [("a", 2, 0, 0), ("b", 5, 1 << 100, 1), ("c", 6, 0, 0), ("e", 8, 2, 0)]


@pytest.mark.parametrize("version", [1.5, True, "1", None])
def test_a_version_is_an_int(version):
    with mapped(print) as m, pytest.raises(TypeError, match="a version is an int"):
        m.put_newer("a", 1, version)


class Flushing:
    """When it is read first, has a map flushed, and its memory used for something else."""

    maps: ClassVar[list[MapBuffer]] = []

    def __reduce__(self):
        return Flushing.read, ()

    @staticmethod
    def read():
        while Flushing.maps:
            m = Flushing.maps.pop()
            m.flush()
            m.put("other", "y" * 1_000_000)


def test_what_get_reads_may_be_flushed_meanwhile():
    large = "x" * 1_000_000
    with mapped(lambda batch: None) as m:
        m.put("key", [Flushing(), large])
        Flushing.maps.append(m)
        assert m.get("key") == [None, large]


def test_keys_of_a_map_are_terms():
    with mapped(print) as m:
        for call in (lambda: m.put(object(), 1), lambda: m.get(object()), lambda: m.delete(object())):
            with pytest.raises(TypeError, match="cannot be a key"):
                call()


def test_updates_count_the_newer_versions_since_the_swap(got):
    with mapped(got.extend) as m:
        for version in 1, 2, 2, 5:
            m.put_newer("a", version, version)
        for version in 9, 10:
            m.put_newer("b", version, version)
        m.put("b", "plain")
        m.put_newer("b", 1, 1)
        m.flush()
        m.put_newer("a", "older than what was swapped", 1)
    assert sorted(got[:2]) == [("a", 5, 5, 2), ("b", 1, 1, 1)]
    assert got[2:] == [("a", "older than what was swapped", 1, 0)]


def test_put_all_newer_ends_at_a_bad_version(got):
    with mapped(got.extend) as m, pytest.raises(TypeError, match="a version is an int"):
        m.put_all_newer([("a", 1, 1), ("b", 2, "two"), ("c", 3, 3)])
    assert got == [("a", 1, 1, 0)]


def test_what_the_processor_has_is_out_of_reach():
    gate = Gate()
    with mapped(gate) as m:
        m.put("a", 1)
        m.flush(timeout=0)
        assert gate.entered.acquire(timeout=30)
        assert m.get("a") is None
        assert m.size() == 0
        m.delete("a")
        m.put("a", 2)  # a writer does not wait
        assert m.get("a") == 2
        gate.opened.set()
    assert gate.batches == [[("a", 1, 0, 0)], [("a", 2, 0, 0)]]


# --- Partitions.


def test_partition_key_chooses_the_partition(got):
    with queue(got.append, partitions=8, processing_batch_size=100) as q:
        q.push_many(range(40), partition_key=lambda i: i % 2)
        for i in range(40, 60):
            q.push(i, partition_key="all in one")
        assert sum(size > 0 for size in q.stats()["partition_sizes"]) <= 3
    for batch in got:
        assert batch == sorted(batch)
        assert len({i % 2 if i < 40 else 2 for i in batch}) <= 3
    assert sorted(i for batch in got for i in batch) == list(range(60))


def test_equal_items_share_a_partition():
    with queue(len, partitions=8) as q, mapped(len, partitions=8) as m:
        for _ in range(20):
            q.push(("a", 1))
            m.put("a", 1)
        assert sorted(q.stats()["partition_sizes"]) == [0] * 7 + [20]
        q.push_many(range(100))
        assert sum(size > 0 for size in q.stats()["partition_sizes"]) == 8
        assert m.size() == 1


def test_partition_key_of_a_map(got):
    with mapped(got.extend, partitions=16) as m:
        m.put("a", 1, partition_key="x")
        assert m.get("a", partition_key="x") == 1
        assert m.get("a", partition_key=lambda key: key.replace("a", "x")) == 1
        m.put_newer("a", 2, 3, partition_key="x")
        assert m.stats()["open"] == 1
        m.put_all({"a": 3}, partition_key="x")
        assert m.put_all_newer([("a", 4, 1)], partition_key="x") == 1
        m.delete("a", partition_key="x")
        assert m.size() == 0


def test_partition_keys_that_fail():
    with queue(print, partitions=2) as q:
        with pytest.raises(ZeroDivisionError):
            q.push(1, partition_key=lambda item: item / 0)
        with pytest.raises(TypeError, match="partition_key"):
            q.push(1, partition_key=object())
        with pytest.raises(ZeroDivisionError):
            q.push_many([1], partition_key=lambda item: item / 0)


# --- What the processor gets.


def test_a_queue_hands_over_a_table_that_may_be_kept(got):
    with queue(got.append, processing_batch_size="table") as q:
        q.push_many("abc")
        q.flush()
        q.push("d")
    first, second = got
    assert sorted(first) == [(0, "a"), (1, "b"), (2, "c")]
    assert sorted(second) == [(3, "d")]
    first.insert((7, "mine"))
    assert len(first) == 4


def test_a_map_hands_over_a_table_that_may_be_kept(got):
    with mapped(got.append, processing_batch_size="table") as m:
        m.put("a", 1)
        m.put_newer("b", 2, 3)
    [table] = got
    assert table.fields == ("key", "value", "version", "updates")
    assert sorted(table) == [("a", 1, 0, 0), ("b", 2, 3, 0)]
    table.drop()


def test_a_table_of_what_is_left(got):
    """The option is changed when a part of the segment was processed."""

    def processor(batch):
        got.append(sorted(row[0] for row in batch))
        m.update_options(processing_batch_size="table")

    with mapped(processor, processing_batch_size=10) as m:
        m.put_all({i: i for i in range(100)})
        assert m.flush()["processed"] == 100
        check_balance(m.stats())
    assert [len(keys) for keys in got] == [10, 90]
    assert sorted(got[0] + got[1]) == list(range(100))


@pytest.mark.parametrize("make", [queue, mapped])
def test_tables_are_tried_again(make, got):
    calls = []

    def processor(table):
        calls.append(sorted(table))
        table.clear()  # another try gets another table
        if len(calls) < 3:
            raise ValueError(len(calls))

    with make(processor, processing_batch_size="table") as b:
        for i in range(3):
            b.push(i) if make is queue else b.put(i, i)
    rows = [(i, i) if make is queue else (i, i, 0, 0) for i in range(3)]
    assert calls == [rows] * 3


@pytest.mark.parametrize("make", [queue, mapped])
def test_rows_of_tables_that_fail_alone(make):
    def processor(table):
        if 1 in [row[0] for row in table]:
            raise ValueError("one")

    with make(processor, processing_batch_size="table", max_retries=0) as b:
        for i in range(4):
            b.push(i) if make is queue else b.put(i, i)
        assert b.flush() == {"processed": 3, "dead": 0, "failed": 1, "dropped": 0, "left": 0}
        assert b.failed == [1 if make is queue else (1, 1, 0, 0)]


def test_a_processor_with_arguments(got):
    def processor(batch, *arguments):
        got.append((batch, arguments))

    with queue((processor, "a", 2)) as q:
        q.push(1)
    assert got == [([1], ("a", 2))]


def test_coroutine_functions(got):
    async def processor(batch, factor=1):
        await asyncio.get_running_loop().run_in_executor(None, int)
        got.extend(item * factor for item in batch)

    class Callable:
        async def __call__(self, batch):
            await processor(batch)

    for given in (
        processor,
        (processor, 1),
        functools.partial(processor, factor=1),
        Callable(),
        lambda batch: processor(batch),
    ):
        got.clear()
        with queue(given) as q:
            q.push_many([1, 2])
        assert got == [1, 2]


def test_an_executor_of_the_caller(got):
    with concurrent.futures.ThreadPoolExecutor(thread_name_prefix="mine") as executor:
        with queue(lambda batch: got.append(threading.current_thread().name), executor=executor) as q:
            q.push(1)
        assert got[0].startswith("mine")
    with queue(lambda batch: got.append(batch), executor=executor) as q:  # it is shut down
        q.push(1)
    assert got[-1] == [1]


def test_one_run_a_partition_at_a_time():
    running = []
    most = []

    def processor(batch):
        running.append(1)
        most.append(len(running))
        running.pop()

    with queue(processor, processing_batch_size=1, flush_at=1) as q:
        for i in range(300):
            q.push(i)
    assert max(most) == 1


# --- When it runs.


def test_the_interval_swaps(got):
    done = threading.Event()
    with queue(lambda batch: (got.extend(batch), done.set()), processing_interval=0.01) as q:
        q.push(1)
        assert done.wait(30)
    assert got == [1]


def test_flush_at_swaps_at_once(got):
    done = threading.Event()
    with queue(lambda batch: (got.append(batch), done.set()), flush_at=3) as q:
        q.push_many([1, 2])
        assert q.size() == 2
        q.push(3)
        assert done.wait(30)
        q.push(4)
        assert q.size() == 1
    assert got == [[1, 2, 3], [4]]


def test_update_options_restarts_the_timer(got):
    done = threading.Event()
    with queue(lambda batch: (got.extend(batch), done.set())) as q:
        q.push(1)
        q.update_options(processing_interval=0.01)
        assert done.wait(30)


def test_update_options_starts_the_interval_anew(got):
    with played_scheduler() as scheduler:
        q = queue(got.extend, processing_interval=5)
        q.push(1)
        scheduler.pass_time(4)
        q.update_options(max_retries=1)
        scheduler.pass_time(4.5)
        assert got == []
        scheduler.pass_time(0.5)
        assert got == [1]
        q.update_options(processing_interval=1)
        q.push(2)
        scheduler.pass_time(1)
        assert got == [1, 2]
        q._processing.end()


def test_a_run_under_way_postpones_the_next(got):
    with played_scheduler() as scheduler:
        q = queue(got.append, processing_interval=5)
        q.push(1)
        scheduler.pass_time(5, play=False)
        [run] = scheduler.tasks
        q.push(2)
        scheduler.pass_time(5, play=False)
        assert scheduler.tasks == [run]
        scheduler.play()
        assert got == [[1], [2]]
        q._processing.end()


def test_defaults():
    with QueueBuffer("test", print) as q, MapBuffer("test", print) as m:
        for buffer in q, m:
            options = buffer._processing.options
            assert (options.processing_interval, options.processing_timeout) == (5.0, 60.0)
            assert (options.processing_batch_size, options.stop_timeout) == (10, 60.0)
            assert len(buffer.stats()["partition_sizes"]) == available_cpus()


def test_update_options_is_atomic_and_checked_whole(got):
    with queue(got.append) as q:
        with pytest.raises(ValueError, match="max_items"):
            q.update_options(processing_batch_size=1, max_items=0)
        with pytest.raises(TypeError, match="partitions"):
            q.update_options(partitions=3)
        q.push_many([1, 2])
        q.flush()
        q.update_options(processing_batch_size=1)
        q.push_many([3, 4])
        q.flush()
        other = []
        q.update_options(processor=other.extend)
        q.push(5)
    assert got == [[1, 2], [3], [4]]
    assert other == [5]


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("processing_interval", 0, ValueError),
        ("processing_interval", "5", TypeError),
        ("processing_timeout", -1, ValueError),
        ("processing_batch_size", 0, ValueError),
        ("processing_batch_size", "tables", TypeError),
        ("processing_batch_size", True, TypeError),
        ("flush_at", 0, ValueError),
        ("max_items", 0, ValueError),
        ("max_bytes", 1.5, TypeError),
        ("overflow", "explode", ValueError),
        ("max_retries", -1, ValueError),
        ("retry_delay", float("nan"), ValueError),
        ("retry_delay_max", None, TypeError),
        ("dead_letter", 7, TypeError),
        ("executor", 7, TypeError),
        ("stop_timeout", -1, ValueError),
        ("partitions", 0, ValueError),
        ("no_such_option", 1, TypeError),
    ],
)
def test_bad_options_are_explained(option, value, error):
    with pytest.raises(error, match=option):
        QueueBuffer("test", print, **{option: value})


@pytest.mark.parametrize("processor", [None, (), "print", ("print", 1)])
def test_a_processor_is_callable(processor):
    with pytest.raises(TypeError, match="processor"):
        QueueBuffer("test", processor)


def test_a_name_is_a_str():
    with pytest.raises(TypeError, match="name"):
        MapBuffer(7, print)


# --- Flush and stop.


def test_flush_tells_what_it_could_not_wait_for():
    gate = Gate()
    with queue(gate, processing_batch_size=2) as q:
        q.push_many(range(5))
        assert q.flush(timeout=0.01)["left"] == 5
        gate.opened.set()
        assert q.flush() == {"processed": 5, "dead": 0, "failed": 0, "dropped": 0, "left": 0}
        assert q.flush() == {"processed": 0, "dead": 0, "failed": 0, "dropped": 0, "left": 0}


def test_flush_of_what_came_before():
    gate = Gate()
    with queue(gate, processing_batch_size=1) as q:
        q.push(1)
        report = []
        thread = threading.Thread(target=lambda: report.append(q.flush()))
        thread.start()
        assert gate.entered.acquire(timeout=30)
        q.push(2)  # after it
        gate.opened.set()
        thread.join(30)
        assert report == [{"processed": 1, "dead": 0, "failed": 0, "dropped": 0, "left": 0}]
        assert q.size() == 1


def test_a_stopped_buffer(got):
    q = queue(got.extend)
    q.push_many([1, 2])
    report = q.stop()
    assert report == {"processed": 2, "dead": 0, "failed": 0, "dropped": 0, "left": 0, "in_doubt": 0}
    assert (report.processed, report.left) == (2, 0)
    with pytest.raises(AttributeError):
        _ = report.no_such
    assert q.stop() is report
    for call in (lambda: q.push(3), lambda: q.push_many([3]), lambda: asyncio.run(q.apush(3))):
        with pytest.raises(BufferStoppedError, match="was stopped"):
            call()
    assert q.flush()["left"] == 0
    assert q.stats()["stopped"]
    assert "stopped" in repr(q)
    assert got == [1, 2]


def test_stop_is_bounded_and_tells_what_is_left():
    gate = Gate()
    q = queue(gate, processing_batch_size=1, processing_timeout=0.01)
    q.push_many([1, 2, 3])
    report = q.stop(timeout=0.2)
    assert (report.processed, report.left) == (0, 3)
    assert q.flush()["left"] == 3  # and does not wait
    gate.opened.set()
    ended = threading.Event()
    while q.stats()["processed"] == 0:  # the late result counts
        ended.wait(0.001)
    stats = check_balance(q.stats())
    assert (stats["processed"], stats["buffered"]) == (1, 2)


def test_stops_side_by_side(got):
    q = queue(got.extend)
    q.push(1)
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(q.stop())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert got == [1]
    assert len(reports) == 4
    assert len({id(report) for report in reports}) == 1


def test_a_buffer_that_nobody_holds_is_processed(got):
    done = threading.Event()
    q = queue(lambda batch: (got.extend(batch), done.set()))
    q.push(1)
    del q
    gc.collect()
    assert done.wait(30)
    assert got == [1]


def test_pushes_of_many_threads_are_all_processed():
    lock = threading.Lock()
    got = []

    def processor(batch):
        with lock:
            got.extend(batch)

    def produce(thread):
        for i in range(2000):
            q.push((thread, i))

    with queue(processor, partitions=3, flush_at=50, max_items=500, processing_batch_size=37) as q:
        threads = [threading.Thread(target=produce, args=(t,)) for t in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            check_balance(q.stats())
        for thread in threads:
            thread.join()
    assert sorted(got) == [(t, i) for t in range(4) for i in range(2000)]


# --- What it shows.


def test_stats_balance_and_tell(got):
    with queue(got.extend, partitions=2) as q:
        assert q.stats()["oldest_age"] is None
        q.push_many(range(10))
        stats = check_balance(q.stats())
        assert stats["name"] == "test"
        assert stats["type"] == "queue"
        assert stats["oldest_age"] >= 0
        assert sum(stats["partition_sizes"]) == stats["open"] == stats["buffered"] == 10
        q.flush()
        assert q.stats()["batches"] >= 1


def test_it_shows_itself():
    with QueueBuffer("a <name>", len, processing_interval=3600, partitions=40) as q:
        assert repr(q) == "<partita.QueueBuffer 'a <name>', 0 buffered>"
        assert text_of(q) == {
            "": "QueueBuffer 'a <name>', running",
            "came in": "0",
            "here": "0",
            "gone": "0",
            "calls turned away": "0",
            "work": "0",
            "buffered by partition": ", ".join(["0"] * 32) + " and 8 more",
        }
        q.push_many(range(2000))
        q.flush()
        q.push(1, partition_key="x")
        shown = text_of(q)
        assert shown["came in"] == "2,001 pushed"
        assert re.fullmatch(r"1 buffered\n\d+ bytes, the oldest for \S+ s", shown["here"])
        assert shown["gone"] == "2,000 processed"
    assert text_of(q)[""].endswith("stopped")
    with mapped(print) as m, pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(m)


def test_a_durable_one_shows_its_file(tmp_path):
    with queue(len, durable=tmp_path / "a<b") as q:
        assert re.fullmatch(re.escape(f"{tmp_path}/a<b, open, log of ") + r"[\d,]+ bytes", text_of(q)["file"])


def text_of(buffer):
    """What it shows in a notebook, as {head: text}."""
    shown = {}
    head = ""
    for element in ElementTree.fromstring(buffer._repr_html_()).iter():
        if element.tag == "caption":
            shown[""] = element.text
        elif element.tag == "th":
            head = element.text or head
        elif element.tag == "td":
            shown[head] = f"{shown[head]}\n{element.text}" if head in shown else element.text
    return shown


def test_events(got):
    events = []
    detach = telemetry.attach(lambda *event: events.append(event), "partita.buffer.p")
    broken = []

    def breaks(*event):
        broken.append(event)
        raise OSError("the handler is at fault")

    detach_broken = telemetry.attach(breaks)

    def processor(batch):
        if len(got) == 0:
            got.append(1)
            raise ValueError("once")

    with queue(processor) as q:
        q.push_many([1, 2])
    detach()
    detach_broken()
    detach()
    assert len(broken) == 1
    assert [event[0].removeprefix("partita.buffer.") for event in events] == [
        "partition.start",
        "processing.start",
        "processing.exception",
        "processing.start",
        "processing.stop",
        "partition.stop",
    ]
    assert [event[1].get("items") for event in events] == [None, 2, 2, 2, 2, None]
    assert all(event[2]["name"] == "test" and event[2]["partition"] == 0 for event in events)
    assert isinstance(events[2][2]["error"], ValueError)
    assert events[4][1]["duration"] >= 0
    assert set(events[1][1]) == {"system_time", "items", "attempt", "depth", "bytes", "oldest_age"}


def test_events_of_failures_and_overflow():
    events = []
    overflowed = threading.Event()

    def handler(event, measurements, metadata):
        events.append((event.removeprefix("partita.buffer."), measurements, metadata))
        if event.endswith("overflow"):
            overflowed.set()

    def processor(batch):
        raise ValueError("never")

    detach = telemetry.attach(handler)
    with queue(processor, max_items=1, overflow="drop_newest", max_retries=0) as q:
        q.push_many([1, 2, 3])
        assert overflowed.wait(30)
    detach()
    told = {event: (measurements, metadata) for event, measurements, metadata in events}
    assert sum(m["dropped"] for e, m, _ in events if e == "overflow") == 2
    assert told["processing_failed"][1]["reason"] == "retries"
    assert told["dead_letter"] == (
        {"items": 1},
        {"name": "test", "type": "queue", "partition": 0, "kept": 1, "error": told["dead_letter"][1]["error"]},
    )


def test_events_are_those_of_the_page():
    """Each event happens, with the measurements and metadata that docs/buffers.md says."""
    told = collections.defaultdict(set)
    overflowed = threading.Event()
    late = threading.Event()

    def handler(event, measurements, metadata):
        told[event.removeprefix("partita.buffer.")].add((tuple(sorted(measurements)), tuple(sorted(metadata))))
        if event.endswith("overflow"):
            overflowed.set()
        if metadata.get("reason") == "timeout":
            late.set()

    def processor(batch):
        if batch == ["late"]:
            assert late.wait(30)
        if batch == ["bad"]:
            raise ValueError(batch)

    detach = telemetry.attach(handler)
    with queue(processor, max_items=1, overflow="drop_newest", max_retries=0, processing_timeout=0.01) as q:
        for item in "good", "bad", "late":
            q.push(item)
            q.flush()
        q.push_many([1, 2])
        assert overflowed.wait(30)
    detach()
    assert dict(told) == {event: {said} for event, said in events_of_the_page()}


def events_of_the_page():
    page = (Path(__file__).resolve().parents[2] / "docs" / "buffers.md").read_text(encoding="utf-8")
    table = page.partition("## Events")[2].partition("| --- |")[2].partition("\n\n")[0]
    for line in table.splitlines()[1:]:
        event, _, measurements, metadata = (re.findall(r"`([\w.]+)`", cell) for cell in line.strip("|").split("|"))
        common = {"name", "type", "partition"}
        if event == ["overflow"]:
            assert metadata == ["partition"]  # "no `partition`"
            common, metadata = {"name", "type"}, []
        yield event[0], (tuple(sorted(measurements)), tuple(sorted(common | set(metadata))))


@pytest.mark.parametrize(("handler", "prefix"), [(None, ""), (print, 7)])
def test_bad_handlers(handler, prefix):
    with pytest.raises(TypeError):
        telemetry.attach(handler, prefix)
