"""Sessions: lists of random calls, run on a real ETS table and on the table under test, answer compared with answer."""

import bisect
import itertools
from dataclasses import dataclass

from hypothesis import strategies as st

from differential import draw
from differential.operations import OPERATIONS
from partita import Atom


@dataclass
class Session:
    world: draw.World
    calls: list  # of (name in OPERATIONS, arguments)


@dataclass
class Difference:
    call_number: int
    call: tuple
    erlang: tuple
    partita: tuple
    session: Session
    table: str

    def __str__(self):
        def written(thing):
            text = repr(thing)
            return text if len(text) < 400 else text[:400] + "…"

        calls = "\n".join(f"    {written(call)}" for call in self.session.calls[: self.call_number + 1])
        return (
            f"call {self.call_number}, {written(self.call)}, on {self.table} of a {self.session.world.type}, "
            f"keypos {self.session.world.keypos}\n"
            f"  Erlang:  {written(self.erlang)}\n  partita: {written(self.partita)}\n  after these calls:\n{calls}"
        )


# --- Drawing.


def known_in(world):
    return [
        name
        for name, operation in OPERATIONS.items()
        if operation.since_otp <= world.otp and world.type in operation.types
    ]


def call(source, world):
    names = known_in(world)
    sums = list(itertools.accumulate(OPERATIONS[name].weight for name in names))
    name = names[bisect.bisect_right(sums, source.below(sums[-1]))]
    arguments = OPERATIONS[name].draw(source, world)
    return name, without_negative_zero(arguments) if world.otp >= 27 else arguments


def without_negative_zero(term):
    """Since OTP 27 -0.0 is another key than 0.0 in Erlang; in partita they are one."""
    if isinstance(term, (tuple, list)):
        return type(term)(map(without_negative_zero, term))
    if isinstance(term, dict):
        return {without_negative_zero(key): without_negative_zero(value) for key, value in term.items()}
    return 0.0 if isinstance(term, float) and term == 0 else term


def seeded(seed, table_type, otp, calls):
    source = draw.Seeded(seed)
    world = draw.world(source, table_type, otp)
    return Session(world, [call(source, world) for _ in range(calls)])


@st.composite
def drawn_call(draw_one, world):
    return call(draw.Drawn(draw_one), world)


@st.composite
def drawn(draw_one, table_type, otp):
    """At least some calls: few would fail by themselves, and `smallest_difference` goes below this."""
    world = draw.world(draw.Drawn(draw_one), table_type, otp)
    return Session(world, draw_one(st.lists(drawn_call(world), min_size=20, max_size=100)))


# --- Running.

# Every session ends with these.
LAST_CALLS = [("tolist", ()), ("len", ())]


def request(session):
    """What judge.erl is asked."""
    calls = []
    for name, arguments in session.calls + LAST_CALLS:
        function, erlang_arguments = OPERATIONS[name].erlang(session.world, *arguments)
        calls.append((Atom(function), erlang_arguments))
    return (Atom("run"), Atom(session.world.type), session.world.keypos + 1, calls)


def common_form(session, operation, answer):
    if operation.unordered is None or session.world.type == "ordered_set":
        return operation.result(answer)
    return operation.unordered(answer, session.world.keypos)


def erlang_answers(session, reply):
    """Erlang's answers, brought to the common form."""
    answers = []
    for (name, arguments), (status, answer) in zip(session.calls + LAST_CALLS, reply, strict=True):
        operation = OPERATIONS[name]
        if operation.malformed(session.world, *arguments):
            assert str(status) == "error" or answer is False, f"ETS takes {name}{arguments!r}: {answer!r}"
            answers.append(("error", "other"))
        elif str(status) == "error":
            answers.append(("error", str(answer)))
        else:
            answers.append(("ok", common_form(session, operation, answer)))
    return answers


def partita_answer(session, table, operation, arguments):
    try:
        answer = operation.partita(table, *arguments)
    except KeyError:
        return ("error", "badkey")
    except (TypeError, ValueError):
        return ("error", "other")
    return ("ok", common_form(session, operation, answer))


def first_difference(erlang, session, tables):
    """Runs a session on ETS and on each of `tables` (name, function of type and keypos); None: all agree."""
    erlang.send(request(session))
    calls = session.calls + LAST_CALLS
    answers = {}
    for name, make_table in tables.items():
        table = make_table(session.world.type, session.world.keypos)
        answers[name] = [
            partita_answer(session, table, OPERATIONS[operation], arguments) for operation, arguments in calls
        ]
        table._check()
    expected = erlang_answers(session, erlang.receive())
    for name, given in answers.items():
        for number, (theirs, ours) in enumerate(zip(expected, given, strict=True)):
            if theirs != ours:
                return Difference(number, calls[number], theirs, ours, session, name)
    return None


def smallest_difference(erlang, difference, tables):
    """The same kind of failure with as few calls as leaving some out can give."""
    tables = {difference.table: tables[difference.table]}
    step = len(difference.session.calls) // 2
    while step:
        at = 0
        while at < len(difference.session.calls):
            fewer = difference.session.calls[:at] + difference.session.calls[at + step :]
            smaller = first_difference(erlang, Session(difference.session.world, fewer), tables)
            if smaller is None:
                at += step
            else:
                difference = smaller
        step //= 2
    return difference
