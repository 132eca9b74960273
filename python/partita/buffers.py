"""Buffers: what threads put in is handed to a processor in batches."""

from __future__ import annotations

import os
import sys
import time
from threading import Event, get_ident

from partita import _core, dead_letters, processing, runs, scheduling
from partita._options import check_int, check_seconds
from partita.buffer_options import DEFAULTS, DURABLE_DEFAULTS, Options, check_name
from partita.errors import BufferFullError, BufferStoppedError
from partita.threads import available_cpus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, NoReturn

_POLL_SECONDS = 0.05  # how often an awaiting push looks by itself


class Report(dict[str, int]):
    """What `flush()` and `stop()` tell: a dict whose entries are attributes too.

    processed, dead, failed, dropped: what became of the items; left: those that nothing became of in time.
    """

    def __getattr__(self, name: str) -> int:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class _Buffer:
    """What QueueBuffer and MapBuffer share."""

    _kind: str
    _processing: processing.Processing

    def _begin(self, name: str, options: Options, durable: dict[str, Any]) -> None:
        _watch_over_process()
        scheduler = scheduling.scheduler()
        scheduler.start()
        if options.is_coroutine:
            scheduling.event_loop()  # now: at the end of the interpreter no thread may be started
        p = processing.Processing(self, name, self._kind, options, scheduler)
        p.set_limits()
        path = durable.pop("durable")
        if path is not None:
            from partita import buffer_log

            p.keep_in(buffer_log.begin(p.control, p.kind, path, **durable))
        self._processing = p
        processing.running[id(p)] = p
        scheduler.call_soon(p.begin)

    @property
    def name(self) -> str:
        return self._processing.name

    @property
    def failed(self) -> list[Any]:
        """The items that the processor failed on, where there is no `dead_letter`. A list, to be emptied at will."""
        return self._processing.failed

    def flush(self, timeout: float | None = None) -> Report:
        """Has everything processed that was put in before, waits for it, and tells what became of it.

        Returns after `timeout` seconds at the latest (None: no limit); what is not done then is `left` in the report.
        """
        p = self._processing
        p.check_may_wait("flush")
        if timeout is not None:
            timeout = check_seconds("timeout", timeout, zero=True)
        flush = _Flush(p)
        try:
            flush.wait(timeout)
            report = Report(p.control.read_watch(flush.watch))
        finally:
            p.control.forget_watch(flush.watch)
        dead_letters.save(p.options.dead_letter)
        return report

    def stop(self, timeout: float | None = None) -> Report:
        """Stops the buffer: it takes nothing any more, and what is in it is processed, within `timeout` seconds.

        `timeout` is the option `stop_timeout` by default. The report tells what became of the items that were in the
        buffer; those `left` stay unprocessed, or in the hands of a processor that hangs. Once stopped, a buffer stays
        so, and further calls return the same report.
        """
        p = self._processing
        p.check_may_wait("stop")
        seconds = p.options.stop_timeout if timeout is None else check_seconds("timeout", timeout, zero=True)
        try:
            p.stopping.pop()
        except IndexError:
            return self._stopped_by_another(seconds)
        try:
            p.stopper = get_ident()
            p.before_stop = p.before_stop or p.control.stats()
            _drain_all([p], {id(p): seconds})
            report = _stop_report(p)
            p.close_files()
        except BaseException:  # Ctrl-C: whoever comes next goes on
            p.stopping.append(True)
            raise
        p.reports.append(report)
        return report

    def _stopped_by_another(self, seconds: float) -> Report:
        p = self._processing
        end = time.monotonic() + seconds
        if p.stopper == get_ident() and not p.reports:
            # This is a signal handler, and the call that stops goes on when it is over.
            p.control.drain()
            p.scheduler.call_soon(p.drain)
            if not p.ended:
                p.drained.wait(seconds)
            return _stop_report(p)
        pause = Event()
        while not p.reports:
            if p.stopping:  # it was interrupted
                return self.stop(max(end - time.monotonic(), 0))
            if time.monotonic() >= end:
                return _stop_report(p)
            pause.wait(0.01)
        report: Report = p.reports[0]
        return report

    def update_options(self, **options: Any) -> None:
        """Changes options, all those given or, if one is wrong, none. The interval starts anew.

        Every option of the class but `name`, `partitions` and those of `durable`, and `processor` too.
        """
        self._processing.update_options(options)

    def stats(self) -> dict[str, Any]:
        """The books of one moment, and some more, as a dict.

        `pushed + restored == processed + buffered + in_flight + in_doubt + dead + failed + dropped + replaced +
        deleted` holds always. Further: refused, overruns and stale (calls), open (items in write tables), bytes,
        oldest_age (seconds, or None), partition_sizes, how many runs, batches, retries, exceptions and timeouts
        there were, and durable: None, or of its file the path, state, log_bytes, failures, last_error and recovery.
        """
        p = self._processing
        stats = p.control.stats()
        stats["oldest_age"] = processing.age_of(stats.pop("oldest"))
        stats["durable"] = None if p.log is None else p.log.info()
        return {"name": p.name, "type": p.kind, "stopped": p.ended, **stats, **p.counters}

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __del__(self) -> None:
        p = getattr(self, "_processing", None)
        if p is not None and not p.ended:
            p.scheduler.call_soon(lambda: _abandon(p))

    def __repr__(self) -> str:
        stats = self.stats()
        state = "stopped" if stats["stopped"] else f"{stats['buffered']} buffered"
        return f"<partita.{type(self).__name__} {self.name!r}, {state}>"

    def _repr_html_(self) -> str:
        from partita import buffer_html

        return buffer_html.show(type(self).__name__, self.stats())

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a buffer cannot be pickled or copied: it belongs to this process, and runs threads")

    # --- Called by the engine's methods: see cpp/bindings/buffer_put.h.

    def _turned_away(self, stopped: bool, own: bool, timeout: float | None) -> bool:
        p = self._processing
        if not own and (stopped or p.options.overflow == "block") and p.is_inside():
            return True
        if stopped:
            raise BufferStoppedError(f"buffer {p.name!r} was stopped and takes nothing")
        if p.options.overflow != "block":
            p.note_overflow()
            raise BufferFullError(f"buffer {p.name!r} is full: {self._limits()}, and overflow is 'raise'")
        p.ask_for_room()
        if timeout == 0:
            raise BufferFullError(f"buffer {p.name!r} is full: {self._limits()}")
        if processing.in_running_event_loop():
            raise BufferFullError(
                f"buffer {p.name!r} is full: {self._limits()}. To wait here would stop the event loop that runs on "
                f"this thread: use `await buffer.{self._awaitable}(...)`"
            )
        return False

    def _timed_out(self, timeout: float) -> NoReturn:
        raise BufferFullError(f"buffer {self.name!r} is full: {self._limits()}, and had no room within {timeout} s")

    def _reached(self, partition: int) -> None:
        p = self._processing
        p.scheduler.call_soon(lambda: p.reached_flush_at(partition))

    def _overflowed(self) -> None:
        self._processing.note_overflow()

    def _not_durable(self, unknown: bool) -> NoReturn:
        log = self._processing.log
        assert log is not None
        raise log.not_durable(unknown)

    _awaitable: str

    def _limits(self) -> str:
        options = self._processing.options
        given = (("max_items", options.max_items), ("max_bytes", options.max_bytes))
        return ", ".join(f"{name}={value}" for name, value in given if value is not None)

    async def _await_room(self, put: Any) -> Any:
        """Calls put() until it takes the item."""
        import asyncio

        while True:
            try:
                return put()
            except BufferFullError:
                if self._processing.options.overflow != "block":
                    raise
            await asyncio.sleep(_POLL_SECONDS)


class QueueBuffer(_Buffer, _core.QueueBuffer):
    """Takes items from any thread and hands them to a processor in batches, in the order they came in.

    Args:
        name: a str, for logs and events.
        processor: a callable that is given a list of items; a coroutine function; or a tuple of one of these and more
            arguments for it.
        partitions: how many parts there are, each with a lock, an order and a run of the processor of its own; by
            default the number of CPUs this process may use.
        processing_interval: seconds after which what came in is handed over.
        processing_timeout: seconds after which a call of the processor is reported and its items are in doubt (None:
            never). A coroutine is cancelled then.
        processing_batch_size: items for one call; or "table": the processor gets a Table of rows (number, item).
        flush_at: items in a partition that are handed over without waiting for the interval.
        max_items, max_bytes: what the buffer holds at most, in flight included (None: no limit).
        overflow: what becomes of an item for which there is no room: "block" waits, "raise" raises BufferFullError,
            "drop_oldest" and "drop_newest" drop items.
        max_retries: how often a batch is tried again. Then it is cut in halves until the items that fail stand alone.
        retry_delay, retry_delay_max: seconds before the first further try, and at most; they double.
        dead_letter: where items go on which the processor failed alone: a callable, which is given the item; a Table;
            or the path of a file with one. None: they are kept in `failed`.
        executor: a concurrent.futures.Executor that runs the processor; by default threads of the buffers' own.
        stop_timeout: seconds that `stop()` and the end of the interpreter wait.
        durable: the path of a file in which every item is before `push` returns, until it is dealt with. What a process
            has left there, by a crash too, the next buffer with this path processes.
        sync_every: seconds between syncs of the file: what a power cut may cost.
        repair, allow_pickle: as for `partita.open`, for the file.
    """

    _kind = "queue"
    _awaitable = "apush"

    def __init__(self, name: str, processor: Any, *, partitions: int | None = None, **options: Any) -> None:
        _check_new(self)
        durable = _take_durable(options)
        checked = _check(name, processor, partitions, options)
        _core.QueueBuffer.__init__(self, checked[1])
        self._begin(checked[0], checked[2], durable)

    async def apush(self, item: Any, *, partition_key: Any = None) -> None:
        """push() that waits for room without stopping the event loop."""
        push = super().push
        await self._await_room(lambda: push(item, partition_key=partition_key, timeout=0))

    def size(self) -> int:
        """How many items wait: they came in and were not handed to the processor."""
        size: int = self._processing.control.stats()["buffered"]
        return size


class MapBuffer(_Buffer, _core.MapBuffer):
    """Takes values of keys from any thread and hands the newest of each key to a processor, in batches.

    The processor gets lists of rows (key, value, version, updates), or a Table of them. Arguments as for QueueBuffer.
    `get`, `delete` and `size` see what came in since the partition's last swap.
    """

    _kind = "map"
    _awaitable = "aput"

    def __init__(self, name: str, processor: Any, *, partitions: int | None = None, **options: Any) -> None:
        _check_new(self)
        durable = _take_durable(options)
        checked = _check(name, processor, partitions, options)
        _core.MapBuffer.__init__(self, checked[1])
        self._begin(checked[0], checked[2], durable)

    async def aput(self, key: Any, value: Any, *, partition_key: Any = None) -> None:
        """put() that waits for room without stopping the event loop."""
        put = super().put
        await self._await_room(lambda: put(key, value, partition_key=partition_key, timeout=0))

    def put_all(
        self,
        items: Mapping[Any, Any] | Iterable[tuple[Any, Any]],
        *,
        partition_key: Any = None,
        timeout: float | None = None,
    ) -> None:
        """put() of each key and value of a dict, or of pairs."""
        pairs: Any = items.items() if hasattr(items, "items") else items
        for key, value in pairs:
            self.put(key, value, partition_key=partition_key, timeout=timeout)

    def put_all_newer(
        self, triples: Iterable[tuple[Any, Any, int]], *, partition_key: Any = None, timeout: float | None = None
    ) -> int:
        """put_newer() of each key, value and version; how many were newer."""
        put = self.put_newer
        return sum(
            put(key, value, version, partition_key=partition_key, timeout=timeout) for key, value, version in triples
        )

    def size(self) -> int:
        """How many keys there are in the write tables."""
        size: int = self._processing.control.stats()["open"]
        return size


def _take_durable(options: dict[str, Any]) -> dict[str, Any]:
    """Those of the options that a durable buffer has besides."""
    return {name: options.pop(name, default) for name, default in DURABLE_DEFAULTS.items()}


def _check(name: object, processor: Any, partitions: object, options: dict[str, Any]) -> tuple[str, int, Options]:
    for option in options:
        if option not in DEFAULTS:
            raise TypeError(f"there is no option {option!r}")
    count = available_cpus() if partitions is None else check_int("partitions", partitions, 1, _core.MAX_PARTITIONS)
    return check_name(name), count, Options(DEFAULTS | options | {"processor": processor})


def _check_new(buffer: _Buffer) -> None:
    if hasattr(buffer, "_processing"):
        raise RuntimeError("__init__ of a buffer that is there already")


# --- Flushes and ends.


class _Flush:
    """All that is in a buffer at one moment, to be processed."""

    def __init__(self, p: processing.Processing) -> None:
        self._p = p
        self._reached = Event()
        self.watch = p.control.new_watch()
        waiting = [lane.partition for lane in p.lanes if p.control.freeze(lane.partition, self.watch)]
        p.scheduler.call_soon(lambda: p.watch(self.watch, waiting, self._reached))

    def wait(self, seconds: float | None) -> None:
        if not self._p.ended:  # the scheduler will hear of it
            self._reached.wait(seconds)


def _drain_all(processings: list[processing.Processing], seconds: dict[int, float]) -> None:
    """Stops buffers side by side, each within its time."""
    began = time.monotonic()
    processings = [p for p in processings if not p.ended]
    for p in processings:
        p.control.drain()
        p.scheduler.call_soon(p.drain)
    for p in processings:
        p.drained.wait(max(began + seconds[id(p)] - time.monotonic(), 0))
    ended = Event()
    for p in processings:
        p.scheduler.call_soon(p.end)
    if processings:
        processings[0].scheduler.call_soon(ended.set)
        ended.wait(5.0)


def _stop_report(p: processing.Processing) -> Report:
    now = p.control.stats()
    before = p.before_stop or now
    report = Report({name: now[name] - before[name] for name in ("processed", "dead", "failed", "dropped")})
    report["left"] = now["buffered"] + now["in_flight"] + now["in_doubt"]
    report["in_doubt"] = now["in_doubt"]
    if report["left"]:
        scheduling.log().error(
            "buffer %r was stopped with %d items left, %d of them in doubt", p.name, report["left"], report["in_doubt"]
        )
    return report


def _abandon(p: processing.Processing) -> None:
    """Nobody holds the buffer any more: what is in it is still processed."""
    if not p.ended:
        processing.abandoned.add(id(p))
        p.control.drain()
        p.drain()


def _end_with_main_thread() -> None:
    """When the main thread has ended, before executors are shut down."""
    import threading

    this = threading.current_thread()
    others = any(thread is not this and not thread.daemon for thread in threading.enumerate())
    multiprocessing = sys.modules.get("multiprocessing.process")
    if not others or (multiprocessing is not None and multiprocessing.parent_process() is not None):
        stop_all()  # a child that multiprocessing made ends without the hooks of atexit
        return
    # Those may still push. What waits for an executor goes there while that takes anything.
    began = time.monotonic()
    flushes = [(_Flush(p), p) for p in list(processing.running.values()) if p.options.executor is not None]
    for flush, p in flushes:
        flush.wait(max(began + p.options.stop_timeout - time.monotonic(), 0))


def stop_all() -> None:
    """At the end of the interpreter, when all threads but daemons are over."""
    _watching["ended"] = True
    processings = list(processing.running.values())
    for p in processings:
        p.before_stop = p.before_stop or p.control.stats()
    _drain_all(processings, {id(p): p.options.stop_timeout for p in processings})
    for p in processings:
        _stop_report(p)
        p.close_files()
    for p in list(processing.with_logs.values()):
        p.close_files()


def _after_fork_in_child() -> None:
    scheduling.forget_threads()
    runs.forget_inside()
    dead_letters.forget_files()
    if processing.running:
        scheduler = scheduling.scheduler()
        for p in list(processing.running.values()):
            p.start_anew(scheduler)
        scheduler.start()


_watching: dict[str, object] = {}


def _watch_over_process() -> None:
    """Hooks for the end of the interpreter and for forks; once, with the first buffer."""
    this = object()
    if "ended" not in _watching and _watching.setdefault("by", this) is this:
        import atexit
        import threading

        os.register_at_fork(after_in_child=_after_fork_in_child)
        try:
            # Hooks of this kind run last in, first out, when the main thread ends: so ours comes before executors'.
            import concurrent.futures.thread  # noqa: F401

            getattr(threading, "_register_atexit", atexit.register)(_end_with_main_thread)
        except RuntimeError:  # it has ended
            _watching["ended"] = True
        atexit.register(stop_all)
    if "ended" in _watching:
        raise RuntimeError("the interpreter is ending: nobody would process what is in a new buffer")
