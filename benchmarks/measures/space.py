"""Memory: per row, of small tables, and what resident rows cost Python's cyclic collector."""

import gc
import time
from pathlib import Path

import drive
from drive import Crew, Session, in_fresh_process
from peers import PYTHON_PEERS, resident_bytes
from workloads import KINDS, Workload

ACCOUNTED = ("partita", "sqlite3", "polars")  # peers that keep an account of their own
RESIDENT = ("partita", "dict")
TABLES = 1_000


def memory_per_row(session: Session) -> None:
    for kind in KINDS:
        folder = str(session.orders(session.rows))
        for name in (*RESIDENT, "sqlite3", "polars"):
            if name in session.peers:
                measured = in_fresh_process(
                    "space:measure_memory", name=name, kind=kind, rows=session.rows, folder=folder
                )
                if name in RESIDENT:
                    session.add(
                        "memory (resident)", name, [measured["resident"] / session.rows], "bytes/row", keys=kind
                    )
                if name in ACCOUNTED:
                    session.add(
                        "memory (own account)", name, [measured["account"] / session.rows], "bytes/row", keys=kind
                    )
        if drive.ETS in session.peers:
            with Crew(session, (drive.ETS,), kind, session.rows) as crew:
                words, rows, _ = crew.workers[0].ask("memory")
                session.add("memory (own account)", drive.ETS, [words / rows], "bytes/row", keys=kind)


def measure_memory(name: str, kind: str, rows: int, folder: str) -> dict[str, int]:
    """In a process of its own, rows made one by one: what stays resident is the table."""
    peer_class = type("Peer", (PYTHON_PEERS[name],), {"holds_rows": False})
    peer = peer_class(Workload(kind, rows, Path(folder)))
    peer.keys = []
    gc.collect()
    before = resident_bytes()
    peer.load()
    gc.collect()
    return {"resident": resident_bytes() - before, "account": peer.memory()}


def small_tables(session: Session) -> None:
    measured = in_fresh_process("space:measure_small_tables")
    session.add("100 rows, 1 partition", "partita", [measured["hundred"]], "bytes", rows=100)
    session.add("1000 empty tables", "partita", [measured["account"]], "bytes", rows=TABLES)
    session.add("1000 empty (resident)", "partita", [measured["resident"]], "bytes", rows=TABLES)


def measure_small_tables() -> dict[str, int]:
    from workloads import row_of

    import partita

    hundred = partita.Table(partitions=1)
    hundred.insert([row_of("int", k, 100) for k in range(100)])
    partita.Table().insert((1, 2))  # whatever is set up once is set up now
    before = resident_bytes()
    tables = [partita.Table() for _ in range(TABLES)]
    resident = resident_bytes() - before
    return {
        "hundred": hundred.info()["memory"],
        "account": sum(table.info()["memory"] for table in tables),
        "resident": resident,
    }


def collector(session: Session) -> None:
    folder = str(session.orders(session.rows))
    for name in RESIDENT:
        measured = in_fresh_process(
            "space:measure_collector", name=name, rows=session.rows, folder=folder, repeats=session.repeats
        )
        for operation, values in measured.items():
            session.add(f"gc.collect() {operation}", name, values, "ms", keys="int")


def measure_collector(name: str, rows: int, folder: str, repeats: int) -> dict[str, list[float]]:
    """The rows are loaded with the collector off, so that the first collection is the first to see them."""
    peer_class = type("Peer", (PYTHON_PEERS[name],), {"holds_rows": False})
    peer = peer_class(Workload("int", rows, Path(folder)))
    peer.keys = []
    gc.collect()
    empty = [collection_ms() for _ in range(repeats)]
    gc.disable()
    peer.load()
    gc.enable()
    first = [collection_ms()]
    return {"empty": empty, "first": first, "later": [collection_ms() for _ in range(repeats)]}


def collection_ms() -> float:
    start = time.perf_counter_ns()
    gc.collect()
    return (time.perf_counter_ns() - start) / 1e6
