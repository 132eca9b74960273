"""A buffer, or a peer of one, in a process of its own, answering commands on a pipe. Run by measures/buffers.py.

time OPERATION     one timed run: nanoseconds, operations done, items delivered to a processor that does nothing
latency            of single pushes while a thread takes out what is there: median, P99, P99.9 and longest, in ns
sum                of the second fields of all items, put in and taken out again: proves that they get through
quit

Operations, each on an empty buffer unless said otherwise:

push               items one by one; nothing is taken out meanwhile
push beside        the same, while a thread takes out what is there
push_many          lists of 100
drain              of a full buffer, in batches of 1,000
put                values of new keys
put_newer          values of keys that are there, with the next version
"""

import collections
import gc
import logging
import queue
import sys
import threading
import time
import traceback
from typing import Any

from measures.writers import PERCENTILES, clock_costs, percentile
from peers import PARTITIONS
from workloads import row_of, shuffled

ITEMS = 1_000  # that are put in again and again: many enough for all partitions, few enough for the cache
QUEUE_SIZE = 1_000_000
BATCH = 1_000
LIST = 100
EXPORTED_AT_ONCE = 10_000
LATENCIES = 200_000


class Peer:
    """A queue. `delivered` counts what its processor got."""

    def __init__(self, count: int):
        self.count = count
        self.items: list[Any] = [row_of("int", k, ITEMS) for k in shuffled(ITEMS, 1)]
        self.delivered = 0

    def open(self, beside: bool, sink: Any = None) -> None:
        """A new buffer. `beside`: something takes out all the time. `sink` gets the batches, if given."""
        raise NotImplementedError

    def close(self) -> None:
        """Until all that was put in is delivered."""
        raise NotImplementedError

    def pusher(self) -> Any:
        """The bound method that puts one item in."""
        raise NotImplementedError

    def drain(self) -> int:
        raise NotImplementedError

    def push(self) -> int:
        push, rounds = self.pusher(), max(1, self.count // ITEMS)
        for _ in range(rounds):
            for item in self.items:
                push(item)
        return rounds * ITEMS

    push_beside = push

    def prepare(self, operation: str) -> None:
        self.open(beside=operation == "push_beside")
        if operation == "drain":
            self.push()

    def latencies(self) -> list[int]:
        self.open(beside=True)
        clock, push = time.perf_counter_ns, self.pusher()
        took = []
        for _ in range(max(1, min(self.count, LATENCIES) // ITEMS)):
            for item in self.items:
                start = clock()
                push(item)
                took.append(clock() - start)
        self.close()
        return took

    def sum(self) -> int:
        got: list[Any] = []
        self.open(beside=False, sink=got.extend)
        self.push()
        self.drain()
        self.close()
        return sum(item[1] for item in got)


class Partita(Peer):
    def open(self, beside: bool, sink: Any = None) -> None:
        import partita

        self.buffer: Any = partita.QueueBuffer(
            "bench",
            sink or ignore,
            partitions=PARTITIONS,
            processing_interval=0.001 if beside else 3600.0,
            processing_batch_size=BATCH,
        )

    def pusher(self) -> Any:
        return self.buffer.push

    def drain(self) -> int:
        return self.buffer.flush().processed

    def close(self) -> None:
        self.buffer.stop()
        self.delivered = self.buffer.stats()["processed"]

    def push_many(self) -> int:
        push, lists = self.buffer.push_many, [self.items[i : i + LIST] for i in range(0, ITEMS, LIST)]
        rounds = max(1, self.count // ITEMS)
        for _ in range(rounds):
            for some in lists:
                push(some)
        return rounds * ITEMS


class PartitaAsSpans(Partita):
    """With the options that BatchSpanProcessor has: room for a million, a batch as soon as it is full."""

    def open(self, beside: bool, sink: Any = None) -> None:
        import partita

        self.buffer = partita.QueueBuffer(
            "bench",
            sink or ignore,
            partitions=1,
            processing_interval=1.0,
            processing_batch_size=EXPORTED_AT_ONCE,
            flush_at=EXPORTED_AT_ONCE if beside else None,
            max_items=QUEUE_SIZE,
        )


class PartitaMap(Peer):
    def open(self, beside: bool, sink: Any = None) -> None:
        import partita

        self.buffer = partita.MapBuffer("bench", ignore, partitions=PARTITIONS, processing_interval=3600.0)
        self.value = self.items[0]
        self.keys = list(shuffled(self.count, 1))

    def prepare(self, operation: str) -> None:
        self.open(beside=False)
        if operation == "put_newer":
            self.buffer.put_all_newer((key, self.value, 1) for key in self.keys)
            self.keys = list(shuffled(self.count, 2))

    def put(self) -> int:
        put, value = self.buffer.put, self.value
        for key in self.keys:
            put(key, value)
        return len(self.keys)

    def put_newer(self) -> int:
        put, value = self.buffer.put_newer, self.value
        for key in self.keys:
            put(key, value, 2)
        return len(self.keys)

    def close(self) -> None:
        self.delivered = self.buffer.size()
        self.buffer.update_options(processing_batch_size="table")
        self.buffer.stop()

    def sum(self) -> int:
        self.prepare("put_newer")
        self.put_newer()
        got: list[Any] = []
        self.buffer.update_options(processor=got.extend, processing_batch_size=BATCH)
        self.buffer.stop()
        return sum(key + version for key, _, version, _ in got)


class DictAsMap(Peer):
    """A dict with a lock, changed as a MapBuffer changes."""

    def prepare(self, operation: str) -> None:
        self.table: dict[int, tuple[Any, int, int]] = {}
        self.lock = threading.Lock()
        self.value = self.items[0]
        self.keys = list(shuffled(self.count, 1))
        if operation == "put_newer":
            self.put()
            self.keys = list(shuffled(self.count, 2))

    def put(self) -> int:
        table, lock, value = self.table, self.lock, self.value
        for key in self.keys:
            with lock:
                table[key] = (value, 0, 0)
        return len(self.keys)

    def put_newer(self) -> int:
        table, lock, value = self.table, self.lock, self.value
        for key in self.keys:
            with lock:
                old = table.get(key)
                if old is None:
                    table[key] = (value, 2, 0)
                elif old[1] < 2:
                    table[key] = (value, 2, old[2] + 1)
        return len(self.keys)

    def close(self) -> None:
        self.delivered = len(self.table)

    def sum(self) -> int:
        self.prepare("put_newer")
        self.put_newer()
        return sum(key + version for key, (_, version, _) in self.table.items())


class Consumed(Peer):
    """A queue of the standard library. "Beside": a thread takes items one by one, as its documentation shows."""

    def open(self, beside: bool, sink: Any = None) -> None:
        self.queue = self.new()
        self.sink = sink or ignore
        self.delivered = 0
        self.thread = threading.Thread(target=self.consume) if beside else None
        if self.thread:
            self.thread.start()

    def new(self) -> Any:
        raise NotImplementedError

    def consume(self) -> None:
        get = self.queue.get
        while get() is not None:
            self.delivered += 1

    def pusher(self) -> Any:
        return self.queue.put

    def drain(self) -> int:
        get, left = self.queue.get, self.queue.qsize()
        for _ in range(0, left, BATCH):
            self.sink([get() for _ in range(min(BATCH, self.queue.qsize()))])
        self.delivered += left
        return left

    def close(self) -> None:
        if self.thread:
            self.queue.put(None)
            self.thread.join()
        else:
            self.drain()


class Queue(Consumed):
    def new(self) -> Any:
        return queue.Queue()


class SimpleQueue(Consumed):
    def new(self) -> Any:
        return queue.SimpleQueue()


class Deque(Consumed):
    """A deque that grows; its consumer has nothing to wait on, and looks again at once."""

    def new(self) -> Any:
        return collections.deque()

    def consume(self) -> None:
        pop = self.queue.popleft
        while True:
            try:
                if pop() is None:
                    return
            except IndexError:
                time.sleep(0)
            else:
                self.delivered += 1

    def pusher(self) -> Any:
        return self.queue.append

    def push_many(self) -> int:
        extend, lists = self.queue.extend, [self.items[i : i + LIST] for i in range(0, ITEMS, LIST)]
        rounds = max(1, self.count // ITEMS)
        for _ in range(rounds):
            for some in lists:
                extend(some)
        return rounds * ITEMS

    def drain(self) -> int:
        pop, left = self.queue.popleft, len(self.queue)
        for _ in range(0, left, BATCH):
            self.sink([pop() for _ in range(min(BATCH, len(self.queue)))])
        self.delivered += left
        return left

    def close(self) -> None:
        if self.thread:
            self.queue.append(None)
            self.thread.join()
        else:
            self.drain()


class Spans(Peer):
    """BatchSpanProcessor, with a queue that has room for all."""

    def __init__(self, count: int):
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, TraceFlags

        super().__init__(count)
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        sampled = SpanContext(1, 2, False, TraceFlags(1))
        self.items = [
            ReadableSpan("request", context=sampled, attributes={"value": row[1]}, start_time=1, end_time=2)
            for row in self.items
        ]

    def options(self, beside: bool) -> dict[str, int]:
        """It wakes up as soon as a batch is full."""
        if beside:
            return {
                "max_queue_size": QUEUE_SIZE,
                "max_export_batch_size": EXPORTED_AT_ONCE,
                "schedule_delay_millis": 1_000,
            }
        return {"max_queue_size": QUEUE_SIZE, "max_export_batch_size": QUEUE_SIZE, "schedule_delay_millis": 3_600_000}

    def open(self, beside: bool, sink: Any = None) -> None:
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

        peer = self
        self.delivered = 0

        class Exporter(SpanExporter):
            def export(self, spans: Any) -> Any:
                peer.delivered += len(spans)
                if sink:
                    sink([(None, span.attributes["value"]) for span in spans])
                return SpanExportResult.SUCCESS

        self.processor = BatchSpanProcessor(Exporter(), **self.options(beside))

    def pusher(self) -> Any:
        return self.processor.on_end

    def drain(self) -> int:
        before = self.delivered
        self.processor.force_flush()
        return self.delivered - before

    def close(self) -> None:
        self.processor.force_flush()
        self.processor.shutdown()


class SpansByDefault(Spans):
    """BatchSpanProcessor as it comes: a queue of 2,048, batches of 512. What finds no room is dropped."""

    def options(self, beside: bool) -> dict[str, int]:
        return {}


PEERS: dict[str, type[Peer]] = {
    "partita": Partita,
    "partita (as spans)": PartitaAsSpans,
    "BatchSpanProcessor": Spans,
    "BatchSpanProcessor, defaults": SpansByDefault,
    "queue.Queue": Queue,
    "queue.SimpleQueue": SimpleQueue,
    "deque": Deque,
    "partita map": PartitaMap,
    "dict+Lock": DictAsMap,
}


def ignore(_: Any) -> None:
    pass


def answer(peer: Peer, command: list[str]) -> tuple[int, ...]:
    match command:
        case ["time", *words]:
            operation = "_".join(words)
            peer.prepare(operation)
            gc.collect()
            start = time.perf_counter_ns()
            operations = getattr(peer, operation)()
            took = time.perf_counter_ns() - start
            peer.close()
            return took, operations, peer.delivered
        case ["latency"]:
            took = sorted(peer.latencies())
            floor = percentile(sorted(clock_costs(len(took))), 0.5)
            return tuple(max(percentile(took, share) - floor, 0) for share in PERCENTILES.values())
        case ["sum"]:
            return (peer.sum(),)
    raise ValueError(f"unknown command {command}")


def main() -> None:
    name, count = sys.argv[1:]
    out = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    peer = PEERS[name](int(count))
    print("ok 0 0 0", file=out, flush=True)
    for line in sys.stdin:
        command = line.split()
        if command == ["quit"]:
            break
        try:
            print("ok", *answer(peer, command), file=out, flush=True)
        except Exception as error:
            traceback.print_exc()
            print(f"error {type(error).__name__}: {error}", file=out, flush=True)


if __name__ == "__main__":
    main()
