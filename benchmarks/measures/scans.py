"""Reading the whole table: counting or listing what a guard keeps, listing all rows, before and after a churn."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import drive
import workloads
from drive import Crew, Session, in_fresh_process
from peers import Partita

COUNTERS = ("partita", drive.ETS, "dict", "sqlite3", "duckdb", "polars")
SCANS = ("select_count", "select", "tolist")
UPDATES_PER_ROW = 10


def fresh(session: Session) -> None:
    for kind in workloads.KINDS:
        with Crew(session, COUNTERS, kind, session.rows) as crew:
            for operation in SCANS:
                per_table = lambda worker, operation=operation: worker.ask(f"time {operation}")[0] / 1e6  # noqa: E731
                crew.in_rounds(operation, COUNTERS, "ms", per_table)
                crew.check(f"results {operation}", COUNTERS)


def churned(session: Session) -> None:
    folder = session.orders(session.rows)
    measured = in_fresh_process("scans:measure_churn", rows=session.rows, repeats=session.repeats, folder=str(folder))
    for operation, values in measured["runs"].items():
        session.add(operation, "partita", values, "ms", keys="int")
    for operation, value in measured["memory"].items():
        session.add(operation, "partita", [value], "bytes/row", keys="int")


def measure_churn(rows: int, repeats: int, folder: str) -> dict[str, dict]:
    """Two tables of the same final rows in one process: one loaded, one that was written eleven times over."""
    workload = workloads.Workload("int", rows, Path(folder))
    ours = {"fresh": Partita(workload), "churned": Partita(workload)}
    for peer in ours.values():
        peer.load()
    churn(ours["churned"], rows)
    runs: dict[str, list[float]] = {}
    for _ in range(repeats):
        for state, peer in ours.items():
            for operation in SCANS:
                runs.setdefault(f"{operation} ({state})", []).append(milliseconds(getattr(peer, operation)))
    for operation in SCANS:
        assert ours["fresh"].result(operation) == ours["churned"].result(operation), operation
    return {"runs": runs, "memory": {f"memory ({state})": peer.memory() / rows for state, peer in ours.items()}}


def churn(peer: Partita, rows: int) -> None:
    """Each row is written ten times more, its string of another length each time but the last; then a third of the rows
    is deleted and inserted again. All in random orders."""
    order = list(range(rows))
    generator = random.Random(3)
    for turn in range(UPDATES_PER_ROW):
        generator.shuffle(order)
        last = turn == UPDATES_PER_ROW - 1
        for k in order:
            key, value, name, number = workloads.row_of("int", k, rows)
            peer.table.insert((key, value, name if last else "x" * (turn * 5), number))
    gone = order[: rows // 3]
    for k in gone:
        peer.table.delete(k)
    generator.shuffle(gone)
    for k in gone:
        peer.table.insert(workloads.row_of("int", k, rows))


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / 1e6
