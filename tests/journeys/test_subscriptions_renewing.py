"""a period ends -> the PSP invoices and collects -> order, payment, books; or fails, is chased, and ends by policy"""

import re
from datetime import datetime
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
    (owed,) = [each for each in subscribing.psp(shop, "/invoices", customer=subscribing.payer(shop, active))["data"]][
        :1
    ]
    town.sandbox("POST", f"/invoices/{owed['id']}/pay")
    right = settled(shop, active["id"], "ACTIVE")
    assert right["nextAction"] is None
    assert collected(shop, active) == [1900, 1900]


def test_another_card_left_in_the_portal_pays_what_a_failing_one_did_not(town: Town, shop: Shop) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop, 1900)["id"])
    subscribing.decline(shop, active, "insufficient_funds")
    advance(shop, active, renew=True)
    settled(shop, active["id"], "PAST_DUE")
    opened = shop.ask(subscribing.METHOD_UPDATE, input={"subscriptionId": active["id"]})["subscriptionMethodUpdate"]
    assert opened["userErrors"] == []
    session = re.search(r"bps_[0-9A-Za-z]+", opened["url"])
    assert session
    town.sandbox("POST", f"/portal_sessions/{session[0]}/save", card="5555555555554444")
    advance(shop, active, days=8)
    settled(shop, active["id"], "ACTIVE")
    assert collected(shop, active) == [1900, 1900]


ANCHORS = {
    "the 31st": ("2027-01-31T12:00:00Z", "MONTH", 1, ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]),
    "the 30th before a leap day": ("2027-12-30T23:30:00Z", "MONTH", 1, ["2028-01-30", "2028-02-29", "2028-03-30"]),
    "a leap day, by the year": ("2028-02-29T00:00:00Z", "YEAR", 1, ["2029-02-28", "2030-02-28"]),
    "a quarter from the 30th of November": ("2026-11-30T08:00:00Z", "MONTH", 3, ["2027-02-28", "2027-05-30"]),
    "weeks over a change of the clocks": ("2027-03-24T01:30:00Z", "WEEK", 1, ["2027-03-31", "2027-04-07"]),
    "ten days over a year's end": ("2026-12-25T23:59:59Z", "DAY", 10, ["2027-01-04", "2027-01-14"]),
}


@pytest.mark.parametrize("case", ANCHORS)
def test_periods_end_on_the_right_day_at_the_same_time_of_day(town: Town, shop: Shop, case: str) -> None:
    begins, interval, count, ends = ANCHORS[case]
    plan = subscribing.plan(shop, 1900, interval=interval, intervalCount=count)
    begun = subscribing.start(shop, plan["id"])
    customer = subscribing.psp(shop, f"/checkout/sessions/{begun['token']}")["customer"]
    moment = datetime.fromisoformat(begins)
    town.sandbox("POST", f"/customers/{customer}/advance", to=int(moment.timestamp()))
    shop.pay(begun)
    active = settled(shop, begun["id"], "ACTIVE")
    for _ in ends[1:]:
        advance(shop, active, renew=True)
    found = eventually(
        lambda: subscribing.find(shop, active["id"])["invoices"], lambda invoices: len(invoices) == len(ends)
    )
    assert [invoice["periodEnd"] for invoice in found] == [f"{end}T{moment:%H:%M:%S}+00:00" for end in ends]


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


@pytest.mark.parametrize("currency", ["JPY", "KWD", "ISK"])
def test_currencies_with_other_minor_units_renew_as_exactly(town: Town, shop: Shop, currency: str) -> None:
    plan = subscribing.plan(shop, 19000, currency)
    active = subscribing.subscribe(shop, plan["id"])
    advance(shop, active, renew=True)
    eventually(lambda: collected(shop, active) == [19000, 19000])
