"""Turns the raw figures of a run into RESULTS.md.

    python benchmarks/report.py results/2026-11-21-abc.json > RESULTS.md
    python benchmarks/report.py results/2026-11-21-abc.json results/2026-11-23-def.json > RESULTS.md

Of several runs the report has what the first measured, and from each further one what those before it did not.
"""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from goals import Figure, Verdict, goals, judge, record_of
from workloads import KINDS

NAMES = {
    "ets": "ETS",
    "ets-ordered": "ETS",
    "partita-ordered": "partita",
    "partita-file": "partita",
    "sqlite3-ordered": "sqlite3",
    "sqlite3-file": "sqlite3",
}

NOT_SHOWN = """\
- One thread calls, unless a row says otherwise. Nothing here tells how calls scale over threads: a Python with a GIL
  runs one at a time, and ETS, which has no such lock, would win that comparison.
- ETS is called from Erlang, we are called from Python: each figure is what a program in that language pays, its own
  loop included ("loop" below; it is not taken off). It is no comparison of the storage alone.
- Each row fits a cache line or two: no string is longer than 12 bytes, no field is nested. Long strings and containers
  cost more than is shown, here and in every peer.
- The machine is virtual, shared, and small. Absolute times vary by half and more between days, so only ratios of the
  same run mean something; the spread beside each says how much.
- sqlite3 and duckdb do much that we do not: transactions over several rows, SQL, disk. polars is made for whole
  columns. They are shown where a Python programmer might reach for them, at the price of that one call."""


HOW_TO_READ = """\
A ratio is ours divided by the peer's in the same round (faster: the peer's divided by ours); the median of the rounds,
and their range. Narrowly: the median is within the limit, but not every run is."""


def combined(results: dict[str, Any], *later: dict[str, Any]) -> dict[str, Any]:
    """One run of several. Ratios stay within a run, as a record's figures and its peers' come from the same one."""
    whole = {**results, "added": []}
    took = dict(results["details"].get("seconds", {}))
    for run in later:
        if (run["rows"], run["growth_rows"]) != (results["rows"], results["growth_rows"]):
            raise ValueError("the runs are of different sizes")
        have = {record["operation"] for record in whole["records"]}
        added = [record for record in run["records"] if record["operation"] not in have]
        names = [name for name in run["details"].get("seconds", {}) if name not in took]
        took |= {name: run["details"]["seconds"][name] for name in names}
        whole["records"] = whole["records"] + added
        whole["versions"] = {**run["versions"], **whole["versions"]}
        whole["machine"] = {**run["machine"], **whole["machine"]}
        whole["added"].append({"names": names, "date": run["machine"]["date"], "commit": run["machine"]["commit"]})
    whole["details"] = {**results["details"], "seconds": took}
    return whole


def origin(results: dict[str, Any]) -> str:
    date, commit = results["machine"]["date"], results["machine"]["commit"]
    runs = f"{date}, commit `{commit}`"
    for run in results.get("added", []):
        runs += f"; {', '.join(run['names'])}: {run['date']}, commit `{run['commit']}`"
    return runs


def write(results: dict[str, Any]) -> str:
    parts = [
        "# Results",
        f"Written by `benchmarks/report.py` from what `benchmarks/run.py` measured; {origin(results)}. "
        f"Rows: {results['rows']:,}, grown to {results['growth_rows']:,}; {results['repeats']} runs of each operation "
        "by each peer, in turns. What each benchmark asks, and its traps: [README.md](README.md).",
        "## What the numbers do not show\n\n" + NOT_SHOWN,
        "## Against the goals\n\n" + HOW_TO_READ + "\n\n" + goals_table(results),
        "## Absolute times\n\nMedian (smallest-largest) of the runs.\n",
    ]
    parts += [section for keys in KINDS for section in point_section(results, keys)]
    parts += ordered_section(results) + bag_section(results)
    parts += buffer_section(results)
    parts += scan_section(results) + memory_section(results) + latency_section(results) + growth_section(results)
    parts += file_section(results) + call_section(results) + index_section(results)
    parts.append(details(results))
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def goals_table(results: dict[str, Any]) -> str:
    lines = ["| what | reach | measured | ours | peer | reached? |", "| --- | --- | --- | --- | --- | --- |"]
    for goal in goals():
        verdict = judge(goal, results)
        lines.append(goal_line(verdict) if verdict else f"| {goal.what} | {goal.reach} | not measured | | | |")
    return "\n".join(lines)


def goal_line(verdict: Verdict) -> str:
    goal, unit = verdict.goal, verdict.unit
    if goal.how in ("ratio", "faster"):
        measured = spread(verdict.runs, lambda value: f"{value:.3g} x")
    else:
        measured = spread(verdict.runs, lambda value: amount(value, unit))
    ours = amount(median(verdict.ours), unit)
    theirs = amount(median(verdict.theirs), unit) if verdict.theirs else ""
    return f"| {goal.what} | {goal.reach} | {measured} | {ours} | {theirs} | {verdict.reached} |"


def point_section(results: dict[str, Any], keys: str) -> list[str]:
    peers = ["partita", "ets", "dict+Lock", "dict", "sqlite3", "duckdb"]
    operations = ["insert", "overwrite", "lookup", "get", "member", "update_counter", "delete", "loop"]
    title = f"### Calls with one key, {keys} keys, {results['rows']:,} rows"
    table = matrix(results, operations, peers, keys)
    batches = ["insert", "insert_many", "insert_list", "get", "get_many"]
    ours = matrix(results, [f"{name} (batch run)" for name in batches], ["partita"], keys)
    return [
        f"{title}\n\n{table}" if table else "",
        f"### Ours by single calls and in batches of 1,000, per row, {keys} keys\n\n"
        f"`insert_list` is `insert` of a list, which is atomic.\n\n{ours}"
        if ours
        else "",
    ]


def ordered_section(results: dict[str, Any]) -> list[str]:
    peers = ["partita-ordered", "ets-ordered", "SortedDict", "sqlite3-ordered"]
    names = ["insert", "overwrite", "lookup", "next", "walk", "range_by_guard", "range_by_prefix", "delete"]
    sections = []
    for keys in KINDS:
        table = matrix(results, [f"ordered: {name}" for name in names], peers, keys)
        if table:
            sections.append(
                f"### Tables in order, {keys} keys, {results['rows']:,} rows\n\n"
                "`next` steps from keys at random, `walk` from the first to the last; a range has 100 rows, which a "
                "guard on the key bounds, or the first part of keys of two parts.\n\n"
                f"{table}"
            )
    return sections


def bag_section(results: dict[str, Any]) -> list[str]:
    peers = ["partita", "ets", "dict", "sqlite3"]
    names = [
        f"{kind} {operation}, {rows} a key"
        for kind in ("bag", "duplicate_bag")
        for operation in ("insert", "lookup", "delete_object")
        for rows in ("1", "10", "10,000")
    ]
    table = matrix(results, names, peers, "")
    if not table:
        return []
    note = "ETS gets 20,000 rows where a key has 10,000: it goes through all of them at each insert and delete_object."
    return [f"### Bags of {results['rows']:,} rows, per row\n\n{note}\n\n{table}"]


def buffer_section(results: dict[str, Any]) -> list[str]:
    spans = ["BatchSpanProcessor", "BatchSpanProcessor, defaults"]
    queues = ["partita", "partita (as spans)", *spans, "queue.Queue", "queue.SimpleQueue", "deque"]
    peers = [*queues, "PartitionedBuffer (scaled)"]
    names = ["push", "push beside", "delivered", "push_many", "drain"]
    calls = matrix(results, [f"buffer: {name}" for name in names], peers, "")
    maps = matrix(results, ["buffer: put", "buffer: put_newer"], ["partita map", "dict+Lock", peers[-1]], "")
    shares = ("median", "P99", "P99.9", "maximum")
    latencies = matrix(results, [f"buffer: a push beside, {share}" for share in shares], queues, "")
    if not calls:
        return []
    return [
        "### Queues that hand over, per item\n\n"
        "Beside: a thread takes out what is there. As spans: with one partition, room for a million and batches of "
        "10,000, as BatchSpanProcessor has here; its defaults are a queue of 2,048 and batches of 512, and it drops "
        "what finds no room. The queues of the standard library hand over the objects that were put in, and know no "
        "batches. PartitionedBuffer's figures are those it had elsewhere, scaled by an insert into ETS here and there."
        f"\n\n{calls}",
        f"### Maps that hand over, per key\n\n{maps}",
        "### Latency of a push while items are taken out, the clock's cost taken off\n\n"
        "Our swaps come every millisecond (as spans: every 10,000 items). Who takes items out needs the GIL, and a "
        f"thread that wants it back waits up to five milliseconds.\n\n{latencies}",
    ]


def scan_section(results: dict[str, Any]) -> list[str]:
    peers = ["partita", "ets", "dict", "sqlite3", "duckdb", "polars"]
    sections = []
    for keys in KINDS:
        table = matrix(results, ["select_count", "select", "tolist"], peers, keys)
        if table:
            sections.append(f"### Scans of {results['rows']:,} rows on one thread, {keys} keys\n\n{table}")
    churned = [f"{scan} ({state})" for scan in ("select_count", "select", "tolist") for state in ("fresh", "churned")]
    table = matrix(results, [*churned, "memory (fresh)", "memory (churned)"], ["partita"], "int")
    if table:
        sections.append(f"### A churned table\n\n{table}")
    return sections


def memory_section(results: dict[str, Any]) -> list[str]:
    sections = []
    for keys in KINDS:
        peers = ["partita", "ets", "dict", "sqlite3", "polars"]
        table = matrix(results, ["memory (own account)", "memory (resident)"], peers, keys)
        if table:
            sections.append(f"### Memory, {keys} keys\n\n{table}")
    table = matrix(results, ["100 rows, 1 partition", "1000 empty tables", "1000 empty (resident)"], ["partita"], "")
    if table:
        sections.append(f"### Small tables\n\n{table}")
    collections = [f"gc.collect() {when}" for when in ("empty", "first", "later")]
    table = matrix(results, collections, ["partita", "dict"], "int")
    if table:
        sections.append(f"### A full collection with {results['rows']:,} rows resident\n\n{table}")
    return sections


def latency_section(results: dict[str, Any]) -> list[str]:
    lines = []
    for grown in (False, True):
        for how in ("alone", "beside scans", "beside ceaseless scans"):
            names = [f"insert {how}, {name}" for name in ("median", "P99", "P99.9", "maximum")]
            found = [record_of(Figure(name, keys="int", grown=grown), results) for name in names]
            scans = record_of(Figure(f"scans a second {how}", keys="int", grown=grown), results)
            beside = f"{how} ({median(scans['values']):,.0f} a second)" if scans else how
            if all(found):
                lines.append(f"| {found[0]['rows']:,} | {beside} | {' | '.join(map(cell, found))} |")
    if not lines:
        return []
    head = "| rows | insert | median | P99 | P99.9 | longest |\n| ---: | --- | ---: | ---: | ---: | ---: |\n"
    return ["### Latency of an insert that overwrites, the clock's cost taken off\n\n" + head + "\n".join(lines)]


def growth_section(results: dict[str, Any]) -> list[str]:
    names = ["load", "get", "insert (overwrite)", "select_count", "select_count, 2 threads", "memory"]
    lines = []
    for name in names:
        pair = [record_of(Figure(f"growth: {name}", keys="int", grown=grown), results) for grown in (False, True)]
        if all(pair):
            lines.append(f"| {name} | {' | '.join(map(cell, pair))} |")
    if not lines:
        return []
    head = f"| per row | {results['rows']:,} rows | {results['growth_rows']:,} rows |\n| --- | ---: | ---: |\n"
    return ["### Growth\n\n" + head + "\n".join(lines)]


FILE_NOTE = """\
`save`: from memory into a new file that is on the disk at the end; we and ETS (`tab2file` with md5sum and sync) have a
table to save, the databases take the rows from Python, sqlite3 and lmdb in one transaction, rocksdict in batches.
`load_saved`: all rows back from a file that the system still has in memory: into a table (ours with every checksum
verified; `file2tab` in the next line), or as a list of tuples. We use all cores. `insert`: in memory.
`insert_interval`: ours by a log that is synced each second; sqlite3 in WAL mode with synchronous=NORMAL, lmdb with
sync=False, rocksdict by its defaults. `insert_always`: on the disk when the call returns, and the same by 16 threads;
sqlite3 with synchronous=FULL, lmdb by its defaults, rocksdict with sync=True; `append+fdatasync` writes what our log
gets, and no more. lmdb and rocksdict keep rows pickled."""


def file_section(results: dict[str, Any]) -> list[str]:
    peers = ["partita-file", "ets", "sqlite3-file", "lmdb", "rocksdict", "append+fdatasync"]
    names = ["save", "load_saved", "load_verified", "size", "insert", "insert_interval"]
    names = [f"file: {name}" for name in (*names, "insert_always", "insert_always_16")]
    tables = {keys: matrix(results, names, peers, keys) for keys in KINDS}
    where = results["machine"].get("files on", "unknown")
    found = [f"{keys} keys:\n\n{table}" for keys, table in tables.items() if table]
    return [f"### Files of {results['rows']:,} rows\n\nOn {where}. {FILE_NOTE}", *found] if found else []


def call_section(results: dict[str, Any]) -> list[str]:
    records = [record for record in results["records"] if record["operation"] in ("cost of a call", "import")]
    if not records:
        return []
    lines = [f"| {record['operation']} | {record['peer']} | {cell(record)} |" for record in records]
    head = "| what | of | time |\n| --- | --- | ---: |\n"
    return ["### Calls (the loop around them taken off) and imports\n\n" + head + "\n".join(lines)]


def index_section(results: dict[str, Any]) -> list[str]:
    peers = ["hash_index", "flat_split", "flat_whole"]
    names = ["insert", "insert worst", "find hit", "find miss", "erase", "bytes"]
    table = matrix(results, [f"index: {name}" for name in names], peers, "")
    if not table:
        return []
    return [
        f"### The hash index in C++, {results['rows']:,} entries in 16 partitions\n\n"
        "`flat_split`: `absl::flat_hash_set` in sub-tables of at most 4096; `flat_whole`: one a partition. A hit reads "
        f"the key to compare. Insert worst: the longest single one.\n\n{table}"
    ]


def matrix(results: dict[str, Any], operations: Iterable[str], peers: list[str], keys: str) -> str:
    """A table of operations by peers; peers that did none of them have no column."""
    found = {name: [record_of(Figure(name, peer, keys), results) for peer in peers] for name in operations}
    columns = [i for i in range(len(peers)) if any(records[i] for records in found.values())]
    if not columns:
        return ""
    present = [peers[i] for i in columns]
    lines = [f"| | {' | '.join(NAMES.get(peer, peer) for peer in present)} |", "| --- |" + " ---: |" * len(present)]
    for operation, records in found.items():
        if any(records):
            lines.append(f"| {operation} | {' | '.join(cell(records[i]) for i in columns)} |")
    return "\n".join(lines)


def cell(record: dict[str, Any] | None) -> str:
    return spread(record["values"], lambda value: amount(value, record["unit"])) if record else ""


def spread(values: list[float], show: Callable[[float], str]) -> str:
    middle, low, high = show(median(values)), show(min(values)), show(max(values))
    return middle if low == high else f"{middle} ({low}-{high})"


def amount(value: float, unit: str) -> str:
    if unit in ("ns/op", "ns/row"):
        if abs(value) >= 1e4:
            return f"{value / 1e6:.2f} ms" if abs(value) >= 1e6 else f"{value / 1e3:.1f} us"
        return f"{value:.3g} ns" if abs(value) < 100 else f"{value:,.0f} ns"
    if unit == "ms":
        return f"{value:,.0f} ms" if abs(value) >= 100 else f"{value:.3g} ms"
    if unit == "us":
        return f"{value:,.0f} us"
    if unit == "bytes":
        return f"{value:,.0f} B"
    if unit in ("bytes/row", "bytes/entry"):
        return f"{value:.1f} B"
    return f"{value:,.3g} {unit}"


def details(results: dict[str, Any]) -> str:
    lines = [f"| {name} | {value} |" for name, value in results["machine"].items()]
    lines += [f"| version of {NAMES.get(name, name)} | {value} |" for name, value in results["versions"].items()]
    lines += [f"| left out: {name} | {reason} |" for name, reason in results["left_out"].items()]
    for name, seconds in results["details"].get("seconds", {}).items():
        lines.append(f"| took: {name} | {seconds} s |")
    return "## Details\n\n| | |\n| --- | --- |\n" + "\n".join(lines)


if __name__ == "__main__":
    print(write(combined(*(json.loads(Path(path).read_text()) for path in sys.argv[1:]))), end="")
