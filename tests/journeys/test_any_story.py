"""any story of checkouts, captures, refunds, disputes, lost and shuffled webhooks -> the invariants hold at every step

A story that fails is printed as the calls that made it; Hypothesis keeps it and replays it first next time.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from tests import invariants
from tests.journeys.test_capture_void_refund import CAPTURE, REFUND, VOID
from tests.journeys.test_direct import AUTHORIZE
from tests.journeys.test_disputes import SUBMIT
from tests.town import ORDER_CANCEL, ORDER_UPDATE, Shop, Town

CARDS = ["4242424242424242", "4000000000000002", "4000000000000259", "4000000000005126", "4000000000001976"]
STORIES = int(os.environ.get("STORIES", "8"))


class Story(RuleBasedStateMachine):
    """One merchant's day, with a PSP whose messages come as they please."""

    town: Town
    orders: Bundle[str] = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.town.quiet()
        self.shop: Shop = self.town.merchant()

    @rule(target=orders, amount=st.sampled_from([4200, 10000]))
    def order(self, amount: int) -> str:
        return str(self.shop.order(amount)["id"])

    @rule(target=orders, amount=st.sampled_from([4200, 10000]), card=st.sampled_from(CARDS), manual=st.booleans())
    def buy(self, amount: int, card: str, manual: bool) -> str:
        order = self.order(amount)
        self.check_out(order, manual)
        self.pay(order, card, late=False)
        return order

    @rule(order=orders)
    def fail_a_refund(self, order: str) -> None:
        """A refund that succeeded fails after all, as banks do."""
        url, headers = f"{self.town.sandbox_url}/v1/refunds?limit=100", {"Authorization": "Bearer sk_test_dashboard"}
        mine = {payment["id"] for payment in self.payments(order)}
        for refund in self.town.http.get(url, headers=headers).json()["data"]:
            if refund["metadata"].get("paygraph_payment") in mine and refund["status"] == "succeeded":
                self.town.sandbox("POST", f"/refunds/{refund['id']}/fail")
                return

    @rule()
    def let_time_pass(self) -> None:
        self.town.sandbox("POST", "/clock/advance", seconds=6)

    @rule(order=orders, text=st.sampled_from(["winning_evidence", "losing_evidence", "escalate_inquiry_evidence"]))
    def answer(self, order: str, text: str) -> None:
        for payment in self.payments(order):
            for dispute in payment["disputes"]:
                self.do(SUBMIT, {"disputeId": dispute["id"], "evidence": {"uncategorizedText": text}})

    @rule(order=orders, manual=st.booleans())
    def check_out(self, order: str, manual: bool) -> None:
        self.shop.checkout(order, captureMethod="MANUAL" if manual else "AUTOMATIC")

    @rule(order=orders, token=st.sampled_from(["pm_card_visa", "pm_card_visa_chargeDeclined"]), manual=st.booleans())
    def charge(self, order: str, token: str, manual: bool) -> None:
        method = "MANUAL" if manual else "AUTOMATIC"
        self.do(AUTHORIZE, {"orderId": order, "token": token, "captureMethod": method})

    @rule(order=orders, card=st.sampled_from(CARDS), late=st.booleans())
    def pay(self, order: str, card: str, late: bool) -> None:
        """`late`: on a page that has run out; a page that was completed is completed once."""
        payable = {"OPEN", "EXPIRED", "FAILED"} if late else {"OPEN"}
        payments = [payment for payment in self.payments(order) if payment["token"].startswith("cs_")]
        for payment in (payment for payment in payments if payment["status"] in payable):
            url = f"{self.town.sandbox_url}/sandbox/sessions/{payment['token']}/pay"
            self.town.http.post(url, json={"card": card, "force": late})
            return

    @rule(order=orders, part=st.sampled_from([None, 1000, 4200]))
    def capture(self, order: str, part: int | None) -> None:
        for payment in self.payments(order):
            self.do(CAPTURE, {"paymentId": payment["id"], "amount": euros(part)})

    @rule(order=orders)
    def void(self, order: str) -> None:
        for payment in self.payments(order):
            self.do(VOID, {"paymentId": payment["id"]})

    @rule(order=orders, part=st.sampled_from([None, 1000, 3000, 6000]))
    def refund(self, order: str, part: int | None) -> None:
        for payment in self.payments(order):
            self.do(REFUND, {"paymentId": payment["id"], "amount": euros(part), "reason": "REQUESTED_BY_CUSTOMER"})

    @rule(order=orders, amount=st.sampled_from([4200, 5000]))
    def edit(self, order: str, amount: int) -> None:
        items = [{"name": "Thing", "unitAmount": {"amountMinor": amount, "currency": "EUR"}}]
        self.shop.ask(ORDER_UPDATE, input={"orderId": order, "items": items})

    @rule(order=consumes(orders))
    def cancel(self, order: str) -> None:
        self.shop.ask(ORDER_CANCEL, input={"orderId": order})

    @rule(action=st.sampled_from(["drop", "duplicate", "hold"]), number=st.integers(1, 6))
    def disturb(self, action: str, number: int) -> None:
        more = {"copies": 2} if action == "duplicate" else {}
        self.town.sandbox("POST", "/webhooks/rules", action=action, next=number, **more)

    @rule(seed=st.integers(0, 99))
    def release(self, seed: int) -> None:
        self.town.sandbox("POST", "/webhooks/release", order="shuffled", seed=seed)

    @rule(when=st.sampled_from(["before", "after"]))
    def stumble(self, when: str) -> None:
        self.town.sandbox("POST", "/faults", kind="reset", method="POST", when=when, next=1, stored=False)

    @rule(order=orders)
    def ask_the_psp(self, order: str) -> None:
        for payment in self.payments(order):
            self.shop.sync(payment["id"])

    @rule()
    def sweep(self) -> None:
        self.town.sweep(timedelta(minutes=5))

    @invariant()
    def the_invariants_hold(self) -> None:
        url = self.town.house.settings.database_url
        invariants.check(url, merchant_id=self.shop.merchant_id, settled=False)

    def teardown(self) -> None:
        """All that was held comes at last, in any order; what was lost is learned by asking."""
        self.town.quiet()
        self.town.sandbox("POST", "/webhooks/release", order="shuffled", seed=1)
        self.town.settle()
        for _ in range(2):
            self.town.sweep(timedelta(hours=1))
            self.town.settle()
        for order in self.shop.ask("{ orders(first: 100) { nodes { payments { id } } } }")["orders"]["nodes"]:
            for payment in order["payments"]:
                self.shop.sync(payment["id"])
        url = self.town.house.settings.database_url
        invariants.check(url, self.town.sandbox_url, merchant_id=self.shop.merchant_id, settled=False)

    def do(self, mutation: str, given: dict[str, Any]) -> None:
        """Whatever comes of it: a refusal is as good as a success, an internal error is not."""
        self.shop.ask(mutation, input=given | {"idempotencyKey": os.urandom(8).hex()})

    def payments(self, order: str) -> list[Any]:
        found = self.shop.ask(
            "query ($id: ID!) { order(id: $id) { payments { id status token disputes { id } } } }", id=order
        )
        return [payment for payment in found["order"]["payments"] if payment["token"]]


def euros(amount_minor: int | None) -> dict[str, Any] | None:
    return {"amountMinor": amount_minor, "currency": "EUR"} if amount_minor else None


@pytest.fixture
def stories(town: Town) -> Iterator[type[Story]]:
    Story.town = town
    yield Story
    town.quiet()


@pytest.mark.timeout(600)
def test_any_story_keeps_the_invariants_and_ends_in_the_psps_truth(stories: type[Story]) -> None:
    run_state_machine_as_test(
        stories,
        settings=settings(
            max_examples=STORIES,
            stateful_step_count=14,
            deadline=None,
            derandomize=bool(os.environ.get("CI")),
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
