import pytest

from differential.run_erlang import Erlang


@pytest.fixture(scope="session")
def erlang():
    with Erlang() as running:
        yield running
