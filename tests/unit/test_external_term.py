"""Erlang's external term format, byte by byte: every tag, every option, every refusal."""

import contextlib
import decimal
import enum
import math
import struct
import zlib

import numpy as np
import pytest

from helpers.terms import exact
from partita import Atom, erlang


def term(*parts):
    """The bytes of a term: 131, then ints as bytes and bytes as they are."""
    return b"\x83" + b"".join(part if isinstance(part, bytes) else bytes([part]) for part in parts)


def u16(number):
    return struct.pack(">H", number)


def u32(number):
    return struct.pack(">I", number)


FORMS = {
    "small integer": (term(97, 255), 255),
    "integer": (term(98, b"\xff\xff\xff\xff"), -1),
    "float": (term(70, struct.pack(">d", 1.5)), 1.5),
    "old float": (term(99, b"1.50000000000000000000e+00".ljust(31, b"\0")), 1.5),
    "old float, full": (term(99, b"-1.234567890123456789012345e-100"[:31]), float("-1.234567890123456789012345e-10")),
    "small big": (term(110, 8, 0, b"\0\0\0\0\0\0\0\x80"), 2**63),
    "small big within 64 bits": (term(110, 8, 1, b"\0\0\0\0\0\0\0\x80"), -(2**63)),
    "small big with zeros": (term(110, 10, 1, b"\5".ljust(10, b"\0")), -5),
    "small big zero": (term(110, 0, 1), 0),
    "large big": (term(111, u32(9), 1, b"\1".rjust(9, b"\0")), -(2**64)),
    "atom in Latin-1": (term(100, u16(1), b"\xe5"), Atom("å")),
    "small atom in Latin-1": (term(115, 1, b"\xe5"), Atom("å")),
    "atom": (term(118, u16(2), "å".encode()), Atom("å")),
    "small atom": (term(119, 2, "å".encode()), Atom("å")),
    "true": (term(100, u16(4), b"true"), True),
    "false": (term(119, 5, b"false"), False),
    "nil": (term(119, 3, b"nil"), None),
    "undefined": (term(119, 9, b"undefined"), Atom("undefined")),
    "empty tuple": (term(104, 0), ()),
    "small tuple": (term(104, 2, 97, 1, 104, 0), (1, ())),
    "large tuple": (term(105, u32(1), 97, 1), (1,)),
    "empty list": (term(106), []),
    "string": (term(107, u16(3), b"\0\x7f\xff"), [0, 127, 255]),
    "list": (term(108, u32(2), 97, 1, 106, 106), [1, []]),
    "list whose tail is a list": (term(108, u32(1), 97, 1, 108, u32(1), 97, 2, 106), [1, 2]),
    "list whose tail is a string": (term(108, u32(1), 97, 1, 107, u16(1), 2), [1, 2]),
    "text": (term(109, u32(2), "å".encode()), "å"),
    "binary": (term(109, u32(2), b"\xff\xfe"), b"\xff\xfe"),
    "bit binary of whole bytes": (term(77, u32(1), 8, b"a"), "a"),
    "map": (term(116, u32(1), 97, 1, 106), {1: []}),
    "map of numbers": (term(116, u32(3), 97, 1, 106, 70, struct.pack(">d", 1.5), 106, 98, u32(2), 106), None),
    "compressed": (term(80, u32(2), zlib.compress(b"a\7")), 7),
}
FORMS["map of numbers"] = (FORMS["map of numbers"][0], {1: [], 1.5: [], 2: []})


@pytest.mark.parametrize("name", FORMS)
def test_reads(name):
    data, value = FORMS[name]
    for given in (data, bytearray(data), memoryview(data)):
        assert exact(erlang.loads(given)) == exact(value)


@pytest.mark.parametrize("name", FORMS)
def test_every_prefix_is_refused(name):
    data, _ = FORMS[name]
    for size in range(len(data)):
        with pytest.raises(ValueError, match=r"^byte \d+: "):
            erlang.loads(data[:size])


@pytest.mark.parametrize("name", FORMS)
def test_any_byte_may_be_another(name):
    """A term or a ValueError."""
    data, _ = FORMS[name]
    for at in range(len(data)):
        for byte in range(256):
            with contextlib.suppress(ValueError):
                erlang.loads(data[:at] + bytes([byte]) + data[at + 1 :])


WRITTEN = {
    "small integer": (255, term(97, 255)),
    "integer": (-1, term(98, b"\xff" * 4)),
    "int of 32 bits": (2**31, term(110, 4, 0, b"\0\0\0\x80")),
    "int of 64 bits": (-(2**63), term(110, 8, 1, b"\0\0\0\0\0\0\0\x80")),
    "small big": (2**2040 - 1, term(110, 255, 0, b"\xff" * 255)),
    "large big": (-(2**2040), term(111, u32(256), 1, b"\1".rjust(256, b"\0"))),
    "float": (-0.0, term(70, b"\x80".ljust(8, b"\0"))),
    "None": (None, term(119, 3, b"nil")),
    "True": (True, term(119, 4, b"true")),
    "False": (False, term(119, 5, b"false")),
    "atom": (Atom("å"), term(119, 2, "å".encode())),
    "long atom": (Atom("å" * 255), term(118, u16(510), "å".encode() * 255)),
    "str": ("å", term(109, u32(2), "å".encode())),
    "bytes": (b"\xff", term(109, u32(1), 255)),
    "bytearray": (bytearray(b"a"), term(109, u32(1), b"a")),
    "tuple": ((1, ()), term(104, 2, 97, 1, 104, 0)),
    "large tuple": ((0,) * 256, term(105, u32(256), b"a\0" * 256)),
    "empty list": ([], term(106)),
    "list as a string": ([0, 255], term(107, u16(2), 0, 255)),
    "longest string": ([7] * 65535, term(107, u16(65535), b"\7" * 65535)),
    "list": ([0, 256], term(108, u32(2), 97, 0, 98, u32(256), 106)),
    "long list": ([7] * 65536, term(108, u32(65536), b"a\7" * 65536, 106)),
    "list of a bool": ([True], term(108, u32(1), 119, 4, b"true", 106)),
    "dict": ({"a": 1, b"b": 2}, term(116, u32(2), 109, u32(1), b"a", 97, 1, 109, u32(1), b"b", 97, 2)),
    "what counts as an int": (enum.IntEnum("Colour", ["RED"]).RED, term(97, 1)),
    "what counts as a float": (np.float64(0), term(70, bytes(8))),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_writes(name):
    value, data = WRITTEN[name]
    assert erlang.dumps(value) == data


def test_binaries():
    text, other = term(109, u32(1), b"a"), term(109, u32(1), 255)
    both = erlang.dumps([{"k": "å"}, b"\xff"])
    assert [erlang.loads(data) for data in (text, other)] == ["a", b"\xff"]
    assert [erlang.loads(data, binaries="bytes") for data in (text, other)] == [b"a", b"\xff"]
    assert erlang.loads(both, binaries="bytes") == [{b"k": "å".encode()}, b"\xff"]
    assert erlang.loads(text, binaries="str") == "a"
    with pytest.raises(ValueError, match="byte 1: a binary that is not UTF-8"):
        erlang.loads(other, binaries="str")
    with pytest.raises(ValueError, match="binaries is 'text': it must be 'auto', 'str' or 'bytes'"):
        erlang.loads(text, binaries="text")


ONE, FLOAT_ONE, TRUE = b"a\1", b"F\x3f\xf0\0\0\0\0\0\0", b"w\4true"


def map_of(*keys):
    return term(116, u32(len(keys)), b"".join(key + b"j" for key in keys))


@pytest.mark.parametrize(
    "keys",
    [
        (ONE, FLOAT_ONE),
        (ONE, TRUE),
        (FLOAT_ONE, TRUE),
        (b"a\0", b"w\5false"),
        (b"a\0", b"F" + struct.pack(">d", -0.0)),
        (b"F" + struct.pack(">d", 0.0), b"F" + struct.pack(">d", -0.0)),
        (b"n\x0a\0" + (2**79).to_bytes(10, "little"), b"F" + struct.pack(">d", 2.0**79)),
        (b"h\1" + ONE, b"h\1" + FLOAT_ONE),
        (b"h\2jj".replace(b"j", ONE), b"h\2" + ONE + TRUE),
    ],
)
def test_keys_that_a_dict_takes_for_one(keys):
    data = map_of(*keys, b"m\0\0\0\1x")
    with pytest.raises(ValueError, match=r"byte 1: a map with keys that are one key in Python.*maps=\"pairs\""):
        erlang.loads(data)
    pairs = erlang.loads(data, maps="pairs")
    assert [exact(key) for key, _ in pairs] == [exact(erlang.loads(b"\x83" + key)) for key in keys] + [exact("x")]


def test_keys_that_are_nearly_one():
    keys = [2**53, 2**53 + 1, 0.5, True, 2, (1, 2), (1, 2.5), 2.0**80 + 2**40, 2**80, -(2.0**80)]
    assert len(erlang.loads(map_of(*(erlang.dumps(key)[1:] for key in keys)))) == len(keys)


@pytest.mark.parametrize("key", [b"j", b"k\0\1a", b"l\0\0\0\1a\1j", b"t\0\0\0\0", b"h\1j", b"h\2a\1t\0\0\0\0"])
def test_keys_that_do_not_hash(key):
    with pytest.raises(ValueError, match=r"byte \d+: a (list|map) as a key of a map, or inside one"):
        erlang.loads(map_of(key))
    assert erlang.loads(map_of(key), maps="pairs") == [(erlang.loads(b"\x83" + key, maps="pairs"), [])]
    with pytest.raises(ValueError, match="maps is 'list': it must be 'dict' or 'pairs'"):
        erlang.loads(map_of(key), maps="list")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "byte 0: cut off"),
        (b"\x82a\1", "byte 0: no term in external form"),
        (term(), "byte 1: cut off"),
        (term(1), "byte 1: no tag of a term: 1"),
        (term(97, 1, 0), "byte 3: 1 bytes after the end"),
        (term(70, b"\x7f\xf0".ljust(8, b"\0")), "byte 1: a float that is not finite"),
        (term(70, b"\x7f\xf8".ljust(8, b"\0")), "byte 1: a float that is not finite"),
        (term(99, b"inf".ljust(31, b"\0")), "byte 1: a float that is not finite"),
        (term(99, b"1.5x".ljust(31, b"\0")), "byte 1: a float that is no number"),
        (term(99, bytes(31)), "byte 1: a float that is no number"),
        (term(105, b"\xff" * 4, 97, 1), "byte 2: cut off: a count"),
        (term(108, b"\xff" * 4, 97, 1), "byte 2: cut off: a count"),
        (term(116, b"\xff" * 4, 97, 1), "byte 2: cut off: a count"),
        (term(109, b"\xff" * 4, 97, 1), "byte 2: cut off: a count"),
        (term(119, 1, 255), "byte 1: an atom that is not UTF-8"),
        (term(118, u16(256), b"a" * 256), "byte 1: an atom of more than 255 characters"),
        (term(100, u16(256), b"a" * 256), "byte 1: an atom of more than 255 characters"),
        (term(77, u32(1), 3, 0xE0), "byte 1: a bit string that is no whole bytes"),
        (term(77, u32(1), 9, 0xE0), "byte 1: a bit string whose last byte"),
        (term(77, u32(0), 1), "byte 1: a bit string whose last byte"),
        (term(108, u32(1), 97, 1, 97, 2), "byte 8: an improper list"),
        (term(116, u32(2), b"a\1ja\1j"), "byte 1: a map that has a key twice"),
        (term(106) * 2, "byte 2: 2 bytes after the end"),
        (term(103), "byte 1: a pid"),
        (term(88), "byte 1: a pid"),
        (term(102), "byte 1: a port"),
        (term(89), "byte 1: a port"),
        (term(120), "byte 1: a port"),
        (term(101), "byte 1: a reference"),
        (term(114), "byte 1: a reference"),
        (term(90), "byte 1: a reference"),
        (term(117), "byte 1: a fun"),
        (term(112), "byte 1: a fun"),
        (term(113), "byte 1: a fun"),
        (term(121), "byte 1: a term that only the node"),
        (term(104, 1, 80, u32(2), zlib.compress(b"a\7")), "byte 3: no tag of a term: 80"),
        (term(80, u32(3), zlib.compress(b"a\7")), "byte 1: what is compressed is shorter"),
        (term(80, u32(1), zlib.compress(b"a\7")), "byte 1: what is compressed is longer"),
        (term(80, u32(2), zlib.compress(b"a\7"), 0), "byte 1: bytes after what is compressed"),
        (term(80, u32(2), b"nothing"), "byte 1: what is compressed is damaged"),
        (term(80, b"\xff" * 4, zlib.compress(b"a\7")), "byte 1: more than such a compressed term can hold"),
        (term(80, u32(2), zlib.compress(b"gg")), "byte 1: a pid.*byte 0 of what was compressed"),
        (term(80, u32(3), zlib.compress(b"a\7a")), "byte 1: 1 bytes after.*byte 2 of what was compressed"),
    ],
)
def test_refusals(data, words):
    with pytest.raises(ValueError, match=words):
        erlang.loads(data)


def test_depth():
    deepest = b"\x83" + b"h\1" * 499 + b"j"
    value = erlang.loads(deepest)
    assert erlang.dumps(value) == deepest
    for tag in (b"h\1", b"i\0\0\0\1", b"l\0\0\0\1", b"t\0\0\0\1a\2"):
        for depth in (500, 100_000):  # and the list in the middle
            with pytest.raises(ValueError, match="nested deeper than 500"):
                erlang.loads(b"\x83" + tag * depth + b"j" * (depth + 1))
    maps = b"\x83" + b"t\0\0\0\1a\2" * 250 + b"a\1"
    assert erlang.loads(maps, maps="pairs")
    with pytest.raises(ValueError, match="nested deeper than 500"):
        erlang.loads(b"\x83" + b"t\0\0\0\1a\2" * 251 + b"a\1", maps="pairs")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({1, 2}, r"^set has no Erlang form: \{1, 2\}$"),
        ([1, (2, {"a": frozenset()})], r"^frozenset has no Erlang form: frozenset\(\)$"),
        (math.inf, "^float has no Erlang form: inf$"),
        (math.nan, "^float has no Erlang form: nan$"),
        (decimal.Decimal(1), r"Decimal has no Erlang form: Decimal\('1'\)"),
        (3j, r"^complex has no Erlang form: 3j$"),
        ({"a": 1, b"a": 2}, "^dict has no Erlang form: .* one key there$"),
        ({("a", 1): 1, (b"a", 1): 2}, "^dict has no Erlang form: .* one key there$"),
        ("\ud800", "surrogate"),
    ],
)
def test_what_has_no_erlang_form(value, words):
    with pytest.raises(ValueError, match=words):
        erlang.dumps(value)


def test_keys_of_text_and_bytes_that_differ():
    value = {"a": 1, b"b": 2, ("a", b"c"): 3, "c": {b"a": "a"}}
    assert erlang.loads(erlang.dumps(value)) == {"a": 1, "b": 2, ("a", "c"): 3, "c": {"a": "a"}}


def test_compressed():
    value = ["again and again"] * 1000
    plain = erlang.dumps(value)
    sizes = [len(erlang.dumps(value, compressed=level)) for level in (False, 0, True, 6, 1, 9)]
    assert sizes[0] == sizes[1] == len(plain)
    assert sizes[2] == sizes[3] < 300
    for level in (True, 1, 9):
        assert erlang.loads(erlang.dumps(value, compressed=level)) == value
    assert erlang.dumps(7, compressed=True) == erlang.dumps(7)
    for level in (-1, 10):
        with pytest.raises(ValueError, match=f"compressed is {level}"):
            erlang.dumps(7, compressed=level)
    with pytest.raises(TypeError, match="compressed is a bool or a level"):
        erlang.dumps(7, compressed="yes")


def test_wrong_arguments():
    with pytest.raises(TypeError):
        erlang.loads("text")
    with pytest.raises(TypeError):
        erlang.loads(None)
