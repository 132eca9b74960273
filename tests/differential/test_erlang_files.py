"""Files of tables: a real Erlang reads what we write, and we read what it writes."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import partita
from helpers.erlang_terms import TERMS, read_back
from helpers.terms import exact
from partita import Atom
from partita import erlang as partita_erlang
from partita._table import _TYPES as TYPES

EXTENDED_INFO = [(), ("md5sum",), ("object_count",), ("md5sum", "object_count")]
ROWS = [(1, "one", [1, 2]), (2, "two", {"a": (None, 2.5)}), (3, "one", b"\xff"), (2**70, "x" * 70_000, Atom("å"))]
KEYS = st.one_of(st.integers(0, 300), st.sampled_from(["a", b"\xff", Atom("b"), 1.5, (1, "a"), [1, 2]]))


def ask(erlang, *request):
    erlang.send_bytes(partita_erlang.dumps(request))
    return partita_erlang.loads(erlang.receive_bytes())


def erlang_options(extended_info):
    return [(Atom("extended_info"), [Atom(item) for item in extended_info])] if extended_info else []


def erlang_writes(erlang, path, rows, type="set", keypos=0, named=False, extended_info=()):  # noqa: A002
    options = erlang_options(extended_info)
    request = (Atom("tab2file"), Atom(type), keypos + 1, named, rows, str(path), options)
    assert ask(erlang, *request) == Atom("ok")


def erlang_reads(erlang, path, verify=True):
    """((type, keypos, name, named), rows)"""
    answer, (info, rows) = ask(erlang, Atom("file2tab"), str(path), [(Atom("verify"), verify)])
    assert answer == Atom("ok")
    return info, rows


def bag_of(rows):
    return Counter(exact(read_back(row)) for row in rows)


def table_of(rows, type, keypos, name=None):  # noqa: A002
    table = partita.Table(name, type=type, keypos=keypos, partitions=2)
    table.insert_many(rows)
    return table


@pytest.mark.parametrize("extended_info", EXTENDED_INFO)
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("keypos", [0, 1])
def test_we_read_what_erlang_writes(erlang, tmp_path, type, keypos, extended_info):  # noqa: A002
    erlang_writes(erlang, tmp_path / "t", [*ROWS, ROWS[0]], type, keypos, extended_info=extended_info)
    info = partita_erlang.tabfile_info(tmp_path / "t")
    assert (info["type"], info["keypos"], info["name"], info["named_table"]) == (type, keypos, "judged", False)
    assert (info["protection"], info["version"], set(info["extended_info"])) == (
        "protected",
        (1, 0),
        set(extended_info),
    )
    for verify in (True, False):
        table = partita_erlang.file2tab(tmp_path / "t", verify=verify)
        assert (table.type, table.keypos, table.name) == (type, keypos, None)
        assert bag_of(table) == bag_of(table_of([*ROWS, ROWS[0]], type, keypos))
        assert len(table) == info["size"]
        table._check()


@pytest.mark.parametrize("extended_info", EXTENDED_INFO)
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("keypos", [0, 1])
def test_erlang_reads_what_we_write(erlang, tmp_path, type, keypos, extended_info):  # noqa: A002
    table = table_of([*ROWS, ROWS[0]], type, keypos)
    partita_erlang.tab2file(table, tmp_path / "t", extended_info=extended_info, sync=True)
    for verify in (True, False):
        info, rows = erlang_reads(erlang, tmp_path / "t", verify)
        assert info == [Atom(type), keypos + 1, Atom("table"), False]
        assert bag_of(rows) == bag_of(table)


def test_a_named_table_is_named_on_the_other_side(erlang, tmp_path):
    table = table_of(ROWS, "set", 0, name="named")
    partita_erlang.tab2file(table, tmp_path / "ours")
    table.drop()
    assert erlang_reads(erlang, tmp_path / "ours")[0] == [Atom("set"), 1, Atom("named"), True]
    erlang_writes(erlang, tmp_path / "theirs", ROWS, named=True)
    table = partita_erlang.file2tab(tmp_path / "theirs")
    assert partita.table("judged") is table
    table.drop()


def test_rows_of_a_key_keep_their_order(erlang, tmp_path):
    rows = [(key, i) for i in range(300) for key in ("a", "b")]
    for type in ("bag", "duplicate_bag"):  # noqa: A001
        partita_erlang.tab2file(table_of(rows, type, 0), tmp_path / "ours")
        table = partita_erlang.file2tab(tmp_path / "ours")
        assert table.lookup("a") == [row for row in rows if row[0] == "a"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(KEYS, TERMS, st.integers(0, 3)), max_size=6),
    type=st.sampled_from(TYPES),
    extended_info=st.sampled_from(EXTENDED_INFO),
)
def test_any_rows_go_there_and_back(erlang, tmp_path, rows, type, extended_info):  # noqa: A002
    table = table_of(rows, type, 0)
    partita_erlang.tab2file(table, tmp_path / "ours", extended_info=extended_info)
    _, theirs = erlang_reads(erlang, tmp_path / "ours")
    assert bag_of(theirs) == bag_of(table)
    erlang_writes(erlang, tmp_path / "theirs", table.tolist(), type, extended_info=extended_info)
    again = partita_erlang.file2tab(tmp_path / "theirs")
    assert bag_of(again) == bag_of(table)


@pytest.mark.parametrize("extended_info", [(), ("md5sum", "object_count")])
@pytest.mark.parametrize(
    "count", [10_000, pytest.param(1_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_many_rows_both_ways(erlang, tmp_path, count, extended_info):
    path, options = tmp_path / "t", erlang_options(extended_info)
    assert ask(erlang, Atom("tab2file_of"), count, str(path), options) == Atom("ok")
    table = partita_erlang.file2tab(path)
    assert len(table) == count
    for i in (1, 77, count):
        assert table.get(i) == (i, str(i), i * 0.5, [i, (Atom("a"), i)])
    partita_erlang.tab2file(table, path, extended_info=extended_info)
    verify = [(Atom("verify"), True)]
    assert ask(erlang, Atom("file2tab_of"), count, str(path), verify) == (Atom("ok"), True)
