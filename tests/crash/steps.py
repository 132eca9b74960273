"""What writers do, by seed and number, on a table or on a dict of rows by key."""

import random

KEYS = 12  # of each thread


def step(kind, seed, thread, number):
    """The call that a thread makes as its `number`-th: a name and its arguments. Threads have keys of their own."""
    draw = random.Random(f"{seed}/{thread}/{number}")

    def key():
        return (thread, draw.randrange(KEYS))

    def row():
        return (key(), draw.randrange(4), "x" * draw.choice([0, 5, 40, 3000]))

    one_row = kind in ("set", "ordered_set")
    name = draw.choice(["insert", "insert", "list", "delete", "take", "object", "count" if one_row else "insert"])
    if name == "insert":
        return name, row()
    if name == "list":
        return name, [row() for _ in range(draw.randrange(1, 8))]
    if name == "object":
        return name, row()
    return name, key()


def do(table, what):
    name, argument = what
    if name in ("insert", "list"):
        table.insert(argument)
    elif name == "delete":
        table.delete(argument)
    elif name == "take":
        table.take(argument)
    elif name == "object":
        table.delete_object(argument)
    else:
        table.update_counter(argument, (1, 1), (argument, 0, ""))


def do_on_dict(rows, kind, what):
    """The same on a dict from keys to lists of rows."""
    name, argument = what
    if name in ("insert", "list"):
        for row in argument if name == "list" else [argument]:
            there = rows.setdefault(row[0], [])
            if kind in ("set", "ordered_set"):
                there.clear()
            if kind != "bag" or row not in there:
                there.append(row)
    elif name in ("delete", "take"):
        rows.pop(argument, None)
    elif name == "object":
        there = [row for row in rows.pop(argument[0], []) if row != argument]
        if there:
            rows[argument[0]] = there
    else:
        [(_, count, text)] = rows.get(argument) or [(argument, 0, "")]
        rows[argument] = [(argument, count + 1, text)]
