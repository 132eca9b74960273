"""update_element, compare_and_swap and update: changes of one row."""

import pickle
import threading

import pytest

import partita


@pytest.fixture
def t():
    t = partita.Table(partitions=3, fields=("id", "name", "tags"))
    t.insert([(1, "Ada", ["x"]), (2, "Grace", None)])
    return t


def test_update_element(t):
    assert t.update_element(1, (1, "Lovelace")) is True
    assert t.update_element(1, ("tags", {"a": 1})) is True
    assert t.get(1) == (1, "Lovelace", {"a": 1})


def test_update_element_list_is_all_or_none(t):
    assert t.update_element(1, [(1, "B"), ("tags", None), (1, "C")]) is True
    assert t.get(1) == (1, "C", None)  # the last update of a position wins
    assert t.update_element(1, []) is True
    with pytest.raises(ValueError, match="position 3 is past the end of the row with key 1"):
        t.update_element(1, [(1, "D"), (3, "E")])
    assert t.get(1) == (1, "C", None)


def test_update_element_of_an_absent_key(t):
    assert t.update_element(9, (1, "x")) is False
    assert t.update_element(9, []) is False
    assert 9 not in t
    assert t.update_element(9, (1, "x"), (None, "default", 0)) is True
    assert t.get(9) == (9, "x", 0)
    assert t.update_element(9, ("tags", 1), default=(None, "unused", 0)) is True
    assert t.get(9) == (9, "x", 1)


@pytest.mark.parametrize(
    ("updates", "error", "words"),
    [
        ((0, 5), ValueError, "position 0 is the key's own"),
        ([("name", 1), ("id", 5)], ValueError, "position 'id' is the key's own"),
        ((-1, 5), ValueError, "position -1"),
        ((1,), TypeError, "(1,) is no update"),
        ((1, 2, 3), TypeError, "(1, 2, 3) is no update"),
        (5, TypeError, "5 is no update"),
        ([5], TypeError, "5 is no update"),
        ((1, "\ud800"), ValueError, "surrogate"),
        (("nope", 1), ValueError, "'nope'"),
    ],
)
def test_a_wrong_update_is_explained_and_changes_nothing(t, updates, error, words):
    with pytest.raises(error) as caught:
        t.update_element(1, updates)
    assert words in str(caught.value)
    assert t.get(1) == (1, "Ada", ["x"])


def test_compare_and_swap(t):
    assert t.compare_and_swap((1, "Ada", ["x"]), (1, "Ada", "new")) is True
    assert t.compare_and_swap((1, "Ada", ["x"]), (1, "Ada", "newer")) is False
    assert t.compare_and_swap((9, "absent"), (9, "row")) is False
    assert t.get(1) == (1, "Ada", "new")
    assert t.compare_and_swap(old_row=(2, "Grace", None), new_row=(2,)) is True
    assert t.get(2) == (2,)


def test_compare_and_swap_is_exact(t):
    t.insert((1, 1))
    assert t.compare_and_swap((1, 1.0), (1, 2)) is False
    assert t.compare_and_swap((1, True), (1, 2)) is False
    assert t.compare_and_swap((1, 1, None), (1, 2)) is False
    assert t.compare_and_swap((1, 1), (1, 2)) is True


@pytest.mark.parametrize("new_key", [2, 1.0, True, "1"])
def test_compare_and_swap_keeps_the_key(t, new_key):
    with pytest.raises(ValueError, match="keeps the key: the old row has 1, the new one"):
        t.compare_and_swap((1, "Ada", ["x"]), (new_key, "Ada"))
    assert t.get(1) == (1, "Ada", ["x"])


def test_update(t):
    assert t.update(1, lambda row: (*row[:2], [*row[2], "y"])) == (1, "Ada", ["x", "y"])
    assert t.get(1) == (1, "Ada", ["x", "y"])


def test_update_with_default(t):
    assert t.update(7, lambda row: (row[0], row[1] + 1), default=("any", 0)) == (7, 1)
    assert t.update(7, lambda row: (row[0], row[1] + 1), default=("any", 0)) == (7, 2)
    with pytest.raises(KeyError) as caught:
        t.update((8,), lambda row: row)
    assert caught.value.args == ((8,),)


def test_update_tries_again_after_a_lost_race(t):
    calls = []

    def slow(row):
        calls.append(row)
        if len(calls) == 1:
            t.insert((1, "changed meanwhile", []))
        return (1, row[1], "done")

    assert t.update(1, slow) == (1, "changed meanwhile", "done")
    assert calls == [(1, "Ada", ["x"]), (1, "changed meanwhile", [])]


def test_update_whose_row_comes_and_goes(t):
    def insert_it(row):
        t.insert((9, "from elsewhere"))
        return (9, "from fn")

    calls = []

    def fn(row):
        calls.append(row)
        return insert_it(row) if len(calls) == 1 else (9, row[1] + "!")

    assert t.update(9, fn, default=(0, "default")) == (9, "from elsewhere!")
    assert calls == [(9, "default"), (9, "from elsewhere")]


class Restless:
    """Its pickle says that a name and a value are the same str; the pickle of what comes out does not."""

    def __init__(self):
        self.name = "name"


def test_update_of_a_row_whose_pickle_changes(t):
    value = Restless()
    assert pickle.dumps(pickle.loads(pickle.dumps(value, 5)), 5) != pickle.dumps(value, 5)
    t.insert((1, value))
    calls = []

    def fn(row):
        calls.append(row)
        assert len(calls) == 1, "nobody else changed the row"
        row[1].name = "changed"
        return row

    t.update(1, fn)
    assert t.get(1)[1].name == "changed"
    assert value.name == "name"


@pytest.mark.parametrize("new", [(2, "other key"), (1.0, "float")])
def test_update_keeps_the_key(t, new):
    with pytest.raises(ValueError, match="keeps the key"):
        t.update(1, lambda row: new)
    with pytest.raises(ValueError, match="keeps the key"):
        t.update(99, lambda row: new, default=(0, 0))
    assert 99 not in t
    assert t.get(1) == (1, "Ada", ["x"])


def test_update_tells_the_key_that_the_row_has():
    t = partita.Table(type="ordered_set")
    t.insert((1, "an int"))
    with pytest.raises(ValueError, match=r"the old row has 1, the new one 1\.0"):
        t.update(1.0, lambda row: (1.0, "a float"))


def test_update_of_wrong_things(t):
    with pytest.raises(TypeError, match="row is None"):
        t.update(1, lambda row: None)
    with pytest.raises(TypeError, match="default"):
        t.update(99, lambda row: row, default=5)
    with pytest.raises(ValueError, match="default"):
        t.update(99, lambda row: row, default=())
    with pytest.raises(ZeroDivisionError):
        t.update(1, lambda row: 1 // 0)
    assert t.get(1) == (1, "Ada", ["x"])


def test_updates_of_many_threads_add_up(t):
    t.insert((5, 0))
    barrier = threading.Barrier(4)

    def add():
        barrier.wait()
        for _ in range(200):
            t.update(5, lambda row: (5, row[1] + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert t.get(5) == (5, 800)
