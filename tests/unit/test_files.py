"""save() and load(): what comes back is what was there, and a damaged file is told from a sound one."""

import contextlib
import datetime
import decimal
import os
import threading
import uuid

import pytest
from hypothesis import given

import partita
from helpers import strategies
from partita import files, progress

TYPES = ("set", "ordered_set", "bag", "duplicate_bag")

# Columns that change kind within a group of rows, strings of all lengths and alphabets, rows of many lengths.
ROWS = [
    *((i, i * 7919 % 1000) for i in range(1500)),
    *((i, f"name {i}", None if i % 3 else i / 7) for i in range(1500, 3000)),
    *((i, "é" * (i % 40), "x" * (i % 300), [i, (i, None)]) for i in range(3000, 4500)),
    *((i, *range(i % 90)) for i in range(4500, 4700)),
    ("none", None, None),
    ("big", 2**63, -(2**200), 2**63 - 1, -(2**63)),
    ("floats", 0.0, -0.0, float("inf"), 1e-320),
    ("wide", *map(str, range(1000))),
    ("scalars", decimal.Decimal("1.50"), datetime.datetime(2026, 1, 2), datetime.timedelta(1), uuid.UUID(int=7)),
    ("containers", {"a": [1, {2}]}, frozenset({1}), (), b"", b"\0" * 100, {1.0: True}),
    (("tuple", 1), partita.Atom("atom"), True, False),
    ("long", "y" * 100_000, b"z" * 100_000),
]


def rows_of(table):
    rows = table.tolist()
    return rows if table.type == "ordered_set" else sorted(rows, key=repr)


def saved(rows, path, **options):
    t = partita.Table(partitions=3, **options)
    t.insert_many(rows)
    partita.save(t, path)
    return t


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.pt"


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("partitions", [1, 4])
def test_all_comes_back(path, kind, partitions):
    t = partita.Table(type=kind, fields=("key", "value"), partitions=3)
    t.insert_many(ROWS)
    if kind.endswith("bag"):
        t.insert_many((row[0], "again", i) for i, row in enumerate(ROWS) if i % 5 == 0)
        t.insert_many(ROWS[::7])
    assert partita.save(t, path) == len(t)
    u = partita.load(path, partitions=partitions)
    assert (u.type, u.keypos, u.fields, u.name) == (kind, 0, ("key", "value"), None)
    assert u.info()["partitions"] == partitions
    assert rows_of(u) == rows_of(t)
    assert [repr(row) for row in rows_of(u)] == [repr(row) for row in rows_of(t)]  # True is 1, 0.0 is -0.0
    for key in ("wide", 1600, ("tuple", 1)):
        assert u.lookup(key) == t.lookup(key)  # in a bag in the order of time
    u._check()
    assert os.listdir(path.parent) == [path.name]


@given(strategies.terms)
def test_every_term_comes_back(tmp_path_factory, term):
    path = tmp_path_factory.getbasetemp() / "term.pt"
    t = saved([(1, term), (2, None, term)], path)
    allowed = partita.load(path, allow_pickle=True)
    assert [repr(row) for row in rows_of(allowed)] == [repr(row) for row in rows_of(t)]


def test_nothing_comes_back_as_nothing(path):
    saved([], path, keypos=4)
    u = partita.load(path)
    assert (len(u), u.keypos, u.fields) == (0, 4, None)


def test_a_snapshot_and_the_methods(path):
    t = partita.Table()
    t.insert((1, "before"))
    with t.snapshot() as s:
        t.insert((1, "after"))
        assert s.save(path) == 1
        assert partita.load(path).tolist() == [(1, "before")]
        assert t.save(str(path)) == 1
    assert partita.load(str(path)).tolist() == [(1, "after")]
    with pytest.raises(partita.SnapshotClosedError):
        s.save(path)
    t.readonly().save(path)
    t.drop()
    with pytest.raises(partita.TableDroppedError):
        t.save(path)
    assert partita.load(path).tolist() == [(1, "after")]


def test_names_owners_and_if_exists(path):
    saved([(1,)], path)
    t = partita.load(path, "loaded")
    assert partita.table("loaded") is t
    with pytest.raises(partita.TableExistsError):
        partita.load(path, "loaded")
    assert partita.load(path, "loaded", if_exists="get") is t
    u = partita.load(path, "loaded", if_exists="replace")
    assert partita.table("loaded") is u
    with pytest.raises(partita.TableDroppedError):
        len(t)
    path.write_bytes(b"")
    with pytest.raises(partita.CorruptFileError):
        partita.load(path, "loaded", if_exists="replace")
    assert partita.table("loaded") is u
    u.drop()


class Pickled:
    def __eq__(self, other):
        return isinstance(other, Pickled)

    __hash__ = None


def test_pickles_are_read_only_where_that_is_allowed(path):
    saved([(1, "plain"), (2, [Pickled()])], path)
    before = partita.live_counts()["tables"]
    with pytest.raises(partita.PickleRefusedError, match="allow_pickle=True") as caught:
        partita.load(path)
    assert caught.value.path == str(path)
    del caught  # its traceback holds the table
    assert partita.live_counts()["tables"] == before
    assert partita.load(path, allow_pickle=True).get(2) == (2, [Pickled()])


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        partita.load(tmp_path / "no file")
    with pytest.raises(IsADirectoryError):
        partita.load(tmp_path)


@pytest.mark.parametrize("argument", [None, 5, b"", "", "with\0zero"])
def test_what_is_no_path(argument):
    with pytest.raises((TypeError, ValueError), match="path is"):
        partita.load(argument)


def test_what_is_no_table(path):
    with pytest.raises(TypeError, match="a Table or a Snapshot"):
        partita.save({}, path)


def small_file(path, kind="set"):
    rows = [(i, f"{i:05}", i / 3, None, [i, "é", "x" * 50]) for i in range(50)]
    t = saved(rows, path, type=kind, fields=("a", "b"))
    return t, path.read_bytes()


def refused(path):
    before = partita.live_counts()
    with contextlib.suppress(partita.CorruptFileError):
        partita.load(path)
        return False
    assert partita.live_counts() == before
    return True


@pytest.mark.parametrize("kind", ["set", "bag"])
def test_every_byte_counts(path, kind):
    _, content = small_file(path, kind)
    for place in range(len(content)):
        for bit in (1, 128):
            damaged = bytearray(content)
            damaged[place] ^= bit
            path.write_bytes(damaged)
            assert refused(path), f"bit {bit} of byte {place} may be anything"


def test_every_prefix_is_refused(path):
    _, content = small_file(path)
    for size in range(len(content)):
        path.write_bytes(content[:size])
        assert refused(path), f"{size} bytes of {len(content)} are taken for all"
    path.write_bytes(content + b"\0" * 8)
    assert refused(path)


def test_damage_is_named(path):
    _, content = small_file(path)
    damaged = bytearray(content)
    damaged[int.from_bytes(content[12:16], "little") + 40] ^= 1  # in the first block's content
    path.write_bytes(damaged)
    with pytest.raises(
        partita.CorruptFileError, match=r"table\.pt, byte \d+: the checksum of a block is wrong"
    ) as caught:
        partita.load(path)
    assert caught.value.path == str(path)
    assert 0 < caught.value.offset < len(content)
    for content in (b"", b"\x89PTA", b"PK\3\4" + b"\0" * 100):
        path.write_bytes(content)
        with pytest.raises(partita.CorruptFileError, match="no file of a table"):
            partita.load(path)


def test_blocks_of_another_file_are_refused(path, tmp_path):
    """Each is sound, but where it stands it is not."""
    _, content = small_file(path)
    _, other = small_file(tmp_path / "other")
    header = int.from_bytes(content[12:16], "little")
    path.write_bytes(content[:header] + other[header:])
    assert refused(path)
    block = content[header:]
    path.write_bytes(content[:header] + block[:-48] + block)
    assert refused(path)


def test_saves_beside_writers_and_each_other(path):
    """Each file holds one moment: a list of rows whole or not at all."""
    t = partita.Table(partitions=4)
    t.insert([(i, 0) for i in range(3000)])
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            t.insert([(i, number) for i in range(3000)])

    def save():
        for _ in range(10):
            assert t.save(path) == 3000

    writer = threading.Thread(target=write)
    savers = [threading.Thread(target=save) for _ in range(2)]
    writer.start()
    for thread in savers:
        thread.start()
    for thread in savers:
        thread.join()
        u = partita.load(path)
        assert len({value for _, value in u}) == 1
        assert len(u) == 3000
    stop.set()
    writer.join()
    assert os.listdir(path.parent) == [path.name]


def test_interrupted(path, monkeypatch):
    """Ctrl-C ends both; the old file stays, and no table is left."""
    t = saved(((i, str(i)) for i in range(200_000)), path)
    before = partita.live_counts()["tables"]

    class TiredError(Exception):
        pass

    shows = []

    class Bar(progress.Bar):
        def show(self, done):
            shows.append(done)
            raise TiredError

    monkeypatch.setattr(files, "Bar", Bar)
    with pytest.raises(TiredError):
        t.save(path)
    with pytest.raises(TiredError):
        partita.load(path)
    monkeypatch.undo()
    assert len(shows) == 2
    assert all(show > 0 for show in shows)
    assert os.listdir(path.parent) == [path.name]
    assert partita.live_counts()["tables"] == before
    assert len(partita.load(path)) == 200_000


def test_progress(path, monkeypatch):
    """As a bar by tqdm sees it."""
    bars = []

    class FakeBar:
        def __init__(self, total, unit, unit_scale):
            self.total, self.unit, self.n = total, unit, 0
            bars.append(self)

        def update(self, more):
            self.n += more

        def close(self):
            self.closed = True

    monkeypatch.setattr(progress, "import_tqdm", lambda: FakeBar)
    t = saved(((i,) for i in range(1000)), path)
    t.save(path, progress=True)
    partita.load(path, progress=True)
    assert [(bar.n, bar.total, bar.unit, bar.closed) for bar in bars] == [
        (1000, 1000, " rows", True),
        (path.stat().st_size, path.stat().st_size, "B", True),
    ]
