"""Buffers among code that does what it should not: handlers, executors, event loops, destructors, exhausted systems."""

import asyncio
import concurrent.futures
import concurrent.futures.process
import functools
import gc
import threading
import weakref

import pytest

import partita
from helpers.buffers import Gate, check_balance, logged, mapped, played_scheduler, queue  # noqa: F401
from partita import scheduling, telemetry
from partita.errors import BufferFullError, Retry


@pytest.fixture
def got():
    return []


def fail(batch):
    raise ValueError("never")


class Stop(BaseException):
    pass


# --- Dead letters.


def test_a_file_takes_the_dead_letters_of_all(tmp_path):
    path = tmp_path / "dead.partita"
    options = {"partitions": 4, "max_retries": 0, "dead_letter": path, "processing_batch_size": 5}
    with queue(fail, **options) as a, queue(fail, **options) as b:
        for first in range(0, 200, 50):
            a.push_many(range(first, first + 50))
            b.push_many(range(first + 1000, first + 1050))
            assert a.flush()["dead"] == b.flush()["dead"] == 50
        rows = partita.load(path)  # a flush saves it
        assert sorted(row[1] for row in rows) == [*range(200), *range(1000, 1200)]
        a.stop()
        b.push("late")
    assert len(partita.load(path)) == 401


def test_a_dead_letter_that_is_not_awaited(got):
    async def coroutine_function(item):
        got.append(item)

    for wrong in coroutine_function, functools.partial(coroutine_function):
        with pytest.raises(TypeError, match="not awaited"):
            queue(fail, dead_letter=wrong)
    with queue(fail, max_retries=0, dead_letter=lambda item: coroutine_function(item)) as q:
        q.push(1)
        assert q.flush()["failed"] == 1
        assert q.failed == [1]
    assert got == []


def test_what_is_given_up_is_as_it_was_pushed(got):
    def processor(batch):
        for item in batch:
            item.clear()
        raise ValueError("never")

    with queue(processor, max_retries=1, dead_letter=got.append) as q:
        q.push_many([{"a": 1}, [2, 3]])
        q.flush()
    assert got == [{"a": 1}, [2, 3]]


class Breaking:
    """Cannot be made from its pickle once `broken` says so."""

    broken = False

    def __reduce__(self):
        return (_make_breaking, ())


def _make_breaking():
    if Breaking.broken:
        raise SystemExit
    return Breaking()


@pytest.fixture
def breaking():
    yield Breaking()
    Breaking.broken = False


@pytest.mark.parametrize("size", [10, "table"])
@pytest.mark.parametrize("make", [queue, mapped])
def test_items_that_break_between_two_tries(make, size, breaking, got):
    def processor(batch):
        Breaking.broken = True
        got.append(len(batch))
        raise ValueError("never")

    dead = []
    with make(processor, max_retries=1, processing_batch_size=size, dead_letter=dead.append) as b:
        for i in range(3):
            b.push(i) if make is queue else b.put(i, i)
        b.push(breaking) if make is queue else b.put(3, breaking)
        report = b.flush()
        assert (report.dead, report.failed, report.left) == (3, 1, 0)
        assert [type(error) for error in b.failed] == [SystemExit]
        check_balance(b.stats())
    assert got == [4, 3, 1, 2, 1, 1]
    assert sorted(item if make is queue else item[1] for item in dead) == [0, 1, 2]


# --- Retry.


@pytest.mark.parametrize("make", [queue, mapped])
def test_rows_of_a_table_are_known_by_their_keys(make, got):
    class Unequal:
        __eq__ = None

        def __reduce__(self):
            return (object, ())

    def processor(table):
        rows = sorted(table, key=lambda row: row[0])
        got.append([row[0] for row in rows])
        if len(got) == 1:
            raise Retry(rows[1:])

    with make(processor, processing_batch_size="table") as b:
        for i, value in enumerate([1, float("nan"), Unequal()]):
            b.push(value) if make is queue else b.put(i, value)
        assert b.flush()["processed"] == 3
    assert got == [[0, 1, 2], [1, 2]]


def test_a_retry_without_items(logged):  # noqa: F811
    class Bare(Retry):
        def __init__(self):
            pass

    def processor(batch):
        raise Bare

    with queue(processor, max_retries=0) as q:
        q.push(1)
        assert q.flush()["failed"] == 1
    assert logged[0] == "Retry names what is no item of the batch: the batch is retried whole"


def test_delays_after_very_many_tries():
    with queue(print, retry_delay=0.1, retry_delay_max=1) as q:
        assert q._processing.options.delay(5000) <= 1


# --- Event loops.


def test_a_coroutine_that_raises_what_ends_event_loops(got):
    async def processor(batch):
        got.append(batch)
        raise (SystemExit, KeyboardInterrupt, asyncio.CancelledError)[len(got) % 3]

    async def other(batch):
        got.append(batch)

    with queue(processor, max_retries=2) as q, queue(other) as o:
        q.push(1)
        assert q.flush(30)["failed"] == 1
        o.push(2)
        assert o.flush(30)["processed"] == 1
    assert got == [[1], [1], [1], [2]]


def test_tasks_that_end_the_event_loop_or_cancel_all(got):
    async def exit_loop():
        raise SystemExit

    async def processor(batch):
        if batch == [0]:
            asyncio.get_running_loop().stop()
        elif batch == [1]:
            got.append(asyncio.ensure_future(exit_loop()))
        else:
            for task in asyncio.all_tasks():
                task.cancel()
        await asyncio.to_thread(int)

    with queue(processor, processing_batch_size=1, max_retries=0) as q:
        q.push_many([0, 1, 2])
        report = q.flush(30)
        assert (report.processed, report.failed) == (2, 1)


def test_waiting_inside_of_the_event_loop_is_refused(got):
    async def processor(batch):
        for call in other.flush, other.stop:
            with pytest.raises(RuntimeError, match=r"asyncio\.to_thread"):
                call()
        await asyncio.to_thread(other.flush)
        got.append(batch)

    async def nothing(batch):
        pass

    with queue(nothing) as other, queue(processor) as q:
        other.push(1)
        q.push(2)
        assert q.flush(30)["processed"] == 1
    assert got == [[2]]


def test_a_task_that_a_coroutine_leaves_behind_is_not_inside(got):
    async def later():
        await go.wait()
        got.append(q._processing.is_inside())
        done.set()

    async def processor(batch):
        nonlocal go
        go = asyncio.Event()
        loops.append((asyncio.get_running_loop(), asyncio.ensure_future(later())))
        got.append(q._processing.is_inside())

    go, done, loops = None, threading.Event(), []
    q = queue(processor)
    q.push(1)
    q.stop()
    loops[0][0].call_soon_threadsafe(go.set)
    assert done.wait(30)
    assert got == [True, False]


# --- Processors.


def test_a_processor_that_is_replaced_in_mid_run(got):
    def plain(batch):
        got.append(("plain", batch, threading.current_thread().name.startswith("partita-worker")))

    async def coroutine(batch):
        got.append(("coroutine", batch))
        q.update_options(processor=plain)

    with queue(coroutine, processing_batch_size=2) as q:
        q.push_many(range(4))
        assert q.flush(30)["processed"] == 4
        assert q.stats()["exceptions"] == 0
    assert got == [("coroutine", [0, 1]), ("plain", [2, 3], True)]


@pytest.mark.parametrize("make", [queue, mapped])
@pytest.mark.parametrize(("before", "after"), [(10, "table"), ("table", 10)])
def test_lists_or_tables_are_given_as_the_options_say_now(make, before, after, got):
    def processor(batch):
        got.append(batch)
        if len(got) == 1:
            b.update_options(processing_batch_size=after)
            raise ValueError("once")

    with make(processor, processing_batch_size=before) as b:
        for i in range(3):
            b.push(i) if make is queue else b.put(i, i)
        assert b.flush(30)["processed"] == 3
    assert [isinstance(batch, partita.Table) for batch in got] == [before == "table", after == "table"]
    assert len(got[1]) == 3


def test_only_partial_and_methods_are_looked_through(got):
    async def function(batch):
        got.append("never")

    class Callable:
        def __init__(self):
            self.func = function

        def __call__(self, batch):
            got.append(threading.current_thread().name.startswith("partita-worker"))

    with queue(Callable()) as q:
        q.push(1)
        assert q.flush(30)["processed"] == 1
    assert got == [True]


def test_generator_functions_are_no_processors():
    def generator(batch):
        yield batch

    async def asynchronous(batch):
        yield batch

    for wrong in generator, asynchronous, (generator, 1), functools.partial(generator):
        with pytest.raises(TypeError, match="generator function"):
            queue(wrong)


class Item:
    """A copy of which is known when it goes."""


def test_batches_that_failed_go_without_the_collector():
    def processor(batch):
        seen.append(weakref.ref(batch[0]))
        raise ValueError(batch[0])

    seen = []
    gc.collect()
    gc.disable()
    try:
        with queue(processor, max_retries=1, dead_letter=lambda item: None) as q:
            q.push(Item())
        assert [ref() for ref in seen] == [None] * 2
    finally:
        gc.enable()


# --- Handlers.


@pytest.mark.parametrize("event", ["processing.start", "processing.stop", "processing.exception", "dead_letter"])
def test_a_handler_may_raise_anything(event, got):
    def handler(name, measurements, metadata):
        raise Stop

    def processor(batch):
        got.append(list(batch))
        if batch == ["bad"]:
            raise ValueError("bad")

    dead = []
    with queue(processor, max_retries=0, processing_batch_size=1, dead_letter=dead.append) as q:
        detach = telemetry.attach(handler, "partita.buffer." + event)
        q.push_many(["good", "bad", "fine"])
        report = q.flush(30)
        detach()
        assert (report.processed, report.dead) == (2, 1)
        assert got == [["good"], ["bad"], ["fine"]]
        assert q._processing.is_inside() is False
    assert dead == ["bad"]
    assert telemetry.handlers == {}


def test_a_handler_of_the_log_may_raise_anything(monkeypatch):
    class Log:
        def __getattr__(self, name):
            raise Stop

    monkeypatch.setattr(scheduling, "log", Log)
    with queue(fail, max_retries=0) as q:
        q.push(1)
        assert q.flush(30)["failed"] == 1
    monkeypatch.undo()


def test_what_is_called_beside_the_processor_does_not_wait_for_it(got):
    def dead_letter(item):
        got.append(item)
        if item < 3:
            q.push(item + 1)  # the buffer is full
        with pytest.raises(RuntimeError, match="wait for itself"):
            q.flush()

    with queue(fail, max_items=1, max_retries=0, dead_letter=dead_letter) as q:
        q.push(1)
        q.flush(30)
    assert got == [1, 2, 3]


def test_a_destructor_on_the_thread_that_all_need(got):
    def call():
        full.push(2)
        for wait in full.flush, full.stop:
            with pytest.raises(RuntimeError, match="wait for itself"):
                wait()
        called.set()

    gate, called = Gate(), threading.Event()
    with queue(gate, max_items=1) as full:
        full.push(1)
        full.flush(timeout=0)
        assert gate.entered.acquire(timeout=30)
        scheduling.scheduler().call_soon(call)
        assert called.wait(30)
        gate.opened.set()
    assert gate.batches == [[1], [2]]


def test_handlers_come_and_go_in_each_others_events(got):
    def first(name, measurements, metadata):
        detach()
        detach()
        detachers.append(telemetry.attach(lambda *_: got.append("third")))

    detach = telemetry.attach(first)
    detachers = [telemetry.attach(lambda *_: got.append("second"))]
    telemetry.emit("x", {}, {})
    telemetry.emit("x", {}, {})
    for end in detachers:
        end()
    assert got == ["second", "second", "third"]
    assert not telemetry.handlers


# --- Executors.


def test_an_executor_that_takes_runs_and_gives_them_up(got):
    gate = threading.Event()
    executor = concurrent.futures.ThreadPoolExecutor(1)
    executor.submit(gate.wait)
    with queue(got.extend, executor=executor) as q:
        q.push(1)
        q.flush(timeout=0)
        submitted = threading.Event()
        scheduling.scheduler().call_soon(lambda: scheduling.scheduler().workers.submit(submitted.set))
        assert submitted.wait(30)
        executor.shutdown(wait=False, cancel_futures=True)
        assert q.flush(30)["left"] == 0
        gate.set()
        q.push(2)
        assert q.flush(30)["processed"] == 1
    assert got == [1, 2]


def test_an_executor_that_breaks(got, monkeypatch):
    def initializer():
        raise OSError("no")

    executor = concurrent.futures.ThreadPoolExecutor(1, initializer=initializer)
    with queue(got.extend, executor=executor) as q:
        for i in range(2):
            q.push(i)
            assert q.flush(30)["processed"] == 1
    assert got == [0, 1]


def test_an_executor_whose_submit_takes_its_time(got):
    class Inline:
        def submit(self, call):
            call()  # and answers with no future

    gate = Gate()
    with queue(gate, executor=Inline()) as q, queue(got.extend) as other:
        q.push(1)
        q.flush(timeout=0)
        assert gate.entered.acquire(timeout=30)
        other.push(2)
        assert other.flush(30)["processed"] == 1
        gate.opened.set()
    assert got == [2]


def test_processes_are_no_executor():
    with (
        concurrent.futures.process.ProcessPoolExecutor(1) as executor,
        pytest.raises(TypeError, match="cannot leave the buffer's process"),
    ):
        queue(print, executor=executor)


# --- Threads and files that cannot be had.


def test_a_scheduler_that_cannot_start(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    before = dict(scheduling._current)
    scheduling._current.clear()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="new thread"):
                queue(print)
            scheduling.scheduler()._threads.clear()
        with queue(print) as q:
            q.push(1)
            assert q.flush(30)["processed"] == 1
    finally:
        scheduling._current.clear()
        scheduling._current.update(before)


def test_workers_that_cannot_start():
    class Clock(scheduling.Scheduler):
        now = 0.0

        def __init__(self):
            super().__init__(lambda: self.now)

    scheduler = Clock()
    workers = scheduler.workers
    start, done = workers._start, threading.Event()

    def refuse():
        raise RuntimeError("can't start new thread")

    workers._start = refuse
    workers.submit(done.set)
    workers._start = start
    scheduler.now = 1.0
    scheduler.run_pending()
    assert done.wait(30)


def test_an_event_loop_that_cannot_start(got, monkeypatch, logged):  # noqa: F811
    async def processor(batch):
        got.append(batch)

    def refuse():
        raise OSError(24, "Too many open files")

    with played_scheduler() as scheduler:
        q = queue(processor)
        with monkeypatch.context() as patch:
            patch.setattr(scheduling, "event_loop", refuse)
            with pytest.raises(OSError, match="Too many"):
                queue(processor)
            q.push(1)
            q.flush(timeout=0)
            scheduler.pass_time(0)
            assert logged == ["no run of buffer 'test' can begin, which is tried again"]
        ran = threading.Event()
        q.update_options(processor=lambda batch: ran.set())
        scheduler.pass_time(1)
        assert ran.is_set()
        q._processing.end()


# --- What the scheduler decides.


def test_a_push_into_another_partition_while_the_buffer_drains(got):
    def processor(batch):
        got.extend(batch)
        if "first" in batch:
            q.push("second", partition_key=keys[1])

    keys = {}
    with played_scheduler() as scheduler:
        q = queue(processor, partitions=2)
        while len(keys) < 2:
            before = q.stats()["partition_sizes"][0]
            key = sum(q.stats()["partition_sizes"])
            q.push("", partition_key=key)
            keys[int(q.stats()["partition_sizes"][0] == before)] = key
        q.flush(timeout=0)
        scheduler.pass_time(0)
        got.clear()
        q.push("first", partition_key=keys[0])
        p = q._processing
        p.control.drain()
        scheduler.call_soon(p.drain)
        scheduler.pass_time(0)
        assert p.drained.is_set()
        p.end()
    assert got == ["first", "second"]


def test_flush_at_while_a_run_is_under_way(got):
    with played_scheduler() as scheduler:
        q = queue(got.append, flush_at=2)
        for i in range(6):
            q.push(i)
            scheduler.run_pending()
        scheduler.play()
        assert got == [[0, 1], [2, 3, 4, 5]]
        q._processing.end()


def test_a_flush_starts_no_run_for_nothing():
    with played_scheduler() as scheduler:
        q = queue(print, partitions=64)
        q.flush(timeout=0)
        scheduler.run_pending()
        assert scheduler.tasks == []
        assert q.stats()["runs"] == 0
        q._processing.end()


def test_drops_while_the_overflow_is_told(got):
    class Control:
        """In which another thread drops an item as soon as the books were read."""

        def __init__(self, control):
            self.control = control

        def __getattr__(self, name):
            return getattr(self.control, name)

        def stats(self):
            stats = self.control.stats()
            if not got:
                got.append("read")
                q.push(3)
            return stats

    def handler(name, measurements, metadata):
        got.append(measurements["dropped"])

    with played_scheduler() as scheduler:
        q = queue(Gate(), max_items=1, overflow="drop_newest")
        scheduler.run_pending()
        q._processing.control = Control(q._processing.control)
        detach = telemetry.attach(handler, "partita.buffer.overflow")
        q.push_many([1, 2])
        scheduler.run_pending()
        detach()
        q._processing.end()
    assert got == ["read", 1, 1]


def test_the_task_of_a_later_call_is_not_cancelled(got, monkeypatch):
    """The call that is past its time ends while that is reported, and the next one has begun."""

    class Task:
        def __init__(self, name):
            self.cancel = lambda: got.append(name)

    def report(message, *arguments, **options):
        lane.task = Task("later")

    class Loop:
        def call_soon_threadsafe(self, call):
            call()

    with played_scheduler() as scheduler:
        q = queue(print, processing_timeout=10)
        q.push(1)
        q.flush(timeout=0)
        scheduler.run_pending()
        [lane] = q._processing.lanes
        run = scheduler.tasks.pop().__self__
        assert run._prepare()
        run._begin_call()
        lane.task = Task("late")
        monkeypatch.setattr(scheduling, "event_loop", Loop)
        monkeypatch.setattr(scheduling, "report", report)
        scheduler.pass_time(10)
        assert got == ["late"]
        assert run._finish(None) == 0
        assert check_balance(q.stats())["processed"] == 1
        q._processing.end()


# --- Calls.


@pytest.mark.parametrize("timeout", [float("inf"), float("nan"), 1e10, -1, "soon"])
def test_a_bad_timeout_changes_nothing(timeout, got):
    with queue(got.extend) as q:
        for call in q.stop, q.flush:
            with pytest.raises((ValueError, TypeError), match="timeout"):
                call(timeout=timeout)
        q.push(1)
    assert got == [1]


def test_a_buffer_is_initialized_once(got):
    for b in queue(got.extend), mapped(got.extend):
        with b, pytest.raises(RuntimeError, match="__init__"):
            b.__init__("again", print)


def test_changes_of_options_at_the_same_time(monkeypatch):
    """Of two, the one that is later is not undone, in Python or in the engine."""
    with queue(print, overflow="raise") as q:
        p = q._processing
        first = p.options

        class Slow(type(first)):
            def updated(self, changes):
                if "max_items" in changes:
                    other.start()
                    other.join(0.01)  # waits for this one, or comes before it
                return type(first)(self.given() | changes)

        other = threading.Thread(target=q.update_options, kwargs={"max_bytes": 100})
        p.options = Slow(first.given())
        q.update_options(max_items=1)
        other.join(30)
        assert (p.options.max_items, p.options.max_bytes) == (1, 100)
        q.push(1)
        with pytest.raises(BufferFullError, match="max_items=1, max_bytes=100"):
            q.push(2)
