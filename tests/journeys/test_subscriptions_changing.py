"""preview -> change -> the invoice has the preview's numbers; cancel, pause, resume, and what may not be done"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.subscriptions.writing import lock
from kit.database.unit import Unit, unit_of_work
from tests import subscribing
from tests.subscribing import act, advance, done, entitlements, settled
from tests.town import Shop, Town, eventually
from tests.unchanged import told

TEN_DAYS = 10


def preview(shop: Shop, subscription: Any, **target: Any) -> Any:
    given = {"subscriptionId": subscription["id"], **target}
    payload = shop.ask(subscribing.PREVIEW, input=given)["subscriptionChangePreview"]
    assert payload["userErrors"] == [], payload
    return payload["preview"]


def numbers(shown: Any) -> Any:
    lines = [(line["amount"]["amountMinor"], line["proration"], line["periodStart"]) for line in shown["lines"]]
    return lines, *(shown[name]["amountMinor"] for name in ("subtotal", "tax", "total", "amountDue"))


@pytest.mark.parametrize(("amount", "currency"), [(4900, "EUR"), (500, "EUR"), (4901, "JPY"), (4901, "ISK")])
def test_a_change_is_invoiced_with_the_numbers_of_its_preview(
    town: Town, shop: Shop, amount: int, currency: str
) -> None:
    small = subscribing.plan(shop, 1900, currency)
    other = subscribing.plan(shop, amount, currency, name="Everything", features=["courses", "coaching"])
    active = subscribing.subscribe(shop, small["id"])
    advance(shop, active, days=TEN_DAYS)
    shown = preview(shop, active, planId=other["id"])
    assert len(shown["lines"]) == 2
    advance(shop, active, seconds=3600)
    changed = done(
        shop,
        "subscriptionChange",
        subscriptionId=active["id"],
        planId=other["id"],
        prorationDate=shown["prorationDate"],
    )
    assert (changed["status"], changed["plan"]["id"]) == ("ACTIVE", other["id"])
    found = settled(shop, active["id"], "ACTIVE")
    invoice = found["invoices"][-1]
    assert (invoice["status"], invoice["reason"]) == ("PAID", "CHANGE")
    assert numbers(invoice) == numbers(shown)
    assert invoice["balanceAfter"]["amountMinor"] == min(shown["total"]["amountMinor"], 0)
    assert entitlements(shop, active["customerId"]) == {"courses": 1, "coaching": 1}
    assert (invoice["order"] is None) == (amount < 1900)


@pytest.mark.parametrize("currency", ["KWD", "ISK", "EUR"])
def test_what_a_change_cost_can_be_given_back_whole(town: Town, shop: Shop, currency: str) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop, 19000, currency)["id"])
    advance(shop, active, seconds=TEN_DAYS * 86_400 + 12_345)
    dearer = subscribing.plan(shop, 49010, currency)
    done(shop, "subscriptionChange", subscriptionId=active["id"], planId=dearer["id"])
    invoice = settled(shop, active["id"], "ACTIVE")["invoices"][-1]
    assert sum(line["amount"]["amountMinor"] for line in invoice["lines"]) == invoice["total"]["amountMinor"]
    (payment,) = shop.find_order(invoice["order"]["id"])["payments"]
    given = {"paymentId": payment["id"], "reason": "REQUESTED_BY_CUSTOMER", "idempotencyKey": "whole"}
    refund = "mutation ($input: RefundCreateInput!) { refundCreate(input: $input) { userErrors { code message } } }"
    assert shop.ask(refund, input=given)["refundCreate"]["userErrors"] == []
    eventually(lambda: shop.find_payment(payment["id"])["refunded"] == payment["amount"])


@pytest.mark.parametrize("inclusive", [False, True])
def test_taxes_are_shown_as_the_psp_gives_them_and_paid_with_the_invoice(
    town: Town, shop: Shop, inclusive: bool
) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop, 1900)["id"])
    payer = subscribing.payer(shop, active)
    town.sandbox("POST", f"/customers/{payer}/tax", percent=19, inclusive=inclusive)
    advance(shop, active, renew=True)
    renewal = eventually(
        lambda: settled(shop, active["id"], "ACTIVE")["invoices"][-1], lambda found: found["reason"] == "RENEWAL"
    )
    tax, total = (303, 1900) if inclusive else (361, 2261)
    sums = [renewal[name]["amountMinor"] for name in ("subtotal", "tax", "total", "amountPaid")]
    assert sums == [1900, tax, total, total]
    order = shop.find_order(renewal["order"]["id"])
    assert (order["status"], order["total"]["amountMinor"]) == ("PAID", total)
    assert sum(item["amount"]["amountMinor"] for item in order["items"]) == total
    dearer = subscribing.plan(shop, 4900)
    shown = preview(shop, active, planId=dearer["id"])
    done(
        shop,
        "subscriptionChange",
        subscriptionId=active["id"],
        planId=dearer["id"],
        prorationDate=shown["prorationDate"],
    )
    assert numbers(settled(shop, active["id"], "ACTIVE")["invoices"][-1]) == numbers(shown)
    page = town.http.get(renewal["pageUrl"]).text
    assert ("Taxes included" in page, "Before taxes" in page) == (inclusive, not inclusive)
    assert ("3.03" if inclusive else "3.61") in page


def test_a_credit_of_a_downgrade_pays_for_what_comes_next(town: Town, shop: Shop) -> None:
    large, small = subscribing.plan(shop, 9000), subscribing.plan(shop, 1000)
    active = subscribing.subscribe(shop, large["id"])
    advance(shop, active, days=TEN_DAYS)
    done(shop, "subscriptionChange", subscriptionId=active["id"], planId=small["id"])
    credit = settled(shop, active["id"], "ACTIVE")["invoices"][-1]
    assert credit["total"]["amountMinor"] < 0
    assert credit["balanceAfter"]["amountMinor"] == credit["total"]["amountMinor"]
    advance(shop, active, renew=True)
    eventually(lambda: len(subscribing.find(shop, active["id"])["invoices"]) == 3)
    renewal = subscribing.find(shop, active["id"])["invoices"][-1]
    assert (renewal["status"], renewal["total"]["amountMinor"], renewal["amountDue"]["amountMinor"]) == (
        "PAID",
        1000,
        0,
    )
    assert renewal["order"] is None


def test_seats_are_added_and_taken_away_with_what_they_give(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop, 500, perSeat=True)
    active = subscribing.subscribe(shop, plan["id"], quantity=3)
    assert entitlements(shop, active["customerId"]) == {"courses": 3}
    more = done(shop, "subscriptionChange", subscriptionId=active["id"], quantity=5)
    assert more["quantity"] == 5
    assert entitlements(shop, active["customerId"]) == {"courses": 5}
    later = done(shop, "subscriptionChange", subscriptionId=active["id"], quantity=2, proration="NEXT_INVOICE")
    assert later["quantity"] == 2
    advance(shop, active, renew=True)
    eventually(lambda: subscribing.find(shop, active["id"])["invoices"][-1]["reason"] == "RENEWAL")
    assert any(line["proration"] for line in subscribing.find(shop, active["id"])["invoices"][-1]["lines"])


def test_a_change_whose_price_is_declined_changes_nothing(town: Town, shop: Shop) -> None:
    small, large = subscribing.plan(shop, 1900), subscribing.plan(shop, 9900, features=["all"])
    active = subscribing.subscribe(shop, small["id"])
    subscribing.decline(shop, active, "insufficient_funds")
    refused = act(shop, "subscriptionChange", subscriptionId=active["id"], planId=large["id"])
    assert told(refused) == [("PAYMENT_DECLINED", "")]
    town.settle()
    found = settled(shop, active["id"], "ACTIVE")
    assert found["plan"]["id"] == small["id"]
    assert [invoice["status"] for invoice in found["invoices"] if invoice["status"] != "VOID"] == ["PAID"]
    assert entitlements(shop, active["customerId"]) == {"courses": 1}


def test_a_change_that_is_asked_for_twenty_times_at_once_is_done_once_and_answered_the_same(
    town: Town, shop: Shop
) -> None:
    small, large = subscribing.plan(shop, 1900), subscribing.plan(shop, 4900)
    active = subscribing.subscribe(shop, small["id"])
    given = {"idempotencyKey": "large", "subscriptionId": active["id"], "planId": large["id"]}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: act(shop, "subscriptionChange", **given), range(20)))
    assert [(told(answer), answer["subscription"]["plan"]["id"]) for answer in answers] == [([], large["id"])] * 20
    town.settle()
    found = settled(shop, active["id"], "ACTIVE")
    assert [invoice["reason"] for invoice in found["invoices"]] == ["START", "CHANGE"]
    assert subscribing.types(shop, active["id"]).count("subscription.changed") == 1


@pytest.mark.postgres
def test_a_subscription_whose_price_changes_while_somebody_waits_for_it_is_found(town: Town, shop: Shop) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop, 1900)["id"])
    other = subscribing.plan(shop, 4900)["price"]["id"]
    assert town.call(changed_under_lock(active["id"], other)) == other


async def changed_under_lock(subscription_id: str, price_id: str) -> str:
    """The price that is found by one who waited for the lock while the price was changed."""
    held = asyncio.Event()
    blocked = "SELECT 1 AS n FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"

    async def change(unit: Unit) -> None:
        await lock(unit, "id", subscription_id)
        held.set()
        while not await unit.fetch(blocked):
            await asyncio.sleep(0.01)
        await unit.execute("UPDATE subscriptions SET price_id = $2 WHERE id = $1", subscription_id, price_id)

    async def wait() -> str:
        await held.wait()
        found = await unit_of_work(lambda unit: lock(unit, "id", subscription_id))
        assert found is not None
        return str(found["price_id"])

    return (await asyncio.gather(unit_of_work(change), wait()))[1]


def test_a_cancelation_with_the_period_can_be_taken_back(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop)
    active = subscribing.subscribe(shop, plan["id"])
    ending = done(shop, "subscriptionCancel", subscriptionId=active["id"])
    assert (ending["status"], ending["cancelAtPeriodEnd"]) == ("ACTIVE", True)
    kept = done(shop, "subscriptionResume", subscriptionId=active["id"])
    assert (kept["status"], kept["cancelAtPeriodEnd"], kept["cancelAt"]) == ("ACTIVE", False, None)
    done(shop, "subscriptionCancel", subscriptionId=active["id"])
    advance(shop, active, days=32)
    ended = settled(shop, active["id"], "CANCELED")
    assert len(ended["invoices"]) == 1
    assert entitlements(shop, active["customerId"]) == {}
    told = subscribing.types(shop, active["id"])
    assert [kind for kind in told if "cancel" in kind] == [
        "subscription.cancel_scheduled",
        "subscription.cancel_withdrawn",
        "subscription.cancel_scheduled",
        "subscription.canceled",
    ]


def test_canceling_now_ends_what_it_gives_at_once_and_twice_is_once(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop)
    active = subscribing.subscribe(shop, plan["id"])
    key = {"idempotencyKey": str(uuid4()), "subscriptionId": active["id"], "when": "NOW"}
    assert done(shop, "subscriptionCancel", **key)["status"] == "CANCELED"
    assert done(shop, "subscriptionCancel", **key)["status"] == "CANCELED"
    assert len(town.calls("DELETE", f"/v1/subscriptions/{active['token']}")) == 1
    assert entitlements(shop, active["customerId"]) == {}
    for name in ("subscriptionCancel", "subscriptionPause", "subscriptionResume", "subscriptionChange"):
        assert told(act(shop, name, subscriptionId=active["id"])) == [("SUBSCRIPTION_ENDED", "subscriptionId")]


def test_a_paused_customer_pays_nothing_and_may_use_nothing_until_resumed(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop)
    active = subscribing.subscribe(shop, plan["id"])
    paused = done(shop, "subscriptionPause", subscriptionId=active["id"])
    assert paused["status"] == "PAUSED"
    assert entitlements(shop, active["customerId"]) == {}
    advance(shop, active, renew=True)
    town.settle()
    found = subscribing.find(shop, active["id"])
    assert found["status"] == "PAUSED"
    assert sum(invoice["amountPaid"]["amountMinor"] for invoice in found["invoices"]) == 1900
    assert told(act(shop, "subscriptionPause", subscriptionId=active["id"])) == [
        ("SUBSCRIPTION_PAUSED", "subscriptionId")
    ]
    resumed = done(shop, "subscriptionResume", subscriptionId=active["id"])
    assert resumed["status"] == "ACTIVE"
    assert entitlements(shop, active["customerId"]) == {"courses": 1}
    advance(shop, active, renew=True)
    eventually(lambda: subscribing.find(shop, active["id"])["invoices"][-1]["order"] is not None)


def test_a_pause_ends_by_itself(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop)
    active = subscribing.subscribe(shop, plan["id"])
    until = datetime.fromisoformat(active["currentPeriodStart"]) + timedelta(days=9)
    paused = done(shop, "subscriptionPause", subscriptionId=active["id"], until=until.isoformat())
    assert datetime.fromisoformat(paused["pausedUntil"]) == until
    advance(shop, active, days=TEN_DAYS)
    assert settled(shop, active["id"], "ACTIVE")["pausedUntil"] is None


def test_a_trial_costs_nothing_and_then_it_does(town: Town, shop: Shop) -> None:
    plan = subscribing.plan(shop, 1900, trialDays=14, setupFee={"amountMinor": 500, "currency": "EUR"})
    trial = subscribing.subscribe(shop, plan["id"])
    assert trial["status"] == "TRIALING"
    assert [invoice["amountPaid"]["amountMinor"] for invoice in trial["invoices"]] == [500]
    assert entitlements(shop, trial["customerId"]) == {"courses": 1}
    advance(shop, trial, days=12)
    eventually(lambda: subscribing.types(shop, trial["id"]).count("subscription.trial_ending") == 1)
    advance(shop, trial, days=3)
    paid = settled(shop, trial["id"], "ACTIVE")
    eventually(lambda: len(subscribing.find(shop, trial["id"])["invoices"]) == 2)
    assert subscribing.find(shop, trial["id"])["invoices"][-1]["amountPaid"]["amountMinor"] == 1900
    assert paid["trialEnd"] == paid["currentPeriodStart"]
