"""The threads of buffers: one that decides, others that run processors, one event loop for coroutines.

What happens to a buffer's runs and timers is decided on the scheduler's thread alone. Others send it calls, through a
queue that may be used anywhere: in a signal handler, in `__del__`, while the same thread is inside of it. All threads
are daemons. The scheduler starts with the first buffer, the event loop with the first coroutine processor.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from _queue import Empty, SimpleQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from typing import Any

_IDLE_WORKERS = 32  # that are kept


def log() -> Any:
    import logging

    return logging.getLogger("partita.buffers")


def report(message: str, *arguments: object, error: BaseException | None = None, level: str = "error") -> None:
    """Logs from a thread that others need: nothing that a handler of the log raises may end that."""
    try:
        getattr(log(), level)(message, *arguments, exc_info=error)
    except BaseException:
        pass


def run_safely(call: Callable[[], object]) -> None:
    """Nothing that one call raises may end a thread that others need."""
    try:
        call()
    except BaseException as error:
        report("unexpected error in a thread of buffers", error=error)


class Timer:
    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        self.call = None


class Scheduler:
    """Runs calls, at once or at a time, one after the other on one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._inbox: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._threads: dict[str, threading.Thread] = {}
        self._thread_id: int | None = None
        self.workers = Workers(self)

    def is_own_thread(self) -> bool:
        """Whether the calling code holds up all buffers: a destructor, say, or a handler of the log or of events."""
        return threading.get_ident() == self._thread_id

    def call_soon(self, call: Callable[[], object]) -> None:
        """From anywhere."""
        self._inbox.put(call)

    def call_at(self, when: float, call: Callable[[], object]) -> Timer:
        """On the scheduler's thread."""
        timer = Timer(call)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def start(self) -> None:
        """Starts the thread unless it runs. From anywhere, and safe to interrupt at any point."""
        thread = threading.Thread(target=self._run, name="partita-scheduler", daemon=True)
        if self._threads.setdefault("scheduler", thread) is thread:
            try:
                thread.start()
            except BaseException:  # no more threads: the next buffer tries again
                self._threads.clear()
                raise
            self.call_soon(self.workers.prepare)

    def run_pending(self) -> bool:
        """Runs what was sent and what is due, without waiting; whether there was anything."""
        ran = False
        while True:
            try:
                call = self._inbox.get_nowait()
            except Empty:
                break
            run_safely(call)
            ran = True
        now = self.clock()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if timer.call is not None:
                run_safely(timer.call)
                ran = True
        return ran

    def next_due(self) -> float | None:
        while self._timers and self._timers[0][2].call is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _run(self) -> None:
        self._thread_id = threading.get_ident()
        while True:
            due = self.next_due()
            wait = None if due is None else min(max(due - self.clock(), 0), 3600.0)
            try:
                call = self._inbox.get(timeout=wait)
            except Empty:
                pass
            else:
                run_safely(call)
                del call  # nothing is kept alive meanwhile
            self.run_pending()


class Workers:
    """Threads that run processors: as many as run at once. Used on the scheduler's thread."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._idle: list[SimpleQueue[Callable[[], object] | None]] = []
        self._waiting: list[Callable[[], object]] = []  # for want of a thread
        self._numbers = itertools.count(1)

    def prepare(self) -> None:
        """One thread is there before it is needed: at the end of the interpreter none may be started."""
        self._idle.append(self._start())

    def submit(self, call: Callable[[], object]) -> None:
        try:
            worker = self._idle.pop() if self._idle else self._start()
        except Exception:  # no thread can be started
            self._waiting.append(call)
            self._scheduler.call_at(self._scheduler.clock() + 1.0, self._try_again)
        else:
            worker.put(call)

    def _try_again(self) -> None:
        """Unless a worker took them meanwhile, those that wait."""
        if self._waiting:
            self.submit(self._waiting.pop(0))

    def _start(self) -> SimpleQueue[Callable[[], object] | None]:
        inbox: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        name = f"partita-worker-{next(self._numbers)}"
        threading.Thread(target=self._run, args=(inbox,), name=name, daemon=True).start()
        return inbox

    def _run(self, inbox: SimpleQueue[Callable[[], object] | None]) -> None:
        while True:
            call = inbox.get()
            if call is None:
                return
            run_safely(call)
            del call  # nothing is kept alive meanwhile
            self._scheduler.call_soon(lambda: self._is_idle(inbox))

    def _is_idle(self, inbox: SimpleQueue[Callable[[], object] | None]) -> None:
        if self._waiting:
            inbox.put(self._waiting.pop(0))
        elif len(self._idle) < _IDLE_WORKERS:
            self._idle.append(inbox)
        else:
            inbox.put(None)


class EventLoop:
    """An event loop on a thread of its own, for processors that are coroutine functions."""

    def __init__(self) -> None:
        import asyncio

        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="partita-event-loop", daemon=True)

    def _run(self) -> None:
        # A task of the user's that raises SystemExit or KeyboardInterrupt, or loop.stop(), ends run_forever() alone.
        while not self.loop.is_closed():
            run_safely(self.loop.run_forever)


_current: dict[str, Any] = {}


def scheduler() -> Scheduler:
    """The scheduler of this process; its thread runs or will."""
    found: Scheduler | None = _current.get("scheduler")
    if found is None:
        found = _current.setdefault("scheduler", Scheduler())
    return found


def event_loop() -> asyncio.AbstractEventLoop:
    """The buffers' own event loop. From anywhere."""
    found: EventLoop | None = _current.get("loop")
    if found is None:
        made = EventLoop()
        found = _current.setdefault("loop", made)
        if found is not made:
            made.loop.close()
        else:
            try:
                made.thread.start()
            except BaseException:  # no more threads: the next one tries again
                _current.pop("loop", None)
                made.loop.close()
                raise
    return found.loop


def on_event_loop() -> bool:
    """Whether the calling code runs in the event loop of the buffers."""
    found: EventLoop | None = _current.get("loop")
    return found is not None and found.thread is threading.current_thread()


def forget_threads() -> None:
    """In a fork's child, which has none of them."""
    _current.clear()
