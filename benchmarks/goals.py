"""The figures to reach: for each, whose runs are divided by (or taken from) whose, and the limit."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from workloads import KINDS

NARROW = 1.2  # closer to the limit than this, a figure counts only if every run repeats it


@dataclass(frozen=True)
class Figure:
    """The runs of one record."""

    operation: str
    peer: str = "partita"
    keys: str = ""
    grown: bool = False  # of the larger table of the growth measures


@dataclass(frozen=True)
class Goal:
    """`how` is one of: "ratio" (ours / theirs, at most the limit), "faster" (theirs / ours, at least the limit),
    "difference" (ours - theirs, at most the limit), "value" (ours, at most the limit), "at least" (ours)."""

    what: str
    reach: str
    how: str
    limit: float
    ours: Figure
    theirs: Figure | None = None


@dataclass(frozen=True)
class Verdict:
    goal: Goal
    runs: list[float]  # the ratio (difference, value) of each round
    ours: list[float]
    theirs: list[float]
    unit: str
    reached: str


def ratio(what: str, limit: float, of: str, ours: Figure, theirs: Figure) -> Goal:
    return Goal(what, f"≤ {limit} x {of}", "ratio", limit, ours, theirs)


def goals() -> list[Goal]:
    found = []
    for keys in KINDS:
        found += point_goals(keys)
    floor = Figure("cost of a call", "floor_capi")
    empty = Figure("cost of a call", "member of empty")
    found.append(Goal("the call itself: `member` of an empty table", "≤ 15 ns over C", "difference", 15, empty, floor))
    for keys in KINDS:
        found += scan_goals(keys)
    for scan in ("select_count", "select", "tolist"):
        churned, fresh = (Figure(f"{scan} ({state})", keys="int") for state in ("churned", "fresh"))
        found.append(ratio(f"`{scan}` after a churn", 1.5, "the fresh table", churned, fresh))
    for keys in KINDS:
        ets = Figure("memory (own account)", "ets", keys)
        for account in ("own account", "resident"):
            what = f"memory per row, {account}, {keys} keys"
            found.append(ratio(what, 0.5, "ETS", Figure(f"memory ({account})", keys=keys), ets))
    later, before = (Figure(f"gc.collect() {when}", keys="int") for when in ("later", "empty"))
    found.append(ratio("`gc.collect()` with the rows resident", 1.2, "an empty process", later, before))
    found += ordered_goals() + writer_goals() + growth_goals() + small_goals() + bag_goals()
    return found + buffer_goals() + file_goals()


def point_goals(keys: str) -> list[Goal]:
    def against(operation: str, theirs: str, peer: str, limit: float) -> Goal:
        name = {"ets": "ETS"}.get(peer, peer)
        what = f"`{operation}`, {keys} keys"
        return ratio(what, limit, name, Figure(operation, keys=keys), Figure(theirs, peer, keys))

    def batch(many: str, single: str) -> Goal:
        ours, alone = (Figure(f"{name} (batch run)", keys=keys) for name in (many, single))
        return ratio(f"`{many}` of 1,000, per row, {keys} keys", 0.5, f"our `{single}`", ours, alone)

    return [
        against("lookup", "lookup", "ets", 0.6),
        against("lookup", "lookup", "dict+Lock", 0.5),
        against("get", "lookup", "ets", 0.6),
        against("get", "get", "dict+Lock", 0.5),
        against("insert", "insert", "ets", 0.6),
        against("overwrite", "overwrite", "ets", 0.6),
        against("update_counter", "update_counter", "ets", 0.6),
        against("member", "member", "ets", 0.8),
        batch("get_many", "get"),
        batch("insert_many", "insert"),
    ]


def scan_goals(keys: str) -> list[Goal]:
    def figures(operation: str, peer: str) -> tuple[Figure, Figure]:
        return Figure(operation, keys=keys), Figure(operation, peer, keys)

    count = f"`select_count` of 1 %, {keys} keys"
    return [
        ratio(count, 1, "duckdb on 1 thread", *figures("select_count", "duckdb")),
        Goal(count, "≥ 100 x faster than ETS", "faster", 100, *figures("select_count", "ets")),
        ratio(f"`select` of 1 % as rows, {keys} keys", 1, "polars to tuples", *figures("select", "polars")),
        ratio(f"`tolist`, {keys} keys", 0.8, "polars `rows()`", *figures("tolist", "polars")),
    ]


def ordered_goals() -> list[Goal]:
    found = []
    for operation, peer, limit in (
        ("insert", "ets-ordered", 0.6),
        ("lookup", "ets-ordered", 0.6),
        ("lookup", "SortedDict", 1),
    ):
        of = {"ets-ordered": "ETS ordered_set"}.get(peer, peer)
        for keys in KINDS:
            ours, theirs = (Figure(f"ordered: {operation}", who, keys) for who in ("partita-ordered", peer))
            found.append(ratio(f"ordered_set: `{operation}` at random, {keys} keys", limit, of, ours, theirs))
    for how in ("guard", "prefix"):
        what = f"ordered_set: a range of 100 rows by {'a guard on the key' if how == 'guard' else 'a bound prefix'}"
        ours = Figure(f"ordered: range_by_{how}", "partita-ordered", "int")
        found.append(Goal(what, "≤ 25 µs", "value", 25_000, ours))
    return found


def writer_goals() -> list[Goal]:
    found = []
    for grown in (False, True):
        alone = Figure("insert alone, median", keys="int", grown=grown)
        what = f"`insert` while {'the larger' if grown else 'the'} table is scanned"
        for how in ("beside scans", "beside ceaseless scans"):
            middle, slow = (Figure(f"insert {how}, {name}", keys="int", grown=grown) for name in ("median", "P99.9"))
            note = " without pause" if how != "beside scans" else ""
            found.append(ratio(f"{what}{note}, median", 2, "alone", middle, alone))
            found.append(Goal(f"{what}{note}, P99.9", "≤ 1 ms", "value", 1e6, slow))
    return found


def growth_goals() -> list[Goal]:
    def figure(operation: str, grown: bool) -> Figure:
        return Figure(f"growth: {operation}", keys="int", grown=grown)

    limits = {"select_count": 1.2, "get": 2, "insert (overwrite)": 2, "load": 1.5}
    found = [
        ratio(f"growth, per row: {name}", limit, "the smaller table", figure(name, True), figure(name, False))
        for name, limit in limits.items()
    ]
    one, two = figure("select_count", True), figure("select_count, 2 threads", True)
    found.append(Goal("scan of the larger table on 2 cores", "≥ 1.5 x faster than on 1", "faster", 1.5, two, one))
    kept = Figure("busy thread beside scans, speed")
    what = "speed that a busy Python thread keeps beside scans on 2 cores"
    return [*found, Goal(what, "≥ 0.4 of its own", "at least", 0.4, kept)]


def small_goals() -> list[Goal]:
    package, bare = Figure("import"), Figure("import", "bare interpreter")
    return [
        Goal("a table of 100 rows in one partition", "≤ 8 KB", "value", 8192, Figure("100 rows, 1 partition")),
        Goal("a thousand empty tables, own account", "≤ 4 MB", "value", 4e6, Figure("1000 empty tables")),
        Goal("a thousand empty tables, resident", "≤ 4 MB", "value", 4e6, Figure("1000 empty (resident)")),
        Goal("import of the package", "≤ 20 ms over a bare interpreter", "difference", 20, package, bare),
    ]


def bag_goals() -> list[Goal]:
    """A row costs no more where its key has very many."""
    found = []
    for kind in ("bag", "duplicate_bag"):
        for operation in ("insert", "lookup", "delete_object"):
            few, many = (Figure(f"{kind} {operation}, {rows} a key") for rows in ("10", "10,000"))
            what = f"{kind}: `{operation}` with 10,000 rows a key, per row"
            found.append(ratio(what, 2, "10 rows a key", many, few))
    return found


def buffer_goals() -> list[Goal]:
    def against(operation: str, ours: str, peer: str, limit: float, what: str) -> Goal:
        name = f"buffer: {operation}"
        return ratio(what, limit, peer, Figure(name, ours), Figure(name, peer))

    push = "`QueueBuffer.push` of a 4-field tuple"
    spans, partitioned = "BatchSpanProcessor", "PartitionedBuffer (scaled)"
    return [
        against("push", "partita", spans, 0.4, push),
        against("push beside", "partita (as spans)", spans, 0.4, f"{push}, batches of 10,000 taken out meanwhile"),
        against("push", "partita", partitioned, 0.2, push),
        Goal("`push_many` of 100, per item", "≤ 100 ns", "value", 100, Figure("buffer: push_many")),
        against("put", "partita map", partitioned, 0.3, "`MapBuffer.put`"),
        against("put_newer", "partita map", partitioned, 0.3, "`put_newer` of a newer version"),
        Goal(
            "drain to a no-op processor, batches of 1,000, per item", "≤ 150 ns", "value", 150, Figure("buffer: drain")
        ),
    ]


def file_goals() -> list[Goal]:
    def figure(operation: str, peer: str = "partita-file", keys: str = "int") -> Figure:
        return Figure(f"file: {operation}", peer, keys)

    found = []
    for keys in KINDS:
        for what, limit, ours, theirs, of in (
            ("save", 10, "save", "save", "`tab2file` with md5sum and sync"),
            ("load", 5, "load_saved", "load_verified", "`file2tab` with verification"),
        ):
            figures = figure(ours, keys=keys), figure(theirs, "ets", keys)
            reach = f"≥ {limit} x faster than {of}"
            found.append(
                Goal(f"`{what}` of all rows, checksums and fsync, {keys} keys", reach, "faster", limit, *figures)
            )
    one, sixteen = figure("insert_always"), figure("insert_always_16")
    bare = figure("insert_always", "append+fdatasync")
    in_memory = figure("insert")
    return [
        *found,
        ratio('`insert`, durability="always", one writer', 1.3, "a bare append + fdatasync", one, bare),
        Goal('`insert`, "always", 16 writers', "≥ 8 x the throughput of one", "faster", 8, sixteen, one),
        ratio('`insert`, "interval"', 1.5, "the in-memory `insert`", figure("insert_interval"), in_memory),
    ]


def judge(goal: Goal, results: dict[str, Any]) -> Verdict | None:
    """None if something it needs was not measured."""
    ours = record_of(goal.ours, results)
    theirs = record_of(goal.theirs, results) if goal.theirs else None
    if ours is None or (goal.theirs and theirs is None):
        return None
    mine, other = ours["values"], theirs["values"] if theirs else []
    if goal.how in ("value", "at least"):
        runs = mine
    else:
        by_round = len(mine) == len(other)
        pairs = zip(mine, other, strict=True) if by_round else [(median(mine), median(other))]
        runs = [compare(goal.how, a, b) for a, b in pairs]
    return Verdict(goal, runs, mine, other, ours["unit"], reached(goal, runs))


def compare(how: str, ours: float, theirs: float) -> float:
    if how == "difference":
        return ours - theirs
    return theirs / ours if how == "faster" else ours / theirs


def reached(goal: Goal, runs: list[float]) -> str:
    more_is_better = goal.how in ("faster", "at least")
    met = [value >= goal.limit if more_is_better else value <= goal.limit for value in runs]
    middle = median(runs)
    if more_is_better:
        enough, narrow = middle >= goal.limit, middle < goal.limit * NARROW
    else:
        enough, narrow = middle <= goal.limit, middle > goal.limit / NARROW
    if not enough:
        return f"**no** ({sum(met)} of {len(met)} runs)" if any(met) else "**no**"
    if narrow and not all(met):
        return f"narrowly: {sum(met)} of {len(met)} runs"
    return "yes"


def record_of(figure: Figure, results: dict[str, Any]) -> dict[str, Any] | None:
    """The larger table's records come after those of the smaller one."""
    for record in results["records"]:
        if (record["operation"], record["peer"], record["keys"]) == (figure.operation, figure.peer, figure.keys) and (
            not figure.grown or record["rows"] == results["growth_rows"]
        ):
            return record
    return None
