"""The calls that ETS and partita have in common, one entry of `OPERATIONS` each.

An `Operation` says how to draw its arguments, how ETS is asked, how partita is asked, and how the two answers are
brought to one form. To judge one more call, add one more entry. Arguments are in partita's terms (positions from 0).
What the two do differently on purpose is written at the entry that evens it out, and in docs/ets.md.

Hash tables have no order, so their keys and rows are compared without one; those of an ordered_set as they come.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import partita
from differential import draw, draw_specs
from helpers.terms import canonical, exact
from partita import Atom


def keep_sign(number):
    return ("float", number.hex()) if isinstance(number, float) else ("int", number)


def value(term):
    """Any result, to the last bit. Order of a dict is left out: Erlang's maps have none."""
    return canonical(term, keep_sign)


def in_any_order(terms, keypos):
    return Counter(map(value, terms))


def keys_in_any_order(keys, keypos):
    """Which of its rows a bag takes a key from is not said, and 0.0 and -0.0 are one key."""
    return Counter(map(exact, keys))


def rows_by_key(rows, keypos):
    """Keys come in no order, the rows of one key in that in which they were inserted."""
    groups = {}
    for row in rows:
        groups.setdefault(value(row[keypos]), []).append(value(row))
    return groups


def nothing(_):
    """For calls whose answer is always the same: ETS says true, partita None."""
    return "done"


@dataclass(frozen=True)
class Operation:
    draw: Callable  # (source, world) -> the arguments, a tuple
    erlang: Callable  # (world, *arguments) -> (function of ets or of judge.erl, list of arguments)
    partita: Callable  # (table, *arguments) -> answer
    result: Callable[[Any], Any] = value  # an answer of either side -> what is compared
    unordered: Callable | None = None  # (answer, keypos) -> what is compared instead, where keys have no order
    types: tuple = ("set", "ordered_set", "bag", "duplicate_bag")
    weight: int = 10
    # Whether the arguments are wrong whatever the table holds. Partita checks its arguments first and refuses them;
    # ETS may look for the key first and answer with its absence.
    malformed: Callable = field(default=lambda world, *arguments: False)
    since_otp: int = 0


def append(row, rows):
    rows.append(row)
    return rows


def one_or_list(converted, ops):
    return [converted(op) for op in ops] if isinstance(ops, list) else converted(ops)


# --- update_counter and update_element.


def erlang_counter_op(op):
    return (op[0] + 1, *op[1:]) if isinstance(op, tuple) else op


def counter_ops(world, ops):
    ops = ops if isinstance(ops, list) else [ops]
    return [op if isinstance(op, tuple) else (world.keypos + 1, op) for op in ops]


def malformed_counter(world, key, ops, *default):
    return any(
        pos == world.keypos or pos < 0 or any(type(n) is not int for n in numbers)
        for pos, *numbers in counter_ops(world, ops)
    )


def update_counter(table, key, ops, *default):
    # ETS refuses to add to a float, partita adds: say here what ETS would say.
    row = next(iter(table.lookup(key) or default), ())
    keypos = table.info()["keypos"]
    for op in ops if isinstance(ops, list) else [ops]:
        pos = op[0] if isinstance(op, tuple) else keypos + 1
        if isinstance(row, tuple) and 0 <= pos < len(row) and pos != keypos and isinstance(row[pos], float):
            raise TypeError("a float is no counter in ETS")
    return table.update_counter(key, ops, *default)


def malformed_update(world, key, updates, *default):
    return any(pos == world.keypos or pos < 0 for pos, _ in (updates if isinstance(updates, list) else [updates]))


def erlang_update(update):
    return (update[0] + 1, update[1])


# --- From key to key. In hash tables what follows a key depends on where the two sides put it, so walks are compared as
# a whole.


def end_as_in_ets(answer):
    return Atom("$end_of_table") if answer is partita.END else answer


def walk(table, first, step):
    keys = []
    key = getattr(table, first)()
    while key is not partita.END:
        keys.append(key)
        key = getattr(table, step)(key)
    return keys


def rows_of_slots(table):
    rows = []
    number = 0
    while (some := table.slot(number)) is not partita.END:
        rows += some
        number += 1
    return rows


def can_go_on(table, keys):
    def knows(key):
        try:
            table.next(key)
        except KeyError:
            return False
        return True

    return [knows(key) for key in keys]


def fixed(table, keys, rows, clear, asked):
    with table.fix():
        table.delete_many(keys)
        if clear:
            table.clear()
        table.insert(rows)
        table.delete_many(keys)
        under_fix = can_go_on(table, asked)
    return [under_fix, can_go_on(table, asked)]


def walk_that_deletes(table, keys):
    doomed = [exact(key) for key in keys]
    met = []
    with table.fix():
        key = table.first()
        while key is not partita.END:
            met.append(key)
            if exact(key) in doomed:
                table.delete(key)
            key = table.next(key)
    return met


# --- Page by page.


def pages(page, limit):
    results, cursor = page
    assert len(results) <= limit
    while cursor is not None:
        assert len(results) % limit == 0, "a page before the last one is not full"
        more, cursor = cursor.next()
        assert len(more) <= limit
        results += more
    return results


def pages_while_changing(table, pattern, limit, keys, rows):
    page = table.match_object(pattern, limit)
    table.delete_many(keys)
    table.insert(rows)
    keypos = table.info()["keypos"]
    changed = [exact(key) for key in (*keys, *(row[keypos] for row in rows))]
    return [row for row in pages(page, limit) if exact(row[keypos]) not in changed]


# --- select_count with one guard on one field.


def erlang_count(world, arity, pos, operator, constant):
    head = tuple(Atom(f"${i}") for i in range(arity))
    return "select_count", [[(head, [(Atom(operator), Atom(f"${pos}"), (Atom("const"), constant))], [True])]]


def select_count(table, arity, pos, operator, constant):
    head = tuple(partita.V[i] for i in range(arity))
    return table.select_count([(head, [(operator, head[pos], ("const", constant))], [True])])


OPERATIONS = {
    "insert": Operation(
        draw.row_to_insert,
        lambda world, row: ("insert", [row]),
        lambda table, row: table.insert(row),
        nothing,
        weight=60,
    ),
    "insert list": Operation(
        draw.rows_to_insert,
        lambda world, rows: ("insert", [rows]),
        lambda table, rows: table.insert(rows),
        nothing,
        weight=20,
    ),
    "insert_new": Operation(
        draw.row_to_insert,
        lambda world, row: ("insert_new", [row]),
        lambda table, row: table.insert_new(row),
        weight=20,
    ),
    "insert_new list": Operation(
        draw.rows_to_insert, lambda world, rows: ("insert_new", [rows]), lambda table, rows: table.insert_new(rows)
    ),
    "insert_many": Operation(
        draw.good_rows, lambda world, rows: ("insert_many", [rows]), lambda table, rows: table.insert_many(iter(rows))
    ),
    "insert_many of many": Operation(
        draw.many_rows,
        lambda world, rows: ("insert_many", [rows]),
        lambda table, rows: table.insert_many(rows),
        weight=1,
    ),
    "insert rows of a key": Operation(
        draw.rows_of_a_key,
        lambda world, rows: ("insert", [rows]),
        lambda table, rows: table.insert(rows),
        nothing,
        weight=2,
    ),
    "delete rows of a key": Operation(
        draw.rows_of_a_key,
        lambda world, rows: ("delete_objects", [rows[::2]]),
        lambda table, rows: [table.delete_object(row) for row in rows[::2]],
        nothing,
        weight=2,
    ),
    "lookup": Operation(
        draw.one_key, lambda world, key: ("lookup", [key]), lambda table, key: table.lookup(key), weight=30
    ),
    "lookup_many": Operation(
        draw.some_keys,
        lambda world, keys: ("each", [Atom("lookup"), keys]),
        lambda table, keys: table.lookup_many(keys),
    ),
    "get": Operation(
        draw.one_key,
        lambda world, key: ("lookup", [key]),
        lambda table, key: [row for row in (table.get(key),) if row is not None],
        types=("set", "ordered_set"),
    ),
    "get_many": Operation(
        draw.some_keys,
        lambda world, keys: ("each", [Atom("lookup"), keys]),
        lambda table, keys: [[] if row is None else [row] for row in table.get_many(keys)],
        types=("set", "ordered_set"),
    ),
    "lookup_element": Operation(
        draw.key_and_position,
        lambda world, key, pos: ("lookup_element", [key, pos + 1]),
        lambda table, key, pos: table.lookup_element(key, pos),
        malformed=lambda world, key, pos: pos < 0,
        weight=20,
    ),
    "lookup_element with default": Operation(
        draw.key_position_and_default,
        lambda world, key, pos, default: ("lookup_element", [key, pos + 1, default]),
        lambda table, key, pos, default: table.lookup_element(key, pos, default),
        malformed=lambda world, key, pos, default: pos < 0,
        since_otp=26,
    ),
    "member": Operation(draw.one_key, lambda world, key: ("member", [key]), lambda table, key: table.member(key)),
    "in": Operation(draw.one_key, lambda world, key: ("member", [key]), lambda table, key: key in table),
    "delete": Operation(
        draw.one_key, lambda world, key: ("delete", [key]), lambda table, key: table.delete(key), nothing, weight=20
    ),
    "delete_many": Operation(
        draw.some_keys,
        lambda world, keys: ("delete_many", [keys]),
        lambda table, keys: table.delete_many(keys),
        weight=5,
    ),
    "delete_object": Operation(
        draw.row_to_insert,
        lambda world, row: ("delete_object", [row]),
        lambda table, row: table.delete_object(row),
        nothing,
        weight=20,
    ),
    "take": Operation(draw.one_key, lambda world, key: ("take", [key]), lambda table, key: table.take(key)),
    "update_counter": Operation(
        draw.key_and_counter_ops,
        lambda world, key, ops: ("update_counter", [key, one_or_list(erlang_counter_op, ops)]),
        update_counter,
        malformed=malformed_counter,
        weight=40,
    ),
    "update_counter with default": Operation(
        draw.key_counter_ops_and_default,
        lambda world, key, ops, default: ("update_counter", [key, one_or_list(erlang_counter_op, ops), default]),
        update_counter,
        malformed=malformed_counter,
        weight=40,
    ),
    "update_element": Operation(
        draw.key_and_updates,
        lambda world, key, updates: ("update_element", [key, one_or_list(erlang_update, updates)]),
        lambda table, key, updates: table.update_element(key, updates),
        malformed=malformed_update,
        weight=40,
    ),
    "update_element with default": Operation(
        draw.key_updates_and_default,
        lambda world, key, updates, default: ("update_element", [key, one_or_list(erlang_update, updates), default]),
        lambda table, key, updates, default: table.update_element(key, updates, default),
        malformed=malformed_update,
        since_otp=27,
    ),
    "clear": Operation(
        draw.no_arguments,
        lambda world: ("delete_all_objects", []),
        lambda table: table.clear(),
        nothing,
        weight=1,
    ),
    "tolist": Operation(
        draw.no_arguments, lambda world: ("tab2list", []), lambda table: table.tolist(), unordered=rows_by_key, weight=3
    ),
    "iter": Operation(
        draw.no_arguments, lambda world: ("tab2list", []), lambda table: list(table), unordered=rows_by_key, weight=3
    ),
    "keys": Operation(
        draw.no_arguments,
        lambda world: ("walk", []),
        lambda table: list(table.keys()),
        unordered=keys_in_any_order,
        weight=5,
    ),
    "walk back": Operation(
        draw.no_arguments,
        lambda world: ("walk_back", []),
        lambda table: walk(table, "last", "prev"),
        unordered=keys_in_any_order,
        weight=2,
    ),
    "walk": Operation(
        draw.no_arguments,
        lambda world: ("walk", []),
        lambda table: walk(table, "first", "next"),
        unordered=keys_in_any_order,
        weight=2,
    ),
    "slots": Operation(
        draw.no_arguments, lambda world: ("rows_of_slots", []), rows_of_slots, unordered=in_any_order, weight=2
    ),
    "walk back over a snapshot": Operation(
        draw.no_arguments,
        lambda world: ("walk_back", []),
        lambda table: walk(table.snapshot(), "last", "prev"),
        unordered=keys_in_any_order,
        weight=1,
    ),
    "slots of a snapshot": Operation(
        draw.no_arguments,
        lambda world: ("rows_of_slots", []),
        lambda table: rows_of_slots(table.snapshot()),
        unordered=in_any_order,
        weight=1,
    ),
    "ends": Operation(
        draw.no_arguments,
        lambda world: ("ends", []),
        lambda table: [end_as_in_ets(table.first()), end_as_in_ets(table.last())],
        types=("ordered_set",),
        weight=3,
    ),
    "next": Operation(
        draw.one_key,
        lambda world, key: ("next", [key]),
        lambda table, key: end_as_in_ets(table.next(key)),
        types=("ordered_set",),
        weight=20,
    ),
    "prev": Operation(
        draw.one_key,
        lambda world, key: ("prev", [key]),
        lambda table, key: end_as_in_ets(table.prev(key)),
        types=("ordered_set",),
        weight=20,
    ),
    "next_lookup": Operation(
        draw.one_key,
        lambda world, key: ("next_lookup", [key]),
        lambda table, key: end_as_in_ets(table.next_lookup(key)),
        types=("ordered_set",),
        since_otp=27,
    ),
    "prev_lookup": Operation(
        draw.one_key,
        lambda world, key: ("prev_lookup", [key]),
        lambda table, key: end_as_in_ets(table.prev_lookup(key)),
        types=("ordered_set",),
        since_otp=27,
    ),
    "slot": Operation(
        draw.place,
        lambda world, number: ("slot_or_end", [number]),
        lambda table, number: end_as_in_ets(table.slot(number)),
        types=("ordered_set",),
    ),
    "can go on": Operation(draw.some_keys, lambda world, keys: ("can_go_on", [keys]), can_go_on),
    "fixed": Operation(
        draw.changes_while_fixed,
        lambda world, keys, rows, clear, asked: ("fixed", [keys, rows, clear, asked]),
        fixed,
    ),
    "walk that deletes": Operation(
        draw.some_keys,
        lambda world, keys: ("walk_that_deletes", [keys]),
        walk_that_deletes,
        unordered=keys_in_any_order,
        weight=3,
    ),
    "foldl": Operation(
        draw.no_arguments,
        lambda world: ("folded", [Atom("foldl")]),
        lambda table: table.foldl(append, []),
        unordered=rows_by_key,
        weight=2,
    ),
    "foldr": Operation(
        draw.no_arguments,
        lambda world: ("folded", [Atom("foldr")]),
        lambda table: table.foldr(append, []),
        unordered=rows_by_key,
        weight=2,
    ),
    "snapshot": Operation(
        draw.no_arguments,
        lambda world: ("tab2list", []),
        lambda table: table.snapshot().tolist(),
        unordered=rows_by_key,
        weight=3,
    ),
    "len": Operation(draw.no_arguments, lambda world: ("info", [Atom("size")]), len),
    "info": Operation(draw.no_arguments, lambda world: ("info", [Atom("size")]), lambda table: table.info()["size"]),
    "select_count": Operation(draw.count_guard, erlang_count, select_count, weight=20),
    "select_count of any kind": Operation(
        draw_specs.table_count,
        lambda world, spec: ("select_count", [draw_specs.to_erlang(spec)]),
        lambda table, spec: table.select_count(spec),
    ),
    "select": Operation(
        draw_specs.table_spec,
        lambda world, spec: ("select", [draw_specs.to_erlang(spec)]),
        lambda table, spec: table.select(spec),
        unordered=in_any_order,
        weight=20,
    ),
    "match": Operation(
        draw_specs.table_pattern,
        lambda world, pattern: ("match", [draw_specs.head_to_erlang(pattern)]),
        lambda table, pattern: table.match(pattern),
        unordered=in_any_order,
        weight=20,
    ),
    "match_object": Operation(
        draw_specs.table_pattern,
        lambda world, pattern: ("match_object", [draw_specs.head_to_erlang(pattern)]),
        lambda table, pattern: table.match_object(pattern),
        unordered=in_any_order,
    ),
    "select_reverse": Operation(
        draw_specs.table_spec,
        lambda world, spec: ("select_reverse", [draw_specs.to_erlang(spec)]),
        lambda table, spec: table.select_reverse(spec),
        unordered=in_any_order,
    ),
    "pages of select": Operation(
        draw_specs.spec_and_limit,
        lambda world, spec, limit: ("pages", [Atom("select"), draw_specs.to_erlang(spec), limit]),
        lambda table, spec, limit: pages(table.select(spec, limit), limit),
        unordered=in_any_order,
    ),
    "pages of match": Operation(
        draw_specs.pattern_and_limit,
        lambda world, pattern, limit: ("pages", [Atom("match"), draw_specs.head_to_erlang(pattern), limit]),
        lambda table, pattern, limit: pages(table.match(pattern, limit), limit),
        unordered=in_any_order,
    ),
    "pages of select_reverse": Operation(
        draw_specs.spec_and_limit,
        lambda world, spec, limit: ("pages", [Atom("select_reverse"), draw_specs.to_erlang(spec), limit]),
        lambda table, spec, limit: pages(table.select_reverse(spec, limit), limit),
        unordered=in_any_order,
    ),
    "pages while changing": Operation(
        draw_specs.pages_of_a_changing_table,
        lambda world, pattern, *others: ("pages_while_changing", [draw_specs.head_to_erlang(pattern), *others]),
        pages_while_changing,
        unordered=in_any_order,
    ),
    "select_delete": Operation(
        draw_specs.deletion,
        lambda world, spec: ("select_delete", [draw_specs.to_erlang(spec)]),
        lambda table, spec: table.select_delete(spec),
    ),
    "match_delete": Operation(
        draw_specs.table_pattern,
        lambda world, pattern: ("match_deleted", [draw_specs.head_to_erlang(pattern)]),
        lambda table, pattern: table.match_delete(pattern),
        weight=3,
    ),
    "select_replace": Operation(
        draw_specs.replacement,
        lambda world, spec: ("select_replace", [draw_specs.to_erlang(spec)]),
        lambda table, spec: table.select_replace(spec),
        types=("set", "ordered_set", "bag"),  # ETS replaces rows of a duplicate_bag, too
        weight=20,
    ),
}
