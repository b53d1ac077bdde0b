"""What all tests share: a running town, and a merchant of one's own in it."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.town import CONFORMANCE, Shop, Town, running_town

collect_ignore = [] if os.environ.get("TEST_BROWSER") else ["browser"]


def pytest_report_header() -> list[str]:
    """What is not tested in this run, said aloud."""
    missing = []
    if not os.environ.get("TEST_DATABASE_URL"):
        missing.append("PostgreSQL is NOT tested: TEST_DATABASE_URL names no server. SQLite is.")
    if not os.environ.get("TEST_REDIS_URL"):
        missing.append("A separate Redis is NOT tested: TEST_REDIS_URL names none. The embedded one is.")
    if not CONFORMANCE.exists():
        missing.append("Stripe's conformance checker is NOT beside this clone: the sandbox goes unchecked.")
    if collect_ignore:
        missing.append("No browser is tested here: make test-browser.")
    return missing


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is for a database that is not there, rather than to skip it test by test."""
    left_out = [item for item in items if _is_for_another_database(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _is_for_another_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("postgres") and not os.environ.get("TEST_DATABASE_URL"):
        return True
    return bool(item.get_closest_marker("not_on_sqlite")) and "sqlite" in item.callspec.params.values()  # type: ignore[attr-defined]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def shared_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with running_town(tmp_path_factory.mktemp("town"), f"paygraph_test_{os.getpid()}_{worker}") as town:
        yield town


@pytest.fixture
def town(shared_town: Town) -> Iterator[Town]:
    """The town, undisturbed before and after; what went over the wire was as Stripe has it."""
    shared_town.quiet()
    yield shared_town
    shared_town.quiet()
    if shared_town.checker:
        found, shared_town.checker.violations = shared_town.checker.violations, []
        found = [violation for violation in found if not was_cut_off(violation)]
        assert not found, "\n".join(str(violation) for violation in found)


def was_cut_off(violation: Any) -> bool:
    """The sandbox dropped the connection because a test asked it to."""
    return bool(violation.status == 500 and violation.message == "body is not JSON")


@pytest.fixture
def shop(town: Town) -> Shop:
    return town.merchant()
