"""The table against the model: any calls in any order, and after each of them the same answer and sound invariants.

Hypothesis draws the calls. `TableMachine.both` makes one on the table and on the model and compares what comes of it,
errors included. Iterators and snapshots are held across steps: an iterator is judged by what the table went through
while it walked (helpers.model.Watch), a snapshot by a copy of the model.
"""

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

import partita
from differential import draw
from helpers import strategies
from helpers.model import BAGS, ModelTable, by_key
from helpers.ranges import splitting_at
from helpers.terms import fingerprint

FIELDS = ("id", "count", "name", "rest")
MOST_HELD = 4  # iterators, and snapshots
ERRORS = (KeyError, OverflowError, ValueError, TypeError, ZeroDivisionError)

pool = Bundle("pool")
KEYS = st.one_of(pool, pool, pool, strategies.keys)
# What a row holds beside its key. Its first elements stand before the key if the key is not the first.
OTHERS = st.one_of(
    st.lists(strategies.elements, max_size=5),
    st.lists(strategies.elements, max_size=5),
    st.lists(strategies.elements, max_size=5),
    st.builds(
        lambda few, size: (few * size)[:size],
        st.lists(strategies.elements, min_size=1, max_size=5),
        st.sampled_from([16, 61, 62, 63, 64, 65, 69]),
    ),
)
POSITIONS = st.one_of(
    st.integers(0, 4),
    st.integers(1, 3),
    st.sampled_from([5, 63, 64, 65, 69, -1, "count", "rest", "nobody", True, None]),
)
INCREMENTS = st.one_of(st.integers(-3, 3), strategies.INTS, strategies.FLOATS, st.sampled_from([None, True, "1"]))
BOUNDS = st.one_of(st.integers(-3, 9), strategies.INTS, st.sampled_from([1.5, False]))
COUNTER_OPS = st.one_of(
    INCREMENTS,
    st.tuples(POSITIONS, INCREMENTS),
    st.tuples(POSITIONS, INCREMENTS, BOUNDS, BOUNDS),
    st.tuples(POSITIONS),
)
UPDATES = st.tuples(POSITIONS, strategies.terms)
BAD_ROWS = st.sampled_from([(), 5, "row", None, {"id"}, (1j, 1j, 1j), ("\ud800",) * 3, ({1: [1j]},) * 3])
BAD_KEYS = st.sampled_from([1j, (1, [1j]), "\ud800", {"a": object}])
COUNTS = st.sampled_from([1, 7, 8, 9, 64, 1000, 1024, 1025, 2500])


def changed_last(row):
    return (*row[:-1], None)


def longer(row):
    return (*row, "more")


def same(row):
    return row


def other_key(row):
    return tuple(("another key", element) for element in row)


def no_row(row):
    return list(row)


def failing(row):
    raise ZeroDivisionError


def appending(row):
    """Changes what it was given, where that can be changed."""
    for element in row:
        if isinstance(element, list):
            element.append(1)
    return row


FUNCTIONS = st.sampled_from([changed_last, longer, same, other_key, no_row, failing, appending])


def outcome(call):
    try:
        return ("ok", call())
    except ERRORS as error:
        return ("error", next(kind for kind in ERRORS if isinstance(error, kind)))


class TableMachine(RuleBasedStateMachine):
    type = "set"
    partitions = 1

    # --- Helpers.

    def both(self, method, *arguments, result=fingerprint, **options):
        """One call on the table and on the model; the answer, which was the same."""
        self.failed = True  # until it is known
        ours, theirs = [
            outcome(lambda t=t: getattr(t, method)(*arguments, **options)) for t in (self.table, self.model)
        ]
        if theirs[0] == "ok":
            assert ours[0] == "ok", f"{method}{arguments!r}: {ours[1].__name__}, the model says {theirs[1]!r}"
            assert result(ours[1]) == result(theirs[1]), (
                f"{method}{arguments!r}: {ours[1]!r}, the model says {theirs[1]!r}"
            )
        else:
            assert ours == theirs, f"{method}{arguments!r}: {ours!r}, the model says {theirs[1].__name__}"
        self.failed = False
        return theirs[1]

    def in_order(self, rows):
        """Rows, or keys, as far as the type gives them an order."""
        return fingerprint(list(rows)) if self.type == "ordered_set" else self.by_key(rows)

    def row(self, key, others):
        others = [*others, *[0] * (self.model.keypos - len(others))]
        return (*others[: self.model.keypos], key, *others[self.model.keypos :])

    def rows(self, pairs):
        return [self.row(key, others) for key, others in pairs]

    def present_row(self, key, others, which=0):
        """A row of `key` if there is one, else one made up."""
        rows = self.model.lookup(key) or [self.row(key, others)]
        return rows[which % len(rows)]

    def by_key(self, rows):
        return by_key(rows, self.model.keypos)

    @initialize(
        target=pool,
        keypos=st.sampled_from([0, 0, 0, 1, 2]),
        fields=st.sampled_from([None, FIELDS]),
        keys=st.lists(strategies.keys, min_size=3, max_size=12),
    )
    def start(self, keypos, fields, keys):
        with splitting_at(64):
            self.table = partita.Table(type=self.type, keypos=keypos, partitions=self.partitions, fields=fields)
        self.model = ModelTable(type=self.type, keypos=keypos, fields=fields)
        self.walks = []
        self.cursors = []  # [page that was not looked at, Watch]
        self.fixes = []
        self.key_walks = []  # [last key, Watch], while the table is fixed
        self.known_keys = {}  # that were there since it was fixed, by identity
        self.snapshots = []
        self.failed = False
        return multiple(*keys)

    @invariant()
    def sound(self):
        self.table._check()
        assert len(self.table) == len(self.model)

    def teardown(self):
        if not hasattr(self, "table") or self.failed:
            return
        self.contents()
        while self.walks:
            self.end_walk(0)
        while self.cursors:
            self.turn_page(0)
        while self.fixes:
            self.unfix(0)
        held = [*self.snapshots, (self.table.snapshot(), self.model.snapshot())]
        self.table.drop()
        for snapshot, model in held:
            self.check_snapshot(snapshot, model)
            snapshot.close()
        assert outcome(lambda: self.table.lookup(1)) == ("error", ValueError)

    # --- Whole rows in.

    @rule(key=KEYS, others=OTHERS)
    def insert(self, key, others):
        self.both("insert", self.row(key, others))

    @rule(pairs=st.lists(st.tuples(KEYS, OTHERS), max_size=6))
    def insert_list(self, pairs):
        self.both("insert", self.rows(pairs))

    @rule(key=KEYS, others=OTHERS)
    def insert_new(self, key, others):
        self.both("insert_new", self.row(key, others))

    @rule(pairs=st.lists(st.tuples(KEYS, OTHERS), max_size=4))
    def insert_new_list(self, pairs):
        self.both("insert_new", self.rows(pairs))

    @rule(values=st.lists(strategies.elements, min_size=4, max_size=4), key=KEYS, wrong=st.integers(0, 9))
    def insert_dict(self, values, key, wrong):
        """A row by the names of its fields; refused where a field is missing or unknown, or the table has none."""
        row = dict(zip(FIELDS, values, strict=True))
        row[FIELDS[self.model.keypos]] = key
        if wrong == 0:
            row.pop("name")
        elif wrong == 1:
            row["nobody"] = 1
        self.both("insert", row)
        self.both("insert", [row, row])
        self.both("insert_new", row)

    @rule(pairs=st.lists(st.tuples(KEYS, OTHERS), max_size=6))
    def insert_many(self, pairs):
        ours, theirs = [t.insert_many(row for row in self.rows(pairs)) for t in (self.table, self.model)]
        assert ours == theirs

    @rule(first=st.integers(0, 3000), count=COUNTS, others=OTHERS, atomic=st.booleans())
    def insert_range(self, first, count, others, atomic):
        """Fills chunks; over rows that are there it changes the kinds of their columns."""
        others = others[:4] if count > 100 else others  # wide rows in their thousands would take all the time
        rows = [self.row(key, others) for key in range(first, first + count)]
        self.both("insert" if atomic else "insert_many", rows)

    @rule(
        pairs=st.lists(st.tuples(KEYS, OTHERS), max_size=3),
        bad=BAD_ROWS,
        at=st.integers(0, 3),
        method=st.sampled_from(["insert", "insert_new"]),
    )
    def insert_bad_row(self, pairs, bad, at, method):
        rows = self.rows(pairs)
        rows.insert(at, bad)
        self.both(method, rows)
        self.both("lookup_many", [key for key, _ in pairs])
        self.both(method, bad)

    @rule(pairs=st.lists(st.tuples(KEYS, OTHERS), max_size=3), bad=BAD_ROWS)
    def insert_many_with_a_bad_row(self, pairs, bad):
        """Rows before the bad one stay."""
        self.both("insert_many", [*self.rows(pairs), bad, self.row("after", [])])

    # --- Whole rows out.

    @rule(key=st.one_of(KEYS, BAD_KEYS))
    def lookup(self, key):
        self.both("lookup", key)
        self.both("get", key, "default")
        self.both("member", key)
        self.both("__contains__", key)

    @rule(keys=st.lists(KEYS, max_size=6))
    def lookup_batches(self, keys):
        self.both("lookup_many", keys)
        self.both("get_many", keys)
        self.both("get_many", keys, default=0)

    @rule(keys=st.lists(KEYS, max_size=3), bad=BAD_KEYS)
    def batches_with_a_bad_key(self, keys, bad):
        for method in ("lookup_many", "get_many", "delete_many"):
            self.both(method, [*keys, bad])

    @rule(key=st.one_of(KEYS, BAD_KEYS), pos=POSITIONS)
    def lookup_element(self, key, pos):
        self.both("lookup_element", key, pos)
        self.both("lookup_element", key, pos, "default")

    @rule(key=st.one_of(KEYS, BAD_KEYS))
    def delete(self, key):
        self.both("delete", key)

    @rule(keys=st.lists(KEYS, max_size=6))
    def delete_many(self, keys):
        self.both("delete_many", keys)

    @rule(first=st.integers(0, 3000), count=COUNTS, step=st.sampled_from([1, 1, 2, 3]))
    def delete_range(self, first, count, step):
        self.both("delete_many", range(first, first + count, step))

    @rule(key=KEYS, others=OTHERS, which=st.integers(0, 50), change=st.sampled_from([same, same, changed_last]))
    def delete_object(self, key, others, which, change):
        self.both("delete_object", change(self.present_row(key, others, which)))

    @rule(bad=BAD_ROWS)
    def delete_bad_object(self, bad):
        self.both("delete_object", bad)

    @rule(key=KEYS)
    def take(self, key):
        self.both("take", key)

    @rule(sure=st.integers(0, 5))
    def clear(self, sure):
        if sure == 5:
            self.both("clear")

    @rule()
    def compact(self):
        assert outcome(self.table.compact) == (("error", ValueError) if self.fixes else ("ok", None))

    # --- Parts of a row.

    @rule(key=KEYS, ops=st.one_of(COUNTER_OPS, st.lists(COUNTER_OPS, max_size=4)))
    def update_counter(self, key, ops):
        self.both("update_counter", key, ops)
        self.both("lookup", key)

    @rule(key=KEYS, pos=st.integers(0, 3), steps=st.lists(strategies.INTS, min_size=1, max_size=4))
    def count_far(self, key, pos, steps):
        """Ops on a field that holds an int, so that sums come to be of every size."""
        if pos != self.model.keypos:
            self.both("update_element", key, (pos, 0), default=self.row(key, [0] * 4))
            self.both("update_counter", key, [(pos, step) for step in steps])

    @rule(key=KEYS, ops=st.one_of(COUNTER_OPS, st.lists(COUNTER_OPS, max_size=4)), default_key=KEYS, others=OTHERS)
    def update_counter_with_default(self, key, ops, default_key, others):
        self.both("update_counter", key, ops, self.row(default_key, others))
        self.both("lookup", key)

    @rule(key=KEYS, updates=st.one_of(UPDATES, st.lists(UPDATES, max_size=4)))
    def update_element(self, key, updates):
        self.both("update_element", key, updates)
        self.both("lookup", key)

    @rule(key=KEYS, updates=st.one_of(UPDATES, st.lists(UPDATES, max_size=4)), default_key=KEYS, others=OTHERS)
    def update_element_with_default(self, key, updates, default_key, others):
        self.both("update_element", key, updates, self.row(default_key, others))
        self.both("lookup", key)

    @rule(key=KEYS, bad=BAD_ROWS)
    def bad_default(self, key, bad):
        if bad is not None:  # which means no default
            self.both("update_counter", key, [], bad)
            self.both("update_element", key, [], bad)

    @rule(
        key=KEYS,
        others=OTHERS,
        change=st.sampled_from([same, changed_last]),
        new=FUNCTIONS.filter(lambda fn: fn is not failing),
    )
    def compare_and_swap(self, key, others, change, new):
        old = change(self.present_row(key, others))
        self.both("compare_and_swap", old, new(old))
        self.both("lookup", key)

    @rule(key=KEYS, fn=FUNCTIONS)
    def update(self, key, fn):
        self.both("update", key, fn)
        self.both("lookup", key)

    @rule(key=KEYS, fn=FUNCTIONS, default_key=KEYS, others=OTHERS)
    def update_with_default(self, key, fn, default_key, others):
        self.both("update", key, fn, self.row(default_key, others))
        self.both("lookup", key)

    # --- The whole table.

    @rule()
    def contents(self):
        self.both("tolist", result=self.in_order)

    @rule()
    def other_ways_to_all_rows(self):
        def collect(row, rows):
            rows.append(row)
            return rows

        expected = self.in_order(self.model.tolist())
        assert self.in_order(self.table) == expected
        assert self.in_order(self.table.foldl(collect, [])) == expected
        assert self.in_order(reversed(self.table.foldr(collect, []))) == expected
        assert self.in_order(list(reversed(self.table))[::-1]) == expected
        assert len(self.table.keys()) == len(self.model.keys())
        assert Counter(map(fingerprint, self.table.keys())) == Counter(map(fingerprint, self.model.keys()))

    @rule()
    def info(self):
        info = self.table.info()
        assert (info["size"], info["type"], info["keypos"]) == (len(self.model), self.type, self.model.keypos)
        assert (info["partitions"], sum(info["partition_sizes"])) == (self.partitions, len(self.model))
        assert info["memory"] > 0
        assert info["snapshots"] == len(self.snapshots)
        assert info["fixed"] == bool(self.fixes)

    @rule(
        arity=st.integers(1, 5),
        pos=st.integers(0, 4),
        operator=st.sampled_from(draw.COMPARISONS),
        constant=strategies.elements,
    )
    def select_count(self, arity, pos, operator, constant):
        arity = max(arity, pos + 1)
        head = tuple(partita.V[i] for i in range(arity))
        self.both("select_count", [(head, [(operator, head[pos], ("const", constant))], [True])])

    @rule(
        arity=st.integers(1, 5),
        pos=st.integers(0, 4),
        operator=st.sampled_from(("<", "=:=", "=/=", ">=")),
        constant=strategies.elements,
        key=st.one_of(st.none(), KEYS),
    )
    def delete_and_replace_by_match(self, arity, pos, operator, constant, key):
        """Some rows; what a row of a set is replaced by has its elements in another order, and one more."""
        arity = max(arity, pos + 1, self.model.keypos + 1)
        head = [partita.V[i] for i in range(arity)]
        guard = (operator, head[pos], ("const", constant))
        if key is not None:
            head[self.model.keypos] = key
            head[pos] = partita.V[pos] if pos != self.model.keypos else key
            guard = (operator, head[pos], ("const", constant)) if pos != self.model.keypos else True
        others = [partita.V[i] for i in range(arity) if i != self.model.keypos][::-1]
        kept = ("element", self.model.keypos, partita.ROW)
        body = (*others[: self.model.keypos], kept, *others[self.model.keypos :], 0)
        self.both("select_replace", [(tuple(head), [guard], [(body,)])])
        self.both("select_delete", [(tuple(head), [guard], [True])])
        self.both("match_delete", tuple(head[:1]))

    @precondition(lambda self: len(self.cursors) < MOST_HELD)
    @rule(limit=st.sampled_from([1, 3, 50, 1000]))
    def start_pages(self, limit):
        watch = self.model.watch()
        self.cursors.append([self.table.match_object(partita.ANY, limit), watch])

    @precondition(lambda self: self.cursors)
    @rule(which=st.integers(0, MOST_HELD))
    def next_page(self, which):
        self.turn_page(which % len(self.cursors))

    def turn_page(self, number):
        (rows, cursor), watch = self.cursors[number]
        for row in rows:
            watch.see(row, self.model.keypos)
        if cursor is not None:
            self.cursors[number][0] = cursor.next()
            return
        watch.end()
        self.model.watches.remove(watch)
        self.cursors.pop(number)

    @rule(key=KEYS, value=strategies.elements)
    def mapping(self, key, value):
        if self.type in BAGS:
            assert outcome(self.table.mapping) == ("error", TypeError)
            return
        if self.model.keypos != 0:
            assert outcome(self.table.mapping) == ("error", ValueError)
            return
        mapping = self.table.mapping()
        found = outcome(lambda: fingerprint(mapping[key]))
        assert found == outcome(lambda: fingerprint(self.model.lookup_element(key, 1)))
        mapping[key] = value
        self.model.insert((key, value))
        assert key in mapping
        assert fingerprint(mapping[key]) == fingerprint(value)
        if len(self.model) % 2:
            del mapping[key]
            self.model.delete(key)
            assert outcome(lambda: mapping.pop(key)) == ("error", KeyError)
        assert len(mapping) == len(self.model)

    # --- Iterators held across steps.

    @precondition(lambda self: len(self.walks) < MOST_HELD)
    @rule()
    def start_walk(self):
        self.walks.append((iter(self.table), self.model.watch()))

    @precondition(lambda self: self.type == "ordered_set" and len(self.walks) < MOST_HELD)
    @rule()
    def start_walk_backward(self):
        self.walks.append((reversed(self.table), self.model.watch(backward=True)))

    @precondition(lambda self: self.walks)
    @rule(which=st.integers(0, MOST_HELD), steps=st.sampled_from([1, 1, 2, 5, 16, 17, 600]))
    def walk(self, which, steps):
        iterator, watch = self.walks[which % len(self.walks)]
        for _, row in zip(range(steps), iterator, strict=False):
            watch.see(row, self.model.keypos)

    @precondition(lambda self: self.walks)
    @rule(which=st.integers(0, MOST_HELD))
    def end_walk(self, which):
        iterator, watch = self.walks.pop(which % len(self.walks))
        for row in iterator:
            watch.see(row, self.model.keypos)
        watch.end()
        self.model.watches.remove(watch)

    @rule(inserted=st.integers(0, 3000), deleted=KEYS, replaced=KEYS, others=OTHERS)
    def fold_that_writes(self, inserted, deleted, replaced, others):
        """It must end although it inserts, and meet whatever stays."""
        watch = self.model.watch()

        def write(row, count):
            watch.see(row, self.model.keypos)
            if count % 50 == 0:
                self.both("insert", self.row(inserted + count, others))
                self.both("delete", deleted)
                self.both("insert", self.row(replaced, others))
            return count + 1

        self.table.foldl(write, 0)
        watch.end()
        self.model.watches.remove(watch)

    # --- From key to key, and walks held across steps while the table is fixed.

    @rule()
    def keys_one_by_one(self):
        self.check_steps(self.table, self.model)

    def check_steps(self, source, model):
        """All ways from key to key, of a table or a snapshot."""
        forward = self.all_keys(source.first(), source.next)
        assert Counter(map(fingerprint, forward)) == Counter(map(fingerprint, model.keys()))
        assert list(map(fingerprint, self.all_keys(source.last(), source.prev))) == list(
            map(fingerprint, forward[::-1])
        )
        for key in forward[:20]:
            following = source.next_lookup(key)
            if following is not partita.END:
                assert fingerprint(following) == fingerprint((source.next(key), model.lookup(following[0])))
        rows = []
        number = 0
        while (some := source.slot(number)) is not partita.END:
            rows += some
            number += 1
        assert self.in_order(rows) == self.in_order(model.tolist())

    def all_keys(self, key, step):
        keys = []
        while key is not partita.END:
            keys.append(key)
            key = step(key)
        return keys

    @rule(key=st.one_of(KEYS, BAD_KEYS), step=st.sampled_from(["next", "prev", "next_lookup", "prev_lookup"]))
    def step_from(self, key, step):
        ours = outcome(lambda: getattr(self.table, step)(key))
        there = outcome(lambda: key in self.model or self.model.identity(key) in self.known_keys)
        if there[0] == "error":
            assert ours == there
        else:
            assert (ours[0] == "ok") == (there[1] or self.type == "ordered_set"), f"{step}({key!r}): {ours!r}"
            assert ours[0] == "ok" or ours[1] is KeyError

    @precondition(lambda self: len(self.fixes) < MOST_HELD)
    @rule()
    def fix(self):
        self.fixes.append(self.table.fix().__enter__())
        if len(self.fixes) == 1:
            self.known_keys = dict.fromkeys(self.model.rows)
            self.model.known_keys = self.known_keys

    @precondition(lambda self: self.fixes)
    @rule(by_collector=st.booleans())
    def unfix(self, by_collector):
        while self.key_walks and len(self.fixes) == 1:
            self.end_key_walk(0)
        fix = self.fixes.pop()
        if not by_collector:
            fix.__exit__(None, None, None)
        del fix
        if not self.fixes:
            self.known_keys = {}
            self.model.known_keys = None

    @precondition(lambda self: self.fixes and len(self.key_walks) < MOST_HELD)
    @rule()
    def start_key_walk(self):
        self.key_walks.append([None, self.model.watch()])

    def walk_keys(self, walk, steps):
        last, watch = walk
        for _ in range(steps):
            if last is partita.END:
                break
            last = self.table.first_lookup() if last is None else self.table.next_lookup(last[0])
            if last is not partita.END:
                for row in last[1]:
                    watch.see(row, self.model.keypos)
        walk[0] = last
        return last

    @precondition(lambda self: self.key_walks)
    @rule(which=st.integers(0, MOST_HELD), steps=st.sampled_from([1, 1, 2, 5, 16, 600]))
    def walk_some_keys(self, which, steps):
        self.walk_keys(self.key_walks[which % len(self.key_walks)], steps)

    @precondition(lambda self: self.key_walks)
    @rule(which=st.integers(0, MOST_HELD))
    def delete_where_a_walk_stands(self, which):
        last = self.key_walks[which % len(self.key_walks)][0]
        if last not in (None, partita.END):
            self.both("delete", last[0])

    @precondition(lambda self: self.key_walks)
    @rule(which=st.integers(0, MOST_HELD))
    def end_key_walk(self, which):
        walk = self.key_walks.pop(which % len(self.key_walks))
        while self.walk_keys(walk, 1000) is not partita.END:
            pass
        walk[1].end()
        self.model.watches.remove(walk[1])

    # --- Snapshots held across steps.

    @precondition(lambda self: len(self.snapshots) < MOST_HELD)
    @rule()
    def snapshot(self):
        self.snapshots.append((self.table.snapshot(), self.model.snapshot()))

    @precondition(lambda self: self.snapshots)
    @rule(which=st.integers(0, MOST_HELD))
    def reread_snapshot(self, which):
        self.check_snapshot(*self.snapshots[which % len(self.snapshots)])

    @precondition(lambda self: self.snapshots)
    @rule(which=st.integers(0, MOST_HELD))
    def close_snapshot(self, which):
        snapshot, _ = self.snapshots.pop(which % len(self.snapshots))
        snapshot.close()
        assert outcome(snapshot.tolist) == ("error", ValueError)

    def check_snapshot(self, snapshot, model):
        """Every key of then and of now, and every way to read."""
        expected = self.in_order(model.tolist())
        assert len(snapshot) == len(model)
        assert self.in_order(snapshot.tolist()) == expected
        assert self.in_order(snapshot) == expected
        assert self.in_order(list(reversed(snapshot))[::-1]) == expected
        assert Counter(map(fingerprint, snapshot.keys())) == Counter(map(fingerprint, model.keys()))
        assert len(snapshot.keys()) == len(model.keys())
        self.check_steps(snapshot, model)
        keys = [*model.keys(), *self.model.keys(), "no such key"]
        assert fingerprint(snapshot.lookup_many(keys)) == fingerprint(model.lookup_many(keys))
        for key in keys[:50]:
            assert fingerprint(snapshot.lookup(key)) == fingerprint(model.lookup(key))
            if self.type not in BAGS:
                assert fingerprint(snapshot.get(key)) == fingerprint(model.get(key))
            assert (key in snapshot) == (key in model)
            there = self.type == "ordered_set" or key in model
            assert outcome(lambda key=key: snapshot.prev(key))[0] == ("ok" if there else "error")
            ours, theirs = [
                outcome(lambda t=t, key=key: fingerprint(t.lookup_element(key, 1, 0))) for t in (snapshot, model)
            ]
            assert ours == theirs

    # --- Many rows of one key: they lie in several chunks, and the engine looks for equal ones in another way.

    @rule(key=KEYS, first=st.integers(0, 100), count=st.sampled_from([5, 33, 70, 150]), atomic=st.booleans())
    def insert_under_one_key(self, key, first, count, atomic):
        rows = [self.row(key, [i]) for i in range(first, first + count)]
        self.both("insert" if atomic else "insert_many", rows)
        self.both("lookup", key)

    @rule(key=KEYS, step=st.sampled_from([1, 2, 3, 50]))
    def delete_some_of_a_key(self, key, step):
        for row in self.model.lookup(key)[::step]:
            self.both("delete_object", row)
        self.both("lookup", key)


class OrderedMachine(TableMachine):
    """Keys in order: steps, and the n-th row."""

    type = "ordered_set"

    def check_snapshot(self, snapshot, model):
        super().check_snapshot(snapshot, model)
        for key in [*self.model.keys()[:20], *model.keys()[-20:], "no such key"]:
            for method in ("next", "prev", "next_lookup", "prev_lookup"):
                assert fingerprint(getattr(snapshot, method)(key)) == fingerprint(getattr(model, method)(key))

    @rule(key=st.one_of(KEYS, BAD_KEYS))
    def step(self, key):
        for method in ("next", "prev", "next_lookup", "prev_lookup"):
            self.both(method, key)

    @rule()
    def ends(self):
        for method in ("first", "last", "first_lookup", "last_lookup"):
            self.both(method)

    @rule(number=st.integers(0, 3000))
    def slot(self, number):
        rows = self.model.tolist()
        expected = [rows[number]] if number < len(rows) else partita.END
        assert fingerprint(self.table.slot(number)) == fingerprint(expected)


def machine(table_type, of_partitions, base=TableMachine):
    class Machine(base):
        type = table_type
        partitions = of_partitions

    Machine.__qualname__ = f"{table_type} of {of_partitions} partitions"
    Machine.TestCase.settings = MACHINE_SETTINGS
    return Machine.TestCase


MACHINE_SETTINGS = settings(
    max_examples=settings.default.max_examples // 2, stateful_step_count=60, suppress_health_check=list(HealthCheck)
)
TestSetOfOnePartition = machine("set", 1)
TestSetOfSevenPartitions = machine("set", 7)
TestBagOfOnePartition = machine("bag", 1)
TestBagOfSevenPartitions = machine("bag", 7)
TestDuplicateBagOfOnePartition = machine("duplicate_bag", 1)
TestDuplicateBagOfSevenPartitions = machine("duplicate_bag", 7)
TestOrderedSetOfOnePartition = machine("ordered_set", 1, OrderedMachine)
TestOrderedSetOfSevenPartitions = machine("ordered_set", 7, OrderedMachine)
