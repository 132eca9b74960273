"""Real Erlang as the judge of match specifications: random ones, run by ets:match_spec_run and by the engine.

What the two do differently on purpose is evened out in draw_specs.to_erlang (elements count from 1 there) and here:
where our body fails, ETS puts 'EXIT' into the result, and then it is the naive evaluator that must say what ETS says.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import partita
from differential import draw, draw_specs
from helpers import naive_match
from helpers.terms import exact
from partita import Atom, V

SEED = int(os.environ.get("PARTITA_SEED") or 0)
CASES_A_REQUEST = 200
CASES = 200 * settings.default.max_examples
# Which functions an Erlang knows depends on its version; bytes are left to our own evaluator.
ASKED = frozenset(
    name for name in naive_match.FUNCTIONS if isinstance(name, str) and name not in ("is_bytes", "is_str")
)


@pytest.fixture(scope="module")
def vocabulary(erlang):
    names = sorted(ASKED)
    known = {"is_str", *naive_match.SPELLINGS}
    for count in (1, 2, 3):
        cases = [(to_judge([((V[0],), [], [(name, *[1] * count)])]), []) for name in names]
        replies = erlang.ask((Atom("match_specs"), cases))
        known |= {name for name, (status, _) in zip(names, replies, strict=True) if str(status) == "ok"}
    assert len(known) > 45
    return draw_specs.Vocabulary(draw.term, frozenset(known))


def to_judge(spec):
    return draw_specs.to_erlang(spec)


def case(source, vocabulary):
    rows = [tuple(draw.term(source) for _ in range(source.below(5))) for _ in range(1 + source.below(3))]
    if rows[0] and source.below(2):
        rows[0] = (*rows[0], draw.pick(source, rows[0]))
    return draw_specs.spec(source, vocabulary, rows[0]), rows


def holds_invalid_text(term):
    if isinstance(term, (tuple, list)):
        return any(map(holds_invalid_text, term))
    if isinstance(term, dict):
        return any(holds_invalid_text(key) or holds_invalid_text(value) for key, value in term.items())
    return isinstance(term, str) and any("\ud800" <= char <= "\udfff" for char in term)


def difference(spec, row, theirs):
    """`theirs`: ETS's list of one result or none. What differs, or None."""
    try:
        ours = partita.matchspec(spec).run([row])
    except partita.MatchError:
        try:
            ours = [naive_match.run(spec, row, exits=True)]
        except naive_match.OtherInEtsError:
            return None
        if holds_invalid_text(theirs):
            return None
    if [exact(result) for result in ours] == [exact(result) for result in theirs]:
        return None
    return f"{spec!r}\non {row!r}\n  ETS:     {theirs!r}\n  partita: {ours!r}"


def first_difference(erlang, cases):
    replies = erlang.ask((Atom("match_specs"), [(to_judge(spec), rows) for spec, rows in cases]))
    for (spec, rows), (status, results) in zip(cases, replies, strict=True):
        assert str(status) == "ok", f"ETS finds malformed: {to_judge(spec)!r}"
        for row, result in zip(rows, results, strict=True):
            if found := difference(spec, row, result):
                return found
    return None


@given(data=st.data())
@settings(suppress_health_check=list(HealthCheck))
def test_short(erlang, vocabulary, data):
    cases = [case(draw.Drawn(data.draw), vocabulary)]
    assert first_difference(erlang, cases) is None


def judge_many(erlang, vocabulary, first_seed, count):
    for start in range(first_seed, first_seed + count, CASES_A_REQUEST):
        seeds = range(start, start + CASES_A_REQUEST)
        cases = [case(draw.Seeded(seed), vocabulary) for seed in seeds]
        if found := first_difference(erlang, cases):
            pytest.fail(f"PARTITA_SEED={start} repeats it:\n{found}", pytrace=False)


def test_many(erlang, vocabulary):
    judge_many(erlang, vocabulary, SEED, CASES)


@pytest.mark.slow
def test_half_a_million(erlang, vocabulary):
    judge_many(erlang, vocabulary, SEED, 500_000)


def test_functions_on_all_of_a_kind(erlang, vocabulary):
    """Every function on every pair of terms that are easily taken for one another, and on numbers at the limits."""
    terms = [*draw.LOOKALIKES, *draw.INTS, *draw.BIG_INTS, *draw.FLOATS, *draw.ATOMS, *draw.STRINGS]
    rows = [(a, b) for a in terms for b in terms[:: 1 + len(terms) // 40]]
    for name in sorted(vocabulary.functions & ASKED):
        for arguments in ((V[0],), (V[0], V[1])):
            spec = [((V[0], V[1]), [], [(name, *arguments)])]
            [(status, _)] = erlang.ask((Atom("match_specs"), [(to_judge(spec), [])]))
            if str(status) != "ok":
                continue
            found = first_difference(erlang, [(spec, rows)])
            assert found is None, found
