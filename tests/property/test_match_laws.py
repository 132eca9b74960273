"""The engine's match specifications against a naive evaluator in plain Python: every function on values that are known
for trouble, and random specifications on random rows.
"""

import datetime as dt
import itertools
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import partita
from differential import draw, draw_specs
from helpers import naive_match
from helpers.terms import fingerprint
from partita import ROW, VARS, Atom, V
from partita.matching import test_ms as run_one  # under its own name pytest would take it for a test

NASTY = (
    *(0, 1, -1, 2, 7, -7, 63, 64, 255, 2**31, 2**53, 2**53 + 1, 2**62, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1),
    *(2**64 - 1, 2**64, 3**200, -(3**200), 10**308, 2**1024 - 2**970, 2**1024, -(2**2100)),
    *(0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 2.0**53, 0.49999999999999994, 1.7976931348623157e308, 5e-324, 1e22),
    *(float("inf"), -float("inf"), float("nan"), 123456.789, -1e300),
    *(None, True, False, Atom("a"), Atom("é"), "", "a", "é", "日本語", "x" * 70000, b"", b"\xff", b"y" * 300),
    *(
        (),
        (1,),
        (Atom("a"), 1),
        (2, 2.0, "x"),
        [],
        [1],
        [-0.0],
        [[], {}],
        list(range(300)),
        {},
        {1: 2},
        {"a": {"b": 1}},
    ),
    *({2.0: 1, "é": [1]}, {i: str(i) for i in range(100)}, {1, 2}, frozenset(), dt.date(2024, 2, 29), Decimal("1.50")),
    *(dt.datetime(2024, 2, 29, 12), complex(1, 2)),
)
FUNCTIONS = sorted({name if isinstance(name, str) else name[0] for name in naive_match.FUNCTIONS})
SPELLED = (*FUNCTIONS, *naive_match.SPELLINGS)


def answer(function, *arguments):
    """The result with nothing left out, or that there is none."""
    try:
        result = function(*arguments)
    except (partita.MatchError, naive_match.FunctionError):
        return "failed"
    return "no match" if result is naive_match.NOTHING else fingerprint(result)


def engines(spec, row):
    """A result that is False is told from no match by a clause more."""
    last = (V[0], [], [("const", "no clause matches")])
    result = run_one(row, [*spec, last])
    return naive_match.NOTHING if result == "no clause matches" else result


def takes(name, count):
    try:
        partita.matchspec([(V[0], [], [(name, *[1] * count)])])
    except partita.MatchSpecError:
        return False
    return True


@pytest.mark.parametrize("name", SPELLED)
def test_functions_of_one_and_two_arguments(name):
    assert takes(name, 1) or takes(name, 2) or takes(name, 3)
    variables = (V[0], V[1])
    for count in (1, 2):
        if not takes(name, count):
            continue
        spec = [(variables[:count], [], [(name, *variables[:count])])]
        compiled = partita.matchspec(spec)
        for row in itertools.product(NASTY, repeat=count):
            ours = answer(compiled.test, row)
            assert ours == answer(naive_match.run, spec, row), (name, row)
            if isinstance(ours, tuple):  # in a guard it is a value like others, and an error is false
                continue
            assert run_one(row, [(variables[:count], [("is_atom", (name, *variables[:count]))], [1])]) is False


@pytest.mark.parametrize("subject", ["", "hello", "né", "日本語", b"", b"hello", [], None, 7])
def test_parts_of_binaries(subject):
    numbers = (-6, -3, -2, -1, 0, 1, 2, 3, 5, 6, 2**70, 1.0)
    for start, length in itertools.product(numbers, repeat=2):
        for spec in (
            [((V.x, V.start, V.length), [], [("binary_part", V.x, V.start, V.length)])],
            [((V.x, V.start, V.length), [], [("binary_part", V.x, ((V.start, V.length),))])],
        ):
            row = (subject, start, length)
            assert answer(run_one, row, spec) == answer(naive_match.run, spec, row)


@pytest.mark.parametrize("tag", [Atom("a"), "a", None, True, 1, b"a"])
def test_records(tag):
    subjects = ((tag,), (tag, 1), (Atom("b"), 1), (), 7, [tag, 1])
    for subject, arity in itertools.product(subjects, (-1, 0, 1, 2, 2**70, 2.0)):
        spec = [((V.x, V.n), [], [("is_record", V.x, ("const", tag), V.n)])]
        assert answer(run_one, (subject, arity), spec) == answer(naive_match.run, spec, (subject, arity))


@pytest.mark.parametrize("name", ["and", "or", "andalso", "orelse"])
def test_logic_of_many_arguments(name):
    for count in range(1, 5):
        for row in itertools.product((True, False, None), repeat=count):
            head = tuple(V[i] for i in range(count))
            spec = [(head, [], [(name, *head)])]
            assert answer(run_one, row, spec) == answer(naive_match.run, spec, row)


# --- Random specifications.


def any_term(source):
    return draw.pick(source, NASTY) if source.below(3) == 2 else draw.term(source)


VOCABULARY = draw_specs.Vocabulary(any_term, frozenset(FUNCTIONS) | frozenset(naive_match.SPELLINGS), True)


def random_row(source):
    row = [any_term(source) for _ in range(source.below(5))]
    if row and source.below(2):
        row.append(draw.pick(source, row))  # so that a variable can stand twice
    return tuple(row)


def check(source):
    row = random_row(source)
    spec = draw_specs.spec(source, VOCABULARY, row, named=True)
    expected = answer(naive_match.run, spec, row)
    assert answer(engines, spec, row) == expected
    return expected


@given(data=st.data())
@settings(max_examples=5 * settings.default.max_examples, suppress_health_check=list(HealthCheck))
def test_random_specifications(data):
    check(draw.Drawn(data.draw))


def test_many_random_specifications():
    """By seed, for volume; most must have something to compare."""
    seen = [check(draw.Seeded(seed)) for seed in range(100 * settings.default.max_examples)]
    results = sum(isinstance(one, tuple) for one in seen)
    assert results > len(seen) // 8
    assert seen.count("failed") > len(seen) // 20
    assert seen.count("no match") > len(seen) // 20


@given(data=st.data())
def test_many_rows_at_once(data):
    """run() is test() row by row, and so is VARS the list of all variables in their order."""
    source = draw.Drawn(data.draw)
    rows = [random_row(source) for _ in range(1 + source.below(4))]
    made = draw_specs.head(source, VOCABULARY, rows[0], draw_specs.VARIABLES + draw_specs.NAMED)
    spec = [(made, [], [((VARS, ROW),)])]
    expected = [naive_match.run(spec, row) for row in rows]
    expected = [fingerprint(result) for result in expected if result is not naive_match.NOTHING]
    assert [fingerprint(result) for result in partita.matchspec(spec).run(rows)] == expected


# --- Over tables.


def plain(source):
    """Rows of alike columns, as tables mostly have, with some that are not."""
    kind = source.below(6)
    if kind < 3:
        return source.below(10)
    return (
        draw.pick(source, ("a", "b", "twelve chars", "thirteen char", None, 1.5, True))
        if kind < 5
        else any_term(source)
    )


def answers(function, *arguments):
    try:
        return sorted(map(repr, map(fingerprint, function(*arguments))))
    except (partita.MatchError, naive_match.FunctionError):
        return "failed"


def select_naively(rows, spec, keypos):
    results = [naive_match.run(spec, row, keypos) for row in rows]
    return [result for result in results if result is not naive_match.NOTHING]


def check_table(source, rows_at_most):
    keypos = source.below(2)
    arity = keypos + 1 + source.below(3)
    keys = (lambda: source.below(2 * rows_at_most)) if source.below(2) else (lambda: draw.term(source))
    kind = draw.pick(source, ("set", "ordered_set", "bag", "duplicate_bag"))
    t = partita.Table(type=kind, keypos=keypos, partitions=1 + source.below(3))
    for _ in range(source.below(rows_at_most)):
        row = [plain(source) for _ in range(arity + (source.below(3) if draw.one_in(source, 5) else 0))]
        row[keypos] = keys()
        t.insert(tuple(row))
    in_one_order = sorted(t.tolist(), key=repr)  # the table's differs from run to run
    for row in in_one_order[::3]:
        t.delete(row[keypos])
    rows = sorted(t.tolist(), key=repr)
    for _ in range(3):
        like = draw.pick(source, rows) if rows else (1,) * arity
        spec = draw_specs.spec(source, VOCABULARY, like, named=True)
        assert answers(t.select, spec) == answers(select_naively, rows, spec, keypos), spec
        counted = [(head, guards, [("is_atom", bodies[-1])]) for head, guards, bodies in spec]
        assert t.select_count(counted) == sum(naive_match.gives_true(counted, row, keypos) for row in rows), counted
        pattern = spec[0][0]
        matching = [row for row in rows if naive_match.run([(pattern, [], [1])], row, keypos) == 1]
        assert answers(t.match_object, pattern) == sorted(map(repr, map(fingerprint, matching)))
        assert answers(t.match, pattern) == answers(select_naively, rows, [(pattern, [], [VARS])], keypos)
        check_order(source, t, spec, keypos)
    t.drop()


def check_order(source, t, spec, keypos):
    """Pages, snapshots and an ordered_set's order, where no body fails."""
    try:
        expected = [fingerprint(result) for result in select_naively(t.tolist(), spec, keypos)]
    except naive_match.FunctionError:
        return
    backward = expected[::-1] if t.type == "ordered_set" else expected
    for of in (t, t.snapshot()):
        limit = draw.pick(source, (1, 2, 5, 100))
        for found, wanted in (
            (of.select(spec), expected),
            (of.select_reverse(spec), backward),
            (pages(of.select(spec, limit), limit), expected),
            (pages(of.select_reverse(spec, limit), limit), backward),
        ):
            found = list(map(fingerprint, found))
            if t.type == "ordered_set":
                assert found == wanted, spec
            else:
                assert sorted(map(repr, found)) == sorted(map(repr, wanted)), spec
    looked_at = t.explain(spec)["rows"]
    assert len(expected) <= looked_at <= len(t), spec


def pages(page, limit):
    results, cursor = page
    while cursor is not None:
        assert len(page[0]) == limit
        page = cursor.next()
        results = results + page[0]
        cursor = page[1]
    return results


@given(data=st.data())
@settings(suppress_health_check=list(HealthCheck))
def test_tables(data):
    check_table(draw.Drawn(data.draw), 8)


def test_larger_tables():
    for seed in range(2 * settings.default.max_examples):
        check_table(draw.Seeded(seed), 40 if seed % 20 else 3000)
