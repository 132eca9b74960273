"""One peer in a process of its own, answering commands on a pipe. Run by drive.py; ets_peer.erl answers the same ones.

time OPERATION      one timed run: nanoseconds, operations done, rows in the table afterwards
digest M            reads the first M keys of the read order: digest of the rows found
results OPERATION   an untimed run: a number that proves its result
memory              bytes by the peer's own account, rows
quit
"""

import gc
import sys
import time
import traceback
from pathlib import Path

import file_peers
import ordered_peers
from peers import PYTHON_PEERS, Peer, digest_of_keys, timed
from workloads import Workload


def answer(peer: Peer, command: list[str]) -> tuple[int, int, int]:
    match command:
        case ["time", operation]:
            peer.prepare(operation)
            gc.collect()
            nanoseconds, operations = timed(peer, operation, time.perf_counter_ns)
            return nanoseconds, operations, peer.size()
        case ["digest", count]:
            return digest_of_keys(peer, int(count)), 0, 0
        case ["results", operation]:
            peer.make_full()
            return peer.result(operation), 0, 0
        case ["memory"]:
            return peer.memory(), peer.size(), 0
    raise ValueError(f"unknown command {command}")


def main() -> None:
    name, kind, rows, folder = sys.argv[1:]
    out = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    peer = (PYTHON_PEERS | ordered_peers.PEERS | file_peers.PEERS)[name](Workload(kind, int(rows), Path(folder)))
    peer.make_full()
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
