"""Hypothesis strategies for terms, keys and rows.

Keys come from small pools, so that calls meet; terms come with their lookalikes, so that what is nearly equal meets
too. Large things (long strings, wide rows, many rows) are built from a few small draws, since Hypothesis draws only so
much.
"""

import datetime as dt
import uuid
import zoneinfo
from decimal import Decimal

from hypothesis import strategies as st

from partita import Atom

UTC = dt.timezone.utc
EAST = dt.timezone(dt.timedelta(hours=5, minutes=30))
OSLO = zoneinfo.ZoneInfo("Europe/Oslo")
NOON = dt.datetime(2024, 7, 1, 12)


def named(name, strategy):
    """The same strategy under a short name: Hypothesis writes strategies out in full, which takes long for these."""

    @st.composite
    def draw_one(draw):
        return draw(strategy)

    draw_one.__name__ = draw_one.__qualname__ = name
    return draw_one()


INTS = st.one_of(
    st.integers(-3, 20),
    st.sampled_from(
        [
            edge + step
            for edge in (2**31, 2**53, 2**63, 2**64)
            for sign in (1, -1)
            for step in (-1, 0, 1)
            for edge in [sign * edge]
        ]
    ),
    st.integers(-(2**70), 2**70),
    st.sampled_from([10**40, -(2**300)]),
)
FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 2.0**53, float("nan"), float("inf"), -float("inf"), 0.1]), st.floats()
)
ATOMS = st.sampled_from([None, False, True, Atom("a"), Atom("b"), Atom("å")])

# Lengths around those at which a string moves: inline in its cell, in an extent shared with others, in one of its own.
STR_SIZES = (0, 1, 4, 5, 11, 12, 13, 100, 4095, 4096, 4097, 65535, 65536, 70000)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "a", "b", "abc", "abcd", "twelve chars", "thirteen chrs", "å", "日本語", "a\0b", "\U0001f600"]
    ),
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.builds(
        lambda char, size, end: char * size + end,
        st.sampled_from("aé"),
        st.sampled_from(STR_SIZES),
        st.sampled_from("xy"),
    ),
)
BYTES = st.one_of(st.binary(max_size=20), st.builds(bytes, st.sampled_from(STR_SIZES)))

SCALARS = st.one_of(
    # One instant and one wall clock time, in several zones.
    st.sampled_from([NOON, NOON.replace(tzinfo=UTC), NOON.replace(tzinfo=EAST), NOON.replace(tzinfo=OSLO)]),
    st.builds(lambda zone: NOON.replace(tzinfo=UTC).astimezone(zone), st.sampled_from([UTC, EAST, OSLO])),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.sampled_from(
        [Decimal(text) for text in ("0", "-0", "1", "1.0", "1.00", "1e2", "100", "0.1", "-7.5e30", "Infinity")]
    ),
    st.decimals(allow_nan=False),
    st.builds(uuid.UUID, int=st.integers(0, 3)),
)

# Terms that are easily taken for one another.
LOOKALIKES = st.sampled_from(
    [
        *(
            1,
            1.0,
            True,
            "1",
            b"1",
            Decimal(1),
            (1,),
            (1.0,),
            [1],
            [1.0],
            {1},
            frozenset({1}),
            {1: 1},
            {1.0: 1},
            {1: 1.0},
        ),
        *(
            0,
            0.0,
            -0.0,
            False,
            None,
            "",
            b"",
            (),
            [],
            {},
            set(),
            frozenset(),
            (None,),
            (0.0,),
            (-0.0,),
            (float("nan"),),
        ),
        *(
            {"a": 1, "b": 2},
            {"b": 2, "a": 1},
            2**53,
            2.0**53,
            2**53 + 1,
            "a",
            b"a",
            Atom("a"),
            ("a",),
            (b"a",),
            (Atom("a"),),
        ),
    ]
)

# What a dict or set of Python can hold.
HASHABLE = st.one_of(
    st.integers(-2, 5), ATOMS, st.sampled_from(["a", "b", b"a", 0.5, 2**64, ("a", 1), (), frozenset({1})])
)


def nested(inner):
    return st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3),
        st.dictionaries(HASHABLE, inner, max_size=3),
        st.sets(HASHABLE, max_size=3),
        st.frozensets(HASHABLE, max_size=3),
    )


SIMPLE = st.one_of(INTS, FLOATS, ATOMS, TEXTS, BYTES, SCALARS, LOOKALIKES)
STATIC = named("static_terms", st.recursive(SIMPLE, nested, max_leaves=6))
OPAQUE = st.sampled_from([complex(1, 2), complex(1, 3), range(3), (complex(1, 2),), [range(2)], {"a": 1j}])

keys = STATIC
terms = named("terms", st.one_of(STATIC, STATIC, STATIC, OPAQUE))

# What most columns hold: ints for the counters, often the same kind as elsewhere in the column, sometimes anything.
elements = named("elements", st.one_of(st.integers(0, 9), st.integers(0, 9), st.none(), TEXTS, FLOATS, INTS, terms))


def rows(keypos, key, element=elements):
    """Rows of changing arity, sometimes wider than a chunk has columns."""
    narrow = st.builds(
        lambda key, before, after: (*before, key, *after),
        key,
        st.lists(element, min_size=keypos, max_size=keypos),
        st.lists(element, max_size=4),
    )
    wide = st.builds(
        lambda key, few, arity: (*(few * arity)[:keypos], key, *(few * arity)[keypos : arity - 1]),
        key,
        st.lists(element, min_size=1, max_size=5),
        st.sampled_from([16, 62, 63, 64, 65, 66, 70]),
    )
    return st.one_of(narrow, narrow, narrow, narrow, narrow, narrow, narrow, wide)
