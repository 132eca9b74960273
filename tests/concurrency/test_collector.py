"""What the collector shows of objects that are being made: nothing that has holes, which would crash whoever looks."""

import gc

import pytest

import partita
from partita import ANY, ROW, V

COUNT = 7
looks = []


class Curious:
    """Looks at everything while it is unpickled."""

    def __reduce__(self):
        return (look, ())


def look():
    for thing in gc.get_objects():
        if type(thing) in (list, tuple) and len(thing) == COUNT:
            for _ in thing:
                pass
    looks.append(1)
    return "seen"


def row(key, rest=COUNT - 2):
    return (key, Curious(), *range(rest))


CALLS = {
    "row": ("set", [row(1)], lambda t: t.get(1)),
    "list in a row": ("set", [(1, [Curious(), *range(COUNT - 1)])], lambda t: t.get(1)),
    "tuple in a row": ("set", [(1, (Curious(), *range(COUNT - 1)))], lambda t: t.get(1)),
    "rows of a key": ("bag", [row(1, i) for i in range(COUNT)], lambda t: t.lookup(1)),
    "elements of a key": ("bag", [row(1, i) for i in range(COUNT)], lambda t: t.lookup_element(1, 1)),
    "taken rows": ("bag", [row(1, i) for i in range(COUNT)], lambda t: t.take(1)),
    "many keys": ("set", [row(i) for i in range(COUNT)], lambda t: t.get_many(range(COUNT))),
    "rows of many keys": ("bag", [row(i) for i in range(COUNT)], lambda t: t.lookup_many(range(COUNT))),
    "all rows": ("set", [row(i) for i in range(COUNT)], lambda t: t.tolist()),
    "an iterator": ("set", [row(i) for i in range(COUNT)], list),
    "a page": ("set", [row(i) for i in range(COUNT)], lambda t: t.match_object(ANY, COUNT)),
    "selected": ("set", [row(i) for i in range(COUNT)], lambda t: t.select([(ANY, [], [ROW])])),
    "bindings": ("set", [row(1)], lambda t: t.match((*map(V.__getitem__, range(COUNT)),))),
    "a slot": ("bag", [row(1, i) for i in range(COUNT)], lambda t: [t.slot(i) for i in range(COUNT)]),
}


@pytest.mark.parametrize(("kind", "rows", "read"), CALLS.values(), ids=CALLS)
def test_no_holes_are_shown(kind, rows, read):
    t = partita.Table(type=kind, partitions=1)
    t.insert(rows)
    looks.clear()
    result = read(t)
    assert looks
    assert type(result) is tuple or gc.is_tracked(result)  # again: a list may become part of a cycle
