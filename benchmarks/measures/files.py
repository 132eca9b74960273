"""Tables in files: what a save and a load of all rows cost, and inserts that survive a crash."""

from pathlib import Path

import drive
from drive import Crew, Session
from workloads import KINDS

OURS = "partita-file"
BARE = "append+fdatasync"
DATABASES = ("sqlite3-file", "lmdb", "rocksdict")
KEEPERS = (OURS, drive.ETS, *DATABASES)
WRITERS = (OURS, *DATABASES)
UNIT = "ns/op"


def files(session: Session) -> None:
    for kind in KINDS:
        with Crew(session, KEEPERS, kind, session.rows) as crew:
            crew.in_turns([(name, "save") for name in KEEPERS], "ms", prefix="file: ")
            crew.check("results save", KEEPERS)
            for worker in crew.workers:
                size = bytes_in(session.orders(session.rows) / worker.name / "saved")
                session.add("file: size", worker.name, [size / session.rows], "bytes/row", keys=kind)
            loads = [(name, "load_saved") for name in KEEPERS]
            crew.in_turns([*loads, (drive.ETS, "load_verified")], "ms", prefix="file: ")
    with Crew(session, (*WRITERS, BARE), "int", session.rows) as crew:
        logged = [(name, "insert_interval") for name in WRITERS]
        crew.in_turns([(OURS, "insert"), *logged], UNIT, prefix="file: ")
        crew.check("results insert_interval", WRITERS)
        synced = [(name, operation) for operation in ("insert_always", "insert_always_16") for name in WRITERS]
        crew.in_turns([(BARE, "insert_always"), *synced], UNIT, prefix="file: ")
        crew.check("results insert_always", (*WRITERS, BARE))


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
