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

SEED = os.environ.get("PARTITA_SEED")
CALLS_OF_A_SESSION = 1000
CALLS_IN_CI = min(60_000, 600 * settings.default.max_examples)  # fewer under a sanitizer
CALLS_AT_LENGTH = int(os.environ.get("PARTITA_CALLS", "1000000"))

TABLES = {
    "one partition": lambda keypos: partita.Table(keypos=keypos, partitions=1),
    "seven partitions": lambda keypos: partita.Table(keypos=keypos, partitions=7),
}
MODEL = {"the model": lambda keypos: ModelTable(keypos=keypos)}


def judge(erlang, tables, first_seed, calls):
    for seed in range(first_seed, first_seed + calls // CALLS_OF_A_SESSION):
        session = sessions.seeded(seed, erlang.otp, CALLS_OF_A_SESSION)
        if difference := sessions.first_difference(erlang, session, tables):
            difference = sessions.smallest_difference(erlang, difference, tables)
            pytest.fail(f"seed {seed} (PARTITA_SEED={seed} repeats it): {difference}", pytrace=False)


@given(data=st.data())
@settings(max_examples=5 * settings.default.max_examples, suppress_health_check=list(HealthCheck))
def test_short_sessions(erlang, data):
    session = data.draw(sessions.drawn(erlang.otp))
    if difference := sessions.first_difference(erlang, session, TABLES):
        pytest.fail(str(sessions.smallest_difference(erlang, difference, TABLES)), pytrace=False)


def test_long_sessions(erlang):
    judge(erlang, TABLES, int(SEED or 0), CALLS_IN_CI)


def test_the_model_is_judged_too(erlang):
    """The state machine trusts the model; this is why it may."""
    judge(erlang, MODEL, int(SEED or 0), CALLS_IN_CI // 3)


@pytest.mark.slow
def test_a_million_calls(erlang):
    judge(erlang, TABLES, int(SEED or random.SystemRandom().randrange(2**32)), CALLS_AT_LENGTH)
