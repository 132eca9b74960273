"""Runs of a buffer's processor: when, on what, and what becomes of the items.

A buffer has a lane for each partition, with one run at a time. A run takes batches and calls the processor until
nothing waits, on a worker thread, on the caller's executor or in the event loop; that it begins, waits or is over, and
that it takes too long, is seen on the scheduler's thread (scheduling.py). The items and the books are the engine's.
"""

from __future__ import annotations

import sys
import time
from contextvars import ContextVar
from functools import partial
from threading import Event

from partita import _core, dead_letters, scheduling, telemetry
from partita._table import Table
from partita.errors import Retry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from partita import buffer_log
    from partita._core import Batch, FlushWatch
    from partita.buffer_options import Options

_MAP_FIELDS = ("key", "value", "version", "updates")

# The processings inside of whose processor the running code is.
_inside: ContextVar[tuple[Processing, ...]] = ContextVar("partita_processings", default=())


class Work:
    """A batch on its way through the processor: what of it is still to be done, and how often that was tried."""

    __slots__ = ("batch", "dead", "error", "groups", "halving", "snapshot", "tries", "whole")

    def __init__(self, batch: Batch, whole: bool) -> None:
        self.batch = batch
        self.whole = whole  # the processor gets a table
        self.groups: list[list[int] | None] = [None]  # numbers of items; None: all
        self.tries = 0
        self.halving = False
        self.error: BaseException | None = None
        self.dead: list[dead_letters.Letter] = []
        self.snapshot: Any = None  # of the table that a MapBuffer hands over first, for another try


class Lane:
    """What a buffer does with one partition."""

    __slots__ = (
        *("again", "busy", "calls", "doubt", "partition", "refreeze", "retry", "started", "task", "watchdog", "work"),
    )

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.busy = False  # a run is under way, or waits for another try; the scheduler's thread alone says so
        self.again = False  # something was frozen meanwhile
        self.refreeze = False  # there was no room meanwhile
        self.retry: scheduling.Timer | None = None
        self.watchdog: scheduling.Timer | None = None  # looks whether the processor is past its time
        self.work: Work | None = None
        self.calls = 0  # odd: the processor is being called
        self.started = 0.0  # when that began
        self.doubt = False
        self.task: Any = None  # of a coroutine processor


class Processing:
    """What runs a buffer's processor. It lives until the buffer is stopped, also if nobody holds the buffer."""

    def __init__(self, buffer: Any, name: str, kind: str, options: Options, scheduler: scheduling.Scheduler) -> None:
        self.control = _core.BufferControl(buffer)
        self.name = name
        self.kind = kind
        self.options = options
        self.scheduler = scheduler
        self.failed: list[Any] = []
        self.log: buffer_log.Log | None = None  # of a durable buffer
        self._restored: list[Lane] = []  # with items that were in the file
        self.lanes = [Lane(p) for p in range(self.control.partitions)]
        self.ended = False  # nothing is taken any more
        self.draining = False
        self.drained = Event()
        self.stopping = [True]  # taken out by whoever stops the buffer
        self.reports: list[Any] = []  # what stop() returns, once it is known
        self.counters = dict.fromkeys(("runs", "batches", "retries", "exceptions", "timeouts"), 0)
        self._watches: list[tuple[FlushWatch, Event]] = []
        self._tick: scheduling.Timer | None = None
        self._began = scheduler.clock()
        self._room_asked = False
        self._overflow_noted = False
        self._overflow_told = (0, 0)

    # --- From anywhere.

    def is_inside(self) -> bool:
        return self in _inside.get()

    def set_limits(self) -> None:
        o = self.options
        self.control.set_limits(o.max_items, o.max_bytes, o.flush_at, o.overflow)

    def ask_for_room(self) -> None:
        if not self._room_asked:
            self._room_asked = True
            self.scheduler.call_soon(self._make_room)

    def note_overflow(self) -> None:
        if not self._overflow_noted:
            self._overflow_noted = True
            self.scheduler.call_soon(self._tell_overflow)

    def keep_in(self, log: buffer_log.Log) -> None:
        """Before anything is put in: `log` has the buffer's items, and those that it had waited long enough."""
        self.log = log
        with_logs[id(self)] = self
        self._restored = [lane for lane in self.lanes if self.control.freeze(lane.partition)]

    def close_log(self) -> None:
        """When nothing is taken any more."""
        if self.log is not None:
            self.log.close(self.name)
            with_logs.pop(id(self), None)

    # --- On the scheduler's thread.

    def begin(self) -> None:
        self._began = self.scheduler.clock()
        self._set_timer()
        for lane in self.lanes:
            self._emit("partition.start", {"system_time": time.time()}, lane)
        for lane in self._restored:
            self._start(lane)
        self._restored = []

    def restart_timer(self) -> None:
        if self._tick is not None and not self.ended:
            self._tick.cancel()
            self._set_timer()

    def freeze(self, partition: int) -> None:
        if self.control.freeze(partition):
            self._start(self.lanes[partition])

    def freeze_all(self) -> None:
        for lane in self.lanes:
            self.freeze(lane.partition)

    def watch(self, watch: FlushWatch, reached: Event) -> None:
        """Sets `reached` once all that the watch follows is dealt with."""
        if self.ended:
            reached.set()
            return
        self._watches.append((watch, reached))
        for lane in self.lanes:
            self._start(lane)
        self._check_watches()

    def drain(self) -> None:
        """Deals with all that there is, and sets `drained`; also what the processor pushes meanwhile."""
        self.draining = True
        self.freeze_all()
        self._check_drained()

    def end(self) -> None:
        """Takes nothing any more. Runs that are under way may end."""
        if self.ended:
            return
        self.ended = True
        if self._tick is not None:
            self._tick.cancel()
        self.control.end()
        for lane in self.lanes:
            for timer in lane.retry, lane.watchdog:
                if timer is not None:
                    timer.cancel()
            self._emit("partition.stop", {"duration": self.scheduler.clock() - self._began}, lane)
        for _, reached in self._watches:
            reached.set()
        self._watches.clear()
        running.pop(id(self), None)

    def _set_timer(self) -> None:
        interval = self.options.processing_interval
        self._tick = self.scheduler.call_at(self.scheduler.clock() + interval, self._on_tick)

    def _on_tick(self) -> None:
        self._set_timer()
        self.freeze_all()

    def _make_room(self) -> None:
        self._room_asked = False
        for lane in self.lanes:
            if lane.busy:
                lane.refreeze = True  # not now: it would be one small segment after the other
            else:
                self.freeze(lane.partition)

    def _tell_overflow(self) -> None:
        stats = self.control.stats()
        told = (stats["dropped"], stats["refused"])
        since = {"dropped": told[0] - self._overflow_told[0], "refused": told[1] - self._overflow_told[1]}
        self._overflow_told = told
        self._overflow_noted = False
        self._make_room()
        if not any(since.values()):
            return
        self._emit("overflow", since | self._levels(stats))
        scheduling.log().warning(
            "buffer %r is full: %d items dropped, %d refused", self.name, since["dropped"], since["refused"]
        )

    def _start(self, lane: Lane) -> None:
        if lane.busy:
            lane.again = True
            return
        if self.ended:
            return
        lane.busy = True
        self.counters["runs"] += 1
        self._submit(lane)
        timeout = self.options.processing_timeout
        if lane.watchdog is None and timeout is not None:
            self._watch_lane(lane, self.scheduler.clock() + timeout)

    def _submit(self, lane: Lane) -> None:
        if self.options.is_coroutine:
            loop = scheduling.event_loop()
            loop.call_soon_threadsafe(lambda: loop.create_task(self._run_async(lane)))
            return
        run = partial(self._run, lane)
        executor = self.options.executor
        if executor is not None:
            try:
                executor.submit(scheduling.run_safely, run)
            except Exception:
                scheduling.log().exception("the executor of buffer %r takes nothing: a thread is used", self.name)
            else:
                return
        self.scheduler.workers.submit(run)

    def _pause(self, lane: Lane, delay: float) -> None:
        if not self.ended:
            lane.retry = self.scheduler.call_at(self.scheduler.clock() + delay, partial(self._try_again, lane))

    def _try_again(self, lane: Lane) -> None:
        lane.retry = None
        self._submit(lane)

    def _run_over(self, lane: Lane) -> None:
        lane.busy = False
        again = lane.again
        lane.again = False
        if (self.draining or lane.refreeze) and not self.ended:
            again = self.control.freeze(lane.partition) or again
        lane.refreeze = False
        if again:
            self._start(lane)
        self._check_watches()
        self._check_drained()

    def _check_watches(self) -> None:
        for entry in [entry for entry in self._watches if entry[0].done]:
            self._watches.remove(entry)
            entry[1].set()

    def _check_drained(self) -> None:
        if self.draining and not any(lane.busy for lane in self.lanes):
            stats = self.control.stats()
            if stats["buffered"] + stats["in_flight"] + stats["in_doubt"] == 0:
                self.drained.set()
                if id(self) in abandoned:
                    abandoned.discard(id(self))
                    self.end()
                    if self.log is not None:
                        self.scheduler.workers.submit(self.close_log)

    def _watch_lane(self, lane: Lane, when: float) -> None:
        lane.watchdog = self.scheduler.call_at(when, partial(self._look_at_time, lane))

    def _look_at_time(self, lane: Lane) -> None:
        lane.watchdog = None
        timeout = self.options.processing_timeout
        if not lane.busy or timeout is None or self.ended:
            return
        calls = lane.calls
        now = self.scheduler.clock()
        due = lane.started + timeout if calls % 2 == 1 else now + timeout
        if now < due:
            self._watch_lane(lane, due)
            return
        work = lane.work
        if not lane.doubt and work is not None:
            lane.doubt = True
            work.batch.set_in_doubt(True)
            if lane.calls != calls:  # it ended at this very moment
                work.batch.set_in_doubt(False)
            else:
                self._report_timeout(lane, work, timeout)
        self._watch_lane(lane, now + timeout)

    def _report_timeout(self, lane: Lane, work: Work, timeout: float) -> None:
        self.counters["timeouts"] += 1
        scheduling.log().error(
            "the processor of buffer %r, partition %d, is past its time of %s s", self.name, lane.partition, timeout
        )
        self._emit("processing_failed", {"system_time": time.time(), "items": work.batch.size}, lane, reason="timeout")
        task = lane.task
        if task is not None:
            scheduling.event_loop().call_soon_threadsafe(task.cancel)

    # --- In a run.

    def _run(self, lane: Lane) -> None:
        delay = 0.0
        try:
            delay = self._run_batches(lane)
        except BaseException:  # no memory, say: nothing is settled by that
            scheduling.log().exception("a run of buffer %r was cut short and goes on in a second", self.name)
            delay = 1.0
        self._leave(lane, delay)

    def _run_batches(self, lane: Lane) -> float:
        delay = 0.0
        while delay == 0 and self._next_batch(lane):
            argument, count, items = self._prepare(lane)
            if count == 0:  # all were broken
                delay = self._skip(lane)
                continue
            error = None
            token = _inside.set((*_inside.get(), self))
            self._call_begins(lane, count)
            try:
                result = self.options.call(argument)
                if hasattr(result, "__await__"):
                    _wait_for(result)
            except BaseException as raised:
                error = raised
            _inside.reset(token)
            del argument
            delay = self._finish(lane, count, items, error)
        return delay

    async def _run_async(self, lane: Lane) -> None:
        delay = 0.0
        try:
            delay = await self._run_batches_async(lane)
        except BaseException:
            scheduling.log().exception("a run of buffer %r was cut short and goes on in a second", self.name)
            delay = 1.0
        self._leave(lane, delay)

    async def _run_batches_async(self, lane: Lane) -> float:
        import asyncio

        _inside.set((*_inside.get(), self))  # of this task alone
        delay = 0.0
        while delay == 0 and self._next_batch(lane):
            argument, count, items = self._prepare(lane)
            if count == 0:
                delay = self._skip(lane)
                continue
            error = None
            self._call_begins(lane, count)
            try:
                lane.task = asyncio.ensure_future(self.options.call(argument))
                await asyncio.wait([lane.task])
                lane.task.result()
            except BaseException as raised:
                error = raised
            lane.task = None
            del argument
            delay = self._finish(lane, count, items, error)
        return delay

    def _leave(self, lane: Lane, delay: float) -> None:
        if delay:
            self.scheduler.call_soon(partial(self._pause, lane, delay))
        else:
            self.scheduler.call_soon(partial(self._run_over, lane))

    def _next_batch(self, lane: Lane) -> bool:
        if self.ended:
            return False
        if lane.work is None:
            size = self.options.processing_batch_size
            whole = size == "table"
            batch = self.control.take(lane.partition, 0 if size == "table" else size, whole)
            if batch is None:
                return False
            self.counters["batches"] += 1
            lane.work = Work(batch, whole)
        return True

    def _prepare(self, lane: Lane) -> tuple[Any, int, list[Any] | None]:
        """What the processor gets, of how many items it is made, and these, unless they are in a table."""
        work = lane.work
        assert work is not None
        group = work.groups[0]
        if not work.whole:
            try:
                items = self._items(work)
            except MemoryError:
                raise
            except Exception:
                items = self._leave_out_broken(work)
            return list(items), len(items), items
        if group is not None:
            table = Table(fields=_MAP_FIELDS if self.kind == "map" else None)
            table.insert_many(self._items(work))
            return table, len(group), None
        if self.kind == "map":
            table = _table_of(work.batch)
            work.snapshot = table.snapshot()
        else:
            table = Table()
            work.batch.fill(table)
        return table, work.batch.size, None

    def _items(self, work: Work) -> list[Any]:
        """Those of the present group, as the processor sees them, made anew."""
        if not work.whole:
            items = work.batch.items(None if work.groups[0] is None else [])
        elif self.kind == "map":
            items = work.snapshot.tolist()
        else:
            items = list(enumerate(work.batch.items(), work.batch.first))
        group = work.groups[0]
        return items if group is None else [items[i] for i in group]

    def _leave_out_broken(self, work: Work) -> list[Any]:
        """Items that cannot be made any more count as failed, and what was raised is kept in their place."""
        broken: list[int] = []
        items = work.batch.items(broken)
        scheduling.log().error(
            "buffer %r: %d items cannot be read again", self.name, len(broken), exc_info=items[broken[0]]
        )
        self.failed.extend(items[i] for i in broken)
        self._resolve(work, 0, 0, broken)
        good = sorted(set(range(len(items))) - set(broken))
        work.groups[0] = good
        return [items[i] for i in good]

    def _call_begins(self, lane: Lane, items: int) -> None:
        lane.doubt = False
        lane.started = self.scheduler.clock()
        lane.calls += 1
        if telemetry.handlers:
            tries = 0 if lane.work is None else lane.work.tries
            measured = {"system_time": time.time(), "items": items, "attempt": tries + 1}
            self._emit("processing.start", measured | self._levels(self.control.stats()), lane)

    def _skip(self, lane: Lane) -> float:
        work = lane.work
        assert work is not None
        work.groups.clear()
        return self._next_group(lane, work)

    def _finish(self, lane: Lane, count: int, items: list[Any] | None, error: BaseException | None) -> float:
        """After a call: settles what is settled, and tells the seconds until the next one."""
        lane.calls += 1
        work = lane.work
        assert work is not None
        duration = self.scheduler.clock() - lane.started
        if lane.doubt:
            work.batch.set_in_doubt(False)
        if error is None:
            if telemetry.handlers:
                self._emit("processing.stop", {"items": count, "duration": duration}, lane)
            self._resolve(work, count, 0, [])
            work.groups.pop(0)
            return self._next_group(lane, work)
        self.counters["exceptions"] += 1
        work.error = error
        self._emit("processing.exception", {"items": count, "duration": duration}, lane, error=error)
        if items is None:
            try:
                items = self._items(work)
            except MemoryError:
                raise
            except Exception as broken:  # a pickle in the table cannot be read any more
                return self._give_up_unread(lane, work, broken)
        numbers = work.groups[0] or list(range(len(items)))
        left = _still_to_do(items, error) if isinstance(error, Retry) else None
        if left is not None:
            self._resolve(work, len(items) - len(left), 0, [])
            numbers = [numbers[i] for i in left]
            if not numbers:
                work.groups.pop(0)
                return self._next_group(lane, work)
        work.groups[0] = numbers
        if not work.halving:
            work.tries += 1
            if work.tries <= self.options.max_retries:
                self.counters["retries"] += 1
                return self._delay(work.tries)
            work.halving = True
            scheduling.log().error(
                "the processor of buffer %r failed %d times on a batch of partition %d",
                self.name, work.tries, lane.partition, exc_info=error,
            )  # fmt: skip
            self._emit("processing_failed", {"system_time": time.time(), "items": len(numbers)}, lane, reason="retries")
        if len(numbers) > 1:
            middle = len(numbers) // 2
            work.groups[0:1] = [numbers[:middle], numbers[middle:]]
        else:
            item = items[left[0] if left is not None else 0]
            identity = (self.name, lane.partition, work.batch.first + numbers[0])
            if work.whole and self.kind == "queue":
                item = item[1]
            work.dead.append(dead_letters.Letter(item, error, identity))
            work.groups.pop(0)
        return self._next_group(lane, work)

    def _give_up_unread(self, lane: Lane, work: Work, error: BaseException) -> float:
        left = [n for group in work.groups for n in (range(work.batch.size) if group is None else group)]
        scheduling.log().error("buffer %r: %d items cannot be read again", self.name, len(left), exc_info=error)
        self.failed.append(error)
        self._resolve(work, 0, 0, left)
        work.groups.clear()
        return self._next_group(lane, work)

    def _next_group(self, lane: Lane, work: Work) -> float:
        if not work.groups:
            if work.dead:
                self._give_up(lane, work)
            if work.snapshot is not None:
                work.snapshot.close()
            lane.work = None
        return 0

    def _give_up(self, lane: Lane, work: Work) -> None:
        kept = dead_letters.deliver(self.options.dead_letter, work.dead)
        self.failed.extend(letter.item for letter in kept)
        if kept:
            scheduling.log().error("buffer %r keeps %d items in `failed`", self.name, len(kept))
        self._emit("dead_letter", {"items": len(work.dead)}, lane, kept=len(kept), error=work.error)
        failed = [letter.identity[2] - work.batch.first for letter in kept]
        self._resolve(work, 0, len(work.dead) - len(kept), failed)

    def _resolve(self, work: Work, processed: int, dead: int, failed: list[int]) -> None:
        if work.batch.resolve(processed, dead, failed):
            self.scheduler.call_soon(self._check_watches)

    def _delay(self, tries: int) -> float:
        import random

        delay = min(self.options.retry_delay * 2.0 ** (tries - 1), self.options.retry_delay_max)
        return max(delay * random.uniform(0.75, 1.0), 1e-9)

    def _emit(self, event: str, measurements: dict[str, Any], lane: Lane | None = None, **metadata: Any) -> None:
        if telemetry.handlers:
            metadata |= {"name": self.name, "type": self.kind}
            if lane is not None:
                metadata["partition"] = lane.partition
            telemetry.emit(event, measurements, metadata)

    def _levels(self, stats: dict[str, Any]) -> dict[str, Any]:
        """What a dashboard shows of a buffer."""
        return {"depth": stats["buffered"], "bytes": stats["bytes"], "oldest_age": age_of(stats["oldest"])}

    # --- In a fork's child.

    def start_anew(self, scheduler: scheduling.Scheduler) -> None:
        """What was in the buffer is the parent's."""
        self.control.empty_after_fork()
        if self.log is not None:
            self.log.forget()
            self.log = None
            with_logs.pop(id(self), None)
        self.scheduler = scheduler
        self.failed.clear()
        self.lanes = [Lane(lane.partition) for lane in self.lanes]
        self._restored = []
        self.drained = Event()
        self.stopping = [True]
        self.reports = []
        self.counters = dict.fromkeys(self.counters, 0)
        self._watches = []
        self._room_asked = self._overflow_noted = False
        self._overflow_told = (0, 0)
        if self.draining:
            self.control.end()
            self.ended = True
            running.pop(id(self), None)
        else:
            scheduler.call_soon(self.begin)


# Those that were not stopped, and which of them nobody holds any more, by id. One atomic operation at a time.
running: dict[int, Processing] = {}
abandoned: set[int] = set()
# Those whose file is not closed.
with_logs: dict[int, Processing] = {}


def _table_of(batch: Batch) -> Table:
    """The table that a batch of a MapBuffer is."""
    table = _core.Table.__new__(Table)
    _core.Table.__init__(table, batch, _MAP_FIELDS)
    table._bond = None
    return table


def age_of(moment: float | None) -> float | None:
    """Seconds since a moment of the engine's clock."""
    return None if moment is None else max(time.monotonic() - moment, 0.0)


def _wait_for(awaitable: Any) -> Any:
    """A plain callable gave an awaitable: its items are not processed before that is over."""
    import asyncio

    async def run() -> Any:
        return await awaitable

    return asyncio.run(run())


def _still_to_do(items: list[Any], retry: Retry) -> list[int] | None:
    """The numbers of the items that a Retry names: those very objects, else equal ones; None if one is none of them."""
    by_id: dict[int, list[int]] = {}
    for number, item in enumerate(items):
        by_id.setdefault(id(item), []).append(number)
    found: set[int] = set()
    for wanted in retry.items:
        same = (n for n in by_id.get(id(wanted), ()) if n not in found)
        equal = (n for n, item in enumerate(items) if n not in found and _equal(item, wanted))
        named = next(same, -1)
        if named < 0:
            named = next(equal, -1)
        if named < 0:
            scheduling.log().error("Retry names what is no item of the batch: the batch is retried whole")
            return None
        found.add(named)
    return sorted(found)


def _equal(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except Exception:  # an array, say
        return False


def in_running_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
