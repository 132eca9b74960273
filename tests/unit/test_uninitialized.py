"""Objects of the engine's classes that nobody initialized: refused by whatever is given one, and shown by repr()."""

import traceback

import pytest

import partita
from partita import _core

# Those whose instances hold something of the engine's.
ENGINE = [cls for cls in vars(_core).values() if isinstance(cls, type) and type(cls).__name__ == "pybind11_type"]


def test_the_classes():
    assert {cls.__name__ for cls in ENGINE} >= {
        "DurableFile",
        "FileSaving",
        "FileWriter",
        "MatchSpec",
        "Snapshot",
        "Table",
    }


@pytest.mark.parametrize("cls", [*ENGINE, partita.Table, partita.ReadOnlyTable, partita.Snapshot])
def test_an_object_that_is_not_initialized(cls):
    thing = _core.Table.__new__(cls) if issubclass(cls, _core.Table) else cls.__new__(cls)
    repr(thing)
    for name in dir(thing):
        if name.startswith("__"):
            continue
        try:
            attribute = getattr(thing, name)
        except (TypeError, AttributeError):
            continue
        if not callable(attribute) or (hasattr(attribute, "__self__") and attribute.__self__ is not thing):
            continue
        for arguments in [(), (1,), (1, 2), (thing,), (b"x", True)]:
            try:
                attribute(*arguments)
            except (TypeError, AttributeError, ValueError, OSError):
                pass
    for use in (len, iter, list, reversed, lambda thing: 1 in thing):
        with pytest.raises(TypeError):
            use(thing)


@pytest.mark.parametrize("cls", [_core.Table, _core.Snapshot, _core.ErlangTabDumper])
def test_it_is_said(cls):
    names = [name for name, value in vars(cls).items() if isinstance(value, property)]
    assert names
    for name in names:
        with pytest.raises(TypeError, match="is not initialized"):
            getattr(cls.__new__(cls), name)


def test_what_takes_one():
    table = _core.Table.__new__(partita.Table)
    for take in (partita.Snapshot, partita.ReadOnlyTable, _core.Snapshot, _core.Table):
        with pytest.raises(TypeError, match="not initialized"):
            take(table)


def test_reprs():
    assert repr(_core.Table.__new__(partita.Table)) == "<partita.Table, not initialized>"
    assert repr(_core.Table.__new__(partita.ReadOnlyTable)) == "<partita.ReadOnlyTable, not initialized>"
    assert repr(partita.Snapshot.__new__(partita.Snapshot)) == "<partita.Snapshot, not initialized>"
    assert repr(_core.MatchSpec.__new__(_core.MatchSpec)) == "<partita.matchspec, not initialized>"


def test_a_traceback_that_shows_locals():
    try:
        partita.ReadOnlyTable(5)
    except TypeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "not of 5" in shown


def test_a_snapshot_that_shows_itself_before_it_is_made():
    class Shown(partita.Snapshot):
        def __init__(self, table):
            self.shown = repr(self)
            super().__init__(table)

    assert Shown(partita.Table()).shown == "<partita.Snapshot, not initialized>"
