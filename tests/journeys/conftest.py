"""Who walks through the stories."""

from collections.abc import Iterator

import httpx
import pytest


@pytest.fixture
def payer() -> Iterator[httpx.Client]:
    """A browser, with its cookies."""
    with httpx.Client(timeout=30) as client:
        yield client
