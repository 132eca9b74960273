"""What is in a buffer when the interpreter ends, or forks, is not lost and keeps nobody waiting.

Each script runs in a process of its own and tells by its standard output what was processed.
"""

import os
import signal
import subprocess
import sys

import pytest

HEAD = """
import os, signal, sys, threading, time
import partita

def processor(batch):
    os.write(1, "".join(f"{item}\\n" for item in batch).encode())

def new(processor=processor, **options):
    options = {"partitions": 2, "processing_interval": 3600} | options
    return partita.QueueBuffer("test", processor, **options)
"""


def run(script, *, status=0, stderr=""):
    done = subprocess.run(
        [sys.executable, "-c", HEAD + script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == status, done.stderr
    if stderr is not None:
        assert done.stderr == stderr
    return sorted(map(int, done.stdout.split()))


@pytest.mark.parametrize(
    "script",
    [
        "q = new(); q.push_many(range(100))",
        "q = new(executor=__import__('concurrent.futures').futures.ThreadPoolExecutor()); q.push_many(range(100))",
        "a = new(); b = new(); a.push_many(range(50)); b.push_many(range(50, 100))",
        "q = new(); q.push_many(range(100)); threading.Thread(target=sys.exit).start()",
        "q = new(); q.push_many(range(100)); threading.Thread(target=time.sleep, args=(0.05,)).start()",
        "q = new(); q.push_many(range(100)); sys.exit(0)",
        "q = new(); q.push_many(range(100)); del q",
        "q = new(); q.push_many(range(100)); q.stop()",
        "import asyncio\nasync def co(batch): processor(batch)\nq = new(co); q.push_many(range(100))",
        # What the processor pushes meanwhile is processed too.
        "def more(batch):\n"
        "    processor(batch)\n"
        "    q.push_many(i + 50 for i in batch if i < 50)\n"
        "q = new(more); q.push_many(range(50))",
    ],
)
def test_a_normal_end(script):
    assert run(script) == list(range(100))


def test_an_end_by_an_exception():
    assert run("q = new(); q.push_many(range(100)); raise OSError", status=1, stderr=None) == list(range(100))


def test_an_end_by_a_signal_with_a_handler():
    script = (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
        "q = new(); q.push_many(range(100)); os.kill(os.getpid(), signal.SIGTERM); q.flush()"
    )
    assert run(script, status=3) == list(range(100))


def test_ctrl_c_in_flush_in_push_and_in_stop():
    for call in "q.flush()", "q.push(0)", "q.stop()":
        script = (
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "go = threading.Event()\n"
            "def slow(batch): go.wait(); processor(batch)\n"
            "q = new(slow, max_items=100); q.push_many(range(100))\n"
            "try:\n"
            "    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
            f"    {call}\n"
            "except KeyboardInterrupt: go.set()\n"
        )
        assert run(script) == list(range(100))


def test_a_processor_that_hangs_is_waited_for_and_told_of():
    script = (
        "def hang(batch): threading.Event().wait()\n"
        "q = new(hang, partitions=1, stop_timeout=0.2)\n"
        "q.push_many(range(100))\n"
    )
    assert run(script, stderr=None) == []
    done = subprocess.run([sys.executable, "-c", HEAD + script], capture_output=True, text=True, timeout=60, check=True)
    assert "was stopped with 100 items left" in done.stderr


def test_a_buffer_made_at_the_end_stops_too():
    script = "import atexit\natexit.register(lambda: print(1))\nq = new(); q.push(0)"
    assert run(script) == [0, 1]


def test_threads_that_outlive_the_main_thread():
    """They push until they end, and so do the tasks of an executor."""
    script = (
        "import concurrent.futures.thread\n"
        "ended = threading.Event()\n"
        "threading._register_atexit(ended.set)\n"
        "q = new(); q.push(0)\n"
        "def late(item):\n"
        "    ended.wait()\n"
        "    q.push(item)\n"
        "threading.Thread(target=late, args=(1,)).start()\n"
        "concurrent.futures.ThreadPoolExecutor().submit(late, 2)\n"
        "r = new(executor=concurrent.futures.ThreadPoolExecutor()); r.push(3)\n"
    )
    assert run(script) == [0, 1, 2, 3]


@pytest.mark.parametrize("first", [True, False])
def test_no_buffer_is_made_when_all_were_stopped(first):
    script = (
        "import atexit\n"
        "def late():\n"
        "    for item in 1, 2:\n"
        "        try: new()\n"
        "        except RuntimeError as error: assert 'is ending' in str(error); print(item)\n"
        "atexit.register(late)\n"
    )
    assert run(script if first else script + "q = new(); q.push(0)\n") == [0, 1, 2][first:]


def test_a_signal_handler_stops_while_the_main_thread_does():
    script = (
        "def slow(batch): entered.set(); go.wait(); processor(batch)\n"
        "def stop(*_): go.set(); q.stop(timeout=1000); print(1)\n"
        "entered, go = threading.Event(), threading.Event()\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "q = new(slow); q.push(0)\n"
        "def kill(): entered.wait(); os.kill(os.getpid(), signal.SIGTERM)\n"
        "threading.Thread(target=kill).start()\n"
        "assert q.stop(timeout=1000).processed == 1\n"
    )
    assert run(script) == [0, 1]


@pytest.mark.parametrize("attempt", range(100 if os.environ.get("PARTITA_TESTS") == "long" else 5))
def test_busy_threads_at_the_end(attempt):
    script = (
        "q = new(processing_interval=0.001, flush_at=10, max_items=1000)\n"
        "started = threading.Barrier(4)\n"
        "def produce():\n"
        "    started.wait()\n"
        "    try:\n"
        "        while True: q.push(0)\n"
        "    except partita.BufferStoppedError: pass\n"
        "for _ in range(3): threading.Thread(target=produce, daemon=True).start()\n"
        "started.wait()\n"
    )
    run(script)


FORK = """
import warnings
warnings.simplefilter("ignore")
def fork(check):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        try:
            check()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


def test_a_child_starts_empty_and_works():
    script = (
        FORK + "q = new(); q.push_many(range(50))\n"
        "m = partita.MapBuffer('map', lambda batch: processor(row[1] for row in batch)); m.put('a', 50)\n"
        "def check():\n"
        "    assert q.stats()['pushed'] == 0 and m.size() == 0\n"
        "    q.push_many(range(100, 110))\n"
        "    m.put('a', 110)\n"
        "    assert q.flush().processed == 10 and m.flush().processed == 1\n"
        "    q.push(111)\n"
        "    assert q.stop().processed == 1\n"
        "    assert m.stop().left == 0\n"
        "    with new() as other: other.push(112)\n"
        "fork(check)\n"
        "assert q.stats()['pushed'] == 50\n"
    )
    assert run(script) == [*range(51), *range(100, 113)]


def test_a_child_of_a_busy_parent():
    script = (
        FORK + "q = new(lambda batch: None, processing_interval=0.001, flush_at=10, max_items=1000)\n"
        "over = threading.Event()\n"
        "def produce():\n"
        "    while not over.is_set(): q.push_many(range(20))\n"
        "threads = [threading.Thread(target=produce) for _ in range(3)]\n"
        "for thread in threads: thread.start()\n"
        "def check():\n"
        "    q.push_many(range(100))\n"
        "    assert q.flush().processed == 100, q.stats()\n"
        "for _ in range(20): fork(check)\n"
        "over.set()\n"
        "for thread in threads: thread.join()\n"
    )
    run(script)


def test_a_child_ends_by_itself():
    """A child that goes on to the end of the script processes what it pushed, and no item of the parent's."""
    script = (
        "q = new(); q.push_many(range(50))\n"
        "pid = os.fork()\n"
        "if pid == 0: q.push_many(range(50, 100))\n"
        "else: os.waitpid(pid, 0)\n"
    )
    assert run("import warnings\nwarnings.simplefilter('ignore')\n" + script) == list(range(100))


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize(("end", "status"), [("pass", 0), ("sys.exit(7)", 7), ("raise OSError", 1)])
def test_a_child_that_comes_back_from_the_processor(kind, end, status):
    """It ends there, with what it pushed processed, and the batch is the parent's."""
    script = (
        f"{kind} fork(batch):\n"
        "    if os.getpid() == parent:\n"
        "        pid = os.fork()\n"
        "        if pid == 0:\n"
        "            signal.alarm(60)\n"
        "            q.push(1)\n"
        "            assert q.flush().processed == 1\n"
        "            q.push(2)\n"
        f"            {end}\n"
        "            return\n"
        "        ends.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "    processor(batch)\n"
        "parent, ends = os.getpid(), []\n"
        "q = new(fork, partitions=1); q.push(0); assert q.flush().processed == 1\n"
        f"assert ends == [{status}], ends\n"
    )
    if kind == "async def":  # the loop of the child is another one, which runs in another thread
        script = script.replace("assert q.flush().processed == 1\n            q.push(2)", "q.push(2)")
    assert run("import warnings\nwarnings.simplefilter('ignore')\n" + script, stderr=None) == [0, 1, 2]


def test_multiprocessing():
    script = (
        "import multiprocessing\n"
        "def work(q):\n"
        "    q.push(1)\n"
        "q = new(); q.push(0)\n"
        "p = multiprocessing.get_context('fork').Process(target=work, args=(q,)); p.start(); p.join()\n"
        "assert p.exitcode == 0\n"
    )
    assert run("import warnings\nwarnings.simplefilter('ignore')\n" + script) == [0, 1]


def test_signal_handlers_and_destructors_push():
    script = (
        "q = new(flush_at=2, max_items=10**6)\n"
        "class D:\n"
        "    def __del__(self): q.push(0)\n"
        "signal.signal(signal.SIGALRM, lambda *_: q.push(0))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n"
        "for i in range(20000):\n"
        "    q.push(0); D()\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "q.stop(); s = q.stats(); assert s['processed'] == s['pushed'] > 40000\n"
    )
    run(script)
    assert signal.SIGALRM  # the script's


# Producers that push while the end comes, and say in the end how many items were taken: so many must be processed.
BUSY = (
    "got = []\n"
    "q = new(got.extend, processing_interval=0.001, flush_at=10, max_items=1000)\n"
    "pushed = [0] * 3\n"
    "busy = threading.Barrier(4)\n"
    "def produce(number):\n"
    "    try:\n"
    "        while True:\n"
    "            q.push(0)\n"
    "            pushed[number] += 1\n"
    "            if pushed[number] == 20: busy.wait()\n"
    "    except partita.BufferStoppedError: done[number].set()\n"
    "done = [threading.Event() for _ in pushed]\n"
    "def tell():\n"
    "    for event in done: event.wait(60)\n"
    "    s = q.stats()\n"
    "    if not (sum(pushed) == s['pushed'] == s['processed'] == len(got)): print('lost', pushed, s, len(got))\n"
    "import atexit; atexit.register(tell)\n"
    "for number in range(3): threading.Thread(target=produce, args=(number,), daemon=True).start()\n"
    "busy.wait()\n"
)
ENDS = {
    "normal": (BUSY, 0),
    "sys.exit in a thread": (BUSY + "threading.Thread(target=sys.exit).start()\n", 0),
    "an exception": (BUSY + "raise OSError\n", 1),
    "SIGTERM with a handler": (
        BUSY + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "while True: q.flush()\n",
        3,
    ),
    "Ctrl-C in flush": (
        BUSY + "import random\n"
        "try:\n"
        "    signal.signal(signal.SIGALRM, signal.default_int_handler)  # at a moment of our choice\n"
        "    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.02))\n"
        "    while True: q.flush()\n"
        "except KeyboardInterrupt: sys.exit(4)\n",
        4,
    ),
    "a fork": (
        "import warnings; warnings.simplefilter('ignore')\n" + BUSY + "pid = os.fork()\n"
        "if pid == 0:\n"
        "    atexit.unregister(tell)\n"
        "    got.clear()\n"
        "    q.push_many(range(100))\n"
        "    q.flush()\n"
        "    q.push_many(range(100, 150))\n"
        "    atexit.register(lambda: os._exit(0 if sorted(got) == list(range(150)) else 5))\n"
        "else:\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0\n",
        0,
    ),
    "a processor that hangs": (
        "def hang(batch): threading.Event().wait()\n"
        "q = new(hang, partitions=2, stop_timeout=0.1, flush_at=1)\n"
        "q.push_many(range(100))\n",
        0,
    ),
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("attempts", [2, pytest.param(100, marks=pytest.mark.slow)])
def test_ends_again_and_again(how, attempts):
    script, status = ENDS[how]
    for _ in range(attempts):
        done = subprocess.run(
            [sys.executable, "-c", HEAD + script], capture_output=True, text=True, timeout=120, check=False
        )
        assert (done.returncode, done.stdout) == (status, ""), done.stderr
        if how == "a processor that hangs":
            assert "was stopped with 100 items left" in done.stderr
        elif status != 1:
            assert done.stderr == ""
