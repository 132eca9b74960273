"""Random terms, rows and arguments that both ETS and partita take.

Every draw comes down to `source.below(n)`, an int from 0 to n - 1. So the same code serves volume (`Seeded`) and
Hypothesis (`Drawn`), which makes a failing example small: 0 is always the plainest choice.
"""

import random
import struct
from dataclasses import dataclass

from hypothesis import strategies as st

from partita import Atom


class Seeded:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def below(self, n):
        return int(self.random.random() * n)


class Drawn:
    def __init__(self, draw):
        self.draw = draw

    def below(self, n):
        return self.draw(st.integers(0, n - 1))


@dataclass
class World:
    """What the calls of one session share, so that they meet: few keys, few rows."""

    type: str
    keypos: int
    otp: int
    keys: list
    rows: list


def world(source, type, otp):  # noqa: A002
    keypos = pick(source, (0, 0, 0, 1, 2))
    keys = [term(source) for _ in range(1 + source.below(12))]
    if type == "ordered_set":
        keys += [with_other_numbers(source, key) for key in keys]
    made = World(type, keypos, otp, keys, [])
    made.rows = [row(source, made) for _ in range(1 + source.below(6))]
    return made


def pick(source, choices):
    return choices[source.below(len(choices))]


def one_in(source, n):
    return source.below(n) == n - 1


# --- Terms.

INTS = (
    0,
    1,
    -1,
    2,
    3,
    7,
    255,
    256,
    2**31 - 1,
    2**31,
    -(2**31),
    2**53,
    2**53 + 1,
    2**59,
    -(2**59) - 1,
    2**63 - 1,
    -(2**63),
)
BIG_INTS = (2**63, -(2**63) - 1, 2**64, 10**30, -(2**200), 2**2100)
FLOATS = (0.0, 1.0, -0.0, -1.0, 2.0, 0.5, 2.0**53, 2.0**63, 1e-3, 5e-324, 1.7976931348623157e308)
ATOMS = (None, True, False, Atom("a"), Atom("b"), Atom("hello world"), Atom("é"))
STRINGS = (
    "",
    "a",
    "1",
    "abc",
    "nil",
    "twelve chars",
    "thirteen char",
    "thirteen chat",
    "é",
    "日本語",
    "a\0b",
    "\U0001f600",
    "x" * 100,
)
# Terms that are easily taken for one another.
LOOKALIKES = (
    *(1, 1.0, True, "1", (1,), (1.0,), [1], [1.0], {1: 1}, {1.0: 1}, {1: 1.0}, {"a": 1, "b": 2}, {"b": 2, "a": 1}),
    *(0, 0.0, -0.0, False, None, "", (), [], {}, (None,), (0.0,), (-0.0,), [0.0], [-0.0]),
    *(2**53, 2.0**53, 2**53 + 1, Atom("a"), "a", ("a",), ["a"], (Atom("a"),), [97], ((),), [[]], [None]),
)


def term(source, depth=3):
    kind = source.below(14)
    if kind < 3:
        return pick(source, INTS) if one_in(source, 4) else source.below(30)
    if kind < 5:
        return string(source)
    if kind == 5:
        return any_float(source)
    if kind == 6:
        return pick(source, ATOMS)
    if kind < 9:
        return pick(source, LOOKALIKES)
    if kind == 9:
        return pick(source, BIG_INTS)
    if depth == 0:
        return source.below(3)
    elements = [term(source, depth - 1) for _ in range(source.below(4))]
    if kind < 12:
        return tuple(elements)
    if kind == 12:
        return elements
    return {map_key(source): element for element in elements}


def string(source):
    if one_in(source, 100):
        return pick(source, "xé") * pick(source, (4096, 4097, 70000)) + str(source.below(3))
    return pick(source, STRINGS) if source.below(2) else f"user:{source.below(30):06}"


def any_float(source):
    if source.below(3):
        return pick(source, FLOATS)
    bits = source.below(2**64)
    value = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return value if abs(value) < float("inf") else 1.5  # Erlang has neither infinity nor nan


def map_key(source):
    """Of a type that Python can hash; 1, 1.0 and True are one key of a dict, so that no dict holds two of them."""
    return (
        pick(source, (1, "a", None, (1, 2), 1.0, Atom("a"), 2**64, "b", (), 0.0))
        if source.below(4)
        else source.below(5)
    )


def with_other_numbers(source, term):
    """The same with floats for ints and ints for floats, or with numbers just beside them."""
    if type(term) is int and abs(term) < 2**300:
        return float(term) + pick(source, (0, 0, 0, 0.5))
    if isinstance(term, float) and term.is_integer():
        return int(term) + pick(source, (0, 0, 0, 1))
    if isinstance(term, (tuple, list)):
        return type(term)(with_other_numbers(source, element) for element in term)
    if isinstance(term, dict):
        return {key: with_other_numbers(source, element) for key, element in term.items()}
    return term


# --- Rows and keys.


def key(source, world):
    return term(source) if one_in(source, 20) else pick(source, world.keys)


def element(source):
    """Mostly small ints, so that counters find something to count."""
    return source.below(10) if source.below(2) else term(source, 2)


def row(source, world):
    if one_in(source, 30):
        few = [element(source) for _ in range(4)]
        arity = pick(source, (63, 64, 65, 70, 300))
        others = [few[i % 4] for i in range(arity - 1)]
    else:
        others = [element(source) for _ in range(world.keypos + source.below(5))]
    return (*others[: world.keypos], key(source, world), *others[world.keypos :])


def known_row(source, world):
    return pick(source, world.rows) if source.below(2) else row(source, world)


def bad_row(source, world):
    return pick(source, (tuple(range(world.keypos)), 7, "row", None, Atom("row"), {}))


# --- Arguments.


def no_arguments(source, world):
    return ()


def one_key(source, world):
    return (key(source, world),)


def some_keys(source, world):
    return ([key(source, world) for _ in range(source.below(6))],)


def changes_while_fixed(source, world):
    """Keys to delete, rows to insert, whether all rows go, keys to ask about."""
    return *some_keys(source, world), *good_rows(source, world), one_in(source, 8), *some_keys(source, world)


def place(source, world):
    return (source.below(pick(source, (3, 30, 3000))),)


def row_to_insert(source, world):
    return (bad_row(source, world) if one_in(source, 30) else known_row(source, world),)


def rows_to_insert(source, world):
    rows = [known_row(source, world) for _ in range(source.below(6))]
    if one_in(source, 15):
        rows.insert(source.below(len(rows) + 1), bad_row(source, world))
    return (rows,)


def good_rows(source, world):
    return ([known_row(source, world) for _ in range(source.below(6))],)


def many_rows(source, world):
    """Enough to fill chunks, alike enough to go out as quickly as they came."""
    first, count = source.below(3000), pick(source, (1, 10, 1000, 1025, 3000))
    fill = [element(source) for _ in range(3)]
    others = [fill[i % 3] for i in range(world.keypos + source.below(4))]
    step = pick(source, (1, 1.0, 0.5)) if world.type == "ordered_set" else 1
    return ([(*others[: world.keypos], first + i * step, *others[world.keypos :]) for i in range(count)],)


def rows_of_a_key(source, world):
    """Of one key so many that they lie in several chunks, some of them equal to one another; of the first few also the
    rows that are drawn elsewhere.
    """
    of, first, count = key(source, world), source.below(60), pick(source, (1, 10, 33, 40, 40, 40, 100, 1100))
    kinds = pick(source, (count, count, 50, 1))
    others = [[first + i % kinds, *[0] * world.keypos] for i in range(count)]
    return ([(*fields[: world.keypos], of, *fields[world.keypos :]) for fields in others],)


def position(source, world):
    return pick(source, (1, 1, 1, 2, 2, 3, 0, -1, 4, 64, 60000)) + world.keypos


def key_and_position(source, world):
    return key(source, world), position(source, world)


def key_position_and_default(source, world):
    return key(source, world), position(source, world), term(source)


def increment(source):
    if one_in(source, 40):
        return pick(source, (None, True, "1", Atom("a")))  # no float: ETS refuses it, partita adds it
    if one_in(source, 4):
        return pick(source, INTS + BIG_INTS)
    return source.below(7) - 3


def counter_tuple(source, world):
    pos = position(source, world)
    if source.below(2):
        return (pos, increment(source))
    return (pos, increment(source), increment(source), increment(source))


def key_and_counter_ops(source, world):
    kind = source.below(4)
    if kind < 2:
        ops = increment(source)
    elif kind == 2:
        ops = counter_tuple(source, world)
    else:
        # Each position once: when a list names one twice and its value outgrows 64 bits, OTP 25 counts wrongly or
        # crashes.
        ops = list({op[0]: op for op in (counter_tuple(source, world) for _ in range(source.below(4)))}.values())
    return key(source, world), ops


def default_row(source, world):
    if one_in(source, 30):
        # Not None, which means no default, nor a tuple without a key, which ETS looks at only if the key is absent.
        return pick(source, (7, "row", Atom("row")))
    return (
        *(source.below(3) for _ in range(world.keypos)),
        key(source, world),
        *(element(source) for _ in range(source.below(4))),
    )


def key_counter_ops_and_default(source, world):
    return *key_and_counter_ops(source, world), default_row(source, world)


def key_and_updates(source, world):
    updates = [(position(source, world), term(source)) for _ in range(source.below(4))]
    return key(source, world), updates[0] if len(updates) == 1 and source.below(2) else updates


def key_updates_and_default(source, world):
    return *key_and_updates(source, world), default_row(source, world)


COMPARISONS = ("<", "=<", ">", ">=", "==", "/=", "=:=", "=/=")


def count_guard(source, world):
    """(number of elements a row must have, position compared, operator, constant)"""
    arity = world.keypos + 1 + source.below(4)
    return arity, source.below(arity), pick(source, COMPARISONS), element(source)
