"""partita.ets: ETS's functions by their names. What each does is tested with the methods; here, that it is called."""

import contextlib
import gc
import inspect
import re
from pathlib import Path

import pytest

import partita
from partita import END, Atom, ets

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ets.md"
NAME = "ets test"


@pytest.fixture(params=["the table", "its name"])
def tab(request):
    t = ets.new(NAME, ["named_table"])
    t.insert([(1, "one"), (2, "two")])
    yield t if request.param == "the table" else NAME
    for name in (NAME, "renamed"):
        with contextlib.suppress(KeyError):
            partita.table(name).drop()


class Owner:
    pass


def functions():
    return {
        name: function
        for name, function in inspect.getmembers(ets, inspect.isfunction)
        if function.__module__ == ets.__name__ and not name.startswith("_")
    }


def test_all_functions_are_on_the_page():
    page = PAGE.read_text(encoding="utf-8")
    for name in functions():
        assert re.search(rf"`ets\.{name}\(", page), name


def test_rows(tab):
    assert ets.insert(tab, (3, "three")) is True
    assert ets.insert(tab, [(4, "four"), (5, "five")]) is True
    assert ets.insert_new(tab, (5, "V")) is False
    assert ets.insert_new(tab, [(6, "six", 0)]) is True
    assert ets.lookup(tab, 6) == [(6, "six", 0)]
    assert ets.lookup_element(tab, 6, 1) == "six"
    assert ets.lookup_element(tab, 7, 1, "none") == "none"
    with pytest.raises(KeyError):
        ets.lookup_element(tab, 7, 1)
    assert ets.member(tab, 6) is True
    assert ets.update_counter(tab, 6, (2, 5)) == 5
    assert ets.update_counter(tab, 7, (1, 5), (0, 1)) == 6
    assert ets.update_element(tab, 6, (1, "VI")) is True
    assert ets.update_element(tab, 8, (1, "x")) is False
    assert ets.update_element(tab, 8, (1, "x"), (0, 1)) is True
    assert ets.take(tab, 8) == [(8, "x")]
    assert ets.delete(tab, 7) is True
    assert ets.delete_object(tab, (6, "no")) is True
    assert ets.delete_object(tab, (6, "VI", 5)) is True
    assert sorted(ets.tab2list(tab)) == [(1, "one"), (2, "two"), (3, "three"), (4, "four"), (5, "five")]
    assert ets.foldl(tab, lambda row, n: n + row[0], 0) == ets.foldr(tab, lambda row, n: n + row[0], 0) == 15
    assert ets.select_count(tab, [((partita.V[1], partita.ANY), [(">", partita.V[1], 2)], [True])]) == 3
    assert ets.delete_all_objects(tab) is True
    assert ets.tab2list(tab) == []
    assert ets.delete(tab) is True
    assert ets.whereis(NAME) is None


def test_keys(tab):
    first, last = ets.first(tab), ets.last(tab)
    assert {first, last} == {1, 2}
    assert ets.next(tab, first) == last
    assert ets.prev(tab, last) == first
    assert ets.next(tab, last) is ets.prev(tab, first) is END
    assert ets.first_lookup(tab) == (first, ets.lookup(tab, first))
    assert ets.last_lookup(tab) == ets.next_lookup(tab, first) == (last, ets.lookup(tab, last))
    assert ets.prev_lookup(tab, last) == ets.first_lookup(tab)
    with pytest.raises(KeyError):
        ets.next(tab, 9)
    assert isinstance(ets.slot(tab, 0), list)
    assert ets.slot(tab, 10**9) is END


def test_safe_fixtable(tab):
    table = partita.table(NAME)
    assert ets.safe_fixtable(tab, False) is True  # without an error, as there
    assert ets.safe_fixtable(tab, True) is ets.safe_fixtable(tab, True) is True
    key = ets.first(tab)
    ets.delete(tab, key)
    assert ets.next(tab, key) is not END
    ets.safe_fixtable(tab, False)
    with table.fix():
        for _ in range(3):
            ets.safe_fixtable(tab, False)
        assert ets.info(tab, "fixed") is True  # fixes of others stay
    assert ets.info(tab, "fixed") is False
    with pytest.raises(KeyError):
        ets.next(tab, key)
    with pytest.raises(TypeError, match="True or False"):
        ets.safe_fixtable(tab, 1)


def test_names(tab):
    table = partita.table(NAME)
    assert ets.whereis(NAME) is table
    assert table in ets.all()
    assert ets.rename(tab, "renamed") == "renamed"
    assert ets.whereis("renamed") is table
    assert ets.whereis(NAME) is None


def test_info(tab):
    table = partita.table(NAME)
    info = ets.info(tab)
    assert info == {**table.info(), "id": table, "named_table": True, "protection": "public"}
    assert ets.info(tab, "size") == 2
    assert ets.info(table.readonly(), "protection") == "protected"
    assert ets.info(tab, Atom("type")) == "set"
    with pytest.raises(ValueError, match="'colour' is no item"):
        ets.info(tab, "colour")
    table.drop()
    assert ets.info(table) is ets.info("no such table") is None


def test_i(tab, capsys):
    ets.i()
    head, line, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "type", "size", "memory", "owner"]
    assert set(line) == {"-"}
    assert any(row.startswith(NAME) and row.split()[2:4] == ["set", "2"] for row in rows)
    ets.i(tab)
    assert sorted(line.split(">", 1)[1].strip() for line in capsys.readouterr().out.splitlines()) == [
        "(1, 'one')",
        "(2, 'two')",
    ]


def test_owner_and_heir(tab):
    inherited = []
    owner = Owner()
    assert ets.give_away(tab, owner) is True
    assert ets.setopts(tab, ("heir", inherited.append)) is True
    assert ets.info(tab, "heir") == inherited.append
    del owner
    assert inherited == [partita.table(NAME)]
    with pytest.raises(ValueError, match="owner"):
        ets.setopts(tab, [("heir", inherited.append)])
    owner = Owner()
    ets.give_away(tab, owner)
    ets.setopts(tab, ("heir", inherited.append))
    ets.setopts(tab, ("heir", None))
    with pytest.raises(TypeError, match="callable"):
        ets.setopts(tab, ("heir", 5))
    with pytest.raises(ValueError, match="no option"):
        ets.setopts(tab, ("keypos", 1))
    table = partita.table(NAME)
    del owner
    assert inherited == [table]
    assert table._dropped


def test_init_table(tab):
    asked = []

    def second(what):
        asked.append(what)
        return END

    def first(what):
        asked.append(what)
        return [(5, "five"), (6, "six")], second

    assert ets.init_table(tab, first) is True
    assert sorted(ets.tab2list(tab)) == [(5, "five"), (6, "six")]
    assert asked == ["read", "read"]


def test_init_table_closes_what_fails(tab):
    """As in ETS the function that came with the rows is closed, and what it raises then does not matter."""
    asked = []

    def following(what):
        asked.append(("following", what))
        raise RuntimeError(what)

    def wrong(what):
        asked.append(("wrong", what))
        return ["no row"], following

    with pytest.raises(TypeError, match="'no row'"):
        ets.init_table(tab, wrong)
    assert asked == [("wrong", "read"), ("following", "close")]
    assert ets.tab2list(tab) == []
    with pytest.raises(RuntimeError, match="read"):
        ets.init_table(tab, following)
    assert asked[2:] == [("following", "read")]


# --- new.


def test_options():
    owner = Owner()
    t = ets.new(
        "x",
        [
            *(
                "set",
                "public",
                "compressed",
                Atom("protected"),
                ("keypos", 1),
                ("partitions", 3),
                ("fields", ("a", "b")),
            ),
            *(("read_concurrency", True), ("write_concurrency", "auto"), ("decentralized_counters", True)),
            *(("owner", owner), ("heir", print), (Atom("heir"), None)),
        ],
    )
    info = t.info()
    assert (t.name, t.type, t.keypos, t.fields, info["partitions"]) == (None, "set", 1, ("a", "b"), 3)
    assert (info["owner"], info["heir"]) == (owner, None)


def test_keywords_go_before_options():
    t = ets.new("x", [("keypos", 1)], keypos=2, partitions=5)
    assert (t.keypos, t.info()["partitions"]) == (2, 5)


def test_only_a_named_table_has_its_name():
    assert ets.new("unnamed").name is None
    assert ets.whereis("unnamed") is None
    t = ets.new(Atom(NAME), named_table=True)
    try:
        assert ets.whereis(Atom(NAME)) is t
        with pytest.raises(partita.TableExistsError):
            ets.new(NAME, ["named_table"])
        assert ets.new(NAME) is not t
    finally:
        ets.delete(NAME)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (["sets"], ValueError, "'sets' is no option"),
        ([("keyposition", 1)], ValueError, "keyposition"),
        ([("keypos", 1, 2)], TypeError, "a str or a pair"),
        ([5], TypeError, "a str or a pair"),
        ([("keypos", -1)], ValueError, "keypos is -1"),
    ],
)
def test_a_wrong_option(options, error, words):
    with pytest.raises(error, match=words):
        ets.new("x", options)


def test_no_such_table():
    with pytest.raises(KeyError, match="no such table"):
        ets.lookup("no such table", 1)
    with pytest.raises(TypeError, match="a table or the name of one"):
        ets.lookup(5, 1)
    with pytest.raises(TypeError, match="a table or the name of one"):
        ets.new(5, ["named_table"])


def test_files(tmp_path):
    tab = ets.new("filed", ["bag", "named_table", ("keypos", 1)])
    ets.insert(tab, [(1, "a"), (2, "a"), (3, "b")])
    path = tmp_path / "t"
    info = [Atom("md5sum"), "object_count"]
    assert ets.tab2file("filed", path, [("extended_info", info), ("sync", True)]) is True
    assert ets.tabfile_info(path) == {"type": "bag", "keypos": 1, "fields": None, "size": 3}
    ets.delete(tab)
    again = ets.file2tab(path, [(Atom("verify"), True)], name="filed")
    assert again is partita.table("filed")
    assert ets.lookup("filed", "a") == [(1, "a"), (2, "a")]
    assert len(ets.file2tab(path, verify=False)) == 3
    for call in (lambda: ets.tab2file(again, path, [("md5sum", True)]), lambda: ets.file2tab(path, [("sync", True)])):
        with pytest.raises(ValueError, match=r"is no option of (tab2file|file2tab)\(\)"):
            call()
    with pytest.raises(TypeError, match="an option is a pair"):
        ets.file2tab(path, ["verify"])
    content = path.read_bytes()
    for damaged in (content[:-1], content[:100], content[:-20] + b"?" + content[-19:]):
        path.write_bytes(damaged)
        with pytest.raises(partita.CorruptFileError):
            ets.tabfile_info(path)
    ets.delete(again)


def test_a_fix_through_a_view_is_the_tables():
    t = partita.Table()
    view = t.readonly().readonly()
    assert ets.safe_fixtable(view, True)
    del view
    gc.collect()
    assert t.info()["fixed"]
    assert ets.safe_fixtable(t, False)
    assert not t.info()["fixed"]


def test_setopts_of_a_view():
    t = partita.Table()
    with pytest.raises(partita.ReadOnlyError, match="give the table itself an heir"):
        ets.setopts(t.readonly(), ("heir", print))
