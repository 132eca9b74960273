"""Peers that keep their rows in files, each used as its own documentation advises, and ours beside them.

save              all rows, from memory into a new file; they are on the disk when it returns. A database takes them
                  from Python, where we and ETS have a table of our own
load_saved        all rows of that file back into memory: into a table, or as Python tuples where the peer has none
insert_interval   single inserts, each of which a crash of the process survives once a moment has passed
insert_always     single inserts, each on the disk when it returns
insert_always_16  the same by 16 threads at once
insert            into memory alone: what insert_interval is compared with

ets_peer.erl answers `save` (with md5sum and sync), `load_saved` and `load_verified`. Files lie in a folder of each peer
below that of the orders: `saved`, and `log` for inserts.
"""

import os
import pickle
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import peers
import workloads

WRITERS = 16
SYNCED_ROWS = 500  # inserts that are synced one by one, and fewer where all is small

Insert = Callable[[workloads.Row], object]


class FilePeer(peers.Peer):
    interval_rows = 100_000

    def __init__(self, workload: workloads.Workload):
        super().__init__(workload)
        self.keys = []
        self.rows = workload.rows_to_insert()
        self.saved = workload.folder / self.name / "saved"
        self.log = workload.folder / self.name / "log"
        self.written: list[workloads.Row] = []  # into the log
        self.synced_rows = min(SYNCED_ROWS, self.n // 20)
        self.opened: Any = None

    def make_full(self) -> None:
        """Nothing but files is measured."""

    def size(self) -> int:
        return self.n

    def prepare(self, operation: str) -> None:
        """Old files away, and nothing left for the disk to do from what was measured before."""
        self.close()
        if operation == "save":
            begin_anew(self.saved)
        elif operation == "load_saved" and not self.saved.exists():
            begin_anew(self.saved)
            self.save()
            self.close()
        elif operation.startswith("insert_"):
            begin_anew(self.log)
            self.open_log(synced=operation.startswith("insert_always"))
        os.sync()

    def close(self) -> None:
        if self.opened is not None:
            self.opened.close()
            self.opened = None

    def save(self) -> int:
        raise NotImplementedError

    def load_saved(self) -> int:
        raise NotImplementedError

    def open_log(self, *, synced: bool) -> None:
        raise NotImplementedError

    def inserter(self) -> Insert:
        """For one thread."""
        raise NotImplementedError

    def rows_in(self, folder: Path) -> Iterable[workloads.Row]:
        raise NotImplementedError

    def result(self, operation: str) -> int:
        self.close()
        if operation == "save":
            return workloads.digest(self.rows_in(self.saved))
        found = workloads.digest(self.rows_in(self.log))
        assert found == workloads.digest(self.written), f"{self.name} has lost what was inserted"
        return 0

    def insert_all(self, rows: list[workloads.Row]) -> int:
        self.written = rows
        insert = self.inserter()
        for row in rows:
            insert(row)
        return len(rows)

    def insert_interval(self) -> int:
        return self.insert_all(self.rows[: self.interval_rows])

    def insert_always(self) -> int:
        return self.insert_all(self.rows[: self.synced_rows])

    def insert_always_16(self) -> int:
        self.written = self.rows[: 4 * self.synced_rows]

        def write(insert: Insert, rows: list[workloads.Row]) -> None:
            for row in rows:
                insert(row)

        threads = [
            threading.Thread(target=write, args=(self.inserter(), self.written[i::WRITERS])) for i in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(self.written)


def begin_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


class Partita(FilePeer):
    """save() of a table and load(); open() with durability="interval" and "always"."""

    name = "partita-file"

    def __init__(self, workload: workloads.Workload):
        super().__init__(workload)
        import partita

        partita.set_num_threads(len(os.sched_getaffinity(0)))  # worker.py's environment says 1, for scans
        self.interval_rows = self.n
        self.table: Any = None
        self.empty()

    @staticmethod
    def version() -> str:
        return peers.Partita.version()

    def empty(self) -> None:
        import partita

        self.table = partita.Table(partitions=peers.PARTITIONS)

    def prepare(self, operation: str) -> None:
        if operation == "insert":
            self.empty()
        elif operation == "save" and len(self.table) < self.n:
            self.table.insert_many(self.rows)
        super().prepare(operation)

    def save(self) -> int:
        import partita

        partita.save(self.table, self.saved / "table.pt")
        return 1

    def load_saved(self) -> int:
        import partita

        self.opened = partita.load(self.saved / "table.pt", partitions=peers.PARTITIONS)
        return 1

    def close(self) -> None:
        if self.opened is not None:
            self.opened.drop()  # a log stays for rows_in()
            self.opened = None

    def open_log(self, *, synced: bool) -> None:
        import partita

        durability = "always" if synced else "interval"
        self.opened = partita.open(self.log / "table.pt", partitions=peers.PARTITIONS, durability=durability)

    def inserter(self) -> Insert:
        return self.opened.insert

    def insert(self) -> int:
        insert = self.table.insert
        for row in self.rows:
            insert(row)
        return self.n

    def rows_in(self, folder: Path) -> Iterable[workloads.Row]:
        import partita

        with partita.open(folder / "table.pt", mode="r") as table:
            return table.tolist()


class Append(FilePeer):
    """No table: the bytes of a log, appended to a file with write() and fdatasync(). What "always" cannot be below."""

    name = "append+fdatasync"

    def __init__(self, workload: workloads.Workload):
        super().__init__(workload)
        self.record = bytes(self.bytes_of_a_record(workload))

    @staticmethod
    def version() -> str:
        return "Python's os"

    @staticmethod
    def bytes_of_a_record(workload: workloads.Workload) -> int:
        """As many as our log gets for a row that is inserted alone."""
        ours = type("Ours", (Partita,), {"name": Append.name})(workload)
        ours.prepare("insert_always")
        before = ours.opened.info()["log_bytes"]
        rows = ours.insert_always()
        size = (ours.opened.info()["log_bytes"] - before) // rows
        ours.close()
        shutil.rmtree(ours.log)
        return size

    def close(self) -> None:
        if self.opened is not None:
            os.close(self.opened)
            self.opened = None

    def open_log(self, *, synced: bool) -> None:
        self.opened = os.open(self.log / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def inserter(self) -> Insert:
        file, record = self.opened, self.record

        def insert(_: workloads.Row) -> None:
            os.write(file, record)
            os.fdatasync(file)

        return insert

    def result(self, operation: str) -> int:
        self.close()
        written = len(self.record) * len(self.written)
        assert (self.log / "log").stat().st_size == written
        return 0


class Sqlite(FilePeer):
    """WAL; synchronous=FULL where rows are to be on the disk, NORMAL for insert_interval. Saved in one transaction with
    executemany; each thread has a connection of its own, which waits for the others (timeout)."""

    name = "sqlite3-file"

    def __init__(self, workload: workloads.Workload):
        super().__init__(workload)
        self.connections: list[sqlite3.Connection] = []

    @staticmethod
    def version() -> str:
        return sqlite3.sqlite_version

    def connect(self, path: Path, *, synced: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, timeout=600, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
        key = "INTEGER PRIMARY KEY" if self.kind == "int" else "TEXT PRIMARY KEY"
        without = "" if self.kind == "int" else " WITHOUT ROWID"
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS t(k {key}, i INTEGER NOT NULL, name TEXT NOT NULL, f REAL NOT NULL){without}"
        )
        return connection

    def save(self) -> int:
        self.opened = self.connect(self.saved / "table.db", synced=True)
        self.opened.execute("BEGIN")
        self.opened.executemany("INSERT INTO t VALUES(?,?,?,?)", self.rows)
        self.opened.execute("COMMIT")
        return 1

    def load_saved(self) -> int:
        return len(self.rows_in(self.saved)) // self.n

    def open_log(self, *, synced: bool) -> None:
        self.connections = [self.connect(self.log / "table.db", synced=synced) for _ in range(WRITERS)]
        self.unused = iter(self.connections)

    def close(self) -> None:
        super().close()
        for connection in self.connections:
            connection.close()
        self.connections = []

    def inserter(self) -> Insert:
        execute = next(self.unused).execute
        return lambda row: execute("INSERT INTO t VALUES(?,?,?,?)", row)

    def rows_in(self, folder: Path) -> list[workloads.Row]:
        connection = sqlite3.connect(folder / "table.db")
        rows = connection.execute("SELECT * FROM t").fetchall()
        connection.close()
        return rows


class Lmdb(FilePeer):
    """Saved sorted and with append=True in one transaction; a transaction for each insert. For insert_interval
    sync=False, which leaves the disk to the system. Keys are bytes that sort as they do, what follows is pickled."""

    name = "lmdb"
    map_bytes = 1 << 34

    @staticmethod
    def version() -> str:
        import lmdb

        return f"{lmdb.__version__} (LMDB {'.'.join(map(str, lmdb.version()))})"

    def environment(self, folder: Path, **options: Any) -> Any:
        import lmdb

        return lmdb.open(str(folder / "table.mdb"), subdir=False, map_size=self.map_bytes, **options)

    def item(self, row: workloads.Row) -> tuple[bytes, bytes]:
        key = row[0]
        return (key.encode() if isinstance(key, str) else key.to_bytes(8, "big")), pickle.dumps(row[1:], -1)

    def save(self) -> int:
        self.opened = self.environment(self.saved)
        with self.opened.begin(write=True) as transaction:
            transaction.cursor().putmulti(sorted(map(self.item, self.rows)), append=True)
        return 1

    def load_saved(self) -> int:
        return len(self.rows_in(self.saved)) // self.n

    def open_log(self, *, synced: bool) -> None:
        self.opened = self.environment(self.log, sync=synced)

    def inserter(self) -> Insert:
        begin, item = self.opened.begin, self.item

        def insert(row: workloads.Row) -> None:
            key, value = item(row)
            with begin(write=True) as transaction:
                transaction.put(key, value)

        return insert

    def rows_in(self, folder: Path) -> list[workloads.Row]:
        key_of = bytes.decode if self.kind == "str" else lambda key: int.from_bytes(key, "big")
        with self.environment(folder, readonly=True, lock=False) as opened, opened.begin() as transaction:
            return [(key_of(key), *pickle.loads(value)) for key, value in transaction.cursor()]


class Rocksdict(FilePeer):
    """Saved in batches, then flush(), which has what is in memory written and synced; WriteOptions with sync=True for
    insert_always, the defaults for insert_interval. It pickles the rest of a row itself."""

    name = "rocksdict"
    batch_rows = 10_000

    @staticmethod
    def version() -> str:
        import importlib.metadata

        import rocksdict  # noqa: F401

        return importlib.metadata.version("rocksdict")

    def save(self) -> int:
        import rocksdict

        self.opened = rocksdict.Rdict(str(self.saved))
        for rows in workloads.chunks(self.rows, self.batch_rows):
            batch = rocksdict.WriteBatch()
            for row in rows:
                batch[row[0]] = row[1:]
            self.opened.write(batch)
        self.opened.flush()
        return 1

    def load_saved(self) -> int:
        return len(self.rows_in(self.saved)) // self.n

    def open_log(self, *, synced: bool) -> None:
        import rocksdict

        self.opened = rocksdict.Rdict(str(self.log))
        options = rocksdict.WriteOptions()
        options.sync = synced
        self.opened.set_write_options(options)

    def inserter(self) -> Insert:
        database = self.opened

        def insert(row: workloads.Row) -> None:
            database[row[0]] = row[1:]

        return insert

    def rows_in(self, folder: Path) -> list[workloads.Row]:
        import rocksdict

        with rocksdict.Rdict(str(folder)) as database:
            return [(key, *rest) for key, rest in database.items()]


PEERS: dict[str, type[peers.Peer]] = {peer.name: peer for peer in (Partita, Append, Sqlite, Lmdb, Rocksdict)}
