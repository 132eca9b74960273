"""Tables that change their owner, their heir or their name."""

import contextlib
import gc
import threading

import pytest

import partita
from partita import owners


class Owner:
    pass


@pytest.fixture
def name(request):
    yield request.node.name
    with contextlib.suppress(KeyError):
        partita.table(request.node.name).drop()


# --- give_away.


def test_a_table_given_away_lives_with_its_new_owner():
    first, second = Owner(), Owner()
    t = partita.Table(owner=first)
    t.give_away(second)
    assert t.info()["owner"] is second
    del first
    assert t.get(1) is None
    del second
    with pytest.raises(partita.TableDroppedError):
        t.get(1)


def test_the_heir_is_kept():
    inherited = []
    first, second = Owner(), Owner()
    t = partita.Table(owner=first, heir=inherited.append)
    t.give_away(second)
    assert t.info()["heir"] == inherited.append
    del first
    gc.collect()
    assert inherited == []
    del second
    assert inherited == [t]


def test_a_table_without_owner_gets_one():
    t = partita.Table()
    owner = Owner()
    t.give_away(owner)
    assert t.info()["owner"] is owner
    t.give_away(owner)
    del owner
    with pytest.raises(partita.TableDroppedError):
        t.get(1)


def test_an_heir_may_give_the_table_on():
    third = Owner()
    owner = Owner()
    t = partita.Table(owner=owner, heir=lambda table: table.give_away(third))
    del owner
    assert t.info()["owner"] is third
    assert t.info()["heir"] is None


@pytest.mark.parametrize("owner", [5, None, "x"])
def test_what_owns_nothing(owner):
    first = Owner()
    t = partita.Table(owner=first)
    with pytest.raises(TypeError, match="cannot be weakly referenced"):
        t.give_away(owner)
    assert t.info()["owner"] is first


def test_a_dropped_table_is_not_given_away():
    t = partita.Table()
    t.drop()
    with pytest.raises(partita.TableDroppedError):
        t.give_away(Owner())


def test_nothing_is_remembered_of_former_owners():
    before = len(owners._inheritances)
    first, second = Owner(), Owner()
    t = partita.Table(owner=first, heir=print)
    for owner in (second, first) * 5:
        t.give_away(owner)
    assert len(owners._inheritances) == before + 1
    t.drop()
    assert len(owners._inheritances) == before


def test_owner_dies_in_another_thread():
    dropped = []
    box = [Owner()]
    t = partita.Table(owner=box[0], heir=lambda table: dropped.append(threading.current_thread().name))
    thread = threading.Thread(target=box.clear, name="the last reference")
    thread.start()
    thread.join()
    assert dropped == ["the last reference"]
    assert t.get(1) is None


def test_give_away_races_with_the_owners_death():
    """Whoever comes first, the table ends in one state: given away, or dropped and said to be."""
    given = dropped = 0
    for _ in range(300):
        box, heir = [Owner()], Owner()
        t = partita.Table(owner=box[0])
        barrier = threading.Barrier(2)

        def die(barrier=barrier, box=box):
            barrier.wait()
            box.clear()

        thread = threading.Thread(target=die)
        thread.start()
        barrier.wait()
        try:
            t.give_away(heir)
        except partita.TableDroppedError:
            dropped += 1
            alive = False
        else:
            given += 1
            alive = True
        thread.join()
        assert t._dropped is not alive
        assert owners.owner_of(t) is (heir if alive else None)
    assert given + dropped == 300


def test_two_give_aways_at_once():
    for _ in range(100):
        first, second, third = Owner(), Owner(), Owner()
        t = partita.Table(owner=first, heir=print)
        barrier = threading.Barrier(2)

        def give(owner, barrier=barrier, t=t):
            barrier.wait()
            t.give_away(owner)

        threads = [threading.Thread(target=give, args=(owner,)) for owner in (second, third)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert t.info()["owner"] in (second, third)
        assert t.info()["heir"] is print
        assert list(owners._inheritances.values()).count(t) == 1
        t.drop()
        assert list(owners._inheritances.values()).count(t) == 0


# --- rename.


def test_rename(name):
    t = partita.Table(name + " before")
    t.insert((1,))
    assert t.rename(name) is None
    assert t.name == name
    assert partita.table(name) is t
    assert partita.tables().count(t) == 1
    with pytest.raises(KeyError):
        partita.table(name + " before")
    t.rename(name)  # to its own name
    assert partita.table(name) is t


def test_renaming_an_unnamed_table_names_it(name):
    partita.Table().rename(name)
    gc.collect()
    assert partita.table(name).name == name


def test_a_taken_name(name):
    holder = partita.Table(name)
    t = partita.Table()
    with pytest.raises(partita.TableExistsError, match=name):
        t.rename(name)
    assert t.name is None
    assert partita.table(name) is holder
    holder.drop()
    t.rename(name)
    assert partita.table(name) is t


@pytest.mark.parametrize("wrong", [None, 5, b"x", ("x",)])
def test_a_name_is_a_str(name, wrong):
    t = partita.Table(name)
    with pytest.raises(TypeError, match="name of a table is a str"):
        t.rename(wrong)
    assert partita.table(name) is t


def test_a_dropped_table_has_no_name_to_change(name):
    t = partita.Table()
    t.drop()
    with pytest.raises(partita.TableDroppedError):
        t.rename(name)
    with pytest.raises(KeyError):
        partita.table(name)


def test_snapshots_keep_the_name_of_their_moment(name):
    t = partita.Table(name + " before")
    with t.snapshot() as s:
        t.rename(name)
        assert s.name == name + " before"


def test_renames_at_once(name):
    """Of several names at once one remains, and of several tables that want one name one gets it."""
    for _ in range(100):
        t = partita.Table(name)
        barrier = threading.Barrier(3)

        def rename(new, barrier=barrier, t=t):
            barrier.wait()
            t.rename(new)

        threads = [threading.Thread(target=rename, args=(f"{name} {n}",)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [table.name for table in partita.tables() if table is t] == [t.name]
        assert partita.table(t.name) is t
        t.drop()
        assert not [table for table in partita.tables() if table.name.startswith(name)]
