"""Who walks through the stories."""

from collections.abc import Iterator

import httpx
import pytest

from tests.receiver import Receiver, receiving


@pytest.fixture
def payer() -> Iterator[httpx.Client]:
    """A browser, with its cookies."""
    with httpx.Client(timeout=30) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A merchant's server."""
    with receiving() as found:
        yield found
