"""Erlang's external term format, as much of it as the judges need to talk to a real Erlang.

Strings travel as UTF-8 binaries and come back as `str`; bytes that are no text come back with surrogates in it. `None`,
`False` and `True` are the atoms nil, false and true.
"""

import struct

from partita import Atom

VERSION = 131
NEW_FLOAT, SMALL_INTEGER, INTEGER, SMALL_BIG, LARGE_BIG = 70, 97, 98, 110, 111
ATOM_LATIN1, SMALL_ATOM_LATIN1, ATOM_UTF8, SMALL_ATOM_UTF8 = 100, 115, 118, 119
SMALL_TUPLE, LARGE_TUPLE, NIL, STRING, LIST, BINARY, MAP = 104, 105, 106, 107, 108, 109, 116

SINGLETON_NAMES = {None: "nil", False: "false", True: "true"}
SINGLETONS = {name: value for value, name in SINGLETON_NAMES.items()}


def dumps(term):
    out = bytearray((VERSION,))
    encode(term, out)
    return bytes(out)


def encode(term, out):
    kind = type(term)
    if kind is int:
        encode_int(term, out)
    elif kind is str:
        data = term.encode()
        out += struct.pack(">BI", BINARY, len(data))
        out += data
    elif kind is bytes:
        out += struct.pack(">BI", BINARY, len(term))
        out += term
    elif kind is float:
        out += struct.pack(">Bd", NEW_FLOAT, term)
    elif kind is tuple:
        out += (
            struct.pack(">BB", SMALL_TUPLE, len(term))
            if len(term) < 256
            else struct.pack(">BI", LARGE_TUPLE, len(term))
        )
        for element in term:
            encode(element, out)
    elif kind is list:
        if term:
            out += struct.pack(">BI", LIST, len(term))
            for element in term:
                encode(element, out)
        out.append(NIL)
    elif kind is dict:
        out += struct.pack(">BI", MAP, len(term))
        for key, value in term.items():
            encode(key, out)
            encode(value, out)
    elif kind in (bool, type(None), Atom):
        name = (str(term) if kind is Atom else SINGLETON_NAMES[term]).encode()
        out += (
            struct.pack(">BB", SMALL_ATOM_UTF8, len(name))
            if len(name) < 256
            else struct.pack(">BH", ATOM_UTF8, len(name))
        )
        out += name
    else:
        raise ValueError(f"no Erlang form for {kind.__name__}: {term!r}")


def encode_int(number, out):
    if 0 <= number < 256:
        out += bytes((SMALL_INTEGER, number))
    elif -(2**31) <= number < 2**31:
        out += struct.pack(">Bi", INTEGER, number)
    else:
        data = abs(number).to_bytes((number.bit_length() + 7) // 8, "little")
        out += struct.pack(">BB", SMALL_BIG, len(data)) if len(data) < 256 else struct.pack(">BI", LARGE_BIG, len(data))
        out.append(number < 0)
        out += data


def loads(data):
    if data[0] != VERSION:
        raise ValueError(f"external term format starts with {VERSION}, not {data[0]}")
    term, end = decode(data, 1)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes after the term")
    return term


def decode(data, at):
    """The term that starts at `at`, and where it ends."""
    tag = data[at]
    at += 1
    if tag == SMALL_INTEGER:
        return data[at], at + 1
    if tag == INTEGER:
        return struct.unpack_from(">i", data, at)[0], at + 4
    if tag == NEW_FLOAT:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if tag in (SMALL_ATOM_UTF8, SMALL_ATOM_LATIN1, ATOM_UTF8, ATOM_LATIN1):
        size, at = unsigned(data, at, 1 if tag in (SMALL_ATOM_UTF8, SMALL_ATOM_LATIN1) else 2)
        text = data[at : at + size].decode("utf-8" if tag in (SMALL_ATOM_UTF8, ATOM_UTF8) else "latin-1")
        return (SINGLETONS[text] if text in SINGLETONS else Atom(text)), at + size
    if tag in (SMALL_TUPLE, LARGE_TUPLE):
        size, at = unsigned(data, at, 1 if tag == SMALL_TUPLE else 4)
        elements, at = decode_elements(data, at, size)
        return tuple(elements), at
    if tag == NIL:
        return [], at
    if tag == STRING:
        size, at = unsigned(data, at, 2)
        return list(data[at : at + size]), at + size
    if tag == LIST:
        size, at = unsigned(data, at, 4)
        elements, at = decode_elements(data, at, size)
        if data[at] != NIL:
            raise ValueError("an improper list")
        return elements, at + 1
    if tag == BINARY:
        size, at = unsigned(data, at, 4)
        return data[at : at + size].decode(errors="surrogateescape"), at + size
    if tag == MAP:
        size, at = unsigned(data, at, 4)
        elements, at = decode_elements(data, at, 2 * size)
        return dict(zip(elements[::2], elements[1::2], strict=True)), at
    if tag in (SMALL_BIG, LARGE_BIG):
        size, at = unsigned(data, at, 1 if tag == SMALL_BIG else 4)
        magnitude = int.from_bytes(data[at + 1 : at + 1 + size], "little")
        return (-magnitude if data[at] else magnitude), at + 1 + size
    raise ValueError(f"tag {tag} at {at - 1} is none of those known here")


def unsigned(data, at, width):
    return int.from_bytes(data[at : at + width], "big"), at + width


def decode_elements(data, at, count):
    elements = []
    for _ in range(count):
        element, at = decode(data, at)
        elements.append(element)
    return elements, at
