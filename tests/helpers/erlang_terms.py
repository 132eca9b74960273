"""Terms that Erlang has too, and what comes back of them."""

import math

from hypothesis import strategies as st

from helpers import strategies
from partita import Atom

LARGE = st.sampled_from([2**2039, 2**2040 - 1, 2**2040, -(2**2048), 2**5000])  # around 255 bytes
ATOMS = st.one_of(strategies.ATOMS, st.sampled_from([Atom(""), Atom("日本"), Atom("ÿ" * 255), Atom("語" * 255)]))
SMALL_INTS = st.lists(st.integers(0, 256), max_size=6)  # most are written as strings
FLOATS = strategies.FLOATS.filter(math.isfinite)
SIMPLE = st.one_of(strategies.INTS, LARGE, FLOATS, ATOMS, strategies.TEXTS, strategies.BYTES, SMALL_INTS)
# No bytes that are text, or two keys might be one.
KEYS = st.one_of(st.integers(2, 300), ATOMS, st.sampled_from(["a", "b", b"\xff", 0.5, 2.0**70 + 2**20, ("a", 1), ()]))


def nested(inner):
    return st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, min_size=254, max_size=257).map(tuple),
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
        st.dictionaries(st.integers(2, 1000), inner, min_size=33, max_size=40),  # no flat map in Erlang
    )


def small_nested(inner):
    return st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)
    )


TERMS = strategies.named(
    "erlang_terms", st.one_of(st.recursive(SIMPLE, small_nested, max_leaves=8), nested(st.integers(0, 300)))
)


def read_back(term, binaries="auto"):
    """What is read where `term` was written."""
    if isinstance(term, str):
        return term if binaries != "bytes" else term.encode()
    if isinstance(term, bytes) and binaries == "auto":
        try:
            return term.decode()
        except UnicodeDecodeError:
            return term
    if isinstance(term, (tuple, list)):
        return type(term)(read_back(element, binaries) for element in term)
    if isinstance(term, dict):
        return {read_back(key, binaries): read_back(value, binaries) for key, value in term.items()}
    return term
