"""ModelTable: what a table is, in plain Python and without any cleverness.

It has the calls of `partita.Table` and raises the built-in exceptions that the table's own errors derive from, so
that either can stand where the other does. Rows lie in a dict from the canonical form of their key (helpers/terms.py)
to a list of rows; nothing here depends on Python's own equality or hashing of the terms.

Hash tables promise no order of keys, so the model has none either: compare rows by key (`by_key`), and walks by what
they promise; an ordered_set gives its rows by key. `watch()` gives a `Watch`, which is told of every change and then
judges a walk: each key that was there from start to end exactly once, and nothing but rows that were in the table at
some time in between.
"""

import bisect
import math
from collections import Counter
from contextlib import contextmanager
from operator import itemgetter

import partita
from helpers import naive_match
from helpers.terms import compare, exact, fingerprint, has_opaque, numeric, order_key

RAISE = object()
BAGS = ("bag", "duplicate_bag")


def stored(term):
    """A copy that shares nothing with `term`; ValueError for text that is no text."""
    kind = type(term)
    if kind is str:
        term.encode()  # lone surrogates cannot be
    if kind in (tuple, list, set, frozenset):
        return kind(map(stored, term))
    if kind is dict:
        return {stored(key): stored(value) for key, value in term.items()}
    return term


def by_key(rows, keypos):
    """Rows without the order of their keys, comparable to the last bit: in a bag those of one key have an order."""
    groups = {}
    for row in rows:
        groups.setdefault(exact(row[keypos]), []).append(fingerprint(row))
    return groups


class Watch:
    """One walk over a table, judged by what the table went through while it lasted.

    Of a set: a key that stays is met once, in one of the states its row had. Of a bag: a row that stays is met once,
    equal rows of a duplicate_bag as often as there are.
    """

    def __init__(self, model, identity, *, backward=False):
        self.identity = identity
        self.ordered = model.type == "ordered_set"
        self.sign = 1 if backward else -1  # of comparing a row's key with that of the next
        self.last = None  # row
        self.bag = model.type in BAGS
        self.states = {}  # key -> the rows it ever had, by fingerprint
        self.permanent = {}  # key -> those of them that stayed, in bags with how many
        self.met = Counter()  # keys; in bags (key, fingerprint)
        for key, rows in model.rows.items():
            self.states[key] = Counter(map(fingerprint, rows))
            self.permanent[key] = Counter(self.states[key])

    def changed(self, key, rows):
        now = Counter(map(fingerprint, rows))
        self.states[key] = self.states.get(key, Counter()) | now
        if self.bag:
            self.permanent[key] = self.permanent.get(key, Counter()) & now
        elif not rows:
            self.permanent.pop(key, None)

    def see(self, row, keypos):
        key, seen = self.identity(row[keypos]), fingerprint(row)
        assert seen in self.states.get(key, ()), f"{row!r} was never in the table during this walk"
        self.met[(key, seen) if self.bag else key] += 1
        if self.permanent.get(key):  # else the key may have gone and come again
            most = self.states[key][seen] if self.bag else 1
            assert self.met[(key, seen) if self.bag else key] <= most, f"{row!r} was met too often"
        if self.ordered and self.last is not None:
            assert compare(self.last[keypos], row[keypos]) == self.sign, f"{row!r} after {self.last!r}"
        self.last = row

    def end(self):
        if self.bag:
            missed = [row for key, rows in self.permanent.items() for row in rows if self.met[key, row] < rows[row]]
        else:
            missed = [key for key in self.permanent if not self.met[key]]
        assert not missed, f"there from start to end and not met: {missed!r}"


class Reads:
    """The reading calls; a snapshot has these alone."""

    type: str
    keypos: int
    fields: tuple
    rows: dict
    in_order: list  # of an ordered_set: (order_key, canonical key), by the former

    # --- What keys and positions mean.

    def identity(self, key):
        """What two keys have in common exactly when they are one key to this table."""
        if has_opaque(key):
            raise TypeError(f"not allowed in a key: {key!r}")
        key = stored(key)
        return numeric(key) if self.type == "ordered_set" else exact(key)

    def position(self, pos):
        if isinstance(pos, str):
            if pos not in self.fields:
                raise ValueError(f"no field {pos!r}")
            return self.fields.index(pos)
        if isinstance(pos, bool) or not isinstance(pos, int):
            raise TypeError(f"not a position: {pos!r}")
        if pos < 0:
            raise ValueError(f"negative position: {pos!r}")
        return pos

    def checked_row(self, row):
        if isinstance(row, dict) and self.fields:
            if set(row) != set(self.fields):
                raise ValueError(f"not the fields: {row!r}")
            row = tuple(row[field] for field in self.fields)
        if not isinstance(row, tuple):
            raise TypeError(f"a row is a tuple, not {row!r}")
        if len(row) <= self.keypos:
            raise ValueError(f"no key in {row!r}")
        self.identity(row[self.keypos])
        return stored(row)

    def no_bag(self):
        if self.type in BAGS:
            raise TypeError(f"not for a {self.type}")

    def ordered_keys(self):
        """Canonical keys: in term order for an ordered_set, in any order otherwise."""
        return [key for _, key in self.in_order] if self.type == "ordered_set" else list(self.rows)

    # --- Reading.

    def __len__(self):
        return sum(map(len, self.rows.values()))

    def __bool__(self):
        return True

    def __contains__(self, key):
        return self.member(key)

    def __iter__(self):
        return iter(self.tolist())

    def member(self, key):
        return self.identity(key) in self.rows

    def lookup(self, key):
        return stored(self.rows.get(self.identity(key), []))

    def get(self, key, default=None):
        self.no_bag()
        found = self.lookup(key)
        return found[0] if found else default

    def lookup_many(self, keys):
        return [self.lookup(key) for key in keys]

    def get_many(self, keys, default=None):
        self.no_bag()
        return [self.get(key, default) for key in keys]

    def lookup_element(self, key, pos, default=RAISE):
        pos = self.position(pos)
        found = self.lookup(key)
        if not found:
            if default is RAISE:
                raise KeyError(key)
            return default
        if any(pos >= len(row) for row in found):
            raise ValueError(f"no position {pos} in a row of {key!r}")
        elements = [row[pos] for row in found]
        return elements if self.type in BAGS else elements[0]

    def keys(self):
        return [stored(self.rows[key][0][self.keypos]) for key in self.ordered_keys()]

    def tolist(self):
        return [stored(row) for key in self.ordered_keys() for row in self.rows[key]]

    def foldl(self, fn, acc):
        for row in self.tolist():
            acc = fn(row, acc)
        return acc

    def foldr(self, fn, acc):
        for row in reversed(self.tolist()):
            acc = fn(row, acc)
        return acc

    def select(self, spec, limit=None):
        return self.select_from(self.tolist(), spec, limit)

    def select_reverse(self, spec, limit=None):
        return self.select_from(self.tolist()[:: -1 if self.type == "ordered_set" else 1], spec, limit)

    def select_from(self, rows, spec, limit):
        if limit is not None:
            return ModelCursor(self, rows, spec, limit).next()
        results = [naive_match.run(spec, row, self.keypos) for row in rows]
        return [result for result in results if result is not naive_match.NOTHING]

    def select_count(self, spec):
        return sum(naive_match.gives_true(spec, row, self.keypos) for row in self.tolist())

    def match(self, pattern, limit=None):
        return self.select([(pattern, [], [partita.VARS])], limit)

    def match_object(self, pattern, limit=None):
        return self.select([(pattern, [], [partita.ROW])], limit)

    # --- From key to key. Hash tables have no order to be right about: here it is that of the dict.

    known_keys = None  # while a table is fixed: a dict of the keys that it had since then, in their order

    def beside(self, key, step):
        known = list(self.rows if self.known_keys is None else self.known_keys)[::step]
        if self.identity(key) not in known:
            raise KeyError(key)
        after = known[known.index(self.identity(key)) + 1 :]
        return next((self.rows[other][0][self.keypos] for other in after if other in self.rows), partita.END)

    def slot(self, number):
        key = self.key_at(number)
        return key if key is partita.END else self.lookup(key)

    def key_at(self, number):
        """The key of that number in the order of keys, or END."""
        if not 0 <= number < len(self.rows):
            return partita.END
        key = self.in_order[number][1] if self.type == "ordered_set" else list(self.rows)[number]
        return stored(self.rows[key][0][self.keypos])

    def first(self):
        return self.key_at(0)

    def last(self):
        return self.key_at(len(self.rows) - 1)

    def next(self, key):
        if self.type != "ordered_set":
            return self.beside(key, 1)
        self.identity(key)
        return self.key_at(bisect.bisect_right(self.in_order, order_key(key), key=itemgetter(0)))

    def prev(self, key):
        if self.type != "ordered_set":
            return self.beside(key, -1)
        self.identity(key)
        return self.key_at(bisect.bisect_left(self.in_order, order_key(key), key=itemgetter(0)) - 1)

    def with_rows(self, key):
        return partita.END if key is partita.END else (key, self.lookup(key))

    def first_lookup(self):
        return self.with_rows(self.first())

    def last_lookup(self):
        return self.with_rows(self.last())

    def next_lookup(self, key):
        return self.with_rows(self.next(key))

    def prev_lookup(self, key):
        return self.with_rows(self.prev(key))


class ModelCursor:
    """The pages that follow: of the rows that were there at the first and are there yet."""

    def __init__(self, table, rows, spec, limit):
        self.table, self.rows, self.spec, self.limit = table, rows, spec, limit

    def next(self):
        there = [exact(row) for row in self.table.tolist()]
        results = []
        for place, row in enumerate(self.rows):
            result = naive_match.run(self.spec, row, self.table.keypos) if exact(row) in there else naive_match.NOTHING
            if result is not naive_match.NOTHING and len(results) == self.limit:
                return results, ModelCursor(self.table, self.rows[place:], self.spec, self.limit)
            if result is not naive_match.NOTHING:
                results.append(result)
        return results, None


class ModelSnapshot(Reads):
    def __init__(self, model):
        self.type, self.keypos, self.fields = model.type, model.keypos, model.fields
        self.rows = {key: list(rows) for key, rows in model.rows.items()}
        self.in_order = list(model.in_order)

    def close(self):
        self.rows = {}


class ModelTable(Reads):
    def __init__(self, *, type="set", keypos=0, fields=(), partitions=None):  # noqa: A002
        self.type, self.keypos, self.fields = type, keypos, tuple(fields or ())
        self.partitions = partitions
        self.rows = {}
        self.in_order = []
        self.forms = {}  # of some keys: exact() of each of their rows, which takes long to compute for thousands
        self.watches = []

    def info(self):
        return {"type": self.type, "keypos": self.keypos, "size": len(self)}

    def snapshot(self):
        return ModelSnapshot(self)

    @contextmanager
    def fix(self):
        self.known_keys = dict.fromkeys(self.rows)
        yield
        self.known_keys = None

    def _check(self):
        assert all(self.rows.values()), "a key without rows"

    def watch(self, *, backward=False):
        watch = Watch(self, self.identity, backward=backward)
        self.watches.append(watch)
        return watch

    def put(self, key, rows, forms=None):
        """The one place that changes a table: `rows` are now those of `key`."""
        self.forms.pop(key, None)
        if self.type == "ordered_set" and bool(rows) != (key in self.rows):
            self.put_in_order(key, (rows or self.rows[key])[0][self.keypos], there=bool(rows))
        if rows:
            self.rows[key] = rows
            if self.known_keys is not None:
                self.known_keys[key] = None
            if forms is not None:
                self.forms[key] = forms
        else:
            self.rows.pop(key, None)
        for watch in self.watches:
            watch.changed(key, rows)

    def put_in_order(self, key, term, *, there):
        entry = (order_key(term), key)
        at = bisect.bisect_left(self.in_order, entry[0], key=itemgetter(0))
        self.in_order[at : at if there else at + 1] = [entry] if there else []

    def forms_of(self, key):
        forms = self.forms.get(key)
        return list(map(exact, self.rows.get(key, []))) if forms is None else forms

    # --- Whole rows.

    def checked_rows(self, row_or_rows):
        rows = row_or_rows if isinstance(row_or_rows, list) else [row_or_rows]
        return [self.checked_row(row) for row in rows]

    def put_row(self, row):
        key = self.identity(row[self.keypos])
        rows = self.rows.get(key, [])
        if self.type in ("set", "ordered_set"):
            self.put(key, [row])
            return
        form, forms = exact(row), self.forms_of(key)
        if self.type == "duplicate_bag" or form not in forms:
            self.put(key, [*rows, row], [*forms, form])

    def insert(self, row_or_rows):
        for row in self.checked_rows(row_or_rows):
            self.put_row(row)

    def insert_new(self, row_or_rows):
        rows = self.checked_rows(row_or_rows)
        if any(self.identity(row[self.keypos]) in self.rows for row in rows):
            return False
        for row in rows:
            self.put_row(row)
        return True

    def insert_many(self, rows, *, progress=False):
        count = 0
        for row in rows:
            self.put_row(self.checked_row(row))
            count += 1
        return count

    def delete(self, key):
        self.put(self.identity(key), [])

    def delete_many(self, keys):
        before = len(self)
        for key in [self.identity(key) for key in keys]:
            self.put(key, [])
        return before - len(self)

    def delete_object(self, row):
        row = self.checked_row(row)
        key = self.identity(row[self.keypos])
        unwanted, rows, forms = exact(row), self.rows.get(key, []), self.forms_of(key)
        if unwanted in forms:
            kept = [(other, form) for other, form in zip(rows, forms, strict=True) if form != unwanted]
            self.put(key, [other for other, _ in kept], [form for _, form in kept])

    def take(self, key):
        taken = self.lookup(key)
        self.put(self.identity(key), [])
        return taken

    def select_delete(self, spec):
        before = len(self)
        for key, rows in list(self.rows.items()):
            kept = [row for row in rows if not naive_match.gives_true(spec, row, self.keypos)]
            if len(kept) < len(rows):
                self.put(key, kept)
        return before - len(self)

    def match_delete(self, pattern):
        return self.select_delete([(pattern, [], [True])])

    def select_replace(self, spec):
        self.no_bag()
        for head, _, bodies in spec:
            if not naive_match.keeps_key(head, bodies, self.keypos):
                raise ValueError(f"{bodies!r} may change the key")
        replaced = 0
        for key, [row] in list(self.rows.items()):
            result = naive_match.run(spec, row, self.keypos)
            if result is not naive_match.NOTHING:
                self.put(key, [self.checked_row(result)])
                replaced += 1
        return replaced

    def clear(self):
        for key in list(self.rows):
            self.put(key, [])

    # --- Parts of a row.

    def row_to_change(self, key, default):
        """(identity, the row of `key` or the default under that key, or None)."""
        identity = self.identity(key)
        if default is not None:
            if isinstance(default, tuple) and len(default) > self.keypos:
                default = (*default[: self.keypos], key, *default[self.keypos + 1 :])
            default = self.checked_row(default)
        rows = self.rows.get(identity)
        return identity, rows[0] if rows else default

    def place(self, row, pos):
        if pos >= len(row):
            raise ValueError(f"no position {pos} in {row!r}")
        return pos

    def element_position(self, pos):
        pos = self.position(pos)
        if pos == self.keypos:
            raise ValueError("the position is the key's own")
        return pos

    def update_counter(self, key, op_or_ops, default=None):
        self.no_bag()
        ops = [self.counter_op(op) for op in (op_or_ops if isinstance(op_or_ops, list) else [op_or_ops])]
        identity, row = self.row_to_change(key, default)
        if row is None:
            raise KeyError(key)
        fields, results = list(row), []
        for pos, increment, *bound in ops:
            value = add(fields[self.place(row, pos)], increment)
            if bound and (compare(value, bound[0]) > 0 if compare(increment, 0) >= 0 else compare(value, bound[0]) < 0):
                value = bound[1]
            fields[pos] = value
            results.append(value)
        self.put(identity, [tuple(fields)])
        return results if isinstance(op_or_ops, list) else results[0]

    def counter_op(self, op):
        op = op if isinstance(op, tuple) else (self.keypos + 1, op)
        if len(op) not in (2, 4):
            raise ValueError(f"not a counter operation: {op!r}")
        op = (self.element_position(op[0]), *op[1:])
        if not is_number(op[1]) or any(not is_number(bound) or isinstance(bound, float) for bound in op[2:]):
            raise TypeError(f"not numbers: {op!r}")
        return op

    def update_element(self, key, updates, default=None):
        self.no_bag()
        updates = updates if isinstance(updates, list) else [updates]
        updates = [(self.element_position(pos), stored(value)) for pos, value in updates]
        identity, row = self.row_to_change(key, default)
        if row is None:
            return False
        fields = list(row)
        for pos, value in updates:
            fields[self.place(row, pos)] = value
        self.put(identity, [tuple(fields)])
        return True

    def compare_and_swap(self, old_row, new_row):
        self.no_bag()
        old_row, new_row = self.checked_row(old_row), self.checked_row(new_row)
        key = self.identity(old_row[self.keypos])
        if exact(old_row[self.keypos]) != exact(new_row[self.keypos]):
            raise ValueError(f"{new_row!r} has another key than {old_row!r}")
        swapped = [exact(row) for row in self.rows.get(key, [])] == [exact(old_row)]
        if swapped:
            self.put(key, [new_row])
        return swapped

    def update(self, key, fn, default=None):
        self.no_bag()
        identity, row = self.row_to_change(key, default)
        if row is None:
            raise KeyError(key)
        new_row = self.checked_row(fn(stored(row)))
        if exact(new_row[self.keypos]) != exact(row[self.keypos]):
            raise ValueError(f"{new_row!r} has another key than {row!r}")
        self.put(identity, [new_row])
        return stored(new_row)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def add(value, increment):
    """A counter's sum, as Python adds: but what no float holds is an error, and no infinity."""
    if not is_number(value):
        raise TypeError(f"not a number: {value!r}")
    total = value + increment  # OverflowError where an int does not fit a float
    if isinstance(total, float) and math.isinf(total) and not math.isinf(value) and not math.isinf(increment):
        raise OverflowError(f"{value!r} + {increment!r} is beyond a float")
    return total
