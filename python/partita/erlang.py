"""Erlang's own bytes: the external term format, and the files of `ets:tab2file`.

    >>> from partita import Atom, erlang
    >>> erlang.dumps((Atom("ok"), 7, "text"))                # term_to_binary({ok, 7, <<"text">>})
    b'\\x83h\\x03w\\x02oka\\x07m\\x00\\x00\\x00\\x04text'
    >>> erlang.loads(erlang.dumps({"a": [1, 2**70]}))
    {'a': [1, 1180591620717411303424]}

docs/erlang.md says what becomes what.
"""

from partita._external_term import dumps, loads
from partita._tabfile import file2tab, tab2file, tabfile_info

__all__ = ["dumps", "file2tab", "loads", "tab2file", "tabfile_info"]
