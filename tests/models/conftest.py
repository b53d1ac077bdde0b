"""Keeps the running town apart from the databases that are opened here."""

from collections.abc import Iterator

import pytest

from tests.models.apart import apart


@pytest.fixture(scope="module", autouse=True)
def apart_from_the_town() -> Iterator[None]:
    with apart():
        yield
