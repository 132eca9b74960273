"""Goal: the benchmarks never rot, and what the report calls reached was reached.

Method: every measure runs at a small size through the command line, in an interpreter of its own, as `make bench` does
at full size. Peers that are not installed are left out by the benchmarks, with a reason. No time is asserted.
"""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get("PARTITA_TESTS") == "sanitizer",
    reason="compilers, Erlang and duckdb do not run under a preloaded sanitizer; other tests make the same calls",
)
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
OPTIONAL = {"ets", "ets-ordered", "duckdb", "polars", "lmdb", "rocksdict"}  # may be missing


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "run.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, str, str]:
    folder = tmp_path_factory.mktemp("benchmarks")
    sizes = ("--rows", 2000, "--growth-rows", 6000, "--repeats", 2)
    done = run("--all", *sizes, "--results", folder, "--report", folder / "RESULTS.md")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    (raw,) = folder.glob("*.json")
    return json.loads(raw.read_text()), (folder / "RESULTS.md").read_text(), done.stdout


@pytest.fixture
def goals(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("goals")


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("drive")


def test_every_measure_leaves_figures_of_ours(small_run):
    results, _, _ = small_run
    measured = run("--list").stdout.split()
    assert set(results["details"]["seconds"]) == set(measured)
    for record in results["records"]:
        assert record["values"], record
    assert {"insert", "get", "select_count", "tolist", "memory (resident)", "buffer: push", "buffer: drain"} <= {
        record["operation"] for record in results["records"] if record["peer"] == "partita"
    }


def test_peers_left_out_have_a_reason(small_run):
    results, report, output = small_run
    present = set(results["versions"])
    assert "partita" in present
    assert {"dict", "dict+Lock", "sqlite3"} <= present
    for name in OPTIONAL - present:
        assert results["left_out"][name].strip()
        assert f"left out: {name}" in report
        assert f"left out: {name}" in output


def test_what_is_built_here_builds(small_run):
    """With a compiler and the libraries at hand nothing of ours is left out, lest a moved file go unnoticed."""
    results, _, _ = small_run
    if shutil.which("c++") and shutil.which("pkg-config"):
        assert set(results["left_out"]) <= OPTIONAL, results["left_out"]
        assert {"index: find hit", "cost of a call"} <= {record["operation"] for record in results["records"]}


def test_every_goal_has_a_line_and_is_measured_unless_a_peer_is_missing(small_run, goals):
    results, report, _ = small_run
    for goal in goals.goals():
        assert f"| {goal.what} | {goal.reach} |" in report
        missing = results["left_out"].keys() & {*OPTIONAL, "floor_capi.c"}
        assert goals.judge(goal, results) is not None or missing, goal


def test_the_report_says_what_was_measured_and_where(small_run):
    results, report, _ = small_run
    machine = results["machine"]
    for needed in ("What the numbers do not show", machine["commit"], machine["kernel"], machine["files on"], "2,000"):
        assert needed in report


def test_digests_are_printed(small_run):
    _, _, output = small_run
    assert "# digest 2000 (int keys)" in output
    assert "# results tolist (str keys)" in output
    assert re.search(r"# sum of what came out: \d+ from partita, .*BatchSpanProcessor, queue.Queue", output)
    assert "# results save (int keys)" in output


def test_an_unknown_name_is_refused_by_name():
    done = run("point", "poit")
    assert done.returncode != 0
    assert "poit" in done.stderr
    assert "point, batch" in done.stderr


def results_of(ours: list[float], theirs: list[float]) -> dict:
    common = {"operation": "get", "keys": "int", "rows": 10, "unit": "ns/op"}
    return {
        "growth_rows": 100,
        "records": [{**common, "peer": "partita", "values": ours}, {**common, "peer": "ets", "values": theirs}],
    }


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ([40.0, 45.0, 42.0], "yes"),
        ([50.0, 55.0, 70.0], "narrowly: 2 of 3 runs"),
        ([55.0, 57.0, 59.0], "yes"),
        ([50.0, 70.0, 80.0], "**no** (1 of 3 runs)"),
        ([70.0, 75.0, 80.0], "**no**"),
    ],
)
def test_a_narrow_ratio_counts_only_if_every_run_repeats_it(goals, ours, verdict):
    goal = goals.ratio("get", 0.6, "ETS", goals.Figure("get", keys="int"), goals.Figure("get", "ets", "int"))
    assert goals.judge(goal, results_of(ours, [100.0, 100.0, 100.0])).reached == verdict


def test_ratios_are_taken_round_by_round(goals):
    goal = goals.ratio("get", 0.6, "ETS", goals.Figure("get", keys="int"), goals.Figure("get", "ets", "int"))
    assert goals.judge(goal, results_of([50.0, 500.0], [100.0, 1000.0])).runs == [0.5, 0.5]


def test_faster_wants_the_peer_to_be_slower(goals):
    figures = (goals.Figure("get", keys="int"), goals.Figure("get", "ets", "int"))
    goal = goals.Goal("get", "faster", "faster", 100, *figures)
    assert goals.judge(goal, results_of([1.0], [150.0])).reached == "yes"
    assert goals.judge(goal, results_of([1.0], [50.0])).reached == "**no**"


def test_what_was_not_measured_is_no_verdict(goals):
    goal = goals.ratio("lookup", 0.6, "ETS", goals.Figure("lookup"), goals.Figure("lookup", "ets"))
    assert goals.judge(goal, results_of([1.0], [1.0])) is None


def test_runs_of_parts_are_joined(small_run, tmp_path):
    results, report, _ = small_run
    files = {record["operation"] for record in results["records"] if record["operation"].startswith("file: ")}
    first, second = (json.loads(json.dumps(results)) for _ in range(2))
    first["records"] = [record for record in first["records"] if record["operation"] not in files]
    first["details"]["seconds"].pop("files")
    second["machine"]["commit"] = "a later one"
    for record in second["records"]:
        if record["operation"] not in files:
            record["values"] = [-1.0 for _ in record["values"]]  # not taken: the first run has its own
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    for path, part in zip(paths, (first, second), strict=True):
        path.write_text(json.dumps(part))
    command = [sys.executable, str(BENCHMARKS / "report.py"), *map(str, paths)]
    joined = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    later = f"; files: {results['machine']['date']}, commit `a later one`"
    assert later in joined
    assert joined.replace(later, "") == report


class Answering:
    """A worker that answers every command with the same number."""

    def __init__(self, name: str, number: int):
        self.name = name
        self.number = number

    def ask(self, _command: str) -> tuple[int, ...]:
        return (self.number, 0, 0)


def test_peers_that_disagree_stop_the_run(drive, tmp_path):
    session = drive.Session(rows=10, growth_rows=20, repeats=1, scratch=tmp_path, peers=[])
    crew = drive.Crew(session, [], "int", 10)
    crew.workers = [Answering("partita", 7), Answering("dict", 7), Answering("ets", 8)]
    crew.check("digest 10", ["partita", "dict"])
    with pytest.raises(drive.WorkerError, match="disagree"):
        crew.check("digest 10", ["partita", "dict", "ets"])
