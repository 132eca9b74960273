"""Key ranges of ordered sets, made to split early."""

from contextlib import contextmanager

from partita import _core


@contextmanager
def splitting_at(rows):
    """Tables made meanwhile have several ranges from so few rows on, where usually it takes 65,536."""
    _core._set_split_rows(rows)
    try:
        yield
    finally:
        _core._set_split_rows(0)
