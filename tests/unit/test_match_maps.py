"""Maps that a body makes are maps that Python can hold: each key has a hash, and no two are one to `==`."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import partita
from partita import Atom, MatchError, V
from partita.matching import test_ms as run_one  # under its own name pytest would take it for a test

TWO_KEYS = [((V.a, V.b), [], [{V.a: "first", V.b: "second"}])]
UTC = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
ELSEWHERE = UTC.astimezone(timezone(timedelta(hours=3)))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, True),
        (0, False),
        (1, 1.0),
        (2**70, float(2**70)),
        (1, Decimal(1)),
        (True, Decimal(1)),
        (0.5, Decimal("0.5")),
        (-0.0, Decimal(0)),
        (10**30, Decimal(10**30)),
        (float("inf"), Decimal("inf")),
        (Decimal("1.0"), Decimal("1.00")),
        ((1,), (True,)),
        ((1, (2, "x")), (1.0, (Decimal(2), "x"))),
        (frozenset({1, "a"}), frozenset({True, "a"})),
        ((frozenset({1}),), (frozenset({1.0}),)),
        (UTC, ELSEWHERE),
        ("same", "same"),
    ],
)
def test_keys_that_are_one(a, b):
    assert a == b
    for row in ((a, b), (b, a)):
        with pytest.raises(MatchError, match="one to Python"):
            run_one(row, TWO_KEYS)


@pytest.mark.parametrize("key", [[1], {1: 2}, {1}, (1, [2]), Decimal("sNaN"), (Decimal("sNaN"), 1), Fraction(1, 3)])
def test_keys_without_a_hash(key):
    """Of an object that is pickled nobody knows whether it has one."""
    with pytest.raises(MatchError, match="without a hash"):
        run_one((key, "x"), TWO_KEYS)


def test_a_map_that_cannot_be_is_not_stored():
    t = partita.Table()
    t.insert([(1, Decimal("sNaN")), (2, 5)])
    with pytest.raises(MatchError):
        t.select_replace([((V.a, V.b), [], [((V.a, {V.b: 1}),)])])
    assert sorted(map(repr, t.tolist()))[0] == "(1, Decimal('sNaN'))"


NUMBERS = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False),
    st.sampled_from([0.5, Decimal("0.5"), Decimal("1E+2"), 100, Decimal("1.10"), 1.1]),
)
SCALARS = st.one_of(
    NUMBERS, st.sampled_from(["", "a", b"a", Atom("a"), None, UTC, ELSEWHERE, UTC.replace(tzinfo=None)])
)
KEYS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.tuples(inner), st.tuples(inner, inner), st.frozensets(inner, max_size=3)),
    max_leaves=6,
)


@given(KEYS, KEYS)
def test_a_map_that_is_made_is_held(a, b):
    """It has both pairs, or is refused; and it is refused only for good reason."""
    try:
        made = run_one((a, b), TWO_KEYS)
    except MatchError:
        assert a == b or near(a, b)
    else:
        assert made == {a: "first", b: "second"}
        assert len(made) == 2


def near(a, b):
    """Whether a Decimal in one is as good as a float or an int in the other."""
    if isinstance(a, tuple):
        return (
            isinstance(b, tuple) and len(a) == len(b) and all(x == y or near(x, y) for x, y in zip(a, b, strict=True))
        )
    if isinstance(a, frozenset):
        return isinstance(b, frozenset) and len(a) == len(b)
    if not (isinstance(a, Decimal) or isinstance(b, Decimal)) or isinstance(a, str) or isinstance(b, str):
        return False
    return not (isinstance(a, (bytes, datetime)) or isinstance(b, (bytes, datetime)) or a is None or b is None)
