"""A run of a buffer's processor: calls with batch after batch of one partition, and what becomes of their items."""

from __future__ import annotations

import os
import sys
import time
from contextvars import ContextVar

from partita import dead_letters, scheduling, telemetry
from partita.errors import Retry
from partita.work import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from partita.processing import Lane, Processing

# Those inside of which the running code is: the processor, and what is called beside it (`dead_letter`, handlers).
_inside: ContextVar[tuple[Run, ...]] = ContextVar("partita_runs", default=())


def is_inside(processing: Processing) -> bool:
    # A task that a coroutine leaves behind inherits the variable, and outlives the run.
    return any(run.processing is processing and not run.over for run in _inside.get())


def forget_inside() -> None:
    """In a fork's child."""
    _inside.set(())


class Run:
    """Goes on until nothing waits, the options change or a batch has to wait for another try."""

    __slots__ = ("_argument", "_items", "again", "lane", "options", "over", "processing", "scheduler")

    def __init__(self, processing: Processing, lane: Lane) -> None:
        self.processing = processing
        self.lane = lane
        self.options = processing.options
        self.scheduler = processing.scheduler
        self.over = False
        self.again = False  # another run has to go on
        self._argument: Any = None  # of the next call
        self._items: list[Any] | None = None  # of which that is made; None: a table

    def go(self) -> None:
        token = _inside.set((*_inside.get(), self))
        delay = 0.0
        try:
            while delay == 0 and self._prepare():
                delay = self._finish(self._call())
        except BaseException as error:
            delay = self._cut_short(error)
        _inside.reset(token)
        self._leave(delay)

    async def go_async(self) -> None:
        _inside.set((*_inside.get(), self))  # of this task alone
        delay = 0.0
        try:
            while delay == 0 and self._prepare():
                delay = self._finish(await self._call_async())
        except BaseException as error:
            delay = self._cut_short(error)
        self._leave(delay)

    def _cut_short(self, error: BaseException) -> float:
        """No memory, say: nothing is settled by that."""
        scheduling.report("a run of buffer %r was cut short and goes on in a second", self.processing.name, error=error)
        return 1.0

    def _leave(self, delay: float) -> None:
        self.over = True
        self._argument = self._items = None
        self.processing.leave(self.lane, delay, self.again)

    # --- Before a call.

    def _prepare(self) -> bool:
        """Whether there is something to call the processor with."""
        while (work := self._take()) is not None:
            if not work.groups:
                self._end_work(work)
            elif self._make_argument(work):
                return True
        return False

    def _take(self) -> Work | None:
        p, lane = self.processing, self.lane
        if p.scheduler is not self.scheduler:
            _end_child(None)
        if p.ended:
            return None
        if p.options is not self.options:
            self.again = True
            return None
        if lane.work is None:
            size = self.options.processing_batch_size
            whole = size == "table"
            batch = p.control.take(lane.partition, 0 if whole else size, whole)
            if batch is None:
                return None
            lane.counters["batches"] += 1
            lane.work = Work(batch, p.kind, whole)
        return lane.work

    def _make_argument(self, work: Work) -> bool:
        """False: nothing of the group can be made any more."""
        as_table = self.options.processing_batch_size == "table"
        if as_table:
            self._items = None
            self._argument = work.untouched_table()
            if self._argument is not None:
                return True
        items = self._read(work)
        if not items:
            return False
        if as_table:
            self._argument = work.table_of(items)
        else:
            self._argument, self._items = list(items), items
        return True

    def _read(self, work: Work) -> list[Any]:
        """The items of the present group. Those that cannot be made any more have failed, and are told apart."""
        broken: list[int] = []
        items = work.items(broken)
        group = work.groups[0]
        lost = [number for number in group if number in set(broken)] if broken else []
        if lost:
            self._lose(work, items, lost)
            gone = set(lost)
            group = work.groups[0] = [number for number in group if number not in gone]
            if not group:
                work.groups.pop(0)
        return [items[number] for number in group]

    def _lose(self, work: Work, items: list[Any], lost: list[int]) -> None:
        """What was raised is kept in the place of items that cannot be made any more."""
        p = self.processing
        self._resolve(work, 0, 0, lost)
        p.failed.extend(items[number] for number in lost)
        scheduling.report("buffer %r: %d items cannot be read again", p.name, len(lost), error=items[lost[0]])

    # --- A call.

    def _call(self) -> BaseException | None:
        try:
            self._begin_call()
            result = self.options.call(self._take_argument())
            if hasattr(result, "__await__"):
                _wait_for(result)
        except BaseException as error:
            return error
        return None

    async def _call_async(self) -> BaseException | None:
        import asyncio
        import inspect

        lane = self.lane
        try:
            self._begin_call()
            result = self.options.call(self._take_argument())
            if not inspect.isawaitable(result):  # a callable that says it were a coroutine function
                return None
            task = lane.task = asyncio.ensure_future(_outcome(result))
            del result
            while not task.done():
                try:
                    await asyncio.wait([task])
                except asyncio.CancelledError:  # of all tasks there are, say
                    pass
            return asyncio.CancelledError() if task.cancelled() else task.result()
        except BaseException as error:
            return error
        finally:
            lane.task = None

    def _take_argument(self) -> Any:
        # Nobody else holds it, so that it goes with the call.
        argument, self._argument = self._argument, None
        return argument

    def _begin_call(self) -> None:
        p, lane = self.processing, self.lane
        lane.started = p.scheduler.clock()
        lane.calls += 1
        work = lane.work
        if telemetry.handlers and work is not None:
            measured = {"system_time": time.time(), "items": len(work.groups[0]), "attempt": work.tries + 1}
            p.emit("processing.start", measured | p.levels(p.control.stats()), lane)

    # --- After a call.

    def _finish(self, error: BaseException | None) -> float:
        """Settles what is settled, and tells the seconds until the next call."""
        p, lane = self.processing, self.lane
        if p.scheduler is not self.scheduler:
            _end_child(error)
        work = lane.work
        assert work is not None
        lane.calls += 1
        duration = p.scheduler.clock() - lane.started
        if lane.doubt == lane.calls - 1:
            work.batch.set_in_doubt(False)
        count = len(work.groups[0])
        if error is None:
            self._resolve(work, count, 0, [])
            work.groups.pop(0)
            if telemetry.handlers:
                p.emit("processing.stop", {"items": count, "duration": duration}, lane)
            return 0
        work.error = error
        lane.counters["exceptions"] += 1
        p.emit("processing.exception", {"items": count, "duration": duration}, lane, error=error)
        if isinstance(error, Retry):
            self._narrow(work, error)
            if not work.groups[0]:
                work.groups.pop(0)
                return 0
        return self._try_again(work, error)

    def _narrow(self, work: Work, retry: Retry) -> None:
        """Only what it names is still to be done, the rest is processed."""
        try:
            left = work.still_to_do(self._items, list(retry.items))
        except Exception:
            scheduling.report("Retry names what is no item of the batch: the batch is retried whole")
            return
        self._resolve(work, len(work.groups[0]) - len(left), 0, [])
        work.groups[0] = left

    def _try_again(self, work: Work, error: BaseException) -> float:
        """The group as a whole, while there are tries; then its halves, until what fails stands alone."""
        p, lane = self.processing, self.lane
        group = work.groups[0]
        if not work.halving:
            work.tries += 1
            if work.tries <= self.options.max_retries:
                lane.counters["retries"] += 1
                return self.options.delay(work.tries)
            work.halving = True
            scheduling.report(
                "the processor of buffer %r failed %d times on a batch of partition %d",
                p.name, work.tries, lane.partition, error=error,
            )  # fmt: skip
            p.emit("processing_failed", {"system_time": time.time(), "items": len(group)}, lane, reason="retries")
        if len(group) > 1:
            middle = len(group) // 2
            work.groups[0:1] = [group[:middle], group[middle:]]
        else:
            work.dead.append((group[0], error))
            work.groups.pop(0)
        return 0

    def _end_work(self, work: Work) -> None:
        if work.dead:
            self._give_up(work)
        work.close()
        self.lane.work = None

    def _give_up(self, work: Work) -> None:
        p, lane = self.processing, self.lane
        broken: list[int] = []
        items = work.items(broken)  # anew: the processor may have changed what it was given
        lost = [number for number, _ in work.dead if number in broken]
        first = work.batch.first
        letters = [
            dead_letters.Letter(items[number], error, (p.name, lane.partition, first + number))
            for number, error in work.dead
            if number not in lost
        ]
        given_up = len(work.dead)
        work.dead = []
        kept = dead_letters.deliver(self.options.dead_letter, letters)
        self._resolve(work, 0, len(letters) - len(kept), [letter.identity[2] - first for letter in kept])
        p.failed.extend(letter.item for letter in kept)
        if lost:
            self._lose(work, items, lost)
        if kept:
            scheduling.report("buffer %r keeps %d items in `failed`", p.name, len(kept))
        p.emit("dead_letter", {"items": given_up}, lane, kept=len(kept) + len(lost), error=work.error)

    def _resolve(self, work: Work, processed: int, dead: int, failed: list[int]) -> None:
        if (processed or dead or failed) and work.batch.resolve(processed, dead, failed):
            self.scheduler.call_soon(self.processing.check_watches)


def _wait_for(awaitable: Any) -> Any:
    """A plain callable gave an awaitable: its items are not processed before that is over."""
    import asyncio

    async def run() -> Any:
        return await awaitable

    return asyncio.run(run())


async def _outcome(awaitable: Any) -> BaseException | None:
    """What it raises. From a task SystemExit and KeyboardInterrupt would end the event loop."""
    try:
        await awaitable
    except BaseException as error:
        return error
    return None


def in_executor(executor: Any, call: Callable[[], object], scheduler: scheduling.Scheduler, name: str) -> None:
    """Has an executor call it, or if that does not, a worker. On a worker, since the executor may take its time."""
    waiting = [call]

    def begin() -> None:
        try:
            taken = waiting.pop()
        except IndexError:
            return
        scheduling.run_safely(taken)

    def look(_: object) -> None:
        if waiting:  # it was cancelled, or the executor broke
            scheduling.report("the executor of buffer %r gave up a run: a thread is used", name)
            scheduler.call_soon(lambda: scheduler.workers.submit(begin))

    try:
        future = executor.submit(begin)
        if hasattr(future, "add_done_callback"):
            future.add_done_callback(look)
    except BaseException as error:
        scheduling.report("the executor of buffer %r takes nothing: a thread is used", name, error=error)
        begin()


def _end_child(error: BaseException | None) -> NoReturn:
    """A child that was forked inside of a run has come back here: the caller is the parent's, so the child ends."""
    from partita import buffers

    status = 0
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        status = 1
        sys.excepthook(type(error), error, error.__traceback__)
    try:
        buffers.stop_all()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status & 0xFF)
