"""How long single inserts take while another thread scans the table without pause."""

import sys
import threading
import time
from collections.abc import Callable

import workloads
from drive import Session, in_fresh_process
from peers import PARTITIONS

INSERTS = 200_000
# The scanner needs the GIL between scans, and gets it once a busy thread has had it for the switch interval. Python's
# own is 5 ms: a pause. With 0.1 ms the scanner hardly pauses, and the writer is made to hand over the GIL more often.
SWITCH_INTERVALS = {"alone": 0.0, "beside scans": 0.005, "beside ceaseless scans": 0.0001}
PERCENTILES = {"median": 0.5, "P99": 0.99, "P99.9": 0.999, "maximum": 1.0}


def insert_while_scanning(session: Session) -> None:
    for rows in (session.rows, session.growth_rows):
        inserts = min(INSERTS, rows)
        measured = in_fresh_process("writers:measure", rows=rows, inserts=inserts, repeats=session.repeats)
        for operation, values in measured["runs"].items():
            session.add(operation, "partita", values, measured["units"].get(operation, "ns/op"), keys="int", rows=rows)


def measure(rows: int, inserts: int, repeats: int) -> dict[str, dict]:
    """Each insert overwrites a row met in random order, the worst case for copy-on-write. The clock's own cost is
    measured beside it and taken off."""
    import partita
    from partita import ANY, V

    table = partita.Table(partitions=PARTITIONS)
    table.insert_many(workloads.row_of("int", k, rows) for k in workloads.shuffled(rows, 1))
    to_insert = [workloads.row_of("int", k, rows) for k in workloads.shuffled(rows, 2)[:inserts]]
    spec = [((ANY, V[1], ANY, ANY), [(">", V[1], workloads.cut(rows))], [True])]
    expected = table.select_count(spec)
    floor = percentile(sorted(clock_costs(inserts)), 0.5)
    runs: dict[str, list[float]] = {}
    for _ in range(repeats):
        for how, interval in SWITCH_INTERVALS.items():
            with Scanner(lambda: table.select_count(spec), expected, interval) as scanner:
                start = time.perf_counter_ns()
                latencies = insert_latencies(table, to_insert)
                took = time.perf_counter_ns() - start
            if interval:
                runs.setdefault(f"scans a second {how}", []).append(scanner.scans * 1e9 / took)
            latencies.sort()
            for name, share in PERCENTILES.items():
                runs.setdefault(f"insert {how}, {name}", []).append(max(percentile(latencies, share) - floor, 0))
    return {"runs": runs, "units": {name: "scans" for name in runs if name.startswith("scans")}}


class Scanner:
    """Scans in a thread of its own while it is entered; does nothing if the interval is 0."""

    def __init__(self, scan: Callable[[], int], expected: int, interval: float):
        self.scan = scan
        self.expected = expected
        self.interval = interval
        self.scans = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        while not self.stop.is_set():
            found = self.scan()
            assert found == self.expected, (found, self.expected)
            self.scans += 1

    def __enter__(self) -> "Scanner":
        if self.interval:
            self.before = sys.getswitchinterval()
            sys.setswitchinterval(self.interval)
            self.thread.start()
            while not self.scans and self.thread.is_alive():
                time.sleep(0)
            self.scans = 0
        return self

    def __exit__(self, *_: object) -> None:
        if self.interval:
            self.stop.set()
            self.thread.join()
            sys.setswitchinterval(self.before)


def insert_latencies(table: object, rows: list) -> list[int]:
    clock, latencies = time.perf_counter_ns, [0] * len(rows)
    for i, row in enumerate(rows):
        start = clock()
        table.insert(row)  # type: ignore[attr-defined]
        latencies[i] = clock() - start
    return latencies


def clock_costs(count: int) -> list[int]:
    clock, costs = time.perf_counter_ns, [0] * count
    for i in range(count):
        start = clock()
        costs[i] = clock() - start
    return costs


def percentile(ordered: list[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
