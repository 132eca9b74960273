"""Python code that runs in the middle of a call and uses the same table: a collector callback, a __del__, a signal
handler, a __reduce__, a __setstate__, a function given to a fold. No lock is held while it runs, so nothing can
deadlock.
"""

import gc
import signal
import threading

import pytest

import partita
from partita import ANY, V

tables = []  # what objects that are pickled and unpickled reach their table by


@pytest.fixture
def t():
    t = partita.Table(partitions=2)
    t.insert([(i, f"row {i}", None) for i in range(200)])
    tables.append(t)
    yield t
    tables.clear()


def use(t):
    """A bit of everything."""
    t.insert(("used", 1, 2))
    t.insert([("used", 1), ("used too", 2)])
    t.insert_many([("used", 1)])
    t.update_counter("used", 1)
    assert t.get("used too") in (("used too", 2), None)  # None: a signal came in between, and its handler was here too
    t.get_many(["used", 1])
    t.delete("used too")
    next(iter(t))
    with t.snapshot() as s:
        s.get("used")
    t.select_count([((ANY, V[1]), [("<", V[1], 5)], [True])])
    len(t)
    t.info()


EVERY_CALL = {
    "insert": lambda t: t.insert((1, "x", [1, 2])),
    "insert list": lambda t: t.insert([(i, "x", (i, [i])) for i in range(100)]),
    "insert_new": lambda t: t.insert_new(("never", [1])),
    "insert_many": lambda t: t.insert_many((i, [i]) for i in range(100)),
    "lookup": lambda t: t.lookup(1),
    "get": lambda t: t.get(1),
    "get_many": lambda t: t.get_many(range(100)),
    "lookup_many": lambda t: t.lookup_many(range(100)),
    "lookup_element": lambda t: t.lookup_element(1, 1),
    "take": lambda t: t.take(2),
    "delete_many": lambda t: t.delete_many([3, 4]),
    "delete_object": lambda t: t.delete_object((1, [1])),
    "update_counter": lambda t: t.update_counter("count", [1, (1, 1)], (0, 0)),
    "update_element": lambda t: t.update_element(1, (1, [2])),
    "compare_and_swap": lambda t: t.compare_and_swap((1, [2]), (1, [3])),
    "update": lambda t: t.update(5, lambda row: row),
    "tolist": lambda t: t.tolist(),
    "iter": lambda t: list(t),
    "snapshot": lambda t: t.snapshot().tolist(),
    "select_count": lambda t: t.select_count([(ANY, [], [True])]),
    "foldl": lambda t: t.foldl(lambda row, acc: [*acc[:3], row], []),
    "clear": lambda t: t.clear(),
}


@pytest.mark.parametrize("call", EVERY_CALL)
def test_collector_callback(t, call):
    """The collector runs at nearly every allocation, and its callback uses the table."""
    calls = []

    def callback(phase, info):
        if len(calls) < 200:
            calls.append(phase)
            use(t)

    thresholds = gc.get_threshold()
    gc.callbacks.append(callback)
    gc.set_threshold(1, 1, 1)
    try:
        for _ in range(3):
            EVERY_CALL[call](t)
            [[] for _ in range(3)]  # so that it runs at least now
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(callback)
    assert calls
    t._check()


class Busy:
    """Uses its table when it is pickled and when it comes back."""

    def __init__(self, action="use"):
        self.action = action

    def __getstate__(self):
        run(self.action)
        return {"action": self.action}

    def __setstate__(self, state):
        self.action = state["action"]
        if self.action == "use":
            run(self.action)


running = []


def run(action):
    if running:  # reading a row brings back another one of these
        return
    running.append(action)
    try:
        {"use": use, "clear": partita.Table.clear, "drop": partita.Table.drop}[action](tables[0])
    finally:
        running.clear()


def test_reduce_and_setstate(t):
    rows = [(("busy", i), Busy()) for i in range(10)]
    t.insert(rows[0])
    t.insert(rows)
    t.insert_new((("busy", 100), Busy()))
    t.insert_many(rows)
    t.update_element(1, (1, Busy()))
    t.update_element("new", (1, Busy()), (0, Busy()))
    assert isinstance(t.get(("busy", 1))[1], Busy)
    assert len(t.get_many([key for key, _ in rows])) == 10
    assert sum(isinstance(row[1], Busy) for row in t.tolist()) >= 11
    assert sum(isinstance(row[1], Busy) for row in t) >= 11
    with t.snapshot() as s:
        assert len([row for row in s if isinstance(row[1], Busy)]) >= 11
    assert isinstance(t.take(("busy", 2))[0][1], Busy)
    t._check()


def test_table_is_cleared_while_a_row_is_encoded(t):
    t.insert([(1000 + i, Busy("clear")) for i in range(3)])
    assert sorted(row[0] for row in t.tolist()) == [1000, 1001, 1002]
    t._check()


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.insert((1, Busy("drop"))),
        lambda t: t.insert([(1, 1), (1, Busy("drop"))]),
        lambda t: t.insert_many([(1, 1), (1, Busy("drop"))]),
        lambda t: t.update_element(1, (1, Busy("drop"))),
        lambda t: t.delete_object((1, Busy("drop"))),
        lambda t: t.compare_and_swap((1, Busy("drop")), (1, 1)),
    ],
)
def test_table_is_dropped_while_a_row_is_encoded(t, call):
    with pytest.raises(partita.TableDroppedError):
        call(t)


def test_list_of_rows_changes_while_it_is_encoded(t):
    class Shrinking:
        def __reduce__(self):
            rows.clear()
            return (str, ())

    rows = [(1, Shrinking()), (2, "kept"), (3, "kept")]
    t.insert(rows)
    assert t.get(3) == (3, "kept")
    assert rows == []
    rows = [(1, 1), (2, Shrinking()), (4, "kept")]
    assert t.insert_many(rows) == 2  # the list's own iterator sees that it ended


class Heir:
    """Uses its table when it dies."""

    died = 0

    def __init__(self, number):
        self.number = number

    def __del__(self):
        if tables:
            Heir.died += 1
            use(tables[0])

    def __reduce__(self):
        return (Heir, (self.number,))


def test_del(t):
    t.insert([(("heir", i), Heir(i)) for i in range(20)])
    Heir.died = 0
    t.get(("heir", 1))  # the row dies at once, and the Heir in it
    assert Heir.died == 1
    t.tolist()
    t.get_many([("heir", i) for i in range(20)])
    for _ in t:
        pass
    t.take(("heir", 3))
    assert Heir.died >= 1 + 20 + 20 + 20
    t._check()
    tables.clear()


def test_signal_handler(t):
    """Another thread sends signals without pause while every call runs; the handler uses the table."""
    handled = []
    done = threading.Event()

    def handler(signum, frame):
        handled.append(signum)
        use(t)

    def send():
        while not done.is_set():
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        for call in EVERY_CALL.values():
            seen = len(handled)
            while len(handled) < seen + 3:
                call(t)
    finally:
        done.set()
        sender.join()
        signal.signal(signal.SIGUSR1, before)
    t._check()


def test_functions_that_are_given(t):
    assert t.foldl(lambda row, acc: use(t) or acc + 1, 0) >= 200
    assert t.update(1, lambda row: use(t) or (1, "new")) == (1, "new")
    assert t.insert_many(use(t) or (i, i) for i in range(10)) == 10
    for _ in t:
        use(t)
    t._check()


def test_an_iterator_that_is_asked_by_its_own_row(t):
    class Asking:
        def __reduce__(self):
            return (ask, ())

    t.clear()
    t.insert([(i, Asking()) for i in range(3)])
    walks.append(iter(t))
    with pytest.raises(ValueError, match="in use by another thread or callback"):
        list(walks[0])
    walks.clear()


walks = []


def ask():
    return next(walks[0])


def test_a_table_that_dies_inside_its_own_call():
    class Last:
        def __reduce__(self):
            tables.clear()
            return (str, ())

    tables.append(partita.Table())
    row = (1, Last())
    tables[0].insert(row)
    assert tables == []
