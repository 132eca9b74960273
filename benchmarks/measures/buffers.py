"""Queues and maps that hand over: what it costs to put one item in, to take it out, and to do both at once."""

import sys
from collections.abc import Iterable

import drive
from drive import HERE, Crew, Session, Worker
from workloads import KINDS

MOST = 500_000
SPANS = ("BatchSpanProcessor", "BatchSpanProcessor, defaults")
QUEUES = ("partita", "partita (as spans)", *SPANS, "queue.Queue", "queue.SimpleQueue", "deque")
MAPS = ("partita map", "dict+Lock")
OPERATIONS = {
    "push": [name for name in QUEUES if name != "BatchSpanProcessor, defaults"],
    "push beside": QUEUES,
    "push_many": ("partita", "partita (as spans)", "deque"),
    "drain": ("partita", "partita (as spans)", "queue.Queue", "queue.SimpleQueue", "deque"),
    "put": MAPS,
    "put_newer": MAPS,
}
PERCENTILES = ("median", "P99", "P99.9", "maximum")

# What PartitionedBuffer took for the same where it could be installed, in ns, and ETS for one of its inserts there.
PARTITIONED_BUFFER = {"push": 1_309, "push_many": 763, "put": 984, "put_newer": 1_854}
ETS_INSERT_THERE = 583


def buffers(session: Session) -> None:
    count = min(session.rows, MOST)
    missing = why_spans_are_missing()
    if missing:
        session.left_out["BatchSpanProcessor"] = missing
    names = [name for name in (*QUEUES, *MAPS) if not (missing and name in SPANS)]
    workers = {
        name: Worker(
            name, [sys.executable, str(HERE / "buffer_worker.py"), name, str(count)], session.scratch / "b.log"
        )
        for name in names
    }
    try:
        for operation, takers in OPERATIONS.items():
            measure(session, operation, [workers[name] for name in takers if name in workers], count)
        latencies(session, [workers[name] for name in QUEUES if name in workers], count)
        check([workers[name] for name in QUEUES if name in workers and name != "BatchSpanProcessor, defaults"])
        check([workers[name] for name in MAPS])
    finally:
        for worker in workers.values():
            worker.close()
    partitioned_buffer(session)


def why_spans_are_missing() -> str:
    try:
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError as error:
        return f"not installed: {error}"
    return ""


def measure(session: Session, operation: str, workers: list[Worker], count: int) -> None:
    values: dict[str, list[float]] = {worker.name: [] for worker in workers}
    kept: dict[str, list[float]] = {worker.name: [] for worker in workers}
    for turn in range(session.repeats):
        for i in range(len(workers)):
            worker = workers[(i + turn) % len(workers)]
            nanoseconds, operations, delivered = worker.ask(f"time {operation}")
            values[worker.name].append(nanoseconds / operations)
            kept[worker.name].append(100 * delivered / operations)
    for name, runs in values.items():
        session.add(f"buffer: {operation}", name, runs, "ns/op", rows=count)
        if operation == "push beside":
            session.add("buffer: delivered", name, kept[name], "%", rows=count)
        if set(kept[name]) != {100.0} and name != "BatchSpanProcessor, defaults":
            raise drive.WorkerError(f"{name} lost items: {kept[name]} % were delivered")


def latencies(session: Session, workers: list[Worker], count: int) -> None:
    runs: dict[str, list[tuple[int, ...]]] = {worker.name: [] for worker in workers}
    for turn in range(session.repeats):
        for i in range(len(workers)):
            worker = workers[(i + turn) % len(workers)]
            runs[worker.name].append(worker.ask("latency"))
    for name, rounds in runs.items():
        for percentile, values in zip(PERCENTILES, zip(*rounds, strict=True), strict=True):
            session.add(f"buffer: a push beside, {percentile}", name, values, "ns/op", rows=count)


def check(workers: Iterable[Worker]) -> None:
    sums = {worker.name: worker.ask("sum")[0] for worker in workers}
    if len(set(sums.values())) > 1:
        raise drive.WorkerError(f"peers disagree on what came out: {sums}")
    print(f"  # sum of what came out: {next(iter(sums.values()))} from {', '.join(sums)}", flush=True)


def partitioned_buffer(session: Session) -> None:
    """Not to be installed: what it took elsewhere, times what an insert into ETS takes here, by what it took there."""
    if drive.ETS not in session.peers:
        return
    kind = KINDS[0]
    with Crew(session, (drive.ETS,), kind, session.rows) as crew:
        [worker] = crew.workers
        ets = []
        for _ in range(session.repeats):
            nanoseconds, operations, _ = worker.ask("time insert")
            ets.append(nanoseconds / operations)
    session.add("buffer: insert into ETS", drive.ETS, ets, "ns/op")
    for operation, there in PARTITIONED_BUFFER.items():
        values = [there * here / ETS_INSERT_THERE for here in ets]
        session.add(f"buffer: {operation}", "PartitionedBuffer (scaled)", values, "ns/op")
