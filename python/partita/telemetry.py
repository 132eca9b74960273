"""Events of buffers, for logs and metrics.

A handler is called as `handler(event, measurements, metadata)`, on the thread where the event happens. docs/buffers.md
lists the events; their names begin with `partita.buffer.`, and durations are in seconds.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Handler = Callable[[str, dict[str, Any], dict[str, Any]], object]

PREFIX = "partita.buffer."

# One atomic operation at a time, so that no lock is needed.
handlers: dict[object, tuple[str, Handler]] = {}


def attach(handler: Handler, prefix: str = "") -> Callable[[], None]:
    """Calls `handler` for each event whose name begins with `prefix`, and returns a function that ends that.

    A handler that raises is logged and detached.
    """
    if not callable(handler):
        raise TypeError(f"handler is a callable, not {type(handler).__name__}")
    if not isinstance(prefix, str):
        raise TypeError(f"prefix is a str, not {type(prefix).__name__}")
    this = object()
    handlers[this] = (prefix, handler)

    def detach() -> None:
        handlers.pop(this, None)

    return detach


def emit(event: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Tells the handlers; they get dicts of their own. Raises nothing, whatever they do: runs depend on it."""
    name = PREFIX + event
    for key, (prefix, handler) in list(handlers.items()):
        if not name.startswith(prefix):
            continue
        try:
            handler(name, dict(measurements), dict(metadata))
        except BaseException as error:
            handlers.pop(key, None)
            _report(handler, name, error)


def _report(handler: Handler, name: str, error: BaseException) -> None:
    import logging

    try:
        logging.getLogger("partita.telemetry").error(
            "handler %r raised on %s and is detached", handler, name, exc_info=error
        )
    except BaseException:  # of a logging handler
        pass
