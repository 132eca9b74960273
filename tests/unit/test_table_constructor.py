"""Making tables: names, options, owners and heirs, and what a Table refuses to be."""

import contextlib
import copy
import gc
import multiprocessing.reduction
import pickle
import weakref
from unittest import mock

import pytest

import partita
from partita import _core, ets


@pytest.fixture
def name(request):
    """A name of this test's own; its table is dropped afterwards."""
    yield request.node.name
    with contextlib.suppress(KeyError):
        partita.table(request.node.name).drop()


class Owner:
    pass


def test_defaults():
    t = partita.Table()
    info = t.info()
    assert (t.name, t.type, t.keypos, t.fields) == (None, "set", 0, None)
    assert 1 <= info["partitions"] <= _core.MAX_PARTITIONS
    assert len(t) == 0
    assert t  # an empty table exists


def test_is_found_by_name_until_dropped(name):
    t = partita.Table(name)
    assert partita.table(name) is t
    assert t in partita.tables()
    t.drop()
    with pytest.raises(KeyError, match=name):
        partita.table(name)
    assert t not in partita.tables()


def test_named_table_outlives_its_references(name):
    partita.Table(name).insert((1,))
    gc.collect()
    assert partita.table(name).get(1) == (1,)


def test_unnamed_table_ends_with_its_last_reference():
    before = partita.live_counts()["tables"]
    t = partita.Table()
    t.insert((1,))
    assert partita.live_counts()["tables"] == before + 1
    del t
    assert partita.live_counts()["tables"] == before


def test_second_table_of_a_name(name):
    t = partita.Table(name)
    with pytest.raises(partita.TableExistsError, match=name):
        partita.Table(name)
    with pytest.raises(partita.TableExistsError, match=name):
        partita.Table(name, if_exists="raise")
    assert partita.table(name) is t


def test_if_exists_get(name):
    t = partita.Table(name, keypos=1, if_exists="get")
    t.insert((1, 2))
    assert partita.Table(name, if_exists="get") is t
    assert t.get(2) == (1, 2)


def test_if_exists_replace(name):
    old = partita.Table(name)
    old.insert((1,))
    new = partita.Table(name, if_exists="replace")
    assert partita.table(name) is new
    assert len(new) == 0
    with pytest.raises(partita.TableDroppedError):
        old.get(1)
    assert partita.tables().count(new) == 1


def test_a_dropped_name_is_free_even_if_it_was_never_taken_back(name):
    # drop() on the engine's class alone leaves the name behind, as an exception between the two steps would.
    t = partita.Table(name)
    _core.Table.drop(t)
    assert t not in partita.tables()
    with pytest.raises(KeyError):
        partita.table(name)
    _core.Table.drop(partita.Table(name))
    assert partita.Table(name).get(1) is None


def test_dropping_an_old_table_leaves_the_new_one_its_name(name):
    old = partita.Table(name)
    _core.Table.drop(old)
    new = partita.Table(name)
    with pytest.raises(partita.TableDroppedError):
        old.drop()
    assert partita.table(name) is new


def test_keypos_and_fields():
    t = partita.Table(keypos=1, fields=["a", "b", "c"])
    assert t.fields == ("a", "b", "c")
    t.insert((1, 2, 3))
    assert t.get(2) == (1, 2, 3)
    assert t.lookup_element(2, "c") == 3
    by_name = partita.Table(keypos="b", fields=iter(["a", "b"]))
    assert by_name.keypos == 1


@pytest.mark.parametrize("partitions", [1, 7, 64])
def test_partitions(partitions):
    t = partita.Table(partitions=partitions)
    t.insert([(i,) for i in range(1000)])
    sizes = t.info()["partition_sizes"]
    assert len(sizes) == partitions
    assert sum(sizes) == 1000


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"name": 5}, TypeError, ["name", "str", "5"]),
        ({"type": "sets"}, ValueError, ["'sets'", "'ordered_set'"]),
        ({"type": None}, ValueError, ["type", "None"]),
        ({"keypos": -1}, ValueError, ["keypos", "-1"]),
        ({"keypos": 65535}, ValueError, ["keypos", "65535"]),
        ({"keypos": True}, TypeError, ["keypos", "bool"]),
        ({"keypos": 1.0}, TypeError, ["keypos", "float"]),
        ({"keypos": "a"}, ValueError, ["keypos", "'a'", "fields"]),
        ({"keypos": "z", "fields": ["a"]}, ValueError, ["keypos", "'z'", "'a'"]),
        ({"partitions": 0}, ValueError, ["partitions", "0", "4096"]),
        ({"partitions": 4097}, ValueError, ["partitions", "4097", "4096"]),
        ({"partitions": "4"}, TypeError, ["partitions", "str"]),
        ({"fields": "abc"}, TypeError, ["fields", "'abc'"]),
        ({"fields": 7}, TypeError, ["fields", "7"]),
        ({"fields": ["a", 1]}, TypeError, ["field", "1"]),
        ({"fields": ["a", "b", "a"]}, ValueError, ["'a'", "twice"]),
        ({"fields": []}, ValueError, ["fields", "key"]),
        ({"fields": ["a"], "keypos": 1}, ValueError, ["'a'", "1"]),
        ({"owner": 5}, TypeError, ["owner", "int", "weakly"]),
        ({"owner": Owner, "heir": 5}, TypeError, ["heir", "callable", "5"]),
        ({"heir": print}, ValueError, ["heir", "owner"]),
        ({"if_exists": "keep"}, ValueError, ["if_exists", "'keep'", "'replace'"]),
        ({"nonsense": 1}, TypeError, ["nonsense"]),
    ],
)
def test_a_wrong_option_is_explained(options, error, words):
    with pytest.raises(error) as caught:
        partita.Table(**options)
    for word in words:
        assert word in str(caught.value)


def test_a_refused_table_does_not_take_its_name(name):
    with pytest.raises(TypeError, match="owner"):
        partita.Table(name, owner=5)
    with pytest.raises(ValueError, match="partitions"):
        partita.Table(name, partitions=0)
    with pytest.raises(KeyError):
        partita.table(name)


def test_table_wants_a_name():
    with pytest.raises(TypeError, match="str"):
        partita.table(5)


def test_owner_without_heir_drops_the_table(name):
    owner = Owner()
    t = partita.Table(name, owner=owner)
    assert t.info()["owner"] is owner
    del owner
    with pytest.raises(partita.TableDroppedError):
        t.get(1)
    with pytest.raises(KeyError):
        partita.table(name)


def test_heir_gets_the_table_when_its_owner_dies():
    inherited = []
    owner = Owner()
    partita.Table(owner=owner, heir=inherited.append).insert((1, "kept"))  # nobody but the owner's end knows it
    gc.collect()
    assert inherited == []
    del owner
    (t,) = inherited
    assert t.get(1) == (1, "kept")
    assert t.info()["owner"] is None
    assert t.info()["heir"] is None


def test_heir_of_an_owner_that_dies_in_a_cycle():
    inherited = []
    owner = Owner()
    owner.myself = owner
    owner.table = partita.Table(owner=owner, heir=inherited.append)
    del owner
    gc.collect()
    assert len(inherited) == 1


def test_owner_that_cannot_be_hashed():
    class Unhashable:
        __hash__ = None

    owner = Unhashable()
    t = partita.Table(owner=owner, heir=lambda t: None)
    del owner
    assert t.get(1) is None  # passed on, not dropped


def test_a_dropped_table_is_not_inherited():
    inherited = []
    owner = Owner()
    t = partita.Table(owner=owner, heir=inherited.append)
    t.drop()
    del owner
    assert inherited == []


def test_the_owner_of_a_table_that_lost_the_race_for_a_name_owns_nothing(name):
    t = partita.Table(name)
    owner = Owner()
    assert partita.Table(name, owner=owner, heir=print, if_exists="get") is t
    del owner
    assert t.get(1) is None


@pytest.mark.parametrize(
    "duplicate", [pickle.dumps, copy.copy, copy.deepcopy, multiprocessing.reduction.ForkingPickler.dumps]
)
def test_cannot_be_pickled_or_copied(duplicate):
    t = partita.Table()
    with pytest.raises(TypeError, match=r"tolist\(\)"):
        duplicate(t)
    with pytest.raises(TypeError, match=r"tolist\(\)"):
        duplicate(t.snapshot())


def test_can_be_weakly_referenced():
    t = partita.Table()
    reference = weakref.ref(t)
    assert reference() is t
    del t
    assert reference() is None


def test_can_be_subclassed():
    class Users(partita.Table):
        def add(self, name):
            self.insert((name, self.update_counter(0, (1, 1), (0, 0))))

    t = Users(partitions=2)
    t.add("ada")
    assert isinstance(t, Users)
    assert t.get("ada") == ("ada", 1)


def test_an_uninitialized_object_of_the_engine_is_refused():
    t = _core.Table.__new__(_core.Table)
    for call in (lambda: t.get(1), lambda: t.insert((1,)), lambda: len(t), lambda: list(t), lambda: 1 in t, t.tolist):
        with pytest.raises(TypeError, match="not initialized"):
            call()
    with pytest.raises(TypeError, match="not initialized"):
        _core.Snapshot.__new__(_core.Snapshot).tolist()


def test_methods_want_a_table():
    with pytest.raises(TypeError, match=r"for 'partita._core\.Table' objects doesn't apply to a 'int' object"):
        partita.Table.get(5, 1)
    with pytest.raises(TypeError, match="snapshot is taken of a Table"):
        partita.Snapshot(5)


class Yes(str):
    """Says that it is equal to everything."""

    __slots__ = ()

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class One(int):
    """An int that says it is in any range, and is another."""

    def __le__(self, other):
        return True

    __ge__ = __le__

    def __int__(self):
        return 10**6


def test_options_that_lie(name):
    for options in [{"type": Yes("any")}, {"if_exists": Yes("any")}, {"type": mock.ANY}, {"if_exists": mock.ANY}]:
        with pytest.raises(ValueError, match="it must be"):
            partita.Table(name, **options)
    with pytest.raises(ValueError, match="it must be from 1"):
        partita.Table(partitions=One(5000))
    assert partita.Table(partitions=One(3)).info()["partitions"] == 3
    assert name not in [table.name for table in partita.tables()]


def test_a_subclass_that_compares_and_counts_in_its_own_way(name):
    class Odd(partita.Table):
        def __eq__(self, other):
            raise AssertionError("nobody needs to compare tables")

        def __len__(self):
            raise AssertionError("nobody needs to count rows")

    owner = Owner()
    t = Odd(name, owner=owner)
    assert [table for table in partita.tables() if table is t]
    t.rename(name + " 2")
    t.rename(name)
    t.give_away(owner)
    ets.setopts(t, ("heir", print))
    t.drop()
    with pytest.raises(partita.TableDroppedError):
        t.rename("another name")
