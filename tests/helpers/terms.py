"""Equality and order of terms, written a second time in plain Python so that the engine can be judged by it.

Three views of a term, each a hashable value that equals another one exactly when the terms are the same in that sense:

- `exact(term)`: Erlang's `=:=`. Keys of set, bag and duplicate_bag, comparison of whole rows.
- `numeric(term)`: Erlang's `==`. Keys of ordered_set.
- `fingerprint(term)`: nothing left out (sign of zero, order of a dict, set or frozenset, time zone, digits of a
  Decimal). What comes out of a table must have the fingerprint of what went in.

`compare(a, b)` is the term order, numeric by default.
"""

import datetime as dt
import decimal
import math
import pickle
import uuid
from functools import cmp_to_key

from partita import Atom

EPOCH = dt.datetime(1970, 1, 1)
SCALARS = (dt.datetime, dt.date, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID)
NUMBER, ATOM, SCALAR, TUPLE, MAP, SET, LIST, STR, BYTES, OPAQUE = range(1, 11)
RANKS = {
    **dict.fromkeys((int, float), NUMBER),
    **dict.fromkeys((type(None), bool, Atom), ATOM),
    **dict.fromkeys(SCALARS, SCALAR),
    tuple: TUPLE,
    dict: MAP,
    **dict.fromkeys((set, frozenset), SET),
    list: LIST,
    str: STR,
    bytes: BYTES,
}


def rank(term):
    """Place of the term's type in the order of all terms."""
    return RANKS.get(type(term), OPAQUE)


def atom_text(atom):
    if atom is None:
        return "nil"
    if isinstance(atom, bool):
        return "true" if atom else "false"
    return str(atom)


def has_opaque(term):
    kind = rank(term)
    if kind in (TUPLE, SET, LIST):
        return any(has_opaque(element) for element in term)
    if kind == MAP:
        return any(has_opaque(key) or has_opaque(value) for key, value in term.items())
    return kind == OPAQUE


def microseconds(delta):
    return (delta.days * 86400 + delta.seconds) * 1000000 + delta.microseconds


def scalar_value(term):
    """(place of its type, value): comparable among scalars, equal for equal ones."""
    if isinstance(term, dt.datetime):
        since_epoch = microseconds(term.replace(tzinfo=None) - EPOCH)
        offset = term.utcoffset()
        return (0, (0, since_epoch) if offset is None else (1, since_epoch - microseconds(offset)))
    if isinstance(term, dt.date):
        return (1, term.toordinal())
    if isinstance(term, dt.time):
        of_day = ((term.hour * 60 + term.minute) * 60 + term.second) * 1000000 + term.microsecond
        offset = term.utcoffset()
        return (2, (0, of_day) if offset is None else (1, of_day - microseconds(offset)))
    if isinstance(term, dt.timedelta):
        return (3, microseconds(term))
    if isinstance(term, decimal.Decimal):
        return (4, (1, "nan") if term.is_nan() else (0, term))
    return (5, term.int)


def canonical(term, number):
    kind = rank(term)
    if kind == NUMBER:
        return number(term)
    if kind == ATOM:
        return (ATOM, atom_text(term))
    if kind == SCALAR:
        return (SCALAR, scalar_value(term))
    if kind in (TUPLE, LIST):
        return (kind, tuple(canonical(element, number) for element in term))
    if kind == MAP:
        return (MAP, frozenset((exact(key), canonical(value, number)) for key, value in term.items()))
    if kind == SET:
        return (SET, frozenset(exact(element) for element in term))
    if kind == OPAQUE:
        return (OPAQUE, pickle.dumps(term, protocol=4))
    return (kind, term)


def exact_number(x):
    return ("float", "nan" if math.isnan(x) else x) if isinstance(x, float) else ("int", x)


def numeric_number(x):
    # Python compares and hashes ints and floats by their exact values, also beyond 2**53.
    return ("number", "nan" if isinstance(x, float) and math.isnan(x) else x)


def exact(term):
    return canonical(term, exact_number)


def numeric(term):
    return canonical(term, numeric_number)


PLAIN = frozenset((int, str, bytes, bool, type(None), Atom, dt.date, dt.timedelta, uuid.UUID))


def fingerprint(term):
    kind = type(term)
    if kind in PLAIN:
        return (kind, term)
    if kind in (tuple, list):
        return (kind, tuple(map(fingerprint, term)))
    if kind is float:
        return (kind, "nan" if math.isnan(term) else term.hex())
    if kind is dict:
        return (kind, tuple((fingerprint(key), fingerprint(value)) for key, value in term.items()))
    if kind in (set, frozenset):
        return (kind, frozenset(map(fingerprint, term)))
    if kind is decimal.Decimal:
        return (kind, term.as_tuple())
    if kind in (dt.datetime, dt.time):
        return (kind, repr(term))
    return (kind, pickle.dumps(term, protocol=4))


def sign(a, b):
    return (a > b) - (a < b)


def compare_numbers(a, b):
    a_nan, b_nan = a != a, b != b
    return sign(a_nan, b_nan) if a_nan or b_nan else sign(a, b)


def compare_numbers_exactly(a, b):
    return sign(isinstance(a, float), isinstance(b, float)) or compare_numbers(a, b)


def compare_elements(a, b, numbers):
    for x, y in zip(a, b, strict=False):
        if different := compare_with(x, y, numbers):
            return different
    return sign(len(a), len(b))


def compare_with(a, b, numbers):
    kind = rank(a)
    if different := sign(kind, rank(b)):
        return different
    if kind == NUMBER:
        return numbers(a, b)
    if kind == ATOM:
        return sign(atom_text(a), atom_text(b))
    if kind == SCALAR:
        return sign(scalar_value(a), scalar_value(b))
    if kind == TUPLE:
        return sign(len(a), len(b)) or compare_elements(a, b, numbers)
    if kind == LIST:
        return compare_elements(a, b, numbers)
    if kind == SET:
        return sign(len(a), len(b)) or compare_elements(sorted_exactly(a), sorted_exactly(b), compare_numbers_exactly)
    if kind == MAP:
        a_keys, b_keys = sorted_exactly(a), sorted_exactly(b)
        return (
            sign(len(a), len(b))
            or compare_elements(a_keys, b_keys, compare_numbers_exactly)
            or compare_elements([a[key] for key in a_keys], [b[key] for key in b_keys], numbers)
        )
    if kind == OPAQUE:
        return sign(pickle.dumps(a, protocol=4), pickle.dumps(b, protocol=4))
    return sign(a, b)


def sorted_exactly(terms):
    return sorted(terms, key=cmp_to_key(lambda a, b: compare_with(a, b, compare_numbers_exactly)))


def compare(a, b):
    """Negative, zero or positive: the term order, in which 1 equals 1.0."""
    return compare_with(a, b, compare_numbers)


order_key = cmp_to_key(compare)
