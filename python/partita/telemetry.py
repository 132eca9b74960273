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

# Replaced as a whole, so that whoever goes through it is not disturbed.
handlers: tuple[tuple[str, Handler], ...] = ()


def attach(handler: Handler, prefix: str = "") -> Callable[[], None]:
    """Calls `handler` for each event whose name begins with `prefix`, and returns a function that ends that.

    A handler that raises is logged and detached.
    """
    if not callable(handler):
        raise TypeError(f"handler is a callable, not {type(handler).__name__}")
    if not isinstance(prefix, str):
        raise TypeError(f"prefix is a str, not {type(prefix).__name__}")
    global handlers
    entry = (prefix, handler)
    handlers = (*handlers, entry)

    def detach() -> None:
        _remove(entry)

    return detach


def _remove(entry: tuple[str, Handler]) -> None:
    global handlers
    handlers = tuple(other for other in handlers if other is not entry)


def emit(event: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Tells the handlers; they get dicts of their own."""
    name = PREFIX + event
    for entry in handlers:
        prefix, handler = entry
        if not name.startswith(prefix):
            continue
        try:
            handler(name, dict(measurements), dict(metadata))
        except Exception:
            import logging

            _remove(entry)
            logging.getLogger("partita.telemetry").exception("handler %r raised on %s and is detached", handler, name)
