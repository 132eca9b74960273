"""Tables of type bag and duplicate_bag, call by call."""

import pytest

import partita
from helpers.together import run_together
from partita import Atom, V

BAGS = ("bag", "duplicate_bag")


@pytest.fixture(params=BAGS)
def bag(request):
    return partita.Table(type=request.param, partitions=3)


def numbered(key, *numbers):
    return [(key, n) for n in numbers]


def test_what_it_says_of_itself(bag):
    bag.insert([("a", 1), ("a", 2), ("b", 1)])
    assert bag.type in BAGS
    assert bag.info()["type"] == bag.type
    assert bag.info()["size"] == len(bag) == sum(bag.info()["partition_sizes"]) == 3
    assert repr(bag) == f"<partita.Table, {bag.type}, 3 rows>"


def test_rows_of_a_key_come_in_the_order_of_insertion(bag):
    for n in (3, 1, 2):
        bag.insert(("k", n))
    bag.insert(("k",))
    bag.insert_many([("k", "x"), ("other", 1), ("k", 0)])
    expected = [("k", 3), ("k", 1), ("k", 2), ("k",), ("k", "x"), ("k", 0)]
    assert bag.lookup("k") == expected
    assert bag.lookup_many(["nobody", "k"]) == [[], expected]
    assert [row for row in bag.tolist() if row[0] == "k"] == expected
    assert [row for row in bag if row[0] == "k"] == expected
    assert bag.snapshot().lookup("k") == expected


@pytest.mark.parametrize(("kind", "rows"), [("bag", [1, 2, 3]), ("duplicate_bag", [1, 2, 3, 1, 2])])
def test_equal_rows(kind, rows):
    t = partita.Table(type=kind)
    for n in (1, 2, 3, 1, 2):
        t.insert(("k", n))
    assert t.lookup("k") == numbered("k", *rows)
    t.insert([("l", n) for n in (1, 2, 3, 1, 2)])
    assert t.lookup("l") == numbered("l", *rows)
    assert t.insert_many(("m", n) for n in (1, 2, 3, 1, 2)) == 5
    assert t.lookup("m") == numbered("m", *rows)


def test_rows_are_equal_exactly():
    t = partita.Table(type="bag")
    rows = [("k", x) for x in (1, 1.0, True, "1", b"1", (1,), [1], None, Atom("a"), "a", 0.0, float("nan"), {1: 2})]
    t.insert([*rows, ("k", 1, None), ("k",)])
    t.insert([("k", -0.0), ("k", float("nan")), ("k", {1: 2}), ("k", [1])])
    assert repr(t.lookup("k")) == repr([*rows, ("k", 1, None), ("k",)])


class Custom:
    def __init__(self, value):
        self.value = value


def test_opaque_values_are_equal_if_their_pickles_are():
    t = partita.Table(type="bag")
    t.insert(("k", Custom(1)))
    t.insert(("k", Custom(1)))
    t.insert(("k", Custom(2)))
    assert [row[1].value for row in t.lookup("k")] == [1, 2]
    t.delete_object(("k", Custom(1)))
    assert [row[1].value for row in t.lookup("k")] == [2]


def test_keys_are_exact(bag):
    bag.insert([(1, "int"), (1.0, "float"), (True, "bool"), (1, "again")])
    assert bag.lookup(1) == [(1, "int"), (1, "again")]
    assert bag.lookup(1.0) == [(1.0, "float")]
    with pytest.raises(TypeError):
        bag.insert((Custom(1), 1))


def test_insert_new_asks_for_keys(bag):
    assert bag.insert_new(("a", 1)) is True
    assert bag.insert_new(("a", 2)) is False
    assert bag.insert_new([("b", 1), ("a", 2)]) is False
    assert bag.insert_new([("b", 1), ("b", 2)]) is True
    assert bag.insert_new([]) is True
    assert sorted(bag) == [("a", 1), ("b", 1), ("b", 2)]


def test_a_list_goes_in_whole_or_not_at_all(bag):
    for bad, error in (("row", TypeError), ((), ValueError), (("k", "\ud800"), ValueError)):
        with pytest.raises(error):
            bag.insert([("k", 1), bad])
    assert len(bag) == 0
    assert bag.insert_many([("k", 1)]) == 1
    with pytest.raises(TypeError, match="row 1"):
        bag.insert_many([("k", 2), "row", ("k", 3)])
    assert bag.lookup("k") == numbered("k", 1, 2)


def test_lookup_element_gives_a_list(bag):
    bag.insert([("k", 1, "a"), ("k", 2, "b"), ("short", 1), ("short",)])
    assert bag.lookup_element("k", 2) == ["a", "b"]
    assert bag.lookup_element("k", 0) == ["k", "k"]
    assert bag.lookup_element("nobody", 1, None) is None
    assert bag.snapshot().lookup_element("k", 1) == [1, 2]
    for table in (bag, bag.snapshot()):
        with pytest.raises(KeyError):
            table.lookup_element("nobody", 1)
        with pytest.raises(ValueError, match="position 1"):
            table.lookup_element("short", 1)
        with pytest.raises(ValueError, match="-1"):
            table.lookup_element("k", -1)


def test_delete_take_and_delete_object(bag):
    bag.insert([("a", n) for n in range(5)] + [("b", 1), ("c", 1)])
    bag.delete_object(("a", 2))
    bag.delete_object(("a", 2.0))
    bag.delete_object(("nobody", 2))
    assert bag.take("a") == numbered("a", 0, 1, 3, 4)
    assert bag.take("a") == []
    bag.delete("b")
    bag.delete("b")
    assert bag.tolist() == [("c", 1)]
    bag.delete_object(("c", 1))
    assert "c" not in bag
    bag.insert([("a", n) for n in range(5)] + [("b", 1), ("c", 1)])
    assert bag.delete_many(["a", "nobody", "b", "a"]) == 6
    bag.clear()
    assert (bag.tolist(), len(bag), list(bag.keys())) == ([], 0, [])


def test_delete_object_takes_all_equal_rows():
    t = partita.Table(type="duplicate_bag")
    t.insert([("k", n) for n in (1, 2, 1, 3, 1)])
    t.delete_object(("k", 1))
    assert t.lookup("k") == numbered("k", 2, 3)


def test_keys_come_once(bag):
    bag.insert([(key, n) for n in range(50) for key in ("a", 1, 1.0)])
    for table in (bag, bag.snapshot()):
        assert sorted(map(repr, table.keys())) == ["'a'", "1", "1.0"]
        assert len(table.keys()) == 3
        keys = table.keys()
        assert "a" in keys
        assert "b" not in keys
    assert bag.member("a")


def test_folds_meet_the_rows_of_a_key_together_and_in_order(bag):
    def collect(row, rows):
        return [*rows, row]

    for n in range(5):
        bag.insert([(key, n) for key in ("a", "b")])
    for table in (bag, bag.snapshot()):
        for key in ("a", "b"):
            assert [row for row in table.foldl(collect, []) if row[0] == key] == numbered(key, 0, 1, 2, 3, 4)
            assert [row for row in table.foldr(collect, []) if row[0] == key] == numbered(key, 4, 3, 2, 1, 0)
    keys = [row[0] for row in bag.foldl(collect, [])]
    assert keys in (["a"] * 5 + ["b"] * 5, ["b"] * 5 + ["a"] * 5)


def test_order_holds_where_memory_is_used_again(bag):
    expected = {key: [] for key in range(7)}
    for turn in range(4):
        for n in range(200):
            for key in expected:
                bag.insert((key, turn, n))
                expected[key].append((key, turn, n))
        for n in range(0, 200, 1 + turn):
            for key in expected:
                bag.delete_object((key, turn, n))
                expected[key].remove((key, turn, n))
        bag._check()
        snapshot = bag.snapshot()
        for key, rows in expected.items():
            assert bag.lookup(key) == rows
            assert snapshot.lookup(key) == rows
        for rows in (bag, bag.tolist(), snapshot, snapshot.tolist()):
            met = {key: [] for key in expected}
            for row in rows:
                met[row[0]].append(row)
            assert met == expected


def test_a_key_of_very_many_rows(bag):
    rows = [("k", n % 10_000, "x" * (n % 20)) for n in range(20_000)]
    bag.insert_many(rows[:10_000])
    bag.insert(rows[10_000:])
    held = bag.snapshot()
    expected = list(dict.fromkeys(rows)) if bag.type == "bag" else rows
    assert bag.lookup("k") == expected
    for row in rows[::3]:
        bag.delete_object(row)
    gone = set(rows[::3])
    assert bag.lookup("k") == [row for row in expected if row not in gone]
    assert held.lookup("k") == held.tolist() == expected
    bag._check()


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get", ["k"]),
        ("get_many", [["k"]]),
        ("update_counter", ["k", 1]),
        ("update_counter", ["nobody", 1, ("k", 1)]),
        ("update_element", ["k", (1, 2)]),
        ("compare_and_swap", [("k", 1), ("k", 2)]),
        ("update", ["k", tuple]),
        ("mapping", []),
    ],
)
def test_what_needs_one_row_a_key(bag, name, arguments):
    bag.insert(("k", 1))
    with pytest.raises(
        TypeError, match=rf"^{name}\(\) needs a set or an ordered_set: a key of a bag may have many rows"
    ):
        getattr(bag, name)(*arguments)
    assert bag.tolist() == [("k", 1)]


def test_select_count(bag):
    bag.insert([("k", n) for n in range(100)])
    assert bag.select_count([((V[0], V[1]), [("<", V[1], 10)], [True])]) == 10
    assert bag.snapshot().select_count([(("k", V[1]), [], [True])]) == 100


def test_snapshots_keep_what_was(bag):
    for n in range(100):
        bag.insert([(key, n) for key in range(10)])
    with bag.snapshot() as then:
        for n in range(0, 100, 2):
            bag.delete_object((3, n))
        bag.insert((3, "new"))
        bag.delete(4)
        bag.insert((4, "new"))
        assert len(then) == 1000
        assert len(then.keys()) == 10
        for key in range(10):
            assert then.lookup(key) == numbered(key, *range(100))
        bag.clear()
        assert then.lookup(3) == numbered(3, *range(100))
        assert bag.info()["snapshot_memory"] > 0
    assert bag.info()["snapshot_memory"] == 0


def test_walks_while_rows_come_and_go(bag):
    bag.insert([(key, n) for key in range(50) for n in range(10)])
    met = []
    for row in bag:
        met.append(row)
        bag.insert((row[0], "new", len(met)))
        if row[1] == 0:
            bag.delete_object((row[0], 1))
    assert len([row for row in met if len(row) == 2 and row[1] != 1]) == 450
    assert len(set(met)) == len(met)


def test_threads_fill_one_key(bag):

    def fill(writer):
        for n in range(500):
            bag.insert(("k", writer, n))

    run_together(*[lambda w=w: fill(w) for w in range(4)])
    rows = bag.lookup("k")
    assert len(rows) == 2000
    for writer in range(4):
        assert [n for _, w, n in rows if w == writer] == list(range(500))
    bag._check()


def test_memory_goes_with_the_rows(bag):
    empty = bag.info()["memory"]
    bag.insert_many((n % 5, n, "text" * 10) for n in range(20_000))
    full = bag.info()["memory"]
    assert full > empty + 20_000 * 40
    for n in range(20_000):
        bag.delete_object((n % 5, n, "text" * 10))
    bag.compact()
    assert bag.info()["memory"] < empty + 20_000
