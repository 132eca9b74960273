"""What cannot be stored is refused in words, and objects that lie about themselves or change meanwhile harm nobody.

Method: as in test_terms.py. Each liar has every method that an encoder could be tempted to call.
"""

import collections
import contextlib
import dataclasses
import datetime as dt
import decimal
import gc
import pickle
import re
import sys
import threading
import uuid
import zoneinfo
from decimal import Decimal

import numpy as np
import pytest

from helpers.terms import fingerprint
from partita import _core

encode, decode, is_key = _core._term_encode, _core._term_decode, _core._term_is_key
UTC = dt.timezone.utc
OSLO = zoneinfo.ZoneInfo("Europe/Oslo")


def stored(obj):
    """What a table would give back."""
    return decode(encode(obj))


def equal(a, b):
    return _core._term_equal(a, b)


def less(a, b):
    return _core._term_compare(a, b, True) < 0


def nest(depth, wrap, core=None):
    for _ in range(depth):
        core = wrap(core)
    return core


@dataclasses.dataclass
class Data:
    x: int


# --- What cannot be stored


@pytest.mark.parametrize(
    ("obj", "where"),
    [
        ("a\ud800", "^a str"),
        (["\udfff"], r"^\[0\]: a str"),
        ((0, {"name": ["x", "\ud800"]}), r"^\[1\]\['name'\]\[1\]: a str"),
        ({7: {None: "\ud800"}}, r"^\[7\]\[...\]: a str"),
        ({"\ud800": 1}, "^<key>: a str"),
        ([{"\ud800"}], r"^\[0\]<element>: a str"),
    ],
    ids=ascii,
)
def test_lone_surrogates_are_refused_by_place(obj, where):
    with pytest.raises(ValueError, match=where + r" with a lone surrogate \(U\+d[8f]"):
        encode(obj)


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: (x,), lambda x: {"a": x}, lambda x: frozenset({x})])
def test_depth(wrap):
    deepest = nest(500, wrap)
    assert encode(stored(deepest)) == encode(deepest)
    assert equal(deepest, stored(deepest))
    assert _core._term_hash(deepest, 1) == _core._term_hash(stored(deepest), 1)
    with pytest.raises(ValueError, match="nested deeper than 500"):
        encode(wrap(deepest))
    with pytest.raises(ValueError, match="nested deeper than 500"):
        encode(nest(100000, lambda x: [x]))


def test_a_container_that_contains_itself_is_refused():
    loop = []
    loop.append(loop)
    around = {}
    around["a"] = [around]
    for obj in loop, around, (loop,):
        with pytest.raises(ValueError, match="contain itself"):
            encode(obj)


def test_deep_recursion_elsewhere_is_an_error_not_a_crash():
    def descend(levels):
        return encode(nest(400, lambda x: [x])) if levels == 0 else descend(levels - 1)

    limit = sys.getrecursionlimit()
    outcomes = set()
    for levels in range(0, limit - 100, 50):
        try:
            descend(levels)
            outcomes.add("stored")
        except RecursionError:
            outcomes.add("refused")
    assert "stored" in outcomes


def test_keys_and_elements_must_stay_hashable():
    class Hashable(list):
        def __hash__(self):
            return 1

    for obj in ({Hashable(): 1}, {Hashable()}, {(1, Hashable()): 1}):
        with pytest.raises(ValueError, match="without a hash"):
            encode(obj)


def test_keys_that_become_one_are_refused():
    class Loner(int):
        def __hash__(self):
            return id(self)

        def __eq__(self, other):
            return self is other

    with pytest.raises(ValueError, match="two keys that are one value"):
        encode({Loner(1): "a", Loner(1): "b"})
    with pytest.raises(ValueError, match=r"^\[0\]: a set with two elements that are one value"):
        encode([{Loner(1), Loner(1)}])
    with pytest.raises(ValueError, match="two elements"):
        encode({float("nan"), float("nan")})


def test_a_key_that_holds_a_pickle_is_refused():
    for key in Data(1), (1, [Data(1)]), {"a": 1j}, {1j}, lambda: 0, [Raising()]:
        assert not is_key(key)


@pytest.mark.parametrize("obj", [lambda: 1, threading.Lock(), (i for i in ())], ids=lambda obj: type(obj).__name__)
def test_what_pickle_refuses_is_refused_with_its_words(obj):
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as pickles:
        pickle.dumps(obj)
    with pytest.raises(type(pickles.value), match=f"^{re.escape(str(pickles.value))}$"):
        encode([obj])


def test_broken_values_of_known_types():
    with pytest.raises(ValueError, match="UUID without an int"):
        encode(uuid.UUID.__new__(uuid.UUID))
    for number in -1, 2**128, 1.5:
        broken = uuid.UUID(int=1)
        object.__setattr__(broken, "int", number)
        with pytest.raises(ValueError, match="UUID without an int"):
            encode(broken)
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(ValueError, match="released"):
        encode(view)
    with pytest.raises(ValueError, match="surrogate"):
        encode(dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(0), "\ud800")))


def test_a_decimal_is_stored_whatever_the_context():
    with decimal.localcontext() as context:
        context.prec = 2
        context.capitals = 0
        context.Emax = 5
        context.traps[decimal.Inexact] = True
        for text in "123456789.123456789", "1E+100", "1E-100":
            assert fingerprint(stored(Decimal(text))) == fingerprint(Decimal(text))


# --- Objects that lie


class LyingInt(int):
    def __index__(self):
        raise AssertionError

    __int__ = __float__ = __str__ = __repr__ = __hash__ = __eq__ = __bool__ = __index__


class LyingStr(str):
    def __str__(self):
        raise AssertionError

    __repr__ = __len__ = __iter__ = __getitem__ = __hash__ = __eq__ = encode = __str__


class LyingList(list):
    def __iter__(self):
        raise AssertionError

    __len__ = __getitem__ = __repr__ = __eq__ = __iter__


class LyingTuple(tuple):
    __slots__ = ()

    def __iter__(self):
        raise AssertionError

    __len__ = __getitem__ = __repr__ = __hash__ = __eq__ = __iter__


class LyingDict(dict):
    def __iter__(self):
        raise AssertionError

    keys = items = values = __len__ = __getitem__ = __repr__ = __eq__ = __iter__


class LyingSet(frozenset):
    def __iter__(self):
        raise AssertionError

    __len__ = __contains__ = __repr__ = __hash__ = __eq__ = __iter__


class LyingDatetime(dt.datetime):
    year = month = day = hour = property(lambda self: -5)

    def utcoffset(self):
        raise AssertionError

    toordinal = isoformat = __repr__ = __eq__ = __reduce_ex__ = utcoffset


class LyingDecimal(Decimal):
    def __str__(self):
        raise AssertionError

    as_tuple = __repr__ = __eq__ = __reduce__ = __str__


class LyingUuid(uuid.UUID):
    int = property(lambda self: -5)


def lying_uuid():
    obj = LyingUuid.__new__(LyingUuid)
    uuid.UUID.int.__set__(obj, 7)
    return obj


@pytest.mark.parametrize(
    ("liar", "truth"),
    [
        (LyingInt(5), 5),
        (LyingInt(2**90), 2**90),
        (LyingStr("abc"), "abc"),
        (LyingStr("å"), "å"),
        (LyingList([1, 2]), [1, 2]),
        (LyingTuple((1, 2)), (1, 2)),
        (LyingDict(a=1), {"a": 1}),
        (LyingSet({1, 2}), frozenset({1, 2})),
        (LyingDatetime(2024, 1, 1, 5, tzinfo=OSLO), dt.datetime(2024, 1, 1, 5, tzinfo=OSLO)),
        (LyingDecimal("1.5"), Decimal("1.5")),
        (lying_uuid(), uuid.UUID(int=7)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_contents_are_read_past_what_a_subclass_says(liar, truth):
    assert fingerprint(stored(liar)) == fingerprint(truth)
    assert fingerprint(stored([liar])) == fingerprint([truth])


class Raising:
    def __reduce__(self):
        raise KeyError("mine")


class Meddling:
    """Runs `action` while it is being pickled, and comes back as 0."""

    def __init__(self, action):
        self.action = action

    def __reduce__(self):
        self.action()
        return (int, ())


def test_an_error_in_pickling_comes_through():
    for obj in Raising(), [Raising()], {"a": Raising()}, (1, {2: [Raising()]}):
        with pytest.raises(KeyError, match="mine"):
            encode(obj)


def test_containers_that_change_while_they_are_encoded():
    changing = []
    changing += [Meddling(changing.clear), *map(str, range(100))]
    assert stored(changing) == [0, *map(str, range(100))]

    growing = []
    growing += [Meddling(lambda: growing.extend(range(10000))), 1]
    assert stored(growing) == [0, 1]

    mapping = {}
    mapping.update({"a": Meddling(mapping.clear), **{str(i): [str(i)] for i in range(100)}})
    assert stored(mapping) == {"a": 0, **{str(i): [str(i)] for i in range(100)}}

    ordered = collections.OrderedDict()
    ordered.update({"a": Meddling(ordered.clear), "b": ["c"]})
    assert stored(ordered) == {"a": 0, "b": ["c"]}

    members = set()
    members |= {Meddling(members.clear), "a", ("b",)}
    assert stored(members) == {0, "a", ("b",)}

    array_of_bytes = bytearray(b"abc")
    assert stored([Meddling(array_of_bytes.clear), array_of_bytes]) == [0, b""]


def test_an_ordered_dict_whose_keys_change_it_while_they_are_compared():
    class Key:
        def __init__(self, target):
            self.target = target

        def __hash__(self):
            return 1

        def __eq__(self, other):
            self.target.clear()
            return self is other

        def __reduce__(self):
            return (str, ("key",))

    ordered = collections.OrderedDict()
    ordered[Key({})] = ["a" * 1000]
    ordered[Key(ordered)] = ["b" * 1000]
    for _ in range(3):
        with contextlib.suppress(RuntimeError, KeyError, ValueError):
            encode(ordered)


def test_encoding_comes_back_to_itself():
    inner = []

    def encode_more():
        inner.append(stored(("inner", [1, {"a": "x" * 1000}], {1, 2})))

    assert stored(("outer", Meddling(encode_more), ["y" * 600, Meddling(encode_more)], "end")) == (
        "outer",
        0,
        ["y" * 600, 0],
        "end",
    )
    assert inner == [("inner", [1, {"a": "x" * 1000}], {1, 2})] * 2


class Evil:
    def __reduce__(self):
        encode(nest(300, lambda x: [x], Evil()))
        return (int, ())


def test_re_entry_without_end_is_an_error_not_a_crash():
    with pytest.raises(RecursionError):
        encode(Evil())


def test_the_collector_runs_while_terms_are_made():
    """Its callbacks may do anything at every allocation."""
    seen = []

    def meddle(phase, info):
        if phase == "start" and len(seen) < 200:
            seen.append(stored([{"a": (1, [2])}, {1, 2}]))

    threshold = gc.get_threshold()
    gc.callbacks.append(meddle)
    gc.set_threshold(1)
    try:
        for i in range(200):
            assert stored([(i, [i]), {"k": {i}}, frozenset({(i,)})]) == [(i, [i]), {"k": {i}}, frozenset({(i,)})]
    finally:
        gc.callbacks.remove(meddle)
        gc.set_threshold(*threshold)
    assert seen
    assert all(term == [{"a": (1, [2])}, {1, 2}] for term in seen)


def test_lying_numpy_scalars_do_not_recurse():
    class Self(np.int64):
        def item(self):
            return self

    class Listing(np.int64):
        def item(self):
            return [self]

    assert not is_key(Self(3))
    with pytest.raises(ValueError, match="nested deeper"):
        encode(Listing(3))
