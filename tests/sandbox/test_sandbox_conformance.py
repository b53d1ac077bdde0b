"""Every exchange and webhook of these tests is checked against Stripe's own schema: here it is proven that it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import CONFORMANCE

pytestmark = pytest.mark.anyio


async def test_the_checker_reads_what_the_sandbox_says(play: Any) -> None:
    if play.checker is None:
        pytest.skip(f"STRIPE CONFORMANCE IS NOT CHECKED in any of these tests: {CONFORMANCE} is absent")
    before = sum(play.checker.seen.values())
    await play.session()
    assert sum(play.checker.seen.values()) == before + 1
    assert play.checker.version == "2026-10-28.endive"


async def test_the_checker_would_find_a_fault(play: Any) -> None:
    if play.checker is None:
        pytest.skip(f"STRIPE CONFORMANCE IS NOT CHECKED in any of these tests: {CONFORMANCE} is absent")
    await play.v1.customers.create_async({})
    await play.settle()
    event = play.inbox.events[0]
    event["data"]["object"]["livemode"] = "no"
    assert [found.kind for found in play.checker.check_event(event)] == ["bad_field"]
    play.checker_ignores("bad_field")
