"""What a call and an import cost before any work is done, beside the floors that no extension can go below."""

import statistics
import subprocess
import sys
import time

import native
from drive import Session, environment, in_fresh_process

FLOORS = ("floor_capi.c", "floor_pybind11.cpp")
CALLS = 1_000_000
IMPORTS_PER_RUN = 5


def cost_of_the_call(session: Session) -> None:
    folder = session.scratch / "floor"
    folder.mkdir(exist_ok=True)
    built = []
    for source in FLOORS:
        try:
            native.build_extension(native.HERE / "floor" / source, folder)
            built.append(source.partition(".")[0])
        except native.BuildError as error:
            session.left_out[source] = str(error)
    measured = in_fresh_process(
        "calls:measure_calls", folder=str(folder), floors=built, count=min(CALLS, session.rows), repeats=session.repeats
    )
    for name, values in measured.items():
        session.add("cost of a call", name, values, "ns/op", rows=0)


def measure_calls(folder: str, floors: list[str], count: int, repeats: int) -> dict[str, list[float]]:
    """Nanoseconds of `object.method(key)` less those of the loop around it, in rounds."""
    import partita

    sys.path.insert(0, folder)
    keys = list(range(1000, 1000 + count))
    loop = "for key in keys: {}"
    table = partita.Table(partitions=16)
    subjects = {name: (__import__(name).Floor(), "subject.same(key)") for name in floors}
    subjects["member of empty"] = (table, "subject.member(key)")
    subjects["key in empty"] = (table, "key in subject")
    subjects["get of empty"] = (table, "subject.get(key)")
    work = {name: (subject, compiled(loop.format(call))) for name, (subject, call) in subjects.items()}
    work["loop"] = (None, compiled(loop.format("pass")))
    took: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repeats * 3):
        for name, (subject, run) in work.items():
            start = time.perf_counter_ns()
            run(subject, keys)
            took[name].append((time.perf_counter_ns() - start) / count)
    floor = statistics.median(took.pop("loop"))
    return {name: [value - floor for value in values] for name, values in took.items()}


def compiled(loop: str):
    """The loop as a function of its own, so that the interpreter specialises it as it would a user's."""
    namespace: dict = {}
    exec(f"def run(subject, keys):\n  {loop}", namespace)
    return namespace["run"]


def import_time(session: Session) -> None:
    """Whole interpreters, started by turns; one value a run is the median of a few."""
    programs = {"bare interpreter": "pass", "partita": "import partita"}
    runs: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(session.repeats):
        took: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(IMPORTS_PER_RUN):
            for name, program in programs.items():
                start = time.perf_counter_ns()
                subprocess.run([sys.executable, "-c", program], check=True, env=environment())
                took[name].append((time.perf_counter_ns() - start) / 1e6)
        for name, values in took.items():
            runs[name].append(statistics.median(values))
    for name, values in runs.items():
        session.add("import", name, values, "ms", rows=0)
