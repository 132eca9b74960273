"""Buffers as OpenTelemetry metrics, as a reader of the SDK sees them."""

import gc
import subprocess
import sys
import threading

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from helpers.buffers import TERMS, Gate, logged, mapped, queue  # noqa: F401
from partita import BufferFullError, otel, processing, telemetry

STATES = ("buffered", "in_flight", "in_doubt")


class Reader:
    """A provider of its own, instrumented, and what it tells as {name: {attributes: value}}."""

    def __init__(self):
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self.reader], shutdown_on_exit=False)
        self.undo = otel.instrument(self.provider)

    def metrics(self):
        data = self.reader.get_metrics_data()
        found = [] if data is None else [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
        return {metric.name.removeprefix("partita.buffer."): metric for metric in found}

    def points(self, name, *attributes):
        """{values of these attributes: point}"""
        metric = self.metrics().get(name)
        keys = [a if "." in a else f"partita.buffer.{a}" for a in attributes]
        points = [] if metric is None else metric.data.data_points
        found = {tuple(point.attributes.get(key) for key in keys): point for point in points}
        assert len(found) == len(points)
        return found

    def values(self, name, *attributes):
        return {key: point.value for key, point in self.points(name, *attributes).items()}


@pytest.fixture
def reader():
    made = Reader()
    yield made
    made.undo()
    made.provider.shutdown()


def check_balance(reader):
    """The metrics balance as the books do."""
    came = sum(reader.values("pushed", "name").values()) + sum(reader.values("restored", "name").values())
    settled = reader.values("settled", "name", "outcome")
    held = reader.values("items", "name", "state")
    assert {outcome for _, outcome in settled} == set(TERMS) - set(STATES)
    assert {state for _, state in held} in (set(STATES), set())  # none: it has ended
    assert came == sum(settled.values()) + sum(held.values())
    return came


def test_items_by_what_is_done_with_them(reader):
    gate = Gate()
    with queue(gate, processing_batch_size=2) as q:
        q.push_many(range(5))
        q.flush(timeout=0)
        assert gate.entered.acquire(timeout=30)
        q.push(5)
        assert reader.values("items", "state") == {("buffered",): 4, ("in_flight",): 2, ("in_doubt",): 0}
        assert reader.values("size", "name", "type") == {("test", "queue"): q.stats()["bytes"]}
        assert reader.values("oldest_age", "name")[("test",)] >= 0
        assert check_balance(reader) == 6
        gate.opened.set()
    assert check_balance(reader) == 6
    assert reader.values("settled", "outcome")[("processed",)] == 6


def test_durations_and_sizes_of_calls(reader):
    def processor(batch):
        if batch == ["broken"]:
            raise FloatingPointError

    with queue(processor, max_retries=1) as q:
        q.push("fine")
        q.flush()
        q.push("broken")
    calls = {
        error: point for (_, error), point in reader.points("processing.duration", "partition", "error.type").items()
    }
    assert (calls[None].count, calls["FloatingPointError"].count) == (1, 2)
    assert calls[None].sum >= 0
    assert min(calls[None].explicit_bounds) == 0.005
    assert reader.points("processing.items", "error.type")[(None,)].sum == 1
    metrics = reader.metrics()
    assert (metrics["processing.duration"].unit, metrics["processing.items"].unit) == ("s", "{item}")
    assert reader.values("retries", "name") == {("test",): 1}


def test_partitions_from_the_65th_on_share_a_series(reader):
    with queue(len, partitions=130) as q:
        q.push_many(range(1000))
        q.flush()
        called = [lane.partition for lane in q._processing.lanes if lane.calls]
    durations = reader.points("processing.duration", "partition")
    assert durations.keys() == {(partition if partition < 64 else None,) for partition in called}
    assert len(durations) > 20
    assert (None,) in durations


def test_an_error_of_a_module_is_named_in_full(reader):
    def processor(batch):
        raise subprocess.SubprocessError

    with queue(processor, max_retries=0) as q:
        q.push(1)
    assert list(reader.points("processing.duration", "error.type")) == [("subprocess.SubprocessError",)]


def test_what_a_map_replaces_deletes_and_refuses(reader):
    with mapped(print, max_items=1, overflow="raise") as m:
        m.put("a", 1)
        m.put("a", 2)
        with pytest.raises(BufferFullError):
            m.put("b", 2)
        m.delete("a")
        settled = reader.values("settled", "type", "outcome")
        assert (settled["map", "replaced"], settled["map", "deleted"]) == (1, 1)
        assert reader.values("refused", "type") == {("map",): 1}
        check_balance(reader)


def test_what_a_durable_buffer_restores(reader, tmp_path):
    def processor(batch):
        raise ValueError(batch)

    with queue(processor, max_retries=0, durable=tmp_path / "items") as q:
        q.push_many([1, 2])
    with queue(len, durable=tmp_path / "items") as q:
        q.flush()  # what came from the file may be processed already
        assert q.stats()["processed"] == 2
        assert reader.values("restored", "name") == {("test",): 2}
        assert check_balance(reader) == 4


def test_a_timeout_is_counted(reader):
    gate = Gate()
    late = threading.Event()
    detach = telemetry.attach(lambda *_: late.set(), "partita.buffer.processing_failed")
    with queue(gate, processing_timeout=0.01) as q:
        q.push(1)
        q.flush(timeout=0)
        assert late.wait(30)
        detach()
        assert reader.values("timeouts", "name") == {("test",): 1}
        assert reader.values("items", "state")[("in_doubt",)] == 1
        gate.opened.set()


def test_counters_keep_what_ended_buffers_counted(reader):
    for _ in range(3):
        with queue(len) as q:
            q.push_many([1, 2])
    assert reader.values("pushed", "name") == {("test",): 6}
    with queue(len) as q:
        q.push(1)
        assert reader.values("pushed", "name") == {("test",): 7}
        assert check_balance(reader) == 7
    assert reader.values("items", "state") == {}


def test_an_end_between_two_looks_is_counted_once(reader, monkeypatch):
    """A buffer that has ended is taken off the list of those that run a moment later."""
    with queue(len) as q:
        q.push(1)
    p = q._processing
    monkeypatch.setitem(processing.running, id(p), p)
    for _ in range(2):
        assert reader.values("pushed", "name") == {("test",): 1}
    monkeypatch.undo()


def test_a_late_result_of_an_ended_buffer_is_counted(reader):
    gate = Gate()
    q = queue(gate, processing_batch_size=1)
    q.push(1)
    q.flush(timeout=0)
    assert gate.entered.acquire(timeout=30)
    assert q.stop(timeout=0.01)["left"] == 1
    assert reader.values("items", "state")[("in_flight",)] == 1
    gate.opened.set()
    settled = threading.Event()
    while reader.values("settled", "outcome")[("processed",)] == 0:
        settled.wait(0.001)
    while reader.values("items", "state"):  # until its run is over
        settled.wait(0.001)
    assert check_balance(reader) == 1


def test_buffers_that_were_there_before():
    with queue(len) as q:
        q.push(1)
        reader = Reader()
        assert reader.values("pushed", "name") == {("test",): 1}
        reader.undo()
        assert reader.metrics() == {}
        reader.undo()


def test_an_undone_export_begins_again_and_a_second_one_changes_nothing(reader):
    again = otel.instrument(reader.provider)
    with queue(len) as q:
        q.push(1)
        q.flush()
        assert [point.count for point in reader.points("processing.duration", "partition").values()] == [1]
        again()
        assert reader.values("pushed", "name") == {}
        otel.instrument(reader.provider)
        assert reader.values("pushed", "name") == {("test",): 1}


def test_an_export_holds_no_buffer_that_has_ended(reader):
    with queue(len) as q:
        q.push(1)
    del q
    gc.collect()
    [export] = [export for provider, export in otel._exports.items() if provider is reader.provider]
    assert export._books._open == {}


def test_the_global_provider():
    script = """
import partita.otel, sys
assert not any(name.startswith("opentelemetry") for name in sys.modules)
partita.otel.instrument()
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
undo = partita.otel.instrument()
with partita.MapBuffer("m", print) as m:
    m.put(1, 2)
print(sorted(m.name for m in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "'partita.buffer.processing.duration'" in done.stdout
    assert "'partita.buffer.pushed'" in done.stdout


def test_a_child_of_a_fork_exports_too():
    script = """
import os, signal, threading, warnings, partita.otel
warnings.simplefilter("ignore")
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
partita.otel.instrument(MeterProvider(metric_readers=[InMemoryMetricReader()], shutdown_on_exit=False))
q = partita.QueueBuffer("q", len)
held, over = threading.Event(), threading.Event()
def hold():  # as a reader that is collecting
    with partita.otel._lock:
        held.set()
        over.wait()
thread = threading.Thread(target=hold, daemon=True)
thread.start()
held.wait()
pid = os.fork()
if pid == 0:
    signal.alarm(60)
    q.push(1)
    assert q.stop().processed == 1
    reader = InMemoryMetricReader()
    partita.otel.instrument(MeterProvider(metric_readers=[reader], shutdown_on_exit=False))
    with partita.QueueBuffer("q", len) as other:
        other.push(1)
    assert reader.get_metrics_data() is not None
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
over.set()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_without_opentelemetry_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ImportError, match=r"pip install partita\[otel\]"):
        otel.instrument()
