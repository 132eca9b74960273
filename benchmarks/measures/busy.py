"""What a scan on all cores leaves to a Python thread that computes beside it."""

import sys
import time

import workloads
from drive import Session, in_fresh_process
from peers import PARTITIONS

from measures.writers import Scanner

STEPS = 5_000_000


def beside_a_busy_thread(session: Session) -> None:
    rows = session.growth_rows
    for operation, values in in_fresh_process("busy:measure", rows=rows, repeats=session.repeats).items():
        session.add(operation, "partita", values, "of 1" if operation.endswith("speed") else "scans/s", rows=rows)


def measure(rows: int, repeats: int) -> dict[str, list[float]]:
    """A loop of Python, alone and beside another thread that scans without pause."""
    import partita
    from partita import ANY, V

    table = partita.Table(partitions=PARTITIONS)
    table.insert_many(workloads.row_of("int", k, rows) for k in workloads.shuffled(rows, 1))
    spec = [((ANY, V[1], ANY, ANY), [(">", V[1], workloads.cut(rows))], [True])]
    expected = table.select_count(spec)
    partita.set_num_threads(2)
    runs: dict[str, list[float]] = {}
    for _ in range(repeats):
        alone = seconds_of_a_loop()
        with Scanner(lambda: table.select_count(spec), expected, sys.getswitchinterval()) as scanner:
            beside = seconds_of_a_loop()
            scans = scanner.scans
        runs.setdefault("busy thread beside scans, speed", []).append(alone / beside)
        runs.setdefault("scans beside a busy thread", []).append(scans / beside)
    return runs


def seconds_of_a_loop() -> float:
    start = time.perf_counter()
    total = 0
    for i in range(STEPS):
        total += i
    return time.perf_counter() - start
