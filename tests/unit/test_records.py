"""Rows by the names of fields: dicts in, named tuples out."""

import pickle

import pytest

import partita

FIELDS = ("id", "name", "age")
ADA = {"id": 1, "name": "Ada", "age": 36}
GRACE = {"name": "Grace", "age": 45, "id": 2}


@pytest.fixture
def t():
    return partita.Table(fields=FIELDS, partitions=2)


def test_insert_dicts(t):
    t.insert(ADA)
    t.insert([GRACE, (3, "Alan", 41)])
    assert sorted(t) == [(1, "Ada", 36), (2, "Grace", 45), (3, "Alan", 41)]
    assert t.insert_new({**ADA, "id": 4})
    assert not t.insert_new([{**ADA, "id": 5}, ADA])
    assert 5 not in t
    assert t.insert_many({"id": i, "name": str(i), "age": i} for i in range(100)) == 100
    assert t.get(99) == (99, "99", 99)


def test_dicts_wherever_a_row_is_given(t):
    t.insert(ADA)
    assert t.compare_and_swap(ADA, {**ADA, "age": 37})
    assert t.update_counter(7, ("age", 1), {**ADA, "age": 0}) == 1
    t.delete_object({**ADA, "age": 37})
    assert t.tolist() == [(7, "Ada", 1)]
    with pytest.raises(ValueError, match="keeps the key: the old row has 1, the new one 2"):
        t.compare_and_swap(ADA, GRACE)


def test_the_key_may_be_any_field():
    t = partita.Table(fields=FIELDS, keypos="name")
    t.insert(ADA)
    assert t.get("Ada") == (1, "Ada", 36)


@pytest.mark.parametrize(
    ("row", "error", "words"),
    [
        ({"id": 1, "name": "Ada"}, ValueError, ["no field 'age'"]),
        ({}, ValueError, ["no field 'id'"]),
        ({**ADA, "town": "London"}, ValueError, ["'town'", "not one of", "'age'"]),
        ({**ADA, 5: 5}, ValueError, ["5", "not one of"]),
        ({**ADA, "age": 1j, "id": 1j}, TypeError, ["row element 0"]),
    ],
)
def test_a_dict_that_does_not_fit(t, row, error, words):
    with pytest.raises(error) as caught:
        t.insert(row)
    assert all(word in str(caught.value) for word in words)
    for method in (t.insert, t.insert_new, t.insert_many):
        with pytest.raises(error) as caught:
            method([ADA, row])
        assert "row 1" in str(caught.value)
    assert t.tolist() == [(1, "Ada", 36)]  # insert_many keeps what came before


def test_a_dict_for_a_table_without_fields():
    t = partita.Table()
    with pytest.raises(TypeError, match=r"without fields=\.\.\."):
        t.insert(ADA)
    with pytest.raises(TypeError, match=r"row 1 is the dict .*without fields=\.\.\."):
        t.insert([(1,), ADA])
    assert len(t) == 0


def test_a_dict_whose_keys_run_code(t):
    class Key(str):
        __slots__ = ()

        def __hash__(self):
            return hash("age")

        def __eq__(self, other):
            row.clear()
            return False

    row = {"id": 1, "name": "Ada", Key("x"): 5}
    with pytest.raises((ValueError, RuntimeError)):
        t.insert(row)
    assert len(t) == 0


def test_records(t):
    t.insert([ADA, GRACE])
    ada, grace = sorted(t.records())
    assert (ada.id, ada.name, ada.age) == (1, "Ada", 36)
    assert ada == (1, "Ada", 36)
    assert grace._asdict() == {"id": 2, "name": "Grace", "age": 45}
    assert type(ada) is type(grace) is type(t.records()[0])
    (found,) = t.records(t.lookup(2))
    assert found.name == "Grace"
    assert t.records([]) == []
    t.insert(ada._replace(id=3))
    assert t.get(3) == (3, "Ada", 36)


def test_records_of_a_snapshot(t):
    t.insert(ADA)
    with t.snapshot() as s:
        t.clear()
        assert [record.name for record in s.records()] == ["Ada"]
    with pytest.raises(partita.SnapshotClosedError):
        s.records()


def test_records_can_be_pickled(t):
    t.insert(ADA)
    (record,) = t.records()
    copy = pickle.loads(pickle.dumps(record))
    assert copy == record
    assert type(copy) is type(record)


def test_records_of_rows_of_other_lengths(t):
    t.insert((1, "Ada"))
    assert t.records()[0] == (1, "Ada", None)
    t.insert((1, "Ada", 36, "London"))
    with pytest.raises(ValueError, match="4 elements, but the table names 3"):
        t.records()


def test_records_need_fields():
    with pytest.raises(ValueError, match="without fields"):
        partita.Table().records()


def test_fields_that_are_no_names():
    t = partita.Table(fields=("id", "first name", "class", "count"))
    t.insert((1, 2, 3, 4))
    (record,) = t.records()
    assert (record.id, record._1, record._2, record.count) == (1, 2, 3, 4)


def test_from_records():
    t = partita.Table.from_records([ADA, GRACE])
    assert t.fields == FIELDS
    assert t.get(2) == (2, "Grace", 45)
    t = partita.Table.from_records(iter([GRACE, ADA]), keypos="id", partitions=3)
    assert (t.fields, t.keypos, t.info()["partitions"]) == (("name", "age", "id"), 2, 3)
    assert t.get(1) == ("Ada", 36, 1)
    t = partita.Table.from_records([], "from records", fields=FIELDS, if_exists="replace")
    assert partita.table("from records") is t
    t.drop()


def test_from_records_of_a_subclass():
    class Users(partita.Table):
        pass

    assert type(Users.from_records([ADA])) is Users


@pytest.mark.parametrize(
    ("records", "error", "words"),
    [
        ([], ValueError, "fields="),
        ([1], TypeError, "a record is a dict, not 1"),
        ([ADA, {"id": 2}], ValueError, "row 1 .* has no field 'name'"),
        ([{"id": 2}, ADA], ValueError, "row 1 has a field 'name'"),
        ([{1: 2}], TypeError, "name of a field is a str"),
    ],
)
def test_records_that_make_no_table(records, error, words):
    before = partita.live_counts()["tables"]
    with pytest.raises(error, match=words):
        partita.Table.from_records(records, "no table")
    assert partita.live_counts()["tables"] == before
    with pytest.raises(KeyError):
        partita.table("no table")


def test_a_table_is_replaced_by_all_records_or_by_none():
    old = partita.Table.from_records([ADA], "from records")
    with pytest.raises(ValueError, match="no field"):
        partita.Table.from_records([GRACE, {"id": 5}], "from records", if_exists="replace")
    assert partita.table("from records") is old
    assert old.tolist() == [(1, "Ada", 36)]
    with pytest.raises(partita.TableExistsError):
        partita.Table.from_records([GRACE], "from records")
    new = partita.Table.from_records([GRACE], "from records", if_exists="replace")
    assert partita.table("from records") is new
    with pytest.raises(partita.TableDroppedError):
        len(old)
    new.drop()


def test_from_records_into_a_table_that_is_there():
    t = partita.Table.from_records([ADA], "from records")
    assert partita.Table.from_records([GRACE], "from records", fields=FIELDS, if_exists="get") is t
    assert len(t) == 2
    with pytest.raises(ValueError, match="no field"):
        partita.Table.from_records([{"id": 5}], "from records", if_exists="get")
    assert len(t) == 2
    t.drop()


@pytest.mark.parametrize("if_exists", ["raise", "get", "replace"])
def test_records_that_are_wrong_leave_no_name(if_exists):
    with pytest.raises(ValueError, match="no field"):
        partita.Table.from_records([GRACE, {"id": 5}], "from records", if_exists=if_exists)
    assert partita.tables() == []
    assert partita.live_counts()["rows"] == 0
    with pytest.raises(TypeError, match="the name of a table is a str"):
        partita.Table.from_records([GRACE], ["no name"], if_exists=if_exists)


def test_a_table_of_the_name_that_comes_meanwhile():
    def records():
        partita.Table("from records", fields=FIELDS)
        yield GRACE

    t = partita.Table.from_records(records(), "from records", fields=FIELDS, if_exists="get")
    assert partita.tables() == [t]
    assert len(t) == 1
    t.drop()
