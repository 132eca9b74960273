"""Measures partita beside its peers and writes down what came out.

    python benchmarks/run.py --all                     everything, full size; writes results/ and RESULTS.md
    python benchmarks/run.py point scan --rows 50000   some of it, smaller; prints the report, writes nothing
    python benchmarks/run.py --list

What can be measured (README.md tells the question behind each):

    point      insert, lookup, get, member, update_counter, overwrite, delete with one key, int and str
    batch      get_many and insert_many of 1,000 against our own single calls
    call       a method call before any work, beside the floor of the C API and of pybind11
    import     a fresh interpreter with and without the package
    scan       select_count and select keeping 1 %, tolist of everything
    churn      the same scans on a table written over eleven times
    memory     bytes a row, by the peers' own account and resident
    small      a table of 100 rows, a thousand empty tables
    collector  gc.collect() with all rows resident
    writers    latency of insert alone and while another thread scans
    growth     ten times the rows: load, scan, point calls
    busy       what scans on two cores leave to a Python thread beside them
    ordered    insert, lookup, steps and ranges in an ordered_set
    index      the hash index against absl::flat_hash_set, in C++
    bag        bags of 1, 10 and 10,000 rows a key: insert, lookup and delete_object, a row
    buffer     push, push_many, put, put_newer and drain of buffers, and the latency of a push while items are taken out
    files      save and load of all rows, inserts that survive a crash
"""

import argparse
import json
import sys
import time
from datetime import date
from pathlib import Path

import drive
import machine
import report
from measures import MEASURES

HERE = Path(__file__).resolve().parent
ALL_PEERS = [*drive.PYTHON_PEERS, drive.ETS, drive.ORDERED_ETS]


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measures", nargs="*", metavar="NAME", help="what to measure")
    parser.add_argument("--all", action="store_true", help="measure everything")
    parser.add_argument("--list", action="store_true", help="name what can be measured, and stop")
    parser.add_argument("--rows", type=positive, default=1_000_000)
    parser.add_argument("--growth-rows", type=positive, default=10_000_000, help="rows of the table grown to")
    parser.add_argument("--repeats", type=positive, default=5, help="runs of each operation by each peer")
    parser.add_argument("--peers", nargs="+", choices=ALL_PEERS, default=ALL_PEERS, help="partita is always among them")
    parser.add_argument("--dir", type=Path, help="folder for files that are measured, on a disk (default: TMPDIR)")
    parser.add_argument("--results", type=Path, help="folder for the raw figures (with --all: results/)")
    parser.add_argument("--report", type=Path, help="file for the report (with --all: RESULTS.md)")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.measures if name not in MEASURES]
    if unknown:
        parser.error(f"cannot measure {', '.join(unknown)}; choose from {', '.join(MEASURES)}")
    if not (options.all or options.list or options.measures):
        parser.error("name what to measure, or --all")
    if options.all:
        options.measures = list(MEASURES)
        options.results = options.results or HERE / "results"
        options.report = options.report or HERE / "RESULTS.md"
    return options


def positive(word: str) -> int:
    value = int(word.replace("_", ""))
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def main() -> None:
    options = parse()
    if options.list:
        print("\n".join(MEASURES))
        return
    about = machine.describe()
    with drive.scratch_folder(options.dir) as scratch:
        about["files on"] = machine.file_system(Path(scratch))
        session = drive.Session(options.rows, options.growth_rows, options.repeats, Path(scratch), [])
        drive.find_peers(session, dict.fromkeys(["partita", *options.peers]))
        for name, reason in session.left_out.items():
            print(f"left out: {name} ({reason.splitlines()[0]})", flush=True)
        if "partita" not in session.peers:
            sys.exit("partita itself cannot be imported: build it first (docs/developing.md)")
        for name in options.measures:
            print(f"{name}:", flush=True)
            start = time.monotonic()
            before = set(session.left_out)
            MEASURES[name](session)
            for missing in set(session.left_out) - before:
                print(f"left out: {missing} ({session.left_out[missing]})", flush=True)
            session.details.setdefault("seconds", {})[name] = round(time.monotonic() - start, 1)
    results = {"machine": about, **session.as_json()}
    if options.results:
        options.results.mkdir(parents=True, exist_ok=True)
        raw = options.results / f"{date.today().isoformat()}-{about['commit'].partition(' ')[0]}.json"
        raw.write_text(json.dumps(results, indent=1) + "\n")
    text = report.write(results)
    if options.report:
        options.report.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
