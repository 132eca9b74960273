"""The laws of terms: lossless coding in one form; order is total; equality, hash and sort key agree with it.

Method: the engine's own functions on terms, reached through the hooks of partita._core, against the order written a
second time in helpers.terms, and against each other. Terms come from small pools, with lookalikes; `disguised` makes an
equal term with other bytes, `refloated` one that is equal numerically only.
"""

import datetime as dt
import itertools
import math
import struct
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from helpers import strategies
from helpers import terms as model
from partita import _core

SEED = 0x0123456789ABCDEF
HASH_SEEDS = st.integers(0, 2**64 - 1)

encode, decode, validate = _core._term_encode, _core._term_decode, _core._term_validate
term_hash, sort_key = _core._term_hash, _core._term_sort_key


def compare(a, b):
    return _core._term_compare(a, b, True)


def compare_exactly(a, b):
    return _core._term_compare(a, b, False)


def zones(moment):
    return [moment.astimezone(zone) for zone in (strategies.UTC, strategies.EAST, strategies.OSLO)]


def disguised(term):
    """A term that is exactly equal, written otherwise wherever there is a way."""
    if isinstance(term, float):
        return -term if term == 0 else term
    if isinstance(term, (tuple, list)):
        return type(term)(disguised(element) for element in term)
    if isinstance(term, dict):
        return {disguised(key): disguised(value) for key, value in reversed(term.items())}
    if isinstance(term, set):
        return frozenset(map(disguised, term))
    if isinstance(term, frozenset):
        return term  # where it is a key, a set cannot stand
    if isinstance(term, Decimal) and term.is_finite():
        return Decimal((term.as_tuple().sign, (*term.as_tuple().digits, 0), term.as_tuple().exponent - 1))
    if isinstance(term, dt.datetime) and term.tzinfo is not None:
        return term.astimezone(dt.timezone(dt.timedelta(hours=1, microseconds=7), "disguise"))
    if isinstance(term, (dt.datetime, dt.time)):
        return term.replace(fold=1 - term.fold)
    return term


def refloated(term):
    """A term that is equal numerically: ints that a float holds become floats, but for those in keys and sets."""
    if type(term) is int and abs(term) <= 2**1000 and int(float(term)) == term:
        return float(term)
    if isinstance(term, (tuple, list)):
        return type(term)(map(refloated, term))
    if isinstance(term, dict):
        return {key: refloated(value) for key, value in term.items()}
    return term


@given(strategies.terms)
@example(dt.datetime.max)
@example(dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=23, minutes=59))))
@example(dt.timedelta.max)
@example(dt.timedelta.min)
@example(Decimal("-1E-1999999999999999997"))
@example(Decimal("9.99E+999999999999999999"))
@example(Decimal("-sNaN123"))
@example(dict.fromkeys(range(20), "x" * 20))
@example(dict.fromkeys(range(256)))
@example([[0] * 255, [0] * 256])
def test_what_comes_out_is_what_went_in_and_has_one_form(term):
    wire = encode(term)
    assert validate(wire)
    back = decode(wire)
    assert model.fingerprint(back) == model.fingerprint(term)
    assert encode(back) == wire


@given(strategies.terms, strategies.terms)
def test_order_equality_and_hash_are_those_of_the_model(a, b):
    assert compare(a, b) == model.sign(model.compare(a, b), 0)
    assert compare_exactly(a, b) == model.sign(model.compare_with(a, b, model.compare_numbers_exactly), 0)
    equal = model.exact(a) == model.exact(b)
    assert _core._term_equal(a, b) == equal
    assert (compare_exactly(a, b) == 0) == equal
    assert (compare(a, b) == 0) == (model.numeric(a) == model.numeric(b))
    if equal:
        assert term_hash(a, SEED) == term_hash(b, SEED)
        assert compare(a, b) == 0


@given(st.lists(strategies.terms, min_size=2, max_size=6))
def test_order_is_total(terms):
    for order in compare, compare_exactly:
        for a, b in itertools.product(terms, repeat=2):
            assert order(a, b) == -order(b, a)
        for a, b, c in itertools.permutations(terms, 3):
            if order(a, b) <= 0 and order(b, c) <= 0:
                assert order(a, c) <= 0
                if order(a, c) == 0:
                    assert order(a, b) == order(b, c) == 0


@given(strategies.terms, HASH_SEEDS)
def test_an_equal_term_with_other_bytes_is_equal(term, seed):
    twin = disguised(term)
    assert _core._term_equal(term, twin)
    assert compare_exactly(term, twin) == compare(term, twin) == 0
    assert term_hash(term, seed) == term_hash(twin, seed)
    assert sort_key(term) == sort_key(twin)


@given(strategies.terms)
def test_ints_and_floats_are_equal_numerically_only(term):
    twin = refloated(term)
    assert compare(term, twin) == 0
    assert sort_key(term) == sort_key(twin)
    assert (compare_exactly(term, twin) == 0) == (model.exact(term) == model.exact(twin))


@given(st.lists(strategies.terms, min_size=2, max_size=8))
def test_sort_keys_never_fall(terms):
    for a, b in itertools.combinations(terms, 2):
        if compare(a, b) <= 0:
            assert sort_key(a) <= sort_key(b)
        if compare(a, b) >= 0:
            assert sort_key(a) >= sort_key(b)


@given(st.one_of(strategies.INTS, st.floats(allow_nan=False, allow_infinity=False).map(int)), st.integers(-2, 2))
def test_an_int_and_the_floats_around_it(i, steps):
    """Exact comparison, where rounding would make neighbours equal."""
    assume(abs(i) < 2**1023)
    f = float(i)
    for _ in range(abs(steps)):
        f = math.nextafter(f, math.inf if steps > 0 else -math.inf)
    for a, b in (i, f), (i + 1, f), (i - 1, f), (-i, -f):
        assert compare(a, b) == (a > b) - (a < b)
        assert compare(b, a) == (b > a) - (b < a)
        assert compare((0, [a]), (0, [b])) == (a > b) - (a < b)
        assert compare_exactly(a, b) == -1
        assert (sort_key(a) <= sort_key(b)) if a <= b else (sort_key(a) >= sort_key(b))


@given(st.one_of(strategies.INTS, strategies.FLOATS), st.one_of(strategies.INTS, strategies.FLOATS))
@example(2**63 - 1, 1)
@example(-(2**63), -1)
@example(2**64, -(2**64))
@example(2**1024, 1.0)
@example(2**1024 - 1, 1.0)
@example(2**1024 - 2**970 - 1, 0.0)
@example(2**1024 - 2**970, 0.0)
@example(1.7976931348623157e308, 1.7976931348623157e308)
def test_sums_are_pythons(a, b):
    try:
        expected = a + b
    except OverflowError:
        expected = "not finite"
    else:
        overflowed = isinstance(expected, float) and math.isinf(expected)
        if overflowed and not any(isinstance(x, float) and math.isinf(x) for x in (a, b)):
            expected = "not finite"
    assert model.fingerprint(_core._term_add(a, b)) == model.fingerprint(expected)


@given(strategies.INTS, st.integers(0, 2**1100))
def test_sums_of_large_ints(a, b):
    for x, y in (a, b), (a, -b), (b, -b - 1), (b, b), (-b, b - 1):
        assert _core._term_add(x, y) == x + y


@given(st.lists(strategies.SIMPLE, min_size=1, max_size=40), strategies.terms)
def test_a_pair_of_a_map_is_found_in_any_order_of_insertion(values, last):
    """The table that sorts the keys is part of the form; equality and hash read the map through it."""
    items = [(f"key{i * 7919 % 101}", value) for i, value in enumerate(values)] + [("last", last)]
    forwards, backwards = dict(items), dict(items[::-1])
    assert _core._term_equal(forwards, backwards)
    assert term_hash(forwards, SEED) == term_hash(backwards, SEED)
    assert list(decode(encode(backwards))) == list(backwards)


OPAQUE_TAG = 0x24


def mutations(wire):
    """Every kind of damage: a byte changed, lost, doubled, bytes cut off or added."""
    position = st.integers(0, len(wire) - 1)
    return st.one_of(
        st.builds(lambda at, byte: wire[:at] + bytes([byte]) + wire[at + 1 :], position, st.integers(0, 255)),
        st.builds(
            lambda at, bit: wire[:at] + bytes([wire[at] ^ 1 << bit]) + wire[at + 1 :], position, st.integers(0, 7)
        ),
        st.builds(lambda at: wire[:at] + wire[at + 1 :], position),
        st.builds(lambda at: wire[:at] + wire[at : at + 1] + wire[at:], position),
        st.builds(lambda at, more: wire[:at] + more + wire[at:], position, st.binary(max_size=4)),
    )


@given(strategies.STATIC, st.data())
def test_damaged_bytes_are_refused_or_mean_another_term(term, data):
    wire = encode(term)
    damaged = data.draw(mutations(wire))
    if not validate(damaged) or OPAQUE_TAG in damaged:  # a pickle made of chance is not to be opened
        return
    try:
        back = decode(damaged)
    except (TypeError, ValueError):  # a list as a key, a zone that does not exist
        return
    if damaged != wire and model.exact(back) == model.exact(term):
        # Then what differs is what equality leaves out, and it was kept.
        assert encode(back) != wire


@given(strategies.terms)
def test_a_part_of_the_bytes_is_no_term(term):
    wire = encode(term)
    assert not validate(wire + b"\x01")
    for size in {0, 1, len(wire) // 2, len(wire) - 1} - {len(wire)}:
        assert not validate(wire[:size])


def long_form(body, count, tag):
    return struct.pack("<BII", tag, len(body), count) + body


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"", "nothing"),
        (b"\x00", "no tag"),
        (b"\x05\x01\x00", "an int wider than need be"),
        (b"\x07" + struct.pack("<q", -(2**31)), "an int wider than need be"),
        (b"\x09\x08\x00\x00\x00" + struct.pack("<Q", 2**63 - 1), "a big int that fits 64 bits"),
        (b"\x0a\x08\x00\x00\x00" + struct.pack("<Q", 2**63), "a big int that fits 64 bits"),
        (b"\x09\x0a\x00\x00\x00" + b"\x01" * 9 + b"\x00", "a big int with a zero in front"),
        (b"\x0b\x03\x00nil", "nil as an atom"),
        (b"\x0b\x04\x00true", "true as an atom"),
        (b"\x0b\x00\x01" + b"a" * 256, "a long atom"),
        (b"\x0b\x01\x00\xff", "an atom that is no text"),
        (b"\x0c\x00\x00\x00\x00", "day 0"),
        (b"\x0c" + struct.pack("<I", dt.date.max.toordinal() + 1), "a day after the last"),
        (b"\x0d" + struct.pack("<iII", 0, 86400, 0), "a timedelta with too many seconds"),
        (b"\x0d" + struct.pack("<iII", 10**9, 0, 0), "a timedelta with too many days"),
        (b"\x0e\x00\x00\x02\x01", "a Decimal with a leading zero"),
        (b"\x0e\x00\x00\x02\x1a", "a Decimal with a digit above 9"),
        (b"\x0e\x00\x00\x01\x11", "a Decimal with half a byte too much"),
        (b"\x0e\x08\x00\x00\x01\x10", "a Decimal with a wide exponent"),
        (b"\x0e\x02\x00\x01\x10", "an infinity with digits"),
        (b"\x10" + struct.pack("<Q", 3652059 * 86400 * 10**6 * 2), "a datetime after the last"),
        (b"\x11" + struct.pack("<Qi", 0, 86400), "an offset of a day"),
        (b"\x12" + struct.pack("<Qq", 0, 1000000), "whole seconds as microseconds"),
        (b"\x15" + struct.pack("<QH", 0, 1) + b"x", "a datetime in a zone without offset"),
        (b"\x18" + struct.pack("<Q", 86400 * 10**6 * 2), "a time after the last"),
        (b"\x21\x01\x00\x00\x00a", "short bytes in the long form"),
        (b"\x22\x01\x00\x00\x00a", "a short str in the long form"),
        (b"\x23\x20\x00\x00\x00" + b"a" * 32, "ASCII told as other text"),
        (b"\x42\xc3\xa5", "other text told as ASCII"),
        (b"\x61a", "ASCII told as other text"),
        (b"\x62\xc0\x80", "UTF-8 longer than need be"),
        (b"\x63\xed\xa0\x80", "a surrogate"),
        (b"\x64\xf4\x90\x80\x80", "beyond Unicode"),
        (long_form(b"\x04\x01", 1, 0x84), "a short tuple in the long form"),
        (b"\x88\x02\x01\x04\x01", "a reserved bit"),
        (b"\xd0\x00\x00", "no kind of container"),
        (b"\x80\x02\x02\x04\x01", "too few elements"),
        (b"\x80\x04\x01\x04\x01\x04\x02", "too many elements"),
        (b"\x81\x02\x01\x04\x01", "a canonical tuple told not to be"),
        (b"\x80\x09\x01\x08" + struct.pack("<d", -0.0), "-0.0 in a tuple told canonical"),
        (b"\x82\x02\x01\x04\x01", "a tuple told to hold a pickle"),
        (b"\xb1\x04\x02\x04\x02\x04\x01", "a set that is not sorted"),
        (b"\xb1\x04\x02\x04\x01\x04\x01", "a set with equal elements"),
        (b"\xb0\x02\x01\x04\x01", "a set told canonical"),
        (b"\xa0\x05\x01\x04\x01\x04\x01\x01", "a map whose table leads nowhere"),
        (b"\xa0\x0a\x02\x04\x02\x04\x01\x04\x01\x04\x01\x00\x04", "a map whose table is not sorted"),
        (b"\xa0\x0a\x02\x04\x01\x04\x01\x04\x02\x04\x01\x00\x00", "a map whose table leads to one pair twice"),
        (b"\xa0\x0a\x02\x04\x01\x04\x01\x04\x01\x04\x01\x00\x04", "a map with equal keys"),
        (b"\xa0\x0a\x02\x04\x02\x04\x01\x04\x01\x04\x01\x04\x00", "a map in another order than sorted, told canonical"),
    ],
)
def test_what_could_be_written_otherwise_is_refused(wire, why):
    assert not validate(wire), why


def test_the_nearest_valid_forms_are_accepted():
    """So that the test above does not pass for a slip in its bytes."""
    for wire, term in (
        (b"\x05\x80\x00", 128),
        (b"\x09\x08\x00\x00\x00" + struct.pack("<Q", 2**63), 2**63),
        (b"\x0a\x08\x00\x00\x00" + struct.pack("<Q", 2**63 + 1), -(2**63) - 1),
        (b"\x0c\x01\x00\x00\x00", dt.date.min),
        (b"\x0c" + struct.pack("<I", dt.date.max.toordinal()), dt.date.max),
        (b"\x0e\x00\x00\x02\x19", Decimal(19)),
        (b"\x62\xc3\xa5", "å"),
        (b"\x80\x02\x01\x04\x01", (1,)),
        (b"\x81\x09\x01\x08" + struct.pack("<d", -0.0), (-0.0,)),
        (b"\xb1\x04\x02\x04\x01\x04\x02", {1, 2}),
        (b"\xc0\x02\x01\x04\x01", frozenset({1})),
        (b"\xa0\x05\x01\x04\x01\x04\x01\x00", {1: 1}),
        (b"\xa1\x0a\x02\x04\x02\x04\x01\x04\x01\x04\x01\x04\x00", {2: 1, 1: 1}),
    ):
        assert validate(wire)
        assert model.fingerprint(decode(wire)) == model.fingerprint(term)
        assert encode(term) == wire


def test_depth_is_bounded_for_foreign_bytes_too():
    wire = b"\x80\x00\x00"
    for depth in range(2, 600):
        short = len(wire) <= 255
        wire = bytes([0x80, len(wire), 1]) + wire if short else long_form(wire, 1, 0x84)
        assert validate(wire) == (depth <= 500)
