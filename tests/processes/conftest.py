"""One deployment for all tests that kill parts of it; each of them finds everything running."""

import os
from collections.abc import Iterator

import pytest

from tests.processes.programs import Town, running_town
from tests.town import Shop


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with running_town(tmp_path_factory.mktemp("processes"), f"paygraph_processes_{os.getpid()}_{worker}") as town:
        yield town


@pytest.fixture(scope="session")
def merchant(deployment: Town) -> Shop:
    return deployment.merchant()


@pytest.fixture
def town(deployment: Town) -> Iterator[Town]:
    deployment.everything_runs()
    yield deployment
    deployment.everything_runs()


@pytest.fixture
def shop(town: Town, merchant: Shop) -> Shop:
    return merchant
