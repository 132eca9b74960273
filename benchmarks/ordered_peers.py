"""Peers whose keys are in order: what peers.py holds for hash tables, for an ordered_set."""

import peers


class PartitaOrdered(peers.Partita):
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


class SortedDict(peers.Dict):
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


class SqliteOrdered(peers.Sqlite):
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


PEERS: dict[str, type[peers.Peer]] = {peer.name: peer for peer in (PartitaOrdered, SortedDict, SqliteOrdered)}
