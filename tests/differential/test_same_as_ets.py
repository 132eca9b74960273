"""Real Erlang as the judge: the same random calls on an ETS table and on ours, and every answer compared.

Two ways of drawing them. Hypothesis makes short sessions and shrinks what fails. Long sessions are drawn from a seed,
for volume; one that fails is made smaller by leaving calls out. PARTITA_SEED repeats a run, PARTITA_CALLS sets how
many calls the slow test makes.
"""

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import partita
from differential import sessions
from helpers.model import ModelTable
from helpers.ranges import splitting_at

SEED = os.environ.get("PARTITA_SEED")
CALLS_OF_A_SESSION = 1000
CALLS_IN_CI = min(8_000, 80 * settings.default.max_examples)  # fewer under a sanitizer
CALLS_AT_LENGTH = int(os.environ.get("PARTITA_CALLS", "1000000"))

TYPES = ("set", "ordered_set", "bag", "duplicate_bag")


def seven_partitions(kind, keypos):
    with splitting_at(64):
        return partita.Table(type=kind, keypos=keypos, partitions=7)


TABLES = {
    "one partition": lambda kind, keypos: partita.Table(type=kind, keypos=keypos, partitions=1),
    "seven partitions": seven_partitions,
}
MODEL = {"the model": lambda kind, keypos: ModelTable(type=kind, keypos=keypos)}


def judge(erlang, table_type, tables, first_seed, calls):
    for seed in range(first_seed, first_seed + calls // CALLS_OF_A_SESSION):
        session = sessions.seeded(seed, table_type, erlang.otp, CALLS_OF_A_SESSION)
        if difference := sessions.first_difference(erlang, session, tables):
            difference = sessions.smallest_difference(erlang, difference, tables)
            pytest.fail(f"seed {seed} (PARTITA_SEED={seed} repeats it): {difference}", pytrace=False)


@pytest.mark.parametrize("table_type", TYPES)
@given(data=st.data())
@settings(max_examples=5 * settings.default.max_examples, suppress_health_check=list(HealthCheck))
def test_short_sessions(erlang, table_type, data):
    session = data.draw(sessions.drawn(table_type, erlang.otp))
    if difference := sessions.first_difference(erlang, session, TABLES):
        pytest.fail(str(sessions.smallest_difference(erlang, difference, TABLES)), pytrace=False)


@pytest.mark.parametrize("table_type", TYPES)
def test_long_sessions(erlang, table_type):
    judge(erlang, table_type, TABLES, int(SEED or 0), CALLS_IN_CI)


@pytest.mark.parametrize("table_type", TYPES)
def test_the_model_is_judged_too(erlang, table_type):
    """The state machine trusts the model; this is why it may."""
    judge(erlang, table_type, MODEL, int(SEED or 0), CALLS_IN_CI // 3)


@pytest.mark.slow
@pytest.mark.parametrize("table_type", TYPES)
def test_a_million_calls(erlang, table_type):
    judge(erlang, table_type, TABLES, int(SEED or random.SystemRandom().randrange(2**32)), CALLS_AT_LENGTH)
