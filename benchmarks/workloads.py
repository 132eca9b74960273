"""The rows every benchmark uses, the two random orders they come in, and the digest that proves the work was done.

Row k of n is `(key, value, "name-NNNNNN", k / 2)`: the key is `k` or `"user:NNNNNN"`, the value a permutation of 0 to
n - 1 that has nothing to do with either order. Rows are inserted in one random order and read, overwritten, counted and
deleted in another: reading in the order of insertion flatters every structure that lays rows out as they come.
"""

import array
import random
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

KINDS = ("int", "str")
BATCH_ROWS = 1_000
MASK = (1 << 64) - 1

Row = tuple[int | str, int, str, float]


def key_of(kind: str, k: int) -> int | str:
    """A fresh object each time, so that a list of keys lies in memory in its own order."""
    return f"user:{k:06d}" if kind == "str" else k + 0


def value_of(k: int, rows: int) -> int:
    return k * multiplier(rows) % rows


def multiplier(rows: int) -> int:
    """A prime that does not divide `rows`, so that value_of is a permutation."""
    return 7919 if rows % 7919 else 7907


def row_of(kind: str, k: int, rows: int) -> Row:
    value = value_of(k, rows)
    return (key_of(kind, k), value, f"name-{value:06d}", k * 0.5)


def cut(rows: int) -> int:
    """`value > cut(rows)` keeps one row in a hundred (and at least one)."""
    return rows - max(1, rows // 100) - 1


def shuffled(rows: int, seed: int) -> array.array:
    order = list(range(rows))
    random.Random(seed).shuffle(order)
    return array.array("I", order)


class Workload:
    """Rows and orders for one kind of key. Orders lie in files, so that peers in any language read the same ones."""

    def __init__(self, kind: str, rows: int, folder: Path):
        self.kind = kind
        self.rows = rows
        self.folder = folder
        self.insert_order = read_order(folder / "insert.u32")
        self.read_order = read_order(folder / "read.u32")

    @staticmethod
    def write_orders(rows: int, folder: Path) -> None:
        for name, seed in (("insert", 1), ("read", 2)):
            with open(folder / f"{name}.u32", "wb") as file:
                shuffled(rows, seed).tofile(file)

    def generate(self) -> Iterator[Row]:
        """All rows in insertion order, made one by one: nothing but the current one is held."""
        return (row_of(self.kind, k, self.rows) for k in self.insert_order)

    def rows_to_insert(self) -> list[Row]:
        return list(self.generate())

    def rows_to_overwrite(self) -> list[Row]:
        return [row_of(self.kind, k, self.rows) for k in self.read_order]

    def keys_to_read(self) -> list[int | str]:
        return [key_of(self.kind, k) for k in self.read_order]


def read_order(path: Path) -> array.array:
    values = array.array("I")
    values.frombytes(path.read_bytes())
    return values


def chunks(items: list, size: int = BATCH_ROWS) -> list[list]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def digest_row(row: Row) -> int:
    """The same number in every peer's language; ets_peer.erl has its twin."""
    key, value, name, number = row
    word = zlib.crc32(key.encode()) if isinstance(key, str) else key
    return (word + 3 * value + 5 * zlib.crc32(name.encode()) + 7 * int(number * 2)) & MASK


def digest(rows: Iterable[Row | None]) -> int:
    """Order does not count, an absent row does."""
    total = 0
    for row in rows:
        total += 1 if row is None else digest_row(row)
    return total & MASK
