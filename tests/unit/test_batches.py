"""lookup_many and get_many: as a loop over lookup and get would answer, for every size of batch."""

import numpy as np
import pytest

import partita

COUNT = 10_000


@pytest.fixture(scope="module")
def rows():
    return [(i, f"name-{i}", [i]) for i in range(0, COUNT, 2)]


@pytest.fixture(params=["table", "snapshot"])
def readable(request, rows):
    t = partita.Table(partitions=5)
    t.insert(rows)
    return t if request.param == "table" else t.snapshot()


@pytest.mark.parametrize("count", [0, 1, 64, 65, 1000, 4096, 4097, COUNT])
def test_same_as_one_by_one(readable, count):
    keys = list(range(count))
    assert readable.lookup_many(keys) == [readable.lookup(key) for key in keys]
    assert readable.get_many(keys) == [readable.get(key) for key in keys]
    assert readable.get_many(keys, default="none") == [readable.get(key, "none") for key in keys]


def test_any_iterable_and_repeated_keys(readable):
    assert readable.get_many(key for key in (2, 2, 3)) == [readable.get(2), readable.get(2), None]
    assert readable.lookup_many({2: "x"}) == [readable.lookup(2)]
    assert readable.lookup_many("ab") == [[], []]
    with pytest.raises(TypeError, match="not iterable"):
        readable.get_many(5)


def test_a_bad_key_is_named(readable):
    keys = [*range(5000), object()]
    with pytest.raises(TypeError, match=r"key 5000 of the batch: .*cannot be a key"):
        readable.get_many(keys)
    with pytest.raises(ValueError, match=r"key 1 of the batch: .*surrogate"):
        readable.lookup_many([1, "\ud800"])
    with pytest.raises(RuntimeError, match="no more"):
        readable.get_many(raising())


def raising():
    yield 1
    raise RuntimeError("no more")


def test_keys_that_change_the_list_of_keys(readable):
    """A key whose encoding runs Python code empties the list under the call; the batch was taken before."""

    class Sneaky(np.int64):
        def item(self):
            keys.clear()
            return 2

    keys = [Sneaky(2), 4, 6]
    assert readable.get_many(keys) == [readable.get(2), readable.get(4), readable.get(6)]
    assert keys == []
