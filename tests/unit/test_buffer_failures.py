"""What buffers do when the processor fails or takes too long, and when they are full."""

import asyncio
import copy
import threading

import pytest

import partita
from helpers.buffers import TERMS, Gate, check_balance, logged, mapped, played_scheduler, queue  # noqa: F401
from partita import telemetry
from partita.errors import BufferFullError, Retry


@pytest.fixture
def got():
    return []


# --- Failures.


def test_a_batch_is_tried_again_whole_and_in_order(got):
    def processor(batch):
        got.append(list(batch))
        batch.clear()  # the next try gets another list
        if len(got) < 3:
            raise ValueError("not yet")

    with queue(processor) as q:
        q.push_many(range(5))
        q.push(5)
        assert q.flush()["processed"] == 6
        assert q.stats()["retries"] == 2
    assert got == [list(range(6))] * 3


def test_delays_grow_up_to_the_most():
    with queue(print, retry_delay=0.1, retry_delay_max=1) as q:
        delays = [q._processing.options.delay(tries) for tries in range(1, 8)]
    assert delays[:4] == sorted(delays[:4])
    assert all(0.075 * 2**i <= delay <= 0.1 * 2**i for i, delay in enumerate(delays[:4]))
    assert max(delays) <= 1


def test_halving_finds_the_items_that_fail(got, logged):  # noqa: F811
    def processor(batch):
        got.append(list(batch))
        if {3, 6} & set(batch):
            raise ValueError("three or six")

    with queue(processor, max_retries=1, processing_batch_size=8) as q:
        q.push_many(range(8))
        assert q.flush() == {"processed": 6, "dead": 0, "failed": 2, "dropped": 0, "left": 0}
        assert q.failed == [3, 6]
    whole = list(range(8))
    assert got == [whole, whole, whole[:4], [0, 1], [2, 3], [2], [3], whole[4:], [4, 5], [6, 7], [6], [7]]
    assert logged == [
        "the processor of buffer 'test' failed 2 times on a batch of partition 0",
        "buffer 'test' keeps 2 items in `failed`",
    ]


def test_retry_names_what_is_left(got):
    def processor(batch):
        got.append(list(batch))
        if len(got) < 3:
            raise Retry(batch[1:])

    with queue(processor) as q:
        q.push_many(["a", "b", "c", "d"])
        assert q.flush()["processed"] == 4
    assert got == [["a", "b", "c", "d"], ["b", "c", "d"], ["c", "d"]]


def test_retry_of_equal_items_and_of_copies(got):
    def processor(batch):
        got.append(list(batch))
        if len(got) == 1:
            raise Retry([batch[2], copy.copy(batch[0]), [1]])

    with queue(processor) as q:
        q.push_many([[1], [2], [1], [1]])
    assert got[1] == [[1], [1], [1]]


def test_retry_of_nothing_and_of_strangers(got, logged):  # noqa: F811
    def processor(batch):
        got.append(list(batch))
        raise Retry([] if len(got) == 2 else ["a stranger"])

    with queue(processor) as q:
        q.push_many([1, 2])
        assert q.flush()["processed"] == 2
    assert got == [[1, 2], [1, 2]]
    assert logged == ["Retry names what is no item of the batch: the batch is retried whole"]


def test_retry_until_the_tries_are_used_up(got):
    def processor(batch):
        got.append(list(batch))
        raise Retry(item for item in batch if item % 2)

    with queue(processor, max_retries=1) as q:
        q.push_many(range(4))
        report = q.flush()
        assert (report.processed, report.failed) == (2, 2)
        assert q.failed == [1, 3]
    assert got == [[0, 1, 2, 3], [1, 3], [1], [3]]


def test_dead_letters_go_to_a_callable():
    dead = []

    def processor(batch):
        raise ValueError("never")

    with queue(processor, max_retries=0, dead_letter=dead.append) as q:
        q.push_many([1, 2])
        assert q.flush()["dead"] == 2
        assert q.failed == []
    assert dead == [1, 2]


def test_dead_letters_go_to_a_table():
    dead = partita.Table()

    def processor(batch):
        raise ValueError("never")

    with queue(processor, max_retries=0, dead_letter=dead) as q:
        q.push_many([(1, "a"), 2])
        assert q.flush()["dead"] == 2
    assert sorted(row[1] for row in dead if row[1] == 2) == [2]
    assert {row[2] for row in dead} == {"ValueError('never')"}
    assert {row[0][:3] for row in dead} == {("test", 0, 0), ("test", 0, 1)}


def test_dead_letters_go_to_a_file(tmp_path):
    path = tmp_path / "dead.partita"

    def processor(batch):
        raise ValueError("never")

    for item in "a", "b":
        with queue(processor, max_retries=0, dead_letter=path) as q:
            q.push(item)
            assert q.flush()["dead"] == 1
    assert sorted(row[1] for row in partita.load(path)) == ["a", "b"]


def test_dead_letters_that_nobody_takes_are_kept():
    def processor(batch):
        raise ValueError("never")

    def refuse(item):
        if item == 1:
            raise OSError("no")

    dropped = partita.Table()
    dropped.drop()
    for dead_letter, kept in ((refuse, [1]), (dropped, [1, 2])):
        with queue(processor, max_retries=0, dead_letter=dead_letter) as q:
            q.push_many([1, 2])
            q.flush()
            assert q.failed == kept
            check_balance(q.stats())


def test_what_no_exception_class_of_errors_stops(got):
    def processor(batch):
        got.append(batch)
        raise SystemExit if len(got) == 1 else KeyboardInterrupt

    with queue(processor, max_retries=1) as q:
        q.push(1)
        assert q.flush()["failed"] == 1


class Unreadable:
    """Cannot be made from its pickle while `broken` says so."""

    broken = True

    def __init__(self):
        if self.broken:
            raise ModuleNotFoundError("the class is gone")

    def __reduce__(self):
        return (Unreadable, ())

    @classmethod
    def new(cls):
        return object.__new__(cls)


def test_items_that_cannot_be_read_again(got):
    with queue(got.append) as q:
        q.push_many([1, Unreadable.new(), 2])
        assert q.flush() == {"processed": 2, "dead": 0, "failed": 1, "dropped": 0, "left": 0}
        q.push(Unreadable.new())
        assert q.flush()["failed"] == 1
        assert [type(error) for error in q.failed] == [ModuleNotFoundError] * 2
    with mapped(got.append) as m:
        m.put_all({"a": 1, "b": Unreadable.new()})
        assert m.flush()["failed"] == 1
    assert got == [[1, 2], [("a", 1, 0, 0)]]


@pytest.mark.parametrize("make", [queue, mapped])
def test_tables_that_cannot_be_read_again(make):
    with make(sorted, processing_batch_size="table", max_retries=0) as b:
        for i in range(2):
            b.push(Unreadable.new()) if make is queue else b.put(i, Unreadable.new())
        assert b.flush()["failed"] == 2
        check_balance(b.stats())


# --- Runs past their time.


def test_a_run_past_its_time_is_in_doubt_until_it_ends():
    gate = Gate()
    with queue(gate, processing_timeout=0.01) as q:
        q.push(1)
        assert q.flush(timeout=0)["left"] == 1
        assert gate.entered.acquire(timeout=30)
        failed = threading.Event()
        detach = telemetry.attach(lambda *_: failed.set(), "partita.buffer.processing_failed")
        assert failed.wait(30)
        detach()
        stats = check_balance(q.stats())
        assert (stats["in_doubt"], stats["in_flight"], stats["timeouts"]) == (1, 0, 1)
        q.push(2)
        assert q.flush(timeout=0)["left"] == 2  # it holds its partition
        gate.opened.set()
        assert q.flush()["left"] == 0
        assert check_balance(q.stats())["processed"] == 2  # a late result counts


def entries(q):
    """The entries of the books that are not 0, but for what came in."""
    stats = check_balance(q.stats())
    return {term: stats[term] for term in TERMS if stats[term]}


@pytest.mark.parametrize(
    ("late", "options", "then", "finally_"),
    [
        ("returns", {}, {"processed": 4}, {"processed": 4}),
        ("raises", {}, {"in_flight": 4}, {"processed": 4}),
        ("asks for two again", {}, {"processed": 2, "in_flight": 2}, {"processed": 4}),
        ("asks for none again", {}, {"processed": 4}, {"processed": 4}),
        ("raises", {"max_retries": 0}, {"processed": 4}, {"processed": 4}),
        ("raises always", {"max_retries": 0}, {"failed": 4}, {"failed": 4}),
        ("raises always", {"max_retries": 0, "dead_letter": str}, {"dead": 4}, {"dead": 4}),
    ],
)
def test_what_was_in_doubt_is_counted_where_it_went(late, options, then, finally_):
    calls = []

    def processor(batch):
        calls.append(batch)
        if len(calls) == 1:
            scheduler.now += 10.5
            scheduler.run_pending()
            assert entries(q) == {"in_doubt": 4, "buffered": 1}
            if late == "asks for two again":
                raise Retry(batch[1:3])
            if late == "asks for none again":
                raise Retry([])
            if late == "raises":
                raise ValueError(late)
        assert entries(q).get("in_doubt", 0) == (4 if len(calls) == 1 else 0)
        if late == "raises always":
            raise ValueError(late)

    with played_scheduler() as scheduler:
        q = queue(processor, processing_timeout=10, retry_delay=1, processing_interval=3600, **options)
        q.push_many(range(4))
        q.flush(timeout=0)
        scheduler.run_pending()
        q.push(4)  # which waits all the while
        scheduler.tasks.pop()()
        assert entries(q) == then | {"buffered": 1}
        assert q.stats()["timeouts"] == 1
        scheduler.pass_time(1)
        assert entries(q) == finally_ | {"buffered": 1}
        q._processing.end()


def test_a_coroutine_past_its_time_is_cancelled():
    cancelled = []

    async def processor(batch):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(batch)
            raise

    with queue(processor, processing_timeout=0.01, max_retries=0) as q:
        q.push(1)
        assert q.flush()["failed"] == 1
    assert cancelled == [[1]]


# --- Full buffers.


def test_overflow_raise(got):
    with queue(got.extend, max_items=2, overflow="raise") as q:
        q.push_many([1, 2])
        with pytest.raises(BufferFullError, match="max_items=2"):
            q.push(3)
        with pytest.raises(BufferFullError):
            q.push_many([3, 4])
        q.flush()
        q.push(5)
        assert check_balance(q.stats())["refused"] == 2
    assert got == [1, 2, 5]


@pytest.mark.parametrize(("overflow", "left"), [("drop_oldest", [3, 4]), ("drop_newest", [1, 2])])
def test_overflow_drops(overflow, left):
    gate = Gate()
    with queue(gate, max_items=3, overflow=overflow, flush_at=1) as q:
        q.push(0)
        assert gate.entered.acquire(timeout=30)
        q.push_many([1, 2, 3, 4])
        assert check_balance(q.stats())["dropped"] == 2
        gate.opened.set()
    assert [item for batch in gate.batches for item in batch] == [0, *left]


def test_overflow_block_waits_for_room():
    gate = Gate()
    with queue(gate, max_items=2, processing_batch_size=1) as q:
        q.push_many([1, 2])
        with pytest.raises(BufferFullError, match=r"within 0.01 s"):
            q.push(3, timeout=0.01)
        with pytest.raises(BufferFullError, match="max_items=2"):
            q.push(3, timeout=0)
        assert gate.entered.acquire(timeout=30)  # a full buffer does not wait for its interval
        thread = threading.Thread(target=q.push, args=(3,))
        thread.start()
        gate.opened.set()
        thread.join(30)
        assert not thread.is_alive()
    assert gate.batches == [[1], [2], [3]]


def test_who_waits_asks_for_room_again_and_again(got):
    with queue(got.extend, max_items=10) as q:
        q.push_many(range(100), timeout=60)  # more often than the interval makes room
        threads = [threading.Thread(target=q.push_many, args=([i] * 50,), kwargs={"timeout": 60}) for i in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got[:100] == list(range(100))
    assert sorted(got[100:]) == [0] * 50 + [1] * 50 + [2] * 50


def test_who_waits_sees_new_options():
    waiting = threading.Event()
    raised = []

    def push():
        try:
            q.push(2, timeout=60)
        except BufferFullError as error:
            raised.append(str(error))

    gate = Gate()
    with queue(gate, max_items=1) as q:
        turned_away = q._turned_away
        q._turned_away = lambda *args: (waiting.set(), turned_away(*args))[1]
        q.push(1)
        thread = threading.Thread(target=push)
        thread.start()
        assert waiting.wait(30)
        q.update_options(overflow="raise")
        thread.join(30)
        assert not thread.is_alive()
        gate.opened.set()
    assert raised == ["buffer 'test' is full: max_items=1, and overflow is 'raise'"]


def test_max_bytes():
    with queue(print, max_bytes=100, overflow="raise") as q:
        q.push("x" * 50)
        with pytest.raises(BufferFullError, match="max_bytes=100"):
            q.push("x" * 50)
        with pytest.raises(ValueError, match="an item of 205 bytes is larger than max_bytes"):
            q.push("x" * 200)
        assert q.stats()["bytes"] == 55


def test_a_replacement_needs_no_room(got):
    with mapped(got.extend, max_items=1, overflow="raise") as m:
        m.put("a", 1)
        m.put("a", 2)
        with pytest.raises(BufferFullError):
            m.put("b", 1)
        m.delete("a")
        m.put("b", 2)
    assert got == [("b", 2, 0, 0)]


def test_a_map_drops_too(got):
    with mapped(got.extend, max_items=2, overflow="drop_oldest") as m:
        m.put_all({"a": 1, "b": 2, "c": 3})
        assert m.put_newer("d", 4, 1)
    assert sorted(row[0] for row in got) == ["c", "d"]
    with mapped(got.extend, max_items=1, overflow="drop_newest") as m:
        m.put("a", 1)
        assert not m.put_newer("b", 1, 1)


def test_the_processor_may_push_to_its_own_buffer(got):
    def processor(batch):
        got.extend(batch)
        for item in batch:
            if item < 100:
                q.push(item + 1)  # never waits

    with queue(processor, max_items=1, flush_at=1) as q:
        q.push(0)
        q.flush()
    assert got == list(range(101))  # drained to the last, also while it stops
    assert check_balance(q.stats())["overruns"] > 0


def test_a_coroutine_may_push_to_its_own_buffer(got):
    async def processor(batch):
        got.extend(batch)
        for item in batch:
            if item < 20:
                q.push(item + 1)

    with queue(processor, max_items=1) as q:
        q.push(0)
    assert got == list(range(21))


def test_a_processor_does_not_wait_for_itself(got):
    def processor(batch):
        for call in (q.flush, q.stop):
            with pytest.raises(RuntimeError, match="would wait for itself"):
                call()
            got.append(call)

    with queue(processor) as q:
        q.push(1)
    assert len(got) == 2


def test_a_push_that_would_stop_an_event_loop_names_the_other():
    async def main():
        await q.apush(1)
        with pytest.raises(BufferFullError, match="apush"):
            q.push(2)
        waiting = asyncio.ensure_future(q.apush(2))
        gate.opened.set()
        await waiting

    gate = Gate()
    with queue(gate, max_items=1) as q:
        asyncio.run(main())
    assert gate.batches == [[1], [2]]


def test_aput_and_an_await_that_does_not_wait(got):
    async def main():
        await m.aput("a", 1)
        with pytest.raises(BufferFullError, match="aput"):
            m.put("b", 2)
        m.update_options(overflow="raise")
        with pytest.raises(BufferFullError):
            await m.aput("b", 2)

    with mapped(got.extend, max_items=1) as m:
        m.update_options(processing_interval=3600)
        m._processing.ask_for_room = lambda: None  # so that the interval alone makes room
        asyncio.run(main())
