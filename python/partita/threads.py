"""How many CPUs and threads there are to use."""

from __future__ import annotations

import os

from partita.errors import short_repr

_MOST_THREADS = 65536

_num_threads: int | None = None  # None: not set yet
_cpu_quota: float | None = None  # None: not read yet


def _read_quota(text: str, period_text: str) -> float:
    """CPUs granted by a cgroup's quota and period in microseconds; infinity where there is no limit."""
    try:
        quota = float(text)
    except ValueError:  # "max"
        return float("inf")
    return quota / float(period_text) if quota > 0 else float("inf")


def _read_words(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().split()
    except (OSError, ValueError):
        return []


def _cgroup_quota() -> float:
    """The strictest CPU limit among this process's control group and those above it."""
    limit = float("inf")
    for line in _read_words("/proc/self/cgroup"):
        if line.startswith("0::"):  # version 2
            path = line[3:]
            while True:
                words = _read_words(f"/sys/fs/cgroup{path.rstrip('/')}/cpu.max")
                if len(words) == 2:
                    limit = min(limit, _read_quota(words[0], words[1]))
                if path in ("", "/"):
                    break
                path = os.path.dirname(path)
    quota = _read_words("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")  # version 1
    period = _read_words("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
    if quota and period:
        limit = min(limit, _read_quota(quota[0], period[0]))
    return limit


def available_cpus() -> int:
    """The number of CPUs that this process may use: its affinity, cut by its control group's quota (rounded up)."""
    global _cpu_quota
    if _cpu_quota is None:
        _cpu_quota = _cgroup_quota()
    cpus = len(os.sched_getaffinity(0))
    if _cpu_quota < cpus:
        cpus = max(1, int(-(-_cpu_quota // 1)))
    return cpus


def num_threads() -> int:
    """The number of threads that one scan uses.

    Set by `set_num_threads`, else by the environment variable PARTITA_NUM_THREADS, else the number of CPUs this process
    may use.
    """
    if _num_threads is not None:
        return _num_threads
    text = os.environ.get("PARTITA_NUM_THREADS", "")
    if not text:
        return available_cpus()
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= _MOST_THREADS:
        raise ValueError(
            f"the environment variable PARTITA_NUM_THREADS is {text!r}: it must be a number from 1 to {_MOST_THREADS}"
        )
    return int(text)


def set_num_threads(count: int | None) -> None:
    """Sets the number of threads that one scan uses, from now on and for the whole process; None goes back to the
    default.
    """
    global _num_threads
    if count is not None:
        if isinstance(count, bool) or not isinstance(count, int):
            raise TypeError(f"the number of threads is an int, not {type(count).__name__}")
        count = int.__index__(count)  # no subclass
        if not 1 <= count <= _MOST_THREADS:
            raise ValueError(f"the number of threads is {short_repr(count)}: it must be from 1 to {_MOST_THREADS}")
    _num_threads = count
