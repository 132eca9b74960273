"""Peers whose keys are in order: what peers.py holds for hash tables, for an ordered_set."""

import itertools
import sqlite3
from collections.abc import Iterable
from typing import Any

import peers
import workloads

PairRow = tuple[tuple[int, int], int, str, float]


class Ranges(peers.Peer):
    """A hundred rows from keys met in the read order: of this table by its keys, and of one with the same rows under
    keys of two parts, `(k // 100, k % 100)`, by the first part. ets_peer.erl asks for the same, but fewer by guard."""

    ranges = 2000
    pairs: Any = None

    def prepare(self, operation: str) -> None:
        super().prepare(operation)
        if operation == "range_by_prefix":
            self.make_pairs()

    def make_pairs(self) -> None:
        if self.pairs is None:
            order = self.workload.read_order
            rows = (workloads.row_of("int", k, self.n) for k in order)
            self.load_pairs(((k // 100, k % 100), *row[1:]) for k, row in zip(order, rows, strict=True))

    def load_pairs(self, rows: Iterable[PairRow]) -> None:
        raise NotImplementedError

    def rows_from(self, k: int) -> list[workloads.Row]:
        raise NotImplementedError

    def rows_of(self, group: int) -> list[PairRow]:
        raise NotImplementedError

    def range_by_guard(self) -> int:
        starts, rows_from = self.starts(self.ranges), self.rows_from
        for k in starts:
            rows_from(k)
        return len(starts)

    def range_by_prefix(self) -> int:
        starts, rows_of = self.starts(self.ranges), self.rows_of
        for k in starts:
            rows_of(k // 100)
        return len(starts)

    def starts(self, count: int) -> list[int]:
        return list(itertools.islice((k for k in self.workload.read_order if k + 100 < self.n), count))

    def result(self, operation: str) -> int:
        if operation == "range_by_guard":
            return workloads.digest(row for k in self.starts(5) for row in self.rows_from(k))
        if operation == "range_by_prefix":
            self.make_pairs()
            found = (row for k in self.starts(5) for row in self.rows_of(k // 100))
            return workloads.digest((group * 100 + i, *rest) for (group, i), *rest in found)
        return super().result(operation)

    def bounds(self, k: int) -> tuple[int | str, int | str]:
        return workloads.key_of(self.kind, k), workloads.key_of(self.kind, k + 100)


class PartitaOrdered(Ranges, peers.Partita):
    name = "partita-ordered"

    def empty(self) -> None:
        import partita

        self.table = partita.Table(type="ordered_set", partitions=peers.PARTITIONS)

    def next(self) -> int:
        t = self.table
        for key in self.keys:
            t.next(key)
        return self.n

    def walk(self) -> int:
        import partita

        t, end, steps = self.table, partita.END, 0
        key = t.first()
        while key is not end:
            key = t.next(key)
            steps += 1
        return steps

    def load_pairs(self, rows: Iterable[PairRow]) -> None:
        import partita

        self.pairs = partita.Table(type="ordered_set", partitions=peers.PARTITIONS)
        self.pairs.insert_many(rows)

    def rows_from(self, k: int) -> list[workloads.Row]:
        from partita import ANY, ROW, V

        first, end = self.bounds(k)
        return self.table.select([((V[1], ANY, ANY, ANY), [(">=", V[1], first), ("<", V[1], end)], [ROW])])

    def rows_of(self, group: int) -> list[PairRow]:
        from partita import ANY

        return self.pairs.match_object(((group, ANY), ANY, ANY, ANY))


class SortedDict(Ranges, peers.Dict):
    """sortedcontainers: not shared between threads without a lock, which is not counted here."""

    name = "SortedDict"

    @staticmethod
    def version() -> str:
        import sortedcontainers

        return sortedcontainers.__version__

    def empty(self) -> None:
        import sortedcontainers

        self.table = sortedcontainers.SortedDict()

    def load(self) -> None:
        self.empty()
        self.table.update({row[0]: row for row in self.workload.generate()})

    def next(self) -> int:
        table = self.table
        keys, size, bisect_right = table.keys(), self.n, table.bisect_right
        for key in self.keys:
            place = bisect_right(key)
            if place < size:
                keys[place]
        return self.n

    def walk(self) -> int:
        steps = 0
        for _ in self.table:
            steps += 1
        return steps

    def load_pairs(self, rows: Iterable[PairRow]) -> None:
        import sortedcontainers

        self.pairs = sortedcontainers.SortedDict({row[0]: row for row in rows})

    def rows_from(self, k: int) -> list[workloads.Row]:
        table = self.table
        return [table[key] for key in table.irange(*self.bounds(k), inclusive=(True, False))]

    def rows_of(self, group: int) -> list[PairRow]:
        pairs = self.pairs
        return [pairs[key] for key in pairs.irange((group,), (group + 1,))]


class SqliteOrdered(Ranges, peers.Sqlite):
    name = "sqlite3-ordered"

    def next(self) -> int:
        execute = self.execute
        for key in self.few_keys:
            execute("SELECT k FROM t WHERE k>? ORDER BY k LIMIT 1", (key,)).fetchone()
        return len(self.few_keys)

    def walk(self) -> int:
        steps = 0
        for _ in self.execute("SELECT k FROM t ORDER BY k"):
            steps += 1
        return steps

    def load_pairs(self, rows: Iterable[PairRow]) -> None:
        self.pairs = sqlite3.connect(":memory:", isolation_level=None)
        self.pairs.execute(
            "CREATE TABLE t(g INTEGER, j INTEGER, i INTEGER, name TEXT, f REAL, PRIMARY KEY (g, j)) WITHOUT ROWID"
        )
        self.pairs.execute("BEGIN")
        self.pairs.executemany("INSERT INTO t VALUES(?,?,?,?,?)", ((*key, *rest) for key, *rest in rows))
        self.pairs.execute("COMMIT")

    def rows_from(self, k: int) -> list[workloads.Row]:
        return self.execute("SELECT * FROM t WHERE k>=? AND k<?", self.bounds(k)).fetchall()

    def rows_of(self, group: int) -> list[PairRow]:
        found = self.pairs.execute("SELECT * FROM t WHERE g=? ORDER BY j", (group,)).fetchall()
        return [((g, j), *rest) for g, j, *rest in found]


PEERS: dict[str, type[peers.Peer]] = {peer.name: peer for peer in (PartitaOrdered, SortedDict, SqliteOrdered)}
