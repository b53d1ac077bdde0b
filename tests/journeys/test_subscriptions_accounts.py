"""what a change, a pause or an end leaves to be paid: nothing is lost, and nobody is credited what nobody paid"""

from typing import Any

import pytest

from tests import invariants, subscribing
from tests.journeys.test_subscriptions_changing import numbers, preview
from tests.subscribing import act, advance, decline, done, entitlements, settled
from tests.town import Shop, Town, eventually
from tests.unchanged import told

DAY = 86_400


def sums(subscription: Any) -> list[tuple[str, str, int]]:
    return [(each["reason"], each["status"], each["total"]["amountMinor"]) for each in subscription["invoices"]]


def found(shop: Shop, subscription: Any, count: int) -> Any:
    """The subscription once it has so many invoices, each of them settled."""
    return eventually(
        lambda: subscribing.find(shop, subscription["id"]),
        lambda seen: (
            len(seen["invoices"]) == count
            and all(each["order"] for each in seen["invoices"] if each["amountPaid"]["amountMinor"])
        ),
    )


def test_a_preview_is_exact_while_earlier_changes_wait_for_their_invoice(town: Town, shop: Shop) -> None:
    seats = subscribing.subscribe(shop, subscribing.plan(shop, 1900, perSeat=True)["id"], quantity=3)
    advance(shop, seats, days=5)
    done(shop, "subscriptionChange", subscriptionId=seats["id"], quantity=7, proration="NEXT_INVOICE")
    advance(shop, seats, days=10)
    shown = preview(shop, seats, quantity=10)
    advance(shop, seats, seconds=60)
    target = {"subscriptionId": seats["id"], "quantity": 10, "prorationDate": shown["prorationDate"]}
    done(shop, "subscriptionChange", **target)
    assert numbers(found(shop, seats, 2)["invoices"][-1]) == numbers(shown)


def test_an_invoice_of_many_rows_has_them_all(town: Town, shop: Shop) -> None:
    seats = subscribing.subscribe(shop, subscribing.plan(shop, 1900, perSeat=True)["id"], quantity=3)
    for number in range(7):
        advance(shop, seats, days=2)
        done(shop, "subscriptionChange", subscriptionId=seats["id"], quantity=4 + number, proration="NEXT_INVOICE")
    advance(shop, seats, renew=True)
    found(shop, seats, 2)
    subscribing.sweep(shop, seats)
    renewal = found(shop, seats, 2)["invoices"][-1]
    assert len(renewal["lines"]) == 15
    assert sum(line["amount"]["amountMinor"] for line in renewal["lines"]) == renewal["subtotal"]["amountMinor"]


def test_a_period_that_nobody_paid_is_not_credited(town: Town, shop: Shop) -> None:
    seats = subscribing.subscribe(shop, subscribing.plan(shop, 1000, perSeat=True)["id"], quantity=10)
    done(shop, "subscriptionPause", subscriptionId=seats["id"])
    advance(shop, seats, renew=True)
    assert sums(found(shop, seats, 2))[-1] == ("RENEWAL", "VOID", 10000)
    done(shop, "subscriptionResume", subscriptionId=seats["id"])
    advance(shop, seats, days=3)
    target = {"subscriptionId": seats["id"], "quantity": 1}
    for proration in ("NOW", "NEXT_INVOICE"):
        refused = act(shop, "subscriptionChange", **target, proration=proration)
        assert told(refused) == [("SUBSCRIPTION_UNPAID", "proration")]
    done(shop, "subscriptionChange", **target, proration="NONE")
    advance(shop, seats, renew=True)
    assert sums(found(shop, seats, 3))[-1] == ("RENEWAL", "PAID", 1000)
    done(shop, "subscriptionChange", subscriptionId=seats["id"], quantity=2)
    assert found(shop, seats, 4)["invoices"][-1]["status"] == "PAID"


@pytest.mark.parametrize("proration", ["NEXT_INVOICE", "NONE"])
def test_another_interval_is_paid_at_once_or_not_had(town: Town, shop: Shop, proration: str) -> None:
    yearly = subscribing.subscribe(shop, subscribing.plan(shop, 19000, interval="YEAR")["id"])
    monthly = subscribing.plan(shop, 1900)
    target = {"subscriptionId": yearly["id"], "planId": monthly["id"]}
    assert told(act(shop, "subscriptionChange", **target, proration=proration)) == [("INVALID", "proration")]
    done(shop, "subscriptionChange", **target)
    assert [each["proration"] for each in found(shop, yearly, 2)["invoices"][-1]["lines"]] == [True, False]


@pytest.mark.parametrize("when", ["NOW", "PERIOD_END"])
def test_what_waits_for_the_next_invoice_is_billed_when_it_ends(town: Town, shop: Shop, when: str) -> None:
    seats = subscribing.subscribe(shop, subscribing.plan(shop, 1000, perSeat=True)["id"])
    advance(shop, seats, days=2)
    done(shop, "subscriptionChange", subscriptionId=seats["id"], quantity=20, proration="NEXT_INVOICE")
    done(shop, "subscriptionCancel", subscriptionId=seats["id"], when=when)
    if when == "PERIOD_END":
        advance(shop, seats, renew=True)
    eventually(lambda: subscribing.find(shop, seats["id"])["status"] == "CANCELED")
    town.settle()
    subscribing.sweep(shop, seats)
    ended = found(shop, seats, 2)
    reason, status, total = sums(ended)[-1]
    assert (reason, status) == ("CHANGE", "PAID")
    assert 16_000 < total < 19_000
    first, last = (shop.find_order(each["order"]["id"]) for each in ended["invoices"])
    assert first["id"] != last["id"]
    assert [payment["refunds"] for payment in (*first["payments"], *last["payments"])] == [[], []]
    assert entitlements(shop, seats["customerId"]) == {}
    invariants.check(town.house.settings.database_url, town.sandbox_url, merchant_id=shop.merchant_id)


def test_a_pause_waits_until_what_is_owed_is_paid(town: Town, shop: Shop) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop)["id"])
    decline(shop, active, "insufficient_funds")
    advance(shop, active, renew=True)
    owing = settled(shop, active["id"], "PAST_DUE")
    assert {"name": "PAUSE", "enabled": False, "code": "SUBSCRIPTION_UNPAID"} in owing["actions"]
    refused = act(shop, "subscriptionPause", subscriptionId=active["id"])
    assert told(refused) == [("SUBSCRIPTION_UNPAID", "subscriptionId")]


def test_nobody_is_asked_for_the_invoice_of_what_has_ended(town: Town, shop: Shop) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop)["id"])
    decline(shop, active, "insufficient_funds")
    advance(shop, active, renew=True)
    owed = settled(shop, active["id"], "PAST_DUE")["invoices"][-1]
    assert "Pay now" in town.http.get(owed["pageUrl"]).text
    done(shop, "subscriptionCancel", subscriptionId=active["id"], when="NOW")
    ended = settled(shop, active["id"], "CANCELED")
    assert (ended["invoices"][-1]["status"], ended["invoices"][-1]["paymentUrl"]) == ("OPEN", None)
    assert "Pay now" not in town.http.get(owed["pageUrl"]).text


def test_too_little_to_collect_comes_with_the_next_invoice(town: Town, shop: Shop) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop, 1900)["id"])
    done(shop, "subscriptionChange", subscriptionId=active["id"], planId=subscribing.plan(shop, 1909)["id"])
    small = found(shop, active, 2)["invoices"][-1]
    assert (small["status"], small["amountDue"]["amountMinor"], small["balanceAfter"]["amountMinor"]) == ("PAID", 0, 9)
    shown = town.http.get(small["pageUrl"]).text
    assert "0.09" in shown
    assert "come with the next invoice" in shown
    advance(shop, active, renew=True)
    assert found(shop, active, 3)["invoices"][-1]["amountDue"]["amountMinor"] == 1918


def test_a_card_that_was_removed_is_not_charged(town: Town, shop: Shop) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop)["id"])
    method = subscribing.psp(shop, f"/subscriptions/{active['token']}")["default_payment_method"]
    headers = {"Authorization": "Bearer sk_test_town"}
    detached = town.http.post(f"{town.sandbox_url}/v1/payment_methods/{method}/detach", headers=headers)
    assert detached.status_code == 200, detached.text
    advance(shop, active, renew=True)
    owing = settled(shop, active["id"], "PAST_DUE")
    assert owing["nextAction"]["type"] == "pay"
