"""Buffers: every call and every option, by what a processor gets and what the books say."""

import asyncio
import concurrent.futures
import copy
import functools
import gc
import logging
import pickle
import threading

import pytest

import partita
from helpers.buffers import Gate, check_balance, mapped, queue
from partita import telemetry
from partita.buffers import MapBuffer, QueueBuffer
from partita.errors import BufferFullError, BufferStoppedError, Retry


@pytest.fixture
def got():
    return []


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


def test_keys_of_a_map_are_terms():
    with mapped(print) as m:
        for call in (lambda: m.put(object(), 1), lambda: m.get(object()), lambda: m.delete(object())):
            with pytest.raises(TypeError, match="cannot be a key"):
                call()


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
        await asyncio.sleep(0)
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


# --- Failures.


def test_a_batch_is_tried_again_whole_and_in_order(got):
    def processor(batch):
        got.append(list(batch))
        batch.clear()  # the next try gets another list
        if len(got) < 3:
            raise ValueError("not yet")

    with queue(processor) as q:
        q.push_many(range(5))
        q.push(5)
        assert q.flush()["processed"] == 6
        assert q.stats()["retries"] == 2
    assert got == [list(range(6))] * 3


def test_delays_grow_up_to_the_most():
    with queue(print, retry_delay=0.1, retry_delay_max=1) as q:
        delays = [q._processing._delay(tries) for tries in range(1, 8)]
    assert delays[:4] == sorted(delays[:4])
    assert all(0.075 * 2**i <= delay <= 0.1 * 2**i for i, delay in enumerate(delays[:4]))
    assert max(delays) <= 1


def test_halving_finds_the_items_that_fail(got, logged):
    def processor(batch):
        got.append(list(batch))
        if {3, 6} & set(batch):
            raise ValueError("three or six")

    with queue(processor, max_retries=1, processing_batch_size=8) as q:
        q.push_many(range(8))
        assert q.flush() == {"processed": 6, "dead": 0, "failed": 2, "dropped": 0, "left": 0}
        assert q.failed == [3, 6]
    whole = list(range(8))
    assert got == [whole, whole, whole[:4], [0, 1], [2, 3], [2], [3], whole[4:], [4, 5], [6, 7], [6], [7]]
    assert logged == [
        "the processor of buffer 'test' failed 2 times on a batch of partition 0",
        "buffer 'test' keeps 2 items in `failed`",
    ]


def test_retry_names_what_is_left(got):
    def processor(batch):
        got.append(list(batch))
        if len(got) < 3:
            raise Retry(batch[1:])

    with queue(processor) as q:
        q.push_many(["a", "b", "c", "d"])
        assert q.flush()["processed"] == 4
    assert got == [["a", "b", "c", "d"], ["b", "c", "d"], ["c", "d"]]


def test_retry_of_equal_items_and_of_copies(got):
    def processor(batch):
        got.append(list(batch))
        if len(got) == 1:
            raise Retry([batch[2], copy.copy(batch[0]), [1]])

    with queue(processor) as q:
        q.push_many([[1], [2], [1], [1]])
    assert got[1] == [[1], [1], [1]]


def test_retry_of_nothing_and_of_strangers(got, logged):
    def processor(batch):
        got.append(list(batch))
        raise Retry([] if len(got) == 2 else ["a stranger"])

    with queue(processor) as q:
        q.push_many([1, 2])
        assert q.flush()["processed"] == 2
    assert got == [[1, 2], [1, 2]]
    assert logged == ["Retry names what is no item of the batch: the batch is retried whole"]


def test_retry_until_the_tries_are_used_up(got):
    def processor(batch):
        got.append(list(batch))
        raise Retry(item for item in batch if item % 2)

    with queue(processor, max_retries=1) as q:
        q.push_many(range(4))
        report = q.flush()
        assert (report.processed, report.failed) == (2, 2)
        assert q.failed == [1, 3]
    assert got == [[0, 1, 2, 3], [1, 3], [1], [3]]


def test_dead_letters_go_to_a_callable():
    dead = []

    def processor(batch):
        raise ValueError("never")

    with queue(processor, max_retries=0, dead_letter=dead.append) as q:
        q.push_many([1, 2])
        assert q.flush()["dead"] == 2
        assert q.failed == []
    assert dead == [1, 2]


def test_dead_letters_go_to_a_table():
    dead = partita.Table()

    def processor(batch):
        raise ValueError("never")

    with queue(processor, max_retries=0, dead_letter=dead) as q:
        q.push_many([(1, "a"), 2])
        assert q.flush()["dead"] == 2
    assert sorted(row[1] for row in dead if row[1] == 2) == [2]
    assert {row[2] for row in dead} == {"ValueError('never')"}
    assert {row[0][:3] for row in dead} == {("test", 0, 0), ("test", 0, 1)}


def test_dead_letters_go_to_a_file(tmp_path):
    path = tmp_path / "dead.partita"

    def processor(batch):
        raise ValueError("never")

    for item in "a", "b":
        with queue(processor, max_retries=0, dead_letter=path) as q:
            q.push(item)
            assert q.flush()["dead"] == 1
    assert sorted(row[1] for row in partita.load(path)) == ["a", "b"]


def test_dead_letters_that_nobody_takes_are_kept():
    def processor(batch):
        raise ValueError("never")

    def refuse(item):
        if item == 1:
            raise OSError("no")

    dropped = partita.Table()
    dropped.drop()
    for dead_letter, kept in ((refuse, [1]), (dropped, [1, 2])):
        with queue(processor, max_retries=0, dead_letter=dead_letter) as q:
            q.push_many([1, 2])
            q.flush()
            assert q.failed == kept
            check_balance(q.stats())


def test_what_no_exception_class_of_errors_stops(got):
    def processor(batch):
        got.append(batch)
        raise SystemExit if len(got) == 1 else KeyboardInterrupt

    with queue(processor, max_retries=1) as q:
        q.push(1)
        assert q.flush()["failed"] == 1


# --- Runs past their time.


def test_a_run_past_its_time_is_in_doubt_until_it_ends():
    gate = Gate()
    with queue(gate, processing_timeout=0.01) as q:
        q.push(1)
        assert q.flush(timeout=0)["left"] == 1
        assert gate.entered.acquire(timeout=30)
        failed = threading.Event()
        detach = telemetry.attach(lambda *_: failed.set(), "partita.buffer.processing_failed")
        assert failed.wait(30)
        detach()
        stats = check_balance(q.stats())
        assert (stats["in_doubt"], stats["in_flight"], stats["timeouts"]) == (1, 0, 1)
        q.push(2)
        assert q.flush(timeout=0)["left"] == 2  # it holds its partition
        gate.opened.set()
        assert q.flush()["left"] == 0
        assert check_balance(q.stats())["processed"] == 2  # a late result counts


def test_a_coroutine_past_its_time_is_cancelled():
    cancelled = []

    async def processor(batch):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(batch)
            raise

    with queue(processor, processing_timeout=0.01, max_retries=0) as q:
        q.push(1)
        assert q.flush()["failed"] == 1
    assert cancelled == [[1]]


# --- Full buffers.


def test_overflow_raise(got):
    with queue(got.extend, max_items=2, overflow="raise") as q:
        q.push_many([1, 2])
        with pytest.raises(BufferFullError, match="max_items=2"):
            q.push(3)
        with pytest.raises(BufferFullError):
            q.push_many([3, 4])
        q.flush()
        q.push(5)
        assert check_balance(q.stats())["refused"] == 2
    assert got == [1, 2, 5]


@pytest.mark.parametrize(("overflow", "left"), [("drop_oldest", [3, 4]), ("drop_newest", [1, 2])])
def test_overflow_drops(overflow, left):
    gate = Gate()
    with queue(gate, max_items=3, overflow=overflow, flush_at=1) as q:
        q.push(0)
        assert gate.entered.acquire(timeout=30)
        q.push_many([1, 2, 3, 4])
        assert check_balance(q.stats())["dropped"] == 2
        gate.opened.set()
    assert [item for batch in gate.batches for item in batch] == [0, *left]


def test_overflow_block_waits_for_room():
    gate = Gate()
    with queue(gate, max_items=2, processing_batch_size=1) as q:
        q.push_many([1, 2])
        with pytest.raises(BufferFullError, match=r"within 0.01 s"):
            q.push(3, timeout=0.01)
        with pytest.raises(BufferFullError, match="max_items=2"):
            q.push(3, timeout=0)
        assert gate.entered.acquire(timeout=30)  # a full buffer does not wait for its interval
        thread = threading.Thread(target=q.push, args=(3,))
        thread.start()
        gate.opened.set()
        thread.join(30)
        assert not thread.is_alive()
    assert gate.batches == [[1], [2], [3]]


def test_max_bytes():
    with queue(print, max_bytes=100, overflow="raise") as q:
        q.push("x" * 50)
        with pytest.raises(BufferFullError, match="max_bytes=100"):
            q.push("x" * 50)
        with pytest.raises(ValueError, match="an item of 205 bytes is larger than max_bytes"):
            q.push("x" * 200)
        assert q.stats()["bytes"] == 55


def test_a_replacement_needs_no_room(got):
    with mapped(got.extend, max_items=1, overflow="raise") as m:
        m.put("a", 1)
        m.put("a", 2)
        with pytest.raises(BufferFullError):
            m.put("b", 1)
        m.delete("a")
        m.put("b", 2)
    assert got == [("b", 2, 0, 0)]


def test_a_map_drops_too(got):
    with mapped(got.extend, max_items=2, overflow="drop_oldest") as m:
        m.put_all({"a": 1, "b": 2, "c": 3})
        assert m.put_newer("d", 4, 1)
    assert sorted(row[0] for row in got) == ["c", "d"]
    with mapped(got.extend, max_items=1, overflow="drop_newest") as m:
        m.put("a", 1)
        assert not m.put_newer("b", 1, 1)


def test_the_processor_may_push_to_its_own_buffer(got):
    def processor(batch):
        got.extend(batch)
        for item in batch:
            if item < 100:
                q.push(item + 1)  # never waits

    with queue(processor, max_items=1, flush_at=1) as q:
        q.push(0)
        q.flush()
    assert got == list(range(101))  # drained to the last, also while it stops
    assert check_balance(q.stats())["overruns"] > 0


def test_a_coroutine_may_push_to_its_own_buffer(got):
    async def processor(batch):
        got.extend(batch)
        for item in batch:
            if item < 20:
                q.push(item + 1)

    with queue(processor, max_items=1) as q:
        q.push(0)
    assert got == list(range(21))


def test_a_processor_does_not_wait_for_itself(got):
    def processor(batch):
        for call in (q.flush, q.stop):
            with pytest.raises(RuntimeError, match="would wait for itself"):
                call()
            got.append(call)

    with queue(processor) as q:
        q.push(1)
    assert len(got) == 2


def test_a_push_that_would_stop_an_event_loop_names_the_other():
    async def main():
        await q.apush(1)
        with pytest.raises(BufferFullError, match="apush"):
            q.push(2)
        waiting = asyncio.ensure_future(q.apush(2))
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.opened.set()
        await waiting

    gate = Gate()
    with queue(gate, max_items=1) as q:
        asyncio.run(main())
    assert gate.batches == [[1], [2]]


def test_aput_and_an_await_that_does_not_wait(got):
    async def main():
        await m.aput("a", 1)
        with pytest.raises(BufferFullError, match="aput"):
            m.put("b", 2)
        m.update_options(overflow="raise")
        with pytest.raises(BufferFullError):
            await m.aput("b", 2)

    with mapped(got.extend, max_items=1) as m:
        m.update_options(processing_interval=3600)
        m._processing.ask_for_room = lambda: None  # so that the interval alone makes room
        asyncio.run(main())


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
    with QueueBuffer("a <name>", print, processing_interval=3600) as q:
        html = q._repr_html_()
        assert "a &lt;name&gt;" in html
        assert "in_flight" in html
        assert repr(q) == "<partita.QueueBuffer 'a <name>', 0 buffered>"
    with mapped(print) as m, pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(m)


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


@pytest.mark.parametrize(("handler", "prefix"), [(None, ""), (print, 7)])
def test_bad_handlers(handler, prefix):
    with pytest.raises(TypeError):
        telemetry.attach(handler, prefix)
