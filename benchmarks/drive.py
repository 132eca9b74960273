"""Starts peers as processes, lets their runs alternate, and keeps what was measured."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import file_peers
import ordered_peers
import peers
import workloads

HERE = Path(__file__).resolve().parent
ETS = "ets"
ORDERED_ETS = "ets-ordered"
PYTHON_PEERS = peers.PYTHON_PEERS | ordered_peers.PEERS | file_peers.PEERS
CHECKED_KEYS = 20_000


@dataclass
class Record:
    """The runs of one operation by one peer, in order: run i of every peer belongs to the same round."""

    operation: str
    peer: str
    keys: str
    rows: int
    unit: str
    values: list[float]


@dataclass
class Session:
    """One invocation of run.py: sizes, where scratch files lie, and all records so far."""

    rows: int
    growth_rows: int
    repeats: int
    scratch: Path
    peers: list[str]
    records: list[Record] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def add(
        self, operation: str, peer: str, values: Iterable[float], unit: str, *, keys: str = "", rows: int = 0
    ) -> None:
        record = Record(operation, peer, keys, rows or self.rows, unit, [float(value) for value in values])
        self.records.append(record)
        middle = sorted(record.values)[len(record.values) // 2]
        print(f"  {operation:<24} {keys:<4} {record.rows:>10,} rows  {peer:<10} {middle:>14,.2f} {unit}", flush=True)

    def orders(self, rows: int) -> Path:
        """The folder that holds the two random orders of this many rows."""
        folder = self.scratch / f"orders-{rows}"
        if not folder.exists():
            folder.mkdir()
            workloads.Workload.write_orders(rows, folder)
        return folder

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "growth_rows": self.growth_rows,
            "repeats": self.repeats,
            "versions": self.versions,
            "left_out": {name: reason.splitlines()[0] for name, reason in self.left_out.items()},
            "details": self.details,
            "records": [asdict(record) for record in self.records],
        }


class WorkerError(Exception):
    pass


class Worker:
    """A peer's process: worker.py, or Erlang running ets_peer.erl."""

    def __init__(self, name: str, command: list[str], log: Path):
        self.name = name
        self.log = log
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment()
            )
        self.ready = False

    def ask(self, command: str) -> tuple[int, ...]:
        """Sends a command and waits for its numbers. The first answer ever is the worker's word that it has loaded."""
        if not self.ready:
            self.ready = True
            self._answer("start")
        assert self.process.stdin
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._answer(command)

    def _answer(self, command: str) -> tuple[int, ...]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line.startswith("ok "):
            tail = "".join(self.log.read_text(errors="replace").splitlines(keepends=True)[-15:])
            raise WorkerError(f"{self.name} answered {command!r} with {line.strip() or 'nothing'}\n{tail}")
        return tuple(int(word) for word in line.split()[1:])

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()  # a worker ends with its input
        self.process.wait()


class Crew:
    """Workers of several peers on the same workload, as a context manager. `in_rounds` is where runs alternate."""

    def __init__(self, session: Session, names: Iterable[str], kind: str, rows: int):
        self.session = session
        self.kind = kind
        self.rows = rows
        folder = session.orders(rows)
        self.workers = [
            Worker(name, command_for(name, kind, rows, folder, session.scratch), session.scratch / f"{name}.log")
            for name in names
            if name in session.peers
        ]

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.close()

    def in_rounds(
        self,
        operation: str,
        names: Iterable[str],
        unit: str,
        measure: Callable[[Worker], float] | None = None,
        prefix: str = "",
    ) -> None:
        """Each round asks each peer once, the next round starts with another. `prefix` is one of the records' names."""
        self.in_turns([(name, operation) for name in names], unit, measure, prefix)

    def in_turns(
        self,
        runs: Iterable[tuple[str, str]],
        unit: str,
        measure: Callable[[Worker], float] | None = None,
        prefix: str = "",
    ) -> None:
        """The same for runs of several operations: pairs of a peer and an operation."""
        workers = {worker.name: worker for worker in self.workers}
        present = [(name, operation) for name, operation in runs if name in workers]

        def run(worker: Worker, operation: str) -> float:
            nanoseconds, operations, _ = worker.ask(f"time {operation}")
            return nanoseconds / operations / (1e6 if unit == "ms" else 1.0)

        values: dict[tuple[str, str], list[float]] = {key: [] for key in present}
        for turn in range(self.session.repeats):
            for i in range(len(present)):
                name, operation = present[(i + turn) % len(present)]
                worker = workers[name]
                values[name, operation].append(measure(worker) if measure else run(worker, operation))
        for (name, operation), found in values.items():
            self.session.add(prefix + operation, name, found, unit, keys=self.kind, rows=self.rows)

    def check(self, command: str, names: Iterable[str]) -> None:
        """All peers must answer an untimed command with the same number, which is printed."""
        answers = {worker.name: worker.ask(command)[0] for worker in self.workers if worker.name in set(names)}
        if len(set(answers.values())) > 1:
            raise WorkerError(f"peers disagree on {command!r} with {self.kind} keys: {answers}")
        if answers:
            agreed = next(iter(answers.values()))
            print(f"  # {command} ({self.kind} keys): {agreed:x} from {', '.join(answers)}", flush=True)


def command_for(name: str, kind: str, rows: int, folder: Path, scratch: Path) -> list[str]:
    arguments = [kind, str(rows), str(folder)]
    if name in (ETS, ORDERED_ETS):
        arguments.append("set" if name == ETS else "ordered_set")
        return ["erl", "-noshell", "-pa", str(scratch), "-eval", "ets_peer:main()", "-extra", *arguments]
    return [sys.executable, str(HERE / "worker.py"), name, *arguments]


def environment() -> dict[str, str]:
    return {
        **os.environ,
        **peers.ENVIRONMENT,
        "ERL_CRASH_DUMP_BYTES": "0",
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
    }


def compile_erlang(source: str, scratch: Path) -> str:
    """Empty if the module is ready in `scratch`, else the reason why it is not."""
    if not (shutil.which("erl") and shutil.which("erlc")):
        return "no erl or erlc on the path (Debian: erlang-base)"
    done = subprocess.run(
        ["erlc", "+inline", "-o", str(scratch), str(HERE / source)], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


def erlang_version() -> str:
    program = 'io:format("OTP ~s, ERTS ~s", [erlang:system_info(otp_release), erlang:system_info(version)]), halt().'
    return subprocess.run(["erl", "-noshell", "-eval", program], capture_output=True, text=True, check=True).stdout


def find_peers(session: Session, wanted: Iterable[str]) -> None:
    """Fills session.peers with those that can run here, session.left_out with the others and their reasons."""
    for name in wanted:
        is_ets = name in (ETS, ORDERED_ETS)
        reason = compile_erlang("ets_peer.erl", session.scratch) if is_ets else why_missing(name)
        if reason:
            session.left_out[name] = reason
            continue
        session.peers.append(name)
        session.versions[name] = erlang_version() if is_ets else PYTHON_PEERS[name].version()


def why_missing(name: str) -> str:
    """Empty if the peer can be run here, else the reason why not."""
    try:
        PYTHON_PEERS[name].version()
    except ImportError as error:
        return f"not installed: {error}"
    return ""


def in_fresh_process(function: str, **arguments: Any) -> Any:
    """Calls `module:function` (of measures/) in a new interpreter and returns its result, which must be JSON."""
    module, name = function.split(":")
    program = (
        f"import json, sys; sys.path.insert(0, {str(HERE)!r}); "
        f"from measures.{module} import {name} as work; print(json.dumps(work(**json.loads(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    if done.returncode:
        raise WorkerError(f"{function}({arguments}) failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def scratch_folder(folder: Path | None) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="partita-bench-", dir=folder)
