"""A bag or duplicate bag in a process of its own, answering commands on a pipe; ets_bag_peer.erl answers the same ones.

Row k of n is `(k % keys, k, "name-NNNNNN", k / 2)`, with so many keys that each has the rows asked for. Rows go in in
one random order, keys are read and rows deleted in another.

time insert         all rows, one by one, into an empty table
time lookup         every key once; the operations counted are the rows that were read
time delete_object  rows out of the full table, one by one
sum                 of the second elements of all rows, looked up key by key: proves that they are there
quit
"""

import gc
import sqlite3
import sys
import time
import traceback
from pathlib import Path

from peers import PARTITIONS
from workloads import read_order, shuffled

Row = tuple[int, int, str, float]
MOST_DELETED = 100_000
MOST_SLOW_CALLS = 2_000  # where one call goes through thousands of rows


def row_of(k: int, keys: int) -> Row:
    return (k % keys, k, f"name-{k:06d}", k * 0.5)


class Bag:
    def __init__(self, kind: str, rows: int, rows_a_key: int, folder: Path):
        self.kind = kind
        self.rows_a_key = rows_a_key
        keys = max(1, rows // rows_a_key)
        self.rows = [row_of(k, keys) for k in read_order(folder / "insert.u32")]
        self.keys = [key + 0 for key in shuffled(keys, 5)]
        self.doomed = [row_of(k, keys) for k in read_order(folder / "read.u32")[:MOST_DELETED]]

    def empty(self) -> None:
        raise NotImplementedError

    def insert(self) -> int:
        raise NotImplementedError

    def find(self, key: int) -> list[Row]:
        raise NotImplementedError

    def lookup(self) -> int:
        find = self.find
        return sum(len(find(key)) for key in self.keys)

    def delete_object(self) -> int:
        raise NotImplementedError


class Partita(Bag):
    def empty(self) -> None:
        import partita

        self.table = partita.Table(type=self.kind, partitions=PARTITIONS)
        self.find = self.table.lookup

    def insert(self) -> int:
        insert = self.table.insert
        for row in self.rows:
            insert(row)
        return len(self.rows)

    def delete_object(self) -> int:
        delete = self.table.delete_object
        for row in self.doomed:
            delete(row)
        return len(self.doomed)


class Dict(Bag):
    """A dict of dicts, which drops equal rows and keeps an order, or a dict of lists."""

    def empty(self) -> None:
        self.table: dict = {}

    def insert(self) -> int:
        table = self.table
        if self.kind == "bag":
            for row in self.rows:
                table.setdefault(row[0], {})[row] = None
        else:
            for row in self.rows:
                table.setdefault(row[0], []).append(row)
        return len(self.rows)

    def find(self, key: int) -> list[Row]:
        return list(self.table[key])

    def delete_object(self) -> int:
        table = self.table
        if self.kind == "bag":
            for row in self.doomed:
                del table[row[0]][row]
            return len(self.doomed)
        doomed = self.doomed[:MOST_SLOW_CALLS] if self.rows_a_key > 1000 else self.doomed
        for row in doomed:
            rows = table[row[0]]
            rows[:] = [other for other in rows if other != row]
        return len(doomed)


class Sqlite(Bag):
    """In memory, with an index over all columns, for a bag a unique one; the row's number keeps the order."""

    calls = 100_000

    def empty(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.execute = self.connection.execute
        self.execute("CREATE TABLE t(k INTEGER, i INTEGER, name TEXT, f REAL)")
        self.execute(f"CREATE {'UNIQUE' if self.kind == 'bag' else ''} INDEX x ON t(k, i, name, f)")

    def insert(self) -> int:
        execute = self.execute
        few = self.rows[: self.calls]
        for row in few:
            execute("INSERT OR IGNORE INTO t VALUES(?,?,?,?)", row)
        execute("BEGIN")
        self.connection.executemany("INSERT OR IGNORE INTO t VALUES(?,?,?,?)", self.rows[self.calls :])
        execute("COMMIT")
        return len(self.rows)

    def find(self, key: int) -> list[Row]:
        return self.execute("SELECT * FROM t WHERE k=? ORDER BY rowid", (key,)).fetchall()

    def delete_object(self) -> int:
        execute = self.execute
        for row in self.doomed:
            execute("DELETE FROM t WHERE k=? AND i=? AND name=? AND f=?", row)
        return len(self.doomed)


PEERS = {"partita": Partita, "dict": Dict, "sqlite3": Sqlite}


def answer(bag: Bag, command: list[str]) -> tuple[int, int, int]:
    match command:
        case ["time", operation]:
            bag.empty()
            if operation != "insert":
                bag.insert()
            gc.collect()
            start = time.perf_counter_ns()
            operations = getattr(bag, operation)()
            return time.perf_counter_ns() - start, operations, 0
        case ["sum"]:
            bag.empty()
            bag.insert()
            return sum(row[1] for key in bag.keys for row in bag.find(key)), 0, 0
    raise ValueError(f"unknown command {command}")


def main() -> None:
    name, kind, rows, rows_a_key, folder = sys.argv[1:]
    out = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    bag = PEERS[name](kind, int(rows), int(rows_a_key), Path(folder))
    print("ok 0 0 0", file=out, flush=True)
    for line in sys.stdin:
        command = line.split()
        if command == ["quit"]:
            break
        try:
            print("ok", *answer(bag, command), file=out, flush=True)
        except Exception as error:
            traceback.print_exc()
            print(f"error {type(error).__name__}: {error}", file=out, flush=True)


if __name__ == "__main__":
    main()
