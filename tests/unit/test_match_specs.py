"""Reading match specifications: what is refused and where, what may be written in several ways, objects that lie."""

import collections
import gc
import threading

import pytest

import partita
from partita import ANY, ROW, VARS, Atom, V
from partita.matching import is_compiled_ms, match_spec_compile, match_spec_run, matchspec
from partita.matching import test_ms as run_one  # under its own name pytest would take it for a test
from partita.patterns import Placeholder, Variable

X = (V.x,)

MALFORMED = [
    (7, "a match specification is a list of (head, guards, body), not 7"),
    (((X, [], [1]),), "a match specification is a list"),
    ([], "a match specification has at least one clause"),
    ([7], "clause 0: 7 is no (head, guards, body)"),
    ([(X, [], [1]), (X, [])], "clause 1: ((V.x,), []) is no (head, guards, body)"),
    ([(X, (), [1])], "clause 0, guards: a list of expressions stands here, not ()"),
    ([(X, [], V.x)], "clause 0, body: a list of expressions stands here, not V.x"),
    ([(X, [], [])], "clause 0: the body has at least one expression"),
    ([(ROW, [], [1])], "clause 0, head: a pattern is a tuple, a variable or ANY"),
    ([((1, [VARS]), [], [1])], "clause 0, head, element 1, element 0: VARS has no meaning in a head"),
    ([(({"a": {V.x: 1}},), [], [1])], "clause 0, head, element 0, value 0, key 0: a variable or ANY cannot stand"),
    ([(({1, V.x},), [], [1])], "clause 0, head, element 0: a set holds no variables"),
    ([(X, [{V.x}], [1])], "clause 0, guard 0: a set holds no variables"),
    ([(X, [], [V.y])], "clause 0, body 0: V.y is not bound by the head"),
    ([(X, [], [V[10**30]])], "clause 0, body 0: a variable has a name or a number from 0"),
    ([(X, [("<", V.x, 1), ("<", 1, ("+", ANY, 1))], [1])], "guard 1, argument 1, argument 0: ANY has no meaning"),
    ([(X, [("foo", 1)], [1])], "clause 0, guard 0: 'foo' is no guard function"),
    ([(X, [("é" * 200, 1)], [1])], "clause 0, guard 0: 'é"),
    ([(X, [("is_pid", V.x)], [1])], "clause 0, guard 0: 'is_pid' has no meaning here"),
    ([(X, [], [("hd",)])], "'hd' takes 1 argument, not 0"),
    ([(X, [], [("-",)])], "'-' takes 1 or 2 arguments, not 0"),
    ([(X, [], [("andalso",)])], "'andalso' takes at least 1 argument, not 0"),
    ([(X, [], [("binary_part", 1)])], "'binary_part' takes 2 or 3 arguments, not 1"),
    ([(X, [], [("const",)])], "'const' takes 1 argument, not 0"),
    ([(X, [], [("const", [V.x])])], "clause 0, body 0: what 'const' keeps as it is holds a variable"),
    ([(X, [], [()])], "clause 0, body 0: () is no call"),
    ([(X, [], [(1, 2)])], "clause 0, body 0: (1, 2) is no call"),
    ([(X, [], [{"k": [("hd", 1, 2)]}])], "clause 0, body 0, value 0, element 0: 'hd' takes 1 argument, not 2"),
    ([((1, "\ud800"), [], [1])], "clause 0, head, element 1: a str with a lone surrogate"),
    ([(X, [("\ud800", 1)], [1])], "clause 0, guard 0: the name of a function is no valid text"),
    ([(X, [], [Placeholder("MINE")])], "clause 0, body 0: this placeholder is none of ANY, ROW and VARS"),
]


@pytest.mark.parametrize(("spec", "message"), MALFORMED, ids=[message[:50] for _, message in MALFORMED])
def test_what_is_malformed_is_refused_with_its_place(spec, message):
    with pytest.raises(partita.MatchSpecError) as caught:
        matchspec(spec)
    assert message in str(caught.value)


@pytest.mark.parametrize("head", [7, "row", [V.x], {}, None])
def test_a_head_that_is_no_pattern(head):
    with pytest.raises(TypeError, match="clause 1, head: a pattern is a tuple, a variable or ANY, not"):
        matchspec([(X, [], [1]), (head, [], [1])])


def nested(depth, inner, wrap):
    for _ in range(depth):
        inner = wrap(inner)
    return inner


@pytest.mark.parametrize("wrap", [lambda x: (x,), lambda x: [x], lambda x: {1: x}, lambda x: ("not", x)])
def test_depth_is_bounded(wrap):
    # In an expression two tuples around each other are one level.
    for spec in ([(X, [], [nested(1300, V.x, wrap)])], [((V.x, nested(600, ANY, wrap)), [], [1])]):
        with pytest.raises(partita.MatchSpecError, match=r"nested .*at most 500 deep|nested deeper than 500"):
            matchspec(spec)
    cycle = []
    cycle.append(cycle)
    for spec in ([((V.x, cycle), [], [1])], [(X, [cycle], [1])], [(X, [], [("const", cycle)])]):
        with pytest.raises(partita.MatchSpecError):
            matchspec(spec)


def test_what_is_too_deep_is_told_so():
    deep = nested(501, 1, lambda x: [x])
    frozen = nested(501, 1, lambda x: frozenset({x}))
    for spec in ([(X, [], [("const", deep)])], [(X, [], [frozen])], [((V.x, frozen), [], [1])]):
        with pytest.raises(partita.MatchSpecError, match=r"nested at most 500 deep|nested deeper than 500"):
            matchspec(spec)


def test_what_is_shared_is_looked_at_once():
    """2 ** 400 parts if each were looked at by itself, and 400 ** 2 lists if each level asked anew."""
    t = partita.Table()
    doubled = nested(400, V.x, lambda x: [x, x])
    with pytest.raises(partita.MatchSpecError, match="at most 2097152 parts"):
        matchspec([((1, doubled), [], [1])])
    wide = nested(400, V.x, lambda x: [*range(1000), x])
    assert t.select_count([((1, wide), [], [True])]) == 0


def test_an_object_that_was_not_initialised():
    empty = partita._core.MatchSpec.__new__(partita._core.MatchSpec)
    for call in (partita.Table().select, empty.test, partita.Table().explain):
        with pytest.raises(TypeError, match="init"):
            call(empty)


def test_atoms_stand_for_the_objects():
    spec = [((Atom("$1"), Atom("_"), (Atom("$0"),)), [(Atom(">"), Atom("$1"), 1)], [[Atom("$$"), Atom("$_")]])]
    assert run_one((2, 0, (7,)), spec) == [[7, 2], (2, 0, (7,))]
    assert run_one((2, 0, (7,)), [((V[1], ANY, (V[0],)), [(">", V[1], 1)], [[VARS, ROW]])]) == [[7, 2], (2, 0, (7,))]
    # Erlang takes no leading zero, and in data atoms are atoms.
    assert run_one((Atom("$01"),), [((Atom("$01"),), [], [("const", Atom("$1"))])]) == Atom("$1")


def test_a_str_in_a_head_is_data():
    assert run_one(("<", "$1", "_"), [(("<", "$1", "_"), [], ["const"])]) == "const"


def test_tuples_in_expressions():
    assert run_one((1,), [(X, [], [((),)])]) == ()
    assert run_one((1,), [(X, [], [(("a", V.x),)])]) == ("a", 1)
    assert run_one((1,), [(X, [], [((V.x, ((2, V.x),)),)])]) == (1, (2, 1))
    assert run_one((1,), [(X, [], [("const", ("+", 1, ()))])]) == ("+", 1, ())


def test_values_are_kept_as_they_are():
    Point = collections.namedtuple("Point", "x y")
    odd = {"b": [1, -0.0], "a": {2, 1}, 3: frozenset((b"x",))}
    result = run_one((odd,), [(X, [], [[("const", odd), V.x, {"in": V.x}]])])
    assert result == [odd, odd, {"in": odd}]
    assert [list(part) for part in (result[0], result[1], result[2]["in"])] == [["b", "a", 3]] * 3
    assert run_one((Point(1, 2),), [((Point(V.x, V.y),), [], [((V.y, V.x),)])]) == (2, 1)
    moved = collections.OrderedDict(a=V.x, b=2)
    moved.move_to_end("a")
    assert list(run_one((1,), [(X, [], [moved])])) == ["b", "a"]


def test_keys_of_maps_are_expressions():
    assert run_one((1, 2), [((V.a, V.b), [], [{V.a: V.b, ("+", V.a, 1): "sum"}])]) == {1: 2, 2: "sum"}
    for a, b in ((1, 1), (1, 1.0), (1, True), ([], 1), ({}, 1)):
        with pytest.raises(partita.MatchError, match="clause 0, body 0: a map cannot be made"):
            run_one((a, b), [((V.a, V.b), [], [{V.a: 1, V.b: 2}])])


def test_a_body_that_errs_says_where_and_on_what():
    spec = [((1, V.x), [], [0]), ((V.y, V.x), [], [1, ("+", 1, ("hd", V.x))])]
    with pytest.raises(partita.MatchError, match=r"clause 1, body 1: 'hd' fails on the row \(2, \[\]\)"):
        run_one((2, []), spec)
    with pytest.raises(partita.MatchError, match="'andalso' meets what is neither True nor False"):
        run_one((2, []), [((V.y, V.x), [], [("andalso", V.x, 1)])])
    with pytest.raises(partita.MatchError, match="'element' fails"):
        run_one((2,), [(ANY, [], [("element", 5, ROW)])])
    with pytest.raises(ValueError, match="body 0"):
        matchspec(spec[1:] + spec[:1]) and run_one((2, 3), [(ANY, [], [("hd", ROW)])])


def test_what_tries_to_blow_up_fails():
    def guard(expression):
        return run_one((10**12, 2**70), [((V.n, V.big), [("is_integer", expression)], [True])])

    assert guard(("bsl", 1, V.n)) is False
    assert guard(("bsl", 1, V.big)) is False
    assert guard(("*", ("bsl", 1, 4_000_000), ("bsl", 1, 4_000_000))) is False
    assert guard(("bsr", ("bsl", 1, 4_000_000), V.big)) is True
    assert len(matchspec([((i, V.x), [(">", V.x, i)], [V.x]) for i in range(10_000)]).run([(9_999, 10_000)])) == 1


def test_a_row_may_hold_what_a_table_holds():
    """A row is no level: what it is made of may be as deep as terms can be."""
    deep = nested(500, 1, lambda x: [x])
    t = partita.Table()
    t.insert((1, deep))
    assert t.select_replace([((V.k, V.x), [], [((V.k, V.x, "more"),)])]) == 1
    assert t.get(1) == (1, deep, "more")
    assert run_one((deep,), [((V.x,), [], [((V.x,),)])]) == (deep,)
    with pytest.raises(partita.MatchError, match="too deep"):
        run_one((deep,), [((V.x,), [], [[V.x]])])


def test_an_error_tells_the_key():
    t = partita.Table(fields=("id", "name", "note"))
    t.insert(("key 7", "x", "y"))
    for call in (t.select, t.select_replace, lambda spec: t.select(spec, 5), t.snapshot().select):
        with pytest.raises(partita.MatchError, match=r"'\+' fails on the row \('key 7', 'x', Ellipsis\)"):
            call([((ANY, V.name, ANY), [], [((("element", 0, ROW), ("+", V.name, 1)),)])])


def test_what_computes_leaves_others_in_peace():
    """Neither the GIL nor, for more than a row, a table's lock is held while large ints are multiplied."""
    heavy = ("<", 0, ("*", ("bsl", ("+", V.b, 1), 300_000), ("bsl", ("+", V.b, 1), 300_000)))
    t = partita.Table(type="ordered_set", partitions=1)
    t.insert([(i, i) for i in range(12)])
    keyed = [((V.a, V.b), [("<", V.a, 10), heavy], [True])]

    def beside(call, work):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(call()))
        thread.start()
        steps = 0
        while thread.is_alive():
            work()
            steps += 1
        thread.join()
        assert answers == [10]
        assert steps > 100  # one that waits for the GIL or the lock makes a handful

    for call in (
        lambda: t.select_count(keyed),
        lambda: len(t.select(keyed)),
        lambda: len(match_spec_run([(i, i) for i in range(10)], match_spec_compile(keyed))),
        lambda: 10 * t.select_count([((3, V.b), [heavy], [True])]),
        lambda: 10 * (run_one((3, 3), keyed) is True),
    ):
        beside(call, lambda: t.update_counter(11, (1, 1)))
    for call in (  # these hold the lock for a row
        lambda: len(t.select(keyed, 10)[0]),
        lambda: t.select_replace([((V.a, V.b), [("<", V.a, 10), heavy], [ROW])]),
    ):
        beside(call, lambda: None)


def test_compiled_specifications():
    compiled = match_spec_compile([((V.a, V.b), [], [V.b])])
    assert is_compiled_ms(compiled)
    assert not is_compiled_ms([((V.a, V.b), [], [V.b])])
    assert matchspec(compiled) is compiled
    assert repr(compiled) == "partita.matchspec([((V.a, V.b), [], [V.b])])"
    assert match_spec_run([(1, 2), (3,), (4, 5)], compiled) == [2, 5]
    assert match_spec_run(iter([]), compiled) == []
    assert run_one((1, 2), compiled) == 2
    with pytest.raises(TypeError, match="compiled by match_spec_compile, not list"):
        match_spec_run([(1, 2)], [((V.a, V.b), [], [V.b])])
    with pytest.raises(TypeError, match=r"row 1 is \[3\], of type list: a row is a tuple"):
        match_spec_run([(1, 2), [3]], compiled)
    with pytest.raises(TypeError, match="row is 7, of type int"):
        run_one(7, compiled)
    with pytest.raises(ValueError, match="row 0 element 1: a str with a lone surrogate"):
        match_spec_run([(1, "\ud800")], compiled)


def test_a_changed_specification_does_not_change_what_was_compiled():
    spec = [((V.a, [1, V.b]), [], [V.b])]
    compiled = matchspec(spec)
    spec[0][0][1][:] = []
    spec.clear()
    assert compiled.test((0, [1, 2])) == 2


# --- Objects that lie, or that act while they are read.


class LyingList(list):
    def __len__(self):
        return 10**6

    def __iter__(self):
        raise AssertionError("nobody asks")

    def __getitem__(self, index):
        raise AssertionError("nobody asks")


class LyingTuple(tuple):
    __len__ = LyingList.__len__
    __iter__ = LyingList.__iter__
    __getitem__ = LyingList.__getitem__


def test_what_an_object_holds_counts_and_not_what_it_says():
    clause = LyingTuple((LyingTuple((V.x, LyingList([1, V.y]))), LyingList([]), LyingList([LyingList([V.x, V.y])])))
    assert run_one((0, [1, 2]), LyingList([clause])) == [0, 2]


def test_a_variable_with_a_strange_name():
    for name in (-1, True, 1.5, None, [], "\ud800"):
        with pytest.raises(partita.MatchSpecError, match="variable"):
            matchspec([((Variable(name),), [], [1])])

    class Late(Variable):
        __slots__ = ()

        @property
        def name(self):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        matchspec([((Late.__new__(Late),), [], [1])])


def test_objects_that_change_the_specification_while_they_are_pickled():
    spec = []

    class Meddler:
        def __reduce__(self):
            if spec:
                spec[0][1].clear()
                spec[0][0][1].clear()
                spec.clear()
            gc.collect()
            assert run_one((1,), [(X, [], [V.x])]) == 1
            return (dict, ())

    spec.append(((V.x, [1, Meddler(), V.y, *range(100)]), [("==", V.y, Meddler()), True], [Meddler(), V.x]))
    matchspec(spec)
    assert spec == []


def test_errors_of_user_code_pass():
    class Unwilling:
        def __reduce__(self):
            raise OSError("not me")

    for spec in ([((V.x, Unwilling()), [], [1])], [(X, [], [[Unwilling()]])], [(X, [("const", Unwilling())], [1])]):
        with pytest.raises(OSError, match="not me"):
            matchspec(spec)


def test_reference_counts_stay_flat():
    spec = [((V.x, [1, V.y]), [(">", V.x, 1)], [{"a": V.y}])]
    counts = []
    for _ in range(3):
        for _ in range(100):
            matchspec(spec).test((2, [1, object]))
            with pytest.raises(partita.MatchSpecError):
                matchspec([*spec, (X, [("foo", object)], [1])])
        gc.collect()
        counts.append(len(gc.get_objects()))
    assert counts[1] == counts[2]
