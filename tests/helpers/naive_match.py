"""Match specifications, evaluated a second time in plain Python so that the engine can be judged by it.

`run(spec, row)` gives the result of the first clause that matches, or NOTHING; it raises FunctionError where a body
errs. With `exits=True` a function that fails gives the atom EXIT and its surroundings go on, as in ETS.
"""

import math
from fractions import Fraction

from helpers.terms import compare, exact
from partita import ANY, ROW, VARS, Atom
from partita.patterns import Placeholder, Variable, special

EXIT = Atom("EXIT")
MAX_BITS = 2**22
NOTHING = type("Nothing", (), {"__repr__": lambda self: "NOTHING"})()


class FunctionError(Exception):
    """A function fails on its arguments."""


class OtherInEtsError(Exception):
    """ETS does something else here, and means to."""


def same(a, b):
    return exact(a) == exact(b)


# --- Patterns.


def holds_special(term):
    if isinstance(term, (tuple, list)):
        return any(map(holds_special, term))
    if isinstance(term, dict):
        return any(holds_special(key) or holds_special(value) for key, value in term.items())
    return special(term) is not None


def holds_map(term):
    return isinstance(term, dict) or (isinstance(term, (tuple, list)) and any(map(holds_map, term)))


def fits(pattern, term, bindings):
    """Whether `term` matches; `bindings` (variable -> term) takes what it binds."""
    wanted = special(pattern)
    if wanted is ANY:
        return True
    if wanted is not None:
        assert isinstance(wanted, Variable)
        return same(bindings.setdefault(wanted, term), term)
    if isinstance(pattern, (tuple, list)) and (holds_special(pattern) or holds_map(pattern)):
        return (
            type(pattern) is type(term)
            and len(pattern) == len(term)
            and all(fits(p, t, bindings) for p, t in zip(pattern, term, strict=True))
        )
    if isinstance(pattern, dict):
        if not isinstance(term, dict):
            return False
        values = {exact(key): value for key, value in term.items()}
        return all(exact(key) in values and fits(value, values[exact(key)], bindings) for key, value in pattern.items())
    return same(pattern, term)


def head_fits(head, row, keypos, bindings):
    if special(head) is not None:
        return fits(head, row, bindings)
    if len(head) != len(row):
        return False
    for position, (pattern, element) in enumerate(zip(head, row, strict=True)):
        if position == keypos and not holds_special(pattern):
            if not same(pattern, element):
                return False
        elif not fits(pattern, element, bindings):
            return False
    return True


# --- Functions.


def check(holds):
    if not holds:
        raise FunctionError


def is_int(x):
    return type(x) is int


def is_number(x):
    return type(x) in (int, float)


def is_atom(x):
    return x is None or type(x) in (bool, Atom)


def bounded(x):
    check(not is_int(x) or abs(x).bit_length() <= MAX_BITS)
    return x


def finite(result, *operands):
    check(not math.isinf(result) or any(math.isinf(x) for x in operands))
    return result


def as_float(x):
    check(is_number(x))
    try:
        return float(x)
    except OverflowError:
        raise FunctionError from None


def arithmetic(on_ints, on_floats):
    def function(a, b):
        check(is_number(a) and is_number(b))
        if is_int(a) and is_int(b):
            return bounded(on_ints(a, b))
        x, y = as_float(a), as_float(b)
        return finite(on_floats(x, y), x, y)

    return function


def divide(a, b):
    x, y = as_float(a), as_float(b)
    check(y != 0)
    return finite(x / y, x, y)


def div(a, b):
    check(is_int(a) and is_int(b) and b != 0)
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def rem(a, b):
    return a - b * div(a, b)


def bitwise(function):
    def checked(*operands):
        check(all(map(is_int, operands)))
        return bounded(function(*operands))

    return checked


def shift(sign):
    def function(a, b):
        check(is_int(a) and is_int(b))
        bits = sign * b
        if bits < 0:
            return a >> min(-bits, 2 * MAX_BITS)
        check(a == 0 or abs(a).bit_length() + bits <= MAX_BITS)
        return a << bits if a else 0

    return function


def sign_kept(on_number):
    def function(a):
        check(is_number(a))
        return bounded(on_number(a))

    return function


def rounded(function):
    def checked(a):
        if is_int(a):
            return a
        check(type(a) is float and math.isfinite(a))
        return function(a)

    return checked


def half_away(x):
    whole = math.floor(abs(Fraction(x)) + Fraction(1, 2))
    return whole if x >= 0 else -whole


def boolean(*values):
    check(all(type(value) is bool for value in values))


def logic(function):
    def checked(*values):
        boolean(*values)
        return function(values)

    return checked


def element(index, term):
    check(is_int(index) and type(term) is tuple and 0 <= index < len(term))
    return term[index]


def list_part(function):
    def checked(term):
        check(type(term) is list and term)
        return function(term)

    return checked


def size_of(kind):
    def function(term):
        check(type(term) is kind)
        return len(term)

    return function


def text(term):
    check(type(term) in (str, bytes))
    return term.encode() if type(term) is str else term


def size(term):
    return len(term) if type(term) is tuple else len(text(term))


def binary_part(term, *where):
    if len(where) == 1:
        check(type(where[0]) is tuple and len(where[0]) == 2)
        where = where[0]
    start, length = where
    check(is_int(start) and is_int(length))
    data = text(term)
    first, last = min(start, start + length), max(start, start + length)
    check(0 <= start <= len(data) and first >= 0 and last <= len(data))
    if type(term) is bytes:
        return data[first:last]
    try:
        data[:first].decode()
        return data[first:last].decode()
    except UnicodeDecodeError:
        raise FunctionError from None


def map_lookup(key, term):
    check(type(term) is dict)
    return [value for known, value in term.items() if same(known, key)]


def map_get(key, term):
    found = map_lookup(key, term)
    check(found)
    return found[0]


def is_record(term, tag, arity):
    check((is_atom(tag) or type(tag) is str) and is_int(arity) and -(2**63) <= arity < 2**63)
    return type(term) is tuple and len(term) == arity and arity > 0 and same(term[0], tag)


def ordered(holds):
    return lambda a, b: holds(compare(a, b))


FUNCTIONS = {
    "<": ordered(lambda order: order < 0),
    "=<": ordered(lambda order: order <= 0),
    ">": ordered(lambda order: order > 0),
    ">=": ordered(lambda order: order >= 0),
    "==": ordered(lambda order: order == 0),
    "/=": ordered(lambda order: order != 0),
    "=:=": same,
    "=/=": lambda a, b: not same(a, b),
    "and": logic(all),
    "or": logic(any),
    "xor": logic(lambda values: values[0] != values[1]),
    "not": logic(lambda values: not values[0]),
    ("+", 1): sign_kept(lambda a: a),
    ("-", 1): sign_kept(lambda a: -a),
    "+": arithmetic(lambda a, b: a + b, lambda a, b: a + b),
    "-": arithmetic(lambda a, b: a - b, lambda a, b: a - b),
    "*": arithmetic(lambda a, b: a * b, lambda a, b: a * b),
    "/": divide,
    "div": div,
    "rem": rem,
    "band": bitwise(lambda a, b: a & b),
    "bor": bitwise(lambda a, b: a | b),
    "bxor": bitwise(lambda a, b: a ^ b),
    "bnot": bitwise(lambda a: ~a),
    "bsl": shift(1),
    "bsr": shift(-1),
    "abs": sign_kept(abs),
    "float": as_float,
    "trunc": rounded(math.trunc),
    "round": rounded(half_away),
    "floor": rounded(math.floor),
    "ceil": rounded(math.ceil),
    "min": lambda a, b: a if compare(a, b) <= 0 else b,
    "max": lambda a, b: a if compare(a, b) >= 0 else b,
    "element": element,
    "hd": list_part(lambda term: term[0]),
    "tl": list_part(lambda term: term[1:]),
    "length": size_of(list),
    "size": size,
    "tuple_size": size_of(tuple),
    "map_size": size_of(dict),
    "byte_size": lambda term: len(text(term)),
    "bit_size": lambda term: 8 * len(text(term)),
    "binary_part": binary_part,
    "map_get": map_get,
    "is_map_key": lambda key, term: bool(map_lookup(key, term)),
    "is_record": is_record,
    "is_atom": is_atom,
    "is_boolean": lambda a: type(a) is bool,
    "is_integer": is_int,
    "is_float": lambda a: type(a) is float,
    "is_number": is_number,
    "is_tuple": lambda a: type(a) is tuple,
    "is_list": lambda a: type(a) is list,
    "is_map": lambda a: type(a) is dict,
    "is_binary": lambda a: type(a) in (str, bytes),
    "is_bitstring": lambda a: type(a) in (str, bytes),
    "is_str": lambda a: type(a) is str,
    "is_bytes": lambda a: type(a) is bytes,
}
SPELLINGS = {"<=": "=<", "!=": "/="}


# --- Expressions.


class Evaluator:
    def __init__(self, row, bindings, exits):
        self.row = row
        self.bindings = bindings
        self.exits = exits

    def value(self, expression):
        wanted = special(expression)
        if isinstance(wanted, Variable):
            return self.bindings[wanted]
        if wanted is ROW:
            return self.row
        if wanted is VARS:
            return list_of_bindings(self.bindings)
        assert not isinstance(wanted, Placeholder)
        if type(expression) is tuple:
            if type(expression[0]) is tuple:
                return tuple(map(self.value, expression[0]))
            return self.called(expression[0], expression[1:])
        if type(expression) is list:
            return list(map(self.value, expression))
        if type(expression) is dict:
            return self.map_of(expression)
        return expression

    def map_of(self, expression):
        pairs = [(self.value(key), self.value(value)) for key, value in expression.items()]
        try:
            made = dict(pairs)
        except TypeError:
            made = {}
        if len(made) < len(pairs):  # two keys are one, or one has no hash
            if self.exits:
                raise OtherInEtsError
            raise FunctionError
        return made

    def called(self, name, arguments):
        if name == "const":
            return arguments[0]
        try:
            if name in ("andalso", "orelse"):
                return self.short_circuit(name == "orelse", arguments)
            name = SPELLINGS.get(name, name)
            values = [self.value(argument) for argument in arguments]
            function = FUNCTIONS.get((name, len(values))) or FUNCTIONS[name]
            return function(*values)
        except FunctionError:
            if self.exits:
                return EXIT
            raise

    def short_circuit(self, decides, arguments):
        for argument in arguments[:-1]:
            value = self.value(argument)
            boolean(value)
            if value is decides:
                return value
        return self.value(arguments[-1])


def list_of_bindings(bindings):
    numbered = sorted((v for v in bindings if isinstance(v.name, int)), key=lambda v: v.name)
    named = [v for v in bindings if isinstance(v.name, str)]
    return [bindings[variable] for variable in numbered + named]


def holds(evaluator, guard):
    try:
        return evaluator.value(guard) is True
    except FunctionError:
        return False


def run(spec, row, keypos=None, exits=False):
    for head, guards, bodies in spec:
        bindings = {}
        if not head_fits(head, row, keypos, bindings):
            continue
        strict = Evaluator(row, bindings, exits=False)
        if not all(holds(strict, guard) for guard in guards):
            continue
        evaluator = Evaluator(row, bindings, exits)
        return [evaluator.value(body) for body in bodies][-1]
    return NOTHING


def gives_true(spec, row, keypos):
    """Whether a count counts the row."""
    try:
        return run(spec, row, keypos) is True
    except FunctionError:
        return False


def keeps_key(head, bodies, keypos):
    """Whether the words of a clause alone say that its result is a row with the key of the row that matches."""
    [body, *more] = bodies
    if more or special(body) is VARS:
        return False
    if special(body) is ROW or isinstance(special(body), Variable):
        return special(body) is ROW or special(head) == special(body)
    if type(body) is not tuple:
        return False
    constant = body[0] == "const"
    made = body[1] if constant else body[0]
    if type(made) is not tuple or len(made) <= keypos:
        return False
    if not constant and type(made[keypos]) is tuple and made[keypos][:2] == ("element", keypos):
        return special(made[keypos][2]) is ROW
    given = ("const", made[keypos]) if constant else made[keypos]
    return type(head) is tuple and len(head) > keypos and gives(given, head[keypos])


def gives(expression, pattern):
    """Whether an expression gives what the pattern of a key matched, by the words alone."""
    wanted = special(pattern)
    if wanted is not None:
        return isinstance(wanted, Variable) and special(expression) == wanted
    if special(expression) is not None:
        return False
    if type(expression) is tuple and expression[0] == "const":
        return not holds_special(pattern) and same(expression[1], pattern)
    if type(expression) is tuple:
        made = expression[0]
        return type(made) is tuple and type(pattern) is tuple and all_give(made, pattern)
    if type(expression) is list:
        return type(pattern) is list and all_give(expression, pattern)
    return not holds_special(pattern) and same(expression, pattern)


def all_give(expressions, patterns):
    return len(expressions) == len(patterns) and all(map(gives, expressions, patterns))
