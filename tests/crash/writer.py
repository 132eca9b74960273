"""A program that changes a table in a file until it is killed, and tells on its standard output what was acknowledged.

    python writer.py PATH TYPE DURABILITY SEED THREADS SAVES

Lines: `open`, then `done THREAD COUNT` after each call that returned, and `kept THREAD COUNT` after a flush() that came
after so many calls.
"""

import os
import sys
import threading

from steps import do, step

import partita

FLUSH_EVERY = 37


def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def write(table, thread, seed):
    for count in range(1, 5000):
        do(table, step(table.type, seed, thread, count - 1))
        tell("done", thread, count)
        if count % FLUSH_EVERY == 0:
            table.flush()
            tell("kept", thread, count)


def save_without_end(table):
    while True:
        table._place.save()


def main(path, kind, durability, seed, threads, saves):
    table = partita.open(path, type=kind, durability=durability, sync_every=0.002, persist_every=0.005, partitions=3)
    tell("open")
    running = [threading.Thread(target=write, args=(table, thread, seed)) for thread in range(int(threads))]
    if int(saves):
        running.append(threading.Thread(target=save_without_end, args=(table,), daemon=True))
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
