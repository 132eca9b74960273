"""Bad input of every kind: the error says what was wrong, where, and what to do, and nothing is half done."""

import pytest

import partita

OPAQUE = object()


def nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.fixture
def t():
    t = partita.Table("errors", partitions=3, fields=("id", "name"), if_exists="replace")
    t.insert([(i, f"name {i}") for i in range(10)])
    yield t
    if not t._dropped:
        assert sorted(t.tolist()) == [(i, f"name {i}") for i in range(10)], "something was half done"
        t._check()
        t.drop()


BAD_ROWS = {
    "no tuple": ([1, 2], TypeError, ["[1, 2]", "list", "a row is a tuple"]),
    "a str": ("row", TypeError, ["'row'", "str", "tuple"]),
    "None": (None, TypeError, ["None", "tuple"]),
    "a dict": ({"id": 1}, ValueError, ["{'id': 1}", "no field 'name'"]),
    "too short": ((), ValueError, ["()", "0 elements", "position 0", "at least 1"]),
    "too long": ((1,) * 65536, ValueError, ["65536 elements", "at most 65535"]),
    "opaque key": ((OPAQUE, 1), TypeError, ["element 0", "cannot be a key"]),
    "opaque object in the key": (((1, [OPAQUE]), 1), TypeError, ["element 0", "cannot be a key"]),
    "surrogate": ((1, "\ud800"), ValueError, ["element 1", "surrogate"]),
    "surrogate key": (("\ud800", 1), ValueError, ["element 0", "surrogate"]),
    "too deep": ((1, nested(501)), ValueError, ["element 1", "500"]),
    "cannot be pickled": ((1, 2, lambda: 0), Exception, ["lambda"]),
}


def raises(error, words, call):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), f"{word!r} is missing in {caught.value}"


@pytest.mark.parametrize("bad", BAD_ROWS)
@pytest.mark.parametrize("method", ["insert", "insert_new", "delete_object", "insert_many"])
def test_bad_row(t, method, bad):
    row, error, words = BAD_ROWS[bad]
    if method == "insert_many":
        raises(error, words, lambda: t.insert_many([row]))
        raises(error, words, lambda: t.insert_many([(1, "name 1"), (2, "name 2"), row]))
    elif not isinstance(row, list):
        raises(error, words, lambda: getattr(t, method)(row))


@pytest.mark.parametrize("bad", [name for name in BAD_ROWS if name != "cannot be pickled"])
@pytest.mark.parametrize("method", ["insert", "insert_new"])
def test_bad_row_in_a_list(t, method, bad):
    row, error, words = BAD_ROWS[bad]
    rows = [(100 + i, "must not go in") for i in range(100)]
    rows[70] = row
    raises(error, ["row 70", *words], lambda: getattr(t, method)(rows))


@pytest.mark.parametrize("bad", BAD_ROWS)
def test_bad_row_elsewhere(t, bad):
    row, error, words = BAD_ROWS[bad]
    raises(error, words, lambda: t.compare_and_swap((1, "name 1"), row))
    raises(error, words, lambda: t.compare_and_swap(row, (1, "name 1")))
    if row is None or "key" in bad:  # None is no default, and a default's key is replaced
        return
    raises(error, words, lambda: t.update_counter("new", [], row))
    raises(error, words, lambda: t.update_element("new", [], row))


BAD_KEYS = {
    "opaque": (OPAQUE, TypeError, ["object", "cannot be a key"]),
    "opaque inside": ((1, {2: OPAQUE}), TypeError, ["cannot be a key"]),
    "cannot be pickled": (lambda: 0, TypeError, ["cannot be a key"]),
    "surrogate": ("\ud800", ValueError, ["surrogate"]),
    "too deep": (nested(501), ValueError, ["500"]),
}
KEYED_CALLS = {
    "lookup": lambda t, key: t.lookup(key),
    "get": lambda t, key: t.get(key),
    "lookup_many": lambda t, key: t.lookup_many([1, key]),
    "get_many": lambda t, key: t.get_many([1, key]),
    "lookup_element": lambda t, key: t.lookup_element(key, 1),
    "lookup_element with default": lambda t, key: t.lookup_element(key, 1, None),
    "member": lambda t, key: t.member(key),
    "in": lambda t, key: key in t,
    "delete": lambda t, key: t.delete(key),
    "delete_many": lambda t, key: t.delete_many([1, key]),
    "take": lambda t, key: t.take(key),
    "update_counter": lambda t, key: t.update_counter(key, 1),
    "update_counter with default": lambda t, key: t.update_counter(key, 1, (0, 0)),
    "update_element": lambda t, key: t.update_element(key, (1, 0)),
    "update_element with default": lambda t, key: t.update_element(key, (1, 0), (0, 0)),
    "update": lambda t, key: t.update(key, lambda row: row, (0, 0)),
}


@pytest.mark.parametrize("bad", BAD_KEYS)
@pytest.mark.parametrize("call", KEYED_CALLS)
def test_bad_key(t, call, bad):
    key, error, words = BAD_KEYS[bad]
    raises(error, words, lambda: KEYED_CALLS[call](t, key))
    with t.snapshot() as s:
        if hasattr(s, call):
            raises(error, words, lambda: KEYED_CALLS[call](s, key))


BAD_POSITIONS = {
    "negative": (-1, ValueError, ["-1", "from 0"]),
    "beyond any row": (65535, ValueError, ["65535"]),
    "huge": (10**30, ValueError, [str(10**30)]),
    "past the end": (2, ValueError, ["2", "past the end", "key 1"]),
    "unknown field": ("nope", ValueError, ["'nope'", "('id', 'name')"]),
    "a bool": (True, TypeError, ["bool", "int from 0", "field"]),
    "a float": (1.0, TypeError, ["float", "int from 0"]),
    "None": (None, TypeError, ["NoneType"]),
}
POSITION_CALLS = {
    "lookup_element": lambda t, pos: t.lookup_element(1, pos),
    "update_counter": lambda t, pos: t.update_counter(1, (pos, 1)),
    "update_element": lambda t, pos: t.update_element(1, (pos, 1)),
}


@pytest.mark.parametrize("bad", BAD_POSITIONS)
@pytest.mark.parametrize("call", POSITION_CALLS)
def test_bad_position(t, call, bad):
    pos, error, words = BAD_POSITIONS[bad]
    raises(error, words, lambda: POSITION_CALLS[call](t, pos))


@pytest.mark.parametrize("call", POSITION_CALLS)
def test_field_of_a_table_without_fields(call):
    t = partita.Table()
    t.insert((1, 1))
    raises(ValueError, ["'name'", "without fields"], lambda: POSITION_CALLS[call](t, "name"))


WRONG_CALLS = {
    "insert()": lambda t: t.insert(),
    "insert(a, b)": lambda t: t.insert((1,), (2,)),
    "insert(row=...)": lambda t: t.insert(row=(1,)),
    "get()": lambda t: t.get(),
    "get(1, 2, 3)": lambda t: t.get(1, 2, 3),
    "get(1, nope=2)": lambda t: t.get(1, nope=2),
    "get(1, key=1)": lambda t: t.get(1, key=1),
    "get(default=1)": lambda t: t.get(default=1),
    "lookup_element(1)": lambda t: t.lookup_element(1),
    "update_counter(1)": lambda t: t.update_counter(1),
    "compare_and_swap(a)": lambda t: t.compare_and_swap((1,)),
    "tolist(1)": lambda t: t.tolist(1),
    "snapshot(1)": lambda t: t.snapshot(1),
}


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_wrong_arguments(t, call):
    method = call.split("(")[0]
    raises(TypeError, [f"{method}()"], lambda: WRONG_CALLS[call](t))


CALLS = {
    **{name: lambda t, call=call: call(t, 1) for name, call in KEYED_CALLS.items()},
    "insert": lambda t: t.insert((1,)),
    "insert of a list": lambda t: t.insert([(1,), (2,)]),
    "insert of a long list": lambda t: t.insert([(i,) for i in range(1000)]),
    "insert of no rows": lambda t: t.insert([]),
    "insert_new": lambda t: t.insert_new((1,)),
    "insert_new of a list": lambda t: t.insert_new([(1,), (2,)]),
    "insert_many": lambda t: t.insert_many([(1,), (2,)]),
    "delete_object": lambda t: t.delete_object((1,)),
    "compare_and_swap": lambda t: t.compare_and_swap((1,), (1,)),
    "clear": lambda t: t.clear(),
    "compact": lambda t: t.compact(),
    "drop": lambda t: t.drop(),
    "tolist": lambda t: t.tolist(),
    "len": lambda t: len(t),
    "list": lambda t: list(t),
    "keys": lambda t: list(t.keys()),
    "len of keys": lambda t: len(t.keys()),
    "foldl": lambda t: t.foldl(max, ()),
    "foldr": lambda t: t.foldr(max, ()),
    "select": lambda t: t.select([(partita.ANY, [], [1])]),
    "select_count": lambda t: t.select_count([(partita.ANY, [], [True])]),
    "match": lambda t: t.match(partita.ANY),
    "match_object": lambda t: t.match_object((1, partita.ANY)),
    "snapshot": lambda t: t.snapshot(),
    "info": lambda t: t.info(),
    "mapping": lambda t: t.mapping()[1],
    "items of mapping": lambda t: list(t.mapping().items()),
}


@pytest.mark.parametrize("call", CALLS)
def test_dropped_table(t, call):
    t.drop()
    raises(partita.TableDroppedError, ["'errors' was dropped"], lambda: CALLS[call](t))
    unnamed = partita.Table()
    unnamed.drop()
    raises(partita.TableDroppedError, ["this table was dropped"], lambda: CALLS[call](unnamed))


@pytest.mark.parametrize("call", ["insert", "insert_new", "insert_many", "get_many", "lookup_many", "delete_many"])
def test_dropped_table_given_nothing_to_do(t, call):
    t.drop()
    raises(partita.TableDroppedError, ["'errors' was dropped"], lambda: getattr(t, call)([]))


def test_errors_of_user_code_pass_unchanged(t):
    class Broken:
        def __reduce__(self):
            raise LookupError("my own")

    with pytest.raises(LookupError, match="my own"):
        t.insert((1, Broken()))
    with pytest.raises(LookupError, match="my own"):
        t.insert([(100,), (1, Broken())])


def test_an_element_without_a_repr_can_still_be_named(t):
    class Silent(list):
        def __repr__(self):
            raise RuntimeError("no repr")

    raises(TypeError, ["row 1", "Silent"], lambda: t.insert([(100,), Silent()]))
    raises(TypeError, ["Silent"], lambda: t.insert_many([Silent()]))


def test_a_long_row_is_cut_in_the_message(t):
    with pytest.raises(TypeError) as caught:
        t.insert_many([["x" * 10_000]])
    assert len(str(caught.value)) < 500


def test_the_tree_of_errors():
    for name in ("TableDroppedError", "TableExistsError", "SnapshotClosedError", "MatchSpecError"):
        error = getattr(partita, name)
        assert issubclass(error, partita.Error)
        assert issubclass(error, ValueError)


@pytest.mark.slow
def test_a_term_over_2_gib(t):
    raises(ValueError, ["element 1", "2 GiB"], lambda: t.insert((1, "x" * 2**31)))
    raises(ValueError, ["element 1", "2 GiB"], lambda: t.insert((1, bytes(2**31))))


@pytest.mark.slow
def test_elements_without_columns_of_their_own_that_are_over_4_gib_together(t):
    text = "x" * (3 * 2**29)
    raises(ValueError, ["position 64", "4 GiB"], lambda: t.insert((1, *[None] * 63, text, text, text)))
    other = partita.Table()
    other.insert((1, *[None] * 66))
    other.update_element(1, [(64, text), (65, text)])
    with pytest.raises(MemoryError):
        other.update_element(1, (66, text))
    assert other.lookup_element(1, 66) is None


class Speechless:
    def __repr__(self):
        raise RuntimeError("says nothing")


class Name(str):
    """A str that wants to be asked who it is, and who it equals."""

    def __str__(self):
        return self

    def __hash__(self):
        raise RuntimeError("has no hash")


HUGE = 10**5000  # more digits than Python likes to print


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda t: partita.Table(Speechless()), TypeError, ["name of a table", "Speechless"]),
        (lambda t: partita.Table(type=Speechless()), ValueError, ["type is", "Speechless"]),
        (lambda t: partita.Table(fields=Speechless()), TypeError, ["fields", "Speechless"]),
        (lambda t: partita.Table(fields=(Speechless(),)), TypeError, ["name of a field", "Speechless"]),
        (lambda t: partita.Table(if_exists=Speechless()), ValueError, ["if_exists", "Speechless"]),
        (lambda t: partita.Table(owner=Name, heir=Speechless()), TypeError, ["heir", "Speechless"]),
        (lambda t: partita.Table(partitions=HUGE), ValueError, ["partitions", "int of 16610 bits"]),
        (lambda t: partita.Table(keypos=-HUGE), ValueError, ["keypos", "int of 16610 bits"]),
        (lambda t: partita.set_num_threads(-HUGE), ValueError, ["threads", "int of 16610 bits"]),
        (lambda t: partita.V[-HUGE], ValueError, ["numbered from 0", "int of 16610 bits"]),
        (lambda t: t.lookup_element(1, HUGE), ValueError, ["position", "int of 16610 bits", "65535"]),
        (lambda t: t.update_element(1, (-HUGE, 0)), ValueError, ["position", "int of 16610 bits", "65535"]),
        (lambda t: t.update(99, lambda row: row, [HUGE]), TypeError, ["default", "a row is a tuple"]),
        (lambda t: t.insert([HUGE]), TypeError, ["row 0", "int of 16610 bits"]),
        (lambda t: t.select_count(Speechless()), ValueError, ["match specification", "Speechless"]),
        (lambda t: t.select_count([(Speechless(), [], [True])]), TypeError, ["head", "Speechless"]),
        (lambda t: t.select_count([((1, 2), HUGE, [True])]), ValueError, ["guards", "int of 16610 bits"]),
    ],
)
def test_what_has_no_repr_is_refused_all_the_same(t, call, error, words):
    raises(error, words, lambda: call(t))


@pytest.mark.parametrize("deep", [nested(501), nested(100_000)])
def test_a_head_too_deep_for_any_row(t, deep):
    raises(partita.MatchSpecError, ["element 1", "500"], lambda: t.select_count([((1, deep), [], [True])]))
    itself = []
    itself += [itself, itself]
    raises(partita.MatchSpecError, ["element 1", "500"], lambda: t.select_count([((1, itself), [], [True])]))
    assert t.select_count([((1, nested(500)), [], [True])]) == 0


def test_a_name_is_stored_as_a_plain_str():
    t = partita.Table(Name("plain"), fields=(str.__str__("a"), "b"))
    assert type(t.name) is str
    assert partita.table("plain") is t
    t.drop()
    with pytest.raises(KeyError):
        partita.table("plain")


def test_more_fields_than_a_row_has_elements():
    names = [f"field {i}" for i in range(65536)]
    raises(ValueError, ["65536", "65535"], lambda: partita.Table(fields=names))
    assert len(partita.Table(fields=names[1:], keypos="field 65535").fields) == 65535
    raises(ValueError, ["'field 1'", "twice"], lambda: partita.Table(fields=[*names[:1000], "field 1"]))


def test_a_repr_that_is_interrupted(t):
    class Interrupted:
        def __repr__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        t.insert(Interrupted())
