"""A program that pushes into a durable buffer until it is killed, and tells what was acknowledged.

    python pusher.py KIND PATH PARTITIONS THREADS FIRST

KIND is queue or map. Each thread pushes (THREAD, NUMBER), numbers from FIRST on; a map's keys are (THREAD, NUMBER % 7).
Lines on standard output, each written in one step: `open`, `pushed THREAD NUMBER` after a call that returned,
`processed THREAD NUMBER` by the processor. The processor raises now and then, and some batches wait for long.
"""

import itertools
import os
import random
import sys
import threading

import partita

KEYS = 7


def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def process(batch):
    chance = random.random()
    if chance < 0.05:
        raise ValueError("not now")
    if chance < 0.1:
        threading.Event().wait(0.02)  # so that much waits, and the kill comes in the middle
    os.write(1, "".join(f"processed {thread} {number}\n" for thread, number in batch).encode())


def process_rows(rows):
    process([(key[0], number) for key, number, _, _ in rows])


def push(buffer, kind, thread, first):
    draw = random.Random(first)
    for number in itertools.count(first):
        if kind == "map":
            buffer.put((thread, number % KEYS), number)
        elif draw.random() < 0.1:
            buffer.push_many([(thread, number)], partition_key=thread)
        else:
            buffer.push((thread, number), partition_key=thread)
        tell("pushed", thread, number)


def main(kind, path, partitions, threads, first):
    cls, processor = (partita.MapBuffer, process_rows) if kind == "map" else (partita.QueueBuffer, process)
    buffer = cls(
        "crash",
        processor,
        partitions=int(partitions),
        durable=path,
        sync_every=0.01,
        processing_interval=0.005,
        processing_batch_size=random.choice([1, 7, 100]),
        retry_delay=0.001,
        max_retries=10**6,
    )
    tell("open")
    running = [threading.Thread(target=push, args=(buffer, kind, n, int(first))) for n in range(int(threads))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
