"""What holds for every test: it leaves nothing alive in the engine, and what was random in it can be repeated.

PARTITA_SEED=n seeds the random module before each test; a run that is given none draws one and says so in its header.
PARTITA_TESTS=long lets Hypothesis look harder (`make test-long`), PARTITA_TESTS=sanitizer less hard (`make asan`).
"""

import filecmp
import gc
import os
import random
from pathlib import Path

import hypothesis
import pytest

import partita

SEED = int(os.environ.get("PARTITA_SEED") or random.SystemRandom().randrange(2**32))
PROFILE = os.environ.get("PARTITA_TESTS", "default")
FAILED = pytest.StashKey[bool]()

for profile, examples in ("default", 100), ("long", 2000), ("sanitizer", 20):
    hypothesis.settings.register_profile(profile, max_examples=examples, deadline=None, print_blob=True)
hypothesis.settings.load_profile(PROFILE)


def pytest_configure(config):
    """A run against an installed package that is older than the tree would prove nothing."""
    installed = Path(partita.__file__).parent
    tree = Path(__file__).resolve().parent.parent / "python" / "partita"
    names = [path.relative_to(tree) for path in sorted(tree.rglob("*.py"))]
    _, differing, missing = filecmp.cmpfiles(tree, installed, names, shallow=False)
    if differing or missing:
        stale = ", ".join(map(str, differing + missing))
        raise pytest.UsageError(f"{installed} is older than the tree ({stale}): run `make build` first")


def pytest_report_header(config):
    return f"partita {partita.__version__} in {Path(partita.__file__).parent}, profile {PROFILE}, PARTITA_SEED={SEED}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture(autouse=True)
def _seeded():
    random.seed(SEED)


@pytest.fixture(autouse=True)
def _nothing_left_alive(request):
    """Compares exact counts of tables, rows, snapshots, walks and bytes, so that a leak of a single one is seen."""
    before = counts()
    yield
    if request.node.stash.get(FAILED, False):
        return  # the traceback holds what the test made
    request.node.funcargs.clear()  # pytest would hold on to what fixtures gave
    after = partita.live_counts()
    if after != before:
        after = counts()
    assert after == before, "the test left something alive in the engine"


def counts():
    gc.collect()
    return partita.live_counts()
