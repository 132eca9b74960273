"""What buffers do, as OpenTelemetry metrics: `pip install partita[otel]`, then `partita.otel.instrument()`.

Items and their ends are read from the buffers' books when somebody collects, and cost nothing between. Durations and
sizes of calls come as events. docs/buffers.md lists the metrics.
"""

from __future__ import annotations

import os
import threading
import weakref

from partita import processing, telemetry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

    Callback = Callable[[CallbackOptions], Iterable[Observation]]
    Sums = dict[str, int]

_NAME, _TYPE, _PARTITION = "partita.buffer.name", "partita.buffer.type", "partita.buffer.partition"
_STATE, _OUTCOME = "partita.buffer.state", "partita.buffer.outcome"
_STATES = ("buffered", "in_flight", "in_doubt")
_OUTCOMES = ("processed", "dead", "failed", "dropped", "replaced", "deleted")
_COUNTED = {
    "pushed": ("{item}", "Items that were put in"),
    "restored": ("{item}", "Items that an earlier process had put in"),
    "refused": ("{call}", "Calls that found no room and put nothing in"),
    "retries": ("{retry}", "Further tries of batches"),
    "timeouts": ("{call}", "Calls of the processor that went past their time"),
}
_GROWING = (*_OUTCOMES, *_COUNTED)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60)
_ITEMS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000, 1_000_000)
_PARTITIONS_TOLD_APART = 64  # each has a series of its own in every histogram

_lock = threading.RLock()  # of all books


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_after_fork_in_child)


def instrument(meter_provider: MeterProvider | None = None) -> Callable[[], None]:
    """Exports what all buffers do, those there are and those to come, and returns a function that ends that.

    `meter_provider` is OpenTelemetry's global one by default. Further calls for the same provider do nothing.
    """
    try:
        from opentelemetry import metrics
    except ImportError as error:
        raise ImportError("metrics of buffers need OpenTelemetry's API: pip install partita[otel]") from error
    key: Any = _global if meter_provider is None else meter_provider
    export = _exports.get(key)
    if export is None:
        from partita import __version__

        provider = metrics.get_meter_provider() if meter_provider is None else meter_provider
        export = _exports[key] = _Export(provider.get_meter("partita", __version__))
    export.begin()
    return export.end


class _Books:
    """The books of all buffers, summed up by name and type. Of those that have ended, the sums alone are kept."""

    def __init__(self) -> None:
        self._open: dict[int, processing.Processing] = {}
        self._ended: dict[tuple[str, str], Sums] = {}

    def look(self) -> None:
        """Notes which buffers there are, and which have ended: to be called at each beginning and end."""
        with _lock:
            for p in list(processing.running.values()):
                if not p.ended:  # else its sums may have been taken already
                    self._open[id(p)] = p
            for key, p in list(self._open.items()):
                if p.ended and not any(lane.busy for lane in p.lanes):
                    _add(self._ended, p, _GROWING)
                    del self._open[key]

    def growing(self) -> dict[tuple[str, str], Sums]:
        with _lock:
            self.look()
            sums = {key: dict(ended) for key, ended in self._ended.items()}
            for p in self._open.values():
                _add(sums, p, _GROWING)
        return sums

    def present(self) -> dict[tuple[str, str], Sums]:
        sums: dict[tuple[str, str], Sums] = {}
        with _lock:
            self.look()
            for p in self._open.values():
                _add(sums, p, (*_STATES, "bytes"))
        return sums

    def oldest(self) -> Iterator[tuple[tuple[str, str], float]]:
        with _lock:
            self.look()
            found = [(p, processing.age_of(p.control.stats()["oldest"])) for p in self._open.values()]
        ages: dict[tuple[str, str], float] = {}
        for p, age in found:
            key = (p.name, p.kind)
            ages[key] = max(ages.get(key, 0.0), age or 0.0)
        return iter(ages.items())

    def close(self) -> None:
        with _lock:
            self._open.clear()
            self._ended.clear()


def _add(sums: dict[tuple[str, str], Sums], p: processing.Processing, names: tuple[str, ...]) -> None:
    stats = p.control.stats() | p.counters
    own = sums.setdefault((p.name, p.kind), dict.fromkeys(names, 0))
    for name in names:
        own[name] += stats[name]


class _Export:
    """The instruments of one meter. OpenTelemetry has no way to take them back: an export that was ended tells nothing,
    and may begin again."""

    def __init__(self, meter: Meter) -> None:
        self._books = _Books()
        self._detach: list[Callable[[], None]] = []
        meter.create_observable_up_down_counter(
            "partita.buffer.items", [self._items], "{item}", "Items in the buffer, by what is done with them"
        )
        meter.create_observable_up_down_counter(
            "partita.buffer.size", [self._size], "By", "Bytes of the items in the buffer"
        )
        meter.create_observable_gauge(
            "partita.buffer.oldest_age", [self._oldest_age], "s", "How long ago the oldest item came in"
        )
        meter.create_observable_counter(
            "partita.buffer.settled",
            [self._settled],
            "{item}",
            "Items that have left the buffer, by what became of them",
        )
        for name, (unit, description) in _COUNTED.items():
            meter.create_observable_counter(f"partita.buffer.{name}", [self._counted(name)], unit, description)
        self._durations = meter.create_histogram(
            "partita.buffer.processing.duration",
            "s",
            "Duration of calls of the processor",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._sizes = meter.create_histogram(
            "partita.buffer.processing.items",
            "{item}",
            "Items in calls of the processor",
            explicit_bucket_boundaries_advisory=_ITEMS,
        )

    def begin(self) -> None:
        if not self._detach:
            self._books.look()
            self._detach.append(telemetry.attach(self._on_partition, "partita.buffer.partition."))
            self._detach.append(telemetry.attach(self._on_processing, "partita.buffer.processing."))

    def end(self) -> None:
        while self._detach:
            self._detach.pop()()
        self._books.close()

    # --- Events.

    def _on_partition(self, event: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
        if metadata["partition"] == 0:
            self._books.look()

    def _on_processing(self, event: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
        if "duration" not in measurements:
            return
        attributes = _attributes((metadata["name"], metadata["type"]))
        if metadata["partition"] < _PARTITIONS_TOLD_APART:
            attributes[_PARTITION] = metadata["partition"]
        if "error" in metadata:
            attributes["error.type"] = _full_name(type(metadata["error"]))
        self._durations.record(measurements["duration"], attributes)
        self._sizes.record(measurements["items"], attributes)

    # --- When somebody collects.

    def _items(self, _: CallbackOptions) -> Iterator[Observation]:
        return self._observe(self._books.present, _STATES, _STATE)

    def _settled(self, _: CallbackOptions) -> Iterator[Observation]:
        return self._observe(self._books.growing, _OUTCOMES, _OUTCOME)

    def _size(self, _: CallbackOptions) -> Iterator[Observation]:
        return self._observe(self._books.present, ("bytes",))

    def _counted(self, name: str) -> Callback:
        return lambda _: self._observe(self._books.growing, (name,))

    def _oldest_age(self, _: CallbackOptions) -> Iterator[Observation]:
        from opentelemetry.metrics import Observation

        if self._detach:
            for key, age in self._books.oldest():
                yield Observation(age, _attributes(key))

    def _observe(
        self, read: Callable[[], dict[tuple[str, str], Sums]], names: Iterable[str], attribute: str | None = None
    ) -> Iterator[Observation]:
        from opentelemetry.metrics import Observation

        if self._detach:
            for key, sums in read().items():
                for name in names:
                    more = {} if attribute is None else {attribute: name}
                    yield Observation(sums[name], _attributes(key) | more)


def _attributes(key: tuple[str, str]) -> dict[str, Any]:
    return {_NAME: key[0], _TYPE: key[1]}


def _full_name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class _Global:
    """Stands for OpenTelemetry's global provider, which may be set later."""


_global = _Global()
_exports: weakref.WeakKeyDictionary[Any, _Export] = weakref.WeakKeyDictionary()
