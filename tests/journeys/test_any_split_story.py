"""any story of sales that divide: releases, refunds, disputes, empty accounts, lost answers -> nothing is lost"""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, rule, run_state_machine_as_test

from domain.events import Cause, CauseKind
from domain.transfers import settle as transfers
from domain.vendors import inquire
from kit import clock
from tests import vendors
from tests.journeys.test_any_story import STORIES, Story, euros
from tests.town import ORDER_UPDATE, Town

_SWEEP = Cause(CauseKind.SWEEP, "test")


class SplitStory(Story):
    """The same day at a marketplace: two vendors, one of them behind a hold."""

    orders: Bundle[str] = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.vendors = [vendors.active(self.shop, name=name) for name in ("Anna", "Bert")]
        self.at_once = vendors.commissioned(self.shop, self.vendors[0], 1250, feeBearer="VENDORS")
        parts = [{"vendorId": vendor["id"], "basisPoints": 3333} for vendor in self.vendors]
        self.held = f"held {vendors.key()}"
        vendors.rule(self.shop, self.held, parts, commission={"fixed": vendors.money(7)}, hold={})

    def items(self, amount: int) -> list[dict[str, Any]]:
        return [
            vendors.item(amount // 3, self.at_once),
            vendors.item(amount // 3, self.held),
            vendors.item(amount - 2 * (amount // 3)),
        ]

    @rule(target=orders, amount=st.sampled_from([4201, 10000]))
    def order(self, amount: int) -> str:
        self.everybody_is_active()
        return str(self.shop.order(items=self.items(amount))["id"])

    def everybody_is_active(self) -> None:
        """Also when the messages of it are lost: they are asked about."""
        for vendor in self.vendors:
            vendors.onboard(self.shop, vendor, outcome="complete")
            self.town.call(inquire.inquire(self.town.house.gateways, vendor["id"], cause=_SWEEP, now=clock.now()))

    @rule(order=orders, amount=st.sampled_from([4201, 5000]))
    def edit(self, order: str, amount: int) -> None:
        self.shop.ask(ORDER_UPDATE, input={"orderId": order, "items": self.items(amount)})

    @rule(order=orders, part=st.sampled_from([None, 1, 333, 1000]))
    def release_a_hold(self, order: str, part: int | None) -> None:
        for hold in self.holds(order):
            self.do(vendors.RELEASE, {"holdId": hold, "amount": euros(part)})

    @rule(order=orders, part=st.sampled_from([None, 1, 333, 1000]))
    def refund_a_hold(self, order: str, part: int | None) -> None:
        for hold in self.holds(order):
            given = {"holdId": hold, "amount": euros(part), "reason": "REQUESTED_BY_CUSTOMER"}
            self.do(vendors.REFUND, given)

    @rule(order=orders, number=st.integers(0, 2))
    def refund_an_item(self, order: str, number: int) -> None:
        items = self.shop.ask("query ($id: ID!) { order(id: $id) { items { id } } }", id=order)["order"]["items"]
        for payment in self.payments(order):
            given = {"paymentId": payment["id"], "reason": "REQUESTED_BY_CUSTOMER"}
            self.do(vendors.REFUND_CREATE, given | {"lineItems": [{"lineItemId": items[number]["id"]}]})

    @rule(number=st.integers(0, 1), amount=st.sampled_from([-3000, -500]))
    def empty_an_account(self, number: int, amount: int) -> None:
        token = self.vendors[number]["token"]
        self.town.sandbox("POST", f"/accounts/{token}/adjust", amount=amount, currency="eur")

    @rule(number=st.integers(0, 1), outcome=st.sampled_from(["document", "complete"]))
    def change_an_account(self, number: int, outcome: str) -> None:
        vendors.onboard(self.shop, self.vendors[number], outcome=outcome)

    @rule(code=st.sampled_from(["balance_insufficient", "transfers_not_allowed"]))
    def refuse_a_transfer(self, code: str) -> None:
        self.town.sandbox("POST", "/transfers/fail", code=code, next=1)

    @rule(order=consumes(orders))
    def give_all_back(self, order: str) -> None:
        for payment in self.payments(order):
            self.do(vendors.REFUND_CREATE, {"paymentId": payment["id"], "reason": "REQUESTED_BY_CUSTOMER"})

    def teardown(self) -> None:
        self.town.quiet()
        self.town.sandbox("POST", "/transfers/fail", next=0)
        self.everybody_is_active()
        super().teardown()
        self.town.call(self._settle())
        vendors.check(self.shop)

    async def _settle(self) -> None:
        """What failed is tried again, as it would be a day later."""
        for share_id in await transfers.claim_due(clock.now() + timedelta(days=1), 1000):
            await transfers.settle(self.town.house.gateways, share_id, cause=_SWEEP, now=clock.now())

    def holds(self, order: str) -> list[str]:
        query = "query ($id: ID!) { order(id: $id) { holds { id } } }"
        return [hold["id"] for hold in self.shop.ask(query, id=order)["order"]["holds"]]


@pytest.fixture
def stories(town: Town) -> Iterator[type[SplitStory]]:
    SplitStory.town = town
    yield SplitStory
    town.quiet()
    town.sandbox("POST", "/transfers/fail", next=0)


@pytest.mark.timeout(600)
def test_any_story_of_sales_that_divide_keeps_the_invariants(stories: type[SplitStory]) -> None:
    run_state_machine_as_test(
        stories,
        settings=settings(
            max_examples=STORIES,
            stateful_step_count=16,
            deadline=None,
            derandomize=bool(os.environ.get("CI")),
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
