"""a period ends -> the PSP invoices and collects -> order, payment, books; or fails, is chased, and ends by policy"""

from typing import Any

import pytest

from tests import subscribing
from tests.subscribing import advance, entitlements, settled
from tests.town import Shop, Town, eventually


def collected(shop: Shop, subscription: Any) -> list[int]:
    """What each invoice brought, in minor units."""
    return [invoice["amountPaid"]["amountMinor"] for invoice in subscribing.find(shop, subscription["id"])["invoices"]]


def test_three_renewals_are_three_orders_with_a_payment_each(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop, 1900)
    active = subscribing.subscribe(shop, plan["id"])
    for number in range(2, 5):
        advance(shop, active, renew=True)
        eventually(lambda count=number: len(collected(shop, active)) == count)
    found = settled(shop, active["id"], "ACTIVE")
    orders = [shop.find_order(invoice["order"]["id"]) for invoice in found["invoices"]]
    assert [invoice["reason"] for invoice in found["invoices"]] == ["START", "RENEWAL", "RENEWAL", "RENEWAL"]
    assert [order["status"] for order in orders] == ["PAID"] * 4
    assert [[payment["type"] for payment in order["payments"]] for order in orders] == [["RECC"]] * 4
    starts = [invoice["periodStart"] for invoice in found["invoices"]]
    ends = [invoice["periodEnd"] for invoice in found["invoices"]]
    assert starts[1:] == ends[:-1]
    assert len({order["id"] for order in orders}) == 4
    assert entitlements(shop, active["customerId"]) == {"courses": 1}
    told = subscribing.types(shop, active["id"])
    assert told.count("subscription.renewed") == 3
    assert told.count("invoice.paid") == 4
    assert told.count("entitlement.granted") == 1


def test_a_renewal_that_fails_is_chased_and_comes_right(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop, 1900)
    active = subscribing.subscribe(shop, plan["id"])
    subscribing.decline(shop, active, "insufficient_funds")
    advance(shop, active, renew=True)
    late = settled(shop, active["id"], "PAST_DUE")
    owed = late["invoices"][-1]
    assert (owed["status"], owed["attemptCount"], owed["order"]) == ("OPEN", 1, None)
    assert owed["nextAttemptAt"] is not None
    assert late["nextAttemptAt"] == owed["nextAttemptAt"]
    assert late["nextAction"] == {"type": "pay", "url": owed["paymentUrl"]}
    assert entitlements(shop, active["customerId"]) == {"courses": 1}

    subscribing.decline(shop, active, None)
    advance(shop, active, days=8)
    right = settled(shop, active["id"], "ACTIVE")
    paid = right["invoices"][-1]
    assert (paid["status"], paid["order"]["status"], paid["nextAttemptAt"]) == ("PAID", "PAID", None)
    assert right["nextAction"] is None


def test_a_renewal_that_fails_for_good_ends_it_and_what_it_gave(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop, 1900)
    active = subscribing.subscribe(shop, plan["id"])
    subscribing.decline(shop, active, "insufficient_funds")
    advance(shop, active, renew=True)
    advance(shop, active, days=40)
    ended = settled(shop, active["id"], "CANCELED")
    assert ended["endedAt"] is not None
    assert entitlements(shop, active["customerId"]) == {}
    assert collected(shop, active) == [1900, 0]
    assert subscribing.types(shop, active["id"]).count("entitlement.revoked") == 1
    assert {each["code"] for each in ended["actions"]} == {"SUBSCRIPTION_ENDED"}


def test_a_bank_that_asks_at_a_renewal_is_answered_on_the_invoices_page(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop, 1900)
    active = subscribing.subscribe(shop, plan["id"])
    subscribing.decline(shop, active, "authentication_required")
    advance(shop, active, renew=True)
    late = settled(shop, active["id"], "PAST_DUE")
    eventually(lambda: subscribing.find(shop, active["id"])["nextAction"]["type"] == "confirm")
    assert late["invoices"][-1]["paymentUrl"].startswith(town.sandbox_url)


def test_with_every_webhook_of_three_renewals_lost_reconciliation_brings_all(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop, 1900)
    active = subscribing.subscribe(shop, plan["id"])
    town.sandbox("POST", "/webhooks/rules", action="drop")
    for _ in range(3):
        advance(shop, active, renew=True)
    assert collected(shop, active) == [1900]
    subscribing.sweep(shop, active)
    assert collected(shop, active) == [1900] * 4
    assert settled(shop, active["id"], "ACTIVE")["currentPeriodEnd"] > active["currentPeriodEnd"]


@pytest.mark.parametrize("currency", ["JPY", "KWD"])
def test_currencies_with_other_minor_units_renew_as_exactly(town: Town, shop: Shop, currency: str) -> None:
    plan = subscribing.plan(shop, 19000, currency)
    active = subscribing.subscribe(shop, plan["id"])
    advance(shop, active, renew=True)
    eventually(lambda: collected(shop, active) == [19000, 19000])
