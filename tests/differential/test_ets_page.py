"""docs/ets.md has a word on every function of the Erlang that is installed."""

import re
from pathlib import Path

from partita import Atom

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ets.md"
# Exported for Erlang's own use; the reference manual does not name them.
INTERNAL = {"module_info", "match_spec_run_r", "internal_delete_all", "internal_request_all", "internal_select_delete"}


def test_every_function_is_named(erlang):
    named = set(re.findall(r"`(\w+)[`(]", PAGE.read_text(encoding="utf-8")))
    missing = {str(function) for function in erlang.ask(Atom("ets_functions"))} - INTERNAL - named
    assert not missing
