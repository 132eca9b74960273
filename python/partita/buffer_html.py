"""How a buffer shows itself in a notebook: its books, in the order in which items go through them."""

from __future__ import annotations

from html import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_BOOKS = {
    "came in": ("pushed", "restored"),
    "here": ("buffered", "in_flight", "in_doubt"),
    "gone": ("processed", "dead", "failed", "dropped", "replaced", "deleted"),
    "calls turned away": ("refused", "stale"),
    "work": ("runs", "batches", "retries", "exceptions", "timeouts", "overruns"),
}
_MOST_PARTITIONS = 32


def show(kind: str, stats: dict[str, Any]) -> str:
    """A table of what `stats()` tells. What is 0 is left out."""
    state = "stopped" if stats["stopped"] else "running"
    rows = "".join(f'<tr><th style="text-align: left">{head}</th>{cell(text)}</tr>' for head, text in lines(stats))
    return f"<table><caption>{kind} {escape(repr(stats['name']))}, {state}</caption>{rows}</table>"


def lines(stats: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for head, names in _BOOKS.items():
        yield head, ", ".join(f"{stats[name]:,} {name}" for name in names if stats[name]) or "0"
        if head == "here" and stats["oldest_age"] is not None:
            yield "", f"{stats['bytes']:,} bytes, the oldest for {stats['oldest_age']:.3g} s"
    if stats["durable"] is not None:
        file = stats["durable"]
        yield "file", escape(f"{file['path']}, {file['state']}, log of {file['log_bytes']:,} bytes")
    sizes = stats["partition_sizes"]
    more = f" and {len(sizes) - _MOST_PARTITIONS:,} more" if len(sizes) > _MOST_PARTITIONS else ""
    yield "buffered by partition", ", ".join(f"{size:,}" for size in sizes[:_MOST_PARTITIONS]) + more


def cell(text: str) -> str:
    return f'<td style="text-align: left">{text}</td>'
