"""Bags with few and with very many rows a key: what one row costs to put in, to read and to take out."""

import sys

import drive
from drive import HERE, Session, Worker

TYPES = ("bag", "duplicate_bag")
ROWS_A_KEY = (1, 10, 10_000)
OPERATIONS = ("insert", "lookup", "delete_object")
PEERS = ("partita", drive.ETS, "dict", "sqlite3")
# ETS goes through all rows of a key at each insert into a bag and each delete_object: so it gets fewer keys.
ROWS_OF_LONG_KEYS_IN_ETS = 20_000


def bags(session: Session) -> None:
    ets_missing = drive.ETS in session.peers and drive.compile_erlang("ets_bag_peer.erl", session.scratch)
    if ets_missing:
        raise drive.WorkerError(ets_missing)
    for kind in TYPES:
        for rows_a_key in ROWS_A_KEY:
            measure(session, kind, rows_a_key)


def measure(session: Session, kind: str, rows_a_key: int) -> None:
    names = [name for name in PEERS if name in session.peers]
    rows = dict.fromkeys(names, session.rows)
    if rows_a_key > 1000 and drive.ETS in rows:
        rows[drive.ETS] = min(session.rows, ROWS_OF_LONG_KEYS_IN_ETS)
    workers = [
        Worker(name, command(session, name, kind, rows[name], rows_a_key), session.scratch / f"bag-{name}.log")
        for name in names
    ]
    try:
        for operation in OPERATIONS:
            values: dict[str, list[float]] = {name: [] for name in names}
            for turn in range(session.repeats):
                for i in range(len(workers)):
                    worker = workers[(i + turn) % len(workers)]
                    nanoseconds, operations, _ = worker.ask(f"time {operation}")
                    values[worker.name].append(nanoseconds / operations)
            for name, runs in values.items():
                session.add(f"{kind} {operation}, {rows_a_key:,} a key", name, runs, "ns/row", rows=rows[name])
        for worker in workers:
            expected = rows[worker.name] * (rows[worker.name] - 1) // 2
            if worker.ask("sum")[0] != expected:
                raise drive.WorkerError(f"{worker.name} has lost rows of its {kind}")
    finally:
        for worker in workers:
            worker.close()


def command(session: Session, name: str, kind: str, rows: int, rows_a_key: int) -> list[str]:
    arguments = [kind, str(rows), str(rows_a_key), str(session.orders(rows))]
    if name == drive.ETS:
        return ["erl", "-noshell", "-pa", str(session.scratch), "-eval", "ets_bag_peer:main()", "-extra", *arguments]
    return [sys.executable, str(HERE / "bag_worker.py"), name, *arguments]
