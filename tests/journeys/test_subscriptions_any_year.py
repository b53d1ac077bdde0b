"""any year of subscribing, changing, failing and ending, with webhooks lost and shuffled -> after each step we agree
with the PSP on subscriptions, invoices, payments, books and entitlements"""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from gateways.stripe.currencies import from_wire
from tests import invariants, subscribing
from tests.town import Shop, Town, eventually

YEARS = int(os.environ.get("STORIES", "6"))
ENTITLED = {"TRIALING", "ACTIVE", "PAST_DUE"}
PRICES = (1900, 4900, 701)


class Year(RuleBasedStateMachine):
    """A merchant with three plans, and a PSP whose messages come as they please."""

    town: Town
    subscriptions: Bundle[str] = Bundle("subscriptions")

    def __init__(self) -> None:
        super().__init__()
        self.town.quiet()
        self.shop: Shop = self.town.merchant()
        self.plans = [
            subscribing.plan(self.shop, price, perSeat=True, trialDays=7 * (number % 2), features=["all", f"f{number}"])
            for number, price in enumerate(PRICES)
        ]
        self.begun: dict[str, Any] = {}
        self.lossy = False

    @precondition(lambda self: len(self.begun) < 3)
    @rule(target=subscriptions, plan=st.integers(0, 2), quantity=st.integers(1, 3), who=st.sampled_from("ab"))
    def subscribe(self, plan: int, quantity: int, who: str) -> str:
        begun = subscribing.start(self.shop, self.plans[plan]["id"], f"{who}@example.com", quantity=quantity)
        self.shop.pay(begun)
        self.begun[begun["id"]] = begun
        return str(begun["id"])

    @rule(which=subscriptions, days=st.sampled_from([1, 4, 12, 33]))
    def let_time_pass(self, which: str, days: int) -> None:
        self.control(which, "advance", days=days)

    @rule(which=subscriptions, code=st.sampled_from([None, "insufficient_funds", "authentication_required"]))
    def change_the_banks_mind(self, which: str, code: str | None) -> None:
        self.control(which, "decline", code=code)

    @rule(
        which=subscriptions,
        plan=st.sampled_from([None, 0, 1, 2]),
        quantity=st.sampled_from([None, 1, 2, 5]),
        proration=st.sampled_from(["NOW", "NEXT_INVOICE", "NONE"]),
    )
    def change(self, which: str, plan: int | None, quantity: int | None, proration: str) -> None:
        plan_id = None if plan is None else self.plans[plan]["id"]
        self.do("subscriptionChange", which, planId=plan_id, quantity=quantity, proration=proration)

    @rule(which=subscriptions, when=st.sampled_from(["NOW", "PERIOD_END", "PERIOD_END"]))
    def cancel(self, which: str, when: str) -> None:
        self.do("subscriptionCancel", which, when=when)

    @rule(which=subscriptions)
    def pause(self, which: str) -> None:
        self.do("subscriptionPause", which)

    @rule(which=subscriptions)
    def resume(self, which: str) -> None:
        self.do("subscriptionResume", which)

    @rule(action=st.sampled_from(["drop", "duplicate", "hold"]), number=st.integers(1, 12))
    def disturb(self, action: str, number: int) -> None:
        more = {"copies": 2} if action == "duplicate" else {}
        self.town.sandbox("POST", "/webhooks/rules", action=action, next=number, **more)
        self.lossy |= action != "duplicate"

    @rule(seed=st.integers(0, 99))
    def release(self, seed: int) -> None:
        self.town.sandbox("POST", "/webhooks/release", order="shuffled", seed=seed)

    @invariant()
    def we_agree_with_the_psp(self) -> None:
        if self.lossy:
            for begun in self.begun.values():
                subscribing.sweep(self.shop, begun)
        eventually(self.differences, lambda found: not found, timeout=20)
        url = self.town.house.settings.database_url
        invariants.check(url, merchant_id=self.shop.merchant_id, settled=False)

    def differences(self) -> list[str]:
        found: list[str] = []
        given: dict[str, Counter[str]] = {}
        for subscription_id in self.begun:
            ours = subscribing.find(self.shop, subscription_id)
            if ours["token"].startswith("cs_"):
                found.append(f"{subscription_id} is not known to have begun")
                continue
            theirs = subscribing.psp(self.shop, f"/subscriptions/{ours['token']}")
            found += _compared(ours, theirs)
            found += self._compared_invoices(ours)
            features = given.setdefault(ours["customerId"], Counter())
            if _status(theirs) in ENTITLED:
                features.update(dict.fromkeys(_features(self.plans, ours), theirs["items"]["data"][0]["quantity"]))
        for customer_id, features in given.items():
            if (known := subscribing.entitlements(self.shop, customer_id)) != +features:
                found.append(f"{customer_id} may use {known}, should {dict(features)}")
        return found

    def _compared_invoices(self, ours: Any) -> list[str]:
        asked = {"subscription": ours["token"], "limit": 100, "expand[]": "data.payments"}
        theirs = {
            each["number"]: each
            for each in subscribing.psp(self.shop, "/invoices", **asked)["data"]
            if each["status"] != "draft"
        }
        known = {each["number"]: each for each in ours["invoices"]}
        if known.keys() != theirs.keys():
            return [f"{ours['id']} has the invoices {sorted(known)}, should have {sorted(theirs)}"]
        found = [f"{number}: {told}" for number, each in theirs.items() for told in _billed(known[number], each)]
        orders = [each["order"]["id"] for each in known.values() if each["order"]]
        if len(orders) != len(set(orders)):
            found.append(f"{ours['id']} has orders that several invoices pay: {orders}")
        return found + [told for number, each in theirs.items() for told in self._compared_money(known[number], each)]

    def _compared_money(self, known: Any, invoice: Any) -> list[str]:
        paid = [payment["amount_paid"] for payment in invoice["payments"]["data"] if payment["status"] == "paid"]
        order = self.shop.find_order(known["order"]["id"]) if known["order"] else {"payments": []}
        taken = [
            (payment["type"], payment["captured"]["amountMinor"], payment["refunded"]["amountMinor"])
            for payment in order["payments"]
        ]
        wanted = [("RECC", from_wire(amount, invoice["currency"]), 0) for amount in paid]
        return [f"{known['number']} was paid by {taken}, should by {wanted}"] if taken != wanted else []

    def control(self, which: str, name: str, **how: Any) -> None:
        found = subscribing.find(self.shop, which)
        token = found["token"]
        path = f"/checkout/sessions/{token}" if token.startswith("cs_") else f"/subscriptions/{token}"
        customer = subscribing.psp(self.shop, path)["customer"]
        self.town.sandbox("POST", f"/customers/{customer}/{name}", **how)

    def do(self, name: str, which: str, **given: Any) -> None:
        """Whatever comes of it: a refusal is as good as a success, an internal error is not."""
        subscribing.act(self.shop, name, subscriptionId=which, idempotencyKey=str(uuid4()), **given)

    def teardown(self) -> None:
        self.town.quiet()


def _status(theirs: Any) -> str:
    paused = theirs["pause_collection"] and theirs["status"] in {"trialing", "active", "past_due"}
    return "PAUSED" if paused else str(theirs["status"]).upper()


def _features(plans: list[Any], ours: Any) -> list[str]:
    return list(next(plan for plan in plans if plan["id"] == ours["planId"])["price"]["features"])


def _compared(ours: Any, theirs: Any) -> list[str]:
    item = theirs["items"]["data"][0]
    wanted = {
        "status": _status(theirs),
        "quantity": item["quantity"],
        "currentPeriodStart": _time(item["current_period_start"]),
        "currentPeriodEnd": _time(item["current_period_end"]),
        "cancelAtPeriodEnd": theirs["cancel_at_period_end"],
        "endedAt": _time(theirs["ended_at"]),
    }
    amount = ours["price"]["amount"]["amountMinor"]
    found = [f"{ours['id']}: {name} is {ours[name]}, should be {value}" for name, value in wanted.items()]
    found = [told for told, (name, value) in zip(found, wanted.items(), strict=True) if ours[name] != value]
    return found if amount == item["price"]["unit_amount"] else [*found, f"{ours['id']}: the price is {amount}"]


def _billed(known: Any, theirs: Any) -> Iterator[str]:
    wanted = {
        "status": theirs["status"].upper(),
        "attemptCount": theirs["attempt_count"],
        "nextAttemptAt": _time(theirs["next_payment_attempt"]) if theirs["status"] == "open" else None,
    }
    amounts = {"subtotal": "subtotal", "total": "total", "amountDue": "amount_due", "amountPaid": "amount_paid"}
    for name, value in wanted.items():
        if known[name] != value:
            yield f"{name} is {known[name]}, should be {value}"
    for name, field in amounts.items():
        if known[name]["amountMinor"] != theirs[field]:
            yield f"{name} is {known[name]['amountMinor']}, should be {theirs[field]}"
    if sum(line["amount"]["amountMinor"] for line in known["lines"]) != theirs["subtotal"]:
        yield "its rows do not add up"


def _time(seconds: int | None) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else None


@pytest.fixture
def years(town: Town) -> Iterator[type[Year]]:
    Year.town = town
    yield Year
    town.quiet()


@pytest.mark.timeout(900)
def test_any_year_agrees_with_the_psp_at_every_step(years: type[Year]) -> None:
    run_state_machine_as_test(
        years,
        settings=settings(
            max_examples=YEARS,
            stateful_step_count=16,
            deadline=None,
            derandomize=bool(os.environ.get("CI")),
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
