"""No call gains or loses a reference: counts of objects and memory blocks stay flat over 10^5 calls of every method."""

import gc
import sys

import pytest

import partita
from partita import ANY, V, _core, erlang

CALLS = 100_000
KEY = ("a key", 12345678901234567890, 1.5)
ROW = (KEY, 7, "text that is not interned", [1, 2], None)
OTHER_ROW = (KEY, 8, "another text", {"a": 1}, b"bytes")
ABSENT = ("no such", "key")
DEFAULT = ["a default"]
ROWS = [ROW, (1, 2), (2, 3)]
KEYS = [KEY, 1, ABSENT]
SPEC = [((ANY, V[1]), [("<", V[1], 3)], [True])]


def swallow(call):
    """The call, whose error is expected."""

    def run(t):
        try:
            call(t)
        except (KeyError, ValueError, TypeError, OverflowError):
            return
        raise AssertionError("no error")

    return run


class Owner:
    pass


OWNER = Owner()
DICT_ROW = {"key": KEY, "count": 7, "text": DEFAULT}


def delete_and_walk_on(t):
    with t.fix():
        t.delete(KEY)
        t.next(KEY)
        t.insert(ROW)
        t.clear()
        t.prev(KEY)
    t.insert(ROW)


def renamed(t):
    t = partita.Table("references before", partitions=1, if_exists="replace")
    t.rename("references")
    t.drop()


def file_rows(t):
    records, terms, _ = _core.ErlangTabDumper(t.snapshot()).next(True)
    loader = _core.ErlangTabLoader(t, 0, 0, 0)
    assert loader.feed(records, True) == (terms, [], None)
    assert loader.feed(bytes(8), False)[2] == (True, len(records), "no record begins here")


METHODS = {
    "insert": lambda t: t.insert(ROW),
    "insert a list": lambda t: t.insert(ROWS),
    "insert_new": lambda t: t.insert_new(ROW),
    "insert_new a list": lambda t: t.insert_new(ROWS),
    "insert_many": lambda t: t.insert_many(ROWS),
    "lookup": lambda t: t.lookup(KEY),
    "lookup nothing": lambda t: t.lookup(ABSENT),
    "get": lambda t: t.get(KEY),
    "get a default": lambda t: t.get(ABSENT, default=DEFAULT),
    "lookup_many": lambda t: t.lookup_many(KEYS),
    "get_many": lambda t: t.get_many(KEYS, DEFAULT),
    "lookup_element": lambda t: t.lookup_element(KEY, "text"),
    "lookup_element default": lambda t: t.lookup_element(ABSENT, 1, DEFAULT),
    "member": lambda t: t.member(KEY),
    "in": lambda t: KEY in t,
    "len": len,
    "bool": bool,
    "delete and insert": lambda t: (t.delete(KEY), t.insert(ROW)),
    "delete_many and insert": lambda t: (t.delete_many(KEYS), t.insert(ROWS)),
    "delete_object and insert": lambda t: (t.delete_object(ROW), t.insert(ROW)),
    "take and insert": lambda t: (t.take(KEY), t.insert(ROW)),
    "clear and insert": lambda t: (t.clear(), t.insert(ROW)),
    "compact": lambda t: t.compact(),
    "update_counter": lambda t: t.update_counter(KEY, ("count", 1, 100, 0)),
    "update_counter list": lambda t: t.update_counter(KEY, [(1, 1), (1, -1)], default=ROW),
    "update_element": lambda t: t.update_element(KEY, [("text", "other"), (3, DEFAULT)], default=ROW),
    "compare_and_swap": lambda t: t.compare_and_swap(ROW, OTHER_ROW) or t.compare_and_swap(OTHER_ROW, ROW),
    "update": lambda t: t.update(KEY, lambda row: ROW),
    "first and last": lambda t: (t.first(), t.last()),
    "first_lookup and last_lookup": lambda t: (t.first_lookup(), t.last_lookup()),
    "next and prev": lambda t: (t.next(KEY), t.prev(KEY)),
    "next_lookup and prev_lookup": lambda t: (t.next_lookup(KEY), t.prev_lookup(KEY)),
    "next of nothing": swallow(lambda t: t.next(ABSENT)),
    "slot": lambda t: [t.slot(number) for number in (0, 1, 2**70)],
    "bad slot": swallow(lambda t: t.slot(-1)),
    "fix": delete_and_walk_on,
    "fix that is collected": lambda t: t.fix().__enter__() and None,
    "safe_fixtable": lambda t: (t._fix_by_hand(True), t._fix_by_hand(False)),
    "dict row": lambda t: t.insert([{"key": KEY, "count": 1, "text": "a"}, DICT_ROW]),
    "dict row that lacks a field": swallow(lambda t: t.insert({"key": KEY})),
    "dict row with another field": swallow(lambda t: t.insert({**DICT_ROW, "other": KEY})),
    "records": lambda t: t.records([(KEY, 1, DEFAULT)]),
    "readonly": lambda t: t.readonly().get(KEY),
    "refused": swallow(lambda t: t.readonly().insert(ROW)),
    "give_away": lambda t: t.give_away(OWNER),
    "rename": renamed,
    "foldr": lambda t: t.foldr(lambda row, acc: acc, 0),
    "tolist": lambda t: t.tolist(),
    "iter": list,
    "unfinished iter": lambda t: next(iter(t)),
    "keys": lambda t: list(t.keys()),
    "foldl": lambda t: t.foldl(lambda row, acc: acc, 0),
    "snapshot": lambda t: t.snapshot().get(KEY),
    "closed snapshot": lambda t: t.snapshot().close(),
    "select_count": lambda t: t.select_count(SPEC),
    "select": lambda t: t.select(SPEC),
    "match": lambda t: t.match((partita.V[1], partita.V.x)),
    "match_object": lambda t: t.match_object((KEY, partita.ANY)),
    "test_ms": lambda t: partita.ets.test_ms((1, 2), SPEC),
    "erlang terms": lambda t: erlang.loads(erlang.dumps([ROW, OTHER_ROW], compressed=True)),
    "no Erlang form": swallow(lambda t: erlang.dumps([ROW, {1}])),
    "no term": swallow(lambda t: erlang.loads(b"\x83l\0\0\0\2a\1")),
    "a file's rows": file_rows,
    "info": lambda t: t.info(),
    "mapping": lambda t: t.mapping().get(ABSENT),
    "a table": lambda t: partita.Table(partitions=1, fields=("a", "b")),
    "a named table": lambda t: partita.Table("references", partitions=1, if_exists="replace"),
    "bad row": swallow(lambda t: t.insert(5)),
    "bad row in a list": swallow(lambda t: t.insert([ROW, ()])),
    "bad element": swallow(lambda t: t.insert((KEY, "\ud800"))),
    "bad row of many": swallow(lambda t: t.insert_many([ROW, ()])),
    "bad key": swallow(lambda t: t.lookup(object())),
    "bad key of many": swallow(lambda t: t.get_many([KEY, object()])),
    "absent key": swallow(lambda t: t.lookup_element(ABSENT, 1)),
    "bad position": swallow(lambda t: t.lookup_element(KEY, "nope")),
    "position past the end": swallow(lambda t: t.lookup_element(KEY, 9)),
    "bad operation": swallow(lambda t: t.update_counter(KEY, [(1, 1), (3, 1)])),
    "other key": swallow(lambda t: t.compare_and_swap(ROW, (1, 2))),
    "wrong arguments": swallow(lambda t: t.get(KEY, nope=1)),
}
# These take long for one call; a leak in each call still shows beyond doubt.
SLOW = {
    "compact",
    "a table",
    "a named table",
    "rename",
    "fix",
    "readonly",
    "refused",
    "info",
    "select_count",
    "clear and insert",
    "snapshot",
    "closed snapshot",
    "a file's rows",
}
NOISE = 1 / 50  # blocks a call: caches and free lists of the interpreter come and go, some hundred blocks at a time


def objects_used():
    parts = [KEY, ABSENT, DEFAULT, SPEC, DICT_ROW, partita.END, partita.Table, partita.ReadOnlyTable, partita.Snapshot]
    parts += [part for row in (ROW, OTHER_ROW, *ROWS) for part in (row, *row) if part is not None]
    return [part for part in parts if not isinstance(part, int) or part > 256]


@pytest.mark.parametrize("method", METHODS)
def test_references_stay_flat(method):
    call = METHODS[method]
    t = partita.Table(partitions=2, fields=("key", "count", "text"))
    t.insert(ROWS)
    objects = objects_used()

    def repeat(count):
        for _ in range(count):
            call(t)

    calls = CALLS // 20 if method in SLOW else CALLS
    repeat(200)
    gc.collect()
    references = [sys.getrefcount(part) for part in objects]
    blocks = sys.getallocatedblocks()
    repeat(calls)
    gc.collect()
    grown = sys.getallocatedblocks() - blocks
    assert abs(grown) < NOISE * calls, f"{grown} memory blocks in {calls} calls"
    changed = [
        (part, now - before)
        for part, before, now in zip(objects, references, map(sys.getrefcount, objects), strict=True)
        if now != before
    ]
    assert changed == []
    if method == "a named table":
        partita.table("references").drop()
