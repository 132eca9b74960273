"""The peers, each as its own documentation advises for this kind of work, and ours beside them.

A peer is driven in a process of its own (worker.py), one run at a time, so that its memory, its collector and its
threads are its alone while its runs still alternate with everybody else's. A method named after an operation does the
timed work and returns how many operations that was; slow peers do fewer of them on the same full table.

Erlang's ETS is driven the same way but lives in ets_peer.erl.
"""

import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from typing import Any

from workloads import MASK, Row, Workload, chunks, cut, digest

PARTITIONS = 16


class Peer:
    """What the worker asks of every peer. `full` says whether the table holds exactly the workload's rows' keys."""

    name = ""
    holds_rows = True  # keeps the workload's rows as a list to insert from

    def __init__(self, workload: Workload):
        self.workload = workload
        self.n = workload.rows
        self.cut = cut(workload.rows)
        self.kind = workload.kind
        self.keys = workload.keys_to_read()
        self.full = False

    @staticmethod
    def version() -> str:
        raise NotImplementedError

    def empty(self) -> None:
        """Forgets the table and makes a new one."""
        raise NotImplementedError

    def load(self) -> None:
        """Makes a new table of all rows, as this peer's documentation advises for bulk loads."""
        raise NotImplementedError

    def find(self, key: int | str) -> Row | None:
        raise NotImplementedError

    def size(self) -> int:
        raise NotImplementedError

    def result(self, operation: str) -> int:
        """One number that proves a scan's result; the same from every peer."""
        if operation == "select_count":
            return self.count()
        if operation == "tolist":
            return digest(self.all_rows())
        if operation == "select":
            return digest(self.kept_rows())
        raise KeyError(operation)

    def count(self) -> int:
        raise NotImplementedError

    def all_rows(self) -> list[Row]:
        raise NotImplementedError

    def kept_rows(self) -> list[Row]:
        """The rows that count() counts."""
        raise NotImplementedError

    def memory(self) -> int:
        """Bytes by the peer's own account; 0 if it keeps none."""
        return 0

    def make_full(self) -> None:
        if not self.full:
            self.load()
            self.full = True

    def prepare(self, operation: str) -> None:
        if operation in ("insert", "insert_list", "insert_many"):
            self.empty()
            self.full = True  # once the run is over
        else:
            self.make_full()
            if operation == "delete":
                self.full = False

    # Operations every peer does the same way.

    def loop(self) -> int:
        for _ in self.keys:
            pass
        return len(self.keys)

    def select_count(self) -> int:
        self.count()
        return 1

    def tolist(self) -> int:
        return len(self.all_rows())

    def select(self) -> int:
        return len(self.kept_rows())


class Partita(Peer):
    name = "partita"

    def __init__(self, workload: Workload):
        super().__init__(workload)
        from partita import ANY, ROW, V

        self.rows = workload.rows_to_insert() if self.holds_rows else []
        self.overwrites = workload.rows_to_overwrite() if self.holds_rows else []
        self.chunks = chunks(self.rows)
        self.key_chunks = chunks(self.keys)
        guarded = (ANY, V[1], ANY, ANY), [(">", V[1], self.cut)]
        self.spec = [(*guarded, [True])]
        self.rows_spec = [(*guarded, [ROW])]

    @staticmethod
    def version() -> str:
        import partita

        return partita.__version__

    def empty(self) -> None:
        import partita

        self.table = partita.Table(partitions=PARTITIONS)

    def load(self) -> None:
        self.empty()
        self.table.insert_many(self.workload.generate())

    def find(self, key: int | str) -> Row | None:
        return self.table.get(key)

    def size(self) -> int:
        return len(self.table)

    def memory(self) -> int:
        return self.table.info()["memory"]

    def count(self) -> int:
        return self.table.select_count(self.spec)

    def all_rows(self) -> list[Row]:
        return self.table.tolist()

    def kept_rows(self) -> list[Row]:
        return self.table.select(self.rows_spec)

    def insert(self) -> int:
        t = self.table
        for row in self.rows:
            t.insert(row)
        return self.n

    def insert_list(self) -> int:
        t = self.table
        for rows in self.chunks:
            t.insert(rows)
        return self.n

    def insert_many(self) -> int:
        t = self.table
        for rows in self.chunks:
            t.insert_many(rows)
        return self.n

    def overwrite(self) -> int:
        t = self.table
        for row in self.overwrites:
            t.insert(row)
        return self.n

    def get(self) -> int:
        t = self.table
        for key in self.keys:
            t.get(key)
        return self.n

    def get_many(self) -> int:
        t = self.table
        for keys in self.key_chunks:
            t.get_many(keys)
        return self.n

    def lookup(self) -> int:
        t = self.table
        for key in self.keys:
            t.lookup(key)
        return self.n

    def member(self) -> int:
        t = self.table
        for key in self.keys:
            t.member(key)
        return self.n

    def update_counter(self) -> int:
        t = self.table
        for key in self.keys:
            t.update_counter(key, (1, 1))
        return self.n

    def delete(self) -> int:
        t = self.table
        for key in self.keys:
            t.delete(key)
        return self.n


class Dict(Peer):
    """A dict of row tuples: no lock, so no match for a shared table, but the floor of what Python itself does."""

    name = "dict"

    def __init__(self, workload: Workload):
        super().__init__(workload)
        self.rows = workload.rows_to_insert() if self.holds_rows else []
        self.overwrites = workload.rows_to_overwrite() if self.holds_rows else []
        self.table: dict[int | str, Row] = {}

    @staticmethod
    def version() -> str:
        return "Python " + sys.version.split()[0]

    def empty(self) -> None:
        self.table = {}

    def load(self) -> None:
        self.table = {row[0]: row for row in self.workload.generate()}

    def find(self, key: int | str) -> Row | None:
        return self.table.get(key)

    def size(self) -> int:
        return len(self.table)

    def count(self) -> int:
        cut = self.cut
        return sum(1 for row in self.table.values() if row[1] > cut)

    def all_rows(self) -> list[Row]:
        return list(self.table.values())

    def kept_rows(self) -> list[Row]:
        cut = self.cut
        return [row for row in self.table.values() if row[1] > cut]

    def insert(self) -> int:
        d = self.table
        for row in self.rows:
            d[row[0]] = row
        return self.n

    def overwrite(self) -> int:
        d = self.table
        for row in self.overwrites:
            d[row[0]] = row
        return self.n

    def lookup(self) -> int:
        d = self.table
        for key in self.keys:
            d[key]
        return self.n

    get = lookup

    def member(self) -> int:
        d = self.table
        for key in self.keys:
            key in d  # noqa: B015
        return self.n

    def update_counter(self) -> int:
        d = self.table
        for key in self.keys:
            row = d[key]
            d[key] = (row[0], row[1] + 1, row[2], row[3])
        return self.n

    def delete(self) -> int:
        d = self.table
        for key in self.keys:
            del d[key]
        return self.n


class DictLock(Dict):
    """A dict of row tuples under one lock: what a Python program shares between threads today."""

    name = "dict+Lock"

    def __init__(self, workload: Workload):
        super().__init__(workload)
        self.lock = threading.Lock()

    def count(self) -> int:
        with self.lock:
            return super().count()

    def all_rows(self) -> list[Row]:
        with self.lock:
            return super().all_rows()

    def kept_rows(self) -> list[Row]:
        with self.lock:
            return super().kept_rows()

    def insert(self) -> int:
        d, lock = self.table, self.lock
        for row in self.rows:
            with lock:
                d[row[0]] = row
        return self.n

    def overwrite(self) -> int:
        d, lock = self.table, self.lock
        for row in self.overwrites:
            with lock:
                d[row[0]] = row
        return self.n

    def lookup(self) -> int:
        d, lock = self.table, self.lock
        for key in self.keys:
            with lock:
                d[key]
        return self.n

    get = lookup

    def member(self) -> int:
        d, lock = self.table, self.lock
        for key in self.keys:
            with lock:
                key in d  # noqa: B015
        return self.n

    def update_counter(self) -> int:
        d, lock = self.table, self.lock
        for key in self.keys:
            with lock:
                row = d[key]
                d[key] = (row[0], row[1] + 1, row[2], row[3])
        return self.n

    def delete(self) -> int:
        d, lock = self.table, self.lock
        for key in self.keys:
            with lock:
                del d[key]
        return self.n


class Sqlite(Peer):
    """The standard library's module on ":memory:": its own statement cache, autocommit, one statement an operation."""

    name = "sqlite3"
    calls = 100_000

    def __init__(self, workload: Workload):
        super().__init__(workload)
        self.few_keys = self.keys[: self.calls]
        generated = workload.generate()
        self.few_rows = [row for row, _ in zip(generated, range(self.calls), strict=False)] if self.holds_rows else []
        self.connection: Any = None

    @staticmethod
    def version() -> str:
        return sqlite3.sqlite_version

    def empty(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        key = "INTEGER PRIMARY KEY" if self.kind == "int" else "TEXT PRIMARY KEY"
        without = "" if self.kind == "int" else " WITHOUT ROWID"
        self.connection.execute(f"CREATE TABLE t(k {key}, i INTEGER NOT NULL, name TEXT, f REAL){without}")
        self.execute = self.connection.execute

    def load(self) -> None:
        self.empty()
        self.execute("BEGIN")
        self.connection.executemany("INSERT INTO t VALUES(?,?,?,?)", self.workload.generate())
        self.execute("COMMIT")

    def prepare(self, operation: str) -> None:
        super().prepare(operation)
        if operation == "insert":
            self.full = False  # only few rows go in

    def find(self, key: int | str) -> Row | None:
        return self.execute("SELECT * FROM t WHERE k=?", (key,)).fetchone()

    def size(self) -> int:
        return self.execute("SELECT count(*) FROM t").fetchone()[0]

    def memory(self) -> int:
        (pages,), (page_size,) = (self.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
        return pages * page_size

    def count(self) -> int:
        return self.execute("SELECT count(*) FROM t WHERE i>?", (self.cut,)).fetchone()[0]

    def all_rows(self) -> list[Row]:
        return self.execute("SELECT * FROM t").fetchall()

    def kept_rows(self) -> list[Row]:
        return self.execute("SELECT * FROM t WHERE i>?", (self.cut,)).fetchall()

    def insert(self) -> int:
        execute = self.execute
        for row in self.few_rows:
            execute("INSERT INTO t VALUES(?,?,?,?)", row)
        return len(self.few_rows)

    def overwrite(self) -> int:
        execute = self.execute
        for row in self.few_rows:
            execute("INSERT OR REPLACE INTO t VALUES(?,?,?,?)", row)
        return len(self.few_rows)

    def lookup(self) -> int:
        execute = self.execute
        for key in self.few_keys:
            execute("SELECT * FROM t WHERE k=?", (key,)).fetchone()
        return len(self.few_keys)

    get = lookup

    def member(self) -> int:
        execute = self.execute
        for key in self.few_keys:
            execute("SELECT 1 FROM t WHERE k=?", (key,)).fetchone()
        return len(self.few_keys)

    def update_counter(self) -> int:
        execute = self.execute
        for key in self.few_keys:
            execute("UPDATE t SET i=i+1 WHERE k=?", (key,))
        return len(self.few_keys)

    def delete(self) -> int:
        execute = self.execute
        for key in self.few_keys:
            execute("DELETE FROM t WHERE k=?", (key,))
        return len(self.few_keys)


class Duckdb(Peer):
    """One thread; loaded from Arrow; a primary key, which gives it an index; prepared parameters."""

    name = "duckdb"
    holds_rows = False
    lookups = 1_000

    @staticmethod
    def version() -> str:
        import duckdb
        import pyarrow

        return f"{duckdb.__version__} (loaded with pyarrow {pyarrow.__version__})"

    def empty(self) -> None:
        import duckdb

        if self.full:
            self.connection.close()
        self.connection = duckdb.connect(":memory:", config={"threads": 1})
        key = "BIGINT" if self.kind == "int" else "VARCHAR"
        self.connection.execute(f"CREATE TABLE t(k {key} PRIMARY KEY, i BIGINT, name VARCHAR, f DOUBLE)")

    def load(self) -> None:
        import pyarrow

        self.empty()
        columns = zip(*self.workload.generate(), strict=True)
        self.connection.register(
            "source", pyarrow.table(dict(zip(("k", "i", "name", "f"), map(list, columns), strict=True)))
        )
        self.connection.execute("INSERT INTO t SELECT * FROM source")
        self.connection.unregister("source")

    def find(self, key: int | str) -> Row | None:
        return self.connection.execute("SELECT * FROM t WHERE k=?", (key,)).fetchone()

    def size(self) -> int:
        return self.connection.execute("SELECT count(*) FROM t").fetchone()[0]

    def count(self) -> int:
        return self.connection.execute("SELECT count(*) FROM t WHERE i>?", (self.cut,)).fetchone()[0]

    def all_rows(self) -> list[Row]:
        return self.connection.execute("SELECT * FROM t").fetchall()

    def kept_rows(self) -> list[Row]:
        return self.connection.execute("SELECT * FROM t WHERE i>?", (self.cut,)).fetchall()

    def lookup(self) -> int:
        keys = self.keys[: self.lookups]
        for key in keys:
            self.find(key)
        return len(keys)

    get = lookup


class Polars(Peer):
    """One thread (POLARS_MAX_THREADS). A data frame has no index and is never changed: only scans are fair."""

    name = "polars"
    holds_rows = False

    @staticmethod
    def version() -> str:
        import polars

        return polars.__version__

    def empty(self) -> None:
        self.frame: Any = None

    def load(self) -> None:
        import polars

        columns = zip(*self.workload.generate(), strict=True)
        self.frame = polars.DataFrame(dict(zip(("k", "i", "name", "f"), map(list, columns), strict=True)))

    def find(self, key: int | str) -> Row | None:
        import polars

        rows = self.frame.filter(polars.col("k") == key).rows()
        return rows[0] if rows else None

    def size(self) -> int:
        return self.frame.height

    def memory(self) -> int:
        return int(self.frame.estimated_size())

    def count(self) -> int:
        return int((self.frame["i"] > self.cut).sum())

    def all_rows(self) -> list[Row]:
        return self.frame.rows()

    def kept_rows(self) -> list[Row]:
        import polars

        return self.frame.filter(polars.col("i") > self.cut).rows()


PYTHON_PEERS: dict[str, type[Peer]] = {peer.name: peer for peer in (Partita, Dict, DictLock, Sqlite, Duckdb, Polars)}
ENVIRONMENT = {"POLARS_MAX_THREADS": "1", "PARTITA_NUM_THREADS": "1"}


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def timed(peer: Peer, operation: str, clock: Callable[[], int]) -> tuple[int, int]:
    """Nanoseconds and operations of one run."""
    work = getattr(peer, operation)
    start = clock()
    operations = work()
    return clock() - start, operations


def digest_of_keys(peer: Peer, count: int) -> int:
    return digest(peer.find(key) for key in peer.keys[:count]) & MASK
