"""Files of ets:tab2file, without Erlang: options, damage, and what is left when writing fails."""

import contextlib
import hashlib
import os
import pickle
import threading
from collections import Counter

import pytest

import partita
from helpers.terms import exact
from partita import Atom, CorruptFileError, erlang, progress
from partita._table import _TYPES as TYPES

ROWS = [(1, "one", [1, 2], {"a": None}), (2, b"\xff", 2.5), (Atom("three"), (3, 2**70))]
HEAD = 8  # bytes before the first record


@pytest.fixture
def t():
    table = partita.Table(partitions=2)
    table.insert(ROWS)
    return table


def contents(table):
    return Counter(map(exact, table))


def record_offsets(data):
    """Where each record begins, and the end of the file."""
    offsets = [HEAD]
    while offsets[-1] < len(data):
        offsets.append(offsets[-1] + 8 + int.from_bytes(data[offsets[-1] :][:4], "big"))
    return offsets


@pytest.mark.parametrize("extended_info", [(), ["md5sum"], iter(["object_count"]), (Atom("md5sum"), "object_count")])
def test_there_and_back(t, tmp_path, extended_info):
    erlang.tab2file(t, tmp_path / "t", extended_info=extended_info)
    for path in (tmp_path / "t", str(tmp_path / "t"), os.fsencode(tmp_path / "t")):
        assert contents(erlang.file2tab(path)) == contents(t)
    assert os.listdir(tmp_path) == ["t"]


@pytest.mark.parametrize("type", TYPES)
def test_options_of_the_table(tmp_path, type):  # noqa: A002
    with contextlib.ExitStack() as stack:
        table = partita.Table("before", type=type, keypos=1)
        stack.callback(table.drop)
        table.insert([("a", 1), ("b", 2), ("c", 1)])
        erlang.tab2file(table, tmp_path / "t", extended_info=["md5sum"])
        assert erlang.tabfile_info(tmp_path / "t") == {
            "name": "before",
            "type": type,
            "protection": "public",
            "named_table": True,
            "keypos": 1,
            "size": len(table),
            "extended_info": ["md5sum"],
            "version": (1, 0),
        }
        with pytest.raises(partita.TableExistsError, match="'before'"):
            erlang.file2tab(tmp_path / "t")
        unnamed = erlang.file2tab(tmp_path / "t", name=None, partitions=3, fields=("letter", "number"))
        assert (unnamed.name, unnamed.type, unnamed.keypos, unnamed.fields) == (None, type, 1, ("letter", "number"))
        assert unnamed.info()["partitions"] == 3
        assert unnamed.lookup(1) == table.lookup(1)
        after = erlang.file2tab(tmp_path / "t", name="after")
        assert partita.table("after") is after
        after.drop()


def test_how_binaries_and_maps_are_read(t, tmp_path):
    erlang.tab2file(t, tmp_path / "t")
    assert erlang.file2tab(tmp_path / "t", binaries="bytes").get(1) == (1, b"one", [1, 2], {b"a": None})
    assert erlang.file2tab(tmp_path / "t", maps="pairs").get(1) == (1, "one", [1, 2], [("a", None)])
    with pytest.raises(ValueError, match=r"t, byte \d+: a binary that is not UTF-8"):
        erlang.file2tab(tmp_path / "t", binaries="str")
    with pytest.raises(ValueError, match="binaries is 'x'"):
        erlang.file2tab(tmp_path / "t", binaries="x")


def test_large_rows(tmp_path):
    """Records of 65,528 bytes and more have another form."""
    table = partita.Table()
    overhead = len(erlang.dumps((0, ""))) + 2  # the second tuple's int takes as many bytes
    table.insert([(i, "x" * (65528 + i - overhead)) for i in range(-3, 4)] + [(9, "y" * 3_000_000)])
    for extended_info in ((), ("md5sum",)):
        erlang.tab2file(table, tmp_path / "t", extended_info=extended_info)
        assert contents(erlang.file2tab(tmp_path / "t")) == contents(table)
    data = (tmp_path / "t").read_bytes()
    assert sum(len(row[1]) for row in table) < len(data)
    digest = data.index((3_000_000 + len(erlang.dumps((9, "")))).to_bytes(4, "big") + b"bWLA") + 8
    (tmp_path / "t").write_bytes(data[:digest] + bytes([data[digest] ^ 1]) + data[digest + 1 :])
    for verify in (True, False):
        with pytest.raises(CorruptFileError, match="the size of the record that begins here is damaged") as info:
            erlang.file2tab(tmp_path / "t", verify=verify)
        assert info.value.offset == digest - 8


@pytest.mark.parametrize("extended_info", [(), ("object_count",), ("md5sum",), ("md5sum", "object_count")])
def test_every_prefix_is_refused(t, tmp_path, extended_info):
    path = tmp_path / "t"
    erlang.tab2file(t, path, extended_info=extended_info)
    data = path.read_bytes()
    offsets = record_offsets(data)
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(CorruptFileError) as info:
            erlang.file2tab(path)
        assert info.value.path == str(path)
        assert info.value.offset <= size
        if size in offsets[1:]:  # cut after a row: without verifying that is a smaller table
            assert len(erlang.file2tab(path, verify=False)) <= len(t)
        else:
            with pytest.raises(CorruptFileError):
                erlang.file2tab(path, verify=False)
    if extended_info:
        path.write_bytes(data[: offsets[-2]])
        with pytest.raises(CorruptFileError, match="cut off: what ends the table is missing"):
            erlang.file2tab(path)


def test_a_refused_file_leaves_no_table(t, tmp_path):
    """Also while the exception, and with it the frames that had the table, is kept."""
    erlang.tab2file(t, tmp_path / "t")
    data = (tmp_path / "t").read_bytes()
    (tmp_path / "t").write_bytes(data + b"more")
    rows = partita.live_counts()["rows"]
    with pytest.raises(CorruptFileError) as info:
        erlang.file2tab(tmp_path / "t")
    assert info.value.offset == len(data)
    assert partita.live_counts()["rows"] == rows


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_byte_may_be_another(t, tmp_path, flip):
    """With a checksum that is noticed, or changes nothing; without, it is noticed or gives another table."""
    path = tmp_path / "t"
    noticed = {True: 0, False: 0}
    for checked in (True, False):
        erlang.tab2file(t, path, extended_info=("md5sum", "object_count") if checked else ())
        data = path.read_bytes()
        for at in range(len(data)):
            path.write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
            for verify in (True, False):
                try:
                    table = erlang.file2tab(path, verify=verify)
                except (CorruptFileError, ValueError):
                    noticed[checked] += 1
                else:
                    table._check()
                    if checked and verify:
                        assert contents(table) == contents(t)
                        assert (table.keypos, table.type, table.name) == (0, "set", None)
            with contextlib.suppress(CorruptFileError, ValueError):
                erlang.tabfile_info(path)
    assert noticed[True] > noticed[False] > 0


def test_other_files(tmp_path):
    path = tmp_path / "t"
    for data in (b"", b"\1\2\3\4", b"no such file at all", bytes(1000), b"\1\2\3\4\0\0\0\0" + bytes(100)):
        path.write_bytes(data)
        for call in (erlang.file2tab, erlang.tabfile_info):
            with pytest.raises(CorruptFileError, match=r"t, byte 0: not a file of ets:tab2file") as info:
                call(path)
            assert isinstance(info.value, (partita.Error, OSError))
            assert pickle.loads(pickle.dumps(info.value)).offset == 0
    for call in (erlang.file2tab, erlang.tabfile_info):
        with pytest.raises(FileNotFoundError):
            call(tmp_path / "none")
        with pytest.raises(IsADirectoryError):
            call(tmp_path)


def file_of(path, head, *records):
    parts = [b"\1\2\3\4cXM\x0b"]
    for term in (head, *records):
        data = term if isinstance(term, bytes) else erlang.dumps(term)
        size = len(data).to_bytes(4, "big")
        parts += [size, b"bWLA", hashlib.md5(size).digest() if len(data) >= 65528 else b"", data]
    path.write_bytes(b"".join(parts))


DESCRIPTION = {
    "name": Atom("x"),
    "type": Atom("set"),
    "protection": Atom("public"),
    "named_table": False,
    "keypos": 1,
    "size": 1,
    "major_version": 1,
}


def head(**changes):
    items = {**DESCRIPTION, **changes}
    return tuple((Atom(name), value) for name, value in items.items() if value != "left out")


@pytest.mark.parametrize(
    "description",
    [
        *(head(**{name: "left out"}) for name in DESCRIPTION if name != "major_version"),
        head(name=1),
        head(type=Atom("tree")),
        head(type="set"),
        head(named_table=1),
        head(keypos=0),
        head(keypos=True),
        head(keypos=1.5),
        head(size=-1),
        head(major_version=-1),
        (),
        [],
        7,
        (1, (2,), ((), 3)),
        b"\x83i\xff\xff\xff\xff",
    ],
)
def test_a_description_that_is_none(tmp_path, description):
    file_of(tmp_path / "t", description, (1,))
    for call in (erlang.file2tab, erlang.tabfile_info):
        with pytest.raises(CorruptFileError, match=r"t, byte 16: the description of the table"):
            call(tmp_path / "t")


def test_what_a_description_may_say(tmp_path):
    path = tmp_path / "t"
    file_of(path, head(major_version="left out"), (1,))
    assert erlang.tabfile_info(path)["version"] == (0, 0)
    assert len(erlang.file2tab(path)) == 1
    file_of(path, head(major_version=2), (1,))
    with pytest.raises(ValueError, match=r"t has version 2\.0"):
        erlang.file2tab(path)
    file_of(path, head(keypos=2**20), (1,))
    with pytest.raises(ValueError, match="keypos is 1048575"):
        erlang.file2tab(path)
    file_of(path, head(name=Atom("")), (1,))
    assert erlang.tabfile_info(path)["name"] == ""
    pid = b"X" + b"w\1n" + bytes(12)
    reference = b"Z\0\3" + b"d\0\1n" + bytes(16)
    owned = b"\x83h\x09" + b"".join(erlang.dumps(pair)[1:] for pair in head())
    for extra in (b"h\2w\5owner" + pid, b"h\2w\2id" + reference):
        owned += extra
    file_of(path, owned, (1,))
    assert len(erlang.file2tab(path)) == 1


END = Atom("$end_of_table")


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([(1,), (2,)], "2 rows, but 1 were written"),
        ([()], "a row of 0 elements, which has no key"),
        ([(1,), 7], "neither a row nor the end"),
        ([(1,), [END]], "neither a row nor the end"),
        ([(1,), [END, 1]], "neither a row nor the end"),
        ([(1,), b"\x83gg"], "the end of the table is damaged: byte 1: a pid"),
        ([(1,), [END, []], (2,)], "a record after the one that ends the table"),
        ([(1,), [END, []], [END, []]], "a record after the one that ends the table"),
        ([b"a\1"], "no term in external form"),
        ([b""], "cut off"),
    ],
)
def test_records_that_are_wrong(tmp_path, records, words):
    file_of(tmp_path / "t", head(), *records)
    with pytest.raises(CorruptFileError, match=words):
        erlang.file2tab(tmp_path / "t")


def test_a_row_without_counterpart(tmp_path):
    file_of(tmp_path / "t", head(), b"\x83h\2a\1" + b"Xw\1n" + bytes(12))
    with pytest.raises(ValueError, match=r"t, byte \d+: a pid") as info:
        erlang.file2tab(tmp_path / "t")
    assert not isinstance(info.value, CorruptFileError)
    file_of(tmp_path / "t", head(size=1), (0,) * 65536)
    with pytest.raises(ValueError, match="a row of more than 65,535 elements"):
        erlang.file2tab(tmp_path / "t")


def test_rows_that_are_one_here(tmp_path):
    zeros = [b"\x83h\2" + erlang.dumps(key)[1:] + bytes([97, i]) for i, key in enumerate((0.0, -0.0))]
    file_of(tmp_path / "t", head(size=2), *zeros)
    with pytest.raises(ValueError, match=r"keys 0\.0 and -0\.0"):
        erlang.file2tab(tmp_path / "t")
    assert erlang.file2tab(tmp_path / "t", verify=False).tolist() == [(-0.0, 1)]


def test_a_compressed_row_and_an_old_mark(tmp_path):
    row = (1, "again " * 100, [b"\xff", 300])
    file_of(tmp_path / "t", head(), erlang.dumps(row, compressed=True))
    assert erlang.file2tab(tmp_path / "t").tolist() == [row]
    data = (tmp_path / "t").read_bytes()
    (tmp_path / "t").write_bytes(data.replace(b"bWLA", b"\x0c\x21\x2c\x37"))
    assert erlang.file2tab(tmp_path / "t").tolist() == [row]
    (tmp_path / "t").write_bytes(data.replace(b"cXM\x0b", b"\6\7\x08\x09"))  # not closed, but complete
    assert erlang.file2tab(tmp_path / "t").tolist() == [row]


def test_a_row_that_cannot_be_written_leaves_the_old_file(t, tmp_path):
    path = tmp_path / "t"
    erlang.tab2file(t, path)
    before = path.read_bytes()
    t.insert(("bad", [{1}]))
    with pytest.raises(ValueError, match=r"^the row of key 'bad': set has no Erlang form: \{1\}$"):
        erlang.tab2file(t, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["t"]


def test_wrong_arguments(t, tmp_path):
    with pytest.raises(TypeError, match="tab2file\\(\\) writes a Table, not list"):
        erlang.tab2file(ROWS, tmp_path / "t")
    with pytest.raises(TypeError, match=r"a sequence of names, such as \('md5sum',\)"):
        erlang.tab2file(t, tmp_path / "t", extended_info="md5sum")
    with pytest.raises(ValueError, match="'sha' is no extended_info"):
        erlang.tab2file(t, tmp_path / "t", extended_info=["sha"])
    long = partita.Table("x" * 256)
    with pytest.raises(ValueError, match="255"):
        erlang.tab2file(long, tmp_path / "t")
    for dropped in (t, long):
        dropped.drop()
        with pytest.raises(partita.TableDroppedError):
            erlang.tab2file(dropped, tmp_path / "t")
    assert os.listdir(tmp_path) == []


def test_progress(t, tmp_path, monkeypatch):
    """As a bar by tqdm sees it."""
    bars = []

    class FakeBar:
        def __init__(self, total, unit, unit_scale):
            self.total, self.unit, self.n, self.shown = total, unit, 0, 0
            bars.append(self)

        def update(self, more):
            self.n += more
            self.shown += 1

        def close(self):
            self.closed = True

    monkeypatch.setattr(progress, "import_tqdm", lambda: FakeBar)
    path = tmp_path / "t"
    erlang.tab2file(t, path, progress=True)
    erlang.file2tab(path, progress=True)
    size = path.stat().st_size
    assert [(bar.n, bar.total, bar.unit, bar.closed) for bar in bars] == [
        (len(t), len(t), " rows", True),
        (size, size, "B", True),
    ]
    assert all(bar.shown > 1 for bar in bars)


def test_one_moment_while_others_write(tmp_path):
    """Each list of rows goes in or out as a whole, and so the file holds all of it or nothing."""
    table = partita.Table(partitions=4)
    table.insert([(i, "steady", [i]) for i in range(3000)])
    group = [(("group", i), "x" * 50) for i in range(200)]
    stop = threading.Event()

    def write():
        while not stop.is_set():
            table.insert(group)
            table.clear()
            table.insert([(i, "steady", [i]) for i in range(3000)])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            erlang.tab2file(table, tmp_path / "t", extended_info=["md5sum", "object_count"])
            assert len(erlang.file2tab(tmp_path / "t")) in (0, 3000, 3200)
    finally:
        stop.set()
        writer.join()
