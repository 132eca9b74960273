"""The judge judged: tables with a fault built in on purpose, each of which the differential test must notice.

A judge that finds nothing is worth something only if it finds what is there.
"""

import pytest

import partita
from differential import sessions

SESSIONS = 400  # at most: the first that notices ends the search
CALLS = 250


class Loses(partita.Table):
    """Every twentieth delete does nothing."""

    calls = 0

    def delete(self, key):
        type(self).calls += 1
        if self.calls % 20:
            super().delete(key)


class KeepsTheFirst(partita.Table):
    """Of equal keys in a list the first wins, not the last."""

    def insert(self, rows):
        super().insert(rows[::-1] if isinstance(rows, list) else rows)


class CountsOneTooMany(partita.Table):
    """Beyond 64 bits."""

    def update_counter(self, *arguments):
        result = super().update_counter(*arguments)
        return result + 1 if isinstance(result, int) and abs(result) >= 2**63 else result


class ConfusesNumbers(partita.Table):
    """Takes a float that is a whole number for the int when it looks up a key."""

    def lookup(self, key):
        return super().lookup(int(key) if isinstance(key, float) and key.is_integer() else key)


class DropsTheSign(partita.Table):
    """Gives 0.0 where -0.0 was stored."""

    def tolist(self):
        return [
            tuple(0.0 if element == 0 and isinstance(element, float) else element for element in row)
            for row in super().tolist()
        ]


class InsertsSome(partita.Table):
    """Puts in what it can of a list, where all or none is meant."""

    def insert_new(self, rows):
        results = [super(InsertsSome, self).insert_new(row) for row in (rows if isinstance(rows, list) else [rows])]
        return all(results)


class ForgivesPositions(partita.Table):
    """Gives None for a position past the end of the row."""

    def lookup_element(self, key, pos, *default):
        try:
            return super().lookup_element(key, pos, *default)
        except ValueError:
            return None


class CountsLess(partita.Table):
    """Takes `=<` for `<`."""

    def select_count(self, spec):
        [(head, [(operator, *operands)], body)] = spec
        return super().select_count([(head, [("<" if operator == "=<" else operator, *operands)], body)])


class ForgetsTheSize(partita.Table):
    """Its length lags behind after a take."""

    lag = 0

    def take(self, key):
        taken = super().take(key)
        self.__class__.lag = len(taken)
        return taken

    def __len__(self):
        return super().__len__() + self.lag


class ForgetsTheOrder(partita.Table):
    """Gives the rows of a key with the newest first."""

    def lookup(self, key):
        return super().lookup(key)[::-1]


class TakesEqualRows(partita.Table):
    """Puts a row in again at the end where an equal one has its place."""

    def insert(self, rows):
        if not isinstance(rows, list) and isinstance(rows, tuple) and len(rows) > self.keypos:
            self.delete_object(rows)
        super().insert(rows)


class DeletesOne(partita.Table):
    """Leaves equal rows where it deletes an object."""

    def delete_object(self, row):
        equal = [other for other in self.lookup(row[self.keypos]) if repr(other) == repr(row)]
        super().delete_object(row)
        self.insert_many(equal[1:])


class KeepsTheKey(partita.Table):
    """Leaves the key as it was where a row with an equal number replaces it."""

    def insert(self, rows):
        if isinstance(rows, tuple) and len(rows) > self.keypos:
            for old in self.lookup(rows[self.keypos]):
                rows = (*rows[: self.keypos], old[self.keypos], *rows[self.keypos + 1 :])
        super().insert(rows)


class StepsTooFar(partita.Table):
    """Passes over the neighbour of a key that is not there."""

    def next(self, key):
        found = super().next(key)
        return found if key in self or found is partita.END else super().next(found)


class SwapsRows(partita.Table):
    """Gives the last two rows in the wrong order."""

    def tolist(self):
        rows = super().tolist()
        return [*rows[:-2], *rows[-2:][::-1]]


FAULTY = [
    ("set", Loses),
    ("set", KeepsTheFirst),
    ("set", CountsOneTooMany),
    ("set", ConfusesNumbers),
    ("set", DropsTheSign),
    ("set", InsertsSome),
    ("set", ForgivesPositions),
    ("set", CountsLess),
    ("set", ForgetsTheSize),
    ("bag", ForgetsTheOrder),
    ("bag", KeepsTheFirst),
    ("bag", TakesEqualRows),
    ("duplicate_bag", DeletesOne),
    ("ordered_set", KeepsTheKey),
    ("ordered_set", StepsTooFar),
    ("ordered_set", SwapsRows),
]


@pytest.mark.parametrize(("table_type", "faulty"), FAULTY)
def test_a_fault_is_noticed(erlang, table_type, faulty):
    tables = {"faulty": lambda kind, keypos: faulty(type=kind, keypos=keypos, partitions=2)}
    for seed in range(SESSIONS):
        session = sessions.seeded(seed, table_type, erlang.otp, CALLS)
        if difference := sessions.first_difference(erlang, session, tables):
            assert difference.erlang != difference.partita
            return
    pytest.fail(f"{SESSIONS * CALLS} calls, and nobody noticed that {faulty.__doc__}")


class NeverDeletes(partita.Table):
    def delete(self, key):
        pass


def test_a_difference_is_made_small(erlang):
    tables = {"faulty": lambda kind, keypos: NeverDeletes(type=kind, keypos=keypos)}
    session = sessions.seeded(0, "set", erlang.otp, CALLS)
    difference = sessions.smallest_difference(erlang, sessions.first_difference(erlang, session, tables), tables)
    assert len(difference.session.calls) <= 3
    assert "'delete'" in str(difference)
