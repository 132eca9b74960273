"""The order of terms against a real Erlang's: `<`, `==` and `=:=` of all pairs of a list, and the list sorted.

Method: random terms of the types both have (numbers, atoms, tuples, maps, lists, and binaries, which are str here) go
to one Erlang as external term format in a few large lists. Left out: infinities and NaN, which no float of Erlang is.
"""

import functools
import itertools
import os
import random
import shutil
import subprocess

import pytest

from helpers import etf
from partita import Atom, _core

ROUNDS = 60 if os.environ.get("PARTITA_TESTS") == "long" else 3
TERMS_A_ROUND = 150

# Reads a list of terms. Answers one byte for each pair (bit 0 `<`, bit 1 `==`, bit 2 `=:=`), and the list sorted.
JUDGE = """
    {ok, In} = file:read_file(os:getenv("PARTITA_TERMS")),
    Terms = binary_to_term(In),
    Bit = fun(true, N) -> 1 bsl N; (false, _) -> 0 end,
    Pairs = << <<(Bit(A < B, 0) bor Bit(A == B, 1) bor Bit(A =:= B, 2))>> || A <- Terms, B <- Terms >>,
    ok = file:write_file(os:getenv("PARTITA_PAIRS"), Pairs),
    ok = file:write_file(os:getenv("PARTITA_SORTED"), term_to_binary(lists:sort(Terms))),
    halt(0).
"""

EDGES = [2**31, 2**53, 2**59, 2**60, 2**63, 2**64, 2**100, 2**200]
INTS = [0, 1, 2, 3, 10, 255, *EDGES, *(edge - 1 for edge in EDGES), *(edge + 1 for edge in EDGES)]
FLOATS = [0.0, 0.5, 1.0, 2.0, 1e-300, 1e300, 2.0**53, 2.0**63, 2.0**64, 2.0**100, 2.0**200, float(2**53 + 2)]
TEXTS = ["", "a", "aa", "b", "z", "A", "å", "日本", "\U0001f600", "a\0", "long text of more than sixty-four bytes " * 2]
ATOMS = [None, False, True, Atom("a"), Atom("b"), Atom("z"), Atom("å"), Atom("o'clock")]


def random_leaf():
    kind = random.randrange(4)
    if kind == 0:
        return random.choice(INTS) * random.choice((1, -1))
    if kind == 1:
        return random.choice(FLOATS) * random.choice((1, -1))
    return random.choice(TEXTS if kind == 2 else ATOMS)


def random_key():
    """Python's dicts take 1, 1.0 and True for one key: they are kept apart by their size."""
    return random.choice([random_leaf, lambda: (random_leaf(), random_leaf()), lambda: (random_leaf(),)])()


def random_term(depth=3):
    kind = random.randrange(6) if depth else 0
    if kind < 3:
        return random_leaf()
    size = random.choice((0, 1, 1, 2, 2, 3, 40 if depth == 3 else 4))
    if kind == 5:
        return {random_key(): random_term(depth - 1) for _ in range(size)}
    elements = [random_term(depth - 1) for _ in range(size)]
    return tuple(elements) if kind == 3 else elements


def changed(term):
    """A near neighbour: ints for floats and back, a last element more or less, pairs in another order."""
    if type(term) is int and abs(term) < 2**300:
        return float(term)
    if isinstance(term, float) and term.is_integer():
        return int(term) + random.choice((0, 1))
    if isinstance(term, dict):
        return {key: changed(value) for key, value in reversed(term.items())}
    if isinstance(term, (tuple, list)) and term:
        at = random.randrange(len(term))
        return type(term)((*term[:at], changed(term[at]), *term[at + 1 :]))
    return term


def some_terms():
    terms = [random_term() for _ in range(TERMS_A_ROUND // 2)]
    return terms + [changed(term) for term in terms]


def by_erlang(terms, directory):
    files = {name: directory / name.lower() for name in ("PARTITA_TERMS", "PARTITA_PAIRS", "PARTITA_SORTED")}
    files["PARTITA_TERMS"].write_bytes(etf.dumps(terms))
    environment = {name: os.fspath(path) for name, path in files.items()}
    command = ["erl", "-noinput", "-boot", "no_dot_erlang", "+S", "1", "-eval", JUDGE]
    subprocess.run(command, env={**os.environ, **environment, "ERL_CRASH_DUMP_BYTES": "0"}, check=True, timeout=120)
    return files["PARTITA_PAIRS"].read_bytes(), etf.loads(files["PARTITA_SORTED"].read_bytes())


def compare(a, b):
    return _core._term_compare(a, b, True)


def by_us(a, b):
    order = compare(a, b)
    return (order < 0) | (order == 0) << 1 | _core._term_equal(a, b) << 2


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_order_is_erlangs(turn, tmp_path):
    assert shutil.which("erl"), "the judge is missing: install Erlang (on Debian: apt-get install erlang-base)"
    random.seed(random.randrange(2**32) + turn)
    terms = some_terms()
    pairs, in_order = by_erlang(terms, tmp_path)
    differing = [
        f"{a!r} and {b!r}: Erlang {theirs:03b}, partita {by_us(a, b):03b} (exactly equal, equal, less)"
        for (a, b), theirs in zip(itertools.product(terms, repeat=2), pairs, strict=True)
        if theirs != by_us(a, b)
    ]
    assert not differing, "\n".join(differing[:20])

    # Terms that are equal numerically may change places.
    ours = sorted(terms, key=functools.cmp_to_key(compare))
    assert all(compare(a, b) == 0 for a, b in zip(ours, in_order, strict=True))
