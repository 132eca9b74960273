"""Runs of a buffer's processor: when, on what, and what becomes of the items.

A buffer has a lane for each partition, with one run at a time. A run (runs.py) takes batches and calls the processor
until nothing waits, on a worker thread, on the caller's executor or in the event loop. That it begins, waits, is over
or takes too long is seen on the scheduler's thread (scheduling.py). The items and the books are the engine's.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from threading import Event, RLock

from partita import _core, dead_letters, runs, scheduling, telemetry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from partita import buffer_log
    from partita._core import FlushWatch
    from partita.buffer_options import Options
    from partita.work import Work

_COUNTERS = ("runs", "batches", "retries", "exceptions", "timeouts")


class Lane:
    """What a buffer does with one partition."""

    __slots__ = (
        *("again", "busy", "calls", "counters", "doubt", "partition", "refreeze", "retry", "started", "task"),
        *("watchdog", "work"),
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
        self.doubt = 0  # what `calls` was when a call was last past its time
        self.task: Any = None  # of a coroutine processor
        # Here, since each of them is counted by one thread at a time: by the run or by the scheduler.
        self.counters = dict.fromkeys(_COUNTERS, 0)


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
        self.stopper: int | None = None  # the thread that did
        self.before_stop: dict[str, Any] | None = None  # the books
        self.reports: list[Any] = []  # what stop() returns, once it is known
        self._updating = RLock()
        self._watches: list[tuple[FlushWatch, Event]] = []
        self._tick: scheduling.Timer | None = None
        self._began = scheduler.clock()
        self._room_asked = False
        self._overflow_noted = False
        self._overflow_told = (0, 0)

    # --- From anywhere.

    def is_inside(self) -> bool:
        """Whether the calling code must not wait for the buffer: to go on the buffer waits for it."""
        return self.scheduler.is_own_thread() or runs.is_inside(self)

    def check_may_wait(self, call: str) -> None:
        if runs.is_inside(self):
            raise RuntimeError(f"{call}() inside of the buffer's own processor would wait for itself")
        if self.scheduler.is_own_thread():
            raise RuntimeError(f"{call}() on the thread that all buffers need would wait for itself")
        if scheduling.on_event_loop():
            raise RuntimeError(
                f"{call}() would stop the event loop of all processors that are coroutine functions: "
                f"use `await asyncio.to_thread(buffer.{call})`"
            )

    @property
    def counters(self) -> dict[str, int]:
        lanes = self.lanes
        return {name: sum(lane.counters[name] for lane in lanes) for name in _COUNTERS}

    def update_options(self, changes: dict[str, Any]) -> None:
        with self._updating:
            options = self.options.updated(changes)
            if options.is_coroutine:
                scheduling.event_loop()
            self.options = options
            self.set_limits()
        self.scheduler.call_soon(self._restart_timer)

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

    def leave(self, lane: Lane, delay: float, again: bool) -> None:
        """A run is over: the next one begins after a delay, or when there is something to do, or `again`."""
        if delay:
            self.scheduler.call_soon(partial(self._pause, lane, delay))
        else:
            self.scheduler.call_soon(partial(self._run_over, lane, again))

    def close_files(self) -> None:
        """When nothing is taken any more."""
        dead_letters.close(self.options.dead_letter)
        if self.log is not None:
            self.log.close(self.name)
            with_logs.pop(id(self), None)

    # --- On the scheduler's thread.

    def begin(self) -> None:
        self._began = self.scheduler.clock()
        self._set_timer()
        for lane in self.lanes:
            self.emit("partition.start", {"system_time": time.time()}, lane)
        for lane in self._restored:
            self._start(lane)
        self._restored = []

    def _restart_timer(self) -> None:
        if self._tick is not None and not self.ended:
            self._tick.cancel()
            self._set_timer()

    def freeze(self, partition: int) -> None:
        if self.control.freeze(partition):
            self._start(self.lanes[partition])

    def reached_flush_at(self, partition: int) -> None:
        lane = self.lanes[partition]
        if lane.busy:
            lane.refreeze = True  # not now: it would be one small segment after the other
        else:
            self.freeze(partition)

    def freeze_all(self) -> None:
        for lane in self.lanes:
            self.freeze(lane.partition)

    def watch(self, watch: FlushWatch, waiting: list[int], reached: Event) -> None:
        """Sets `reached` once all that the watch follows is dealt with; partitions in which some of it waits."""
        if self.ended:
            reached.set()
            return
        self._watches.append((watch, reached))
        for partition in waiting:
            self._start(self.lanes[partition])
        self.check_watches()

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
            self.emit("partition.stop", {"duration": self.scheduler.clock() - self._began}, lane)
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
            self.reached_flush_at(lane.partition)

    def _tell_overflow(self) -> None:
        self._overflow_noted = False  # before the books are read: what comes after that is told next time
        stats = self.control.stats()
        told = (stats["dropped"], stats["refused"])
        since = {"dropped": told[0] - self._overflow_told[0], "refused": told[1] - self._overflow_told[1]}
        self._overflow_told = told
        self._make_room()
        if not any(since.values()):
            return
        self.emit("overflow", since | self.levels(stats))
        scheduling.report(
            "buffer %r is full: %d items dropped, %d refused",
            self.name, since["dropped"], since["refused"], level="warning",
        )  # fmt: skip

    def _start(self, lane: Lane) -> None:
        if lane.busy:
            lane.again = True
            return
        if self.ended:
            return
        lane.busy = True
        lane.counters["runs"] += 1
        self._submit(lane)
        timeout = self.options.processing_timeout
        if lane.watchdog is None and timeout is not None:
            self._watch_lane(lane, self.scheduler.clock() + timeout)

    def _submit(self, lane: Lane) -> None:
        try:
            self._begin_run(runs.Run(self, lane))
        except BaseException as error:  # no more files for an event loop, say
            scheduling.report("no run of buffer %r can begin, which is tried again", self.name, error=error)
            self._pause(lane, 1.0)

    def _begin_run(self, run: runs.Run) -> None:
        if run.options.is_coroutine:
            loop = scheduling.event_loop()
            loop.call_soon_threadsafe(lambda: loop.create_task(run.go_async()))
        elif run.options.executor is not None:
            begin = partial(runs.in_executor, run.options.executor, run.go, self.scheduler, self.name)
            self.scheduler.workers.submit(begin)
        else:
            self.scheduler.workers.submit(run.go)

    def _pause(self, lane: Lane, delay: float) -> None:
        if not self.ended:
            lane.retry = self.scheduler.call_at(self.scheduler.clock() + delay, partial(self._try_again, lane))

    def _try_again(self, lane: Lane) -> None:
        lane.retry = None
        self._submit(lane)

    def _run_over(self, lane: Lane, again: bool) -> None:
        lane.busy = False
        again = lane.again or again
        lane.again = False
        if (self.draining or lane.refreeze) and not self.ended:
            again = self.control.freeze(lane.partition) or again
        lane.refreeze = False
        if again:
            self._start(lane)
        self.check_watches()
        self._check_drained()

    def check_watches(self) -> None:
        for entry in [entry for entry in self._watches if entry[0].done]:
            self._watches.remove(entry)
            entry[1].set()

    def _check_drained(self) -> None:
        if not self.draining or self.ended or any(lane.busy for lane in self.lanes):
            return
        stats = self.control.stats()
        if stats["buffered"]:  # a processor has pushed into another partition, whose run was over
            self.freeze_all()
        elif stats["in_flight"] + stats["in_doubt"] == 0:
            self.drained.set()
            if id(self) in abandoned:
                abandoned.discard(id(self))
                self.end()
                self.scheduler.workers.submit(self.close_files)

    def _watch_lane(self, lane: Lane, when: float) -> None:
        lane.watchdog = self.scheduler.call_at(when, partial(self._look_at_time, lane))

    def _look_at_time(self, lane: Lane) -> None:
        lane.watchdog = None
        timeout = self.options.processing_timeout
        if not lane.busy or timeout is None or self.ended:
            return
        task, work, calls = lane.task, lane.work, lane.calls  # in this order: what is not of this call is found out
        now = self.scheduler.clock()
        due = lane.started + timeout if calls % 2 == 1 else now + timeout
        if now < due:
            self._watch_lane(lane, due)
            return
        if lane.doubt != calls and work is not None:
            lane.doubt = calls
            work.batch.set_in_doubt(True)
            if lane.calls != calls:  # it ended at this very moment
                work.batch.set_in_doubt(False)
            else:
                self._report_timeout(lane, work, task, timeout)
        self._watch_lane(lane, now + timeout)

    def _report_timeout(self, lane: Lane, work: Work, task: Any, timeout: float) -> None:
        lane.counters["timeouts"] += 1
        scheduling.report(
            "the processor of buffer %r, partition %d, is past its time of %s s", self.name, lane.partition, timeout
        )
        self.emit("processing_failed", {"system_time": time.time(), "items": work.batch.size}, lane, reason="timeout")
        if task is not None:
            scheduling.event_loop().call_soon_threadsafe(task.cancel)

    def emit(self, event: str, measurements: dict[str, Any], lane: Lane | None = None, **metadata: Any) -> None:
        if telemetry.handlers:
            metadata |= {"name": self.name, "type": self.kind}
            if lane is not None:
                metadata["partition"] = lane.partition
            telemetry.emit(event, measurements, metadata)

    def levels(self, stats: dict[str, Any]) -> dict[str, Any]:
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
        self.stopper = self.before_stop = None
        self.reports = []
        self._updating = RLock()
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


def age_of(moment: float | None) -> float | None:
    """Seconds since a moment of the engine's clock."""
    return None if moment is None else max(time.monotonic() - moment, 0.0)


def in_running_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
