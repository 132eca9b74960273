"""Files that each version of the format has written stay readable. They lie in tests/files.

A new version adds its own: `python tests/unit/test_old_versions.py 2` writes them, with the package that is installed.
"""

import shutil
import sys
from pathlib import Path

import pytest

import partita

FOLDER = Path(__file__).resolve().parents[1] / "files"
VERSIONS = (1,)  # the last one is today's

ROWS = [
    (None, -1.5),
    ("zero", 0),
    (["a", {"b": 2**70}], 1, "more"),
    (partita.Atom("atom"), partita.Atom("key")),
    (b"bytes", "text"),
    ("x" * 40, "text é"),
]


def saved(path):
    t = partita.Table(type="ordered_set", keypos=1, fields=("value", "key"))
    t.insert(ROWS)
    t.save(path)


def logged(path, kind):
    """A snapshot with a log behind it that has a record of each sort. Gives the rows."""
    with partita.open(path, type=kind, fields=("key", "value")) as t:
        t.insert([(i, f"saved {i}") for i in range(20)])
    t = partita.open(path, durability="always")
    t.insert([(i, "list", i) for i in range(10, 30)])
    for row in ROWS:
        t.insert((row[1], *row))
    t.delete(3)
    t.delete_object((4, "saved 4"))
    if kind == "set":
        t.update_element(5, ("value", {"new": [None]}))
        t.update_counter("count", 7, ("count", 0))
    else:
        t.insert([(100, i) for i in range(10)])
        t.select_delete([((100, partita.V.i), [(">", partita.V.i, 4)], [True])])
    t.flush()
    rows = t.tolist()
    t.drop()  # which leaves the log
    return rows


def in_any_order(rows):
    return sorted(rows, key=repr)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_saved(version):
    t = partita.load(FOLDER / f"version-{version}.pt")
    assert (t.type, t.keypos, t.fields) == ("ordered_set", 1, ("value", "key"))
    assert t.tolist() == ROWS


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["set", "bag"])
def test_what_was_logged(tmp_path, kind, version):
    expected = in_any_order(logged(tmp_path / "today.pt", kind))
    for path in FOLDER.glob(f"version-{version}-{kind}.pt*"):
        shutil.copy(path, tmp_path)
    path = tmp_path / f"version-{version}-{kind}.pt"
    for mode in ("r", "rw", "rw"):  # from the log, from the log for the last time, from what the close has saved
        with partita.open(path, mode=mode) as t:
            assert (t.type, t.fields) == (kind, ("key", "value"))
            assert in_any_order(t.tolist()) == expected
            assert t.info()["recovery"]["notes"] == []


def test_there_is_a_log_to_be_read():
    for version in VERSIONS:
        for kind in ("set", "bag"):
            assert any(path.stat().st_size for path in FOLDER.glob(f"version-{version}-{kind}.pt.wal.*"))


def write(version):
    saved(FOLDER / f"version-{version}.pt")
    for kind in ("set", "bag"):
        path = FOLDER / f"version-{version}-{kind}.pt"
        logged(path, kind)
        Path(f"{path}.lock").unlink()
        for log in FOLDER.glob(f"{path.name}.wal.*"):  # less what was reserved and not used
            content = log.read_bytes()
            log.write_bytes(content[: -(-len(content.rstrip(b"\0")) // 8) * 8])


if __name__ == "__main__":
    write(int(sys.argv[1]))
