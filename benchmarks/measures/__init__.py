"""What can be measured, by name. Each function takes a drive.Session and adds its records to it."""

from collections.abc import Callable

from drive import Session

from measures import bags, buffers, busy, calls, files, growth, index, ordered, point, scans, space, writers

MEASURES: dict[str, Callable[[Session], None]] = {
    "point": point.single_calls,
    "batch": point.batches,
    "call": calls.cost_of_the_call,
    "import": calls.import_time,
    "scan": scans.fresh,
    "churn": scans.churned,
    "memory": space.memory_per_row,
    "small": space.small_tables,
    "collector": space.collector,
    "writers": writers.insert_while_scanning,
    "growth": growth.growth,
    "busy": busy.beside_a_busy_thread,
    "ordered": ordered.ordered,
    "index": index.against_flat_hash_set,
    "bag": bags.bags,
    "buffer": buffers.buffers,
    "files": files.files,
}
