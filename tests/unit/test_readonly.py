"""Read-only views."""

import copy
import gc
import inspect
import pickle
import weakref

import pytest

import partita
from partita import END
from partita.readonly import WRITING

# Every public method is either of these or of readonly.WRITING.
READING = {
    *(
        "explain",
        "first",
        "first_lookup",
        "fix",
        "foldl",
        "foldr",
        "get",
        "get_many",
        "info",
        "keys",
        "last",
        "last_lookup",
    ),
    *(
        "lookup",
        "lookup_element",
        "lookup_many",
        "mapping",
        "match",
        "match_object",
        "member",
        "next",
        "next_lookup",
        "prev",
        "prev_lookup",
        "save",
    ),
    *("readonly", "records", "select", "select_count", "select_reverse", "slot", "snapshot", "tolist"),
}
NO_METHODS = {"fields", "keypos", "name", "type", "from_records"}


@pytest.fixture
def t():
    table = partita.Table(fields=("id", "name"), partitions=2)
    table.insert([(1, "a"), (2, "b")])
    return table


def test_every_method_reads_or_writes():
    public = {name for name in dir(partita.Table) if not name.startswith("_")}
    assert public - READING - set(WRITING) == NO_METHODS
    assert not READING & set(WRITING)


@pytest.mark.parametrize("method", WRITING)
def test_what_writes_is_refused(t, method):
    view = t.readonly()
    before = t.tolist()
    with pytest.raises(partita.ReadOnlyError, match=rf"{method}\(\): <partita.ReadOnlyTable"):
        getattr(view, method)((1, "x"))
    with pytest.raises(TypeError):
        getattr(view, method)()
    assert t.tolist() == before
    assert "ReadOnlyError" in inspect.getdoc(getattr(view, method))


def test_reads_the_live_table(t):
    view = t.readonly()
    assert (len(view), 1 in view, sorted(view), bool(view)) == (2, True, [(1, "a"), (2, "b")], True)
    t.insert((3, "c"))
    assert view.get(3) == (3, "c")
    assert view.lookup(3) == [(3, "c")]
    assert view.lookup_element(3, "name") == "c"
    assert view.get_many([1, 4]) == [(1, "a"), None]
    assert view.lookup_many([1]) == [[(1, "a")]]
    assert view.member(2)
    assert sorted(view.tolist()) == sorted(t.tolist())
    assert sorted(view.keys()) == [1, 2, 3]
    assert view.foldl(lambda row, n: n + row[0], 0) == view.foldr(lambda row, n: n + row[0], 0) == 6
    assert view.select_count([(partita.ANY, [], [True])]) == 3
    assert {record.name for record in view.records()} == {"a", "b", "c"}
    assert view.first() == t.first()
    assert view.next(view.first()) == t.next(t.first())
    assert view.prev(view.first()) is END
    assert view.slot(10**9) is END
    assert (view.name, view.type, view.keypos, view.fields) == (t.name, t.type, t.keypos, t.fields)
    with view.snapshot() as s:
        t.clear()
        assert len(s) == 3
    assert len(view) == 0


def test_mapping_of_a_view(t):
    mapping = t.readonly().mapping()
    assert mapping[1] == "a"
    assert dict(mapping) == {1: "a", 2: "b"}
    for write in (
        lambda: mapping.__setitem__(1, "x"),
        lambda: mapping.__delitem__(1),
        lambda: mapping.pop(1),
        mapping.popitem,
        mapping.clear,
        lambda: mapping.setdefault(9, "x"),
        lambda: mapping.update({1: "x"}),
    ):
        with pytest.raises(partita.ReadOnlyError):
            write()
    assert sorted(t) == [(1, "a"), (2, "b")]


def test_fixing_through_a_view(t):
    view = t.readonly()
    with view.fix():
        assert t.info()["fixed"]
        key = t.first()
        t.delete(key)
        assert view.next(key) != key
    assert not t.info()["fixed"]


def test_info_and_repr():
    t = partita.Table("viewed", if_exists="replace")
    view = t.readonly()
    assert view.info() == {**t.info(), "readonly": True}
    assert t.info()["readonly"] is False
    assert repr(view) == "<partita.ReadOnlyTable 'viewed', set, 0 rows, read-only>"
    t.rename("viewed anew")
    assert view.name == "viewed anew"
    t.drop()
    assert repr(view) == "<partita.ReadOnlyTable 'viewed anew', dropped>"
    with pytest.raises(partita.TableDroppedError, match="'viewed anew'"):
        view.get(1)


def test_is_a_table(t):
    view = t.readonly()
    assert isinstance(view, partita.Table)
    assert isinstance(view, partita.ReadOnlyTable)
    assert view.readonly() is view


def test_keeps_the_table_alive():
    t = partita.Table()
    t.insert((1, "a"))
    reference = weakref.ref(t)
    view = t.readonly()
    del t
    gc.collect()
    assert view.get(1) == (1, "a")
    assert reference() is not None
    del view
    gc.collect()
    assert reference() is None


def test_ends_with_its_table(t):
    view = t.readonly()
    t.drop()
    for call in (lambda: view.get(1), view.info, view.tolist, view.first):
        with pytest.raises(partita.TableDroppedError):
            call()


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_cannot_be_copied(t, duplicate):
    with pytest.raises(TypeError, match=r"tolist\(\)"):
        duplicate(t.readonly())


def test_a_table_is_no_mapping(t):
    for table in (t, t.readonly()):
        with pytest.raises(TypeError, match=r"mapping\(\)"):
            dict(table)
        with pytest.raises(TypeError, match=r"get\(key\)"):
            table[1]
