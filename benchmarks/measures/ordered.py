"""Tables in order: insert and lookup at random, steps from key to key, and ranges of a hundred rows."""

import drive
from drive import Crew, Session
from workloads import KINDS

EVERYBODY = ("partita-ordered", drive.ORDERED_ETS, "SortedDict", "sqlite3-ordered")
OPERATIONS = ("insert", "lookup", "next", "walk", "range_by_guard", "range_by_prefix", "overwrite", "delete")


def ordered(session: Session) -> None:
    for kind in KINDS:
        with Crew(session, EVERYBODY, kind, session.rows) as crew:
            for operation in OPERATIONS:
                crew.in_rounds(operation, EVERYBODY, "ns/op", prefix="ordered: ")
                if operation == "insert":  # of which sqlite3 does a part
                    names = [name for name in EVERYBODY if name != "sqlite3-ordered"]
                    crew.check(f"digest {min(session.rows, drive.CHECKED_KEYS)}", names)
                if operation.startswith("range"):
                    crew.check(f"results {operation}", EVERYBODY)
