"""External terms: a real Erlang reads what we write, and we read what it writes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import etf
from helpers.erlang_terms import TERMS, read_back
from helpers.terms import exact
from partita import Atom
from partita import erlang as partita_erlang

OPTIONS = [
    [],
    [Atom("compressed")],
    [(Atom("compressed"), 1)],
    [(Atom("minor_version"), 0)],
    [(Atom("minor_version"), 1)],
    [(Atom("minor_version"), 2)],
    [Atom("deterministic")],
    [Atom("deterministic"), Atom("compressed")],
]


def written_by(erlang, term, options=()):
    """term_to_binary(Term, Options), of a term that Erlang reads from us."""
    erlang.send_bytes(partita_erlang.dumps((Atom("term_to_binary"), term, list(options))))
    return partita_erlang.loads(erlang.receive_bytes(), binaries="bytes")


@settings(max_examples=150)
@given(term=TERMS, options=st.sampled_from(OPTIONS), binaries=st.sampled_from(["auto", "bytes"]))
def test_what_erlang_writes_is_read(erlang, term, options, binaries):
    data = written_by(erlang, term, options)
    assert exact(partita_erlang.loads(data, binaries=binaries)) == exact(read_back(term, binaries))


@settings(max_examples=100)
@given(term=TERMS, compressed=st.sampled_from([False, True, 1, 9]))
def test_what_we_write_is_what_another_encoder_means(erlang, term, compressed):
    """Beside our bytes Erlang gets those of the tests' own encoder, and finds both to be one term."""
    other = etf.dumps(term)
    if compressed:  # only the outermost term may be compressed
        assert exact(partita_erlang.loads(partita_erlang.dumps(term, compressed=compressed))) == exact(read_back(term))
    erlang.send_bytes(partita_erlang.dumps((Atom("same"), term, other), compressed=compressed))
    assert erlang.receive() is True


def test_a_million_zeros_are_compressed_both_ways(erlang):
    zeros = [0] * 10**6
    data = written_by(erlang, zeros, [Atom("compressed")])
    assert len(data) < 10**5
    assert partita_erlang.loads(data) == zeros
    assert len(partita_erlang.dumps(zeros, compressed=True)) < 10**5


def test_ints_texts_and_lists_are_written_as_erlang_does(erlang):
    """To the byte, where term_to_binary has no choice of its own."""
    for term in (0, 255, 256, -1, 2**31, -(2**63), 2**2040, "å", [1, 2], [1, 256], [0] * 65536, (), ("a",) * 256, {}):
        assert partita_erlang.dumps(term) == written_by(erlang, term)


def test_what_has_no_counterpart_is_named(erlang):
    erlang.send_bytes(partita_erlang.dumps(Atom("without_counterpart")))
    samples = partita_erlang.loads(erlang.receive_bytes(), binaries="bytes")
    assert len(samples) == 7
    for name, data in samples:
        with pytest.raises(ValueError, match=rf"^byte \d+: an? {name}"):
            partita_erlang.loads(data)
        inside = bytes([131, 104, 2, 106]) + data[1:]
        with pytest.raises(ValueError, match=rf"^byte (4|1\d): an? {name}"):
            partita_erlang.loads(inside)
