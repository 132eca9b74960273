"""Calls with one key, and batches against them."""

import drive
from drive import Crew, Session
from workloads import KINDS

EVERYBODY = ("partita", drive.ETS, "dict", "dict+Lock", "sqlite3")
OPERATIONS = ("loop", "insert", "lookup", "get", "member", "update_counter", "overwrite", "delete")
NOT_IN_ETS = ("get",)
BATCHES = {"insert": "insert_many", "get": "get_many"}


def single_calls(session: Session) -> None:
    for kind in KINDS:
        with Crew(session, EVERYBODY, kind, session.rows) as crew:
            for operation in OPERATIONS:
                names = [name for name in EVERYBODY if name != drive.ETS or operation not in NOT_IN_ETS]
                crew.in_rounds(operation, names, "ns/op")
                if operation == "insert":
                    crew.check(
                        f"digest {min(session.rows, 100_000, drive.CHECKED_KEYS)}", [n for n in names if n != "sqlite3"]
                    )
                elif operation != "delete":
                    # sqlite3 overwrites the first rows that went in, not those that are read first.
                    checked = [n for n in names if n != "sqlite3" or operation != "overwrite"]
                    crew.check(f"digest {min(session.rows, drive.CHECKED_KEYS)}", checked)
        few_lookups(session, kind)


def few_lookups(session: Session, kind: str) -> None:
    """duckdb answers a lookup in a fraction of a millisecond: shown once, so that nobody wonders."""
    with Crew(session, ("duckdb",), kind, session.rows) as crew:
        crew.in_rounds("lookup", ("duckdb",), "ns/op")


def batches(session: Session) -> None:
    """Ours alone: the same rows by single calls and in thousands, in the same rounds."""
    names = ("partita",)
    for kind in KINDS:
        with Crew(session, names, kind, session.rows) as crew:
            for worker in crew.workers:
                runs = {operation: [] for pair in BATCHES.items() for operation in pair}
                runs["insert_list"] = []
                for _ in range(session.repeats):
                    for operation, values in runs.items():
                        nanoseconds, operations, _ = worker.ask(f"time {operation}")
                        values.append(nanoseconds / operations)
                for operation, values in runs.items():
                    session.add(f"{operation} (batch run)", worker.name, values, "ns/op", keys=kind)
                crew.check(f"digest {min(session.rows, drive.CHECKED_KEYS)}", names)
