"""A partition has room for 2**32 - 1024 rows; here for fewer, so that a test can fill it."""

import pytest

import partita
from partita import _core

ROWS = 1024  # of one chunk


@pytest.fixture
def full():
    _core._limit_chunks(1)
    try:
        t = partita.Table(partitions=1)
        t.insert_many((i, "row") for i in range(ROWS))
        yield t
    finally:
        _core._limit_chunks(_core.MAX_CHUNKS)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.insert((ROWS, "new")),
        lambda t: t.insert([(0, "replaced"), (ROWS, "new")]),
        lambda t: t.insert([(i, "replaced") for i in range(100)] + [(ROWS, "new")]),
        lambda t: t.insert_new((ROWS, "new")),
        lambda t: t.insert_new([(ROWS, "new"), (ROWS + 1, "new")]),
        lambda t: t.insert_many([(ROWS, "new")]),
        lambda t: t.insert_many([(ROWS + i, "new") for i in range(100)]),
        lambda t: t.update_counter(ROWS, 1, (0, 0)),
        lambda t: t.update_element(ROWS, (1, "new"), (0, 0)),
        lambda t: t.update(ROWS, lambda row: row, (0, 0)),
        lambda t: t.mapping().update({ROWS: "new"}),
    ],
)
def test_what_does_not_fit_is_refused(full, call):
    with pytest.raises(OverflowError, match=r"partition of this table is full.* make the table with more partitions"):
        call(full)
    assert sorted(full.tolist()) == [(i, "row") for i in range(ROWS)]
    full._check()


def test_what_is_there_changes_and_what_goes_makes_room(full):
    full.insert([(i, "replaced") for i in range(ROWS)])
    full.update(0, lambda row: (0, "updated"))
    full.delete(1)
    full.insert((ROWS, "new"))
    assert sorted(full.tolist()) == [(0, "updated"), *((i, "replaced") for i in range(2, ROWS)), (ROWS, "new")]
    full._check()


def test_rows_before_the_one_that_does_not_fit_stay(full):
    full.delete_many(range(10))
    with pytest.raises(OverflowError):
        full.insert_many((-1 - i, "new") for i in range(20))
    assert len(full) == ROWS
    full._check()
