"""The options of buffers, checked as a whole."""

from __future__ import annotations

import sys
from functools import partial
from types import MethodType

from partita import dead_letters
from partita._options import check_int, check_seconds, check_word
from partita.errors import short_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from partita.dead_letters import DeadLetter

DEFAULTS: dict[str, Any] = {
    "processing_interval": 5.0,
    "processing_timeout": 60.0,
    "processing_batch_size": 10,
    "flush_at": None,
    "max_items": None,
    "max_bytes": None,
    "overflow": "block",
    "max_retries": 3,
    "retry_delay": 0.1,
    "retry_delay_max": 30.0,
    "dead_letter": None,
    "executor": None,
    "stop_timeout": 60.0,
}
# Of the constructor alone.
DURABLE_DEFAULTS: dict[str, Any] = {"durable": None, "sync_every": 1.0, "repair": False, "allow_pickle": False}
_MOST = 2**63 - 1
_OVERFLOWS = ("block", "raise", "drop_oldest", "drop_newest")
# Those of inspect, without the import.
_COROUTINE = 0x80 | 0x100  # CO_COROUTINE, CO_ITERABLE_COROUTINE
_GENERATOR = 0x20 | 0x200  # CO_GENERATOR, CO_ASYNC_GENERATOR


class Options:
    """Constant once made."""

    processor: Any
    processing_interval: float
    processing_timeout: float | None
    processing_batch_size: Any  # a number, or "table"
    flush_at: int | None
    max_items: int | None
    max_bytes: int | None
    overflow: str
    max_retries: int
    retry_delay: float
    retry_delay_max: float
    dead_letter: DeadLetter | None
    executor: Any
    stop_timeout: float

    call: Callable[[Any], Any]  # the processor on what it gets
    is_coroutine: bool

    def __init__(self, given: dict[str, Any]) -> None:
        self.__dict__.update(given)
        self.call, self.is_coroutine = _check_processor(self.processor)
        check_seconds("processing_interval", self.processing_interval)
        if self.processing_timeout is not None:
            check_seconds("processing_timeout", self.processing_timeout)
        if self.processing_batch_size != "table":
            what = "processing_batch_size ('table' or a number)"
            check_int(what, self.processing_batch_size, 1, _MOST)
        for name in "flush_at", "max_items", "max_bytes":
            if given[name] is not None:
                check_int(name, given[name], 1, _MOST)
        check_word("overflow", self.overflow, _OVERFLOWS)
        check_int("max_retries", self.max_retries, 0, _MOST)
        check_seconds("retry_delay", self.retry_delay, zero=True)
        check_seconds("retry_delay_max", self.retry_delay_max, zero=True)
        check_seconds("stop_timeout", self.stop_timeout, zero=True)
        dead_letters.check(self.dead_letter)
        if _code_flags(self.dead_letter) & (_COROUTINE | _GENERATOR):
            raise TypeError("dead_letter is called and not awaited: it is no coroutine or generator function")
        _check_executor(self.executor)

    def given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("processor", *DEFAULTS)}

    def delay(self, tries: int) -> float:
        """Seconds before a batch is tried again that was tried so often."""
        import random

        delay = min(self.retry_delay * 2.0 ** min(tries - 1, 60), self.retry_delay_max)
        return max(delay * random.uniform(0.75, 1.0), 1e-9)

    def updated(self, changes: dict[str, Any]) -> Options:
        for name in changes:
            if name != "processor" and name not in DEFAULTS:
                raise TypeError(f"there is no option {name!r} that can be updated")
        return Options(self.given() | changes)


def check_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a buffer is a str, not {short_repr(name)}")
    return str.__str__(name)


def _check_processor(processor: object) -> tuple[Callable[[Any], Any], bool]:
    function: Any = processor
    arguments: tuple[Any, ...] = ()
    if isinstance(processor, tuple) and processor:
        function, arguments = processor[0], processor[1:]
    if not callable(function):
        raise TypeError(
            f"processor is a callable, a coroutine function or a tuple of one and more arguments, "
            f"not {short_repr(processor)}"
        )
    flags = _code_flags(function)
    if flags & _GENERATOR and not flags & _COROUTINE:
        raise TypeError("processor is a generator function, of which a call does nothing")
    is_coroutine = bool(flags & _COROUTINE)
    if not arguments:
        return function, is_coroutine
    return (lambda batch: function(batch, *arguments)), is_coroutine


def _code_flags(function: Any) -> int:
    """Of the code that a call runs."""
    for _ in range(10):  # what partial() and bound methods hold
        if isinstance(function, partial):
            function = function.func
        elif isinstance(function, MethodType):
            function = function.__func__
        else:
            break
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(type(function).__call__, "__code__", None) if callable(function) else None
    return 0 if code is None else int(code.co_flags)


def _check_executor(executor: Any) -> None:
    if executor is None:
        return
    if not callable(getattr(executor, "submit", None)):
        raise TypeError(f"executor is a concurrent.futures.Executor, not {short_repr(executor)}")
    processes = sys.modules.get("concurrent.futures.process")
    if processes is not None and isinstance(executor, processes.ProcessPoolExecutor):
        raise TypeError("executor is one of threads: a run of the processor cannot leave the buffer's process")
