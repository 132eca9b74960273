"""Ctrl-C on the main thread ends a long call: reads are abandoned, what batches have done stays.

A helper thread sends the signal once the call is about to begin. Whether it came during the call is told by the
handler, which looks for what only a running call holds; one that came too early or too late is tried again, so no test
depends on time.
"""

import gc
import itertools
import signal
import sys
import threading

import pytest

import partita
from partita import ANY, V

ROWS = 300_000


@pytest.fixture(scope="module")
def rows():
    return [(i, i * 7, f"row {i}") for i in range(ROWS)]


@pytest.fixture
def t(rows):
    t = partita.Table(partitions=4)
    t.insert_many(rows)
    return t


class HandlerError(Exception):
    pass


def interrupt(call, in_call, attempts=200):
    """Runs call() until a signal came while in_call() was true, and it raised what the handler raised."""
    for _ in range(attempts):
        began = threading.Event()
        seen = []

        def handler(signum, frame, seen=seen):
            seen.append(in_call())
            raise HandlerError

        def send(began=began):
            began.wait()
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        before = signal.signal(signal.SIGINT, handler)
        sender = threading.Thread(target=send)
        sender.start()
        raised = False
        try:
            try:
                began.set()
                call()
            except HandlerError:
                raised = True
            sender.join()
        except HandlerError:  # it came after the call
            sender.join()
        finally:
            signal.signal(signal.SIGINT, before)
        if raised and seen == [True]:
            return
    raise AssertionError(f"no signal was answered during {attempts} calls")


def live(kind):
    gc.collect()  # what an exception before held on to would be counted, and go while we look
    before = partita.live_counts()[kind]
    return lambda: partita.live_counts()[kind] > before


def test_tolist(t):
    interrupt(t.tolist, live("snapshots"))
    assert len(t.tolist()) == ROWS


def test_list_of_an_iterator(t):
    interrupt(lambda: list(t), live("walks"))
    interrupt(lambda: sum(1 for _ in map(len, t)), live("walks"))


def test_snapshot(t):
    with t.snapshot() as s:
        interrupt(s.tolist, lambda: True)
        assert len(s) == ROWS


def test_get_many(t):
    marker = "a key that is asked for very often"
    t.insert((marker, 1))
    keys = [marker] * ROWS
    many = ROWS + ROWS // 2
    for call in (t.get_many, t.lookup_many):
        interrupt(lambda call=call: call(keys), lambda: sys.getrefcount(marker) > many)


def test_delete_many_keeps_what_is_done(rows):
    t = partita.Table(partitions=4)
    keys = [row[0] for row in rows]

    def refill_and_delete():
        t.insert_many(rows)
        t.delete_many(keys)

    interrupt(refill_and_delete, lambda: 0 < len(t) < ROWS)
    t._check()


def test_writes_by_match_keep_what_is_done(rows):
    t = partita.Table(partitions=4)
    t.insert_many(rows)

    def delete():
        if not t.select_delete([((V.k, V.n, ANY), [("is_integer", ("+", V.n, V.k))], [True])]):
            t.insert_many(rows)

    interrupt(delete, lambda: 0 < len(t) < ROWS)
    t._check()

    t = partita.Table(partitions=4)
    t.insert_many((i, 0) for i in range(ROWS))
    spec = [((V.k, V.n), [], [((V.k, ("-", 1, V.n)),)])]
    interrupt(lambda: t.select_replace(spec), lambda: 0 < t.select_count([((ANY, 1), [], [True])]) < ROWS)
    assert len(t) == ROWS
    t._check()


def endless(first):
    yield from first
    yield from itertools.repeat((0, "the same row again and again"))


@pytest.mark.parametrize(
    "make", [lambda: itertools.repeat((1, 2)), lambda: endless([(1, 2)])], ids=["in C", "in Python"]
)
def test_insert_many_keeps_what_is_done(make):
    t = partita.Table(partitions=2)
    interrupt(lambda: t.insert_many(make()), lambda: len(t) > 0)
    assert len(t) >= 1
    t._check()


def test_a_python_loop_over_a_table(t):
    def loop():
        for row in t:
            len(row)

    interrupt(loop, live("walks"))


def test_update_and_fold(t):
    interrupt(lambda: t.foldl(lambda row, acc: acc + 1, 0), live("walks"))
    interrupt(lambda: t.update(1, lambda row: [0 for _ in itertools.count()]), lambda: True)
    assert t.get(1) == (1, 7, "row 1")


def test_select_count():
    """A scan of more chunks than go into its first slice, of values that no kernel compares fast."""
    t = partita.Table(partitions=4)
    count = 1_200_000
    t.insert_many((i, 2**70 + i) for i in range(count))
    spec = [((ANY, V[1]), [("<", V[1], 2**80)], [True])]
    assert t.select_count(spec) == count
    interrupt(lambda: t.select_count(spec), live("snapshots"))
    assert t.select_count(spec) == count


def test_keyboard_interrupt_is_what_users_see(t):
    """With Python's own handler, which is not there where a shell started this in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    began = threading.Event()

    def send():
        began.wait()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    sender = threading.Thread(target=send)
    sender.start()

    def rows():
        began.set()
        yield from itertools.repeat((1, 2))

    try:
        with pytest.raises(KeyboardInterrupt):
            t.insert_many(rows())
    finally:
        sender.join()
        signal.signal(signal.SIGINT, before)
