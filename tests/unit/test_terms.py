"""What a field can hold: each type comes back as it went in, as the built-in value where it is a subclass of one.

Method: the hooks of partita._core that encode an object as a term and decode it, the way a table does with each field.
"""

import array
import collections
import copy
import dataclasses
import datetime as dt
import enum
import fractions
import gc
import io
import math
import os
import pickle
import subprocess
import sys
import time
import types
import uuid
import weakref
import zoneinfo
from decimal import Decimal

import numpy as np
import pytest

from helpers.terms import fingerprint
from partita import Atom, _core

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


# --- Every type comes back


@pytest.mark.parametrize(
    "term",
    [
        *(
            0,
            1,
            -1,
            127,
            128,
            -128,
            -129,
            2**31,
            2**63 - 1,
            2**63,
            -(2**63),
            -(2**63) - 1,
            2**64,
            -(2**64),
            10**500,
            -(10**500),
        ),
        *(0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 5e-324),
        *(None, False, True, Atom("x"), Atom(""), Atom("å" * 255)),
        *("", "a", "å", "日本", "\U0001f600", "a\0b", "x" * 31, "x" * 32, "å" * 15 + "x", "å" * 16, "x" * 100000),
        *(b"", b"a", b"\0\xff", b"x" * 255, b"x" * 256),
        *(
            (),
            (1,),
            (1, "a", None),
            [],
            [1, [2, [3]]],
            {},
            {"a": 1, "b": {"c": [1]}},
            set(),
            {1, "a"},
            frozenset(),
            frozenset({(1, 2)}),
        ),
        *(dt.date.min, dt.date.max, dt.date(2024, 2, 29), dt.date(1900, 2, 28), dt.date(2000, 3, 1), dt.date(1, 3, 1)),
        *(dt.datetime.min, dt.datetime.max, dt.datetime(2024, 2, 29, 23, 59, 59, 999999, fold=1)),
        *(dt.time.min, dt.time.max, dt.time(1, 2, 3, 4, fold=1), dt.time(1, tzinfo=UTC), dt.time(1, tzinfo=OSLO)),
        dt.time(1, tzinfo=zoneinfo.ZoneInfo("UTC")),
        *(dt.timedelta.min, dt.timedelta.max, dt.timedelta(microseconds=-1)),
        *(
            Decimal("0"),
            Decimal("-0.00"),
            Decimal("1.50"),
            Decimal("-1E+30"),
            Decimal("123456789" * 40),
            Decimal("Infinity"),
        ),
        *(uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")),
    ],
    ids=lambda term: f"{type(term).__name__}-{str(term)[:20]}",
)
def test_what_comes_out_is_what_went_in(term):
    back = stored(term)
    assert type(back) is type(term)
    assert fingerprint(back) == fingerprint(term)
    assert term != term or back == term
    assert encode(back) == encode(term)
    assert is_key(term)


@pytest.mark.parametrize(
    "zone",
    [
        UTC,
        dt.timezone(dt.timedelta(hours=5, minutes=30)),
        dt.timezone(-dt.timedelta(hours=23, minutes=59)),
        dt.timezone(dt.timedelta(microseconds=1)),
        dt.timezone(-dt.timedelta(seconds=1, microseconds=1)),
        dt.timezone(dt.timedelta(0), "UTC"),
        dt.timezone(dt.timedelta(hours=-5), "EST"),
        dt.timezone(dt.timedelta(hours=1), ""),
        dt.timezone(dt.timedelta(hours=1), "ålesund"),
        OSLO,
        zoneinfo.ZoneInfo("America/New_York"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("fold", [0, 1])
def test_zones_are_kept(zone, fold):
    moment = dt.datetime(2024, 10, 27, 2, 30, fold=fold, tzinfo=zone)
    back = stored(moment)
    assert back == moment or zone is OSLO
    assert repr(back) == repr(moment)
    assert (back.tzname(), back.utcoffset(), back.fold) == (moment.tzname(), moment.utcoffset(), fold)
    assert repr(stored(moment.timetz())) == repr(moment.timetz())


def test_zoneinfo_comes_back_as_the_same_zone():
    assert stored(dt.datetime(2024, 1, 1, tzinfo=OSLO)).tzinfo is OSLO
    assert stored(dt.datetime(2024, 1, 1, tzinfo=UTC)).tzinfo is UTC


def test_a_zone_made_without_the_cache_is_kept_by_its_key():
    moment = dt.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo.no_cache("Europe/Oslo"))
    assert is_key(moment)
    assert stored(moment).tzinfo is OSLO


def test_a_zone_from_a_file_that_no_key_leads_to_is_not_taken_for_another():
    source = io.BytesIO(zone_file("Asia/Tokyo"))
    moment = dt.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo.from_file(source, key="Europe/Oslo"))
    with pytest.raises(pickle.PicklingError):
        encode(moment)


def zone_file(key):
    for directory in zoneinfo.TZPATH:
        try:
            with open(f"{directory}/{key}", "rb") as file:
                return file.read()
        except FileNotFoundError:
            pass
    return (pytest.importorskip("importlib.resources").files("tzdata") / "zoneinfo" / key).read_bytes()


class HalfHour(dt.tzinfo):
    def utcoffset(self, moment):
        return dt.timedelta(minutes=30)

    def dst(self, moment):
        return None

    def tzname(self, moment):
        return "half"

    def __eq__(self, other):
        return type(other) is HalfHour

    __hash__ = None


class MyZone(zoneinfo.ZoneInfo):
    pass


@pytest.mark.parametrize("zone", [HalfHour(), MyZone("Europe/Oslo")], ids=["tzinfo", "subclass"])
def test_another_tzinfo_makes_the_value_opaque(zone):
    moment = dt.datetime(2024, 1, 1, tzinfo=zone)
    assert not is_key(moment)
    assert type(stored(moment).tzinfo) is type(zone)


def test_each_read_gives_a_fresh_value_and_changes_nothing():
    original = [1, {"a": [2]}]
    wire = encode(original)
    original[1]["a"].append(3)
    first, second = decode(wire), decode(wire)
    first[1]["a"].append(4)
    assert second == [1, {"a": [2]}]


def test_insertion_order_is_kept_and_no_part_of_equality():
    assert list(stored({"b": 1, "a": 2})) == ["b", "a"]
    assert equal({"b": 1, "a": 2}, {"a": 2, "b": 1})
    ordered = collections.OrderedDict(a=1, b=2, c=3)
    ordered.move_to_end("a")
    assert list(stored(ordered).items()) == [("b", 2), ("c", 3), ("a", 1)]


def test_small_terms_are_small():
    """The storage engine keeps a term of up to 15 bytes inside a column."""
    now = dt.datetime(2024, 7, 1, 12, 30, 15, 123456)
    for term in (
        *((1, 2), ("ab", 7), now, now.replace(tzinfo=UTC), now.replace(tzinfo=dt.timezone(dt.timedelta(hours=2)))),
        *(
            now.date(),
            now.time(),
            now.timetz(),
            dt.timedelta(-1, 1, 1),
            Decimal("-12345678.90"),
            2**70,
            Atom("delivered"),
        ),
    ):
        assert len(encode(term)) <= 15, term


# --- Stored as the built-in value


class Colour(enum.IntEnum):
    RED = 3


class Level(str, enum.Enum):
    HIGH = "high"


class Plain(enum.Enum):
    ONE = 1


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Data:
    x: int


class MyInt(int):
    pass


class MyFloat(float):
    pass


class MyStr(str):
    __slots__ = ()


class MyBytes(bytes):
    pass


class MyList(list):
    pass


class MyDict(dict):
    pass


class MySet(set):
    pass


class MyFrozenset(frozenset):
    pass


class MyDatetime(dt.datetime):
    pass


class MyDate(dt.date):
    pass


class MyTime(dt.time):
    pass


class MyTimedelta(dt.timedelta):
    pass


class MyDecimal(Decimal):
    pass


class MyUuid(uuid.UUID):
    pass


@pytest.mark.parametrize(
    ("obj", "builtin"),
    [
        (Colour.RED, 3),
        (Level.HIGH, "high"),
        (Point(1, 2), (1, 2)),
        (MyInt(7), 7),
        (MyInt(2**80), 2**80),
        (MyFloat(1.5), 1.5),
        (MyStr("abc"), "abc"),
        (MyStr("åbc"), "åbc"),
        (MyBytes(b"abc"), b"abc"),
        (MyList([1]), [1]),
        (MyDict(a=1), {"a": 1}),
        (MySet({1}), {1}),
        (MyFrozenset({1}), frozenset({1})),
        (MyDatetime(2024, 1, 2, 3, tzinfo=OSLO), dt.datetime(2024, 1, 2, 3, tzinfo=OSLO)),
        (MyDate(2024, 1, 2), dt.date(2024, 1, 2)),
        (MyTime(3), dt.time(3)),
        (MyTimedelta(3), dt.timedelta(3)),
        (MyDecimal("1.50"), Decimal("1.50")),
        (MyUuid(int=5), uuid.UUID(int=5)),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.defaultdict(list, a=[1]), {"a": [1]}),
        (time.struct_time(range(9)), tuple(range(9))),
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abcd"), b"abcd"),
        (memoryview(b"abcd")[::-2], b"db"),
        (memoryview(array.array("h", [1])), b"\x01\x00"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_subclass_is_stored_as_the_builtin_it_is(obj, builtin):
    for wrapped, expected in ((obj, builtin), ([obj], [builtin])):
        back = stored(wrapped)
        assert back == expected
        assert fingerprint(back) == fingerprint(expected)


@pytest.mark.parametrize(
    "obj",
    [Plain.ONE, Data(1), 1 + 2j, range(3), fractions.Fraction(1, 3), int, math.sin, ..., types.SimpleNamespace(a=1)],
    ids=repr,
)
def test_other_objects_are_pickled(obj):
    for wrapped in obj, [obj], {"a": (obj,)}:
        assert stored(wrapped) == wrapped
        assert not is_key(wrapped)
    assert equal(obj, copy.copy(obj))


def test_equal_objects_with_different_pickles_are_two_terms():
    text = "".join(["shared ", "text"])
    twice, copied = Data([text, text]), Data([text, "".join(["shared ", "text"])])
    assert twice == copied
    assert not equal(twice, copied)


# --- NumPy and pandas


def test_numpy_scalars():
    for scalar, builtin in (
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.float16(math.inf), math.inf),
        (np.bool_(True), True),
        (np.str_("å"), "å"),
        (np.bytes_(b"a"), b"a"),
    ):
        assert fingerprint(stored(scalar)) == fingerprint(builtin)
        assert is_key((scalar,))
    assert not is_key(np.complex128(1j))
    assert stored(np.complex128(1j)) == 1j
    assert stored(np.longdouble("0.1")) == np.longdouble("0.1")
    assert not is_key(np.longdouble("0.1"))
    assert (stored(np.arange(3)) == np.arange(3)).all()


@pytest.mark.parametrize("text", ["NaT", "2024-01-01"])
def test_numpy_times_are_refused(text):
    with pytest.raises(ValueError, match=r"^\[0\]: a numpy.datetime64 cannot be stored: store .*datetime"):
        encode([np.datetime64(text, "ns")])
    with pytest.raises(ValueError, match=r"numpy.timedelta64 cannot be stored: store .*timedelta"):
        encode(np.timedelta64(1, "ns"))


def test_pandas_scalars():
    pd = pytest.importorskip("pandas", reason="pandas is no dependency, and not made for every Python")
    naive = pd.Timestamp(2024, 1, 2, 3, 4, 5, 6)
    for stamp in naive, naive.tz_localize("UTC"), naive.tz_localize("Europe/Oslo"):
        if is_key(stamp):
            assert stored(stamp) == stamp.to_pydatetime()
            assert type(stored(stamp)) is dt.datetime
        else:  # an old pandas keeps zones of pytz
            assert stored(stamp) == stamp
    assert fingerprint(stored(pd.Timedelta(1, "us"))) == fingerprint(dt.timedelta(microseconds=1))
    with pytest.raises(ValueError, match=r"pandas\.NaT cannot be stored: store None"):
        encode(pd.NaT)
    with pytest.raises(ValueError, match="Timestamp with nanoseconds cannot be stored: store"):
        encode(pd.Timestamp(1))
    with pytest.raises(ValueError, match="Timedelta with nanoseconds cannot be stored: store"):
        encode(pd.Timedelta(1))
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        encode(pd.Timestamp(np.datetime64("20000-01-01", "s")))
    with pytest.raises(ValueError, match=r"beyond the range of datetime\.timedelta"):
        encode(pd.Timedelta(np.timedelta64(2**60, "s")))


# --- Equality and order


def test_exact_equality_keeps_types_apart():
    terms = [
        1,
        1.0,
        True,
        "1",
        b"1",
        Decimal(1),
        (1,),
        (1.0,),
        [1],
        {1},
        {1: 1},
        {1: 1.0},
        {1.0: 1},
        None,
        Atom("1"),
        0,
        "",
        b"",
        (),
        [],
    ]
    for i, a in enumerate(terms):
        for j, b in enumerate(terms):
            assert equal(a, b) == (i == j), (a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (0.0, -0.0),
        (math.nan, -math.nan),
        (math.nan, math.inf - math.inf),
        ({1, 2}, frozenset({2, 1})),
        (Decimal("1.0"), Decimal("1.00")),
        (Decimal("100"), Decimal("1E+2")),
        (Decimal("0"), Decimal("-0.000")),
        (Decimal("NaN"), Decimal("sNaN12")),
        (dt.datetime(2024, 1, 1, 12, tzinfo=UTC), dt.datetime(2024, 1, 1, 13, tzinfo=OSLO)),
        (dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, fold=1)),
        (dt.time(12, tzinfo=UTC), dt.time(13, tzinfo=dt.timezone(dt.timedelta(hours=1)))),
        (dt.time(12), dt.time(12, tzinfo=OSLO)),
    ],
    ids=repr,
)
def test_values_written_in_several_ways_are_one(a, b):
    for x, y in ((a, b), ((a, 1), (b, 1)), ({"k": [a]}, {"k": [b]})):
        assert equal(x, y)
        assert _core._term_hash(x, 5) == _core._term_hash(y, 5)
        assert fingerprint(stored(x)) == fingerprint(x)
        assert fingerprint(stored(y)) == fingerprint(y)


def test_the_order_of_all_terms():
    noon = dt.datetime(2024, 7, 1, 12)
    in_order = [
        *(
            -math.inf,
            -(2**2000),
            -(2**64),
            -1.5,
            -1,
            0,
            0.5,
            1,
            2**53,
            2.0**53 + 2,
            2**63,
            10.0**300,
            2**1024,
            math.inf,
            math.nan,
        ),
        *(Atom(""), Atom("a"), False, Atom("g"), None, True, Atom("z"), Atom("å")),
        *(
            noon,
            noon.replace(hour=13),
            noon.replace(year=1, tzinfo=UTC),
            noon.replace(hour=13, tzinfo=dt.timezone(dt.timedelta(hours=3))),
        ),
        noon.replace(hour=11, tzinfo=UTC),
        *(dt.date(1, 1, 1), dt.date(2024, 1, 1)),
        *(dt.time(1), dt.time(2), dt.time(0, tzinfo=UTC)),
        *(dt.timedelta(-1), dt.timedelta(0), dt.timedelta(0, 1), dt.timedelta(0, 1, 1)),
        *map(
            Decimal,
            (
                "-Infinity",
                "-1E+50",
                "-2",
                "-1.99",
                "0",
                "1E-50",
                "1.99",
                "2",
                "10",
                "1E+5000",
                "2E+5000",
                "Infinity",
                "NaN",
            ),
        ),
        *(uuid.UUID(int=1), uuid.UUID(int=256), uuid.UUID(int=2**127)),
        *((), (5,), ("a",), (0, 0), (0, "a"), (1, -1), tuple(range(300)), tuple(range(301))),
        *({}, {5: 1}, {0.5: 1}, {"a": 1}, {"a": 2}, {1: 2, 2: 1}, {1: 2, 3: 0}, {1: 1, 2.0: 1}),
        *(set(), {5}, {0.5}, {1, 2}, {1, 3}),
        *([], [0], [0, 0], [0, "a"], [1], [[]], ["a"]),
        *("", "A", "a", "a\0", "aa", "b", "å", "\uffff", "\U0001f600"),
        *(b"", b"\0", b"a", b"aa", b"\xff"),
        1j,
    ]
    for i, a in enumerate(in_order):
        for j, b in enumerate(in_order):
            assert _core._term_compare(a, b, True) == (i > j) - (i < j), (a, b)
            if i <= j:
                assert _core._term_sort_key(a) <= _core._term_sort_key(b), (a, b)


def test_numeric_equality_goes_into_values_but_not_into_keys():
    def same(a, b):
        return _core._term_compare(a, b, True) == 0

    assert same(1, 1.0)
    assert not same(1, True)
    assert same((1, [2.0]), (1.0, [2]))
    assert same({"a": 1}, {"a": 1.0})
    assert not same({1: "a"}, {1.0: "a"})
    assert less({1: "b"}, {1.0: "a"})
    assert not same({1}, {1.0})
    assert same(2**53, 2.0**53)
    assert not same(2**53 + 1, 2.0**53)
    assert not same(2**64 + 1, 2.0**64)


def test_sort_keys_tell_terms_apart():
    """Being monotone is a law (test_term_laws.py); to be of use they must also differ."""
    samples = [
        range(-500, 500),
        [i / 8 for i in range(500)],
        [f"key{i:04}" for i in range(500)],
        [(i, "x") for i in range(500)],
        [(f"k{i:04}", 0) for i in range(500)],
        [[i] for i in range(500)],
        [dt.datetime(2024, 1, 1) + dt.timedelta(microseconds=i) for i in range(500)],
        [dt.date(2024, 1, 1) + dt.timedelta(i) for i in range(500)],
        [dt.timedelta(milliseconds=i) for i in range(500)],
        [Decimal(i) / 100 for i in range(-250, 250)],
        [uuid.UUID(int=i << 80) for i in range(500)],
        [{i: i for i in range(n)} for n in range(50)],
    ]
    for sample in samples:
        assert len({_core._term_sort_key(term) for term in sample}) == len(sample)


# --- Atoms


def test_atoms():
    assert Atom("true") is True
    assert Atom("false") is False
    assert Atom("nil") is None
    assert Atom("x") == Atom("x") != Atom("y")
    assert hash(Atom("x")) == hash(Atom("x"))
    assert Atom("x") != "x"
    assert len({Atom("x"), Atom("x"), "x"}) == 2
    assert Atom("a") < Atom("b") <= Atom("b") > Atom("a")
    assert (repr(Atom("x y")), str(Atom("x")), Atom("x").name) == ("Atom('x y')", "x", "x")
    assert Atom(name="x") == Atom("x")
    assert type(Atom(MyStr("x")).name) is str
    with pytest.raises(TypeError):
        Atom("a") < "b"  # noqa: B015
    for name in 1, None, b"x":
        with pytest.raises(TypeError):
            Atom(name)
    with pytest.raises(TypeError):
        Atom()
    with pytest.raises(ValueError, match="at most 255 characters, this name has 256"):
        Atom("a" * 256)
    with pytest.raises(ValueError, match="lone surrogate"):
        Atom("a\ud800")


def test_atoms_are_immutable_and_final():
    atom = Atom("x")
    with pytest.raises(AttributeError):
        atom.name = "y"
    with pytest.raises(AttributeError):
        atom.other = 1
    with pytest.raises(TypeError):
        Atom.name = 1
    with pytest.raises(TypeError):
        type("MyAtom", (Atom,), {})
    with pytest.raises(TypeError):
        object.__new__(Atom)


def test_atoms_are_pickled_and_copied():
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(Atom("x"), protocol)) == Atom("x")
    assert copy.deepcopy([Atom("x")]) == [Atom("x")]
    assert stored(Data(Atom("x"))) == Data(Atom("x"))


# --- Rows


def test_rows_of_atomic_values_are_unknown_to_the_collector():
    row = _core._term_decode_row
    atomic = (
        1,
        2.5,
        "a",
        "å",
        None,
        True,
        Atom("x"),
        b"b",
        2**80,
        dt.date(2024, 1, 1),
        Decimal(1),
        uuid.UUID(int=1),
        (1, ("a",)),
    )
    assert row(*atomic) == atomic
    for values in atomic, (1,), ((), 1):
        assert not gc.is_tracked(row(*values))
    for value in [], {}, set(), frozenset(), ([],), 1j:
        assert gc.is_tracked(row(1, value)) == isinstance(value, (list, dict, set, frozenset, tuple))
    assert row() == ()


def test_references_are_balanced():
    """Whatever goes in, or is refused, is let go of."""

    class Witness:
        def __reduce__(self):
            return (list, ())

    class Refused:
        def __reduce__(self):
            raise ZeroDivisionError

    def make(inner):
        return [("a" * 50, {"k": inner, "l": {1, 2}}), collections.OrderedDict(a=inner), {"b": [bytearray(5), inner]}]

    for kind in Witness, Refused:
        witness = kind()
        gone = weakref.ref(witness)
        for _ in range(5):
            try:
                encode(make(witness))
            except ZeroDivisionError:
                assert kind is Refused
        del witness
        gc.collect()
        assert gone() is None

    terms = [
        1,
        "x" * 9,
        (2**70, "å"),
        {"a": [1.5]},
        {1, (2,)},
        Atom("x"),
        dt.datetime(2024, 1, 1, tzinfo=OSLO),
        Decimal("1.5"),
        uuid.UUID(int=3),
    ]
    for term in terms:
        stored(term)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(200):
        for term in terms:
            stored(term)
            _core._term_compare(term, term, True)
    gc.collect()
    assert abs(sys.getallocatedblocks() - before) < 100


def test_nothing_foreign_is_imported_for_the_builtin_types():
    code = (
        "import sys; from partita import _core; before = set(sys.modules);"
        "_core._term_encode([1, 'a', {'b': (1.5, b'c')}, {1}, None]);"
        "print(sorted(set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )
    assert run.stdout.strip() == "[]"
