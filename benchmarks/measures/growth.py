"""Ten times the rows: what one then costs to load, scan and find, against the smaller table in the same process."""

import random
import time
from collections.abc import Iterator

import workloads
from drive import Session, in_fresh_process
from peers import PARTITIONS

PROBES = 500_000
LOAD_CHUNK = 50_000


def growth(session: Session) -> None:
    measured = in_fresh_process(
        "growth:measure", small=session.rows, large=session.growth_rows, repeats=session.repeats
    )
    for result in measured:
        session.add(
            f"growth: {result['operation']}",
            "partita",
            result["values"],
            result["unit"],
            keys="int",
            rows=result["rows"],
        )


def measure(small: int, large: int, repeats: int) -> list[dict]:
    import partita
    from partita import ANY, V

    runs: dict[tuple[str, int], list[float]] = {}
    tables: dict[int, partita.Table] = {}
    orders = {rows: workloads.shuffled(rows, 1) for rows in (small, large)}
    for _ in range(repeats):
        for rows in (small, large):
            tables.pop(rows, None)
            tables[rows] = partita.Table(partitions=PARTITIONS)
            runs.setdefault(("load", rows), []).append(load(tables[rows], orders[rows], rows) / rows)
    del orders
    probes = {rows: random.Random(4).sample(range(rows), min(PROBES, rows)) for rows in tables}
    replacements = {rows: [workloads.row_of("int", k, rows) for k in probes[rows]] for rows in tables}
    specs = {rows: [((ANY, V[1], ANY, ANY), [(">", V[1], workloads.cut(rows))], [True])] for rows in tables}
    threads = getattr(partita, "set_num_threads", None)
    for _ in range(repeats):
        for rows, table in tables.items():

            def note(operation: str, nanoseconds: int, count: int, rows: int = rows) -> None:
                runs.setdefault((operation, rows), []).append(nanoseconds / count)

            note("get", elapsed(table.get, probes[rows]), len(probes[rows]))
            note("insert (overwrite)", elapsed(table.insert, replacements[rows]), len(probes[rows]))
            if threads:
                threads(1)
            note("select_count", elapsed(table.select_count, [specs[rows]]), rows)
            if threads:
                threads(2)
                note("select_count, 2 threads", elapsed(table.select_count, [specs[rows]]), rows)
            assert table.select_count(specs[rows]) == max(1, rows // 100)
    for rows, table in tables.items():
        runs["memory", rows] = [table.info()["memory"] / rows]
    return [
        {
            "operation": operation,
            "rows": rows,
            "values": values,
            "unit": "bytes/row" if operation == "memory" else "ns/row",
        }
        for (operation, rows), values in runs.items()
    ]


def load(table: object, order: object, rows: int) -> int:
    """Nanoseconds inside insert_many; the rows of each chunk are made outside the clock."""
    spent = 0
    for rows_of_chunk in chunks_of_rows(order, rows):
        start = time.perf_counter_ns()
        table.insert_many(rows_of_chunk)  # type: ignore[attr-defined]
        spent += time.perf_counter_ns() - start
    assert len(table) == rows  # type: ignore[arg-type]
    return spent


def chunks_of_rows(order, rows: int) -> Iterator[list]:
    for first in range(0, rows, LOAD_CHUNK):
        yield [workloads.row_of("int", k, rows) for k in order[first : first + LOAD_CHUNK]]


def elapsed(call, arguments: list) -> int:
    start = time.perf_counter_ns()
    for argument in arguments:
        call(argument)
    return time.perf_counter_ns() - start
