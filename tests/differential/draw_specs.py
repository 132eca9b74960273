"""Random match specifications that have something to say about given rows, for ETS and partita alike.

Patterns are made from rows by putting variables, ANY and other values into them, guards and bodies from the variables
that the head binds. Sources of chance as in draw.py. A `Vocabulary` says what may occur.
"""

from collections.abc import Callable
from dataclasses import dataclass

from differential import draw
from helpers import naive_match
from partita import ANY, ROW, VARS, Atom, V

ONE = ("not", "+", "-", "bnot", "abs", "float", "trunc", "round", "floor", "ceil", "hd", "tl", "length", "size")
ONE += ("tuple_size", "map_size", "byte_size", "bit_size")
TYPE_TESTS = tuple(name for name in naive_match.FUNCTIONS if str(name).startswith("is_"))
TYPE_TESTS = tuple(name for name in TYPE_TESTS if name not in ("is_map_key", "is_record"))
NUMERIC = ("+", "-", "*", "/", "div", "rem", "band", "bor", "bxor", "min", "max")
COMPARISONS = (*draw.COMPARISONS, "<=", "!=")
LOGIC = ("and", "or", "xor", "andalso", "orelse")
SHIFTS = (0, 1, 3, 62, 63, 64, 65, 200, -1, -64, 10**12, -(10**12), 2**64)


@dataclass
class Vocabulary:
    term: Callable  # source -> any term
    functions: frozenset  # those that both sides know
    # Also what ETS does otherwise: keys of maps that may turn out to be one, parts of binaries that are no text.
    beyond_ets: bool = False

    def one_of(self, source, names):
        known = [name for name in names if name in self.functions]
        return draw.pick(source, known)


VARIABLES = (V[0], V[1], V[2], V[7], V[30])
NAMED = (V.a, V.b, V.name)


# --- Heads.


def head(source, vocabulary, row, variables):
    """A pattern that often fits `row`; `variables` are those it may use."""
    if draw.one_in(source, 25):
        return draw.pick(source, (*variables, ANY))
    elements = [pattern(source, vocabulary, element, variables, 3) for element in row]
    if draw.one_in(source, 20):
        elements.append(ANY)
    return tuple(elements)


def pattern(source, vocabulary, term, variables, depth):
    kind = source.below(10)
    if kind < 3:
        return draw.pick(source, variables)
    if kind < 5:
        return ANY
    if kind == 5:
        return vocabulary.term(source)
    if kind == 6 or depth == 0:
        return term
    if isinstance(term, (tuple, list)):
        parts = [pattern(source, vocabulary, part, variables, depth - 1) for part in term]
        if parts and draw.one_in(source, 15):
            parts.pop()
        return type(term)(parts)
    if isinstance(term, dict):
        kept = [key for key in term if source.below(3)]
        return {key: pattern(source, vocabulary, term[key], variables, depth - 1) for key in kept}
    return term


def variables_of(pattern):
    if isinstance(pattern, (tuple, list)):
        return [variable for part in pattern for variable in variables_of(part)]
    if isinstance(pattern, dict):
        return [variable for part in pattern.values() for variable in variables_of(part)]
    return [pattern] if pattern in (*VARIABLES, *NAMED) else []


# --- Guards and bodies.


def leaf(source, vocabulary, bound):
    kind = source.below(8)
    if kind < 4 and bound:
        return draw.pick(source, bound)
    if kind == 4:
        return draw.pick(source, (ROW, VARS))
    if kind == 5:
        return source.below(5) - 1
    if kind == 6:
        return draw.pick(source, (True, False, None, 2, 1.0, "abc", -3))
    return ("const", vocabulary.term(source))


def expression(source, vocabulary, bound, depth):
    if depth == 0:
        return leaf(source, vocabulary, bound)

    def part():
        return expression(source, vocabulary, bound, depth - 1)

    kind = source.below(16)
    if kind < 3:
        return leaf(source, vocabulary, bound)
    if kind < 5:
        return (vocabulary.one_of(source, COMPARISONS), part(), part())
    if kind < 7:
        return (vocabulary.one_of(source, NUMERIC), part(), part())
    if kind == 7:
        name = vocabulary.one_of(source, LOGIC)
        return (name, *(part() for _ in range(2 if name == "xor" else 1 + source.below(3))))
    if kind == 8:
        return (vocabulary.one_of(source, TYPE_TESTS), part())
    if kind == 9:
        return (vocabulary.one_of(source, ONE), part())
    if kind == 10:
        return (draw.pick(source, ("bsl", "bsr")), part(), draw.pick(source, (*SHIFTS, *bound)))
    if kind == 11:
        return ("element", source.below(4) if source.below(3) else part(), ROW if source.below(2) else part())
    if kind == 12:
        return three_of_a_kind(source, vocabulary, part)
    if kind == 13:
        return (tuple(part() for _ in range(source.below(4))),)
    if kind == 14:
        return [part() for _ in range(source.below(4))]
    keys = ("a", 1, None, *(bound if vocabulary.beyond_ets else ()))
    return {draw.pick(source, keys): part() for _ in range(source.below(3))}


def three_of_a_kind(source, vocabulary, part):
    kind = source.below(4)
    if kind == 0:
        return (draw.pick(source, ("map_get", "is_map_key")), part(), part())
    if kind == 1:
        return ("is_record", part(), draw.pick(source, (Atom("a"), None, 1)), source.below(4))
    where = (source.below(4), source.below(5) - 2)
    any_text = vocabulary.beyond_ets and source.below(2)
    text = part() if any_text else draw.pick(source, ("abc", "hello", ""))
    return ("binary_part", text, *where) if kind == 2 else ("binary_part", text, (where,))


def clause(source, vocabulary, row, named):
    variables = VARIABLES + NAMED if named else VARIABLES
    made = head(source, vocabulary, row, variables)
    bound = sorted(set(variables_of(made)), key=repr)
    guards = [expression(source, vocabulary, bound, 3) for _ in range(draw.pick(source, (0, 0, 0, 1, 2)))]
    bodies = [expression(source, vocabulary, bound, 3) for _ in range(2 if draw.one_in(source, 10) else 1)]
    return made, guards, bodies


def spec(source, vocabulary, row, named=False):
    return [clause(source, vocabulary, row, named) for _ in range(1 + source.below(3))]


# --- For sessions on tables (draw.World).

# Since OTP 26, or not Erlang's.
NOT_EVERYWHERE = {"min", "max", "floor", "ceil", "tuple_size", "is_boolean", "is_bitstring", "is_bytes", "is_str"}
EVERYWHERE = Vocabulary(
    lambda source: draw.element(source),
    frozenset({name for name in naive_match.FUNCTIONS if isinstance(name, str)} | {"<=", "!="}) - NOT_EVERYWHERE,
)


def without_zeros(pattern):
    """ETS compares a float of a head by its bits, so that 0.0 does not match -0.0; here they are one value."""
    if isinstance(pattern, (tuple, list)):
        return type(pattern)(map(without_zeros, pattern))
    if isinstance(pattern, dict):
        return {key: without_zeros(value) for key, value in pattern.items()}
    return ANY if isinstance(pattern, float) and pattern == 0 else pattern


def table_head(source, world):
    """Without a map in the key's place, which is the whole key here and a pattern in newer releases of OTP."""
    made = without_zeros(head(source, EVERYWHERE, draw.known_row(source, world), VARIABLES))
    if isinstance(made, tuple) and len(made) > world.keypos and naive_match.holds_map(made[world.keypos]):
        made = (*made[: world.keypos], ANY, *made[world.keypos + 1 :])
    return made


def table_pattern(source, world):
    return (table_head(source, world),)


def table_clause(source, world, body):
    made = table_head(source, world)
    bound = sorted(set(variables_of(made)), key=repr)
    guards = [expression(source, EVERYWHERE, bound, 2) for _ in range(draw.pick(source, (0, 0, 1, 1, 2)))]
    return made, guards, [body(source, bound)]


def body_that_never_errs(source, bound):
    """Where ours raises, ETS has 'EXIT' in the result."""
    parts = [leaf(source, EVERYWHERE, bound) for _ in range(1 + source.below(3))]
    return draw.pick(source, ((tuple(parts),), parts, parts[0], ("is_list", parts[0]), ("=:=", parts[0], parts[-1])))


def table_spec(source, world):
    return ([table_clause(source, world, body_that_never_errs) for _ in range(1 + source.below(2))],)


def table_count(source, world):
    return ([table_clause(source, world, lambda source, bound: expression(source, EVERYWHERE, bound, 1))],)


def deletion(source, world):
    """Of a part of the table, so that there is something left for the calls to come."""
    made = table_head(source, world)
    bound = sorted(set(variables_of(made)), key=repr)
    guards = [expression(source, EVERYWHERE, bound, 2) for _ in range(1 + source.below(2))]
    return ([(made, guards, [draw.pick(source, (True, True, True, False, ROW))])],)


def replacement(source, world):
    made = table_head(source, world)
    while not isinstance(made, tuple):
        made = table_head(source, world)
    bound = sorted(set(variables_of(made)), key=repr)
    guards = [expression(source, EVERYWHERE, bound, 2) for _ in range(draw.pick(source, (0, 0, 1)))]
    key = made[world.keypos] if len(made) > world.keypos else ANY
    kind = source.below(12)
    if kind == 0:
        body = ROW
    elif kind == 1:
        body = leaf(source, EVERYWHERE, bound)
    else:
        parts = [leaf(source, EVERYWHERE, bound) for _ in range(world.keypos + 1 + source.below(4))]
        if kind > 2:
            parts[world.keypos] = ("element", world.keypos, ROW) if kind == 3 else what_matched(key, world.keypos)
        body = (tuple(parts),)
    return ([(made, guards, [body])],)


def what_matched(pattern, keypos):
    """The expression for what a pattern in the key's place matches."""
    if pattern is ANY:
        return ("element", keypos, ROW)
    if isinstance(pattern, tuple):
        return (tuple(what_matched(part, keypos) for part in pattern),)
    if isinstance(pattern, list):
        return [what_matched(part, keypos) for part in pattern]
    return pattern


def pattern_and_limit(source, world):
    return table_head(source, world), draw.pick(source, (1, 2, 3, 7, 100, 1000))


def spec_and_limit(source, world):
    return *table_spec(source, world), draw.pick(source, (1, 2, 3, 7, 100, 1000))


def pages_of_a_changing_table(source, world):
    """Pattern, limit, keys to delete and rows to insert after the first page."""
    return *pattern_and_limit(source, world), *draw.some_keys(source, world), *draw.good_rows(source, world)


# --- To Erlang, which counts elements from 1 and has atoms where we have objects and names.


def to_erlang(spec):
    return [(head_to_erlang(h), list(map(erlang, guards)), list(map(erlang, bodies))) for h, guards, bodies in spec]


def erlang_leaf(term):
    placeholders = {id(ANY): "_", id(ROW): "$_", id(VARS): "$$"}
    if id(term) in placeholders:
        return Atom(placeholders[id(term)])
    return Atom(f"${term.name}") if term in VARIABLES else term


def head_to_erlang(pattern):
    if isinstance(pattern, (tuple, list)):
        return type(pattern)(map(head_to_erlang, pattern))
    if isinstance(pattern, dict):
        return {key: head_to_erlang(value) for key, value in pattern.items()}
    return erlang_leaf(pattern)


def erlang(expression):
    if type(expression) is tuple:
        if type(expression[0]) is tuple:
            return (tuple(map(erlang, expression[0])),)
        name, *arguments = expression
        if name == "const":
            return (Atom("const"), arguments[0])
        arguments = list(map(erlang, arguments))
        if name == "element":
            index = arguments[0]
            arguments[0] = index + 1 if type(index) is int else (Atom("+"), index, 1)
        name = {"is_str": "is_binary", **naive_match.SPELLINGS}.get(name, name)
        return (Atom(name), *arguments)
    if type(expression) is list:
        return list(map(erlang, expression))
    if type(expression) is dict:
        return {erlang(key): erlang(value) for key, value in expression.items()}
    return erlang_leaf(expression)
