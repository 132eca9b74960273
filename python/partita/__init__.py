"""partita: in-memory tables shared by all threads of a process, after Erlang's ETS.

>>> import partita
>>> t = partita.Table(fields=("id", "name", "age"))
>>> t.insert([(1, "Ada", 36), (2, "Grace", 45)])
>>> t.get(1)
(1, 'Ada', 36)
>>> t.update_counter(2, ("age", 1))
46
"""

try:
    from partita._core import Atom, live_counts
except ImportError as error:
    if "subinterpreter" in str(error):
        raise ImportError(
            "partita cannot be imported here: its tables belong to the process, and only the main interpreter has them"
        ) from error
    raise ImportError(
        "partita's engine, the extension module partita._core, cannot be loaded: it is missing, or was built for "
        f"another Python. Install the package again with `pip install .` ({error})"
    ) from error

from partita import erlang, ets, telemetry
from partita._table import Table
from partita.buffers import MapBuffer, QueueBuffer
from partita.durable import DurableTable
from partita.durable import open as open  # noqa: A004
from partita.errors import (
    BufferFullError,
    BufferStoppedError,
    CorruptFileError,
    DurabilityError,
    Error,
    FileLockedError,
    MatchError,
    MatchSpecError,
    OptionsMismatchError,
    PickleRefusedError,
    ReadOnlyError,
    Retry,
    SnapshotClosedError,
    TableDroppedError,
    TableExistsError,
    TableFixedError,
)
from partita.files import load, save
from partita.matching import matchspec
from partita.names import table, tables
from partita.patterns import ANY, ROW, VARS, V
from partita.reading import END
from partita.readonly import ReadOnlyTable
from partita.snapshot import Snapshot
from partita.threads import num_threads, set_num_threads

__version__ = "0.1.0"

# `open` is left out, so that `from partita import *` leaves Python's own as it is.
__all__ = [
    "ANY",
    "END",
    "ROW",
    "VARS",
    "Atom",
    "BufferFullError",
    "BufferStoppedError",
    "CorruptFileError",
    "DurabilityError",
    "DurableTable",
    "Error",
    "FileLockedError",
    "MapBuffer",
    "MatchError",
    "MatchSpecError",
    "OptionsMismatchError",
    "PickleRefusedError",
    "QueueBuffer",
    "ReadOnlyError",
    "ReadOnlyTable",
    "Retry",
    "Snapshot",
    "SnapshotClosedError",
    "Table",
    "TableDroppedError",
    "TableExistsError",
    "TableFixedError",
    "V",
    "__version__",
    "erlang",
    "ets",
    "live_counts",
    "load",
    "matchspec",
    "num_threads",
    "save",
    "set_num_threads",
    "table",
    "tables",
    "telemetry",
]
